package layout

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

// Numbers of the entries in the tests' debug information, which testForms describe.
const (
	aUnit = iota + 1
	aVariable
	aTypedef
	aStruct
	aMember
	aPointer
	anArray
	aSubrange
	aWord
)

// testForms describe entries as Go's linker has them, but for what nobody asks for.
func testForms() []byte {
	const text, reference, number = 0x08, 0x10, 0x0f
	var b []byte
	put := func(tag dwarf.Tag, children byte, attributes ...byte) {
		b = append(append(b, byte(len(bytes.Split(b, []byte{0, 0}))), byte(tag), children), attributes...)
		b = append(b, 0, 0)
	}
	name, typ, size := []byte{byte(dwarf.AttrName), text}, []byte{byte(dwarf.AttrType), reference}, []byte{byte(dwarf.AttrByteSize), number}
	put(dwarf.TagCompileUnit, 1, name...)
	put(dwarf.TagVariable, 0, slices.Concat(name, typ)...)
	put(dwarf.TagTypedef, 0, slices.Concat(name, typ)...)
	put(dwarf.TagStructType, 1, slices.Concat(name, size)...)
	put(dwarf.TagMember, 0, slices.Concat(name, typ, []byte{byte(dwarf.AttrDataMemberLoc), number})...)
	put(dwarf.TagPointerType, 0, typ...)
	put(dwarf.TagArrayType, 1, slices.Concat(typ, size)...)
	put(dwarf.TagSubrangeType, 0, byte(dwarf.AttrCount), number)
	put(dwarf.TagBaseType, 0, size...)
	return append(b, 0)
}

// infoText is debug information in the making: units, one after another.
type infoText struct {
	text []byte
	unit int // where the last begins
}

// begin begins a unit of that name.
func (b *infoText) begin(version uint16, name string) {
	b.unit = len(b.text)
	b.text = binary.LittleEndian.AppendUint16(append(b.text, 0, 0, 0, 0), version)
	if version >= 5 {
		b.text = append(b.text, 1, 8, 0, 0, 0, 0) // of the usual type, with addresses of 8 bytes and forms at 0
	} else {
		b.text = append(b.text, 0, 0, 0, 0, 8)
	}
	b.entry(aUnit, name)
}

// entry appends an entry with these values, and gives its offset.
func (b *infoText) entry(number byte, values ...any) uint32 {
	at := uint32(len(b.text))
	b.text = append(b.text, number)
	for _, v := range values {
		switch v := v.(type) {
		case string:
			b.text = append(append(b.text, v...), 0)
		case uint32:
			b.text = binary.LittleEndian.AppendUint32(b.text, v)
		case int:
			b.text = binary.AppendUvarint(b.text, uint64(v))
		}
	}
	return at
}

// end ends a list of children, be it a unit's.
func (b *infoText) end() { b.text = append(b.text, 0) }

// whole notes the last unit's length, and gives all.
func (b *infoText) whole() []byte {
	binary.LittleEndian.PutUint32(b.text[b.unit:], uint32(len(b.text)-b.unit-4))
	return b.text
}

const goBase = 0x400000 // where goFile's variables lie

// goFile is a Go program with goVariables, as far as goAreas looks at it.
func goFile(t *testing.T, info, forms []byte) []byte {
	t.Helper()
	names, symbols := []byte{0}, make([]byte, elf.Sym64Size)
	for i, name := range goVariables {
		symbols = binary.LittleEndian.AppendUint32(symbols, uint32(len(names)))
		symbols = append(symbols, byte(elf.STT_OBJECT), 0, 3, 0)
		symbols = binary.LittleEndian.AppendUint64(symbols, goBase+uint64(i)<<16)
		symbols = binary.LittleEndian.AppendUint64(symbols, 1<<16)
		names = append(append(names, name...), 0)
	}
	const titles = "\x00.gopclntab\x00.data\x00.symtab\x00.strtab\x00.debug_info\x00.debug_abbrev\x00"
	title := func(of string) uint32 { return uint32(strings.Index(titles, of+"\x00")) }
	sections := []elf.Section64{
		{Name: title(".gopclntab"), Type: uint32(elf.SHT_PROGBITS)},
		{Name: title(".data"), Type: uint32(elf.SHT_NOBITS), Flags: uint64(elf.SHF_ALLOC), Addr: goBase, Size: 1 << 20},
		{Name: title(".symtab"), Type: uint32(elf.SHT_SYMTAB), Link: 5},
		{Name: title(".strtab"), Type: uint32(elf.SHT_STRTAB)},
		{Name: title(".debug_info"), Type: uint32(elf.SHT_PROGBITS)},
		{Name: title(".debug_abbrev"), Type: uint32(elf.SHT_PROGBITS)},
	}
	file := make([]byte, 0x1000)
	for i, part := range [][]byte{symbols, names, info, forms} {
		s := &sections[2+i]
		s.Off, s.Size = uint64(len(file)), uint64(len(part))
		file = append(file, part...)
	}
	copy(file, elfText(t, nil, sections, titles))
	return file
}

