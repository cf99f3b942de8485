package mmapheap

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

// oneNet is a mistake through a raw address that one net alone must notice.
type oneNet struct {
	name string
	nets Nets
	// run makes the mistake and goes on legally until it is noticed; it says of which
	// block it is one and which byte is wrong.
	run    func(p program) (of Pointer, wrong addr.Addr, err error)
	class  Class
	net    Net
	access string
}

var (
	canaryAlone = Nets{Canary: true}
	poisonAlone = Nets{Poison: true}
	guardAlone  = Nets{Guarded: true}
)

var oneNets = []oneNet{
	{"overflow into the padding, at free", canaryAlone, func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(20, "a")
		p.smash(a.Addr+20, "A")
		return a, a.Addr + 20, p.Free(a)
	}, Overflow, NetCanary, "free"},
	{"overflow behind what is usable, at resize", canaryAlone, func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(32, "a")
		p.store(a, strings.Repeat("A", 33))
		return a, a.Addr + 32, second(p.Resize(a, 10))
	}, Overflow, NetCanary, "resize"},
	{"overflow, only its last byte changed anything", canaryAlone, func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(32, "a")
		p.store(a.Add(32), "\xfd\xfd\xfdX")
		return a, a.Addr + 35, p.Check()
	}, Overflow, NetCanary, "check"},
	{"overflow through to the next block's canary, at that one's free", canaryAlone, func(p program) (Pointer, addr.Addr, error) {
		a, b := p.alloc(32, "a"), p.alloc(32, "b")
		p.store(a.Add(32), strings.Repeat("A", 20))
		return a, a.Addr + 32, p.Free(b)
	}, Overflow, NetCanary, "free"},
	{"underflow", canaryAlone, func(p program) (Pointer, addr.Addr, error) {
		p.alloc(32, "a")
		b := p.alloc(32, "b")
		p.store(b.Add(-1), "A")
		return b, b.Addr - 1, p.Free(b)
	}, Underflow, NetCanary, "free"},
	{"underflow of the first block", canaryAlone, func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(32, "a")
		p.store(a.Add(-4), "AAAA")
		return a, a.Addr - 1, p.Free(a)
	}, Underflow, NetCanary, "free"},
	{"underflow through to the canary of the block below, at that one's free", canaryAlone, func(p program) (Pointer, addr.Addr, error) {
		a, b := p.alloc(32, "a"), p.alloc(32, "b")
		p.store(b.Add(-20), strings.Repeat("A", 20))
		return b, b.Addr - 1, p.Free(a)
	}, Underflow, NetCanary, "free"},
	{"use of 0 bytes", canaryAlone, func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(0, "nothing")
		p.store(a, "A")
		return a, a.Addr, p.Free(a)
	}, ZeroSizeUse, NetCanary, "free"},
	{"overflow of a local, at pop", canaryAlone, func(p program) (Pointer, addr.Addr, error) {
		locals := p.push("f", Local{"name", 16}, Local{"admin", 1})
		p.store(locals[0], strings.Repeat("A", 17))
		return locals[0], locals[0].Addr + 16, p.Pop()
	}, StackBufferOverflow, NetCanary, "pop"},
	{"overflow of a static, at check", canaryAlone, func(p program) (Pointer, addr.Addr, error) {
		a := must(p, second2(p.Static("table", 5)))
		must(p, second2(p.Static("next", 5)))
		p.store(a, "hello\x00")
		return a, a.Addr + 5, p.Check()
	}, Overflow, NetCanary, "check"},

	{"write after free, when the memory is used again", poisonAlone, func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(48, "a")
		p.free(a)
		p.store(a.Add(7), "A")
		return a, a.Addr + 7, second(p.Alloc(48, "b"))
	}, UseAfterFree, NetPoison, "alloc"},
	{"write after free, at check", poisonAlone, func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(48, "a")
		p.free(a)
		p.store(a.Add(47), "A")
		return a, a.Addr + 47, p.Check()
	}, UseAfterFree, NetPoison, "check"},
	{"write after resize", poisonAlone, func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(48, "a")
		must(p, second2(p.Resize(a, 10)))
		p.store(a, "A")
		return a, a.Addr, second(p.Alloc(20, "b"))
	}, UseAfterResize, NetPoison, "alloc"},
	{"write after return, at the next push", poisonAlone, func(p program) (Pointer, addr.Addr, error) {
		locals := p.push("f", Local{"a", 16}, Local{"b", 8}, Local{"c", 8})
		p.legal(p.Pop())
		p.store(locals[1].Add(3), "A")
		return locals[1], locals[1].Addr + 3, second(p.Push("g", Local{"d", 64}))
	}, UseAfterReturn, NetPoison, "push"},
	{"write after free, when it leaves quarantine", Nets{Poison: true, Quarantine: 128}, func(p program) (Pointer, addr.Addr, error) {
		a, b, c := p.alloc(48, "a"), p.alloc(48, "b"), p.alloc(48, "c")
		p.free(a)
		p.free(b)
		p.store(a.Add(30), "A")
		return a, a.Addr + 30, p.Free(c)
	}, UseAfterFree, NetPoison, "free"},
	{"write after free, when quarantine makes room", Nets{Poison: true, Quarantine: 1 << 20}, func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(600<<10, "a")
		p.free(a)
		p.store(a.Add(1000), "A")
		return a, a.Addr + 1000, second(p.Alloc(600<<10, "b"))
	}, UseAfterFree, NetPoison, "alloc"},

	{"double free in quarantine", Nets{Quarantine: 1 << 10}, func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(48, "a")
		p.free(a)
		p.alloc(48, "b")
		return a, a.Addr, p.Free(a)
	}, DoubleFree, NetQuarantine, "free"},
	{"resize in quarantine", Nets{Quarantine: 1 << 10}, func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(48, "a")
		p.free(a)
		return a, a.Addr, second(p.Resize(a, 60))
	}, ResizeAfterFree, NetQuarantine, "resize"},

	{"overflow onto the guard page, write", guardAlone, func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(20, "a")
		return a, a.Addr + 20, p.stored(a, 21)
	}, Overflow, NetGuarded, "store"},
	{"overflow onto the guard page, read", guardAlone, func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(5000, "a")
		p.alloc(1, "b")
		return a, a.Addr + 5000, p.loaded(a, 5010)
	}, Overflow, NetGuarded, "load"},
	{"underflow onto the guard page below", guardAlone, func(p program) (Pointer, addr.Addr, error) {
		p.alloc(1, "a")
		b := p.alloc(p.region.kernel.page(), "b")
		return b, b.Addr - 1, p.stored(b.Add(-1), 1)
	}, Underflow, NetGuarded, "store"},
	{"use of 0 bytes, guarded", guardAlone, func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(0, "nothing")
		return a, a.Addr, p.loaded(a, 1)
	}, ZeroSizeUse, NetGuarded, "load"},
	{"read after free, guarded", guardAlone, func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(40, "a")
		p.free(a)
		return a, a.Addr + 8, p.loaded(a.Add(8), 8)
	}, UseAfterFree, NetGuarded, "load"},
	{"write after resize, guarded", Nets{Guarded: true, Quarantine: 1 << 20}, func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(9000, "a")
		must(p, second2(p.Resize(a, 9001)))
		return a, a.Addr + 5, p.stored(a.Add(5), 8)
	}, UseAfterResize, NetGuarded, "store"},

	{"double free, known by its address", canaryAlone, func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(20, "a")
		p.free(a)
		return a, a.Addr, p.Free(a)
	}, DoubleFree, NetHeap, "free"},
	{"free of an interior address, known by its address", canaryAlone, func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(20, "a")
		return a, a.Addr + 16, p.Free(Pointer{Addr: a.Addr + 16, Block: 77})
	}, InvalidFree, NetHeap, "free"},
	{"stack overflow", canaryAlone, func(p program) (Pointer, addr.Addr, error) {
		return Pointer{}, p.region.stack.span.Lo - 1, second(p.Push("f", Local{"huge", 1 << 63}, Local{"more", 1 << 63}))
	}, StackOverflow, NetStack, "push"},
}

