package rust

import (
	"encoding/binary"
	"fmt"
	"strings"

	"memprobe/layout/addr"
)

// maxShown bounds how much of a block Format reads: a length that somebody
// overwrote must not make it read gigabytes.
const maxShown = 1 << 12

// maxElems is how many elements of an array or of a Vec are shown.
const maxElems = 32

// handle is what the three owning types share: eight-byte fields, moved.
type handle struct {
	name   string
	fields []Field
	elem   Type
	edge   niche
}

func (h handle) Name() string      { return h.name }
func (h handle) Size() addr.Bytes  { return 8 * addr.Bytes(len(h.fields)) }
func (h handle) Align() addr.Bytes { return 8 }
func (h handle) Fields() []Field   { return h.fields }
func (h handle) Copy() bool        { return false }
func (h handle) niche() niche      { return h.edge }

// Encode always fails: a handle's block has to be allocated, which is the
// business of whoever runs the program.
func (h handle) Encode(v any) ([]byte, error) { return nil, mismatch(Usize, v) }

// Buffer is String or Vec<T>: capacity, pointer and length of a block that holds
// a run of elements. The order is rustc 1.95's; the lessons draw the pointer
// first.
type Buffer struct {
	handle
	text bool
}

// String is Rust's String: a buffer of UTF-8.
var String = newBuffer("String", U8, true)

// Vec is the type Vec<elem>.
func Vec(elem Type) Buffer { return newBuffer("Vec<"+elem.Name()+">", elem, false) }

// Offsets in a buffer's handle.
const (
	capOffset addr.Bytes = 0
	ptrOffset addr.Bytes = 8
	lenOffset addr.Bytes = 16
)

func newBuffer(name string, elem Type, text bool) Buffer {
	return Buffer{handle{
		name: name,
		elem: elem,
		fields: []Field{
			{"cap", Usize, capOffset}, {"ptr", Raw(elem), ptrOffset}, {"len", Usize, lenOffset},
		},
		edge: niche{available: 1 << 63, offset: capOffset, size: 8}, // capacities end at isize::MAX
	}, text}
}

// Join is the handle's bytes for a buffer with room for capacity elements at
// ptr, n of them in use.
func (t Buffer) Join(capacity addr.Bytes, ptr addr.Addr, n addr.Bytes) []byte {
	b := make([]byte, t.Size())
	binary.LittleEndian.PutUint64(b[capOffset:], uint64(capacity))
	binary.LittleEndian.PutUint64(b[ptrOffset:], uint64(ptr))
	binary.LittleEndian.PutUint64(b[lenOffset:], uint64(n))
	return b
}

// Split is what Join was given: the three fields of the handle in b.
func (t Buffer) Split(b []byte) (capacity addr.Bytes, ptr addr.Addr, n addr.Bytes) {
	return addr.Bytes(binary.LittleEndian.Uint64(b[capOffset:])), loadAddr(b[ptrOffset:]), addr.Bytes(binary.LittleEndian.Uint64(b[lenOffset:]))
}

// Elem is the type of the elements: u8 for String.
func (t Buffer) Elem() Type { return t.elem }

// Dangling is the pointer of a buffer that has no block yet: the element's
// alignment, an address that is aligned, not null and never used.
func (t Buffer) Dangling() addr.Addr { return addr.Addr(t.elem.Align()) }

// Grow is the capacity that a buffer of the given capacity gets to hold need
// elements: at least twice the old one, and not less than 8 elements of one
// byte, 4 of up to 1 KiB, 1 of larger ones (alloc::raw_vec::grow_amortized in
// rustc 1.95).
func (t Buffer) Grow(capacity, need addr.Bytes) addr.Bytes {
	least := addr.Bytes(4)
	switch size := t.elem.Size(); {
	case size == 1:
		least = 8
	case size > 1024:
		least = 1
	}
	return max(2*capacity, need, least)
}

// Block is the buffer's block; a buffer without capacity has none.
func (t Buffer) Block(b []byte) (addr.Addr, bool) {
	capacity, ptr, _ := t.Split(b)
	return ptr, capacity != 0 && t.elem.Size() != 0
}

// Elems are the len elements at ptr.
func (t Buffer) Elems(b []byte) (addr.Addr, addr.Bytes, Type) {
	_, ptr, n := t.Split(b)
	return ptr, n, t.elem
}

// Format is the text or the elements, read from the block; a long run is cut
// with an ellipsis.
func (t Buffer) Format(b []byte, mem Memory) string {
	_, ptr, n := t.Split(b)
	most := min(maxElems, maxShown/max(t.elem.Size(), 1))
	if t.text {
		most = maxShown
	}
	shown, cut := n, ""
	if n > most {
		shown, cut = most, fmt.Sprintf("... %d in all", n)
	}
	block := make([]byte, shown*t.elem.Size())
	if err := mem.Load(ptr, block); err != nil && shown != 0 {
		return unreadable(ptr)
	}
	if t.text {
		return quote(block) + cut
	}
	var values []string
	for i := range shown {
		values = append(values, t.elem.Format(block[i*t.elem.Size():][:t.elem.Size()], mem))
	}
	if cut != "" {
		values = append(values, cut)
	}
	return "[" + strings.Join(values, ", ") + "]"
}

// Boxed is Box<T>: a pointer to a block with one value.
type Boxed struct{ handle }

// Box is the type Box<elem>.
func Box(elem Type) Boxed {
	return Boxed{handle{
		name:   "Box<" + elem.Name() + ">",
		elem:   elem,
		fields: []Field{{"ptr", Raw(elem), 0}},
		edge:   niche{available: 1, size: 8}, // never null
	}}
}

// Join is the box's bytes: the address of its block.
func (t Boxed) Join(block addr.Addr) []byte {
	return binary.LittleEndian.AppendUint64(nil, uint64(block))
}

// Elem is the type of the value in the box.
func (t Boxed) Elem() Type { return t.elem }

// Block is the box's block; a value without size needs none.
func (t Boxed) Block(b []byte) (addr.Addr, bool) { return loadAddr(b), t.elem.Size() != 0 }

// Elems is the one value in the box.
func (t Boxed) Elems(b []byte) (addr.Addr, addr.Bytes, Type) { return loadAddr(b), 1, t.elem }

// Format is the value in the box, as Rust prints a box.
func (t Boxed) Format(b []byte, mem Memory) string {
	value := make([]byte, t.elem.Size())
	if err := mem.Load(loadAddr(b), value); err != nil {
		return unreadable(loadAddr(b))
	}
	return t.elem.Format(value, mem)
}

func unreadable(a addr.Addr) string { return fmt.Sprintf("unreadable: nothing of ours at %v", a) }
