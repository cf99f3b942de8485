package mmapheap

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

// fixedBase is below 2^38, so every arm64 kernel has it too, and far from where
// anything else is put.
const fixedBase addr.Addr = 0x10_0000_0000

// emulated reports whether the kernel is one that takes MAP_FIXED_NOREPLACE for
// a hint, as the emulator qemu-user does.
func emulated(tb testing.TB) bool {
	tb.Helper()
	page := linux{}.page()
	mem, err := linux{}.reserve(0, page)
	if err != nil {
		tb.Fatal(err)
	}
	defer linux{}.release(mem)
	elsewhere, err := linux{}.reserve(addrOf(mem), page)
	if err != nil {
		return false
	}
	if err := (linux{}).release(elsewhere); err != nil {
		tb.Fatal(err)
	}
	return true
}

func TestThePicture(t *testing.T) {
	r := newRegion(t, Config{Heap: 64 << 20, Stack: 8 << 20})
	if page := os.Getpagesize(); page != 4096 {
		t.Skipf("the numbers are for pages of 4096 bytes, not %d", page)
	}
	base := r.Range().Lo
	got := map[string]addr.Bytes{
		"heap start": r.Heap().Range().Lo.Sub(base), "heap end": r.Heap().Range().Hi.Sub(base),
		"stack start": r.Stack().Range().Lo.Sub(base), "stack end": r.Stack().Range().Hi.Sub(base),
		"region end": r.Range().Hi.Sub(base),
	}
	for name, want := range map[string]addr.Bytes{
		"heap start": 0x1000, "heap end": 0x4001000, "stack start": 0x4100000, "stack end": 0x4900000, "region end": 0x4901000,
	} {
		if got[name] != want {
			t.Errorf("%s at base+%#x, want +%#x", name, uint64(got[name]), uint64(want))
		}
	}
}

