package layout

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"memprobe/layout/addr"
)

// testSpace is a small space of our own making.
func testSpace() *Space {
	s := &Space{
		PID: 42, Comm: "x\xff", Exe: "/prog", Arch: "amd64", PageSize: 0x1000, UserBits: 47,
		Mappings: []Mapping{
			{pages(0x400, 0x404), Readable | Executable, 0x1000, Dev{0xfe, 1}, 7, "/prog"},
			{Range: pages(0x500, 0x510), Name: "[heap]"},
			{Range: pages(0x7ffe00000, 0x7ffe00010), Name: "[stack]"},
			{Range: addr.Range{Lo: 0xffffffffff600000, Hi: 0xffffffffff601000}, Name: "[vsyscall]"},
		},
	}
	s.Parts = Classify(s.Mappings, Knowledge{Images: []Image{{"/prog", Dev{0xfe, 1}, 7, false, 0, []Span{
		{Section{pages(0x401, 0x402), ".text"}, KindText, false},
		{Section{pages(0x402, 0x403), ""}, KindText, false},
		{Section{pages(0x403, 0x404), ".fini"}, KindText, false},
	}, Program}}})
	s.Gaps = s.gaps()
	return s
}

func TestWhere(t *testing.T) {
	s := testSpace()
	place := func(a addr.Addr) string {
		l := s.Where(a)
		out := fmt.Sprintf("%s, page %#x+%#x", l.State, l.Page, uint64(l.PageOffset))
		if p := l.Place; p != nil {
			out += fmt.Sprintf("; %s: %s; mapping -%#x +%#x, part -%#x +%#x", p.Part.Kind, p.Part.Label,
				uint64(p.FromMapping), uint64(p.ToMapping), uint64(p.FromPart), uint64(p.ToPart))
			if p.FileOffset != nil {
				out += fmt.Sprintf(", file %v", *p.FileOffset)
			}
			if p.Section != nil {
				out += fmt.Sprintf(", %s+%#x", p.Section.Name, uint64(*p.FromSection))
			}
		}
		if l.Below != nil {
			out += fmt.Sprintf("; %#x above %s", uint64(l.Below.Distance), l.Below.Part.Label)
		}
		if l.Above != nil {
			out += fmt.Sprintf("; %#x below %s", uint64(l.Above.Distance), l.Above.Part.Label)
		}
		return out
	}
	for a, want := range map[addr.Addr]string{
		0x401008:           "mapped, page 0x401+0x8; text: .text .fini; mapping -0x1008 +0x2ff8, part -0x8 +0x2ff8, file 0x2008, .text+0x8; 0x9 above file mapping; 0xfeff8 below [heap]",
		0x402008:           "mapped, page 0x402+0x8; text: .text .fini; mapping -0x2008 +0x1ff8, part -0x1008 +0x1ff8, file 0x3008; 0x1009 above file mapping; 0xfdff8 below [heap]",
		0x403000:           "mapped, page 0x403+0x0; text: .text .fini; mapping -0x3000 +0x1000, part -0x2000 +0x1000, file 0x4000, .fini+0x0; 0x2001 above file mapping; 0xfd000 below [heap]",
		0x500000:           "mapped, page 0x500+0x0; brk heap: [heap]; mapping -0x0 +0x10000, part -0x0 +0x10000; 0xfc001 above .text .fini; 0x7ffdffb00000 below [stack]",
		0xffffffffff600fff: "mapped, page 0xffffffffff600+0xfff; vsyscall: [vsyscall]; mapping -0xfff +0x1, part -0xfff +0x1",
		0:                  "unmapped, page 0x0+0x0; 0x400000 below file mapping",
		0x404000:           "unmapped, page 0x404+0x0; 0x1 above .text .fini; 0xfc000 below [heap]",
	} {
		if got := place(a); got != want {
			t.Errorf("%v:\n got %s\nwant %s", a, got, want)
		}
	}
	for a, want := range map[addr.Addr]struct {
		state        State
		below, above bool // there is a neighbour: in the same half alone
	}{
		0x7fffffffffff: {Unmapped, true, false}, 0x800000000000: {NonCanonical, false, false}, 0xffff7fffffffffff: {NonCanonical, false, false},
		0xffff800000000000: {KernelHalf, false, true}, 0xffffffffffffffff: {KernelHalf, true, false},
	} {
		if got := s.Where(a); got.State != want.state || got.Place != nil || (got.Below != nil) != want.below || (got.Above != nil) != want.above {
			t.Errorf("%v: %+v, want %+v", a, got, want)
		}
	}
	out, err := json.Marshal(s.Where(0x401008))
	want := `{"addr":"0x401008","state":"mapped","page":1025,"page_offset":8,"place":{"mapping":{"start":"0x400000","end":"0x404000",` +
		`"size":16384,"perms":"r-xp","offset":"0x1000","dev":"fe:01","inode":"7","name":"/prog"},"part":{"start":"0x401000","end":"0x404000",` +
		`"size":12288,"kind":"text","segment":"code","label":".text .fini","sections":[{"start":"0x401000","end":"0x402000","name":".text"},` +
		`{"start":"0x403000","end":"0x404000","name":".fini"}],"object":"/prog","mapping":0},"part_index":1,` +
		`"section":{"start":"0x401000","end":"0x402000","name":".text"},"file_offset":"0x2008","from_mapping_start":4104,` +
		`"to_mapping_end":12280,"from_part_start":8,"to_part_end":12280,"from_section_start":8},` +
		`"below":{"part":{"start":"0x400000","end":"0x401000","size":4096,"kind":"file","segment":"not drawn","label":"file mapping",` +
		`"object":"/prog","mapping":0},"part_index":0,"distance":9},` +
		`"above":{"part":{"start":"0x500000","end":"0x510000","size":65536,"kind":"brk heap","segment":"heap","label":"[heap]","mapping":1},"part_index":2,"distance":1044472}}`
	if err != nil || string(out) != want {
		t.Errorf("marshalled to\n%s, %v\nwant\n%s", out, err, want)
	}
}

