package mmapheap

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

// at is a site of a program in another language.
func at(p program, line int) {
	p.SetSite(func() Site { return Site{Func: "main", File: "lesson/bug.c", Line: line} })
}

func TestReportText(t *testing.T) {
	r, err := Reserve(Config{Base: fixedBase, Heap: 64 << 10, Stack: 64 << 10, Checked: true})
	if errors.Is(err, ErrOccupied) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	p := program{t, r.Checked()}
	for i, tt := range []struct {
		mistake   func() error
		one, text string
	}{
		{func() error {
			at(p, 3)
			a := p.alloc(32, "name")
			at(p, 4)
			p.free(a)
			at(p, 5)
			p.alloc(24, "other")
			at(p, 6)
			return p.loaded(a.Add(4), 5)
		}, `use after free: load 5 bytes at 0x1000001014: 4 bytes into block 1, "name", 32 bytes at 0x1000001010`, `
use after free
  what       load 5 bytes at 0x1000001014
  where      0x1000001014 is 4 bytes into the block
  block      number 1, "name", 32 bytes of 64 set aside on the heap at
             0x1000001010, freed
  allocated  main, bug.c:3
  freed      main, bug.c:4
  here       main, bug.c:6
  noticed by checked access, which knows the block of each pointer
  meaning    The block had been freed. Its memory may have a new owner by now,
             and hold anything.
`},
		{func() error {
			at(p, 9)
			a := p.alloc(10, "text")
			p.smash(a.Addr+12, "\x00")
			return p.Free(a)
		}, `overflow: 1 byte changed at 0x100000109c, found by free: 2 bytes behind the end of block 3, "text", 10 bytes at 0x1000001090`, `
overflow
  what       1 byte changed at 0x100000109c, found by free
  where      0x100000109c is 2 bytes behind the end of the block
  damage     that byte should hold 0xfd and holds 0x00
  block      number 3, "text", 10 bytes of 48 set aside on the heap at
             0x1000001090
  allocated  main, bug.c:9
  here       main, bug.c:9
  noticed by the canary, known bytes around each block
  meaning    The access runs past the end of the block. The bytes there belong
             to something else, or to nobody.
`},
		{func() error { return p.Free(Pointer{Addr: 0x1234}) },
			`invalid free: free 0x1234: outside the heap`, `
invalid free
  what       free 0x1234: outside the heap
  here       main, bug.c:9
  noticed by the heap, which looks at every address that it is given back
  meaning    Only what alloc returned may be freed: the first address of a block
             of the heap, once.
`},
		{func() error {
			locals := p.push("f", Local{"x", 4}, Local{"y", 4})
			return p.stored(locals[0].Add(-1), 2)
		}, `underflow: store 2 bytes at 0x10000fffcf: 1 byte before the start of block 5, "x", 4 bytes at 0x10000fffd0`, `
underflow
  what       store 2 bytes at 0x10000fffcf
  where      0x10000fffcf is 1 byte before the start of the block
  block      number 5, "x", 4 bytes on the stack at 0x10000fffd0
  made       main, bug.c:9
  here       main, bug.c:9
  noticed by checked access, which knows the block of each pointer
  meaning    The access begins before the start of the block. The bytes there
             belong to something else, or to nobody.
`},
		{func() error { return second(p.Push("deep", Local{"buffer", 1 << 20})) },
			`stack overflow: push a frame of 1,048,608 bytes for "deep"; the kernel stopped it at 0x10000effff`, `
stack overflow
  what       push a frame of 1,048,608 bytes for "deep"; the kernel stopped it
             at 0x10000effff
  stack      65,536 bytes, 0x10000f0000-0x1000100000
  here       main, bug.c:9
  noticed by the kernel, at the guard page below the stack
  meaning    The frame does not fit into what is left of the stack. Too deep a
             recursion or too large a local variable does that.
`},
		{func() error { return p.loaded(Pointer{Addr: 0x1000}, 8) },
			`wild access: load 8 bytes at 0x1000: outside the region`, `
wild access
  what       load 8 bytes at 0x1000: outside the region
  here       main, bug.c:9
  noticed by checked access, which knows the block of each pointer
  meaning    There is no block at this address and never was one. The pointer
             was made up, or it was never set.
`},
		{func() error {
			at(p, 20)
			return second(p.Resize(must(t, second2(p.Static("table", 1))), 2))
		}, `invalid resize: resize 0x7f: a static, which lives as long as the program: the first byte of block 7, "table", 1 byte at 0x7f`, `
invalid resize
  what       resize 0x7f: a static, which lives as long as the program
  where      0x7f is the first byte of the block
  block      number 7, "table", 1 byte among the statics at 0x7f
  made       main, bug.c:20
  here       main, bug.c:20
  noticed by checked access, which knows the block of each pointer
  meaning    Only what alloc returned may be resized: the first address of a
             block of the heap.
`},
		{func() error {
			a, b := p.alloc(8, "child"), p.alloc(8, "parent")
			p.legal(p.StorePointer(b, a))
			for _, leak := range p.Leaks() {
				if leak.Block == a.Block {
					return leak
				}
			}
			return nil
		}, `leak: block 8, "child", 8 bytes at 0x10000010c0, can't be reached any more`, `
leak
  what       8 bytes at 0x10000010c0 can't be reached any more
  block      number 8, "child", 8 bytes of 48 set aside on the heap at
             0x10000010c0
  allocated  main, bug.c:20
  held by    number 9, "parent", 8 bytes of 48 set aside on the heap at
             0x10000010f0
             allocated by main, bug.c:20
  here       main, bug.c:20
  noticed by a look at the end for blocks that no pointer leads to
  meaning    No pointer to the block is left where the program could find it, so
             that nobody can free it any more.
`},
		{func() error { return p.stored(p.alloc(40, "row"), 48) },
			`overflow: store 48 bytes at 0x1000001120: 0x1000001148 is the first byte behind the end of block 10, "row", 40 bytes at 0x1000001120`, `
overflow
  what       store 48 bytes at 0x1000001120
  where      0x1000001148 is the first byte behind the end of the block
  block      number 10, "row", 40 bytes of 80 set aside on the heap at
             0x1000001120
  allocated  main, bug.c:20
  here       main, bug.c:20
  noticed by checked access, which knows the block of each pointer
  meaning    The access runs past the end of the block. The bytes there belong
             to something else, or to nobody.
`},
	} {
		report := asReport(t, tt.mistake())
		static := func(s string) string { return s }
		if report.Kind == StaticBlock { // wherever the kernel put it
			static = func(s string) string { return strings.ReplaceAll(s, "0x7f", report.Range.Lo.String()) }
		}
		tt.one, tt.text = static(tt.one), static(tt.text)
		if report.Error() != tt.one {
			t.Errorf("report %d in one line:\n%s\nwant\n%s", i, report.Error(), tt.one)
		}
		if got, want := report.Text(), strings.TrimPrefix(tt.text, "\n"); got != want {
			t.Errorf("report %d:\n%s\nwant\n%s", i, got, want)
		}
	}
}

