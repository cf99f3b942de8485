package mmapheap

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// share is the heap's or the stack's part of the reservation. It is committed
// from one end: the heap's from below, the stack's from above.
type share struct {
	kernel    kernel
	mem       []byte     // all of it; only the committed part may be touched
	span      addr.Range // where mem lies
	committed addr.Bytes // whole pages
	down      bool       // committed from the high end
}

// accessible is the range that is committed.
func (s *share) accessible() addr.Range {
	if s.down {
		return addr.Range{Lo: s.span.Hi - addr.Addr(s.committed), Hi: s.span.Hi}
	}
	return addr.Span(s.span.Lo, s.committed)
}

// reserve is the range that is not committed yet.
func (s *share) reserve() addr.Range {
	if s.down {
		return addr.Range{Lo: s.span.Lo, Hi: s.accessible().Lo}
	}
	return addr.Range{Lo: s.accessible().Hi, Hi: s.span.Hi}
}

// grow commits so much that the first need bytes may be touched; need is more
// than is committed, and at most the size of the share. It starts with a page and
// then adds half of what there is, so that the number of steps is the logarithm of
// the size; if the kernel has no memory for that, it asks for what is needed only.
func (s *share) grow(need addr.Bytes) error {
	page := s.kernel.page()
	need = need.AlignUp(page)
	step := min(max(need, (s.committed+s.committed/2).AlignUp(page)), s.span.Size())
	err := s.commit(step)
	if step > need && errors.Is(err, unix.ENOMEM) {
		err = s.commit(need)
	}
	return err
}

// commit commits up to size, whole pages, more than is committed.
func (s *share) commit(size addr.Bytes) error {
	fresh := s.mem[s.committed:size]
	if s.down {
		end := addr.Bytes(len(s.mem))
		fresh = s.mem[end-size : end-s.committed]
	}
	if err := s.kernel.commit(fresh); err != nil {
		return fmt.Errorf("commit %d bytes at %v: %w", len(fresh), addrOf(fresh), err)
	}
	s.committed = size
	return nil
}