func TestGaps(t *testing.T) {
	s := testSpace()
	want := []Gap{
		{addr.Range{Lo: 0, Hi: 0x400000}, SegmentNotDrawn},
		{pages(0x404, 0x500), SegmentNotDrawn},
		{pages(0x510, 0x7ffe00000), SegmentFree},
		{addr.Range{Lo: 0x7ffe00010000, Hi: 1 << 47}, SegmentNotDrawn},
	}
	if !slices.Equal(s.Gaps, want) {
		t.Errorf("got %v, want %v", s.Gaps, want)
	}
	empty := &Space{UserBits: 47}
	if got := empty.gaps(); !slices.Equal(got, []Gap{{empty.User(), SegmentNotDrawn}}) {
		t.Errorf("without mappings: %v", got)
	}
	full := &Space{UserBits: 47, Mappings: []Mapping{{Range: empty.User()}}}
	if got := full.gaps(); got != nil {
		t.Errorf("one mapping of all: %v", got)
	}
}

func TestCompare(t *testing.T) {
	var got string
	for _, p := range testSpace().Compare() {
		got += fmt.Sprintf("%s %#x %v\n", p.Title, uint64(p.Size), p.Parts)
	}
	want := "Stack 0x10000 [3]\nfree space 0x0 []\nHeap 0x10000 [2]\nStatic data 0x0 []\nCode (text) 0x3000 [1]\nnot drawn 0x2000 [4 0]\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestSpaceJSON(t *testing.T) {
	s := testSpace()
	s.Mappings, s.Parts, s.Gaps = nil, nil, s.Gaps[:1]
	out, err := json.Marshal(s)
	want := `{"schema":1,"pid":42,"comm":"x\ufffd","comm_hex":"78ff","exe":"/prog","arch":"amd64","page_size":4096,"user_bits":47,` +
		`"reserved":0,"changed_while_reading":false,"notes":[],"mappings":[],"parts":[],` +
		`"gaps":[{"start":"0x0","end":"0x400000","size":4194304,"segment":"not drawn"}],"stacks":[],"findings":[]}`
	if err != nil || string(out) != want {
		t.Errorf("marshalled to\n%s, %v\nwant\n%s", out, err, want)
	}
}

func TestUserBits(t *testing.T) {
	files := fixtures(t)
	for _, tt := range []struct {
		file, arch string
		fiveLevels bool
		want       int
	}{
		{"pie", "amd64", false, 47}, {"pie", "amd64", true, 56}, {"pie", "386", false, 32}, {"pie", "sparc", false, 47},
		{"arm64-39bit", "arm64", false, 39}, {"arm64-48bit", "arm64", false, 48}, {"arm64-48bit", "riscv64", false, 56},
	} {
		maps, _ := ParseMaps(files[tt.file])
		if got := userBits(tt.arch, maps, tt.fiveLevels); got != tt.want {
			t.Errorf("%+v: got %d", tt, got)
		}
	}
}

// TestFileOffset: what the loader zeroed is from no file, be a file mapped there or not.
func TestFileOffset(t *testing.T) {
	file := func(lo, hi addr.Addr) Mapping {
		return Mapping{pages(lo, hi), Readable | Writable, 0x3000, Dev{0xfe, 1}, 7, "/prog"}
	}
	s := &Space{PageSize: 0x1000, UserBits: 47, Mappings: []Mapping{file(4, 6), {Range: pages(6, 8)}, {Range: pages(9, 10), Offset: 0x1000, Inode: 3, Name: "/memfd:a"}}}
	f := &elf.File{Progs: []*elf.Prog{{ProgHeader: elf.ProgHeader{Type: elf.PT_LOAD, Flags: elf.PF_R | elf.PF_W, Off: 0x3000, Vaddr: 0x4000, Filesz: 0x1800, Memsz: 0x3800}}}}
	f.Type = elf.ET_EXEC
	section := func(name string, kind elf.SectionType, at, size uint64) {
		f.Sections = append(f.Sections, &elf.Section{SectionHeader: elf.SectionHeader{Name: name, Type: kind, Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Addr: at, Size: size}})
	}
	section(".data", elf.SHT_PROGBITS, 0x4000, 0x17f0)
	section(".bss", elf.SHT_NOBITS, 0x5820, 0x1fe0)
	classify := func() {
		images, err := newELFReader().images(s.Mappings[:1], f, s.PageSize)
		if err != nil {
			t.Fatal(err)
		}
		s.Parts = Classify(s.Mappings, Knowledge{Images: images})
	}
	classify()
	for a, want := range map[addr.Addr]addr.Addr{
		0x4000: 0x3000, 0x57ef: 0x47ef, 0x57f0: 0x47f0, 0x57ff: 0x47ff, 0x5800: 0, 0x5820: 0, 0x5fff: 0, 0x6000: 0, 0x7fff: 0, 0x9008: 0x1008,
	} {
		got := s.Where(a).Place.FileOffset
		if (got == nil) != (want == 0) || got != nil && *got != want {
			t.Errorf("%v, in %+v: got %v, want %v", a, s.Where(a).Place.Part, got, want)
		}
	}
	f.Progs[0].Memsz, f.Sections = f.Progs[0].Filesz, f.Sections[:1] // nothing is zeroed: the file goes on up to the page's end
	classify()
	if got := s.Where(0x5fff).Place.FileOffset; got == nil || *got != 0x4fff {
		t.Errorf("behind the segment: %v", got)
	}
}