func TestReasonsAreFoundByErrorsIs(t *testing.T) {
	p := program{t, newChecked(t, Nets{Access: true})}
	a, freed, local := p.alloc(40, "a"), p.alloc(40, "b"), p.local("x", 8)
	far := p.alloc(1000, "far")
	p.free(freed)
	static := must(t, second2(p.Static("s", 8)))
	for i, tt := range []struct {
		err  error
		want error
	}{
		{p.Free(freed), ErrDoubleFree}, {second(p.Resize(freed, 1)), ErrDoubleFree}, {p.Free(a.Add(16)), ErrInterior}, {p.Free(a.Add(1)), ErrMisaligned},
		{p.Free(local), ErrOnStack}, {p.Free(Pointer{Addr: local.Addr}), ErrOnStack}, {p.Free(Pointer{Addr: local.Addr - 4096}), ErrOnStack},
		{p.Free(static), ErrStatic}, {p.Free(Pointer{Addr: 64}), ErrForeign}, {p.Free(Pointer{}), ErrNull}, {p.Free(a.Add(int64(far.Addr - a.Addr))), ErrAstray},
		{p.Free(Pointer{Addr: far.Addr + 8000}), ErrUntouched}, {p.loaded(Pointer{}, 1), ErrNull}, {p.loaded(Pointer{Addr: 64}, 1), ErrOutside},
		{second(p.Push("f", Local{"x", 1 << 30})), ErrStackOverflow},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%d: %v, want %v", i, tt.err, tt.want)
		}
		if isFree := i < 12 && tt.want != ErrDoubleFree; errors.Is(tt.err, ErrNotABlock) != isFree && i < 12 {
			t.Errorf("%d: %v is ErrNotABlock: %v", i, tt.err, !isFree)
		}
	}
	if report := asReport(t, p.Free(a.Add(int64(far.Addr-a.Addr)))); report.Block != a.Block || report.Other.Block != far.Block {
		t.Errorf("%+v", report)
	}
	p.free(Pointer{Addr: far.Addr}) // a block that is given by its address alone
	if err := p.Pop(); err != nil {
		t.Error(err)
	}
	if err := p.Pop(); !errors.Is(err, ErrStackEmpty) {
		t.Error(err)
	}
}