func TestSizes(t *testing.T) {
	page := addr.Bytes(os.Getpagesize())
	for _, tt := range []struct {
		c           Config
		heap, stack addr.Bytes
	}{
		{Config{}, DefaultHeap, DefaultStack},
		{Config{Heap: 1, Stack: 1}, page, page},
		{Config{Heap: page + 1, Stack: 2*page - 1}, 2 * page, 2 * page},
		{Config{Heap: 1<<20 - 3*page, Stack: 1 << 20}, 1<<20 - 3*page, 1 << 20},
	} {
		r := newRegion(t, tt.c)
		if heap, stack := r.Heap().Range().Size(), r.Stack().Range().Size(); heap != tt.heap || stack != tt.stack {
			t.Errorf("%+v: a heap of %d and a stack of %d bytes, want %d and %d", tt.c, heap, stack, tt.heap, tt.stack)
		}
		if end := r.Stack().Range().Hi.Sub(r.Range().Lo); end%stackEndAlign != 0 {
			t.Errorf("%+v: the stack ends at base+%#x", tt.c, uint64(end))
		}
	}
	for _, c := range []Config{{Heap: MaxHeap + 1}, {Heap: ^addr.Bytes(0)}, {Stack: MaxStack + 1}, {Stack: ^addr.Bytes(0)}} {
		if _, err := Reserve(c); err == nil || !strings.HasPrefix(err.Error(), "reserve: a ") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// Parts tile the region at every stage, and the kernel agrees with each of them.
func TestPartsAreAsTheKernelSays(t *testing.T) {
	r := newRegion(t, Config{Heap: 256 << 10, Stack: 128 << 10})
	check := func(stage string, want ...PartKind) {
		t.Helper()
		maps := readMaps(t)
		var kinds []PartKind
		at := r.Range().Lo
		for _, p := range r.Parts() {
			kinds = append(kinds, p.Kind)
			perms := "---p"
			switch p.Kind {
			case HeapPart, StackPart, Bookkeeping:
				perms = "rw-p"
			}
			if got := permsOf(maps, p.Range); got != perms {
				t.Errorf("%s: %v %v is mapped %q, want %q", stage, p.Kind, p.Range, got, perms)
			}
			if r.Range().Contains(p.Lo) {
				if p.Lo != at {
					t.Errorf("%s: %v begins at %v, the part before ends at %v", stage, p.Kind, p.Lo, at)
				}
				at = p.Hi
			}
		}
		if at != r.Range().Hi {
			t.Errorf("%s: the parts end at %v, the region at %v", stage, at, r.Range().Hi)
		}
		want = append(want, Guard, Guard, Bookkeeping, Guard)
		if !slices.Equal(kinds, want) {
			t.Errorf("%s: parts are %v, want %v", stage, kinds, want)
		}
	}
	check("new", Guard, HeapReserve, Guard, FreeSpace, Guard, StackReserve)
	mustAlloc(t, r.Heap(), 100)
	r.Stack().Push(100)
	check("begun", Guard, HeapPart, HeapReserve, Guard, FreeSpace, Guard, StackReserve, StackPart)
	mustAlloc(t, r.Heap(), 100<<10)
	r.Stack().Push(50 << 10)
	check("half", Guard, HeapPart, HeapReserve, Guard, FreeSpace, Guard, StackReserve, StackPart)
	mustAlloc(t, r.Heap(), r.Heap().Stats().LargestFree)
	r.Stack().Push(r.Stack().SP().Sub(r.Stack().Range().Lo))
	check("full", Guard, HeapPart, Guard, FreeSpace, Guard, StackPart)
	if r.Heap().Committed() != r.Heap().Range().Size() || r.Stack().Committed() != r.Stack().Range().Size() {
		t.Errorf("full, with %d and %d bytes committed", r.Heap().Committed(), r.Stack().Committed())
	}
}

func TestKindsHaveNames(t *testing.T) {
	for k, want := range map[PartKind]string{Guard: "guard", StackReserve: "stack reserve", Bookkeeping: "bookkeeping", 99: "part kind 99"} {
		if got, _ := k.MarshalText(); string(got) != want {
			t.Errorf("kind %d is %q, want %q", uint8(k), got, want)
		}
	}
	for s, want := range map[State]string{Free: "free", Used: "used"} {
		if got, _ := s.MarshalText(); string(got) != want {
			t.Errorf("state %d is %q, want %q", uint8(s), got, want)
		}
	}
}

func TestLoadAndStore(t *testing.T) {
	r := newRegion(t, Config{Heap: 64 << 10, Stack: 64 << 10})
	a := mustAlloc(t, r.Heap(), 100)
	sp, err := r.Stack().Push(64)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []addr.Addr{a, a + 99, sp, r.Stack().Range().Hi - 5} {
		got := make([]byte, 5)
		if err := errors.Join(r.Store(at, []byte("hello")), r.Load(at, got)); err != nil || string(got) != "hello" {
			t.Errorf("at %v: %q, %v", at, got, err)
		}
	}
	heap, stack := r.Heap().accessible(), r.Stack().accessible()
	free := r.freeSpace()
	for _, tt := range []struct {
		name  string
		at    addr.Addr
		size  int
		fault addr.Addr
		err   error
	}{
		{"the guard below the heap", heap.Lo - 1, 8, heap.Lo - 1, ErrGuard},
		{"behind the committed heap", heap.Hi, 1, heap.Hi, ErrUncommitted},
		{"across the end of the committed heap", heap.Hi - 3, 8, heap.Hi, ErrUncommitted},
		{"the guard behind the heap", r.Heap().Range().Hi, 8, r.Heap().Range().Hi, ErrGuard},
		{"the free space", free.Lo, 8, free.Lo, ErrUncommitted},
		{"the guard below the stack", r.Stack().Range().Lo - 1, 1, r.Stack().Range().Lo - 1, ErrGuard},
		{"below the committed stack", stack.Lo - 1, 8, stack.Lo - 1, ErrUncommitted},
		{"across the end of the stack", stack.Hi - 1, 2, stack.Hi, ErrGuard},
		{"below the region", r.Range().Lo - 1, 1, r.Range().Lo - 1, ErrOutside},
		{"behind the region", r.Range().Hi, 1, r.Range().Hi, ErrOutside},
		{"the bookkeeping", addrOf(r.books) + 4096, 1, addrOf(r.books) + 4096, ErrOutside},
		{"null", 0, 8, 0, ErrOutside},
		{"the highest address", ^addr.Addr(0), 8, ^addr.Addr(0), ErrOutside},
	} {
		for op, call := range map[string]func(addr.Addr, []byte) error{"load": r.Load, "store": r.Store} {
			err := call(tt.at, make([]byte, tt.size))
			access, ok := errors.AsType[*AccessError](err)
			if want := (AccessError{op, tt.at, addr.Bytes(tt.size), tt.fault, tt.err}); !ok || *access != want {
				t.Errorf("%s %s: %v, want %v", op, tt.name, err, &want)
			}
		}
	}
	if err := r.Load(0, nil); err != nil {
		t.Errorf("loading nothing: %v", err)
	}
	err = r.Load(heap.Hi-3, make([]byte, 8))
	if want := fmt.Sprintf("load 8 bytes at %v: %v is in reserved memory that is not committed", heap.Hi-3, heap.Hi); err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	if want := "store 1 bytes at 0x0: outside the region"; r.Store(0, []byte{1}).Error() != want {
		t.Errorf("%q, want %q", r.Store(0, []byte{1}), want)
	}
}

func TestBase(t *testing.T) {
	r, err := Reserve(Config{Base: fixedBase})
	if err != nil {
		t.Fatal(err)
	}
	if r.Range().Lo != fixedBase {
		t.Errorf("the region begins at %v, want %v", r.Range().Lo, fixedBase)
	}
	for name, base := range map[string]addr.Addr{"the same": fixedBase, "its last page": r.Range().Hi - addr.Addr(os.Getpagesize())} {
		if _, err := Reserve(Config{Base: base}); !errors.Is(err, ErrOccupied) || !strings.Contains(err.Error(), base.String()+": the addresses are in use; take another base") {
			t.Errorf("a second region at %s address: %v", name, err)
		}
	}
	below := Config{Base: fixedBase - 1<<20} // reaches into the first one
	if _, err := Reserve(below); !errors.Is(err, ErrOccupied) {
		t.Errorf("a region that runs into another: %v", err)
	}
	if err := r.Release(); err != nil {
		t.Fatal(err)
	}
	again := newRegion(t, Config{Base: fixedBase})
	if again.Range().Lo != fixedBase {
		t.Errorf("once released, the region begins at %v, want %v", again.Range().Lo, fixedBase)
	}
	for _, base := range []addr.Addr{fixedBase + 1, 0xfff, 8} {
		if _, err := Reserve(Config{Base: base}); err == nil || !strings.Contains(err.Error(), "not a multiple of the page size") {
			t.Errorf("base %v: %v", base, err)
		}
	}
	for _, base := range []addr.Addr{^addr.Addr(0xffff), 1 << 63} {
		if _, err := Reserve(Config{Base: base}); err == nil || !strings.Contains(err.Error(), base.String()) {
			t.Errorf("base %v: %v", base, err)
		}
	}
}

func TestAfterRelease(t *testing.T) {
	r, err := Reserve(Config{})
	if err != nil {
		t.Fatal(err)
	}
	h, s := r.Heap(), r.Stack()
	a := mustAlloc(t, h, 8)
	s.Push(8)
	if err := r.Release(); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"release": r.Release(), "load": r.Load(a, make([]byte, 1)), "store": r.Store(a, nil),
		"alloc": second(h.Alloc(1)), "alloc 0": second(h.Alloc(0)), "free": h.Free(a), "free null": h.Free(0),
		"resize": second(h.Resize(a, 1)), "bytes": second(h.Bytes(a)), "block": second(h.Block(a)),
		"heap check": h.Check(), "push": second(s.Push(1)), "push 0": second(s.Push(0)), "pop": s.Pop(), "stack check": s.Check(),
	} {
		if !errors.Is(err, ErrReleased) {
			t.Errorf("%s: %v, want %v", name, err, ErrReleased)
		}
	}
	for range h.Blocks() {
		t.Error("a released heap has blocks")
	}
	for range h.Explain(1) {
		t.Error("a released heap has candidates")
	}
	for range s.Frames() {
		t.Error("a released stack has frames")
	}
	if _, ok := h.BlockAround(a); ok || h.Stats() != (Stats{}) || r.Parts() != nil || r.Range().Size() != 0 ||
		h.Range().Size() != 0 || s.Range().Size() != 0 || h.Committed() != 0 || s.Committed() != 0 || s.SP() != 0 || s.Depth() != 0 {
		t.Errorf("a released region shows %+v, %v, %v", h.Stats(), r.Parts(), r.Range())
	}
}

func TestReleaseGivesEverythingBack(t *testing.T) {
	taken := 0 // by Go, for a thread's stack and its guard, before the maps were read
	cycle := func() {
		r, err := Reserve(Config{Base: fixedBase})
		if err != nil {
			t.Fatal(err)
		}
		mustAlloc(t, r.Heap(), 10_000)
		r.Stack().Push(100)
		books := addr.Span(addrOf(r.books), addr.Bytes(len(r.books)))
		span := r.Range()
		if err := r.Release(); err != nil {
			t.Fatal(err)
		}
		maps := readMaps(t)
		if strings.Contains(permsOf(maps, books), "---p") {
			taken++
		}
		if permsOf(maps, span) != "" || taken > 8 {
			t.Fatalf("after Release %v is mapped %q, %v %q", span, permsOf(maps, span), books, permsOf(maps, books))
		}
	}
	cycle()
	lines := len(readMaps(t))
	size, resident := statm(t)
	// Go itself may map another arena meanwhile, of 64 MiB; a thousand regions, or
	// the notes of as many, are several times as large as what is allowed here.
	cycles, mapped, touched := 1000, addr.Bytes(512<<20), addr.Bytes(16<<20)
	if emulated(t) {
		cycles, mapped, touched = 100, 64<<20, 64<<20 // which the emulator needs for its own notes
	}
	for range cycles {
		cycle()
	}
	if now := len(readMaps(t)); now > lines+8 {
		t.Errorf("the process has %d mappings, %d before", now, lines)
	}
	if s, rss := statm(t); s > size+mapped || rss > resident+touched {
		t.Errorf("the process has %d bytes, %d resident; %d and %d before", s, rss, size, resident)
	}
}

// Whatever a program writes to its payloads, the heap knows what it knew.
func TestPayloadsCantBreakTheHeap(t *testing.T) {
	r := newRegion(t, Config{Heap: 256 << 10})
	h := r.Heap()
	rng := rand.New(rand.NewPCG(3, 4))
	var live []addr.Addr
	for range 500 {
		live = append(live, mustAlloc(t, h, addr.Bytes(rng.IntN(300))))
	}
	for i := 0; i < len(live); i += 3 {
		if err := h.Free(live[i]); err != nil {
			t.Fatal(err)
		}
	}
	before := slices.Collect(h.Blocks())
	open := h.accessible()
	for range 100 {
		at := open.Lo + addr.Addr(rng.Uint64N(uint64(open.Size())))
		var b [1]byte
		if err := r.Load(at, b[:]); err != nil {
			t.Fatal(err)
		}
		b[0] ^= 1 << rng.IntN(8)
		if err := errors.Join(r.Store(at, b[:]), h.Check()); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Store(open.Lo, bytes.Repeat([]byte{0xff}, int(open.Size()))); err != nil {
		t.Fatal(err)
	}
	if err := h.Check(); err != nil || !slices.Equal(before, slices.Collect(h.Blocks())) {
		t.Errorf("the blocks changed: %v", err)
	}
}

// Payloads keep their bytes while others come, go and move around them.
func TestPayloadsKeepTheirBytes(t *testing.T) {
	h := newRegion(t, Config{Heap: 128 << 10}).Heap()
	rng := rand.New(rand.NewPCG(5, 6))
	type owned struct {
		a    addr.Addr
		want []byte
	}
	var live []owned
	fresh := func(n int) []byte {
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(rng.Uint32())
		}
		return p
	}
	for i := range 20_000 {
		n := rng.IntN(1 << (1 + rng.IntN(11)))
		switch {
		case len(live) < 60 || len(live) < 120 && rng.IntN(2) == 0:
			a, err := h.Alloc(addr.Bytes(n))
			if errors.Is(err, ErrNoSpace) {
				continue
			}
			mem, _ := h.Bytes(a)
			live = append(live, owned{a, fresh(n)})
			copy(mem, live[len(live)-1].want)
		case rng.IntN(2) == 0:
			o := &live[rng.IntN(len(live))]
			a, err := h.Resize(o.a, addr.Bytes(n))
			if errors.Is(err, ErrNoSpace) {
				continue
			}
			mem, _ := h.Bytes(a)
			if kept := min(n, len(o.want)); len(mem) != n || cap(mem) != n || !bytes.Equal(mem[:kept], o.want[:kept]) {
				t.Fatalf("operation %d: the first of %d bytes changed when resized to %d", i, len(o.want), n)
			}
			*o = owned{a, fresh(n)}
			copy(mem, o.want)
		default:
			j := rng.IntN(len(live))
			if mem, err := h.Bytes(live[j].a); err != nil || !bytes.Equal(mem, live[j].want) {
				t.Fatalf("operation %d: the %d bytes at %v changed: %v", i, len(live[j].want), live[j].a, err)
			}
			if err := h.Free(live[j].a); err != nil {
				t.Fatal(err)
			}
			live[j] = live[len(live)-1]
			live = live[:len(live)-1]
		}
	}
	for _, o := range live {
		if mem, _ := h.Bytes(o.a); !bytes.Equal(mem, o.want) {
			t.Errorf("the %d bytes at %v changed", len(o.want), o.a)
		}
	}
}
