package report

import (
	"strings"
	"testing"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/rust"
)

// ran is the trace of a program of a test's own, on memory at the tests' base, with a
// heap of a page.
func ran(t *testing.T, view probe.View, program func(*probe.Machine)) *probe.Trace {
	t.Helper()
	return fixed(t, &probe.Scenario{Name: "test", Source: "fn main() {\n}\n", Run: program, View: view, Heap: 4096}, probe.Options{})
}

// rowsOf are the rows of step n of a run, 80 cells wide, without what stands around
// the memory.
func rowsOf(t *testing.T, trace *probe.Trace, n int) string {
	t.Helper()
	o := Options{Width: 80}
	checkPicture(t, trace, o)
	_, picture, _ := strings.Cut(render(t, "text", ScenarioStep(trace, n), o), "\n }\n")
	if picture == "" {
		_, picture, _ = strings.Cut(render(t, "text", ScenarioStep(trace, n), o), "2  }\n")
	}
	return picture
}

// has looks for rows in a picture, one after the other; blanks at a row's ends don't count.
func has(t *testing.T, picture string, rows ...string) {
	t.Helper()
	rest := picture
	for _, row := range rows {
		_, after, found := strings.Cut(rest, row)
		if !found {
			t.Errorf("%q does not come next in\n%s", row, picture)
			return
		}
		rest = after
	}
}

func hasNot(t *testing.T, picture string, words ...string) {
	t.Helper()
	for _, w := range words {
		if strings.Contains(picture, w) {
			t.Errorf("%q is in\n%s", w, picture)
		}
	}
}

// TestPoppedFrames: a popped frame stays below the stack pointer until a call has its
// place, and is told apart from one that was popped before.
func TestPoppedFrames(t *testing.T) {
	trace := ran(t, probe.ViewBlocks, func(m *probe.Machine) {
		p, k := probe.Let("p", rust.Raw(rust.I32)), probe.Let("k", rust.I32)
		m.Call("main", p)
		m.Call("add", k)
		m.Set(k, 7)
		m.Borrow(p, k)
		m.Return()
		m.Step(1, "popped", "")
		m.Write(p, 0, 8)
		m.Step(1, "written", "")
		m.Call("other", probe.Let("z", rust.I32))
		m.Step(1, "gone", "")
		m.Return()
		m.Return()
		m.Step(1, "the end", "")
	})
	has(t, rowsOf(t, trace, 1), "● → popped: add.k 0x10008fffec", "sp 0x10008ffff0 ◀",
		"╎ add, popped: its bytes are still there", "below 0x10008ffff0 ╎", "╎ k: i32", "07 00 00 00  7", "╎╌╌╌╌", "4 bytes stored in add.k\n")
	has(t, rowsOf(t, trace, 2), "popped earlier", "08 00 00 00  8", "changed ╎", "4 bytes stored in add.k, which is popped")
	third := rowsOf(t, trace, 3)
	hasNot(t, third, "popped", "╎")
	has(t, third, "● → other.z")
	has(t, rowsOf(t, trace, 4), "no frames, sp 0x1000900000 ◀", "╎ main, popped: its bytes", "╎ other, popped: its bytes")

	colored := render(t, "text", ScenarioStep(trace, 2), Options{Width: 80, Color: true})
	for l := range strings.Lines(colored) {
		if strings.Contains(l, "k: i32") && (!strings.Contains(l, "\x1b[2mk: i32") || strings.Contains(l, "\x1b[1m")) {
			t.Errorf("what is popped looks alive: %q", l)
		}
	}
}

