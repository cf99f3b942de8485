package mmapheap

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// Each invariant, broken behind the checked heap's back, is found by its number.
func TestCheckFindsEachBrokenInvariant(t *testing.T) {
	for _, tt := range []struct {
		name      string
		invariant string
		breakIt   func(p program, o *object)
	}{
		{"a block that is no object's", "C1", func(p program, _ *object) { mustAlloc(p, &p.region.heap, 100) }},
		{"an object that has no block", "C1", func(p program, o *object) { p.legal(p.region.heap.Free(o.block.Lo)) }},
		{"an object of another size", "C1", func(p program, o *object) { o.block.Hi += 16 }},
		{"an object that is thought to be gone", "C1", func(p program, o *object) { o.phase = gone }},
		{"a cell of another number", "C2", func(p program, o *object) { p.shadow.set(addr.Span(o.block.Lo+16, 16), 1) }},
		{"a frame's cell of another number", "C2", func(p program, _ *object) { p.shadow.set(addr.Span(p.region.stack.SP(), 16), 1) }},
		{"a payload that leaves its block", "C3", func(p program, o *object) { o.requested += 100 }},
		{"too few bits", "C3", func(p program, o *object) { o.written = nil }},
		{"a bit behind the payload", "C3", func(p program, o *object) { o.written[0] |= 1 << 63 }},
		{"a queue without a block", "C4", func(p program, _ *object) { p.quarantine.queue = p.quarantine.queue[1:] }},
		{"a live block in the queue", "C4", func(p program, o *object) { p.quarantine.queue[0] = o.number }},
		{"a block queued twice", "C4", func(p program, _ *object) { p.quarantine.queue[1] = p.quarantine.queue[0] }},
		{"too much in quarantine", "C4", func(p program, _ *object) { p.nets.Quarantine = 10 }},
		{"a frame too many", "C5", func(p program, _ *object) { p.frames = append(p.frames, 1) }},
		{"a frame too few", "C5", func(p program, _ *object) { p.frames = nil }},
		{"a frame elsewhere", "C5", func(p program, _ *object) { p.objects.get(p.frames[0]).addr -= 16 }},
		{"a frame that is gone", "C5", func(p program, _ *object) { p.objects.get(p.frames[0]).phase = gone }},
		{"a local that is gone", "C5", func(p program, _ *object) { p.objects.get(p.frames[0] + 1).phase = gone }},
		{"locals out of order", "C5", func(p program, _ *object) { p.objects.get(p.frames[0] + 2).addr -= 48 }},
		{"a pointer outside", "C6", func(p program, o *object) { o.notePointer(36, Pointer{}) }},
		{"a pointer where nothing was written", "C6", func(p program, o *object) { o.notePointer(16, Pointer{}) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Reserve(Config{Heap: 64 << 10, Stack: 64 << 10, Checked: true})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Release()
			p := program{t, r.Checked()}
			p.free(p.alloc(1, "first"))
			p.free(p.alloc(2, "second"))
			a := p.alloc(40, "a")
			p.store(a, "some text")
			p.push("f", Local{"x", 8}, Local{"y", 8})
			must(p, second2(p.Static("s", 8)))
			p.legal(p.Check())
			tt.breakIt(p, p.objects.get(a.Block))
			if err := p.Check(); err == nil || !strings.Contains(err.Error(), tt.invariant+": ") {
				t.Errorf("got %v, want %s", err, tt.invariant)
			}
		})
	}
}

