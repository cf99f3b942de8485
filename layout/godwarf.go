package layout

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"memprobe/layout/addr"
)

// runtimeTypes are the types of Go's runtime, as its debug information has them.
type runtimeTypes struct {
	variables map[string]dwarf.Type // of package-level variables
	named     map[string]dwarf.Type
}

var errNoDebugInfo = errors.New("no debug information")

// readRuntimeTypes looks up variables and named types of package runtime. It reads
// the units of that package alone, since all of them would take too long.
func (r *elfReader) readRuntimeTypes(f *elf.File, variables, named []string) (*runtimeTypes, error) {
	sections := map[string][]byte{}
	for _, name := range []string{"abbrev", "info", "str", "addr", "str_offsets", "line_str"} {
		if s := f.Section(".debug_" + name); s != nil {
			data, err := r.inflated(s)
			if err != nil {
				return nil, err
			}
			sections[name] = data
		}
	}
	if sections["info"] == nil {
		return nil, errNoDebugInfo
	}
	d, err := dwarf.New(sections["abbrev"], nil, nil, sections["info"], nil, nil, nil, sections["str"])
	for _, name := range []string{"addr", "str_offsets", "line_str"} { // of DWARF 5
		if err == nil && sections[name] != nil {
			err = d.AddSection(".debug_"+name, sections[name])
		}
	}
	if err != nil {
		return nil, err
	}
	types := &runtimeTypes{map[string]dwarf.Type{}, map[string]dwarf.Type{}}
	for _, unit := range unitOffsets(sections["info"], f.ByteOrder) {
		if err := types.readUnit(d, unit, variables, named); err != nil {
			return nil, err
		}
	}
	return types, nil
}

// unitOffsets finds where each unit's first entry lies, from the units' headers.
func unitOffsets(info []byte, order binary.ByteOrder) (offsets []dwarf.Offset) {
	for at := uint64(0); at+12 <= uint64(len(info)); {
		length, header := uint64(order.Uint32(info[at:])), uint64(11)
		if length >= 0xfffffff0 { // the 64-bit format, which Go does not write
			return nil
		}
		if order.Uint16(info[at+4:]) >= 5 {
			header = 12
		}
		offsets = append(offsets, dwarf.Offset(at+header))
		at += 4 + length
	}
	return offsets
}

func (t *runtimeTypes) readUnit(d *dwarf.Data, unit dwarf.Offset, variables, named []string) error {
	r := d.Reader()
	r.Seek(unit)
	e, err := r.Next()
	if err != nil || e == nil || e.Tag != dwarf.TagCompileUnit || e.Val(dwarf.AttrName) != "runtime" || !e.Children {
		return err
	}
	for {
		e, err := r.Next()
		if err != nil || e == nil || e.Tag == 0 {
			return err
		}
		r.SkipChildren()
		name, _ := e.Val(dwarf.AttrName).(string)
		switch typeAt, hasType := e.Val(dwarf.AttrType).(dwarf.Offset); {
		case e.Tag == dwarf.TagVariable && hasType && slices.Contains(variables, name):
			t.variables[name], err = d.Type(typeAt)
		case e.Tag != dwarf.TagVariable && slices.Contains(named, name):
			t.named[name], err = d.Type(e.Offset)
		}
		if err != nil {
			return err
		}
	}
}

const (
	mostNames     = 256 << 20 // bytes of symbols' names that are searched
	mostNamesakes = 1 << 10   // places where names are found: one each, as linkers write them
)

// goSymbols looks up where the variables of these names lie, by f's own addresses. Of
// a million symbols some are wanted, so it looks for the names first.
func (r *elfReader) goSymbols(f *elf.File, wanted []string) (map[string]addr.Addr, error) {
	tables, err := r.symbolTables(f)
	if err != nil {
		return nil, err
	}
	if len(tables) == 0 || tables[0].name != ".symtab" {
		return nil, ErrStripped
	}
	offsets, err := findNames(io.NewSectionReader(tables[0].names, 0, mostNames), wanted)
	if err != nil {
		return nil, err
	}
	found := map[string]addr.Addr{}
	for _, e := range tables[0].entries {
		if name, ok := offsets[e.name]; ok {
			found[name] = addr.Addr(e.value)
		}
	}
	return found, nil
}

// findNames finds where in a table of names, each of which a NUL ends, the wanted ones
// begin.
func findNames(table io.Reader, wanted []string) (map[uint32]string, error) {
	longest := 0
	for _, name := range wanted {
		longest = max(longest, len(name))
	}
	offsets := map[uint32]string{}
	buf := make([]byte, pieceSize)
	kept, start := 0, 0 // bytes of the piece before that may begin a name; the offset of the first
	for {
		n, err := readFull(table, buf[kept:])
		piece := buf[:kept+n]
		for _, name := range wanted {
			ended := []byte(name + "\x00")
			for at := 0; ; at++ {
				next := bytes.Index(piece[at:], ended)
				if next < 0 {
					break
				}
				at += next
				offsets[uint32(start+at)] = name
			}
		}
		switch {
		case len(offsets) > mostNamesakes:
			return nil, errTable
		case errors.Is(err, io.EOF):
			return offsets, nil
		case err != nil:
			return nil, err
		}
		kept = min(longest, len(piece))
		start += len(piece) - kept
		copy(buf, piece[len(piece)-kept:])
	}
}