// A store forgets the pointers that it overwrites, and no others, of few or of many.
func TestStoresForgetPointers(t *testing.T) {
	p := program{t, newChecked(t, Nets{Access: true})}
	for _, n := range []int{3, 100} {
		a := p.alloc(addr.Bytes(n*8), "a")
		for i := range n {
			p.legal(p.StorePointer(a.Add(int64(i*8)), a))
		}
		p.store(a.Add(12), p.load(a.Add(12), 5))
		for i := range n {
			if got, err := p.LoadPointer(a.Add(int64(i * 8))); err != nil || got.Addr != a.Addr || (got.Block == 0) != (i == 1 || i == 2) {
				t.Errorf("pointer %d of %d is %v, %v", i, n, got, err)
			}
		}
		p.legal(p.Check())
	}
}

// A pointer whose block is not known may be used where a live block is.
func TestPointersWithoutABlock(t *testing.T) {
	p := program{t, newChecked(t, CheckedNets())}
	a, local := p.alloc(40, "a"), p.local("x", 8)
	for _, of := range []Pointer{a, local} {
		p.store(Pointer{Addr: of.Addr}, "text")
		if got := p.load(Pointer{Addr: of.Addr, Block: 999}, 4); got != "text" {
			t.Errorf("loaded %q", got)
		}
		if report := asReport(t, p.stored(Pointer{Addr: of.Addr + 4}, 60)); report.Block != of.Block || report.Byte != of.Addr.Offset(report.Requested) {
			t.Errorf("%+v", report)
		}
	}
	// A pointer that was stored as bytes is one of them, and of no block.
	at := p.alloc(8, "at")
	p.legal(p.StorePointer(at, a))
	p.store(at, p.load(at, 8))
	if got, err := p.LoadPointer(at); err != nil || got != (Pointer{Addr: a.Addr}) {
		t.Errorf("%v, %v", got, err)
	}
	p.legal(p.StorePointer(at, a))
	p.store(at.Add(4), p.load(at.Add(4), 4))
	if got, err := p.LoadPointer(at); err != nil || got != (Pointer{Addr: a.Addr}) {
		t.Errorf("half of it stored as bytes: %v, %v", got, err)
	}
	p.legal(p.StorePointer(at, a))
	p.smash(at.Addr, "\x00")
	if got, err := p.LoadPointer(at); err != nil || got.Block != 0 {
		t.Errorf("a pointer that was changed from outside has block %d, %v", got.Block, err)
	}
}

func TestSitesAreTheCallers(t *testing.T) {
	p := program{t, newChecked(t, Nets{Access: true})}
	a, err := p.Alloc(8, "a")
	p.legal(err)
	report := asReport(t, p.Load(a, make([]byte, 1)))
	if made := report.Allocated; made.Func != "memprobe/mmapheap.TestSitesAreTheCallers" || !strings.HasSuffix(made.File, "report_test.go") || report.Here.Line != made.Line+2 {
		t.Errorf("made at %v, noticed at %v", made, report.Here)
	}
	p.SetSite(func() Site { return Site{"f", "x.rs", 7} })
	b := p.alloc(8, "b")
	p.SetSite(nil)
	report = asReport(t, p.Load(b, make([]byte, 1)))
	if (Site{}).String() != "unknown" {
		t.Error(Site{})
	}
	if report.Allocated != (Site{"f", "x.rs", 7}) || !strings.HasSuffix(report.Here.File, "report_test.go") {
		t.Errorf("made at %v, noticed at %v", report.Allocated, report.Here)
	}
}

