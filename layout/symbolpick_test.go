package layout

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

// codeAndData are the sections of a file with code at 0x1000, data at 0x2000, a thread's
// variables at 0x2800 and what is not in memory.
func codeAndData() []*elf.Section {
	section := func(flags elf.SectionFlag, at, size uint64) *elf.Section {
		return &elf.Section{SectionHeader: elf.SectionHeader{Type: elf.SHT_PROGBITS, Flags: flags, Addr: at, Size: size}}
	}
	return []*elf.Section{
		{}, section(elf.SHF_ALLOC|elf.SHF_EXECINSTR, 0x1000, 0x1000), section(elf.SHF_ALLOC|elf.SHF_WRITE, 0x2000, 0x800),
		section(elf.SHF_ALLOC|elf.SHF_WRITE|elf.SHF_TLS, 0x2800, 0x100), section(0, 0, 0x1000),
	}
}

const inCode, inData, inVars, inNothing = 1, 2, 3, 4 // numbers of these sections

// tableText is a table of symbols as a file of that class has it.
func tableText(t *testing.T, class elf.Class, order binary.ByteOrder, entries []symbolEntry) *io.SectionReader {
	t.Helper()
	var b bytes.Buffer
	for _, e := range entries {
		var y any = elf.Sym64{Name: e.name, Info: uint8(e.info), Other: 0xee, Shndx: e.section, Value: e.value, Size: e.size}
		if class == elf.ELFCLASS32 {
			y = elf.Sym32{Name: e.name, Info: uint8(e.info), Other: 0xee, Shndx: e.section, Value: uint32(e.value), Size: uint32(e.size)}
		}
		if err := binary.Write(&b, order, y); err != nil {
			t.Fatal(err)
		}
	}
	return io.NewSectionReader(bytes.NewReader(b.Bytes()), 0, int64(b.Len()))
}

const (
	untyped, object, function = uint16(elf.STT_NOTYPE), uint16(elf.STT_OBJECT), uint16(elf.STT_FUNC)

	weak2, global2 = uint16(elf.STB_WEAK) << 4, uint16(elf.STB_GLOBAL) << 4
)

// What a table has that can lie at an address, of each class and order of bytes.
func TestSymbolEntries(t *testing.T) {
	kept := []symbolEntry{
		{0x1000, 8, 1, inCode, function}, {0x1ffc, 0, 2, inCode, untyped}, {0x1010, 4, 3, inCode, object | global2}, {0x2000, 8, 4, inData, object | weak2},
		{0x27ff, 1, 5, inData, object}, {0x1020, 4, 6, inCode, function | weak2}, {0x1024, 0, 7, inCode, untyped | global2},
	}
	dropped := []symbolEntry{
		{0x2000, 8, 9, inData, untyped},                   // a label in data
		{0x2800, 8, 9, inVars, object},                    // each thread's own
		{0x2800, 8, 9, inVars, uint16(elf.STT_TLS)},       // the same, with the type for it
		{0x10, 8, 9, inNothing, object},                   // not in memory
		{0x1000, 8, 9, uint16(elf.SHN_UNDEF), function},   // another file's
		{0x1000, 8, 9, uint16(elf.SHN_ABS), object},       // a number
		{0x2000, 8, 9, inCode, function},                  // right behind its section
		{0xfff, 8, 9, inCode, function},                   // right below
		{0x1000, 0, 9, inCode, uint16(elf.STT_SECTION)},   // the section
		{0x1000, 0, 9, inCode, uint16(elf.STT_FILE)},      // a source file's name
		{0x1000, 8, 9, inCode, uint16(elf.STT_GNU_IFUNC)}, // found when the program starts
		{0x1000, 8, 9, 5, function},                       // in a section that is not there
		{0x1000, 8, 9, uint16(elf.SHN_COMMON), object},    // of no section yet
		{0x1000, 8, 9, inCode, uint16(elf.STT_COMMON)},    // the same, with the type for it
		{0x2400, 8, 9, inData, uint16(elf.STT_SECTION)},   // of data
	}
	var all []symbolEntry
	for i := range dropped {
		all = append(all, dropped[i])
		if i < len(kept) {
			all = append(all, kept[i])
		}
	}
	for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			f := &elf.File{FileHeader: elf.FileHeader{Class: class, ByteOrder: order, Machine: elf.EM_AARCH64}, Sections: codeAndData()}
			got, err := symbolEntries(f, tableText(t, class, order, all))
			if err != nil || !slices.Equal(got, kept) {
				t.Errorf("%v, %v: %v, got\n%v, want\n%v", class, order, err, got, kept)
			}
			whole := tableText(t, class, order, all)
			cut := io.NewSectionReader(io.NewSectionReader(whole, 0, whole.Size()-1), 0, whole.Size())
			if _, err := symbolEntries(f, cut); err != errTable {
				t.Errorf("%v: a table that the file cuts: %v", class, err)
			}
		}
	}
}

