package report

import (
	"slices"
	"strings"
	"testing"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// TestHugetlbIsNotInRSS: a row that is in memory and has no RSS is explained, where
// there is one.
func TestHugetlbIsNotInRSS(t *testing.T) {
	s := &layout.Space{PID: 1, PageSize: 4096, UserBits: 47}
	s.Mappings = []layout.Mapping{
		{Range: addr.Span(0x200000, 2<<20), Inode: 7, Name: "/dev/zero (deleted)", Dev: layout.Dev{Minor: 1}}, {Range: addr.Span(0x400000, 2<<20)},
	}
	s.Parts = layout.Classify(s.Mappings, layout.Knowledge{})
	s.Figures = []layout.Figures{{RSS: 4096}, {RSS: 2 << 20, AnonHuge: 2 << 20}}
	const words = "2 MiB are in memory as huge pages of hugetlb, which the kernel does not count in RSS and PSS."
	if got := render(t, "text", Maps(s, MapsView{Resident: true}), Options{Width: 160}); strings.Contains(got, "hugetlb") {
		t.Errorf("no hugetlb, but\n%s", got)
	}
	s.Figures[0] = layout.Figures{SharedHugetlb: 2 << 20}
	if got := render(t, "text", Maps(s, MapsView{Resident: true}), Options{Width: 160}); !strings.Contains(got, words) {
		t.Errorf("%q is not in\n%s", words, got)
	}
}

// TestSharedMayBeShared: memory that may be shared need not be.
func TestSharedMayBeShared(t *testing.T) {
	maps := []layout.Mapping{{Range: addr.Span(0x200000, 4096), Perms: layout.Readable | layout.Shared, Inode: 7, Name: "/dev/zero (deleted)", Dev: layout.Dev{Minor: 1}}}
	s := &layout.Space{PID: 1, PageSize: 4096, UserBits: 47, Mappings: maps, Parts: layout.Classify(maps, layout.Knowledge{})}
	if got := render(t, "text", Maps(s, MapsView{}), Options{Width: 160}); !strings.Contains(got, "anonymous memory that may be shared with processes forked since") {
		t.Errorf("got\n%s", got)
	}
}

// TestResidentSums: the parts of the picture have together what all mappings have. A
// mapping counts once: bytes of no part go with the part beside them, and where parts
// differ, with neither.
func TestResidentSums(t *testing.T) {
	s := &layout.Space{PID: 1, PageSize: 4096, UserBits: 47}
	for i, kinds := range [][]layout.Kind{
		{layout.KindELF, layout.KindText}, {layout.KindROData, layout.KindData, layout.KindELF}, {layout.KindData, layout.KindBSS},
		{layout.KindBrkHeap}, {layout.KindText}, {layout.KindProcessStack}, {layout.KindVDSO},
	} {
		from := addr.Addr(i+1) << 16
		s.Mappings = append(s.Mappings, layout.Mapping{Range: addr.Span(from, 4096*addr.Bytes(len(kinds)))})
		s.Figures = append(s.Figures, layout.Figures{RSS: 1024 << i})
		for k, kind := range kinds {
			s.Parts = append(s.Parts, layout.Part{Range: addr.Span(from.Offset(4096*addr.Bytes(k)), 4096), Kind: kind, Mapping: i, Library: i == 4})
		}
	}
	want := []string{
		"together 44 KiB 127 KiB", "Stack 4 KiB 32 KiB", "Heap 4 KiB 8 KiB", "Static data 8 KiB 4 KiB", "Code (text) 8 KiB 1 KiB",
		"of several 12 KiB 2 KiB", "(not drawn) 8 KiB 80 KiB",
	}
	for _, v := range []MapsView{{Resident: true}, {Resident: true, All: true}, {Resident: true, Order: &Orders[0]}} {
		var got []string
		text := render(t, "text", Maps(s, v), Options{Width: 160})
		_, sums, _ := strings.Cut(text, "\n       together")
		sums, _, _ = strings.Cut("together"+sums, "\n\n")
		for l := range strings.Lines(sums) {
			got = append(got, strings.TrimSuffix(strings.Join(strings.Fields(l), " "), " - - - -"))
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q in\n%s", got, want, text)
		}
	}
	s.Mappings, s.Parts, s.Figures = s.Mappings[:1], s.Parts[:2], s.Figures[:1]
	if got := render(t, "text", Maps(s, MapsView{Resident: true}), Options{Width: 160}); strings.Contains(got, "Code (text)") {
		t.Errorf("the sum is there twice:\n%s", got)
	}
}
