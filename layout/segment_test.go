package layout

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

// checkTiled checks that the parts cover each mapping exactly, by address.
func checkTiled(t testing.TB, maps []Mapping, parts []Part) {
	t.Helper()
	next := 0
	for i, m := range maps {
		at := m.Lo
		for ; next < len(parts) && parts[next].Mapping == i; next++ {
			p := parts[next]
			if p.Lo != at || p.Size() == 0 || !m.Covers(p.Range) {
				t.Fatalf("part %v of mapping %v does not start at %v", p.Range, m.Range, at)
			}
			if p.Kind == "" || p.Label == "" {
				t.Fatalf("part %v has kind %q, label %q", p.Range, p.Kind, p.Label)
			}
			for _, s := range p.Sections {
				if !p.Covers(s.Range) {
					t.Fatalf("section %v lies outside its part %v", s, p.Range)
				}
			}
			at = p.Hi
		}
		if at != m.Hi {
			t.Fatalf("the parts of %v end at %v", m.Range, at)
		}
	}
	if next != len(parts) {
		t.Fatalf("%d parts of %d belong to no mapping, or not in their order", len(parts)-next, len(parts))
	}
}

// picture draws parts in units of 0x1000, as "1-3 text .text | 3-4 anonymous anonymous".
func picture(parts []Part) string {
	var out []string
	for _, p := range parts {
		out = append(out, fmt.Sprintf("%x-%x %s: %s", uint64(p.Lo)/0x1000, uint64(p.Hi)/0x1000, p.Kind, p.Label))
	}
	return strings.Join(out, " | ")
}

func pages(lo, hi addr.Addr) addr.Range { return addr.Range{Lo: lo * 0x1000, Hi: hi * 0x1000} }

