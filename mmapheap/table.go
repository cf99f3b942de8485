package mmapheap

import (
	"unsafe"

	"memprobe/layout/addr"
)

// table is an array in the bookkeeping, read and written without bounds checks:
// they would cost a tenth of the time of an allocation. Whoever calls at answers
// for the index: it is below the length that the table was laid with, or within
// the margin.
type table[T any] struct{ first unsafe.Pointer }

// layTable takes a table of n elements from c, with margin more of them before the
// first and behind the last.
func layTable[T any](c *carver, n, margin addr.Bytes) table[T] {
	all := carve[T](c, margin+n+margin)
	if all == nil {
		return table[T]{}
	}
	return table[T]{unsafe.Pointer(&all[margin])}
}

// at is element i.
func (t table[T]) at(i uint64) *T {
	var element T
	return (*T)(unsafe.Add(t.first, i*uint64(unsafe.Sizeof(element))))
}

// wordsOf is t by eight elements at a time.
func wordsOf(t table[uint8]) table[uint64] { return table[uint64](t) }
