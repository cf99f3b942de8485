package layout

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

// elfText is an ELF file of these segments and sections, the first of which, of no
// kind, comes by itself. names are the bytes that their Name counts in; sections
// without an offset have no bytes.
func elfText(t *testing.T, segments []elf.Prog64, sections []elf.Section64, names string) []byte {
	t.Helper()
	const header, segment, section = 64, 56, 64
	at := uint64(header + segment*len(segments))
	sections = append([]elf.Section64{{}, {Type: uint32(elf.SHT_STRTAB), Off: at, Size: uint64(len(names))}}, sections...)
	h := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Phoff: header, Shoff: at + uint64(len(names)), Phentsize: segment, Phnum: uint16(len(segments)),
		Shentsize: section, Shnum: uint16(len(sections)), Shstrndx: 1,
	}
	var b bytes.Buffer
	for _, part := range []any{h, segments, []byte(names), sections} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// load is a segment of size bytes at that address.
func load(at, size uint64) elf.Prog64 {
	return elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Off: at, Vaddr: at, Filesz: size, Memsz: size}
}

// repeat is n times s.
func repeat[T any](s T, n int) []T {
	list := make([]T, n)
	for i := range list {
		list[i] = s
	}
	return list
}

// smallELFReader refuses what newELFReader does, only sooner.
func smallELFReader() *elfReader {
	return &elfReader{segments: 4, sections: 8, places: 2, entries: 20, names: 100, spans: 20, symbols: 240, debug: 1000}
}

func TestELFReaderRefuses(t *testing.T) {
	some := elf.Section64{Name: 1, Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_ALLOC), Addr: 0x100, Size: 1}
	names := "\x00" + strings.Repeat("A", 15) + "\x00"
	one := []elf.Prog64{load(0, 0x1000)}
	patch := func(text []byte, at int, n uint64) []byte {
		binary.LittleEndian.PutUint64(text[at:], n)
		return text
	}
	shstrtab := func(text []byte) int { return int(binary.LittleEndian.Uint64(text[0x28:])) + 64 }
	whole := func() []byte { return elfText(t, one, repeat(some, 6), names) }
	for _, tt := range []struct {
		name string
		text []byte
		want error
	}{
		{"within the limits", whole(), nil},
		{"no names", elfText(t, one, nil, ""), errELFNames},
		{"segments", elfText(t, []elf.Prog64{load(0, 1), load(1, 1), load(2, 1), load(3, 1), load(4, 1)}, nil, names), errELFTooGreat},
		{"sections", elfText(t, one, repeat(some, 7), names), errELFTooGreat},
		{"names that share their bytes", elfText(t, one, repeat(some, 6), "\x00"+strings.Repeat("A", 17)+"\x00"), errELFTooGreat},
		{"bytes of names", patch(whole(), shstrtab(whole())+32, 100<<30), errELFTooGreat},
		{"names behind the file's end", patch(whole(), shstrtab(whole())+24, 1<<20), errELFNames},
		{"compressed names", patch(whole(), shstrtab(whole())+8, uint64(elf.SHF_COMPRESSED)), errELFNames},
		{"a name that nothing ends", elfText(t, one, repeat(some, 6), "\x00A"), errELFNames},
		{"overlapping segments", elfText(t, []elf.Prog64{load(0x800, 0x801), load(0, 0x801)}, nil, names), errELFOverlap},
		{"a segment past 2^64", elfText(t, []elf.Prog64{load(0x7ffffffffffffff0, 0x7ffffffffffffff0), load(0, 1<<63-1)}, nil, names), errELFOverlap},
		{"no ELF file", []byte("#!"), errNotELF},
		{"sections in the first section's place", func() []byte {
			text := whole()
			binary.LittleEndian.PutUint16(text[0x3c:], 0)
			return patch(text, shstrtab(text)-64+32, 1<<31)
		}(), errELFTooGreat},
	} {
		if _, err := smallELFReader().open(bytes.NewReader(tt.text)); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	r := smallELFReader()
	if _, err := r.open(bytes.NewReader(whole())); err != nil {
		t.Fatal(err)
	}
	if _, err := r.open(bytes.NewReader(whole())); !errors.Is(err, errELFTooGreat) {
		t.Errorf("names of two files: got %v", err)
	}
	r = smallELFReader()
	for n := range 3 { // of which each has 8 sections and a segment
		if _, err := r.open(bytes.NewReader(elfText(t, one, repeat(elf.Section64{}, 6), "\x00"))); errors.Is(err, errELFTooGreat) != (n == 2) {
			t.Errorf("sections of %d files: got %v", n+1, err)
		}
	}
}

