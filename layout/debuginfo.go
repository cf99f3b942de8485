package layout

import (
	"bytes"
	"debug/dwarf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"sort"
)

// debugInfo is what a Go compiler noted of a program's variables and types: units, each
// of them a tree of entries, in that part of the DWARF format that Go's linker writes.
// Package debug/dwarf reads it whole and follows each type to its end. This goes no
// further than it is asked to, since a file may lead anywhere, and to inflate all of it
// takes longer than all else.
type debugInfo struct {
	info, abbrevs *lazySection
	left          *uint64     // bytes and attributes that may still be looked at
	units         []debugUnit // by offset, without a gap: those read so far
	forms         entryForms  // the last that were read
	fields        map[fieldID]debugEntry
}

// fieldID is a field of the struct whose entry has that offset.
type fieldID struct {
	of   uint64
	name string
}

// debugUnit is what was compiled at once: a package, or a file of one in assembly.
type debugUnit struct {
	start, first, end uint64 // offsets of its header, of its first entry, and of what follows it
	forms             uint64 // offset of what describes its entries
}

// entryForms describe entries, by the number that each begins with.
type entryForms struct {
	offset uint64
	of     map[uint64]entryForm
}

type entryForm struct {
	tag        dwarf.Tag
	children   bool
	attributes []attributeForm
}

type attributeForm struct {
	attr dwarf.Attr
	form uint64
}

// debugEntry is a variable, a type, a field of one: what there is to know of it. What it
// does not say is 0.
type debugEntry struct {
	tag      dwarf.Tag // 0: the end of a list of children
	children bool
	at, next uint64 // its offset, and that of its first child or what else follows it
	name     []byte
	typ      uint64 // offset of its type
	size     uint64 // in bytes
	count    uint64 // of elements
	offset   uint64 // from the start of the struct that it is a field of
}

const (
	mostForms = 64 << 10 // bytes that describe a unit's entries; Go's linker writes less than 1 KiB

	// What counts as so many bytes looked at, beside its own.
	unitCosts  = 128
	entryCosts = 16
)

// unitAt is the unit that holds the byte at offset.
func (d *debugInfo) unitAt(offset uint64) (debugUnit, bool) {
	for n := len(d.units); n == 0 || d.units[n-1].end <= offset; n++ {
		u := debugUnit{}
		if n > 0 {
			u.start = d.units[n-1].end
		}
		header := d.info.upTo(u.start + 12)
		if uint64(len(header)) < u.start+12 || !d.look(unitCosts) {
			return debugUnit{}, false
		}
		c := cursor{text: header[u.start:]}
		length, version := c.number(4), c.number(2)
		u.first, u.end = u.start+11, u.start+4+length
		if version >= 5 {
			u.first++
			c.number(2) // the unit's type and the size of an address
		}
		u.forms = c.number(4)
		if length >= 0xfffffff0 || u.end < u.first { // the 64-bit format, which Go does not write, or no format at all
			return debugUnit{}, false
		}
		d.units = append(d.units, u)
	}
	i := sort.Search(len(d.units), func(i int) bool { return offset < d.units[i].end })
	return d.units[i], true
}

// err is why no more is read, if that is not its end.
func (d *debugInfo) err() error {
	for _, s := range []*lazySection{d.info, d.abbrevs} {
		if s.err != nil && !errors.Is(s.err, io.EOF) {
			return s.err
		}
	}
	if *d.left == 0 {
		return fmt.Errorf("more debug information than is looked at: %w", errELFTooGreat)
	}
	return nil
}

// look counts n of what may be looked at.
func (d *debugInfo) look(n uint64) bool {
	if n > *d.left {
		*d.left = 0
		return false
	}
	*d.left -= n
	return true
}

// entry reads the entry at offset.
func (d *debugInfo) entry(offset uint64) (debugEntry, bool) {
	u, ok := d.unitAt(offset)
	if !ok || offset < u.first || !d.readForms(u.forms) {
		return debugEntry{}, false
	}
	text := d.info.upTo(u.end)
	if uint64(len(text)) < u.end {
		return debugEntry{}, false
	}
	c := cursor{text: text[offset:u.end]}
	e := debugEntry{at: offset}
	if number := c.uleb(); number != 0 {
		form, known := d.forms.of[number]
		if !known {
			return debugEntry{}, false
		}
		e.tag, e.children = form.tag, form.children
		for _, a := range form.attributes {
			n, text := c.value(a.form)
			if c.bad {
				break
			}
			e.set(a.attr, n, text)
		}
		ok = d.look(uint64(len(form.attributes)))
	}
	e.next = u.end - uint64(len(c.text))
	return e, d.look(entryCosts+e.next-offset) && ok && !c.bad
}

