package report

import (
	"strings"
	"testing"

	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/rust"
)

// drawn is what a page of 80 cells has once draw has drawn on it.
func drawn(draw func(*page)) string {
	p := &page{width: 80, glyphs: unicodeGlyphs}
	draw(p)
	return p.String()
}

// TestSearchWords: a lesson tells each free block that a search looked at, and why it
// passed it; of very many the first and the last.
func TestSearchWords(t *testing.T) {
	e := probe.Event{Kind: probe.EventAlloc, Addr: 0x1080, Size: 100, LookedAt: []probe.Candidate{
		{Addr: 0x1000, Size: 16}, {Addr: 0x1040, Size: 32}, {Addr: 0x1080, Size: 112, Fits: true},
	}}
	tell := func(e probe.Event) string {
		return drawn(func(p *page) {
			p.happened(&probe.Trace{}, changes{step: &probe.Step{Events: []probe.Event{e}}})
		})
	}
	want := `
 What happened:
   100 bytes allocated at 0x1080:
      1. 0x1000, 16 bytes: too small by 84 bytes
      2. 0x1040, 32 bytes: too small by 68 bytes
      3. 0x1080, 112 bytes: fits, taken
`
	if got := tell(e); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	e.LookedAt = nil
	for i := range 20 {
		e.LookedAt = append(e.LookedAt, probe.Candidate{Addr: addr.Addr(0x2000 + i*0x20), Size: 16})
	}
	got := tell(e)
	if strings.Count(got, "0x2") != passedShown+1 || !strings.Contains(got, "11 others, too small") || !strings.HasSuffix(got, "none fits\n") {
		t.Errorf("%s", got)
	}
}

// TestEventWords: every kind of event has words of its own.
func TestEventWords(t *testing.T) {
	from := addr.Addr(0x1010)
	trace := &probe.Trace{PageSize: 4096, Memory: probe.Memory{Stack: addr.Range{Lo: 0x9000, Hi: 0xa000}, Heap: addr.Range{Lo: 0x1000, Hi: 0x2000}}}
	before := &probe.Step{
		Heap: probe.Heap{Blocks: []probe.Block{{Addr: 0x1000, Size: 32, Requested: 20, State: probe.BlockUsed}}},
	}
	step := &probe.Step{Heap: before.Heap}
	for _, tt := range []struct {
		e    probe.Event
		want string
	}{
		{probe.Event{Kind: probe.EventCall, Size: 16, Name: "add"}, "call of add: a frame of 16 bytes pushed"},
		{probe.Event{Kind: probe.EventReturn, Size: 16}, "return: a frame of 16 bytes popped"},
		{probe.Event{Kind: probe.EventStore, Addr: 0x1004, Size: 1}, "1 byte stored in block 0x1000 +4"},
		{probe.Event{Kind: probe.EventStore, Addr: 0x1010, Size: 8}, "8 bytes stored in block 0x1000 +16, 4 bytes of it past its end"},
		{probe.Event{Kind: probe.EventStore, Addr: 0x9ef8, Size: 4, Name: "add.k", Popped: true}, "4 bytes stored in add.k, which is popped"},
		{probe.Event{Kind: probe.EventStore, Addr: 0x9f0c, Size: 4, Name: "main"}, "4 bytes stored in the frame of main"},
		{probe.Event{Kind: probe.EventLoad, Addr: 0x1000, Size: 4, From: new(addr.Addr(0x9f00)), FromName: "main.p"}, "4 bytes read from block 0x1000, where main.p points"},
		{probe.Event{Kind: probe.EventCopy, Addr: 0x9f00, From: &from, Name: "main.p"}, "block 0x1000 +16 copied to main.p"},
		{probe.Event{Kind: probe.EventMove, Addr: 0x9f00, From: &from, Name: "main.p"}, "block 0x1000 +16 moved to main.p"},
		{probe.Event{Kind: probe.EventAlloc, Addr: 0x1000, Size: 5}, "5 bytes allocated at 0x1000"},
		{probe.Event{Kind: probe.EventSearch, Size: 5}, "first fit looks for 5 bytes: there is no free block"},
		{probe.Event{Kind: probe.EventResize, Addr: from, From: &from, Size: 9}, "block 0x1010 resized in place to 9 bytes"},
		{probe.Event{Kind: probe.EventResize, Addr: 0x1000, From: &from, Size: 9}, "block 0x1010 resized to 9 bytes at 0x1000"},
		{probe.Event{Kind: probe.EventFree, Addr: 0x1000, Size: 9}, "block 0x1000 of 9 bytes freed"},
		{probe.Event{Kind: probe.EventRefused, Addr: 0x1010}, "the heap refuses to free 0x1010: no block in use begins there"},
		{probe.Event{Kind: probe.EventDrop, Addr: 0x9f00, Name: "main.p"}, "main.p dropped"},
		{probe.Event{Kind: probe.EventGrow, Addr: 0x1000, Size: 4096}, "4 KiB more of the heap made accessible, at 0x1000"},
		{probe.Event{Kind: probe.EventFault, Addr: 0x8ff8}, "a fault at 0x8ff8, in the guard page below the stack"},
		{probe.Event{Kind: probe.EventCall, Addr: 0x9000, Size: 2048, Times: 1234}, "1,234 calls: frames of 2 KiB (2,048 bytes) pushed, down to 0x9000"},
		{probe.Event{Kind: probe.EventDrop, Addr: 0x9000, Size: 20, Times: 2}, "2 times drop, 20 bytes in all, down to 0x9000"},
	} {
		tell := &telling{changes: changes{step: step, before: before}, p: &page{}, t: trace}
		if got := tell.words(tt.e); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.e.Kind, got, tt.want)
		}
	}
}

