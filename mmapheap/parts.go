package mmapheap

import (
	"fmt"

	"memprobe/layout/addr"
)

// PartKind says what a part of the region is for.
type PartKind uint8

// The kinds of parts. Only HeapPart, StackPart and Bookkeeping are accessible, and
// of HeapPart not the pages that guard a block or were a freed one's (Nets.Guarded).
const (
	Guard        PartKind = iota // a page that is never accessible
	HeapPart                     // committed memory of the heap
	HeapReserve                  // the heap's, not committed yet
	FreeSpace                    // what lies between heap and stack
	StackReserve                 // the stack's, not committed yet
	StackPart                    // committed memory of the stack
	Bookkeeping                  // what the heap and the stack know of themselves
)

var partNames = [...]string{"guard", "heap", "heap reserve", "free space", "stack reserve", "stack", "bookkeeping"}

func (k PartKind) String() string {
	if int(k) < len(partNames) {
		return partNames[k]
	}
	return fmt.Sprintf("part kind %d", k)
}

// MarshalText writes a kind as String does.
func (k PartKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Part is a span of addresses with one purpose and one set of permissions.
type Part struct {
	addr.Range
	Kind PartKind
}

// Parts lists what the region consists of at this moment: first the parts that
// tile the reservation, by address, then the bookkeeping with its own two guard
// pages, which lies elsewhere. There are no empty parts; a released region has none.
// The statics of a checked heap are a mapping of their own, which is not listed.
func (r *Region) Parts() []Part {
	if r.mem == nil {
		return nil
	}
	page := addr.Addr(r.kernel.page())
	heap, stack := r.heap.span, r.stack.span
	books := addr.Span(addrOf(r.books), addr.Bytes(len(r.books)))
	var parts []Part
	for _, p := range []Part{
		{addr.Range{Lo: r.span.Lo, Hi: heap.Lo}, Guard},
		{r.heap.accessible(), HeapPart},
		{r.heap.reserve(), HeapReserve},
		{addr.Range{Lo: heap.Hi, Hi: heap.Hi + page}, Guard},
		{r.freeSpace(), FreeSpace},
		{addr.Range{Lo: stack.Lo - page, Hi: stack.Lo}, Guard},
		{r.stack.reserve(), StackReserve},
		{r.stack.accessible(), StackPart},
		{addr.Range{Lo: stack.Hi, Hi: r.span.Hi}, Guard},
		{addr.Range{Lo: books.Lo, Hi: books.Lo + page}, Guard},
		{addr.Range{Lo: books.Lo + page, Hi: books.Hi - page}, Bookkeeping},
		{addr.Range{Lo: books.Hi - page, Hi: books.Hi}, Guard},
	} {
		if p.Size() != 0 {
			parts = append(parts, p)
		}
	}
	return parts
}

// freeSpace is what lies between the guard pages of heap and stack.
func (r *Region) freeSpace() addr.Range {
	page := addr.Addr(r.kernel.page())
	return addr.Range{Lo: r.heap.span.Hi + page, Hi: r.stack.span.Lo - page}
}