func TestEachNetAlone(t *testing.T) {
	for _, tt := range oneNets {
		t.Run(tt.name, func(t *testing.T) {
			c := newChecked(t, tt.nets)
			of, wrong, err := tt.run(program{t, c})
			report := asReport(t, err)
			if report.Class != tt.class || report.Net != tt.net || report.Access != tt.access || report.Block != of.Block || report.Byte != wrong {
				t.Errorf("%q by the %s at %s, block %d, byte %v; want %q by the %s at %s, block %d, byte %v\n%s", report.Class, report.Net, report.Access, report.Block, report.Byte,
					tt.class, tt.net, tt.access, of.Block, wrong, report.Text())
			}
			if of.Block != 0 && report.Offset != int64(wrong-of.Addr) {
				t.Errorf("offset %d, want %d", report.Offset, int64(wrong-of.Addr))
			}
			if tt.net == NetCanary || tt.net == NetPoison {
				if report.Want == report.Found || report.Found != 'A' && report.Found != 'X' && report.Found != 0 {
					t.Errorf("the byte should hold %#x and holds %#x", report.Want, report.Found)
				}
				if tt.access != "check" && c.Check() != nil {
					t.Errorf("the damage was not repaired: %v", c.Check())
				}
			}
			for _, class := range []string{string(tt.class) + "\n", "meaning"} {
				if !strings.Contains(report.Text(), class) {
					t.Errorf("the text lacks %q:\n%s", class, report.Text())
				}
			}
		})
	}
}