// Check tells all that is damaged, each once, and again when it is asked again.
func TestCheckTellsAllDamage(t *testing.T) {
	p := program{t, newChecked(t, CheckedNets())}
	a, b, freed := p.alloc(20, "a"), p.alloc(20, "b"), p.alloc(20, "freed")
	p.alloc(20, "whole")
	locals := p.push("f", Local{"x", 4}, Local{"y", 4})
	static := must(t, second2(p.Static("s", 4)))
	p.free(freed)
	p.smash(a.Addr+21, "!")                              // overflow of a
	p.smash(b.Addr-2, "!")                               // underflow of b
	p.smash(freed.Addr+3, "!")                           // use after free
	p.smash(locals[0].Addr+4, "!")                       // overflow of x
	p.memory(addr.Span(static.Addr.Offset(4), 1))[0] = 0 // overflow of the static
	for range 2 {
		var got []BlockNumber
		for _, err := range leaves(p.Check()) {
			report := asReport(t, err)
			if report.Access != "check" || !strings.HasSuffix(report.Here.File, "checked_check_test.go") {
				t.Errorf("%+v", report)
			}
			got = append(got, report.Block)
		}
		want := map[BlockNumber]bool{a.Block: true, freed.Block: true, locals[0].Block: true, static.Block: true}
		for _, n := range got {
			delete(want, n)
		}
		// a's and b's damage lies in one gap, which is reported once.
		if len(want) != 0 || len(got) != 4 {
			t.Errorf("reports about %v, none about %v", got, want)
		}
	}
	p.memory(addr.Span(static.Addr.Offset(4), 1))[0] = canaryPattern
	for _, at := range []addr.Addr{a.Addr + 21, b.Addr - 2, locals[0].Addr + 4} {
		p.smash(at, string(canaryPattern))
	}
}

// pageRefusing is the real kernel, but that its call number at of those that change
// permissions fails, and with more all later ones as well.
type pageRefusing struct {
	linux
	at, calls int
	more      bool
}

func (k *pageRefusing) refuses() bool {
	k.calls++
	return k.calls == k.at || k.more && k.calls > k.at
}

func (k *pageRefusing) commit(mem []byte) error {
	if k.refuses() {
		return unix.ENOMEM
	}
	return k.linux.commit(mem)
}

func (k *pageRefusing) forbid(mem []byte) error {
	if k.refuses() {
		return unix.ENOMEM
	}
	return k.linux.forbid(mem)
}

// live is where the live heap blocks are.
func (p program) live() []addr.Range {
	var live []addr.Range
	for o := range p.heapObjects {
		if o.phase == alive {
			live = append(live, o.payload())
		}
	}
	return live
}

// What else the kernel may refuse, and a heap that is used besides its nets.
func TestOtherRefusals(t *testing.T) {
	k := &pageRefusing{}
	r, err := reserve(Config{Heap: 1 << 20, Stack: 64 << 10, Nets: guardAlone}, k)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	p := program{t, r.Checked()}
	if p.Nets() != guardAlone {
		t.Errorf("the nets are %+v", p.Nets())
	}
	for name, operation := range map[string]func() error{
		"static": func() error { return second(p.Static("s", 10)) },
		"push":   func() error { return second(p.Push("f", Local{"x", 8})) },
	} {
		k.at, k.more = k.calls+1, true
		err := operation()
		if _, ok := errors.AsType[*Report](err); ok || !errors.Is(err, unix.ENOMEM) || !strings.HasPrefix(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		k.more = false
		p.legal(p.Check())
		p.legal(operation())
	}
	besides := mustAlloc(t, r.Heap(), 10)
	if _, err := p.Alloc(10, "a"); err == nil || !strings.Contains(err.Error(), "the heap is used besides its nets") {
		t.Error(err)
	}
	p.legal(r.Heap().Free(besides))
	p.alloc(10, "a")
	p.legal(p.Check())
}

func TestCheckedAfterRelease(t *testing.T) {
	for _, nets := range []Nets{{}, CheckedNets()} {
		r, err := Reserve(Config{Nets: nets})
		if err != nil {
			t.Fatal(err)
		}
		p := program{t, r.Checked()}
		a := p.alloc(10, "a")
		s := must(t, second2(p.Static("s", 10)))
		p.push("f", Local{"x", 8})
		p.legal(r.Release())
		for name, err := range map[string]error{
			"alloc": second(p.Alloc(1, "b")), "zeroed": second(p.AllocZeroed(1, 1, "b")), "free": p.Free(a), "resize": second(p.Resize(a, 1)),
			"load": p.loaded(a, 1), "store": p.stored(s, 1), "load pointer": second(p.LoadPointer(a)), "store pointer": p.StorePointer(a, a),
			"load nothing": p.loaded(a, 0),
			"push":         second(p.Push("f")), "pop": p.Pop(), "static": second(p.Static("t", 1)), "check": p.Check(),
		} {
			if !errors.Is(err, ErrReleased) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if p.Leaks() != nil || p.region.Checked() != p.Checked {
			t.Error("a released region has leaks")
		}
	}
}