// TestStates: what became of a variable in a step is told apart from what it was before.
func TestStates(t *testing.T) {
	trace := ran(t, probe.ViewBlocks, func(m *probe.Machine) {
		a, b := probe.Let("a", rust.String), probe.Let("b", rust.String)
		m.Call("main", a, b)
		m.StringFrom(a, "hi")
		m.Step(1, "made", "")
		m.Assign(b, a)
		m.Step(1, "moved", "")
		m.Drop(b)
		m.Step(1, "dropped", "")
		m.Step(1, "after", "")
	})
	has(t, rowsOf(t, trace, 1), "b: String", "not set │", "a: String", `owns "hi"`, "new │", "● → block 0x1000001000", "owner main.a")
	second := rowsOf(t, trace, 2)
	has(t, second, "b: String", "new │", "a: String", " moved │", "0x1000001000  ", "owner main.b", "new owner │", "was main.a's")
	if strings.Count(second, "● →") != 1 {
		t.Errorf("a moved handle still leads to the block:\n%s", second)
	}
	has(t, rowsOf(t, trace, 3), "b: String", " dropped │", "a: String", "moved earlier │", "╌ free 0x1000001000", " freed ╌", "was 0x1000001000, 2 bytes of main.b")
	fourth := rowsOf(t, trace, 4)
	has(t, fourth, "dropped earlier │", "moved earlier │", "╌ free 0x1000001000, 4,096 bytes ╌")
	hasNot(t, fourth, "freed ╌", "What happened")
}

// TestBlocksThatChange: a block that moved says where from, one that grew what it had,
// one that takes a freed block's place what was there.
func TestBlocksThatChange(t *testing.T) {
	trace := ran(t, probe.ViewBlocks, func(m *probe.Machine) {
		s, p, q := probe.Let("s", rust.String), probe.Let("p", rust.Raw(rust.U8)), probe.Let("q", rust.Raw(rust.U8))
		m.Call("main", s, p, q)
		m.StringFrom(s, "Hello")
		m.Alloc(p, 16)
		m.Step(1, "two blocks", "")
		m.PushStr(s, ", world, and more")
		m.Step(1, "moved", "")
		m.PushStr(s, "; and in place, since nobody is behind")
		m.Step(1, "grown", "")
		if err := m.Free(p); err != nil {
			t.Fatal(err)
		}
		m.Alloc(q, 30)
		m.Step(1, "reused", "")
		m.Forget(s)
		m.Alloc(p, 200)
		m.Step(1, "forgotten", "")
	})
	has(t, rowsOf(t, trace, 2), "┌ block 0x1000001020", "22 bytes of 32, owner main.s", "moved │", "was at 0x1000001000, with 5 bytes",
		"╌ free 0x1000001000, 16 bytes", "freed ╌", "was 0x1000001000, 5 bytes of main.s",
		"block 0x1000001000 resized to 22 bytes at 0x1000001020 (1 free block looked")
	has(t, rowsOf(t, trace, 3), "grown in place │", "had 22 bytes")
	has(t, rowsOf(t, trace, 4), "30 bytes of 32, no owner", "new │", "reuses the place of 0x1000001010, 16 bytes")
	has(t, rowsOf(t, trace, 5), "60 bytes of 64, no owner", "owner gone │", "was main.s's")
}

// TestPointers: every kind of place that a pointer may lead to is named.
func TestPointers(t *testing.T) {
	trace := ran(t, probe.ViewBlocks, func(m *probe.Machine) {
		x, v, in, r, old := probe.Let("x", rust.I32), probe.Let("v", rust.Vec(rust.I32)), probe.Let("inside", rust.Raw(rust.I32)), probe.Let("r", rust.Ref(rust.I32)), probe.Let("old", rust.Raw(rust.I32))
		m.Call("main", x, v, in, r, old)
		m.Set(x, 3)
		m.Borrow(r, x)
		m.Alloc(old, 16)
		m.VecNew(v)
		m.VecPush(v, 1)
		m.VecPush(v, 2)
		m.Set(in, m.Elem(v, 1))
		if err := m.Free(old); err != nil {
			t.Fatal(err)
		}
		m.Step(1, "", "")
	})
	picture := rowsOf(t, trace, 1)
	has(t, picture, "old: *mut i32", "● → freed memory 0x1000001000", "r: &i32", "● → main.x 0x10008fffcc", "inside: *mut i32", "● → block 0x1000001010 +4", "● → block 0x1000001010 ")

	wide := render(t, "text", Scenario(trace), Options{Width: 120})
	has(t, wide, "0x1000001014, the block +4", "●─┼", "0x1000001010", "●─┼")
	if arrows := strings.Count(wide, "●─┼"); arrows != 2 {
		t.Errorf("%d arrows, want 2:\n%s", arrows, wide)
	}
}