// What is reachable is no leak, over however many blocks; and what is not, is one.
func TestLeaks(t *testing.T) {
	p := program{t, newChecked(t, CheckedNets())}
	leaks := func(when string, want ...Pointer) {
		t.Helper()
		var got []string
		for _, r := range p.Leaks() {
			got = append(got, r.Name)
		}
		var names []string
		for _, a := range want {
			names = append(names, p.objects.names[p.objects.get(a.Block).owner])
		}
		if fmt.Sprint(got) != fmt.Sprint(names) {
			t.Errorf("%s: %v leak, want %v", when, got, names)
		}
	}
	a, b, c := p.alloc(24, "a"), p.alloc(24, "b"), p.alloc(24, "c")
	root := must(t, second2(p.Static("root", 16)))
	leaks("nothing points to them", a, b, c)
	p.legal(p.StorePointer(root.Add(8), a))
	leaks("a static points to a", b, c)
	p.legal(p.StorePointer(a.Add(16), b.Add(5)))
	p.legal(p.StorePointer(b, c.Add(24)))
	leaks("a chain of pointers, into a block and behind its end")
	p.legal(p.StorePointer(c, a))
	p.legal(p.StorePointer(root.Add(8), Pointer{}))
	leaks("a ring that nothing points to", a, b, c)
	frame := p.push("f", Local{"pad", 8}, Local{"p", 8})
	p.legal(p.StorePointer(frame[1], b))
	leaks("a local points into the ring")
	p.legal(p.Pop())
	leaks("the local is gone", a, b, c)
	p.legal(p.StorePointer(root, a))
	p.free(a)
	d := p.alloc(24, "d")
	leaks("a was freed, and with it what pointed to b", b, c, d)
	unaligned := p.alloc(24, "unaligned")
	p.legal(p.StorePointer(unaligned.Add(4), b))
	p.legal(p.StorePointer(root, unaligned))
	leaks("a pointer that was stored counts wherever it lies", d)
	p.legal(p.StorePointer(unaligned.Add(4), Pointer{Addr: b.Addr}))
	leaks("an address that is not aligned is none", b, c, d)
	p.legal(p.StorePointer(root.Add(8), Pointer{Addr: d.Addr + 3}))
	leaks("an address is enough", b, c)

	stale := program{t, newChecked(t, Nets{Access: true})}
	root = must(t, second2(stale.Static("root", 8)))
	old := stale.alloc(24, "old")
	stale.legal(stale.StorePointer(root, old))
	stale.free(old)
	if young := stale.alloc(24, "young"); young.Addr != old.Addr || len(stale.Leaks()) != 1 {
		t.Errorf("a stale pointer to %v holds the block that is there now: %v", old.Addr, stale.Leaks())
	}
	full, lost := stale.alloc(24, "full"), stale.alloc(24, "lost")
	stale.legal(stale.StorePointer(full, lost))
	stale.free(full)
	stale.legal(stale.StorePointer(root, stale.alloc(24, "in its place")))
	if leaks := stale.Leaks(); len(leaks) != 2 || leaks[1].Block != lost.Block {
		t.Errorf("an address in memory that was never written holds a block: %v", leaks)
	}
	odd := program{t, newChecked(t, Nets{Access: true, Guarded: true})}
	root = must(t, second2(odd.Static("root", 8)))
	holder := odd.alloc(12, "12 bytes, which end at a page")
	odd.legal(odd.StorePointer(root, holder))
	odd.legal(odd.StorePointer(holder.Add(4), odd.alloc(1, "held")))
	if leaks := odd.Leaks(); len(leaks) != 0 {
		t.Errorf("%v", leaks)
	}
	if blind := newChecked(t, canaryAlone); second(blind.Alloc(1, "a")) == nil && blind.Leaks() != nil {
		t.Error("leaks without Nets.Access")
	}
}

// Without nets it is the heap and the stack as they are.
// A guarded block ends at its page's end, so that it begins anywhere: a pointer at
// its start holds what it points to all the same. So does one with a number that
// there never was.
func TestStoredPointersHoldAnywhere(t *testing.T) {
	for _, nets := range []Nets{{Access: true}, {Access: true, Guarded: true}} {
		p := program{t, newChecked(t, nets)}
		root := must(t, second2(p.Static("root", 8)))
		for n := addr.Bytes(8); n < 25; n++ {
			holder, held := p.alloc(n, "holder"), p.alloc(1, "held")
			p.legal(p.StorePointer(root, holder))
			for _, number := range []BlockNumber{held.Block, 1 << 40} {
				p.legal(p.StorePointer(holder, Pointer{held.Addr, number}))
				if leaks := p.Leaks(); number == held.Block && len(leaks) != 0 || n%8 == 0 && len(leaks) != 0 {
					t.Errorf("%+v: held by %d bytes as block %d: %v", nets, n, number, leaks)
				}
			}
			p.free(holder)
			if leaks := p.Leaks(); len(leaks) != 1 || leaks[0].Block != held.Block {
				t.Errorf("%+v: held by nothing: %v", nets, leaks)
			}
			p.free(held)
		}
	}
}

