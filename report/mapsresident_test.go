package report

import (
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
