package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/clipperhouse/displaywidth"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/lesson"
)

// testSpace is a small address space that has a part of most kinds; its names are
// those of somebody who wants to write on the reader's terminal.
func testSpace(t *testing.T) *layout.Space {
	t.Helper()
	mappings, err := layout.ParseMaps([]byte(`00400000-00402000 r-xp 00000000 fe:00 7                                  /bin/evil` + "\x1b[31m" + `
00402000-00404000 rw-p 00002000 fe:00 7                                  /bin/evil` + "\x1b[31m" + `
00500000-00521000 rw-p 00000000 00:00 0                                  [heap]
7f0000000000-7f0000001000 r--p 00000000 fe:00 9                          /tmp/two  blanks ` + "\u202e" + `txt.exe
7f0000001000-7f0000002000 r-xp 00000000 fe:00 11                         /lib/libc.so
7f0000002000-7f0000003000 ---p 00000000 00:00 0 
7f0000003000-7f0000005000 rw-p 00000000 00:00 0 
7f0000005000-7f0000006000 ---p 00000000 00:00 0 
7f0000006000-7f0000007000 rw-p 00000000 00:00 0 
7f0000007000-7f0000008000 r--p 00000000 00:00 0 
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
`))
	if err != nil {
		t.Fatal(err)
	}
	part := func(mapping int, kind layout.Kind, label string, library bool) layout.Part {
		p := layout.Part{Range: mappings[mapping].Range, Kind: kind, Label: label, Mapping: mapping, Library: library}
		if mappings[mapping].Inode != 0 {
			p.Object = mappings[mapping].Name
		}
		return p
	}
	s := &layout.Space{
		PID: 4242, Comm: "ev\nil", Exe: "/bin/evil\x1b[31m", Arch: "amd64", PageSize: 4096, UserBits: 47,
		Reserved: 1 << 20, Resident: 1 << 16, ResidentKnown: true, Changed: true, Notes: []string{"/bin/\x9bevil: its sections are not known"},
		Mappings: mappings,
		Parts: []layout.Part{
			part(0, layout.KindText, ".text", false), part(1, layout.KindData, ".data", false), part(2, layout.KindBrkHeap, "[heap]", false),
			part(3, layout.KindFile, "file mapping", false), part(4, layout.KindText, ".text", true), part(5, layout.KindOwnGuard, "guard", false),
			part(6, layout.KindGoRuntime, "Go: heap metadata", false), part(7, layout.KindGoRuntime, "Go: page summary", false),
			part(8, layout.KindAnonymous, "anonymous", false), part(9, layout.KindAnonymous, "anonymous", false),
			part(10, layout.KindProcessStack, "[stack]", false), part(11, layout.KindVSyscall, "[vsyscall]", false),
		},
	}
	for i := 1; i < len(mappings)-1; i++ {
		if lo, hi := mappings[i-1].Hi, mappings[i].Lo; lo != hi {
			s.Gaps = append(s.Gaps, layout.Gap{Range: addr.Range{Lo: lo, Hi: hi}})
		}
	}
	s.Gaps = append(s.Gaps, layout.Gap{Range: addr.Range{Lo: 0x7ffc00021000, Hi: 1 << 47}})
	return s
}

func TestMapsGolden(t *testing.T) {
	s := testSpace(t)
	golden(t, "maps.80.txt", render(t, "text", Maps(s, MapsView{All: false}), Options{Width: 80}))
	golden(t, "maps.all.ascii.txt", render(t, "text", Maps(s, MapsView{All: true}), Options{Width: 120, ASCII: true}))
	golden(t, "maps.json", render(t, "json", Maps(s, MapsView{All: false}), Options{}))
}