// TestManyPointers: more pointers than there is room for arrows have labels.
func TestManyPointers(t *testing.T) {
	trace := ran(t, probe.ViewBlocks, func(m *probe.Machine) {
		var boxes []*probe.Local
		for _, name := range strings.Split("abcdefghijkl", "") {
			boxes = append(boxes, probe.Let(name, rust.Box(rust.I32)))
		}
		m.Call("main", boxes...)
		for i, b := range boxes {
			m.BoxNew(b, i)
		}
		m.Step(1, "", "")
	})
	for width := sideBySide; width < 140; width += 3 {
		checkPicture(t, trace, Options{Width: width})
		got := render(t, "text", Scenario(trace), Options{Width: width})
		if arrows, labels := strings.Count(got, "●─┼"), strings.Count(got, "● → block"); arrows != maxLanes(width) || arrows+labels != 12 {
			t.Errorf("at %d: %d arrows and %d labels", width, arrows, labels)
		}
	}
}

// TestThreads: each thread's frames stand under its name, and a pointer into another's
// says so.
func TestThreads(t *testing.T) {
	trace := ran(t, probe.ViewBlocks, func(m *probe.Machine) {
		x := probe.Let("x", rust.I32)
		m.Call("main", x)
		m.Set(x, 1)
		m.Step(1, "alone", "")
		w := m.Spawn("worker")
		m.On(w, func() {
			r := probe.Let("r", rust.Ref(rust.I32))
			m.Call("work", r)
			m.Borrow(r, x)
			m.Step(1, "two", "")
			m.Return()
		})
		m.Step(1, "back", "")
		m.Join(w)
		m.Step(1, "joined", "")
	})
	hasNot(t, rowsOf(t, trace, 1), "Thread")
	has(t, rowsOf(t, trace, 2), "Thread main, id 4242  ", "main, 16 bytes", "sp 0x10008ffff0 ◀", "Thread worker, id 4243, runs now", ", 2 MiB",
		"┌ work, 16 bytes, new", "● → thread main, main.x", "thread worker started, with a stack of 2 MiB", "of the stack of thread worker made accessible", "call of work in thread worker: a frame")
	has(t, rowsOf(t, trace, 3), "Thread main, id 4242, runs now", "Thread worker, id 4243  ", "no frames", "╎ work, popped: its bytes", "return from work in thread worker: a frame")
	last := rowsOf(t, trace, 4)
	has(t, last, "thread worker ended, and its stack at 0x")
	hasNot(t, last, "Thread ")
}

// TestRecursion: of a long row of frames the middle ones share a row, and what they
// did is told as sums.
func TestRecursion(t *testing.T) {
	trace := ran(t, probe.ViewBlocks, func(m *probe.Machine) {
		m.Call("main", probe.Let("n", rust.I32))
		m.Recurse(func(int) {
			room := probe.Let("room", rust.Array(rust.U8, 4000))
			m.Call("dive", room)
			m.Zero(room)
		})
		m.Step(1, "", "")
	})
	has(t, rowsOf(t, trace, 1), "├ dive, again and again", "more frames of dive, 0x", " to 0x", "MiB", "├ dive, 4,000 bytes", "+8 to +3,999: all 00", "calls of dive: frames of", "in the guard page below the stack")
}

// TestParking: a car has as many spaces as its block has granules, and goes on in the
// next row.
func TestParking(t *testing.T) {
	trace := ran(t, probe.ViewParking, func(m *probe.Machine) {
		a, b, long := probe.Let("a", rust.Raw(rust.U8)), probe.Let("b", rust.Box(rust.I32)), probe.Let("lorry", rust.Raw(rust.U8))
		m.Call("main", a, b, long)
		m.Alloc(a, 40)
		m.BoxNew(b, 5)
		m.Alloc(long, 15*16)
		m.Step(1, "parked", "")
		if err := m.Free(a); err != nil {
			t.Fatal(err)
		}
		m.Mark(20)
		m.Alloc(a, 200)
		m.Search(20)
		m.Step(1, "left", "")
	})
	first := rowsOf(t, trace, 1)
	has(t, first, "CAR PARK", "0x1000001000",
		"┌───────────┬───┬"+strings.Repeat("─", 47)+"┐", "│╭====a====╮│╭b╮│╭", "lorry", "│╰o=======o╯│o=o│╰o",
		"0x1000001100", "╮│", "o╯│", "224 spaces more, all free, from 0x1000001200 on.",
		"a      0x1000001000  3", "40 bytes", "b      0x1000001030  1", "05 00 00 00", "lorry  0x1000001040  15", "240 bytes")
	hasNot(t, first, "HEAP ↑", "attendant")
	has(t, rowsOf(t, trace, 2), "│╭reser╮│   │╭b╮│", "│╰o===o╯│╌╌╌│o─o│", "\n            ^1\n", "reserved  0x1000001000  2       20 bytes",
		"The attendant looks for 2 spaces, for 20 bytes:", "1. 0x1000001020: 1 space free, 1 space too few", "spaces free, enough, the first that is")
}

