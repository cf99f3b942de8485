package mmapheap

import (
	"errors"

	"memprobe/layout/addr"
)

// Push adds a frame with these locals, the first at the lowest address, and
// returns a pointer to each. A local is aligned to the largest power of two that
// its size is a multiple of, at most 16. It ends with its frame. A frame that
// does not fit is ErrStackOverflow, with nets in a report.
func (c *Checked) Push(name string, locals ...Local) ([]Pointer, error) {
	offsets, size := c.layOut(locals)
	if c.plain() {
		sp, err := c.region.stack.Push(size)
		if err != nil {
			return nil, err
		}
		pointers := make([]Pointer, len(locals))
		for i, off := range offsets {
			pointers[i].Addr = sp.Offset(off)
		}
		return pointers, nil
	}
	site := c.sites.here()
	frame, err := c.push(name, size)
	if err != nil {
		return nil, c.noticed(err, site)
	}
	pointers := make([]Pointer, len(locals))
	for i, local := range locals {
		open := frame.open
		if i > 0 {
			open.Lo = frame.addr.Offset(offsets[i])
		}
		if i+1 < len(locals) {
			open.Hi = frame.addr.Offset(offsets[i+1])
		}
		o := c.objects.add(local.Name)
		o.kind, o.addr, o.requested, o.made = localObject, frame.addr.Offset(offsets[i]), local.Size, site
		o.body = &body{block: open, open: open}
		c.begin(o)
		pointers[i] = o.pointer()
	}
	return pointers, nil
}

// layOut is where the locals of a frame lie in it, and how large it is.
func (c *Checked) layOut(locals []Local) (offsets []addr.Bytes, size addr.Bytes) {
	gap := c.front()
	size = gap
	for _, local := range locals {
		if local.Size > MaxStack {
			return nil, local.Size // which does not fit, and is not to wrap
		}
		align := min(local.Size&-local.Size, cell)
		size = size.AlignUp(max(align, 1))
		offsets = append(offsets, size)
		size += max(local.Size, 1) + gap
	}
	return offsets, size
}

// push makes the frame.
func (c *Checked) push(name string, size addr.Bytes) (*object, error) {
	stack := &c.region.stack
	hi := stack.SP()
	sp, err := stack.Push(size)
	if err != nil {
		return nil, c.noFrame(name, size, err)
	}
	span := addr.Range{Lo: sp, Hi: hi}
	if report := c.poisonIn("push", span); report != nil {
		return nil, besides(report, stack.Pop())
	}
	f := c.objects.add(name)
	f.kind, f.addr, f.requested = frameObject, sp, span.Size()
	f.body = &body{block: span, open: span}
	c.shadow.set(span, f.number)
	c.frames = append(c.frames, f.number)
	return f, nil
}

// noFrame reports a frame that does not fit; another refusal is as it was.
func (c *Checked) noFrame(name string, size addr.Bytes, err error) error {
	refused, ok := errors.AsType[*StackError](err)
	if !ok || refused.Err != ErrStackOverflow {
		return err
	}
	span := c.region.stack.span
	return &Report{
		Class: StackOverflow, Net: NetStack, Access: "push", Addr: refused.Addr, Size: size,
		Byte: refused.Addr, Offset: int64(refused.Addr - span.Lo), Reason: err,
		Owner: Owner{Kind: StackBlock, Name: name, Range: span, Requested: span.Size(), Live: true},
	}
}

// Pop ends the newest frame and its locals.
func (c *Checked) Pop() error {
	stack := &c.region.stack
	if c.plain() || len(c.frames) == 0 {
		return stack.Pop()
	}
	site := c.sites.here()
	f := c.objects.get(c.frames[len(c.frames)-1])
	locals := c.objects.locals(f)
	for _, o := range locals {
		if report := c.canaryOf("pop", o); report != nil {
			return c.noticed(report, site)
		}
	}
	if err := stack.Pop(); err != nil {
		return err
	}
	c.frames = c.frames[:len(c.frames)-1]
	c.bury(f)
	for _, o := range append(locals, f) {
		o.ended, o.phase, o.body = site, gone, nil
	}
	return nil
}