// TestEventsInTheirTime: an address that two calls of a step have is named as what lay
// there at the time.
func TestEventsInTheirTime(t *testing.T) {
	trace := ran(t, probe.ViewBlocks, func(m *probe.Machine) {
		x, y := probe.Let("x", rust.I32), probe.Let("y", rust.I32)
		m.Call("main", x, y)
		m.Step(1, "main", "")
		a := probe.Let("a", rust.I32)
		m.Call("first", a)
		m.Set(a, 1)
		m.ReturnTo(x, a)
		b := probe.Let("b", rust.I32)
		m.Call("second", b)
		m.Set(b, 2)
		m.Step(1, "two calls", "")
		m.ReturnTo(y, b)
		m.Step(1, "back", "")
	})
	has(t, rowsOf(t, trace, 2), "call of first: a frame of 16 bytes pushed", "4 bytes stored in first.a", "return from first: a frame of 16 bytes popped",
		"first.a copied to main.x", "call of second: a frame of 16 bytes pushed", "4 bytes stored in second.b\n")
	has(t, rowsOf(t, trace, 3), "return from second: a frame of 16 bytes popped", "second.b copied to main.y\n")
}

// TestManyEvents: of very many events those of a kind are told together, but for the search
// that came last; what is made again after something has ended is told after it.
func TestManyEvents(t *testing.T) {
	trace := ran(t, probe.ViewBlocks, func(m *probe.Machine) {
		var vars []*probe.Local
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			vars = append(vars, probe.Let(name, rust.String))
		}
		m.Call("main", vars...)
		for _, v := range vars[:4] {
			m.StringFrom(v, "sixteen and more")
		}
		m.Drop(vars[0])
		m.Drop(vars[2])
		m.StringFrom(vars[0], "few")
		m.StringFrom(vars[4], "far too long for such a hole")
		m.Step(1, "many", "")
		m.StringFrom(vars[2], "two")
		m.Step(1, "two", "")
	})
	has(t, rowsOf(t, trace, 1), "call of main", "4 blocks allocated, 64 bytes in all, the lowest at 0x1000001000", "64 bytes stored in 4 blocks",
		"96 bytes stored in main.a, main.b, main.c and main.d\n", "main.a and main.c dropped\n", "2 blocks freed, 32 bytes in all",
		"3 bytes allocated at 0x1000001000 (1 free", "3 bytes stored in block 0x1000001000\n", "24 bytes stored in main.a\n",
		"28 bytes allocated at 0x1000001040:", "1. 0x1000001020, 16 bytes: too small by 12 bytes", "2. 0x1000001040", "28 bytes stored in block 0x1000001040", "24 bytes stored in main.e\n")
	has(t, rowsOf(t, trace, 2), "3 bytes allocated at 0x1000001020 (1 free block looked at)", "3 bytes stored in block 0x1000001020", "24 bytes stored in main.c")
	if got := enumerated(strings.Split("abcdefghijkl", "")); got != "a, b, c, d, e, f, g, h, i, j and 2 others" {
		t.Errorf("%s", got)
	}
}
