package report

import (
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

	Absent []layout.Absence // what of it the process has not used
}

// dumpAbsence is what of a dump is not in the process's memory.
type dumpAbsence struct {
	From   addr.Addr     `json:"from"`
	Size   addr.Bytes    `json:"size"`
	Source layout.Source `json:"source"`
	Why    string        `json:"why,omitempty"`
}

// dumpModel is the JSON form of a dump.
type dumpModel struct {
	Schema   int           `json:"schema"`
	PID      int           `json:"pid"`
	Addr     addr.Addr     `json:"addr"`
	Asked    addr.Bytes    `json:"asked"`
	Bytes    probe.Hex     `json:"bytes"`
	Pointers []dumpPointer `json:"pointers"`
	Absent   []dumpAbsence `json:"absent,omitempty"` // whose bytes are not in the process's memory
}

// dumpPointer is a word of a dump that is the address of something mapped.
type dumpPointer struct {
	At      addr.Addr      `json:"at"`
	Value   addr.Addr      `json:"value"`
	Segment layout.Segment `json:"segment"`
	Name    string         `json:"name"`
	Symbol  *layout.Symbol `json:"symbol,omitempty"`

	words, short string // the name for a reader, and where there is little room
}

// Dump is bytes of proc, a word a row, with the words that are addresses of something
// marked and named. That a word is such an address does not make it a pointer: a
// number may be one by chance.
func Dump(proc Process, m Memory) Document {
	model := dumpModel{schema, proc.Space.PID, m.Addr, m.Asked, probe.Hex(m.Bytes), []dumpPointer{}, nil}
	for _, a := range m.Absent {
		absence := dumpAbsence{a.Lo, a.Size(), a.Source, ""}
		if a.Err != nil {
			absence.Why = a.Err.Error()
		}
		model.Absent = append(model.Absent, absence)
	}
	pointers := map[addr.Addr]dumpPointer{}
	word := proc.Space.WordSize()
	for at := m.Addr.Offset(word - 1).AlignDown(word); at.Sub(m.Addr)+word <= addr.Bytes(len(m.Bytes)); at = at.Offset(word) {
		value := layout.Word(m.Bytes[at.Sub(m.Addr):][:word])
		if l := proc.locate(value); l.Place != nil {
			name, _ := placeName(l, escape)
			words, short := placeName(l, brief)
			pointers[at] = dumpPointer{at, value, l.Place.Part.Segment(), name, l.Place.Symbol, words, short}
			model.Pointers = append(model.Pointers, pointers[at])
		}
	}
	first := proc.locate(m.Addr)
	return Document{model, func(p *page) {
		p.add(text(fmt.Sprintf(" %s: %s from %v", spaceName(proc.Space), bytesOf(addr.Bytes(len(m.Bytes))), m.Addr)))
		p.prose(1, p.column(1), "The first byte "+headline(first)+".", faint)
		p.blank()
		from := m.Addr.AlignDown(word)
		for at := from; at.Sub(from) < addr.Bytes(len(m.Bytes))+m.Addr.Sub(from); at = at.Offset(word) {
			if next := p.absentRow(m, at, word); next != at {
				at = next - addr.Addr(word)
				continue
			}
			p.dumpRow(m, at, word, pointers[at])
		}
		if short := m.Asked - addr.Bytes(len(m.Bytes)); short > 0 {
			p.blank()
			p.prose(1, p.column(1), fmt.Sprintf("From %v on nothing can be read: %s of those asked for %s missing.", m.Addr.Offset(addr.Bytes(len(m.Bytes))), bytesOf(short), isOrAre(short)), altered)
		}
		for _, a := range m.Absent {
			if a.Source == layout.FromFile {
				p.blank()
				p.prose(1, p.column(1), fmt.Sprintf("The process has not used the %s from %v on: they are those of the file that is mapped there.", bytesOf(a.Size()), a.Lo), faint)
			}
		}
		if len(pointers) > 0 {
			p.blank()
			p.prose(1, p.column(1), p.glyphs.to+" marks a word that is the address of something. A number may be one by chance.", faint)
		}
	}}
}

// absentRow adds a row for all the words from at on that have no bytes, since the process
// has not used them and no file has them. It gives the word behind them, at if there are
// none.
func (p *page) absentRow(m Memory, at addr.Addr, word addr.Bytes) (next addr.Addr) {
	for _, a := range m.Absent {
		if a.Source == layout.FromFile || !a.Contains(max(at, m.Addr)) {
			continue
		}
		words := "not in memory: the process has not used it, and it reads as zeros"
		if a.Source == layout.FromUnknown {
			words = fmt.Sprintf("not in the process's memory, and not known: %s", escape(a.Err.Error()))
		}
		from := max(at, a.Lo)
		p.listed(join(styled(fmt.Sprintf(" %14v ", from), faint), text(" "+bytesOf(a.Hi.Sub(from))+"  ")), words)
		return addr.Addr(addr.Bytes(a.Hi).AlignUp(word))
	}
	return at
}

// dumpRow adds the row of the word at at; what of it was not asked for is blank.
func (p *page) dumpRow(m Memory, at addr.Addr, word addr.Bytes, pointer dumpPointer) {
	var digits string
	letters := make([]byte, 0, word)
	for i := range word {
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
	p.listedShort(join(row, styled("  "+p.glyphs.to+" ", current)), pointer.words, pointer.short)
}

// listedShort is listed with the short words where the others don't fit.
func (p *page) listedShort(head line, words, short string) {
	if head.cells()+width(words) > p.width-1 {
		words = short
	}
	p.listed(head, words)
}

// placeName says in short what lies at an address that is mapped, and in shorter: a
// symbol's name says enough without the file's. escaped escapes a name from outside.
func placeName(l located, escaped func(string) string) (name, short string) {
	switch {
	case l.Variable != "":
		name = dotted(l.Frame, l.Variable, l.Field)
	case l.Block != nil:
		name = fmt.Sprintf("heap block %v%s", l.Block.Addr, plus(l.Addr.Sub(l.Block.Addr)))
	case l.Frame != "":
		name = "frame of " + l.Frame
	default:
		name = partName(l.Place, escaped)
		if y := l.Place.Symbol; y != nil && y.Sized() {
			return name, escaped(y.Name) + plus(y.Offset)
		}
	}
	return name, name
}

// partName says in short where in a part of a mapping an address lies.
func partName(place *layout.Place, escaped func(string) string) string {
	name, from := escaped(place.Part.Label), place.FromPart
	if place.Section != nil {
		name, from = escaped(place.Section.Name), *place.FromSection
	}
	if y := place.Symbol; y != nil && y.Sized() {
		name, from = escaped(y.Name), y.Offset
	}
	switch {
	case place.Part.Kind == layout.KindFile:
		name = escaped(baseName(place.Part.Object))
	case place.Part.Object != "":
		name = escaped(baseName(place.Part.Object)) + " " + name
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