func TestClassify(t *testing.T) {
	prog := Dev{0xfe, 1}
	file := func(lo, hi addr.Addr) Mapping { return Mapping{pages(lo, hi), Readable, 0, prog, 7, "/prog"} }
	anon := func(lo, hi addr.Addr) Mapping { return Mapping{Range: pages(lo, hi), Perms: Readable} }
	heap := func(lo, hi addr.Addr) Mapping { return Mapping{Range: pages(lo, hi), Name: "[heap]"} }
	span := func(lo, hi addr.Addr, name string, kind Kind, zeroed bool) Span {
		return Span{Section{pages(lo, hi), name}, kind, zeroed}
	}
	image := Image{"/prog", prog, 7, false, 0, []Span{
		span(1, 2, ".note", KindELF, false), span(2, 4, ".text", KindText, false), span(4, 5, "", KindText, false),
		span(5, 6, ".fini", KindText, false), span(6, 7, ".data", KindData, false), span(7, 9, ".bss", KindBSS, true),
		span(9, 10, "", KindELF, true),
	}, Program}
	tests := []struct {
		name  string
		maps  []Mapping
		known Knowledge
		want  string
	}{
		{"nothing known", []Mapping{file(1, 3), anon(3, 4), heap(5, 6)}, Knowledge{},
			"1-3 file: file mapping | 3-4 anonymous: anonymous | 5-6 brk heap: [heap]"},
		{"an image; .bss goes on behind the file", []Mapping{file(1, 8), anon(8, 11)}, Knowledge{Images: []Image{image}},
			"1-2 elf: .note | 2-6 text: .text .fini | 6-7 data: .data | 7-8 bss: .bss | 8-9 bss: .bss | 9-a elf: no section | a-b anonymous: anonymous"},
		{"the brk heap took the line of .bss over", []Mapping{file(1, 8), heap(8, 11)}, Knowledge{Images: []Image{image}},
			"1-2 elf: .note | 2-6 text: .text .fini | 6-7 data: .data | 7-8 bss: .bss | 8-9 bss: .bss | 9-a elf: no section | a-b brk heap: [heap]"},
		{"code is not where no file is", []Mapping{anon(1, 8)}, Knowledge{Images: []Image{image}},
			"1-7 anonymous: anonymous | 7-8 bss: .bss"},
		{"another file in the same place", []Mapping{{pages(1, 8), Readable, 0, prog, 8, "/prog"}}, Knowledge{Images: []Image{image}},
			"1-8 file: file mapping"},
		{"a runtime's areas are anonymous memory", []Mapping{file(1, 2), anon(2, 5), heap(5, 6)},
			Knowledge{Runtime: []Owned{{pages(1, 4), KindGoHeap, "Go: heap"}, {pages(5, 9), KindGoHeap, "Go: heap"}}},
			"1-2 file: file mapping | 2-4 go heap: Go: heap | 4-5 anonymous: anonymous | 5-6 brk heap: [heap]"},
		{"the owner wins, over a file too", []Mapping{file(1, 4), anon(4, 6)},
			Knowledge{Images: []Image{image}, Runtime: []Owned{{pages(4, 6), KindGoHeap, "Go: heap"}},
				Owned: []Owned{{pages(3, 5), KindOwnHeap, "heap"}, {pages(5, 5), KindOwnGuard, "empty"}}},
			"1-2 elf: .note | 2-3 text: .text | 3-4 own heap: heap | 4-5 own heap: heap | 5-6 go heap: Go: heap"},
		{"of two owners the lower has it", []Mapping{anon(1, 9)},
			Knowledge{Owned: []Owned{{pages(4, 8), KindOwnStack, "b"}, {pages(2, 6), KindOwnHeap, "a"}, {pages(3, 5), KindOwnGuard, "c"}}},
			"1-2 anonymous: anonymous | 2-6 own heap: a | 6-8 own stack: b | 8-9 anonymous: anonymous"},
		{"without a file, but as if", []Mapping{
			{pages(1, 2), Readable, 0, Dev{0, 16}, 7, "/anon_hugepage (deleted)"}, {pages(2, 3), Readable | Shared, 0, Dev{0, 16}, 7, "/anon_hugepage (deleted)"},
			{pages(3, 4), Readable, 0, Dev{0, 17}, 7, "/anon_hugepage (deleted)"}, {pages(4, 5), Readable | Shared, 0, Dev{0, 9}, 7, "anon_inode:[io_uring]"},
			{pages(5, 6), Readable, 0, prog, 4, "/dev/zero"}, {pages(6, 7), Readable, 0, prog, 5, "/dev/zero"}},
			Knowledge{Shmem: []Dev{{0, 1}, {0, 16}}, zero: fileID{prog, 4, "/dev/zero"}},
			"1-2 anonymous: /anon_hugepage (deleted) | 2-3 shared: /anon_hugepage (deleted) | 3-4 file: file mapping | " +
				"4-5 kernel: anon_inode:[io_uring] | 5-6 anonymous: /dev/zero | 6-7 file: file mapping"},
		{"an owner across mappings", []Mapping{anon(1, 3), anon(3, 4), anon(6, 9)}, Knowledge{Owned: []Owned{{pages(2, 8), KindOwnHeap, "a"}}},
			"1-2 anonymous: anonymous | 2-3 own heap: a | 3-4 own heap: a | 6-8 own heap: a | 8-9 anonymous: anonymous"},
	}
	for _, tt := range tests {
		parts := Classify(tt.maps, tt.known)
		checkTiled(t, tt.maps, parts)
		if got := picture(parts); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func TestClassifyTop(t *testing.T) {
	maps := []Mapping{{Range: addr.Range{Lo: 0xffffffffffffd000, Hi: 0}}}
	parts := Classify(maps, Knowledge{Owned: []Owned{{addr.Range{Lo: 0xffffffffffffe000, Hi: 0}, KindOwnHeap, "top"}}})
	checkTiled(t, maps, parts)
	if len(parts) != 2 || parts[1].Label != "top" {
		t.Errorf("got %v", parts)
	}
}

// Names that the kernel gives, or that a process gives through it.
func TestClassifyFixtures(t *testing.T) {
	want := map[string][]string{ // parts besides files, anonymous memory and what every process has
		"static":      {"brk heap: [heap]"},
		"pie":         {"brk heap: [heap]"},
		"norandom":    {"brk heap: [heap]"},
		"deleted":     {"brk heap: [heap]"},
		"hostile":     {"brk heap: [heap]", "shared: /dev/zero (deleted)", "memfd: /memfd:mem\x1b fd\\012 (deleted)"},
		"arm64-48bit": {"brk heap: [heap]"},
		"arm64-39bit": {"brk heap: [heap]"},
		"arm64-52bit": {"brk heap: [heap]"},
		"arm64-64k":   {"brk heap: [heap]"},
		"i386":        {"brk heap: [heap]"},
		"go-named": {"go heap: Go: heap", "go heap: Go: heap reservation", "go runtime: Go: immortal metadata",
			"go runtime: Go: heap index", "go runtime: Go: scavenge index", "go runtime: Go: page summary",
			"thread stack: Go: OS thread stack", "anonymous: [anon:memprobe heap]", "anonymous: [anon_shmem:shared cache]",
			"thread stack: [stack:4243]", "kernel: [uprobes]"},
	}
	common := []string{"vvar: [vvar]", "vvar: [vvar_vclock]", "vdso: [vdso]", "process stack: [stack]", "vsyscall: [vsyscall]",
		"file: file mapping", "anonymous: anonymous", "reserved: reserved"}
	for name, text := range fixtures(t) {
		maps, err := ParseMaps(text)
		if err != nil {
			t.Fatal(name, err)
		}
		parts := Classify(maps, Knowledge{})
		checkTiled(t, maps, parts)
		var got []string
		for _, p := range parts {
			if s := fmt.Sprintf("%s: %s", p.Kind, p.Label); !slices.Contains(common, s) {
				got = append(got, s)
			}
			if m := maps[p.Mapping]; p.Kind == KindFile && p.Object != m.Name {
				t.Errorf("%s: object %q of mapping %q", name, p.Object, m.Name)
			}
		}
		if !slices.Equal(got, want[name]) {
			t.Errorf("%s: got\n%q\nwant\n%q", name, got, want[name])
		}
	}
}

func TestKinds(t *testing.T) {
	seen := map[Kind]bool{}
	for _, info := range Kinds {
		if seen[info.Kind] || info.Text == "" || info.Segment == "" {
			t.Errorf("%+v: twice in the list, or empty", info)
		}
		seen[info.Kind] = true
		if info.Kind.Info() != info {
			t.Errorf("%s: info %+v", info.Kind, info.Kind.Info())
		}
	}
	if got := Kind("new").Info(); got != (KindInfo{"new", SegmentNotDrawn, "new", true}) {
		t.Errorf("a kind that is not listed: %+v", got)
	}
}
