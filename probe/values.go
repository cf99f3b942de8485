package probe

import (
	"errors"
	"fmt"
	"math"
	"math/big"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
	"memprobe/probe/rust"
)

// Set stores a value in v; what a Go value stands for, v's type tells.
func (m *Machine) Set(v *Local, value any) {
	b, err := v.typ.Encode(value)
	m.must(err, "set %s", v.name)
	m.put(v, b)
}

// put stores bytes of v's type in v and makes it live.
func (m *Machine) put(v *Local, b []byte) {
	m.store(v.at, b)
	v.state = Live
	m.event(Event{Kind: EventStore, Addr: v.at, Size: v.typ.Size()})
}

// errOverflow is what a Rust program built for debugging panics with.
var errOverflow = errors.New("attempt to add with overflow")

// errCapacity is what a Rust program panics with whose buffer would become larger than
// isize::MAX bytes.
var errCapacity = errors.New("capacity overflow")

// Add stores a + b in sum. All three have the same integer type; a sum that it
// can't hold ends the program, as it does in Rust's debug builds.
func (m *Machine) Add(sum, a, b *Local) {
	typ := sum.typ.(rust.Int)
	n := new(big.Int).Add(typ.Decode(m.use(a)), typ.Decode(m.use(b)))
	if !typ.Holds(n) {
		m.must(errOverflow, "%s = %s + %s", sum.name, a.name, b.name)
	}
	m.Set(sum, n)
}

// alloc asks the heap for n bytes and notes the search that it made.
func (m *Machine) alloc(n addr.Bytes) (block addr.Addr) {
	looked := m.search(n)
	m.growing(func() {
		var err error
		block, err = m.heap.Alloc(n)
		m.must(err, "allocate %d bytes", n)
	})
	m.event(Event{Kind: EventAlloc, Addr: block, Size: n, LookedAt: looked})
	m.highest = max(m.highest, block.Offset(n))
	return block
}

// search is what first fit looks at for n bytes.
func (m *Machine) search(n addr.Bytes) []Candidate {
	var looked []Candidate
	for _, c := range m.heap.Explain(n) {
		looked = append(looked, Candidate{c.Addr, c.Size, c.Fits})
	}
	return looked
}

// StringFrom is `v = String::from(text)`: a block for exactly the text, its bytes
// copied into it. An empty text needs no block.
func (m *Machine) StringFrom(v *Local, text string) {
	typ, n := v.typ.(rust.Buffer), addr.Bytes(len(text))
	if n == 0 {
		m.put(v, typ.Join(0, typ.Dangling(), 0))
		return
	}
	block := m.alloc(n)
	m.store(block, []byte(text))
	m.event(Event{Kind: EventStore, Addr: block, Size: n})
	m.put(v, typ.Join(n, block, n))
}

// PushStr is `v.push_str(text)`.
func (m *Machine) PushStr(v *Local, text string) { m.extend(v, []byte(text)) }

// VecNew is `v = Vec::new()`: no block yet.
func (m *Machine) VecNew(v *Local) {
	typ := v.typ.(rust.Buffer)
	m.put(v, typ.Join(0, typ.Dangling(), 0))
}

// VecWithCapacity is `v = Vec::with_capacity(n)`: a block for n elements, none of
// them there yet.
func (m *Machine) VecWithCapacity(v *Local, n addr.Bytes) {
	typ := v.typ.(rust.Buffer)
	m.put(v, typ.Join(n, m.alloc(n*typ.Elem().Size()), 0))
}

// VecZeroed is `v = vec![0; n]`: a block of zeros. Memory that no block ever had is
// zero as it comes from the kernel, and is not touched; no more does calloc(3).
func (m *Machine) VecZeroed(v *Local, n addr.Bytes) {
	typ, used := v.typ.(rust.Buffer), m.highest
	size := n * typ.Elem().Size()
	block := m.alloc(size)
	if block < used {
		m.store(block, make([]byte, size))
		m.event(Event{Kind: EventStore, Addr: block, Size: size})
	}
	m.put(v, typ.Join(n, block, n))
}

// SetLen is `v.set_len(n)`, which believes that n elements are there.
func (m *Machine) SetLen(v *Local, n addr.Bytes) {
	typ := v.typ.(rust.Buffer)
	capacity, ptr, _ := typ.Split(m.use(v))
	m.put(v, typ.Join(capacity, ptr, n))
}

// SetElem is `v[i] = value`.
func (m *Machine) SetElem(v *Local, i addr.Bytes, value any) {
	b, err := v.typ.(rust.Buffer).Elem().Encode(value)
	m.must(err, "set %s[%d]", v.name, i)
	at := m.Elem(v, i)
	m.store(at, b)
	m.event(Event{Kind: EventStore, Addr: at, Size: addr.Bytes(len(b))})
}

// VecPush is `v.push(value)`.
func (m *Machine) VecPush(v *Local, value any) {
	b, err := v.typ.(rust.Buffer).Elem().Encode(value)
	m.must(err, "push to %s", v.name)
	m.extend(v, b)
}

