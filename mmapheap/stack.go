package mmapheap

import (
	"errors"
	"iter"

	"memprobe/layout/addr"
)

// frameAlign is what the stack pointer is always a multiple of, as the calling
// conventions of x86-64 and arm64 ask, and the size of the smallest frame.
const (
	frameAlign addr.Bytes = 16
	frameMask             = frameAlign - 1
)

// Stack is a region with a stack pointer that starts at its high end and moves
// down with every frame pushed. What Push and Pop need comes first, as
// their own fields: to reach into a struct in the struct would cost them too much
// for being inlined.
type Stack struct {
	top    addr.Addr  // of the note in table for the newest frame; bottom if there is none
	bottom addr.Addr  // of the first note
	low    addr.Addr  // the lowest committed address
	max    addr.Bytes // the size of the stack; 0 once it is released

	share
	guard []byte      // the page below
	table []addr.Addr // the end of the stack, and then where each frame begins, oldest first
}

// lay takes the stack's bookkeeping for size bytes of stack from c.
func (s *Stack) lay(c *carver, size addr.Bytes) {
	s.table = carve[addr.Addr](c, 1+size/frameAlign)
	if s.table == nil {
		return
	}
	s.table[0] = s.span.Hi
	s.top, s.bottom, s.low, s.max = firstOf(s.table), firstOf(s.table), s.span.Hi, size
}

// pushRarely is Push where the frame's memory may not be committed yet, and for sizes
// of 0 and sizes that can't fit.
func (s *Stack) pushRarely(size addr.Bytes) pushed {
	room := s.SP().Sub(s.span.Lo)
	if size > room || room == 0 {
		return pushed{err: s.overflow(size)}
	}
	sp := s.SP() - addr.Addr(max(size, 1).AlignUp(frameAlign))
	if used := s.span.Hi.Sub(sp); used > s.committed {
		if err := s.grow(used); err != nil {
			return pushed{err: &StackError{"push", size, sp, err}}
		}
		s.low = s.accessible().Lo
	}
	s.top += noteSize
	s.table[s.Depth()] = sp
	return pushed{sp: sp}
}

// errOpenGuard can't happen while the kernel keeps what it was told.
var errOpenGuard = errors.New("the frame does not fit, and the guard page below the stack is accessible")

func (s *Stack) overflow(size addr.Bytes) error {
	if s.mem == nil {
		return &StackError{"push", size, 0, ErrReleased}
	}
	_, fault, faulted := touch(s.guard, addr.Bytes(len(s.guard)-1))
	if !faulted {
		return &StackError{"push", size, s.SP(), errOpenGuard}
	}
	return &StackError{"push", size, fault, ErrStackOverflow}
}

func (s *Stack) noFrame() error {
	if s.mem == nil {
		return &StackError{"pop", 0, 0, ErrReleased}
	}
	return &StackError{"pop", 0, s.SP(), ErrStackEmpty}
}

// SP is the stack pointer: the lowest address of the newest frame, or the end of
// the stack if it has none; always a multiple of 16.
func (s *Stack) SP() addr.Addr {
	if s.table == nil {
		return 0
	}
	return s.table[s.Depth()]
}

// Depth is the number of frames.
func (s *Stack) Depth() int { return int(s.top.Sub(s.bottom) / noteSize) }

// Frames yields the frames from the oldest, at the highest address, to the newest.
func (s *Stack) Frames() iter.Seq[addr.Range] {
	return func(yield func(addr.Range) bool) {
		for i := range s.Depth() {
			if !yield(addr.Range{Lo: s.table[i+1], Hi: s.table[i]}) {
				return
			}
		}
	}
}

// Range is all that the stack may grow into.
func (s *Stack) Range() addr.Range { return s.span }

// Committed is how many bytes are accessible, counted down from the stack's end.
func (s *Stack) Committed() addr.Bytes { return s.committed }