// The lowest bit of a function's address says on 32-bit ARM that it is Thumb code. It is
// part of the address of all else.
func TestThumbBit(t *testing.T) {
	odd := []symbolEntry{{0x1001, 8, 1, inCode, function}, {0x1011, 8, 1, inCode, untyped}, {0x2001, 1, 1, inData, object}}
	for machine, want := range map[elf.Machine]uint64{elf.EM_ARM: 0x1000, elf.EM_AARCH64: 0x1001, elf.EM_386: 0x1001, elf.EM_X86_64: 0x1001} {
		f := &elf.File{FileHeader: elf.FileHeader{Class: elf.ELFCLASS32, ByteOrder: binary.LittleEndian, Machine: machine}, Sections: codeAndData()}
		got, err := symbolEntries(f, tableText(t, elf.ELFCLASS32, binary.LittleEndian, odd))
		if err != nil || len(got) != 3 || got[0].value != want || got[1].value != 0x1011 || got[2].value != 0x2001 {
			t.Errorf("%v: %v, %v", machine, got, err)
		}
	}
}

// called is a symbol with its name.
type called struct {
	name string
	symbolEntry
}

// tableOf is a table of these symbols, and how many names were read of it.
func tableOf(list ...called) (table symbolTable, read *countedReads) {
	names := []byte{0}
	table.name = ".symtab"
	for _, c := range list {
		c.symbolEntry.name = uint32(len(names))
		table.entries = append(table.entries, c.symbolEntry)
		names = append(append(names, c.name...), 0)
	}
	read = &countedReads{text: names, at: map[int64]int{}}
	table.names = read
	return table, read
}

// countedReads is a file that counts where it is read.
type countedReads struct {
	text []byte
	at   map[int64]int
}

func (c *countedReads) ReadAt(b []byte, at int64) (int, error) {
	c.at[at]++
	return bytes.NewReader(c.text).ReadAt(b, at)
}

func TestWhichSymbol(t *testing.T) {
	code := func(name string, at, size uint64, info uint16) called {
		return called{name, symbolEntry{value: at, size: size, section: inCode, info: info}}
	}
	const arm, arm64, riscv, amd64 = elf.EM_ARM, elf.EM_AARCH64, elf.EM_RISCV, elf.EM_X86_64
	list := func(c ...called) []called { return c }
	for _, tt := range []struct {
		name    string
		machine elf.Machine
		list    []called
		v       uint64
		want    string // name, offset, size; empty: none
	}{
		{"the smaller of two", amd64, list(code("large", 0x1000, 32, function), code("small", 0x1000, 16, function)), 0x1004, "small+4 of 16"},
		{"the smaller of two, first", amd64, list(code("small", 0x1000, 16, function), code("large", 0x1000, 32, function)), 0x1004, "small+4 of 16"},
		{"the larger, where the smaller ended", amd64, list(code("small", 0x1000, 16, function), code("large", 0x1000, 32, function)), 0x1010, "large+16 of 32"},
		{"of two alike by the alphabet", amd64, list(code("b", 0x1000, 16, function), code("a", 0x1000, 16, function)), 0x1000, "a+0 of 16"},
		{"rank before underscores", amd64, list(code("a", 0x1000, 16, function|weak2), code("__a", 0x1000, 16, function|global2)), 0x1000, "__a+0 of 16"},
		{"underscores before size", amd64, list(code("_a", 0x1000, 4, function), code("b", 0x1000, 16, function)), 0x1000, "b+0 of 16"},
		{"a label where no size is told", amd64, list(code("label", 0x1000, 0, untyped)), 0x1008, "label+8 of 0"},
		{"a label that begins with a dollar", amd64, list(code("$x", 0x1000, 0, untyped)), 0x1008, "$x+8 of 0"},
		{"a function that does", arm64, list(code("$x", 0x1000, 16, function)), 0x1008, "$x+8 of 16"},
		{"no name", amd64, list(code("", 0x1000, 16, function)), 0x1000, ""},
		{"a mark and a label", arm64, list(code("$x", 0x1000, 0, untyped), code("label", 0x1000, 0, untyped)), 0x1008, "label+8 of 0"},
		{"marks of code and data", arm, list(code("label", 0x1000, 0, untyped), code("$t", 0x1000, 0, untyped), code("$a", 0x1000, 0, untyped), code("$d", 0x1000, 0, untyped)),
			0x1000, "label+0 of 0"},
		{"a mark with more in its name", riscv, list(code("$xrv64i2p1", 0x1000, 0, untyped), code("label", 0x1000, 0, untyped)), 0x1000, "label+0 of 0"},
		{"a mark alone", arm64, list(code("$d", 0x1000, 0, untyped)), 0x1000, ""},
		{"a mark inside", arm64, list(code("f", 0x1000, 32, function), code("$d", 0x1010, 0, untyped)), 0x1018, "f+24 of 32"},
		{"marks above a label", arm64, list(code("label", 0x1000, 0, untyped), code("$x", 0x1000, 0, untyped), code("$d", 0x1010, 0, untyped), code("$x", 0x1018, 0, untyped)),
			0x101c, "label+28 of 0"},
		{"a mark above the end of a function", arm64, list(code("f", 0x1000, 16, function), code("$d", 0x1010, 0, untyped)), 0x1014, ""},
		{"marks between a label and a function", arm64, list(code("label", 0x1000, 0, untyped), code("f", 0x1008, 8, function), code("$d", 0x1010, 0, untyped)), 0x1014, ""},
	} {
		f := &elf.File{FileHeader: elf.FileHeader{Machine: tt.machine}, Sections: codeAndData()}
		for range 2 {
			table, _ := tableOf(tt.list...)
			y, err := findSymbol(f, []symbolTable{table}, tt.v)
			got := ""
			if err == nil {
				got = fmt.Sprintf("%s+%d of %d", y.Name, y.Offset, y.Size())
			}
			if got != tt.want || (err == nil) != (tt.want != "") || err != nil && err != ErrNoSymbol {
				t.Errorf("%s: got %q, %v, want %q", tt.name, got, err, tt.want)
			}
			slices.Reverse(tt.list)
		}
	}
}

