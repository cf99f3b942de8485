package layout

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"memprobe/layout/addr"
)

// goType is a type as the debug information of a Go program has it. The zero goType is
// one that does not exist.
type goType struct {
	info  *debugInfo
	entry uint64 // its offset
}

const mostTypeNames = 16 // of one type; a program's own types have one or two

// plain is t's entry without the names given to it; none where there is no type.
func (t goType) plain() debugEntry {
	for range mostTypeNames {
		if t.info == nil {
			break
		}
		e, ok := t.info.entry(t.entry)
		switch {
		case !ok:
			return debugEntry{}
		case e.tag != dwarf.TagTypedef:
			return e
		}
		t.entry = e.typ
	}
	return debugEntry{}
}

// of is the type that t, a pointer or an array, as tag says, is made of.
func (t goType) of(tag dwarf.Tag) goType {
	if e := t.plain(); e.tag == tag && e.typ != 0 {
		return goType{t.info, e.typ}
	}
	return goType{}
}

// length is how many elements the array t has.
func (t goType) length() uint64 {
	for e := range t.info.childrenOf(t.plain()) {
		if e.tag == dwarf.TagSubrangeType {
			return e.count
		}
	}
	return 0
}

// field is where the field of that name lies in the struct t, and its type. What was
// looked up once is known: of each thread the same fields are asked for.
func (t goType) field(name string) (offset uint64, typ goType) {
	s := t.plain()
	if s.tag != dwarf.TagStructType {
		return 0, goType{}
	}
	id := fieldID{s.at, name}
	f, known := t.info.fields[id]
	if !known {
		for child := range t.info.childrenOf(s) {
			if child.tag == dwarf.TagMember && string(child.name) == name {
				f = child
				break
			}
		}
		t.info.fields[id] = f
	}
	if f.typ == 0 {
		return 0, goType{}
	}
	return f.offset, goType{t.info, f.typ}
}

// goTypes looks up types in the debug information of the Go program f: those of variables
// of package runtime, and named ones of that package. It reads the units of that package
// alone, and them no further than to the last that it looks for.
func (r *elfReader) goTypes(f *elf.File, variables map[string]addr.Addr, named []string) (map[string]goType, error) {
	info, abbrevs := f.Section(".debug_info"), f.Section(".debug_abbrev")
	if info == nil || abbrevs == nil {
		return nil, ErrStripped
	}
	d := &debugInfo{info: r.lazy(info), abbrevs: r.lazy(abbrevs), left: &r.looks, fields: map[fieldID]debugEntry{}}
	types := map[string]goType{}
	for at := uint64(0); ; {
		u, ok := d.unitAt(at)
		if !ok {
			return types, d.err()
		}
		at = u.end
		unit, _ := d.entry(u.first)
		if unit.tag != dwarf.TagCompileUnit || string(unit.name) != "runtime" {
			continue
		}
		for e := range d.childrenOf(unit) {
			if _, wanted := variables[string(e.name)]; wanted && e.tag == dwarf.TagVariable {
				types[string(e.name)] = goType{d, e.typ}
			} else if e.tag != dwarf.TagVariable && slices.Contains(named, string(e.name)) {
				types[string(e.name)] = goType{d, e.at}
			}
			if len(types) == len(variables)+len(named) {
				return types, nil
			}
		}
	}
}

const mostNamesakes = 1 << 10 // places where names are found: one each, as linkers write them

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
	names := &io.LimitedReader{R: io.NewSectionReader(tables[0].names, 0, math.MaxInt64), N: r.search}
	offsets, err := findNames(names, wanted)
	if r.search = names.N; r.search == 0 {
		return nil, fmt.Errorf("more names of symbols than are searched: %w", errELFTooGreat)
	}
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