// Each class of reports has a sentence that says what it means.
func TestEachClassHasItsLesson(t *testing.T) {
	for _, m := range mistakes {
		if m.class != "" && lessons[m.class] == "" {
			t.Errorf("%q has none", m.class)
		}
	}
	for _, tt := range oneNets {
		if noticers[tt.net] == "" {
			t.Errorf("the net %q has no name", tt.net)
		}
	}
}

// Damage is told once: the operation that was refused then goes on.
func TestDamageIsToldOnce(t *testing.T) {
	p := program{t, newChecked(t, Nets{Canary: true, Poison: true, Quarantine: 150})}
	a := p.alloc(10, "a")
	p.smash(a.Addr+10, "overflow")
	asReport(t, p.Free(a))
	p.free(a)
	p.smash(a.Addr, "after")
	p.free(p.alloc(10, "b"))
	p.free(p.alloc(10, "c"))
	d := p.alloc(10, "d")
	asReport(t, p.Free(d))
	p.free(d)
	locals := p.push("f", Local{"x", 3})
	p.smash(locals[0].Addr+3, "!")
	asReport(t, p.Pop())
	p.legal(p.Pop())
	p.smash(locals[0].Addr, "!")
	asReport(t, second(p.Push("g", Local{"y", 3})))
	p.push("g", Local{"y", 3})
	p.legal(p.Pop())
	p.push("caller", Local{"z", 16})
	inner := p.push("callee", Local{"text", 16})
	p.smash(inner[0].Addr+16, strings.Repeat("!", 20)) // which reaches the canary before z
	asReport(t, p.Pop())
	p.legal(p.Pop())
	p.legal(p.Pop())
	p.legal(p.Check())
}

