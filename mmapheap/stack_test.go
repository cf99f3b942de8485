package mmapheap

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

func TestPushAndPop(t *testing.T) {
	s := newRegion(t, Config{Stack: 64 << 10}).Stack()
	end := s.Range().Hi
	if s.SP() != end || s.Depth() != 0 {
		t.Fatalf("a new stack has its pointer at %v, %d frames, want %v and none", s.SP(), s.Depth(), end)
	}
	for _, tt := range []struct{ size, below addr.Bytes }{{97, 112}, {16, 128}, {1, 144}, {0, 160}, {17, 192}, {32 << 10, 192 + 32<<10}} {
		if sp, err := s.Push(tt.size); err != nil || sp != end-addr.Addr(tt.below) || sp != s.SP() {
			t.Errorf("push %d: %v, %v, SP %v, want %v", tt.size, sp, err, s.SP(), end-addr.Addr(tt.below))
		}
	}
	var sizes []addr.Bytes
	for frame := range s.Frames() {
		sizes = append(sizes, frame.Size())
	}
	if want := []addr.Bytes{112, 16, 16, 16, 32, 32 << 10}; !slices.Equal(sizes, want) {
		t.Errorf("frames of %v bytes, want %v", sizes, want)
	}
	for first := range s.Frames() {
		if first.Hi != end {
			t.Errorf("the oldest frame is %v, want its end at %v", first, end)
		}
		break
	}
	for i, below := range []addr.Bytes{192, 160, 144, 128, 112, 0} {
		if err := s.Pop(); err != nil || s.SP() != end-addr.Addr(below) {
			t.Errorf("pop %d: %v, SP %v, want %v", i, err, s.SP(), end-addr.Addr(below))
		}
	}
	err := s.Pop()
	if want := fmt.Sprintf("pop at %v: the stack has no frame", end); !errors.Is(err, ErrStackEmpty) || err.Error() != want {
		t.Errorf("pop of an empty stack: %v, want %s", err, want)
	}
}

func TestStackOverflowIsTheKernels(t *testing.T) {
	r := newRegion(t, Config{Stack: 16 << 10})
	s := r.Stack()
	below := s.Range().Lo - 1
	if _, err := s.Push(12 << 10); err != nil {
		t.Fatal(err)
	}
	before := s.SP()
	for _, size := range []addr.Bytes{s.Range().Size()/4 + 1, 1 << 20, 1 << 40, ^addr.Bytes(0), ^addr.Bytes(0) - 14} {
		sp, err := s.Push(size)
		overflow, ok := errors.AsType[*StackError](err)
		if !ok || !errors.Is(err, ErrStackOverflow) || overflow.Addr != below || overflow.Op != "push" || sp != 0 {
			t.Fatalf("push %d: %v, %v, want an overflow at %v", size, sp, err, below)
		}
		if want := fmt.Sprintf("push %d bytes: stack overflow at %v: the guard page below the stack", size, below); err.Error() != want {
			t.Errorf("push %d: %q, want %q", size, err, want)
		}
		if s.SP() != before || s.Depth() != 1 {
			t.Fatalf("push %d moved the stack pointer to %v", size, s.SP())
		}
	}
	if _, err := s.Push(s.Range().Size() - 12<<10); err != nil { // the last byte above the guard
		t.Fatal(err)
	}
	if s.SP() != s.Range().Lo {
		t.Errorf("a full stack has its pointer at %v, want %v", s.SP(), s.Range().Lo)
	}
	if err := r.Store(s.SP(), []byte("bottom")); err != nil {
		t.Error(err)
	}
	for _, size := range []addr.Bytes{0, 1} {
		if _, err := s.Push(size); !errors.Is(err, ErrStackOverflow) {
			t.Errorf("push %d on a full stack: %v", size, err)
		}
	}
	if err := errors.Join(s.Check(), s.Pop(), s.Pop()); err != nil {
		t.Error(err)
	}
}