// extend appends elements, whose bytes are b, to the buffer v. Where the capacity
// is used up, the buffer grows first: in place, or into another block.
func (m *Machine) extend(v *Local, b []byte) {
	typ := v.typ.(rust.Buffer)
	capacity, ptr, n := typ.Split(m.use(v))
	size := typ.Elem().Size()
	added := addr.Bytes(len(b)) / size
	if need := n + added; need > capacity || need < n {
		grown := typ.Grow(capacity, need)
		if grown > math.MaxInt64/size {
			m.must(errCapacity, "grow %s to %d elements", v.name, grown)
		}
		if capacity == 0 {
			ptr = m.alloc(grown * size)
		} else {
			ptr = m.resize(ptr, grown*size)
		}
		capacity = grown
	}
	end := ptr.Offset(n * size)
	m.store(end, b)
	m.event(Event{Kind: EventStore, Addr: end, Size: addr.Bytes(len(b))})
	m.put(v, typ.Join(capacity, ptr, n+added))
}

// resize makes a block n bytes. Where it had to move, the event has the search that
// the heap made for the new place, while the old block was still in use.
func (m *Machine) resize(old addr.Addr, n addr.Bytes) (block addr.Addr) {
	looked := m.search(n)
	m.growing(func() {
		var err error
		block, err = m.heap.Resize(old, n)
		m.must(err, "resize to %d bytes", n)
	})
	if block == old {
		looked = nil
	}
	m.event(Event{Kind: EventResize, Addr: block, Size: n, From: &old, LookedAt: looked})
	m.highest = max(m.highest, block.Offset(n))
	return block
}

// BoxNew is `v = Box::new(value)`.
func (m *Machine) BoxNew(v *Local, value any) {
	typ := v.typ.(rust.Boxed)
	b, err := typ.Elem().Encode(value)
	m.must(err, "box %s", v.name)
	block := addr.Addr(typ.Elem().Align()) // where there is nothing to store, as in Rust
	if len(b) != 0 {
		block = m.alloc(addr.Bytes(len(b)))
		m.store(block, b)
		m.event(Event{Kind: EventStore, Addr: block, Size: addr.Bytes(len(b))})
	}
	m.put(v, typ.Join(block))
}

// The following tell a scenario where things are, for its captions.

// SP is the stack pointer of the thread that runs.
func (m *Machine) SP() addr.Addr { return m.stack.SP() }

// Addr is where v lies.
func (m *Machine) Addr(v *Local) addr.Addr { return v.at }

// Value is v's value as Rust prints it, read from memory.
func (m *Machine) Value(v *Local) string { return v.typ.Format(m.use(v), m.memory()) }

// Capacity is v.capacity().
func (m *Machine) Capacity(v *Local) addr.Bytes {
	capacity, _, _ := v.typ.(rust.Buffer).Split(m.use(v))
	return capacity
}

// Len is v.len().
func (m *Machine) Len(v *Local) addr.Bytes {
	_, _, n := v.typ.(rust.Buffer).Split(m.use(v))
	return n
}

// Elem is where v[i] lies. An index past the length ends the program, as in Rust.
func (m *Machine) Elem(v *Local, i addr.Bytes) addr.Addr {
	typ := v.typ.(rust.Buffer)
	_, ptr, n := typ.Split(m.use(v))
	if i >= n {
		m.must(fmt.Errorf("index out of bounds: the len is %d but the index is %d", n, i), "%s[%d]", v.name, i)
	}
	return ptr.Offset(i * typ.Elem().Size())
}

// Block is the block that v owns; it has no state, owner or bytes. Where v's
// pointer leads to no block, it has no sizes either.
func (m *Machine) Block(v *Local) Block {
	a, _ := v.typ.(rust.Handle).Block(m.use(v))
	return m.BlockAt(a)
}

// BlockAt is the block in use at a, told in the same way.
func (m *Machine) BlockAt(a addr.Addr) Block {
	b, err := m.heap.Block(a)
	if err != nil {
		return Block{Addr: a}
	}
	return Block{Addr: a, Size: b.Size, Requested: b.Requested}
}

// FreeBlocks are the heap's free blocks by address; they have no owner and no bytes.
func (m *Machine) FreeBlocks() []Block {
	var free []Block
	for _, b := range m.heap.Blocks() {
		if b.State == mmapheap.Free {
			free = append(free, Block{Addr: b.Addr, Size: b.Size, State: BlockFree})
		}
	}
	return free
}

// PageSize is the size of a page, in bytes.
func (m *Machine) PageSize() addr.Bytes { return m.trace.PageSize }

// Faults is how many page faults the program's accesses have caused since the last
// step.
func (m *Machine) Faults() int { return int(m.kernel.faults) }

// ThreadID is the kernel's number of the thread that runs.
func (m *Machine) ThreadID() int { return m.id }

// Stack is all that the stack of the thread that runs may grow into.
func (m *Machine) Stack() addr.Range { return m.stack.Range() }

// HeapStats is the state of the heap, walked for the purpose.
func (m *Machine) HeapStats() mmapheap.Stats { return m.heap.Stats() }