// What a refused operation finds is as it was: the heap, the stack and the contents.
func TestRefusedOperationsChangeNothing(t *testing.T) {
	for _, nets := range []Nets{{Access: true}, CheckedNets(), {Access: true, Guarded: true, Canary: true, Quarantine: 4096}} {
		p := program{t, newChecked(t, nets)}
		a, b := p.alloc(40, "a"), p.alloc(40, "b")
		p.store(a, strings.Repeat("a", 40))
		p.store(b, strings.Repeat("b", 40))
		p.free(p.alloc(300, "c"))
		local := p.local("x", 8)
		before := fmt.Sprint(p.region.heap.Stats(), p.region.stack.SP(), p.quarantine, p.objects.made)
		for i, err := range []error{
			p.Free(a.Add(16)), p.Free(local), p.Free(Pointer{}), p.stored(a, 41), p.stored(a.Add(-1), 2), p.loaded(b.Add(20), 30),
			second(p.Resize(a.Add(1), 10)), second(p.Push("f", Local{"x", 1 << 40})), p.StorePointer(b.Add(33), a), second(p.LoadPointer(local)),
		} {
			if _, ok := errors.AsType[*Report](err); !ok {
				t.Errorf("operation %d: %v", i, err)
			}
		}
		if _, err := p.Alloc(1<<30, "huge"); !errors.Is(err, ErrNoSpace) {
			t.Error(err)
		}
		if after := fmt.Sprint(p.region.heap.Stats(), p.region.stack.SP(), p.quarantine, p.objects.made); nets.Quarantine == 0 && after != before {
			t.Errorf("%+v: before %s, after %s", nets, before, after)
		}
		if p.load(a, 40) != strings.Repeat("a", 40) || p.load(b, 40) != strings.Repeat("b", 40) {
			t.Error("the contents changed")
		}
		p.legal(p.Check())
	}
}

func TestFreshAndEndedMemoryIsPoisoned(t *testing.T) {
	p := program{t, newChecked(t, poisonAlone)}
	a := p.alloc(50, "a")
	if got := p.load(a, 50); got != strings.Repeat("\xcd", 50) {
		t.Errorf("fresh memory holds %q", got)
	}
	p.free(a)
	if got := p.load(a, 64); got != strings.Repeat("\xdd", 64) {
		t.Errorf("freed memory holds %q", got)
	}
	x := p.local("x", 20)
	if got := p.load(x, 20); got != strings.Repeat("\xcd", 20) {
		t.Errorf("a fresh local holds %q", got)
	}
	p.legal(p.Pop())
	if got := p.load(x, 20); got != strings.Repeat("\xdd", 20) {
		t.Errorf("a popped local holds %q", got)
	}
	z := must(t, second2(p.AllocZeroed(7, 5, "z")))
	if got := p.load(z, 35); got != strings.Repeat("\x00", 35) {
		t.Errorf("zeroed memory holds %q", got)
	}
}

// What was not written before a resize is not written behind it.
func TestResizeKeepsWhatIsWritten(t *testing.T) {
	p := program{t, newChecked(t, Nets{Access: true})}
	a := p.alloc(100, "a")
	p.store(a.Add(10), strings.Repeat("A", 80))
	p.legal(p.StorePointer(a.Add(16), a))
	b := must(t, second2(p.Resize(a, 200)))
	c := must(t, second2(p.Resize(b, 70)))
	for _, tt := range []struct {
		at    Pointer
		wrong addr.Addr
	}{{c, c.Addr}, {c.Add(9), c.Addr + 9}} {
		if report := asReport(t, p.loaded(tt.at, 20)); report.Class != Uninitialised || report.Byte != tt.wrong {
			t.Errorf("%v", report)
		}
	}
	p.load(c.Add(10), 60)
	if got, err := p.LoadPointer(c.Add(16)); err != nil || got != a {
		t.Errorf("the pointer is %v, %v", got, err)
	}
	d := must(t, second2(p.Resize(c, 71)))
	if report := asReport(t, p.loaded(d.Add(60), 11)); report.Class != Uninitialised || report.Byte != d.Addr+70 {
		t.Errorf("%v", report)
	}
}

// A far access is one only where it meets a block in use, behind a gap.
func TestFarOrNot(t *testing.T) {
	p := program{t, newChecked(t, Nets{Access: true})}
	a, b, c := p.alloc(32, "a"), p.alloc(32, "b"), p.alloc(32, "c")
	p.free(b)
	for off, want := range map[int64]Class{32: Overflow, 40: Overflow, 64: FarOverflow, 95: FarOverflow, 96: Overflow, 1 << 40: Overflow} {
		report := asReport(t, p.stored(a.Add(off), 1))
		if report.Class != want || report.Block != a.Block || (report.Other.Block == c.Block) != (want == FarOverflow) {
			t.Errorf("+%d: %+v", off, report)
		}
	}
}

