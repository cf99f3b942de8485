package report

import (
	"encoding/binary"
	"fmt"
	"strings"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/probe"
)

// Memory is bytes that were read from a process.
type Memory struct {
	Addr  addr.Addr
	Bytes []byte
	Asked addr.Bytes // how many were wanted; the rest could not be read
}

const dumpWord = 8 // of a pointer, and of a row of a dump

// dumpModel is the JSON form of a dump.
type dumpModel struct {
	Schema   int           `json:"schema"`
	PID      int           `json:"pid"`
	Addr     addr.Addr     `json:"addr"`
	Asked    addr.Bytes    `json:"asked"`
	Bytes    probe.Hex     `json:"bytes"`
	Pointers []dumpPointer `json:"pointers"`
}

// dumpPointer is a word of a dump that is the address of something mapped.
type dumpPointer struct {
	At      addr.Addr      `json:"at"`
	Value   addr.Addr      `json:"value"`
	Segment layout.Segment `json:"segment"`
	Name    string         `json:"name"`
	Symbol  *layout.Symbol `json:"symbol,omitempty"`
}

// Dump is bytes of proc, a word a row, with the words that are addresses of something
// marked and named. That a word is such an address does not make it a pointer: a
// number may be one by chance.
func Dump(proc Process, m Memory) Document {
	model := dumpModel{schema, proc.Space.PID, m.Addr, m.Asked, probe.Hex(m.Bytes), []dumpPointer{}}
	pointers := map[addr.Addr]dumpPointer{}
	from := m.Addr.Offset(dumpWord - 1).AlignDown(dumpWord)
	for at := from; at.Sub(m.Addr)+dumpWord <= addr.Bytes(len(m.Bytes)); at = at.Offset(dumpWord) {
		value := addr.Addr(binary.LittleEndian.Uint64(m.Bytes[at.Sub(m.Addr):]))
		if l := proc.locate(value); l.Place != nil {
			pointer := dumpPointer{at, value, l.Place.Part.Segment(), placeName(l), l.Place.Symbol}
			pointers[at] = pointer
			model.Pointers = append(model.Pointers, pointer)
		}
	}
	first := proc.locate(m.Addr)
	return Document{model, func(p *page) {
		p.add(text(fmt.Sprintf(" %s: %s from %v", spaceName(proc.Space), bytesOf(addr.Bytes(len(m.Bytes))), m.Addr)))
		p.prose(1, p.column(1), "The first byte "+headline(first)+".", faint)
		p.blank()
		for at := m.Addr.AlignDown(dumpWord); at.Sub(m.Addr.AlignDown(dumpWord)) < addr.Bytes(len(m.Bytes))+m.Addr.Sub(m.Addr.AlignDown(dumpWord)); at = at.Offset(dumpWord) {
			p.dumpRow(m, at, pointers[at])
		}
		if short := m.Asked - addr.Bytes(len(m.Bytes)); short > 0 {
			p.blank()
			p.prose(1, p.column(1), fmt.Sprintf("From %v on nothing can be read: %s of those asked for are missing.", m.Addr.Offset(addr.Bytes(len(m.Bytes))), bytesOf(short)), altered)
		}
		if len(pointers) > 0 {
			p.blank()
			p.prose(1, p.column(1), p.glyphs.to+" marks a word that is the address of something. A number may be one by chance.", faint)
		}
	}}
}

// dumpRow adds the row of the word at at; what of it was not asked for is blank.
func (p *page) dumpRow(m Memory, at addr.Addr, pointer dumpPointer) {
	var digits string
	letters := make([]byte, 0, dumpWord)
	for i := range addr.Bytes(dumpWord) {
		a := at.Offset(i)
		if a < m.Addr || a.Sub(m.Addr) >= addr.Bytes(len(m.Bytes)) {
			digits += "   "
			letters = append(letters, ' ')
			continue
		}
		b := m.Bytes[a.Sub(m.Addr)]
		digits += fmt.Sprintf(" %02x", b)
		if b < ' ' || b > '~' {
			b = '.'
		}
		letters = append(letters, b)
	}
	style := plain
	if pointer.Name != "" {
		style = current
	}
	row := join(styled(fmt.Sprintf(" %14v ", at), faint), styled(digits, style), text("  "+string(letters)))
	if pointer.Name == "" {
		p.add(row)
		return
	}
	p.listed(join(row, styled("  "+p.glyphs.to+" ", current)), pointer.Name)
}

// placeName says in short what lies at an address that is mapped.
func placeName(l located) string {
	switch {
	case l.Variable != "":
		return dotted(l.Frame, l.Variable, l.Field)
	case l.Block != nil:
		return fmt.Sprintf("heap block %v%s", l.Block.Addr, plus(l.Addr.Sub(l.Block.Addr)))
	case l.Frame != "":
		return "frame of " + l.Frame
	}
	place := l.Place
	name, from := escape(place.Part.Label), place.FromPart
	if place.Section != nil {
		name, from = escape(place.Section.Name), *place.FromSection
	}
	if y := place.Symbol; y != nil && y.Sized() {
		name, from = escape(y.Name), y.Offset
	}
	switch {
	case place.Part.Kind == layout.KindFile:
		name = escape(baseName(place.Part.Object))
	case place.Part.Object != "":
		name = escape(baseName(place.Part.Object)) + " " + name
	}
	if name == "anonymous" || name == "reserved" {
		name += " " + place.Part.Lo.String()
	}
	return name + plus(from)
}

func plus(n addr.Bytes) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("+%#x", uint64(n))
}

func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