// 100,000 faults, each at the right address, leave the stack and the process sound.
func TestManyOverflows(t *testing.T) {
	n := 100_000
	if testing.Short() || emulated(t) {
		n = 1000
	}
	s := newRegion(t, Config{Stack: 1}).Stack()
	for i := range n {
		overflow, ok := errors.AsType[*StackError](second(s.Push(1 << 20)))
		if !ok || overflow.Addr != s.Range().Lo-1 {
			t.Fatalf("overflow %d: %v", i, overflow)
		}
	}
	if debug.SetPanicOnFault(false) {
		t.Error("faults still panic in this goroutine")
	}
}

func second[T any](_ T, err error) error { return err }

func TestAnAccessibleGuardIsToldApart(t *testing.T) {
	s := newRegion(t, Config{Stack: 1}).Stack()
	if err := s.kernel.commit(s.guard); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Push(1 << 20); !errors.Is(err, errOpenGuard) || !strings.Contains(err.Error(), s.SP().String()) {
		t.Error(err)
	}
}

func TestTouchPassesOtherPanicsOn(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an index out of range was taken for a fault")
		}
	}()
	touch(nil, 1)
}

// Random pushes and pops against a plain list of sizes.
func TestStackAgainstAList(t *testing.T) {
	s := newRegion(t, Config{Stack: 256 << 10}).Stack()
	rng := rand.New(rand.NewPCG(1, 2))
	var sizes []addr.Bytes
	used := addr.Bytes(0)
	for i := range 20_000 {
		size := addr.Bytes(rng.Uint64N(1 << (1 + rng.Uint64N(14))))
		frame := max(size, 1).AlignUp(16)
		switch fits := used+frame <= s.Range().Size(); {
		case rng.IntN(5) < 2 && len(sizes) > 0:
			if err := s.Pop(); err != nil {
				t.Fatal(err)
			}
			used -= sizes[len(sizes)-1]
			sizes = sizes[:len(sizes)-1]
		case fits:
			if _, err := s.Push(size); err != nil {
				t.Fatal(err)
			}
			sizes, used = append(sizes, frame), used+frame
		default:
			if _, err := s.Push(size); !errors.Is(err, ErrStackOverflow) {
				t.Fatal(err)
			}
		}
		if s.SP() != s.Range().Hi-addr.Addr(used) || s.Depth() != len(sizes) || s.Committed() < used {
			t.Fatalf("operation %d: SP %v, %d frames, %d bytes committed; want %d frames of %d bytes", i, s.SP(), s.Depth(), s.Committed(), len(sizes), used)
		}
		if err := s.Check(); i%100 == 0 && err != nil {
			t.Fatal(err)
		}
	}
}

// A frame is reached through a slice of exactly its bytes, which are those at its
// address, and of no others.
func TestFrame(t *testing.T) {
	r := newRegion(t, Config{Stack: 64 << 10})
	s := r.Stack()
	if f := s.Frame(); f != nil {
		t.Errorf("an empty stack has a frame of %d bytes", len(f))
	}
	for depth, size := range []addr.Bytes{1, 0, 100, 16, 40 << 10} {
		sp, err := s.Push(size)
		if err != nil {
			t.Fatal(err)
		}
		f, want := s.Frame(), int(max(size, 1).AlignUp(16))
		if len(f) != want || cap(f) != want || addrOf(f) != sp {
			t.Fatalf("push %d: a frame of %d bytes, with room for %d, at %v; want %d at %v", size, len(f), cap(f), addrOf(f), want, sp)
		}
		for i := range f {
			f[i] = byte(depth + 1)
		}
	}
	for depth := s.Depth(); depth > 0; depth-- {
		f := s.Frame()
		got := make([]byte, len(f))
		if err := r.Load(s.SP(), got); err != nil || !slices.Equal(f, got) || slices.ContainsFunc(f, func(b byte) bool { return int(b) != depth }) {
			t.Errorf("frame %d is not what was stored in it: %v", depth, err)
		}
		if err := s.Pop(); err != nil {
			t.Fatal(err)
		}
	}
	if f := s.Frame(); f != nil {
		t.Errorf("a stack without frames has one of %d bytes", len(f))
	}
	if _, err := s.Push(MaxStack); !errors.Is(err, ErrStackOverflow) || s.Frame() != nil {
		t.Errorf("%v, and a frame of %d bytes", err, len(s.Frame()))
	}
}