// A file that is written to while it is read stays as it was when it was judged.
func TestELFReaderKeeps(t *testing.T) {
	text := elfText(t, []elf.Prog64{load(0, 0x1000)}, nil, "\x00")
	changing := &changingFile{text}
	f, err := smallELFReader().open(changing)
	if err != nil || len(f.Progs) != 1 || f.Progs[0].Memsz != 0x1000 || len(f.Sections) != 2 {
		t.Errorf("got %+v, %v", f, err)
	}
}

// changingFile overwrites each byte once it was read, but for the first 16.
type changingFile struct{ text []byte }

func (c *changingFile) ReadAt(buf []byte, at int64) (int, error) {
	n, err := bytes.NewReader(c.text).ReadAt(buf, at)
	for i := range buf[:n] {
		if at+int64(i) >= 16 {
			c.text[at+int64(i)] = 0xff
		}
	}
	return n, err
}

func TestImagesAreBounded(t *testing.T) {
	text := elfText(t, []elf.Prog64{load(0, 0x1000)}, repeat(elf.Section64{Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_ALLOC), Addr: 0x100, Size: 1}, 5), "\x00")
	var own []Mapping
	for i := range 5 {
		own = append(own, Mapping{Range: pages(addr.Addr(i)+1, addr.Addr(i)+2), Perms: Readable | Executable, Inode: 7, Name: "/x"})
	}
	r := smallELFReader()
	f, err := r.open(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.spans = 100
	if images, err := r.images(own, f, 0x1000); len(images) != 2 || err != errELFImages {
		t.Errorf("got %d images, %v", len(images), err)
	}
	r.spans = 12
	if images, err := r.images(own, f, 0x1000); len(images) != 1 || err != errELFSpans {
		t.Errorf("with few spans: got %d images, %v", len(images), err)
	}
}

// compressed is a section of these bytes that says that it has size.
func compressed(t *testing.T, content []byte, size uint64) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, elf.Chdr64{Type: uint32(elf.COMPRESS_ZLIB), Size: size, Addralign: 1}); err != nil {
		t.Fatal(err)
	}
	z := zlib.NewWriter(&b)
	z.Write(content)
	z.Close()
	return b.Bytes()
}

func TestInflatedIsBounded(t *testing.T) {
	content := bytes.Repeat([]byte("x"), 5000)
	for _, tt := range []struct {
		name string
		has  int
		says uint64
		want int
		err  error
	}{
		{"all", 900, 900, 900, io.EOF}, {"a lie", 900, 1 << 62, 900, io.EOF}, {"another", 900, 10, 900, io.EOF},
		{"too great", 5000, 5000, 1000, errELFTooGreat}, {"too great, and a lie", 5000, 10, 1000, errELFTooGreat},
	} {
		section := compressed(t, content[:tt.has], tt.says)
		text := elfText(t, nil, []elf.Section64{{Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_COMPRESSED), Off: 0x1000, Size: uint64(len(section))}}, "\x00")
		file := append(append(text, make([]byte, 0x1000-len(text))...), section...)
		r := smallELFReader()
		f, err := r.open(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		lazy := r.lazy(f.Sections[2])
		if first := lazy.upTo(5); len(first) != 5 || r.debug != 995 {
			t.Errorf("%s: got %q first, and %d bytes are left", tt.name, first, r.debug)
		}
		data := lazy.upTo(1 << 62)
		if len(data) != tt.want || !errors.Is(lazy.err, tt.err) {
			t.Errorf("%s: got %d bytes, %v", tt.name, len(data), lazy.err)
		}
		if left := uint64(1000 - tt.want); r.debug != left {
			t.Errorf("%s: %d bytes are left, want %d", tt.name, r.debug, left)
		}
	}
}

