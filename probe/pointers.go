package probe

import (
	"fmt"

	"memprobe/layout/addr"
	"memprobe/probe/rust"
)

// What programs do with addresses: references, and the raw pointers of unsafe code,
// which nobody checks. An access that the memory does not allow ends the program with
// a fault, as it would end a real one.

// Borrow is `p = &v`.
func (m *Machine) Borrow(p, v *Local) { m.Set(p, v.at) }

// Write is `*p.add(i) = value`, and with i = 0 `*p = value`; p has an address,
// whatever lies there.
func (m *Machine) Write(p *Local, i int, value any) {
	elem := p.typ.(rust.Pointer).Elem()
	b, err := elem.Encode(value)
	m.must(err, "write through %s", p.name)
	at := m.pointee(p, i)
	m.store(at, b)
	m.event(Event{Kind: EventStore, Addr: at, Size: elem.Size()})
}

// WriteBytes is `ptr::copy(text, p, text.len())`: the bytes of text from where p
// points, however many there are.
func (m *Machine) WriteBytes(p *Local, text string) {
	at := m.pointee(p, 0)
	m.store(at, []byte(text))
	m.event(Event{Kind: EventStore, Addr: at, Size: addr.Bytes(len(text))})
}

// Read is `dst = *p.add(i)`, and with i = 0 `dst = *p`.
func (m *Machine) Read(dst, p *Local, i int) {
	at := m.pointee(p, i)
	b := m.load(at, p.typ.(rust.Pointer).Elem().Size())
	from := p.at
	m.event(Event{Kind: EventLoad, Addr: at, Size: addr.Bytes(len(b)), From: &from})
	m.put(dst, b)
}

// Pointee is the value that p points to, for a caption; it says so where there is
// nothing to be read.
func (m *Machine) Pointee(p *Local) string {
	elem, at := p.typ.(rust.Pointer).Elem(), m.pointee(p, 0)
	b := make([]byte, elem.Size())
	if err := m.memory().Load(at, b); err != nil {
		return fmt.Sprintf("nothing: %v", err)
	}
	return elem.Format(b, m.memory())
}

// Target is the address in p.
func (m *Machine) Target(p *Local) addr.Addr { return m.pointee(p, 0) }

func (m *Machine) pointee(p *Local, i int) addr.Addr {
	typ := p.typ.(rust.Pointer)
	return typ.Decode(m.use(p)) + addr.Addr(i*int(typ.Elem().Size()))
}

// Alloc is `p = alloc(n bytes)`, as malloc(3) does: a block that no handle owns.
func (m *Machine) Alloc(p *Local, n addr.Bytes) { m.Set(p, m.alloc(n)) }

// Mark is the part of an allocation that the heap does: n bytes are set aside, and
// nobody has been given their address yet. Search is what comes before it.
func (m *Machine) Mark(n addr.Bytes) addr.Addr { return m.alloc(n) }

// Search is what first fit looks at for a request of n bytes. Nothing is set aside.
func (m *Machine) Search(n addr.Bytes) []Candidate {
	looked := m.search(n)
	e := Event{Kind: EventSearch, Size: n, LookedAt: looked}
	if k := len(looked); k > 0 && looked[k-1].Fits {
		e.Addr = looked[k-1].Addr
	}
	m.event(e)
	return looked
}

// Own is the end of an allocation: the buffer v gets the block at a, with room for n
// elements.
func (m *Machine) Own(v *Local, a addr.Addr, n addr.Bytes) {
	m.put(v, v.typ.(rust.Buffer).Join(n, a, 0))
}

// Free is `dealloc(p)`, as free(3) does. The address in p stays. What the heap refuses
// to free, it returns as an error, and the program goes on.
func (m *Machine) Free(p *Local) error {
	at := m.pointee(p, 0)
	b, _ := m.heap.Block(at) // where there is none, Free says so
	if err := m.heap.Free(at); err != nil {
		m.event(Event{Kind: EventRefused, Addr: at})
		return err
	}
	m.event(Event{Kind: EventFree, Addr: at, Size: b.Requested})
	return nil
}

// Forget is `mem::forget(v)`: v ends, and what it owned is never freed.
func (m *Machine) Forget(v *Local) {
	m.use(v)
	v.state = Moved
}

// AsPtr is `p = v.as_ptr()`, or `p = &*v` for a box: the address of v's block, which v
// goes on to own.
func (m *Machine) AsPtr(p, v *Local) {
	block, _ := v.typ.(rust.Handle).Block(m.use(v))
	m.Set(p, block)
}

// Zero stores zeros in v.
func (m *Machine) Zero(v *Local) { m.put(v, make([]byte, v.typ.Size())) }