func TestWhereGolden(t *testing.T) {
	s := testSpace(t)
	trace := fixed(t, lesson.String, probe.Options{})
	trace.Steps = trace.Steps[:2]
	var all strings.Builder
	for _, a := range []addr.Addr{0x401000, 0x7f0000000010, 0x7f0000007008, 0x7ffc00020000, 0x600000, 0x1, 0x800000000000, 0xffff800000000000} {
		all.WriteString(render(t, "text", Where(Process{Space: s}, a, Beyond{}), Options{Width: 80}))
	}
	for _, a := range []addr.Addr{0x1000001000, 0x1000001007, 0x1000001010, 0x10048fffe0, 0x10048ffff1} {
		all.WriteString(render(t, "text", Where(Process{Space: s, Trace: trace}, a, Beyond{}), Options{Width: 80}))
	}
	golden(t, "where.80.txt", all.String())
	golden(t, "where.json", render(t, "json", Where(Process{Space: s, Trace: trace}, 0x10048ffff1, Beyond{}), Options{}))
}

// TestNamesAreEscaped: nothing that a mapping's or a process's name holds reaches
// a terminal raw, in text nor in JSON.
func TestNamesAreEscaped(t *testing.T) {
	s := testSpace(t)
	for name, got := range map[string]string{
		"maps": render(t, "text", Maps(s, MapsView{All: false}), Options{Width: 80}), "maps --all": render(t, "text", Maps(s, MapsView{All: true}), Options{Width: 80}),
		"maps in JSON": render(t, "json", Maps(s, MapsView{All: false}), Options{}), "where": render(t, "text", Where(Process{Space: s}, 0x401000, Beyond{}), Options{Width: 80}),
		"where, right to left": render(t, "text", Where(Process{Space: s}, 0x7f0000000010, Beyond{}), Options{Width: 80}),
		"where in JSON":        render(t, "json", Where(Process{Space: s}, 0x7f0000000010, Beyond{}), Options{}),
	} {
		for _, r := range strings.ReplaceAll(got, "\n", "") {
			if needsEscape(r) && r != '\\' {
				t.Errorf("%s: %U comes through", name, r)
			}
		}
	}
}

// TestMapsFit: at every width no line is longer than asked and no address is cut.
func TestMapsFit(t *testing.T) {
	s := testSpace(t)
	for width := MinWidth; width <= 160; width++ {
		for _, all := range []bool{false, true} {
			got := render(t, "text", Maps(s, MapsView{All: all}), Options{Width: width})
			for l := range strings.Lines(got) {
				if n := displaywidth.String(strings.TrimRight(l, "\n")); n > width {
					t.Fatalf("at %d a line has %d cells:\n%s", width, n, l)
				}
			}
			for _, p := range s.Parts {
				if p.Kind == layout.KindGoRuntime || p.Kind == layout.KindELF {
					continue // may be part of another row
				}
				if !strings.Contains(got, p.Lo.String()+" ") {
					t.Errorf("at %d the address %v is not shown", width, p.Lo)
				}
			}
		}
		got := render(t, "text", Where(Process{Space: s}, 0x401000, Beyond{}), Options{Width: width})
		for l := range strings.Lines(got) {
			if n := displaywidth.String(strings.TrimRight(l, "\n")); n > width {
				t.Fatalf("where at %d: a line has %d cells:\n%s", width, n, l)
			}
		}
	}
}

// TestOutside: each kind of change from outside is told.
func TestOutside(t *testing.T) {
	trace := fixed(t, lesson.Frames, probe.Options{PauseAt: 1, Pause: func(*probe.Machine) error { return nil }})
	x := &trace.Steps[1].Frames[0].Vars[0]
	x.Bytes, x.Value = probe.Hex{7, 0, 0, 0}, "7"
	got := strings.Join(strings.Fields(render(t, "text", ScenarioResumed(trace, 1), Options{Width: 80})), " ")
	if want := fmt.Sprintf("Changed from outside: main.%s from 5 (05 00 00 00) to 7 (07 00 00 00).", x.Name); !strings.Contains(got, want) {
		t.Errorf("%q is not in\n%s", want, got)
	}
	if !strings.Contains(got, "changed") {
		t.Error("the variable is not marked")
	}
}

