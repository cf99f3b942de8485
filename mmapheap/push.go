package mmapheap

import (
	"unsafe"

	"memprobe/layout/addr"
)

// Push, Pop and Frame, and Enter and Leave of a Caller, are compiled into whoever
// calls them. The compiler inlines what costs at most 80 by its own count, in which
// a call costs 57, or 17 if it is one of a parameter: that is why Push and Pop hand
// their rare cases, one function, to another one that they consist of. Enter and
// Leave leave theirs to whoever calls them.

// noteSize is the size of an element of Stack.table.
const noteSize = 8

// firstOf is where the first element of table lies.
func firstOf(table []addr.Addr) addr.Addr {
	return addr.Addr(uintptr(unsafe.Pointer(unsafe.SliceData(table))))
}

// pushed is what Push returns, as one value: that is cheaper to inline.
type pushed struct {
	sp  addr.Addr
	err error
}

// Push adds a frame of size bytes, rounded up to a multiple of 16 and at least
// 16, and returns the new stack pointer, the frame's lowest address. The frame
// holds whatever was there before. A frame that does not fit is a *StackError
// with ErrStackOverflow: the byte right below the stack, the first that the frame
// would cross into, was touched, and Addr is where the kernel stopped that.
func (s *Stack) Push(size addr.Bytes) (addr.Addr, error) {
	p := s.pushOr(size, (*Stack).pushRarely)
	return p.sp, p.err
}

// pushOr pushes a frame that lies in committed memory. Any other one, or one of
// 0 bytes, it leaves to rarely. Addresses of user space and sizes are so far
// below 2^63 that a frame that would begin below 0 is one below low. The table has
// room for the note: it has for one of every 16 bytes of the stack.
func (s *Stack) pushOr(size addr.Bytes, rarely func(*Stack, addr.Bytes) pushed) pushed {
	if size-1 < s.max {
		sp := *(*addr.Addr)(unsafe.Add(nil, s.top)) - addr.Addr((size+frameMask)&^frameMask)
		if int64(sp) >= int64(s.low) {
			s.top += noteSize
			*(*addr.Addr)(unsafe.Add(nil, s.top)) = sp
			return pushed{sp: sp}
		}
	}
	return rarely(s, size)
}

// Pop removes the newest frame; its bytes stay as they are until they are
// overwritten. Without a frame it is a *StackError with ErrStackEmpty.
func (s *Stack) Pop() error { return s.popOr((*Stack).noFrame) }

func (s *Stack) popOr(without func(*Stack) error) error {
	if s.top == s.bottom {
		return without(s)
	}
	s.top -= noteSize
	return nil
}

// Frame is the memory of the newest frame, its lowest address first, as many
// bytes as the frame has; nil if there is no frame. The slice is for as long as
// the frame: after its Pop the bytes are those of the next frame that is pushed
// there, and after Release they must not be touched, as they are mapped no more.
func (s *Stack) Frame() []byte {
	if s.top == s.bottom {
		return nil
	}
	ends := (*[2]addr.Addr)(unsafe.Add(nil, s.top-noteSize)) // where the frame before begins is where this one ends
	n := uint32(ends[0] - ends[1])                           // at most MaxStack, which spares a check of the length
	return (*[1 << 32]byte)(unsafe.Add(nil, ends[1]))[:n:n]
}

// Caller is the newest frame, as one that others are pushed from.
func (s *Stack) Caller() Caller {
	if s.top == 0 {
		return Caller{s, nil, noteSize} // which is the top of no stack, so that notes are not read
	}
	return Caller{s, (*[2]addr.Addr)(unsafe.Add(nil, s.top)), s.top}
}

// Enter pushes a frame as Stack.Push does, and returns the size bytes of it that were
// asked for, the lowest address first, for as long as Stack.Frame says. False means
// that nothing was done, and that this one is for Push: memory must be committed
// first, the frame does not fit or has 0 bytes, or c is not the newest frame.
func (c Caller) Enter(size addr.Bytes) (frame []byte, entered bool) {
	if c.stack.top == c.top && size-1 < MaxStack {
		sp := c.notes[0] - addr.Addr((size+frameMask)&^frameMask)
		if int64(sp) >= int64(c.stack.low) {
			c.stack.top = c.top + noteSize
			c.notes[1] = sp
			return (*[1 << 32]byte)(unsafe.Add(nil, sp))[:size:size], true
		}
	}
	return nil, false
}

// Leave removes the frame that was pushed from c. False means that nothing was done,
// as the newest frame is another one or there is none; Pop says which.
func (c Caller) Leave() bool {
	if c.stack.top != c.top+noteSize {
		return false
	}
	c.stack.top = c.top
	return true
}
