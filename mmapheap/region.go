package mmapheap

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// Sizes of a region: what a Config of zeros stands for, and the limits.
const (
	DefaultHeap  addr.Bytes = 64 << 20
	DefaultStack addr.Bytes = 8 << 20
	MaxHeap      addr.Bytes = 64 << 30
	MaxStack     addr.Bytes = 1 << 30
)

// stackEndAlign is what the end of the stack is a multiple of, counted from the base.
const stackEndAlign addr.Bytes = 1 << 20

// Config says how large a region is and where it lies.
type Config struct {
	Heap  addr.Bytes // rounded up to whole pages, at most MaxHeap; 0 stands for DefaultHeap
	Stack addr.Bytes // rounded up to whole pages, at most MaxStack; 0 stands for DefaultStack
	Base  addr.Addr  // where the region begins, page aligned; 0 leaves the choice to the kernel

	// Rounded heaps forget what was requested, as malloc does: a block's bytes are all
	// of it, a multiple of 16. It saves time and a little memory.
	Rounded bool

	Checked bool // all of CheckedNets, for Region.Checked
	Nets    Nets // single nets, besides those
}

// Region is one reserved span of addresses with a heap and a stack in it. It and
// its parts are for one goroutine at a time.
type Region struct {
	kernel   kernel
	mem      []byte     // the whole reservation
	span     addr.Range // where mem lies
	books    []byte     // the bookkeeping's reservation, a guard page at each end
	mappings [][]byte   // what Release still has to give back
	heap     Heap
	stack    Stack
	checked  Checked
}

// Reserve maps a region, of which nothing is committed yet. It fails where a size
// is above its limit, where Base is not page aligned or its addresses are in use
// (ErrOccupied), and where the kernel refuses; then nothing stays mapped.
func Reserve(c Config) (*Region, error) { return reserve(c, linux{}) }

func reserve(c Config, k kernel) (*Region, error) {
	r := &Region{kernel: k}
	r.checked.region = r
	if err := r.reserve(c); err != nil {
		err = fmt.Errorf("reserve: %w", err)
		return nil, errors.Join(err, r.unmap())
	}
	return r, nil
}

func (r *Region) reserve(c Config) error {
	page := r.kernel.page()
	if c.Heap > MaxHeap {
		return fmt.Errorf("a heap of %d bytes: the limit is %d", c.Heap, MaxHeap)
	}
	if c.Stack > MaxStack {
		return fmt.Errorf("a stack of %d bytes: the limit is %d", c.Stack, MaxStack)
	}
	if !c.Base.Aligned(page) {
		return fmt.Errorf("base %v: not a multiple of the page size, %d", c.Base, page)
	}
	heap, stack := c.Heap, c.Stack
	if heap == 0 {
		heap = DefaultHeap
	}
	if stack == 0 {
		stack = DefaultStack
	}
	heap, stack = heap.AlignUp(page), stack.AlignUp(page)

	heapStart := page
	stackEnd := (heapStart + heap + page + page + page + stack).AlignUp(stackEndAlign) // guard, free space, guard between them
	var err error
	if r.mem, err = r.mapped(c.Base, stackEnd+page); err != nil {
		return err
	}
	r.span = addr.Span(addrOf(r.mem), addr.Bytes(len(r.mem)))

	var measure carver
	new(Heap).lay(&measure, heap, !c.Rounded)
	new(Stack).lay(&measure, stack)
	size := measure.used.AlignUp(page)
	if r.books, err = r.mapped(0, page+size+page); err != nil {
		return fmt.Errorf("bookkeeping: %w", err)
	}
	if err := r.kernel.commit(r.books[page : page+size]); err != nil {
		return fmt.Errorf("bookkeeping: commit %d bytes: %w", size, err)
	}
	books := carver{mem: r.books[page : page+size]}
	r.heap.share = r.share(heapStart, heap)
	r.heap.lay(&books, heap, !c.Rounded)
	r.stack.share = r.share(stackEnd-stack, stack)
	r.stack.down = true
	r.stack.lay(&books, stack)
	r.stack.guard = r.mem[stackEnd-stack-page : stackEnd-stack]
	r.checked.nets = c.Nets
	if c.Checked {
		r.checked.nets = CheckedNets().or(c.Nets)
	}
	r.label()
	return nil
}

// mapped reserves n bytes, at exactly the address at unless it is 0, and notes
// them for Release.
func (r *Region) mapped(at addr.Addr, n addr.Bytes) ([]byte, error) {
	mem, err := r.kernel.reserve(at, n)
	if err == nil {
		r.mappings = append(r.mappings, mem)
	}
	if err == unix.EEXIST || err == nil && at != 0 && addrOf(mem) != at {
		err = ErrOccupied
	}
	switch {
	case err == nil:
		return mem, nil
	case at == 0 && err == unix.ENOMEM:
		return nil, fmt.Errorf("%d bytes: %w: a limit on the address space (ulimit -v) may be too low", n, err)
	case at == 0:
		return nil, fmt.Errorf("%d bytes: %w", n, err)
	case err == unix.ENOMEM:
		return nil, fmt.Errorf("%d bytes at %v: %w: they would reach past user space, or past a limit on it (ulimit -v)", n, at, err)
	}
	return nil, fmt.Errorf("%d bytes at %v: %w; take another base, or none", n, at, err)
}