// A symbol that says where it ends comes before one that does not, in whichever table.
func TestSymbolOfTwoTables(t *testing.T) {
	f := &elf.File{Sections: codeAndData()}
	entry := symbolEntry{value: 0x1000, size: 16, section: inCode, info: function}
	open := entry
	open.size = 0
	full, _ := tableOf(called{"full", entry})
	fullOpen, _ := tableOf(called{"full", open})
	shared, _ := tableOf(called{"shared", entry})
	sharedOpen, _ := tableOf(called{"shared", open})
	shared.name, sharedOpen.name = ".dynsym", ".dynsym"
	for _, tt := range []struct {
		tables []symbolTable
		v      uint64
		want   string // name and table
		err    error
	}{
		{[]symbolTable{full, shared}, 0x1004, "full .symtab", nil},
		{[]symbolTable{fullOpen, shared}, 0x1004, "shared .dynsym", nil},
		{[]symbolTable{fullOpen, sharedOpen}, 0x1004, "full .symtab", nil},
		{[]symbolTable{sharedOpen}, 0x1004, "shared .dynsym", nil},
		{[]symbolTable{shared}, 0x1010, " ", ErrStripped},
		{[]symbolTable{full, shared}, 0x1010, " ", ErrNoSymbol},
		{[]symbolTable{full}, 0x2000, " ", ErrNoSymbol},
		{[]symbolTable{full}, 0x9000, " ", ErrNoSymbol},
		{nil, 0x1000, " ", ErrStripped},
	} {
		if y, err := findSymbol(f, tt.tables, tt.v); y.Name+" "+y.Table != tt.want || err != tt.err {
			t.Errorf("%#x in %d tables: got %s of %s, %v, want %s, %v", tt.v, len(tt.tables), y.Name, y.Table, err, tt.want, tt.err)
		}
	}
}

// However many names an address has, some are read; and of a long one its start.
func TestNamesAreBounded(t *testing.T) {
	f := &elf.File{Sections: codeAndData()}
	var list []called
	for i := range 10 * mostAliases {
		list = append(list, called{fmt.Sprintf("name%04d", i), symbolEntry{value: 0x1000, size: 16, section: inCode, info: function}})
	}
	table, read := tableOf(list...)
	if y, err := findSymbol(f, []symbolTable{table}, 0x1000); err != nil || y.Name != "name0000" || len(read.at) != mostAliases {
		t.Errorf("got %s, %v, read %d names of %d", y.Name, err, len(read.at), len(list))
	}
	for size, want := range map[int]int{1000: 1000, longestName - 1: longestName - 1, longestName: longestName, longestName + 5: longestName} {
		table, _ := tableOf(called{strings.Repeat("x", size), list[0].symbolEntry})
		if y, err := findSymbol(f, []symbolTable{table}, 0x1000); err != nil || len(y.Name) != want {
			t.Errorf("a name of %d bytes: got %d, %v", size, len(y.Name), err)
		}
	}
}

