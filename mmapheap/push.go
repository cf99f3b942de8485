package mmapheap

import (
	"unsafe"

	"memprobe/layout/addr"
)

// Push, Pop and Frame are compiled into whoever calls them. The compiler inlines
// what costs at most 80 by its own count, in which a call costs 57, or 17 if
// it is one of a parameter: that is why each hands its rare cases, one
// function, to another one that it consists of.

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
