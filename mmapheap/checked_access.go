package mmapheap

import (
	"encoding/binary"

	"memprobe/layout/addr"
)

// pointerSize is how much memory an address takes.
const pointerSize addr.Bytes = 8

// Load copies len(into) bytes from p on into into. Where that is refused, into is
// as it was; where the kernel stops it, what came before has been copied. Loading
// nothing works anywhere.
func (c *Checked) Load(p Pointer, into []byte) error {
	_, err := c.load(p, into)
	if err != nil {
		return c.noticed(err, c.sites.here())
	}
	return nil
}

// Store copies from to the memory from p on, under the same conditions as Load.
func (c *Checked) Store(p Pointer, from []byte) error {
	_, err := c.store(p, from)
	if err != nil {
		return c.noticed(err, c.sites.here())
	}
	return nil
}

// LoadPointer loads the pointer that stands at the address at. In memory that is
// its address alone; with Nets.Access its block is kept beside it for as long as
// nothing else is stored there, and is 0 for a pointer that was stored in
// any other way.
func (c *Checked) LoadPointer(at Pointer) (Pointer, error) {
	var b [pointerSize]byte
	o, err := c.load(at, b[:])
	if err != nil {
		return Pointer{}, c.noticed(err, c.sites.here())
	}
	value := Pointer{Addr: addr.Addr(binary.NativeEndian.Uint64(b[:]))}
	if o != nil {
		if noted := o.pointers[at.Addr.Sub(o.addr)]; noted.Addr == value.Addr {
			value = noted
		}
	}
	return value, nil
}

// StorePointer stores value at the address at, in 8 bytes.
func (c *Checked) StorePointer(at, value Pointer) error {
	var b [pointerSize]byte
	binary.NativeEndian.PutUint64(b[:], uint64(value.Addr))
	o, err := c.store(at, b[:])
	if err != nil {
		return c.noticed(err, c.sites.here())
	}
	if o != nil && value.Block != 0 {
		o.notePointer(at.Addr.Sub(o.addr), value)
	}
	return nil
}

// load is Load, and the object that was loaded from, nil without Nets.Access.
func (c *Checked) load(p Pointer, into []byte) (*object, error) {
	if !c.nets.Access || len(into) == 0 {
		return nil, c.raw("load", p.Addr, into)
	}
	o, err := c.allowed("load", p, addr.Bytes(len(into)))
	if err != nil {
		return nil, err
	}
	copy(into, c.memory(addr.Span(p.Addr, addr.Bytes(len(into)))))
	return o, nil
}

// store is Store, and the object that was stored to, nil without Nets.Access.
func (c *Checked) store(p Pointer, from []byte) (*object, error) {
	n := addr.Bytes(len(from))
	if !c.nets.Access || n == 0 {
		return nil, c.raw("store", p.Addr, from)
	}
	o, err := c.allowed("store", p, n)
	if err != nil {
		return nil, err
	}
	copy(c.memory(addr.Span(p.Addr, n)), from)
	off := p.Addr.Sub(o.addr)
	o.written.set(off, off+n)
	o.forgetPointers(off, n)
	return o, nil
}

// allowed is the object that the n bytes at p are of, n not 0, if they may be
// loaded or stored; else a report of why not.
func (c *Checked) allowed(op string, p Pointer, n addr.Bytes) (*object, error) {
	o := c.objects.get(p.Block)
	if o == nil {
		o = c.at(p.Addr)
	}
	if o == nil || o.kind == frameObject {
		return nil, c.wild(op, p.Addr, n)
	}
	if o.phase != alive {
		return nil, c.refused(endedUse(o), op, p.Addr, n, o, p.Addr)
	}
	if want := addr.Span(p.Addr, n); !o.payload().Covers(want) {
		return nil, c.outOfBounds(op, want, o)
	}
	if op == "load" {
		off := p.Addr.Sub(o.addr)
		if first, missing := o.written.gap(off, off+n); missing {
			return nil, c.refused(Uninitialised, op, p.Addr, n, o, o.addr.Offset(first))
		}
	}
	return o, nil
}

