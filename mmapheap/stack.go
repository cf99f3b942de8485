package mmapheap

import (
	"errors"
	"iter"

	"memprobe/layout/addr"
)

// frameAlign is what the stack pointer is always a multiple of, as the calling
// conventions of x86-64 and arm64 ask, and the size of the smallest frame.
const frameAlign addr.Bytes = 16

// Stack is a region with a stack pointer that starts at its high end and moves
// down with every frame pushed.
type Stack struct {
	share
	guard  []byte    // the page below
	sp     addr.Addr // the lowest byte in use; the end of the stack if there is none
	frames []uint32  // sizes of the frames in units of frameAlign, oldest first
	depth  int       // how many of them there are
}

// lay takes the stack's bookkeeping for size bytes of stack from c.
func (s *Stack) lay(c *carver, size addr.Bytes) {
	s.frames = carve[uint32](c, size/frameAlign)
}

// Push adds a frame of size bytes, rounded up to a multiple of 16 and at least
// 16, and returns the new stack pointer, the frame's lowest address. The frame
// holds whatever was there before. A frame that does not fit is a *StackError
// with ErrStackOverflow: the byte right below the stack, the first that the frame
// would cross into, was touched, and Addr is where the kernel stopped that.
func (s *Stack) Push(size addr.Bytes) (addr.Addr, error) {
	room := s.sp.Sub(s.span.Lo)
	if size > room || room == 0 {
		return 0, s.overflow(size)
	}
	frame := max(size, 1).AlignUp(frameAlign)
	sp := s.sp - addr.Addr(frame)
	if used := s.span.Hi.Sub(sp); used > s.committed {
		if err := s.grow(used); err != nil {
			return 0, &StackError{"push", size, sp, err}
		}
	}
	s.frames[s.depth] = uint32(frame / frameAlign)
	s.depth++
	s.sp = sp
	return sp, nil
}

// errOpenGuard can't happen while the kernel keeps what it was told.
var errOpenGuard = errors.New("the frame does not fit, and the guard page below the stack is accessible")

func (s *Stack) overflow(size addr.Bytes) error {
	if s.mem == nil {
		return &StackError{"push", size, 0, ErrReleased}
	}
	_, fault, faulted := touch(s.guard, addr.Bytes(len(s.guard)-1))
	if !faulted {
		return &StackError{"push", size, s.sp, errOpenGuard}
	}
	return &StackError{"push", size, fault, ErrStackOverflow}
}

// Pop removes the newest frame; its bytes stay as they are until they are
// overwritten. Without a frame it is a *StackError with ErrStackEmpty.
func (s *Stack) Pop() error {
	if s.depth == 0 {
		if s.mem == nil {
			return &StackError{"pop", 0, 0, ErrReleased}
		}
		return &StackError{"pop", 0, s.sp, ErrStackEmpty}
	}
	s.depth--
	s.sp += addr.Addr(s.frames[s.depth]) * addr.Addr(frameAlign)
	return nil
}

// SP is the stack pointer: the lowest address of the newest frame, or the end of
// the stack if it has none; always a multiple of 16.
func (s *Stack) SP() addr.Addr { return s.sp }

// Depth is the number of frames.
func (s *Stack) Depth() int { return s.depth }

// Frames yields the frames from the oldest, at the highest address, to the newest.
func (s *Stack) Frames() iter.Seq[addr.Range] {
	return func(yield func(addr.Range) bool) {
		hi := s.span.Hi
		for _, n := range s.frames[:s.depth] {
			lo := hi - addr.Addr(n)*addr.Addr(frameAlign)
			if !yield(addr.Range{Lo: lo, Hi: hi}) {
				return
			}
			hi = lo
		}
	}
}

// Range is all that the stack may grow into.
func (s *Stack) Range() addr.Range { return s.span }

// Committed is how many bytes are accessible, counted down from the stack's end.
func (s *Stack) Committed() addr.Bytes { return s.committed }