// Anonymous memory bears the name that its owner gave it.
func TestNamedAnonymous(t *testing.T) {
	s, err := layout.DescribeText([]byte("7f0000000000-7f0000001000 rw-p 00000000 00:00 0                          [anon:my\x1bheap]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := render(t, "text", Maps(s, MapsView{}), Options{Width: 80}); !strings.Contains(got, `rw-  [anon:my\x1bheap]`) {
		t.Error(got)
	}
}

// TestLibraryRowIsShort: where the path of a library does not fit its row, the file's
// name stands for it; a library of a single part keeps it.
func TestLibraryRowIsShort(t *testing.T) {
	const folder, file = "/usr/lib/python3/lib-dynload/", "zli\x1bb.so"
	s := testSpace(t)
	for i := range 2 {
		s.Mappings[i].Name, s.Parts[i].Object, s.Parts[i].Library = folder+file, folder+file, true
	}
	for width, want := range map[int]string{80: `library zli\x1bb.so (2 parts)`, 160: "library " + folder + `zli\x1bb.so (2 parts)`} {
		for name, v := range map[string]MapsView{"the picture": {}, "the list": {Order: &Orders[1]}} {
			if got := render(t, "text", Maps(s, v), Options{Width: width}); !strings.Contains(got, want+"\n") {
				t.Errorf("%s at %d has no %q:\n%s", name, width, want, got)
			}
		}
		s.Parts[0].Kind, s.Parts[0].Sections = layout.KindELF, []layout.Section{{Range: s.Parts[0].Range, Name: "ELF header"}}
		got := render(t, "text", Maps(s, MapsView{All: true}), Options{Width: width})
		if text := strings.Join(strings.Fields(strings.ReplaceAll(got, "│", "")), ""); !strings.Contains(text, folder+`zli\x1bb.so`) {
			t.Errorf("with --all the folder is not shown at %d:\n%s", width, got)
		}
		s.Parts[0].Kind, s.Parts[0].Sections = layout.KindText, nil
	}
}

// Parts of a library share a row, and what lies between them is left out; a gap beside
// another row stays.
func TestMapRowsFold(t *testing.T) {
	s := &layout.Space{UserBits: 47}
	add := func(lo addr.Addr, kind layout.Kind, object string) {
		r := addr.Span(lo, 0x1000)
		if n := len(s.Mappings); n > 0 && s.Mappings[n-1].Hi < lo {
			s.Gaps = append(s.Gaps, layout.Gap{Range: addr.Range{Lo: s.Mappings[n-1].Hi, Hi: lo}})
		}
		s.Parts = append(s.Parts, layout.Part{Range: r, Kind: kind, Label: "x", Object: object, Library: object != "", Mapping: len(s.Mappings)})
		s.Mappings = append(s.Mappings, layout.Mapping{Range: r})
	}
	add(0x1000, layout.KindText, "/lib/a")
	add(0x3000, layout.KindData, "/lib/a")
	add(0x4000, layout.KindBSS, "/lib/a")
	add(0x6000, layout.KindText, "/lib/b")
	add(0x8000, layout.KindAnonymous, "")
	for all, want := range map[bool]string{
		false: "8000-9000 x1, 7000-8000 x0, 6000-7000 x1, 5000-6000 x0, 1000-5000 x3, ",
		true:  "8000-9000 x1, 7000-8000 x0, 6000-7000 x1, 5000-6000 x0, 4000-5000 x1, 3000-4000 x1, 2000-3000 x0, 1000-2000 x1, ",
	} {
		got := ""
		for r := range mapRows(s, MapsView{All: all}) {
			got += fmt.Sprintf("%x-%x x%d, ", uint64(r.Lo), uint64(r.Hi), r.parts)
		}
		if got != want {
			t.Errorf("all %v: got  %s\nwant %s", all, got, want)
		}
		for range mapRows(s, MapsView{All: all}) {
			break
		}
	}
}

// TestRowsOfFiles: a library's row has its headers too; of the program headers have a row,
// but padding within a page has one with --all alone.
func TestRowsOfFiles(t *testing.T) {
	s := &layout.Space{UserBits: 47, PageSize: 4096}
	add := func(lo, hi addr.Addr, kind layout.Kind, library, named bool) {
		p := layout.Part{Range: addr.Range{Lo: lo, Hi: hi}, Kind: kind, Label: "x", Object: "/lib/a", Library: library, Mapping: len(s.Mappings)}
		if named {
			p.Sections = []layout.Section{{Range: p.Range, Name: "x"}}
		}
		s.Parts = append(s.Parts, p)
		s.Mappings = append(s.Mappings, layout.Mapping{Range: p.Range})
	}
	add(0x1000, 0x2000, layout.KindELF, false, true)
	add(0x2000, 0x2800, layout.KindText, false, true)
	add(0x2800, 0x3000, layout.KindELF, false, false)
	add(0x3000, 0x4000, layout.KindELF, true, true)
	add(0x4000, 0x4800, layout.KindText, true, true)
	add(0x4800, 0x5000, layout.KindELF, true, false)
	for all, want := range map[bool]string{
		false: "3000-5000 x3 8192, 2000-2800 x1 2048, 1000-2000 x1 4096, ",
		true:  "4800-5000 x1 2048, 4000-4800 x1 2048, 3000-4000 x1 4096, 2800-3000 x1 2048, 2000-2800 x1 2048, 1000-2000 x1 4096, ",
	} {
		got := ""
		for r := range mapRows(s, MapsView{All: all}) {
			got += fmt.Sprintf("%x-%x x%d %d, ", uint64(r.Lo), uint64(r.Hi), r.parts, r.size)
		}
		if got != want {
			t.Errorf("all %v: got  %s\nwant %s", all, got, want)
		}
	}
	if got := render(t, "text", Maps(s, MapsView{All: true}), Options{Width: 120}); !strings.Contains(got, "a: padding up to the page's end") || strings.Contains(got, "With --all") {
		t.Error(got)
	}
}

// TestFreeSpace: the gaps that heap and first stack grow into are the textbook's free
// space; where nothing of it is mapped, a choice of it says what it is.
func TestFreeSpace(t *testing.T) {
	s, err := layout.DescribeText([]byte(`00500000-00521000 rw-p 00000000 00:00 0                                  [heap]
7f0000003000-7f0000005000 rw-p 00000000 00:00 0 
7f0000007000-7f0000008000 rw-p 00000000 00:00 0 
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]
`))
	if err != nil {
		t.Fatal(err)
	}
	got := render(t, "text", Maps(s, MapsView{}), Options{Width: 80})
	for _, want := range []string{
		"│  free space  │                  ··· 1008 GiB unmapped ···\n", "│              │                  ··· 8 KiB unmapped ···\n",
		"│  free space  │                  ··· 127 TiB unmapped ···\n ├──────────────┤\n │    Heap ↑    │", "can't be told apart",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	got = render(t, "text", Maps(s, MapsView{Choice: Choice{Parts: []string{"free-space"}}}), Options{Width: 200})
	if !strings.Contains(got, "the largest gap, from 0x521000,") {
		t.Errorf("free space alone:\n%s", got)
	}
	got = render(t, "text", Maps(s, MapsView{Choice: Choice{Parts: []string{"heap", "stack"}}}), Options{Width: 80})
	if !strings.Contains(got, "··· 128 TiB not chosen ···\n") {
		t.Errorf("a choice:\n%s", got)
	}
}

// TestLeftOfStack: where all but a little is left, the little is told.
func TestLeftOfStack(t *testing.T) {
	stack := &layout.Stack{Range: addr.Span(0x10000, 8<<20)}
	for left, want := range map[addr.Bytes]string{8<<20 - 8192: "8,184 KiB", 4 << 20: "4 MiB", 8 << 20: "8 MiB"} {
		if got := leftOf(stack, left); got != want {
			t.Errorf("%d left: %s, want %s", left, got, want)
		}
	}
}