// However many marks lie above a label, some are stepped over.
func TestMarksAreBounded(t *testing.T) {
	f := &elf.File{FileHeader: elf.FileHeader{Machine: elf.EM_AARCH64}, Sections: codeAndData()}
	list := []called{{"label", symbolEntry{value: 0x1000, section: inCode}}}
	for n := 1; n <= mostMarks; n++ {
		table, _ := tableOf(list...)
		if y, err := findSymbol(f, []symbolTable{table}, 0x1fff); err != nil || y.Name != "label" || y.Offset != 0xfff {
			t.Errorf("%d marks: got %+v, %v", n-1, y, err)
		}
		list = append(list, called{"$x", symbolEntry{value: 0x1000 + uint64(n), section: inCode}})
	}
	table, _ := tableOf(list...)
	if y, err := findSymbol(f, []symbolTable{table}, 0x1fff); err != ErrNoSymbol {
		t.Errorf("%d marks: got %+v, %v", mostMarks, y, err)
	}
}

// The tables of all files together have so many bytes at most.
func TestSymbolsOfFilesAreBounded(t *testing.T) {
	file := func(n int) io.ReaderAt {
		text := elfText(t, nil, []elf.Section64{
			{Type: uint32(elf.SHT_DYNSYM), Off: 0x1000, Size: uint64(24 * n), Link: 3}, {Type: uint32(elf.SHT_STRTAB), Off: 0x1000, Size: 1},
		}, "\x00")
		return bytes.NewReader(append(text, make([]byte, 0x2000-len(text))...))
	}
	r := smallELFReader() // takes ten
	nowhere := func(*elf.File) ([]Image, error) { return nil, nil }
	for i, want := range []error{nil, nil, errELFTooGreat, nil, errELFTooGreat} {
		if got := r.readSymbols(file([]int{4, 4, 3, 2, 1}[i]), nowhere); !errors.Is(got.err, want) || got.err != nil && want == nil {
			t.Errorf("file %d: %v, want %v", i, got.err, want)
		}
	}
}

// A table must lead to its names, and be there.
func TestSymbolTables(t *testing.T) {
	const size = 48
	for _, tt := range []struct {
		name     string
		sections []elf.Section64
		want     string
		err      error
	}{
		{"both", []elf.Section64{{Type: uint32(elf.SHT_DYNSYM), Off: 0x1000, Size: size, Link: 1}, {Type: uint32(elf.SHT_SYMTAB), Off: 0x1000, Size: size, Link: 1}},
			".symtab .dynsym", nil},
		{"two of a kind", []elf.Section64{{Type: uint32(elf.SHT_SYMTAB), Off: 0x1000, Size: size, Link: 1}, {Type: uint32(elf.SHT_SYMTAB), Off: 0x1000, Size: size, Link: 9}},
			".symtab", nil},
		{"names in no section", []elf.Section64{{Type: uint32(elf.SHT_SYMTAB), Off: 0x1000, Size: size, Link: 3}}, "", errTable},
		{"names in another section", []elf.Section64{{Type: uint32(elf.SHT_SYMTAB), Off: 0x1000, Size: size, Link: 2}}, "", errTable},
		{"compressed", []elf.Section64{{Type: uint32(elf.SHT_SYMTAB), Flags: uint64(elf.SHF_COMPRESSED), Off: 0x1000, Size: size, Link: 1}}, "", errTable},
		{"behind the file's end", []elf.Section64{{Type: uint32(elf.SHT_SYMTAB), Off: 0x10000, Size: size, Link: 1}}, "", errTable},
	} {
		text := elfText(t, nil, tt.sections, "\x00")
		text = append(text, make([]byte, 0x2000-len(text))...)
		if tt.name == "compressed" { // debug/elf looks at it
			binary.LittleEndian.PutUint32(text[0x1000:], 99)
		}
		r := smallELFReader()
		f, err := r.open(bytes.NewReader(text))
		if err != nil {
			t.Fatal(tt.name, err)
		}
		tables, err := r.symbolTables(f)
		var got []string
		for _, table := range tables {
			got = append(got, table.name)
		}
		if strings.Join(got, " ") != tt.want || err != tt.err {
			t.Errorf("%s: got %q, %v, want %q, %v", tt.name, got, err, tt.want, tt.err)
		}
	}
}

