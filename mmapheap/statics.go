package mmapheap

import (
	"fmt"

	"memprobe/layout/addr"
)

// staticsSize is how much address space there is for statics.
const staticsSize addr.Bytes = 4 << 20

// statics are the objects that live as long as the region, in a mapping of their
// own with a guard page at each end.
type statics struct {
	share
	all     []byte // guard pages included
	used    addr.Bytes
	numbers []BlockNumber
}

// Static makes an object of n bytes, all zero, that is neither on the heap nor on
// the stack and lives until Release. There are 4 MiB for all of them.
func (c *Checked) Static(name string, n addr.Bytes) (Pointer, error) {
	block, err := c.statics.take(c.region, c.front()+n.AlignUp(cell)+c.front(), n)
	if err != nil {
		return Pointer{}, fmt.Errorf("static %q of %d bytes: %w", name, n, err)
	}
	at := block.Lo.Offset(c.front())
	if c.plain() {
		return Pointer{Addr: at}, nil
	}
	o := c.objects.add(name)
	o.kind, o.addr, o.requested, o.made = staticObject, at, n, c.sites.here()
	o.body = &body{block: block, open: block}
	if c.nets.Access {
		o.written = newWritten(n)
		o.written.set(0, n)
	}
	if c.nets.Canary {
		c.setCanaries(o)
	}
	c.shadow.set(block, o.number)
	c.statics.numbers = append(c.statics.numbers, o.number)
	return o.pointer(), nil
}

// take takes the next size bytes, in which n are the payload.
func (s *statics) take(r *Region, size, n addr.Bytes) (addr.Range, error) {
	if r.mem == nil {
		return addr.Range{}, ErrReleased
	}
	page := r.kernel.page()
	if s.all == nil {
		all, err := r.mapped(0, page+staticsSize.AlignUp(page)+page)
		if err != nil {
			return addr.Range{}, err
		}
		r.kernel.name(all, "memprobe guard")
		mem := all[page : addr.Bytes(len(all))-page]
		r.kernel.name(mem, "memprobe statics")
		s.all = all
		s.share = share{kernel: r.kernel, mem: mem, span: addr.Span(addrOf(mem), addr.Bytes(len(mem)))}
	}
	size = max(size, cell)
	if left := s.span.Size() - s.used; n > left || size > left {
		return addr.Range{}, fmt.Errorf("%d bytes of %d are left: %w", left, s.span.Size(), ErrNoSpace)
	}
	if s.used+size > s.committed {
		if err := s.grow(s.used + size); err != nil {
			return addr.Range{}, err
		}
	}
	block := addr.Span(s.span.Lo.Offset(s.used), size)
	s.used += size
	return block, nil
}
