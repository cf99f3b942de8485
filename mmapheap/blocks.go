package mmapheap

import (
	"iter"

	"memprobe/layout/addr"
)

// State says whether a block is in use.
type State uint8

// A block is free or used.
const (
	Free State = iota
	Used
)

func (s State) String() string {
	if s == Used {
		return "used"
	}
	return "free"
}

// MarshalText writes a state as String does.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Block is one of the blocks that tile the arena.
type Block struct {
	Addr      addr.Addr
	Size      addr.Bytes // what is set aside, a multiple of 16
	Requested addr.Bytes // what was asked for, at most Size; 0 if free
	State     State
}

// Range is the span of addresses that b covers.
func (b Block) Range() addr.Range { return addr.Span(b.Addr, b.Size) }

func (h *Heap) toBlock(span run, used bool) Block {
	b := Block{Addr: h.at(span.lo), Size: addr.Bytes(span.size()) * granule}
	if used {
		b.State, b.Requested = Used, h.index.requested(span)
	}
	return b
}

// Block is the block in use at a; another address is a *BlockError.
func (h *Heap) Block(a addr.Addr) (Block, error) {
	span, err := h.block("block", a)
	if err != nil {
		return Block{}, err
	}
	return h.toBlock(span, true), nil
}

// BlockAround is the block, in use or free, that a lies in; there is one for
// every address of the arena.
func (h *Heap) BlockAround(a addr.Addr) (Block, bool) {
	if !h.span.Contains(a) {
		return Block{}, false
	}
	return h.toBlock(h.index.around(granules(a.Sub(h.span.Lo) / granule))), true
}

// Blocks yields every block by address, used and free; they tile the arena, and
// no two neighbours are free. The heap must not change meanwhile.
func (h *Heap) Blocks() iter.Seq[Block] {
	return func(yield func(Block) bool) {
		for g := granules(0); g < h.index.size; {
			used := h.index.begins(g)
			span := h.index.runAt(g)
			if used {
				span = h.index.blockAt(g)
			}
			if !yield(h.toBlock(span, used)) {
				return
			}
			g = span.hi
		}
	}
}

// Candidate is a free block that first fit looks at.
type Candidate struct {
	Addr addr.Addr
	Size addr.Bytes
	Fits bool
}

// Explain yields what first fit looks at for a request of n bytes: the free blocks
// by address, up to the first that holds n bytes, which is where Alloc(n) would
// take them; all of them if none does.
func (h *Heap) Explain(n addr.Bytes) iter.Seq[Candidate] {
	return func(yield func(Candidate) bool) {
		for b := range h.Blocks() {
			if b.State == Used {
				continue
			}
			fits := b.Size >= max(n, 1)
			if !yield(Candidate{b.Addr, b.Size, fits}) || fits {
				return
			}
		}
	}
}