// The symbol of an address is that of the file that is mapped there, not of another with
// the same name.
func TestSymbolsOfTheMappedFile(t *testing.T) {
	const code = Readable | Executable
	lib := func(lo, hi addr.Addr, dev Dev, inode uint64, perms Perms) Mapping {
		return Mapping{pages(lo, hi), perms, 0, dev, inode, "/lib"}
	}
	maps := []Mapping{
		{addr.Range{Lo: 0x800, Hi: 0x900}, code, 0, Dev{8, 1}, 6, "/lib"}, // below, so that it is looked at first
		lib(1, 2, Dev{8, 1}, 7, code), lib(2, 3, Dev{8, 1}, 8, code), lib(3, 4, Dev{8, 2}, 7, code), lib(4, 5, Dev{8, 1}, 9, Readable),
		lib(5, 6, Dev{8, 1}, 7, Readable|Writable), {Range: pages(6, 7), Perms: Readable | Writable}, {Range: pages(7, 8), Perms: Readable},
	}
	whole := []Span{{Section: Section{Range: pages(1, 7)}}}
	table, _ := tableOf(called{"large", symbolEntry{value: 0x1000, size: 0x8000, section: 1, info: object}})
	f := &elf.File{Sections: []*elf.Section{{}, {SectionHeader: elf.SectionHeader{Flags: elf.SHF_ALLOC, Addr: 0x1000, Size: 0x8000}}}}
	s := &Space{Mappings: maps, Parts: Classify(maps, Knowledge{Images: []Image{{Path: "/lib", Dev: Dev{8, 1}, Inode: 7, Spans: []Span{
		{Section{pages(5, 6), ".data"}, KindData, false}, {Section{pages(6, 7), ".bss"}, KindBSS, true},
	}}}})}
	x := s.Symbols()
	defer x.Close()
	x.files[maps[1].file()] = &symbolFile{elf: f, images: []Image{{Spans: whole}}, tables: []symbolTable{table}}
	for _, m := range []Mapping{maps[0], maps[2], maps[3]} {
		x.files[m.file()] = &symbolFile{err: ErrNoELF}
	}
	for page, want := range map[addr.Addr]error{1: nil, 2: ErrNoELF, 3: ErrNoELF, 4: ErrNoELF, 5: nil, 6: nil, 7: ErrNoELF, 8: ErrNoELF, 0: ErrNoELF} {
		y, err := x.At(page*0x1000 + 5)
		if err != want || err == nil && (y.Name != "large" || y.Object != "/lib" || y.Offset != addr.Bytes(page-1)*0x1000+5) {
			t.Errorf("page %d: got %+v, %v, want %v", page, y, err, want)
		}
	}
	damaged := errors.New("damaged")
	x.files[maps[2].file()].err = damaged
	if _, err := x.At(0x2000); err != damaged {
		t.Errorf("a damaged file: got %v", err)
	}
	if _, err := x.At(0x3000); err != ErrNoELF {
		t.Errorf("another file of its name: got %v", err)
	}
}

// Files are read once, also where debug/elf panics; a place for which the file has no
// memory gives an error, some places are better than none.
func TestSymbolFileReadOnce(t *testing.T) {
	x := (&Space{}).Symbols()
	reads := 0
	for range 3 {
		_, err := x.in(fileID{name: "/a"}, 0x1000, func() symbolFile { reads++; panic("on purpose") })
		if err == nil || !strings.HasPrefix(err.Error(), "damaged ELF file") {
			t.Errorf("got %v", err)
		}
	}
	if reads != 1 {
		t.Errorf("read %d times", reads)
	}
	file := elfText(t, []elf.Prog64{load(0, 0x1000)}, nil, "\x00")
	for _, tt := range []struct {
		images []Image
		err    error
		want   error
	}{{nil, errELFImages, errELFImages}, {make([]Image, 1), errELFImages, nil}, {nil, nil, nil}} {
		got := newELFReader().readSymbols(bytes.NewReader(file), func(*elf.File) ([]Image, error) { return tt.images, tt.err })
		if got.err != tt.want || len(got.images) != len(tt.images) {
			t.Errorf("%d places, %v: got %d, %v", len(tt.images), tt.err, len(got.images), got.err)
		}
	}
	if got := newELFReader().readSymbols(strings.NewReader("#!/bin/sh"), nil); got.err != ErrNoELF {
		t.Errorf("a script: got %v", got.err)
	}
	if got := newELFReader().readSymbols(failing{}, nil); !errors.Is(got.err, errFailing) {
		t.Errorf("a file that can't be read: got %v", got.err)
	}
}