// No two locals are at one address, even those of 0 bytes.
func TestLocalsOfNothing(t *testing.T) {
	for _, nets := range []Nets{{}, {Access: true}, CheckedNets()} {
		p := program{t, newChecked(t, nets)}
		locals := p.push("f", Local{"a", 0}, Local{"b", 0}, Local{"c", 1}, Local{"d", 0})
		seen := map[addr.Addr]bool{}
		for _, at := range locals {
			if seen[at.Addr] {
				t.Errorf("two locals at %v", at.Addr)
			}
			seen[at.Addr] = true
		}
		if report, ok := errors.AsType[*Report](p.stored(locals[1], 1)); nets.Access && (!ok || report.Class != ZeroSizeUse || report.Block != locals[1].Block) {
			t.Errorf("%v", report)
		}
	}
}

func TestQuarantineHoldsBack(t *testing.T) {
	p := program{t, newChecked(t, Nets{Quarantine: 100})}
	a, b := p.alloc(48, "a"), p.alloc(48, "b")
	p.free(a)
	p.free(b)
	if c := p.alloc(48, "c"); c.Addr == a.Addr || c.Addr == b.Addr {
		t.Errorf("%v is in quarantine and was used again", c.Addr)
	} else {
		p.free(c) // a goes
	}
	if d := p.alloc(48, "d"); d.Addr != a.Addr {
		t.Errorf("the oldest was not let go: got %v, want %v", d.Addr, a.Addr)
	}
	large := p.alloc(104, "large")
	p.free(large)
	if p.quarantine.held != 96 || len(p.quarantine.queue) != 2 {
		t.Errorf("a block above the limit drove out others: %d bytes are left", p.quarantine.held)
	}
	if again := p.alloc(104, "again"); again.Addr != large.Addr {
		t.Errorf("a block above the limit is held back: got %v, want %v", again.Addr, large.Addr)
	}
	p.legal(p.Check())
}

// What is not the region's is not touched, whatever lies there.
func TestRawAccessStaysInTheRegion(t *testing.T) {
	for _, nets := range []Nets{{}, canaryAlone, guardAlone} {
		p := program{t, newChecked(t, nets)}
		must(t, second2(p.Static("s", 10)))
		p.alloc(10, "a")
		books := addrOf(p.region.books)
		for name, at := range map[string]addr.Addr{
			"null": 0, "near null": 8, "the bookkeeping": books + 4096, "its guard": books, "below the region": p.region.span.Lo - 1,
			"behind it": p.region.span.Hi, "the top": ^addr.Addr(0), "not canonical": 1 << 62,
		} {
			for op, err := range map[string]error{"load": p.loaded(Pointer{Addr: at}, 8), "store": p.stored(Pointer{Addr: at}, 8)} {
				if access, ok := errors.AsType[*AccessError](err); !ok || access.Err != ErrOutside || access.Fault != at || access.Op != op {
					t.Errorf("%s %s: %v", op, name, err)
				}
			}
		}
		inside := map[string]struct {
			at, fault addr.Addr
			err       error
		}{
			"the guard below the heap":       {p.region.span.Lo, p.region.span.Lo, ErrGuard},
			"heap memory not committed":      {p.region.heap.accessible().Hi - 3, p.region.heap.accessible().Hi, ErrUncommitted},
			"the guard below the stack":      {p.region.stack.span.Lo - 1, p.region.stack.span.Lo - 1, ErrGuard},
			"the last guard, and beyond":     {p.region.span.Hi - 4, p.region.span.Hi - 4, ErrGuard},
			"the guard behind the statics":   {p.statics.span.Hi, p.statics.span.Hi, ErrOutside},
			"statics that are not committed": {p.statics.accessible().Hi, p.statics.accessible().Hi, ErrOutside},
		}
		if nets.Guarded {
			delete(inside, "heap memory not committed") // where the guard page of a lies
		}
		for name, want := range inside {
			for op, err := range map[string]error{"load": p.loaded(Pointer{Addr: want.at}, 8), "store": p.stored(Pointer{Addr: want.at}, 8)} {
				if access, ok := errors.AsType[*AccessError](err); !ok || access.Err != want.err || access.Fault != want.fault || access.Op != op {
					t.Errorf("%s %s: %v, want %v at %v", op, name, err, want.err, want.fault)
				}
			}
		}
		p.legal(p.loaded(Pointer{}, 0))
	}
}

