package mmapheap

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"memprobe/layout/addr"
)

// entered pushes a frame from c as a program does: Enter, and Push for what is rare.
func entered(t *testing.T, c Caller, size addr.Bytes) []byte {
	t.Helper()
	f, ok := c.Enter(size)
	if ok {
		return f
	}
	f, err := c.Push(size)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Each frame is as many bytes as asked for, at the stack pointer, and is the caller
// of the next one.
func TestCaller(t *testing.T) {
	r := newRegion(t, Config{Stack: 64 << 10})
	s := r.Stack()
	var callers []Caller
	var sps []addr.Addr
	for depth, size := range []addr.Bytes{1, 0, 100, 16, 40 << 10, 64} {
		c, before := s.Caller(), s.SP()
		f := entered(t, c, size)
		want := before - addr.Addr(max(size, 1).AlignUp(16))
		if addr.Bytes(len(f)) != size || cap(f) != len(f) || s.SP() != want || size > 0 && addrOf(f) != want || s.Depth() != depth+1 {
			t.Fatalf("entered %d bytes: %d, with room for %d, SP %v, want %v; %d frames", size, len(f), cap(f), s.SP(), want, s.Depth())
		}
		for i := range f {
			f[i] = byte(depth + 1)
		}
		callers, sps = append(callers, c), append(sps, before)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	for depth, c := range slices.Backward(callers) {
		if got := make([]byte, 1); depth != 1 { // that one has no byte to be stored
			if err := r.Load(s.SP(), got); err != nil || int(got[0]) != depth+1 {
				t.Errorf("frame %d holds %d, %v", depth, got, err)
			}
		}
		if !c.Leave() || s.SP() != sps[depth] || s.Depth() != depth {
			t.Errorf("left frame %d: SP %v, want %v; %d frames", depth, s.SP(), sps[depth], s.Depth())
		}
	}
}

// Enter leaves alone what has no memory yet, and has it once Push has committed it.
func TestEnterCommitsNothing(t *testing.T) {
	s := newRegion(t, Config{Stack: 64 << 10}).Stack()
	c := s.Caller()
	if f, ok := c.Enter(64); ok || s.Depth() != 0 || s.Committed() != 0 {
		t.Fatalf("entered %d bytes of a stack of which %d are committed", len(f), s.Committed())
	}
	entered(t, c, 64)
	if !c.Leave() {
		t.Fatal("the frame is not the caller's")
	}
	if f, ok := c.Enter(64); !ok || len(f) != 64 {
		t.Errorf("a frame that memory is committed for is not entered: %d", len(f))
	}
	if f, ok := s.Caller().Enter(s.Committed() - 64 + 1); ok {
		t.Errorf("entered a frame of %d bytes, with %d committed", len(f), s.Committed())
	}
	if f, ok := s.Caller().Enter(s.Committed() - 64); !ok || addrOf(f) != s.Range().Hi-addr.Addr(s.Committed()) {
		t.Errorf("the last %d committed bytes are not entered: %d", s.Committed()-64, len(f))
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}

func TestACallerOfOtherFrames(t *testing.T) {
	s := newRegion(t, Config{Stack: 64 << 10}).Stack()
	base := s.Caller()
	refused := func(what string, c Caller, push, pop error) {
		t.Helper()
		sp, depth := s.SP(), s.Depth()
		if _, ok := c.Enter(16); ok && push != nil {
			t.Errorf("%s: enters", what)
		}
		if _, err := c.Push(16); push != nil && !errors.Is(err, push) {
			t.Errorf("%s: push: %v, want %v", what, err, push)
		}
		if pop != nil && (c.Leave() || !errors.Is(c.Pop(), pop)) {
			t.Errorf("%s: pop: %v, want %v", what, c.Pop(), pop)
		}
		if s.SP() != sp || s.Depth() != depth || s.Check() != nil {
			t.Errorf("%s: %d frames, to %v; were %d, to %v; %v", what, s.Depth(), s.SP(), depth, sp, s.Check())
		}
	}
	if base.Leave() || !errors.Is(base.Pop(), ErrStackEmpty) {
		t.Error("an empty stack has a frame to leave")
	}
	entered(t, base, 32)
	first := s.Caller()
	refused("one frame more", base, ErrStaleCaller, nil)
	entered(t, first, 32)
	second := s.Caller()
	refused("two frames more", base, ErrStaleCaller, ErrStaleCaller)
	if err := errors.Join(s.Pop(), first.Pop(), base.Pop()); !errors.Is(err, ErrStaleCaller) || s.Depth() != 0 {
		t.Errorf("%v; %d frames", err, s.Depth()) // the stack's Pop took the frame that first pushed
	}
	refused("one frame fewer", first, ErrStaleCaller, ErrStackEmpty)
	refused("two frames fewer", second, ErrStaleCaller, ErrStackEmpty)
	if _, err := s.Push(48); err != nil {
		t.Fatal(err)
	}
	if f := entered(t, first, 16); addrOf(f) != s.Range().Hi-64 || s.Depth() != 2 {
		t.Errorf("another first frame: its callee is at %v, %d frames", addrOf(f), s.Depth())
	}
}

func TestACallerOverflows(t *testing.T) {
	s := newRegion(t, Config{Stack: 16 << 10}).Stack()
	size := s.Range().Size()
	entered(t, s.Caller(), size-64)
	c, sp := s.Caller(), s.SP()
	for _, n := range []addr.Bytes{65, size, MaxStack, MaxStack + 1, 1 << 32, 1<<32 + 16, 1 << 63, ^addr.Bytes(0), ^addr.Bytes(0) - 15} {
		_, ok := c.Enter(n)
		_, err := c.Push(n)
		overflow, _ := errors.AsType[*StackError](err)
		if ok || !errors.Is(err, ErrStackOverflow) || overflow.Addr != s.Range().Lo-1 || s.SP() != sp || s.Depth() != 1 {
			t.Errorf("%d bytes: %v, %v, SP %v", n, ok, err, s.SP())
		}
	}
	entered(t, c, 64)
	if _, ok := s.Caller().Enter(1); ok {
		t.Error("entered a frame of a full stack")
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}

func TestACallerAfterRelease(t *testing.T) {
	r, err := Reserve(Config{Stack: 1})
	if err != nil {
		t.Fatal(err)
	}
	s := r.Stack()
	before := s.Caller()
	entered(t, before, 16)
	if err := r.Release(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []Caller{before, s.Caller()} {
		for _, size := range []addr.Bytes{0, 16, 1 << 40} {
			if f, ok := c.Enter(size); ok {
				t.Errorf("entered %d bytes of a released stack", len(f))
			}
			if _, err := c.Push(size); !errors.Is(err, ErrReleased) {
				t.Errorf("push %d: %v", size, err)
			}
		}
		if c.Leave() || !errors.Is(c.Pop(), ErrReleased) {
			t.Errorf("pop: %v", c.Pop())
		}
	}
}

// Random frames, pushed and popped both ways and from callers old and new, against a
// plain list of sizes.
func TestCallersAgainstAList(t *testing.T) {
	s := newRegion(t, Config{Stack: 256 << 10}).Stack()
	rng := rand.New(rand.NewPCG(3, 4))
	var sizes []addr.Bytes
	used := addr.Bytes(0)
	known := []Caller{s.Caller()} // by the number of frames
	for i := range 20_000 {
		size := addr.Bytes(rng.Uint64N(1 << (1 + rng.Uint64N(14))))
		frame := max(size, 1).AlignUp(16)
		depth := rng.IntN(len(known))
		if rng.IntN(4) > 0 {
			depth = min(len(sizes), len(known)-1)
		}
		c, pops := known[depth], rng.IntN(5) < 2
		if pops && depth > 0 && rng.IntN(4) > 0 {
			depth--
			c = known[depth]
		}
		switch {
		case pops && rng.IntN(2) == 0:
			if c.Leave() != (depth+1 == len(sizes)) {
				t.Fatalf("operation %d: %d frames, and the caller of frame %d leaves", i, len(sizes), depth+1)
			}
			if depth+1 == len(sizes) {
				used -= sizes[depth]
				sizes = sizes[:depth]
			}
		case pops:
			if err := s.Pop(); (err == nil) != (len(sizes) > 0) {
				t.Fatal(err)
			}
			if len(sizes) > 0 {
				used -= sizes[len(sizes)-1]
				sizes = sizes[:len(sizes)-1]
			}
		default:
			f, ok := c.Enter(size)
			var err error
			if !ok {
				f, err = c.Push(size)
			}
			fits := used+frame <= s.Range().Size()
			if (err == nil) != (depth == len(sizes) && fits) || err == nil && addr.Bytes(len(f)) != size {
				t.Fatalf("operation %d: %d bytes from frame %d of %d: %d, %v", i, size, depth, len(sizes), len(f), err)
			}
			if err == nil {
				sizes, used = append(sizes, frame), used+frame
			}
		}
		if len(known) == len(sizes) {
			known = append(known, s.Caller())
		}
		if s.SP() != s.Range().Hi-addr.Addr(used) || s.Depth() != len(sizes) {
			t.Fatalf("operation %d: SP %v, %d frames; want %d frames of %d bytes", i, s.SP(), s.Depth(), len(sizes), used)
		}
		if i%100 == 0 {
			if err := s.Check(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(known) < 10 {
		t.Errorf("%d frames at most", len(known))
	}
}
