package replay

import (
	"errors"
	"fmt"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

// Kind is what an operation does.
type Kind uint8

// The kinds of operations.
const (
	Alloc  Kind = iota // makes the block ID
	Resize             // gives the block ID another size, and maybe another place
	Free               // ends the block ID
)

func (k Kind) String() string { return [...]string{"alloc", "resize", "free"}[k] }

// MarshalText writes a kind as String does.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Op is one operation of a trace.
type Op struct {
	Kind Kind
	ID   uint32     // which block, below Trace.IDs
	Size addr.Bytes // what is requested; 0 for Free
}

// Trace is a recorded sequence of operations, each of which makes sense after
// those before it: a block is made before it is resized or freed, and no two
// blocks in use have the same ID.
type Trace struct {
	Name string     // where it comes from
	Heap addr.Bytes // the size of a heap that the recorder suggests; 0 if it does not
	IDs  int        // all IDs are below
	Ops  []Op
}

// The limits of a trace.
const (
	MaxOps  = 1 << 26          // operations
	MaxSize = mmapheap.MaxHeap // bytes in a request
)

// What can be wrong with an operation; test for it with errors.Is.
var (
	ErrUnknownID = errors.New("no block has this id")
	ErrLiveID    = errors.New("the id is that of a block in use")
	ErrDeadID    = errors.New("the block is freed already")
	ErrSize      = fmt.Errorf("absurd size: the limit is %d bytes, that of a heap", MaxSize)
)

// builder adds operations to a trace as long as they make sense.
type builder struct {
	trace Trace
	named bits // the IDs that there were so far
	live  bits // the IDs of blocks in use
}

// add appends an operation whose ID is below the trace's IDs. The resize of a
// block that never was is an allocation, as C's realloc of a null pointer is.
func (b *builder) add(op Op) error {
	id := int(op.ID)
	switch {
	case op.Kind == Resize && !b.named.has(id):
		op.Kind = Alloc
	case op.Kind == Alloc && b.live.has(id):
		return ErrLiveID
	case op.Kind != Alloc && !b.named.has(id):
		return ErrUnknownID
	case op.Kind != Alloc && !b.live.has(id):
		return ErrDeadID
	}
	if op.Size > MaxSize {
		return ErrSize
	}
	if op.Kind == Alloc {
		b.named.set(id)
		b.live.set(id)
	}
	if op.Kind == Free {
		b.live.clear(id)
	}
	b.trace.Ops = append(b.trace.Ops, op)
	return nil
}

// bits is a set of small numbers that grows with the largest of them.
type bits []uint64

func (b bits) has(i int) bool { return i/64 < len(b) && b[i/64]>>(i%64)&1 != 0 }

func (b *bits) set(i int) {
	if more := i/64 + 1 - len(*b); more > 0 {
		*b = append(*b, make([]uint64, more)...)
	}
	(*b)[i/64] |= 1 << (i % 64)
}

func (b bits) clear(i int) { b[i/64] &^= 1 << (i % 64) }