func TestSymbolsAreBounded(t *testing.T) {
	const most = 10 // entries of 24 bytes
	for n, want := range map[int]error{most: nil, most + 1: errELFTooGreat} {
		text := elfText(t, nil, []elf.Section64{
			{Type: uint32(elf.SHT_SYMTAB), Off: 0x1000, Size: uint64(24 * n), Link: 3}, {Type: uint32(elf.SHT_STRTAB), Off: 0x1000, Size: 1},
		}, "\x00")
		file := append(text, make([]byte, 0x2000-len(text))...)
		r := smallELFReader()
		if got := r.readSymbols(bytes.NewReader(file), func(*elf.File) ([]Image, error) { return nil, nil }); !errors.Is(got.err, want) {
			t.Errorf("%d symbols: got %v, want %v", n, got.err, want)
		}
	}
}

// Names are found wherever the pieces end in which their table is read.
func TestFindNames(t *testing.T) {
	table := bytes.Repeat([]byte("runtime.work_"), 3*pieceSize/13)
	want := map[uint32]string{}
	put := func(at int, name string) {
		copy(table[at:], name+"\x00")
		want[uint32(at)] = name
	}
	put(0, "runtime.work")
	longest := "runtime.persistentChunks"
	put(pieceSize-len(longest), longest) // all but its NUL is in the first piece
	put(2*pieceSize-len(longest)-5, "runtime.mheap_")
	put(2*pieceSize-13, "runtime.allm")
	put(len(table)-13, "runtime.allm")
	got, err := findNames(bytes.NewReader(table), goVariables)
	if err != nil || len(got) != len(want) {
		t.Fatalf("got %v, %v, want %v", got, err, want)
	}
	for at, name := range want {
		if got[at] != name {
			t.Errorf("at %d: got %q, want %q", at, got[at], name)
		}
	}
	if _, err := findNames(strings.NewReader(strings.Repeat("runtime.work\x00", mostNamesakes+1)), goVariables); err != errTable {
		t.Errorf("one name again and again: got %v", err)
	}
}

// The variables of a Go program are where debug/elf finds them. Their types are found
// without reading all of its debug information.
func TestGoSymbols(t *testing.T) {
	exe := goTool(t, "testdata/child", nil)
	file, err := os.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r := newELFReader()
	f, err := r.open(file)
	if err != nil {
		t.Fatal(err)
	}
	found, err := r.goSymbols(f, goVariables)
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, y := range symbols {
		if at, ok := found[y.Name]; ok && at != addr.Addr(y.Value) {
			t.Errorf("%s: got %v, want %#x", y.Name, at, y.Value)
		}
	}
	if found["runtime.mheap_"] == 0 || found["runtime.allm"] == 0 {
		t.Errorf("got %v", found)
	}
	before := r.debug
	types, err := r.goTypes(f, found, goTypeNames)
	if err != nil || types["runtime.mheap_"] == (goType{}) || types["runtime.heapArena"] == (goType{}) {
		t.Fatalf("got %v, %v", types, err)
	}
	if info := f.Section(".debug_info").Size; len(types) == len(found)+len(goTypeNames) && before-r.debug >= info {
		t.Errorf("%d bytes were read of %d, to find what lies among the first", before-r.debug, info)
	}
}