// set notes the value of an attribute, a number or a text.
func (e *debugEntry) set(attr dwarf.Attr, n uint64, text []byte) {
	switch attr {
	case dwarf.AttrName:
		e.name = text
	case dwarf.AttrType:
		e.typ = n
	case dwarf.AttrByteSize:
		e.size = n
	case dwarf.AttrCount:
		e.count = n
	case dwarf.AttrDataMemberLoc:
		e.offset = n
	}
}

// childrenOf are the entries right under e, in their order.
func (d *debugInfo) childrenOf(e debugEntry) iter.Seq[debugEntry] {
	return func(yield func(debugEntry) bool) {
		depth := 0
		if e.children {
			depth = 1
		}
		for at := e.next; depth > 0; {
			child, ok := d.entry(at)
			if !ok || depth == 1 && child.tag != 0 && !yield(child) {
				return
			}
			switch {
			case child.tag == 0:
				depth--
			case child.children:
				depth++
			}
			at = child.next
		}
	}
}

// readForms reads what describes entries, unless it did last.
func (d *debugInfo) readForms(offset uint64) bool {
	if d.forms.of != nil && d.forms.offset == offset {
		return true
	}
	text := d.abbrevs.upTo(offset + mostForms)
	if uint64(len(text)) < offset {
		return false
	}
	c := cursor{text: text[offset:]}
	whole := len(c.text)
	d.forms = entryForms{offset, map[uint64]entryForm{}}
	for number := c.uleb(); number != 0; number = c.uleb() {
		form := entryForm{tag: dwarf.Tag(c.uleb()), children: c.number(1) != 0}
		for {
			a := attributeForm{dwarf.Attr(c.uleb()), c.uleb()}
			if a == (attributeForm{}) {
				break
			}
			form.attributes = append(form.attributes, a)
		}
		d.forms.of[number] = form
	}
	return d.look(uint64(whole-len(c.text))) && !c.bad
}

// cursor takes values from the start of a text. Once that has too few bytes it is bad,
// and gives zeros.
type cursor struct {
	text []byte
	bad  bool
}

func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.text)) {
		c.text, c.bad = nil, true
		return nil
	}
	taken := c.text[:n]
	c.text = c.text[n:]
	return taken
}

// number takes a number of 1, 2, 4 or 8 bytes, the lowest first.
func (c *cursor) number(bytes uint64) uint64 {
	var wide [8]byte
	copy(wide[:], c.take(bytes))
	return binary.LittleEndian.Uint64(wide[:])
}

// uleb takes a number that has seven bits in each byte, as many as it needs.
func (c *cursor) uleb() (n uint64) {
	for shift := 0; ; shift += 7 {
		b := c.take(1)
		if b == nil {
			return 0
		}
		if n |= uint64(b[0]&0x7f) << shift; b[0] < 0x80 {
			return n
		}
	}
}

// value takes the value of an attribute, a number or a text. A form that Go's linker
// does not write is bad.
func (c *cursor) value(form uint64) (n uint64, text []byte) {
	switch form {
	case 0x0b, 0x0c: // data1, flag
		return c.number(1), nil
	case 0x05: // data2
		return c.number(2), nil
	case 0x06, 0x0e, 0x10, 0x17: // data4, strp, ref_addr, sec_offset
		return c.number(4), nil
	case 0x01, 0x07: // addr, data8
		return c.number(8), nil
	case 0x0d, 0x0f, 0x1b: // sdata, of which nothing is asked, udata, addrx
		return c.uleb(), nil
	case 0x0a: // block1
		return 0, c.take(c.number(1))
	case 0x18: // exprloc
		return 0, c.take(c.uleb())
	case 0x19: // flag_present
		return 1, nil
	case 0x08: // string
		end := bytes.IndexByte(c.text, 0)
		if end < 0 {
			end = len(c.text) // no byte is left for the NUL
		}
		text = c.take(uint64(end))
		c.take(1)
		return 0, text
	}
	c.bad = true
	return 0, nil
}