// TestLandmarks: the textbook's boxes stand in its order, each object in its own, and
// those that the step before had are not new, and the kernel's line for them has been shown.
func TestLandmarks(t *testing.T) {
	marks := []probe.Landmark{
		{Segment: layout.SegmentStack, What: "x", Addr: 0x9000, Size: 4, Bytes: probe.Hex{5, 0, 0, 0}, Mapping: "8000-a000 rw-p 00000000 00:00 0 "},
		{Segment: layout.SegmentCode, What: "main", Addr: 0x1000, Size: 400, Bytes: make(probe.Hex, 16), Mapping: "1000-2000 r-xp 00000000 fe:01 77   /a/very/long/way/to/a/file/of/the/name/of/memprobe"},
	}
	now, before := &probe.Step{Landmarks: marks}, &probe.Step{Landmarks: marks[:1]}
	got := drawn(func(p *page) { p.landmarks(since(before, now)) })
	want := ` TEXTBOOK          HERE
 high addresses
 ┌──────────────┐
 │   Stack ↓    │  0x9000  4 bytes
 │              │    x
 │              │    05 00 00 00
 ├──────────────┤
 │  free space  │
 ├──────────────┤
 │    Heap ↑    │
 ├──────────────┤
 │ Static data  │
 ├──────────────┤
 │ Code (text)  │  0x1000  400 bytes                                        new
 │              │    main
 │              │    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 ...
 │              │    0x1000-0x2000 r-x ...way/to/a/file/of/the/name/of/memprobe
 └──────────────┘
 low addresses

`
	if got != want {
		t.Errorf("got\n%s", got)
	}
	upsideDown := bands([]probe.Landmark{marks[1], marks[0]})
	if upsideDown[4].segment != layout.SegmentCode || upsideDown[5].segment != layout.SegmentStack {
		t.Errorf("objects in another order than the textbook's: %v", upsideDown)
	}
}

// TestByteRows: bytes that repeat are folded, those that changed are shown wherever
// they are.
func TestByteRows(t *testing.T) {
	b, old := make([]byte, 4096), make([]byte, 4096)
	b[2000] = 1
	rows := byteRows(b, old, 16)
	var got []string
	for _, r := range rows {
		if r.hidden != "" {
			got = append(got, r.hidden)
			continue
		}
		got = append(got, hexBytes(b[r.lo:r.hi][:2]))
	}
	if s := strings.Join(got, "; "); s != "00 00; +16 to +1,999: all 00; 01 00; +2,016 to +4,095: all 00" {
		t.Errorf("%s", s)
	}
	for i := range b {
		b[i] = byte(i / 16)
	}
	old = append([]byte{}, b...)
	old[4000]++
	if rows = byteRows(b, old, 16); rows[len(rows)-2].lo != 4000 || rows[len(rows)-2].hidden != "" {
		t.Errorf("the byte that changed is not shown: %+v", rows[len(rows)-2:])
	}
	rows = byteRows(b, nil, 16)
	if last := rows[len(rows)-1]; len(rows) != shownRows+1 || last.hidden != "+256 to +4,095: 3,840 bytes" {
		t.Errorf("%d rows, the last is %+v", len(rows), last)
	}
	covered := 0
	for _, r := range rows {
		covered += r.hi - r.lo
	}
	if covered != len(b) {
		t.Errorf("the rows tell of %d bytes of %d", covered, len(b))
	}
}

