package report

import (
	"strings"
	"testing"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// joinable is a process with two parts of each kind whose rows may be joined: of Go's
// runtime, of a library, and the program's data. The lower of each may be read, written
// and run, the upper may be read.
func joinable() *layout.Space {
	s := &layout.Space{PID: 1, PageSize: 4096, UserBits: 47}
	for i, kind := range []layout.Kind{layout.KindData, layout.KindGoRuntime, layout.KindText} {
		for j, perms := range []layout.Perms{layout.Readable | layout.Writable | layout.Executable, layout.Readable} {
			n := len(s.Mappings)
			m := layout.Mapping{Range: addr.Span(addr.Addr(0x10000*(i+1)+0x1000*j), 0x1000), Perms: perms}
			p := layout.Part{Range: m.Range, Kind: kind, Label: "x", Mapping: n}
			if kind == layout.KindText {
				p.Object, p.Library = "/lib/a.so", true
				m.Name, m.Inode = p.Object, 7
			}
			s.Mappings, s.Parts = append(s.Mappings, m), append(s.Parts, p)
			s.Figures = append(s.Figures, layout.Figures{RSS: 4096})
		}
	}
	return s
}

// TestJoinedRows: where permissions differ, rows that are told of as one say so, and those
// that the picture draws stay apart; what is found about one of them is not lost, whichever
// it is about.
func TestJoinedRows(t *testing.T) {
	const r, rw, rwx = layout.Readable, layout.Readable | layout.Writable, layout.Readable | layout.Writable | layout.Executable
	picture, list, resident := MapsView{}, MapsView{Order: &Orders[0]}, MapsView{Resident: true}
	for _, tt := range []struct {
		what         string
		lower        int // index of the lower mapping
		views        []MapsView
		below, above layout.Perms
		want         string // what stands before the words of the row that has the lower
	}{
		{"Go's: the lower is found", 2, []MapsView{picture, list}, rwx, r, "mix! "},
		{"Go's: the upper is found", 2, []MapsView{picture, list}, r, rwx, "mix! "},
		{"Go's: both are found", 2, []MapsView{picture, list}, rwx, rwx, "rwx! "},
		{"Go's: none is found", 2, []MapsView{picture, list}, rw, r, "mix  "},
		{"Go's: alike", 2, []MapsView{picture, list}, rw, rw, "rw-  "},
		{"a library: the lower is found", 4, []MapsView{picture, list, resident}, rwx, r, "mix! "},
		{"a library: the upper is found", 4, []MapsView{picture, list, resident}, r, rwx, "mix! "},
		{"a library: both are found", 4, []MapsView{picture, list, resident}, rwx, rwx, "rwx! "},
		{"a library: none is found", 4, []MapsView{picture, list, resident}, rw, r, "mix  "},
		{"a library: alike", 4, []MapsView{picture, list, resident}, rw, rw, "rw-  "},
		{"data: the upper is found", 0, []MapsView{picture, list, resident}, rw, rwx, "rw-  "},
		{"data: the lower is found", 0, []MapsView{picture, list, resident}, rwx, rw, "rwx! "},
		{"data: alike, and both are found", 0, []MapsView{picture, list}, rwx, rwx, "rwx! "},
	} {
		s := joinable()
		s.Mappings[tt.lower].Perms, s.Mappings[tt.lower+1].Perms = tt.below, tt.above
		for i, v := range tt.views {
			got := render(t, "text", Maps(s, v), Options{Width: 160})
			_, row, _ := strings.Cut(got, " "+s.Mappings[tt.lower].Lo.String()+" ")
			if row, _, _ = strings.Cut(row, "\n"); !strings.Contains(row, " "+tt.want) {
				t.Errorf("%s, view %d: no %q in %q of\n%s", tt.what, i, tt.want, row, got)
			}
		}
	}
}

// TestGrowsDown: of a mapping with that flag it is told, but not of the first stack, of
// which everybody knows.
func TestGrowsDown(t *testing.T) {
	s := residentSpace(t)
	for i := range s.Figures {
		s.Figures[i].Flags = "rd wr mr mw me ac"
	}
	const words = ", grows down by itself"
	if got := render(t, "text", Maps(s, MapsView{Resident: true}), Options{Width: 160}); strings.Contains(got, words) {
		t.Errorf("nothing grows down, but\n%s", got)
	}
	s.Figures[9].Flags = "rd wr mr mw me gd ac"
	s.Figures[10].Flags = s.Figures[9].Flags // [stack]
	for _, all := range []bool{false, true} {
		got := render(t, "text", Maps(s, MapsView{Resident: true, All: all}), Options{Width: 160})
		if !strings.Contains(got, "r--  anonymous"+words+"\n") || strings.Count(got, words) != 1 {
			t.Errorf("not told once, of the mapping itself:\n%s", got)
		}
	}
}

// TestOfOne: what there is one of has no plural.
func TestOfOne(t *testing.T) {
	m := layout.Mapping{Range: addr.Span(0x10000, 0x1000), Perms: layout.Readable}
	s := &layout.Space{PID: 1, PageSize: 4096, UserBits: 47, Reserved: 1, Mappings: []layout.Mapping{m}}
	s.Parts = []layout.Part{{Range: m.Range, Kind: layout.KindAnonymous, Label: "anonymous"}}
	s.Figures = []layout.Figures{{RSS: 4096}}
	later := *s
	later.Mappings = []layout.Mapping{{Range: addr.Span(0x10000, 0x2000), Perms: layout.Readable}}
	later.Parts = []layout.Part{{Range: later.Mappings[0].Range, Kind: layout.KindAnonymous, Label: "anonymous"}}
	proc := Process{Space: s}
	mostly := PageRuns{Mapping: m, Runs: []layout.PageRun{{Range: m.Range, State: layout.PagePresent}}}
	pages := Pages(s, MapsView{}, func(layout.Mapping) PageRuns { return mostly })
	for want, d := range map[string]Document{
		"1 mapping, 1 byte of addresses":         Maps(s, MapsView{}),
		"Chosen: 4 KiB, 1 part in 1 mapping.":    Maps(s, MapsView{Choice: Choice{Min: 1}}),
		"4 KiB in 1 part ":                       Maps(s, MapsView{}),
		" 1 change since then:":                  MapsChanged(&later, Changes{"then", s, layout.Diff(s, &later)}, Choice{}),
		"1 page, the process's own":              pages,
		"which are 1 page of 4 KiB":              Explain(s, MapsView{}),
		"pid 1: 1 byte from 0x10fff":             Dump(proc, Memory{Addr: 0x10fff, Bytes: []byte{7}, Asked: 1}),
		"1 byte of those asked for is missing":   Dump(proc, Memory{Addr: 0x10ffe, Bytes: []byte{7}, Asked: 2}),
		"2 bytes of those asked for are missing": Dump(proc, Memory{Addr: 0x10ffe, Bytes: []byte{7}, Asked: 3}),
	} {
		got := render(t, "text", d, Options{Width: 160})
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	// Rows that repeat the one above: two of them take a line of words, one is drawn.
	for rows, want := range map[int]string{2: "", 3: "and 2 rows like that\n", 4: "and 3 rows like that\n"} {
		size := addr.Bytes(rows) * pageColumns * 4096
		m.Range = addr.Span(0x10000, size+4096)
		s.Mappings[0], s.Parts[0].Range = m, m.Range
		mostly = PageRuns{Mapping: m, Runs: []layout.PageRun{{Range: addr.Span(m.Lo, size), State: layout.PagePresent}, {Range: addr.Span(m.Lo.Offset(size), 4096)}}}
		got := render(t, "text", Pages(s, MapsView{}, func(layout.Mapping) PageRuns { return mostly }), Options{Width: 80})
		if strings.Contains(got, "like that") != (want != "") || !strings.Contains(got, want) {
			t.Errorf("%d rows that are alike: no %q in\n%s", rows, want, got)
		}
	}
}