func TestFrameAfterRelease(t *testing.T) {
	r, err := Reserve(Config{Stack: 1})
	if err != nil {
		t.Fatal(err)
	}
	s := r.Stack()
	if _, err := s.Push(16); err != nil {
		t.Fatal(err)
	}
	if err := r.Release(); err != nil {
		t.Fatal(err)
	}
	_, push := s.Push(16)
	for _, err := range []error{push, s.Pop(), second(s.Push(0))} {
		if !errors.Is(err, ErrReleased) {
			t.Errorf("released: %v", err)
		}
	}
	if s.Frame() != nil || s.SP() != 0 || s.Depth() != 0 {
		t.Errorf("a released stack has %d frames, its pointer at %v, its frame %d bytes", s.Depth(), s.SP(), len(s.Frame()))
	}
}

// A frame larger than the address of the stack pointer would begin below 0.
func TestAStackAtALowAddress(t *testing.T) {
	r, err := Reserve(Config{Heap: 1, Stack: 2 << 20, Base: 64 << 10})
	if err != nil {
		t.Skip(err) // the addresses are in use, or the kernel keeps them for itself
	}
	defer r.Release()
	s := r.Stack()
	if _, err := s.Push(3 << 19); err != nil {
		t.Fatal(err)
	}
	sp := s.SP()
	if addr.Bytes(sp) >= s.Range().Size() {
		t.Fatalf("the stack pointer is %v: too high for this test", sp)
	}
	for _, size := range []addr.Bytes{s.Range().Size(), addr.Bytes(sp) + 1, addr.Bytes(sp), sp.Sub(s.Range().Lo) + 1} {
		if _, err := s.Push(size); !errors.Is(err, ErrStackOverflow) || s.SP() != sp || s.Depth() != 1 {
			t.Errorf("push %d below %v: %v, with the stack pointer at %v", size, sp, err, s.SP())
		}
		if f, ok := s.Caller().Enter(size); ok || s.SP() != sp || s.Depth() != 1 {
			t.Errorf("entered a frame of %d bytes below %v: %d, with the stack pointer at %v", size, sp, len(f), s.SP())
		}
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}

// The table has a note for each frame of a stack full of the smallest ones.
func TestAStackOfSmallestFrames(t *testing.T) {
	s := newRegion(t, Config{Stack: 64 << 10}).Stack()
	n := int(s.Range().Size() / 16)
	for range n {
		if _, err := s.Push(1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Push(1); !errors.Is(err, ErrStackOverflow) || s.Depth() != n || s.SP() != s.Range().Lo {
		t.Errorf("%v: %d frames down to %v, want %d down to %v", err, s.Depth(), s.SP(), n, s.Range().Lo)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}

// What is to cost no call is compiled into its callers.
func TestFramesArePushedInline(t *testing.T) {
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("the go command is not in PATH")
	}
	// -gcflags is for this package alone; the cache replays what the compiler said.
	out, err := exec.Command(tool, "build", "-gcflags=-m=2", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, said := range []string{
		"can inline (*Stack).Push with", "inlining call to (*Stack).pushOr",
		"can inline (*Stack).Pop with", "inlining call to (*Stack).popOr",
		"can inline (*Stack).Frame with",
		"can inline Caller.Enter with", "can inline Caller.Leave with",
	} {
		if !strings.Contains(string(out), said) {
			t.Errorf("the compiler does not say %q", said)
		}
	}
	for _, line := range regexp.MustCompile(`(?m)^.*cannot inline (\(\*Stack\)\.(Push|Pop|Frame|pushOr|popOr)|Caller\.(Enter|Leave)):.*$`).FindAllString(string(out), -1) {
		t.Error(line)
	}
}