// Sizes and distances of more than 63 bits are no negative numbers.
func TestReportsOfHugeNumbers(t *testing.T) {
	p := program{t, newChecked(t, Nets{Access: true})}
	a := p.alloc(8, "a")
	_, push := p.Push("f", Local{"huge", 1<<64 - 1})
	far := p.Load(a.Add(-1<<63), make([]byte, 1))
	for _, c := range []struct {
		err  error
		want string
	}{
		{push, "a frame of 18,446,744,073,709,551,615 bytes"},
		{far, "9,223,372,036,854,775,808 bytes before the start"},
	} {
		text := strings.Join(strings.Fields(asReport(t, c.err).Text()), " ")
		if !strings.Contains(text, c.want) || strings.Contains(text, "-") && strings.Contains(text, " -") {
			t.Errorf("%s\nlacks %q", text, c.want)
		}
	}
}

func TestWithoutNetsItIsThePlainHeap(t *testing.T) {
	p := program{t, newChecked(t, Nets{})}
	a := p.alloc(10, "a")
	if a != (Pointer{Addr: p.region.heap.span.Lo}) {
		t.Errorf("the first block is %v", a)
	}
	p.store(a, "hello")
	if b := must(t, second2(p.Resize(a, 100))); b != a {
		t.Errorf("it grew to %v", b)
	}
	p.store(a.Add(100), "a hundred bytes behind") // committed memory: nothing notices
	p.free(a)
	if err := p.Free(a); !errors.Is(err, ErrDoubleFree) {
		t.Error(err)
	} else if _, ok := errors.AsType[*BlockError](err); !ok {
		t.Errorf("%T", err)
	}
	if got := p.load(a, 5); got != "hello" {
		t.Errorf("freed memory holds %q", got)
	}
	z := must(t, second2(p.AllocZeroed(3, 40, "z")))
	if got := p.load(z, 120); got != strings.Repeat("\x00", 120) {
		t.Errorf("zeroed memory holds %q", got)
	}
	locals := p.push("f", Local{"name", 16}, Local{"admin", 8}, Local{"c", 1}, Local{"n", 4})
	for i, want := range []addr.Addr{0, 16, 24, 28} {
		if got := locals[i].Addr - p.region.stack.SP(); got != want {
			t.Errorf("local %d is at +%d, want +%d", i, got, want)
		}
	}
	p.store(locals[0], strings.Repeat("A", 17))
	if got := p.load(locals[1], 1); got != "A" {
		t.Errorf("the neighbour holds %q", got)
	}
	if _, err := p.Push("f", Local{"huge", 1 << 40}); !errors.Is(err, ErrStackOverflow) {
		t.Error(err)
	}
	p.legal(p.Pop())
	p.legal(p.StorePointer(z, a))
	if got, err := p.LoadPointer(z); err != nil || got != a {
		t.Error(got, err)
	}
	if _, err := p.AllocZeroed(1<<40, 1<<40, "huge"); !errors.Is(err, ErrNoSpace) {
		t.Error(err)
	}
	if _, err := p.AllocZeroed(1, 1<<40, "huge"); !errors.Is(err, ErrNoSpace) {
		t.Error(err)
	}
	if p.objects.made != 0 || p.Leaks() != nil {
		t.Error("something was noted")
	}
}

func TestStaticsEnd(t *testing.T) {
	for _, nets := range []Nets{{}, CheckedNets()} {
		p := program{t, newChecked(t, nets)}
		for _, n := range []addr.Bytes{5 << 20, 1 << 63, ^addr.Bytes(0)} {
			if _, err := p.Static("huge", n); !errors.Is(err, ErrNoSpace) {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
		a := must(t, second2(p.Static("large", 3<<20)))
		if got := p.load(a.Add(3<<20-9), 9); got != strings.Repeat("\x00", 9) {
			t.Errorf("a static holds %q", got)
		}
		p.legal(p.Check())
	}
}
