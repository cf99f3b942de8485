package layout

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

// laidOut draws spans as "elf ELF header 0x1000-0x1040, text .text 0x1100-0x1200".
func laidOut(list []Span) string {
	var out []string
	for _, s := range list {
		text := fmt.Sprintf("%s %s %v", s.Kind, s.Name, s.Range)
		if s.Zeroed {
			text += " zeroed"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// Sections lie where their addresses say, moved by the bias; what lies between them is
// told too, up to whole pages.
func TestSpansOfSections(t *testing.T) {
	const (
		alloc, write, exec, tls = elf.SHF_ALLOC, elf.SHF_WRITE, elf.SHF_EXECINSTR, elf.SHF_TLS

		progbits, nobits, note = elf.SHT_PROGBITS, elf.SHT_NOBITS, elf.SHT_NOTE
	)
	section := func(name string, sort elf.SectionType, flags elf.SectionFlag, at, size uint64) *elf.Section {
		return &elf.Section{SectionHeader: elf.SectionHeader{Name: name, Type: sort, Flags: flags, Addr: at, Size: size}}
	}
	prog := func(sort elf.ProgType, off, at, filesz, memsz uint64) *elf.Prog {
		return &elf.Prog{ProgHeader: elf.ProgHeader{Type: sort, Flags: elf.PF_R, Off: off, Vaddr: at, Filesz: filesz, Memsz: memsz}}
	}
	const loads, relro, interp, phdr = elf.PT_LOAD, elf.PT_GNU_RELRO, elf.PT_INTERP, elf.PT_PHDR
	f := &elf.File{
		FileHeader: elf.FileHeader{Class: elf.ELFCLASS64},
		Progs: []*elf.Prog{
			prog(phdr, 0x40, 0x40, 0xc0, 0xc0), prog(interp, 0x100, 0x100, 0x20, 0x20), prog(loads, 0, 0, 0x800, 0x800),
			prog(loads, 0x1000, 0x2000, 0x800, 0x1800), prog(relro, 0x1000, 0x2000, 0x800, 0x1080), prog(loads, 0, 0x5000, 0, 0x10),
		},
		Sections: []*elf.Section{
			{}, section(".interp", progbits, alloc, 0x100, 0x20), section(".note", note, alloc, 0x120, 0x20), section(".text", progbits, alloc|exec, 0x200, 0x100),
			section(".fini", progbits, alloc|exec, 0x310, 0x10), section(".rodata", progbits, alloc, 0x400, 0x100), section(".empty", progbits, alloc, 0x500, 0),
			section(".comment", progbits, 0, 0, 0x100), section(".tbss", nobits, alloc|write|tls, 0x2000, 0x400), section(".tdata", progbits, alloc|write|tls, 0x2000, 0x100),
			section(".relbss", nobits, alloc|write, 0x2100, 0x100), section(".got.plt", progbits, alloc|write, 0x2580, 0x100),
			section(".data", progbits, alloc|write, 0x2700, 0x80), section(".bss", nobits, alloc|write, 0x2800, 0x900), section(".beyond", progbits, alloc, 0x37f0, 0x20),
		},
	}
	want := "elf ELF header 0x10000-0x10040, elf program headers 0x10040-0x10100, elf .interp 0x10100-0x10120, elf .note 0x10120-0x10140, elf  0x10140-0x10200, " +
		"text .text 0x10200-0x10300, text  0x10300-0x10310, text .fini 0x10310-0x10320, elf  0x10320-0x10400, rodata .rodata 0x10400-0x10500, elf  0x10500-0x11000, " +
		"relro .tdata 0x12000-0x12100, relro .relbss 0x12100-0x12200 zeroed, relro  0x12200-0x12580, relro .got.plt 0x12580-0x12680, " +
		"relro  0x12680-0x12700, relro .data 0x12700-0x12780, relro  0x12780-0x12800, relro .bss 0x12800-0x13000 zeroed, bss .bss 0x13000-0x13100 zeroed, elf  0x13100-0x14000 zeroed, " +
		"elf  0x15000-0x16000 zeroed"
	if got := laidOut(spans(f, 0x10000, 0x1000)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	f.Class = elf.ELFCLASS32
	if got := laidOut(spans(f, 0x10000, 0x1000)); !strings.HasPrefix(got, "elf ELF header 0x10000-0x10034, elf  0x10034-0x10040, elf program headers") {
		t.Errorf("of 32 bits: got %s", got)
	}
}

// What a file says of its own use.
func TestImageSort(t *testing.T) {
	pie := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(elf.DT_FLAGS_1)), uint64(elf.DF_1_NOW|elf.DF_1_PIE))
	now := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(elf.DT_FLAGS_1)), uint64(elf.DF_1_NOW))
	interp := elf.Prog64{Type: uint32(elf.PT_INTERP)}
	for _, tt := range []struct {
		name     string
		sort     elf.Type
		segments []elf.Prog64
		dynamic  []byte
		size     uint64
		want     ImageSort
	}{
		{"a library", elf.ET_DYN, nil, now, 16, MayBeEither},
		{"without a dynamic section", elf.ET_DYN, nil, nil, 0, MayBeEither},
		{"a program", elf.ET_DYN, nil, pie, 16, Program},
		{"a program that a loader loads", elf.ET_DYN, []elf.Prog64{interp}, pie, 16, Program},
		{"with a loader, and no mark", elf.ET_DYN, []elf.Prog64{interp}, now, 16, Interpreted},
		{"at a fixed address", elf.ET_EXEC, nil, nil, 0, Program},
		{"a dynamic section out of all bounds", elf.ET_DYN, nil, pie, mostDynamic + 16, MayBeEither},
	} {
		sections := []elf.Section64{{Type: uint32(elf.SHT_DYNAMIC), Off: 0x1000, Size: tt.size, Link: 1, Entsize: 16}}
		if tt.dynamic == nil {
			sections = nil
		}
		text := elfText(t, tt.segments, sections, "\x00")
		text = append(append(text, make([]byte, 0x1000-len(text))...), tt.dynamic...)
		text = append(text, make([]byte, mostDynamic)...)
		binary.LittleEndian.PutUint16(text[16:], uint16(tt.sort))
		f, err := newELFReader().open(bytes.NewReader(text))
		if err != nil {
			t.Fatal(tt.name, err)
		}
		if got := imageSort(f); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}

// A file was loaded where each of its segments is mapped as its header asks.
func TestLoadedAt(t *testing.T) {
	loads := []elf.ProgHeader{
		{Flags: elf.PF_R, Off: 0, Vaddr: 0x400000, Filesz: 0x800}, {Flags: elf.PF_R | elf.PF_X, Off: 0x1800, Vaddr: 0x402800, Filesz: 0x800},
	}
	at := func(lo addr.Addr, offset addr.Bytes, perms Perms) Mapping {
		return Mapping{addr.Span(lo, 0x1000), perms, offset, Dev{8, 1}, 7, "/x"}
	}
	const base = 0x1000000
	head, code := at(base, 0, Readable), at(base+0x2000, 0x1000, Readable|Executable)
	for _, tt := range []struct {
		name string
		own  []Mapping
		want bool
	}{
		{"both", []Mapping{head, code}, true},
		{"the first alone", []Mapping{head}, false},
		{"the second alone", []Mapping{code}, false},
		{"other bytes", []Mapping{head, at(base+0x2000, 0x2000, Readable|Executable)}, false},
		{"code that may not be executed", []Mapping{head, at(base+0x2000, 0x1000, Readable)}, false},
		{"a mapping that begins below", []Mapping{head, {addr.Range{Lo: base + 0x1000, Hi: base + 0x3000}, Readable | Executable, 0, Dev{8, 1}, 7, "/x"}}, true},
	} {
		if got := loadedAt(tt.own, loads, base-0x400000, 0x1000); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
	f := &elf.File{FileHeader: elf.FileHeader{Class: elf.ELFCLASS64, Type: elf.ET_DYN}}
	for _, l := range append(loads, elf.ProgHeader{Flags: elf.PF_R | elf.PF_W, Off: 0x9000, Vaddr: 0x409000, Memsz: 0x1000}) { // the last has no bytes in the file
		f.Progs = append(f.Progs, &elf.Prog{ProgHeader: l})
	}
	for _, p := range f.Progs {
		p.Type = elf.PT_LOAD
	}
	twice := []Mapping{head, code, at(base+0x100000, 0, Readable), at(base+0x102000, 0x1000, Readable|Executable)}
	got, err := newELFReader().images(twice, f, 0x1000)
	if err != nil || len(got) != 2 || got[0].Bias != base-0x400000 || got[1].Bias != base+0x100000-0x400000 || got[0].Inode != 7 || got[0].Path != "/x" {
		t.Errorf("loaded twice: got %d images, %v", len(got), err)
	}
	one := &elf.File{FileHeader: f.FileHeader, Progs: []*elf.Prog{{ProgHeader: elf.ProgHeader{Type: elf.PT_LOAD, Flags: elf.PF_R, Filesz: 0x2000, Memsz: 0x2000}}}}
	if got, err := newELFReader().images([]Mapping{head, at(base+0x1000, 0x1000, Readable|Writable)}, one, 0x1000); err != nil || len(got) != 1 {
		t.Errorf("a segment in two mappings: got %d images, %v", len(got), err)
	}
	f.Type = elf.ET_REL // a linker's input
	if got, err := newELFReader().images(twice, f, 0x1000); got != nil || err != nil {
		t.Errorf("no program: got %d images, %v", len(got), err)
	}
}

// Files of both classes and both orders of bytes are read, and what is damaged in them is
// found.
func TestELFReaderClasses(t *testing.T) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		data := elf.ELFDATA2LSB
		if order == binary.BigEndian {
			data = elf.ELFDATA2MSB
		}
		const names, at = "\x00.text\x00", 0x100
		h := elf.Header32{
			Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS32), byte(data), byte(elf.EV_CURRENT)},
			Type:  uint16(elf.ET_DYN), Machine: uint16(elf.EM_ARM), Version: uint32(elf.EV_CURRENT), Phoff: 52, Phentsize: 32, Phnum: 1,
			Shoff: at + 0x20, Shentsize: 40, Shnum: 3, Shstrndx: 1,
		}
		file := func(h elf.Header32) []byte {
			var b bytes.Buffer
			for _, part := range []any{h, elf.Prog32{Type: uint32(elf.PT_LOAD), Filesz: 0x100, Memsz: 0x100}} {
				binary.Write(&b, order, part)
			}
			b.Write(make([]byte, at-b.Len()))
			b.WriteString(names)
			b.Write(make([]byte, at+0x20-b.Len()))
			binary.Write(&b, order, []elf.Section32{
				{}, {Type: uint32(elf.SHT_STRTAB), Off: at, Size: uint32(len(names))},
				{Name: 1, Type: uint32(elf.SHT_PROGBITS), Flags: uint32(elf.SHF_ALLOC), Addr: 0x40, Size: 4},
			})
			return b.Bytes()
		}
		f, err := smallELFReader().open(bytes.NewReader(file(h)))
		if err != nil || f.Class != elf.ELFCLASS32 || len(f.Sections) != 3 || f.Sections[2].Name != ".text" || len(f.Progs) != 1 {
			t.Errorf("%v: %v", order, err)
			continue
		}
		endless := file(h)
		endless[at+len(names)-1] = 'x'
		if _, err := smallELFReader().open(bytes.NewReader(endless)); err != errELFNames {
			t.Errorf("%v, a name that nothing ends: %v", order, err)
		}
		for name, damage := range map[string]func(*elf.Header32){
			"entries of another size":    func(h *elf.Header32) { h.Shentsize = 48 },
			"names in no section":        func(h *elf.Header32) { h.Shstrndx = 3 },
			"sections behind the end":    func(h *elf.Header32) { h.Shoff = 0x7fffffff },
			"segments behind the end":    func(h *elf.Header32) { h.Phoff = 0x7fffffff },
			"an unknown class":           func(h *elf.Header32) { h.Ident[elf.EI_CLASS] = 9 },
			"more segments than allowed": func(h *elf.Header32) { h.Phnum = 5 },
		} {
			damaged := h
			damage(&damaged)
			if _, err := smallELFReader().open(bytes.NewReader(file(damaged))); err == nil {
				t.Errorf("%v, %s: no error", order, name)
			}
		}
	}
	names := "\x00" + strings.Repeat("A", 15) + "\x00"
	some := elf.Section64{Name: 1, Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_ALLOC), Addr: 0x100, Size: 1}
	some.Name = uint32(len(names) + 1)
	if _, err := smallELFReader().open(bytes.NewReader(elfText(t, nil, []elf.Section64{some}, names))); err != errELFNames {
		t.Errorf("a name behind all names: %v", err)
	}
	past := elf.Prog64{Type: uint32(elf.PT_LOAD), Vaddr: 1<<64 - 0x1000, Memsz: 0x2000}
	if _, err := smallELFReader().open(bytes.NewReader(elfText(t, []elf.Prog64{past}, nil, names))); err != errELFOverlap {
		t.Errorf("a segment past 2^64: %v", err)
	}
	if _, err := (&keptFile{file: bytes.NewReader(nil)}).keep(1<<63, 1); err != errELFHeader {
		t.Errorf("an offset past 2^63: %v", err)
	}
	if _, err := (&keptFile{file: bytes.NewReader(nil)}).keep(1<<63-1, 1); err != errELFHeader {
		t.Errorf("an end past 2^63: %v", err)
	}
}

func TestHeldFiles(t *testing.T) {
	m := Mapping{Range: pages(1, 2), Dev: Dev{0, 1}, Inode: 7, Name: "[anon_shmem:a]"}
	if m.file().matches(m) {
		t.Error("memory that only has an inode is taken for a file")
	}
	m.Name = "/a"
	other := m
	other.Inode++
	if !m.file().matches(m) || m.file().matches(other) {
		t.Error("files are not told apart")
	}
	got := loadsOf(&elf.File{Progs: []*elf.Prog{
		{ProgHeader: elf.ProgHeader{Type: elf.PT_LOAD, Vaddr: 2, Memsz: 1}}, {ProgHeader: elf.ProgHeader{Type: elf.PT_LOAD, Vaddr: 1}},
		{ProgHeader: elf.ProgHeader{Type: elf.PT_NOTE, Vaddr: 1, Memsz: 1}}, {ProgHeader: elf.ProgHeader{Type: elf.PT_LOAD, Vaddr: 1, Memsz: 1}},
	}})
	if !slices.Equal([]uint64{got[0].Vaddr, got[1].Vaddr}, []uint64{1, 2}) || len(got) != 2 {
		t.Errorf("got %v", got)
	}
}