// outOfBounds reports an access that is not within o.
func (c *Checked) outOfBounds(op string, want addr.Range, o *object) *Report {
	if int64(want.Lo-o.addr) < 0 {
		return c.refused(Underflow, op, want.Lo, want.Size(), o, want.Lo)
	}
	wrong := max(want.Lo, o.end())
	class := overflowOf(o)
	other := c.at(wrong)
	if class == Overflow && want.Lo > o.end() && other != nil && other != o && other.phase == alive && other.payload().Contains(wrong) {
		class = FarOverflow
	}
	return c.refused(class, op, want.Lo, want.Size(), o, wrong)
}

// overflowOf is the class of an access behind the end of o.
func overflowOf(o *object) Class {
	switch {
	case o == nil:
		return Overflow
	case o.requested == 0:
		return ZeroSizeUse
	case o.kind == localObject || o.kind == frameObject:
		return StackBufferOverflow
	}
	return Overflow
}

// refused reports an access to o that was not made.
func (c *Checked) refused(class Class, op string, a addr.Addr, n addr.Bytes, o *object, wrong addr.Addr) *Report {
	report := c.report(class, NetAccess, op, o)
	report.Addr, report.Size = a, n
	report.at(wrong)
	if other := c.at(wrong); other != nil && other != o && other.kind != frameObject {
		report.Other = c.ownerOf(other)
	}
	return report
}

// wild reports an access where no block ever was.
func (c *Checked) wild(op string, a addr.Addr, n addr.Bytes) *Report {
	reason := c.region.obstacle(a)
	if a == 0 {
		reason = ErrNull
	}
	return &Report{Class: WildAccess, Net: NetAccess, Access: op, Addr: a, Size: n, Byte: a, Reason: reason}
}

// raw copies between p and the memory at a as a program would.
func (c *Checked) raw(op string, a addr.Addr, p []byte) error {
	n := addr.Bytes(len(p))
	mem := c.mapped(a)
	if n == 0 && c.region.mem != nil {
		return nil
	}
	if mem == nil {
		return &AccessError{op, a, n, a, c.region.obstacle(a)}
	}
	p = p[:min(len(p), len(mem))] // the last page of mem is never accessible, so it does not come to that
	fault, faulted := move(mem, p, op == "store", c.region.kernel.page())
	if !faulted {
		return nil
	}
	if report := c.onGuard(op, a, n, fault); report != nil {
		return report
	}
	return &AccessError{op, a, n, fault, c.region.obstacle(fault)}
}

// mapped is the memory from a up to the end of its mapping, guard pages and all:
// the region's or the statics'. All else is left alone.
func (c *Checked) mapped(a addr.Addr) []byte {
	for _, mem := range [][]byte{c.region.mem, c.statics.all} {
		if span := addr.Span(addrOf(mem), addr.Bytes(len(mem))); span.Contains(a) {
			return mem[a.Sub(span.Lo):]
		}
	}
	return nil
}

// notePointer keeps the block of the pointer that is stored at off.
func (o *object) notePointer(off addr.Bytes, p Pointer) {
	if o.pointers == nil {
		o.pointers = map[addr.Bytes]Pointer{}
	}
	o.pointers[off] = p
}

// forgetPointers forgets the pointers of which any of the n bytes at off is a part.
func (o *object) forgetPointers(off, n addr.Bytes) {
	if len(o.pointers) == 0 {
		return
	}
	lo := off - min(off, pointerSize-1)
	if off+n-lo < addr.Bytes(len(o.pointers)) {
		for at := lo; at < off+n; at++ {
			delete(o.pointers, at)
		}
		return
	}
	for at := range o.pointers {
		if at >= lo && at < off+n {
			delete(o.pointers, at)
		}
	}
}