// readGo gives goAreas such a file.
func readGo(t *testing.T, r *elfReader, file []byte, mem io.ReaderAt) ([]Owned, error) {
	t.Helper()
	f, err := r.open(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return r.goAreas(nil, f, 0, mem, 0x1000)
}

// wordsMemory has one word all over.
type wordsMemory uint64

func (w wordsMemory) ReadAt(buf []byte, at int64) (int, error) {
	for i := range buf {
		buf[i] = byte(w >> (8 * ((uint64(at) + uint64(i)) % word)))
	}
	return len(buf), nil
}

// Types are followed as Go's linker writes them: named, in a unit of package runtime,
// at any place among others.
func TestDebugInfo(t *testing.T) {
	for _, version := range []uint16{4, 5} {
		var b infoText
		b.begin(version, "main")
		wrong := b.entry(aWord, 1)
		b.entry(aVariable, "runtime.buckhash", wrong)
		b.end()
		b.whole()
		b.begin(version, "runtime")
		b.entry(aStruct, "outer", 1) // of whose children none counts
		b.entry(aVariable, "runtime.buckhash", wrong)
		b.end()
		b.entry(aTypedef, "runtime.buckhash", wrong)
		bits := b.entry(aWord, 4)
		list := b.entry(anArray, bits, 28)
		b.entry(aSubrange, 7)
		b.end()
		inner := b.entry(aStruct, "inner", 40)
		b.entry(aMember, "first", bits, 0)
		b.entry(aMember, "list", list, 12)
		b.end()
		named := b.entry(aTypedef, "runtime.inner", inner)
		b.entry(aVariable, "runtime.inner", wrong)
		pointer := b.entry(aPointer, named)
		heap := b.entry(aStruct, "runtime.mheap", 300)
		b.entry(aMember, "in", b.entry(aTypedef, "twice", named), 200) // an entry in the midst of another's children
		b.entry(aMember, "to", pointer, 8)
		b.end()
		b.entry(aVariable, "runtime.mheap_", heap)
		b.end()
		f, err := newELFReader().open(bytes.NewReader(goFile(t, b.whole(), testForms())))
		if err != nil {
			t.Fatal(err)
		}
		types, err := newELFReader().goTypes(f, map[string]addr.Addr{"runtime.mheap_": 0, "runtime.buckhash": 0}, []string{"runtime.inner"})
		if err != nil || len(types) != 2 {
			t.Fatalf("version %d: %v, %v", version, types, err)
		}
		v := goValue{wordsMemory(0x1000), 0x5000, types["runtime.mheap_"]}
		if v.size() != 300 || v.field("to").at != 0x5008 || v.field("to").size() != word || v.field("nothing").exists() || v.field("to", "first").exists() {
			t.Errorf("version %d: %d bytes, %v", version, v.size(), v.field("to"))
		}
		if n, first := v.field("in", "list").elements(); n != 7 || first.at != 0x5000+200+12 || first.size() != 4 || v.field("in", "list").size() != 28 {
			t.Errorf("version %d: %d elements, %+v", version, n, first)
		}
		if to := v.field("to").deref(); to.at != 0x1000 || to.size() != 40 || to.typ.plain().at != uint64(inner) {
			t.Errorf("version %d: %+v, %d bytes", version, to, to.size())
		}
		if got := (goValue{typ: types["runtime.inner"]}).field("list").at; got != 12 {
			t.Errorf("version %d: at %v", version, got)
		}
	}
}

// What a file leads to without an end is left soon, and something says so.
func TestEndlessTypes(t *testing.T) {
	const many, endlessForms = 1 << 16, 1000
	for _, tt := range []struct {
		name  string
		build func(b *infoText) (heap uint32)
		mem   uint64 // what each word of the memory is
		want  error

		memoryLeft bool // it is not the memory that has no end
	}{
		{"a name of a name", func(b *infoText) uint32 {
			last := b.entry(aStruct, "end", 8)
			b.end()
			for range many {
				last = b.entry(aTypedef, "", last)
			}
			return last
		}, 0, errGoUnknown, true},
		{"a name of itself", func(b *infoText) uint32 {
			at := uint32(len(b.text))
			return b.entry(aTypedef, "", at)
		}, 0, errGoUnknown, true},
		{"arrays of arrays", func(b *infoText) uint32 {
			last := b.entry(aWord, 8)
			for range many {
				last = b.entry(anArray, last, 1<<62)
				b.entry(aSubrange, 1<<62)
				b.end()
			}
			s := b.entry(aStruct, "", 8)
			for _, name := range []string{"arenas", "heapArenas", "summary", "chunks"} {
				b.entry(aMember, name, last, 0)
			}
			b.entry(aMember, "pages", s, 0)
			b.end()
			return s
		}, 1, errGoTooMuch, false},
		{"a struct with many fields", func(b *infoText) uint32 {
			at := b.entry(aStruct, "", 8)
			for range many {
				b.entry(aMember, "x", at, 0)
			}
			b.end()
			return at
		}, 0, errGoTooMuch, true},
		{"children of children", func(b *infoText) uint32 {
			at := b.entry(aStruct, "", 8)
			for range many {
				b.entry(aStruct, "", 8)
			}
			return at
		}, 0, errGoUnknown, true},
		{"units without end", func(b *infoText) uint32 {
			for range 2 * many {
				b.end()
				b.whole()
				b.begin(5, "")
			}
			return 0
		}, 0, errELFTooGreat, true},
		{"forms without end", func(b *infoText) uint32 {
			for n := range uint32(many / 32) {
				b.end()
				b.whole()
				b.begin(5, "")
				binary.LittleEndian.PutUint32(b.text[b.unit+8:], endlessForms+n%2)
			}
			return 0
		}, 0, errELFTooGreat, true},
		{"a list that leads to itself", func(b *infoText) uint32 {
			at := uint32(len(b.text))
			s := b.entry(aStruct, "", 1<<12)
			for _, name := range []string{"next", "free", "full", "current", "previous", "g0", "alllink", "vgetrandomState"} {
				b.entry(aMember, name, at+1000, 0)
			}
			b.end()
			for uint32(len(b.text)) < at+1000 {
				b.end()
			}
			return b.entry(aPointer, s)
		}, 0x1000, errGoTooMuch, false},
	} {
		var b infoText
		b.begin(5, "runtime")
		heap := tt.build(&b)
		for _, name := range goVariables {
			b.entry(aVariable, name, heap)
		}
		for _, name := range goTypeNames {
			b.entry(aTypedef, name, heap)
		}
		b.end()
		r := newELFReader()
		r.looks, r.memory, r.areas = 16<<20, 1<<13, 1<<12
		file := goFile(t, b.whole(), append(testForms(), bytes.Repeat([]byte{1}, endlessForms+100<<10)...))
		areas, err := readGo(t, r, file, wordsMemory(tt.mem))
		if !errors.Is(err, tt.want) || len(areas) > 1<<12 || tt.memoryLeft != (r.memory > 0) {
			t.Errorf("%s: %d areas, %d pages of memory left, %v", tt.name, len(areas), r.memory, err)
		}
		if tt.want != errGoTooMuch {
			continue
		}
		if areas, err := readGo(t, r, file, wordsMemory(tt.mem)); err == nil || len(areas) > 0 {
			t.Errorf("%s, once more: %d areas, %v", tt.name, len(areas), err)
		}
	}
}

// Debug information in which bytes are wrong gives less, or other areas.
func TestDamagedDebugInfo(t *testing.T) {
	var b infoText
	b.begin(5, "runtime")
	w := b.entry(aWord, 8)
	list := b.entry(anArray, w, 64)
	b.entry(aSubrange, 8)
	b.end()
	s := b.entry(aStruct, "", 64)
	for i, name := range []string{"arenas", "heapArenas", "array", "len", "cap", "spans", "pages", "summary", "next", "free", "alllink", "stack", "lo", "hi"} {
		b.entry(aMember, name, []uint32{w, list, s}[i%3], 8*i)
	}
	b.end()
	pointer := b.entry(aPointer, s)
	for i, name := range append(slices.Clone(goVariables), goTypeNames...) {
		b.entry(aVariable, name, []uint32{s, pointer}[i%2])
	}
	b.end()
	info, forms := b.whole(), testForms()
	for range 500 {
		info, forms := slices.Clone(info), slices.Clone(forms)
		for range 1 + rand.N(3) {
			info[rand.N(len(info))] = byte(rand.N(256))
			if rand.N(4) == 0 {
				forms[rand.N(len(forms))] = byte(rand.N(64))
			}
		}
		r := newELFReader()
		r.looks, r.memory, r.areas = 1<<16, 1<<10, 1<<10 // to be through soon
		readGo(t, r, goFile(t, info, forms), wordsMemory(rand.Uint64()>>rand.N(64)))
	}
}