func (r *Region) share(start, size addr.Bytes) share {
	mem := r.mem[start : start+size : start+size]
	return share{kernel: r.kernel, mem: mem, span: addr.Span(addrOf(mem), size)}
}

// label names the parts where the kernel can. A part keeps its name when a piece
// of it is committed.
func (r *Region) label() {
	page := r.kernel.page()
	r.kernel.name(r.mem, "memprobe guard")
	r.kernel.name(r.heap.mem, "memprobe heap")
	r.kernel.name(r.stack.mem, "memprobe stack")
	free := r.freeSpace()
	r.kernel.name(r.mem[free.Lo.Sub(r.span.Lo):free.Hi.Sub(r.span.Lo)], "memprobe free space")
	r.kernel.name(r.books, "memprobe guard")
	r.kernel.name(r.books[page:addr.Bytes(len(r.books))-page], "memprobe bookkeeping")
}

// Release gives all of the region back to the kernel. The heap, the stack and
// the slices that Heap.Bytes returned end with it: each method called later
// reports ErrReleased or shows nothing, as does a second Release. Where the
// kernel refuses, the region is unusable as well, and a further Release tries
// again what is left.
func (r *Region) Release() error {
	if len(r.mappings) == 0 {
		return fmt.Errorf("release: %w", ErrReleased)
	}
	r.mem, r.books, r.span, r.heap, r.stack = nil, nil, addr.Range{}, Heap{}, Stack{}
	r.checked = Checked{region: r} // which has no nets, and reports what heap and stack do
	return r.unmap()
}

// unmap gives back what is mapped.
func (r *Region) unmap() error {
	var errs []error
	var kept [][]byte
	for _, mem := range r.mappings {
		if err := r.kernel.release(mem); err != nil {
			errs = append(errs, fmt.Errorf("release %d bytes at %v: %w", len(mem), addrOf(mem), err))
			kept = append(kept, mem)
		}
	}
	r.mappings = kept
	return errors.Join(errs...)
}

// Heap is the heap of the region.
func (r *Region) Heap() *Heap { return &r.heap }

// Stack is the stack of the region.
func (r *Region) Stack() *Stack { return &r.stack }

// Checked is the heap and the stack behind the nets that the Config asked for;
// without any they are as they are, through raw addresses.
func (r *Region) Checked() *Checked { return &r.checked }

// Range is the whole reservation, from guard page to guard page; empty once it
// is released.
func (r *Region) Range() addr.Range { return r.span }

// Load copies len(p) bytes from a on into p. Every one of them must be committed
// memory of the heap or of the stack, in use or not; else an *AccessError says
// what is in the way, and p is as it was. Loading nothing works anywhere.
func (r *Region) Load(a addr.Addr, p []byte) error {
	mem, err := r.access("load", a, len(p))
	copy(p, mem)
	return err
}

// Store copies p to the memory from a on, under the same conditions as Load.
func (r *Region) Store(a addr.Addr, p []byte) error {
	mem, err := r.access("store", a, len(p))
	copy(mem, p)
	return err
}

// access is the memory of n bytes from a on, if all of it is accessible.
func (r *Region) access(op string, a addr.Addr, n int) ([]byte, error) {
	if n == 0 && r.mem != nil {
		return nil, nil
	}
	want := addr.Span(a, addr.Bytes(n))
	fault := a
	for _, s := range []*share{&r.heap.share, &r.stack.share} {
		open := s.accessible()
		if !open.Contains(a) {
			continue
		}
		if closed, ok := r.checked.closedIn(open, want); ok {
			return nil, &AccessError{op, a, addr.Bytes(n), closed, ErrGuard}
		}
		if open.Covers(want) {
			return s.mem[a.Sub(s.span.Lo):][:n:n], nil
		}
		fault = open.Hi
	}
	return nil, &AccessError{op, a, addr.Bytes(n), fault, r.obstacle(fault)}
}

// obstacle is why nothing can be loaded from a.
func (r *Region) obstacle(a addr.Addr) error {
	if r.mem == nil {
		return ErrReleased
	}
	for _, part := range r.Parts() {
		if !r.span.Contains(a) || !part.Contains(a) {
			continue
		}
		if part.Kind == Guard {
			return ErrGuard
		}
		return ErrUncommitted
	}
	return ErrOutside
}