// A copy that runs onto a guard page has moved exactly what lies before it.
func TestManyFaults(t *testing.T) {
	p := program{t, newChecked(t, guardAlone)}
	a, freed := p.alloc(10_000, "a"), p.alloc(10_000, "freed")
	p.free(freed)
	page := int(p.region.kernel.page())
	for i := range 10_000 {
		off := 10_000 - i%page - 1
		text := bytes.Repeat([]byte{byte(i)}, 10_000-off+1+i%300)
		report := asReport(t, p.Store(a.Add(int64(off)), text))
		if report.Byte != a.Addr+10_000 || report.Class != Overflow || report.Offset != 10_000 {
			t.Fatalf("store %d bytes at %d: %v", len(text), off, report)
		}
		got := make([]byte, 10_000-off)
		p.legal(p.Load(a.Add(int64(off)), got))
		if !bytes.Equal(got, text[:len(got)]) {
			t.Fatalf("store %d bytes at %d: what came before the fault was not stored", len(text), off)
		}
		if report := asReport(t, p.loaded(freed.Add(int64(i)), 3)); report.Byte != freed.Addr+addr.Addr(i) || report.Class != UseAfterFree || report.Block != freed.Block {
			t.Fatalf("load at %d: %v", i, report)
		}
	}
}

// Region.Load and Store know the pages that have lost their permissions.
func TestRegionAccessKnowsGuards(t *testing.T) {
	p := program{t, newChecked(t, guardAlone)}
	a, b := p.alloc(100, "a"), p.alloc(100, "b")
	p.store(a, "hello")
	p.free(b)
	got := make([]byte, 5)
	p.legal(p.region.Load(a.Addr, got))
	if string(got) != "hello" {
		t.Errorf("loaded %q", got)
	}
	for _, tt := range []struct{ at, fault addr.Addr }{{a.Addr + 99, a.Addr + 100}, {a.Addr + 100, a.Addr + 100}, {b.Addr + 3, b.Addr + 3}} {
		err := p.region.Load(tt.at, make([]byte, 2))
		if access, ok := errors.AsType[*AccessError](err); !ok || access.Err != ErrGuard || access.Fault != tt.fault {
			t.Errorf("load at %v: %v", tt.at, err)
		}
	}
}

// With guard pages the payload ends where the page begins, aligned as its size is.
func TestGuardedBlocks(t *testing.T) {
	for _, nets := range []Nets{guardAlone, {Guarded: true, Canary: true}} {
		p := program{t, newChecked(t, nets)}
		page := p.region.kernel.page()
		for _, n := range []addr.Bytes{0, 1, 16, 24, 4095, 4096, 4097, 20_000} {
			a := p.alloc(n, "a")
			end := a.Addr.Offset(n)
			if !end.Aligned(page) {
				t.Errorf("%d bytes end at %v", n, end)
			}
			maps := readMaps(t)
			if got := permsOf(maps, addr.Span(end, page)); got != "---p" {
				t.Errorf("the page behind %d bytes is mapped %q", n, got)
			}
			if body := (addr.Range{Lo: a.Addr.AlignDown(page), Hi: end}); body.Size() > 0 {
				if got := permsOf(maps, body); got != "rw-p" {
					t.Errorf("the pages of %d bytes are mapped %q", n, got)
				}
				p.free(a)
				if got := permsOf(readMaps(t), body); got != "---p" {
					t.Errorf("the freed pages of %d bytes are mapped %q", n, got)
				}
			}
		}
		p.legal(p.Check())
	}
}
