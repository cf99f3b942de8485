package bugs

import (
	"errors"
	"fmt"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
	"memprobe/probe/netted"
)

// wordSize is the size of a pointer in memory.
const wordSize addr.Bytes = 8

// local is a variable of a function.
func local(name string, size addr.Bytes) mmapheap.Local { return netted.Local(name, size) }

// program is one of the bugs being run: the machine that its statements are
// written for, and what it has seen.
type program struct {
	*netted.Program
	bug   *Bug
	fixed bool               // the statement that is the bug is left out
	also  []*mmapheap.Region // other allocators

	skip    bool
	freed   []mmapheap.Pointer // in the order of time
	blamed  []mmapheap.Pointer // the blocks that the bug is about
	damaged []string
	refused string // a request that is no bug of the program's
}

// line is the program at a line of its source. At the one that is the bug, where
// that is to be left out, no statement does anything.
func (p *program) line(n int) *program {
	p.Line(n)
	p.skip = p.fixed && n == p.bug.Line
	return p
}

// about says which blocks the bug is about: a report is right if it names one of them.
func (p *program) about(blocks ...mmapheap.Pointer) { p.blamed = blocks }

// damage notes what the program sees of the damage that it did.
func (p *program) damage(format string, args ...any) {
	p.damaged = append(p.damaged, fmt.Sprintf(format, args...))
}

// malloc gets a block of n bytes for the variable owner.
func (p *program) malloc(owner string, n addr.Bytes) mmapheap.Pointer {
	if p.skip {
		return mmapheap.Pointer{}
	}
	return p.Alloc(owner, n)
}

// calloc gets a cleared block for count items of size bytes; it may be refused.
func (p *program) calloc(owner string, count, size addr.Bytes) (a mmapheap.Pointer, ok bool) {
	if p.skip {
		return mmapheap.Pointer{}, false
	}
	a, err := p.Mem.AllocZeroed(count, size, owner)
	if errors.Is(err, mmapheap.ErrNoSpace) {
		p.refused = err.Error()
		return mmapheap.Pointer{}, false
	}
	p.Must(err)
	return a, true
}

// free gives the block at a back; as in C, freeing NULL does nothing.
func (p *program) free(a mmapheap.Pointer) {
	if p.skip || a.Addr == 0 {
		return
	}
	p.Free(a)
	p.freed = append(p.freed, a)
}

// realloc makes the block at a hold n bytes, and says where it is now.
func (p *program) realloc(a mmapheap.Pointer, n addr.Bytes) mmapheap.Pointer {
	if p.skip {
		return mmapheap.Pointer{}
	}
	b := p.Resize(a, n)
	if b != a {
		p.freed = append(p.freed, a)
	}
	return b
}

// store writes text at a, and reports whether it did.
func (p *program) store(a mmapheap.Pointer, text string) bool {
	if p.skip {
		return false
	}
	p.Store(a, text)
	return true
}

// load reads n bytes at a; none where the statement is left out.
func (p *program) load(a mmapheap.Pointer, n addr.Bytes) string {
	if p.skip {
		return ""
	}
	return p.Load(a, n)
}

// storePointer writes a pointer to memory.
func (p *program) storePointer(at, value mmapheap.Pointer) {
	if !p.skip {
		p.StorePointer(at, value)
	}
}

// loadPointer reads a pointer from memory.
func (p *program) loadPointer(at mmapheap.Pointer) mmapheap.Pointer {
	if p.skip {
		return mmapheap.Pointer{}
	}
	return p.LoadPointer(at)
}

// call enters a function, and says where its locals lie, the first one lowest.
func (p *program) call(function string, locals ...mmapheap.Local) []mmapheap.Pointer {
	if p.skip {
		return make([]mmapheap.Pointer, len(locals))
	}
	return p.Call(function, locals...)
}

// ret leaves the function that was entered last, and so ends its locals.
func (p *program) ret(locals ...mmapheap.Pointer) {
	p.Return()
	p.freed = append(p.freed, locals...)
}

// otherHeap is a heap of the same process of which this one knows nothing.
func (p *program) otherHeap() *otherHeap {
	region, err := mmapheap.Reserve(mmapheap.Config{Heap: 1 << 20, Stack: 1 << 16})
	p.Must(err)
	p.also = append(p.also, region)
	return &otherHeap{p, region}
}

type otherHeap struct {
	*program
	region *mmapheap.Region
}

func (o *otherHeap) malloc(n addr.Bytes) mmapheap.Pointer {
	a, err := o.region.Heap().Alloc(n)
	o.Must(err)
	return mmapheap.Pointer{Addr: a}
}

func (o *otherHeap) free(a mmapheap.Pointer) { o.Must(o.region.Heap().Free(a.Addr)) }

// unmap gives all of the other heap back to the kernel.
func (o *otherHeap) unmap() {
	o.also = nil
	o.Must(o.region.Release())
}