// TestTouched: a sign for each page of a block.
func TestTouched(t *testing.T) {
	b := probe.Block{Addr: 0x1000, Size: 5 * 4096, Requested: 5 * 4096, State: probe.BlockUsed, Bytes: make(probe.Hex, 5*4096), Touched: []bool{true, false, true, false, false}}
	got := drawn(func(p *page) { p.add(p.drawBlock(b, since(nil, &probe.Step{}), 60, nil)...) })
	has(t, got, "20,480 bytes of 20,480", "+8 to +20,479: all 00", "pages in memory, 2 of 5: ■ □ ■ □ □")
}

// TestNamesOfAddresses: what an address is called, the page is asked, in every drawing.
func TestNamesOfAddresses(t *testing.T) {
	trace := ran(t, probe.ViewMap, func(m *probe.Machine) {
		s := probe.Let("s", rust.String)
		m.Call("main", s)
		m.StringFrom(s, "hi")
		m.Step(1, "", "")
	})
	p := &page{width: 120, glyphs: unicodeGlyphs, names: func(a addr.Addr) string { return "@" }}
	p.memory(trace, since(nil, &trace.Steps[0]))
	p.happened(trace, since(nil, &trace.Steps[0]))
	if a := longAddresses(p.String()); a != nil {
		t.Errorf("%v are shown by their digits:\n%s", a, p)
	}
}

func longAddresses(s string) []string {
	var long []string
	for _, a := range anAddress.FindAllString(s, -1) {
		if strings.HasPrefix(a, "0x10") {
			long = append(long, a)
		}
	}
	return long
}

// TestPartsOfMaps: the kernel's lines are told apart, those of a thread's memory too.
func TestPartsOfMaps(t *testing.T) {
	trace := &probe.Trace{
		Memory: probe.Memory{Base: 0x10000, End: 0x50000, Heap: addr.Range{Lo: 0x11000, Hi: 0x20000}, Stack: addr.Range{Lo: 0x30000, Hi: 0x4f000}},
		Steps:  []probe.Step{{Threads: []probe.Thread{{Name: "a", Stack: addr.Range{Lo: 0x70000, Hi: 0x80000}}}}},
	}
	for line, want := range map[string]string{
		"10000-11000 ---p 00000000 00:00 0 ": "guard",
		"11000-12000 rw-p 00000000 00:00 0 ": "heap, 4 KiB",
		"12000-4e000 ---p 00000000 00:00 0 ": "reserved, 240 KiB",
		"4e000-4f000 rw-p 00000000 00:00 0 ": "stack, 4 KiB",
		"7f000-80000 rw-p 00000000 00:00 0 ": "stack of thread a, 4 KiB",
		"60000-7f000 ---p 00000000 00:00 0 ": "for a thread, 124 KiB",
		"8000-11000 ---p 00000000 00:00 0 ":  "guard", // one with a neighbour, which the kernel has joined
		"nonsense":                           "",
	} {
		if got := partOf(trace, line); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// TestMapsFootFits: a line of the kernel's that is too long for what it is to stand behind it
// has that below it.
func TestMapsFootFits(t *testing.T) {
	thread := probe.Thread{Name: "a_thread_of_some_name", Stack: addr.Range{Lo: 0x7f0000000000, Hi: 0x7f0000200000}}
	trace := &probe.Trace{Steps: []probe.Step{{Threads: []probe.Thread{thread}}}}
	trace.Memory.Maps = []string{"7f00001ff000-7f0000200000 rw-p 00000000 00:00 0 ", "7f0000000000-7f00001ff000 ---p 00000000 00:00 0                          [anon:memprobe: a name of some length]"}
	got := drawn(func(p *page) { p.traceFoot(trace) })
	has(t, got, "   7f0000000000-7f00001ff000 ---p 00000000 00:00 0", "[anon:memprobe", "\n      for a thread, 2 MiB\n", "   7f00001ff000-7f0000200000", "\n      stack of thread a_thread_of_some_name, 4 KiB")
	for l := range strings.Lines(got) {
		if n := text(strings.TrimRight(l, "\n")).cells(); n > 80 {
			t.Errorf("%d cells: %s", n, l)
		}
	}
}
