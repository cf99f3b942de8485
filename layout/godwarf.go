package layout

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"slices"
)

// runtimeTypes are the types of Go's runtime, as its debug information has them.
type runtimeTypes struct {
	variables map[string]dwarf.Type // of package-level variables
	named     map[string]dwarf.Type
}

var errNoDebugInfo = errors.New("no debug information")

// readRuntimeTypes looks up variables and named types of package runtime. It reads
// the units of that package alone, since all of them would take too long.
func readRuntimeTypes(f *elf.File, variables, named []string) (*runtimeTypes, error) {
	sections := map[string][]byte{}
	for _, name := range []string{"abbrev", "info", "str", "addr", "str_offsets", "line_str"} {
		if s := f.Section(".debug_" + name); s != nil {
			data, err := s.Data() // inflates compressed ones
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
