package mmapheap

import (
	"math/bits"

	"memprobe/layout/addr"
)

// holes knows how large the holes that begin in each chunk are at most, as a tree
// of bounds: a byte of level 0 is one more than the step of the largest hole that
// may begin in its chunk, 0 if none does; a byte of each level above is no less
// than any of its eight in the level below. Freeing raises bounds at once; they are
// lowered only when a search finds less than they promised. A free has paid for
// such a look; but not for one at a hole of the step of the request that is too
// small for it, as some of more than 1 KiB are: its bound is right, and it is
// looked at each time. A node of eight bytes is compared as one word.
type holes struct {
	levels [maxLevels]table[uint8] // the last one has eight bytes
	count  int                     // of levels
}

const (
	perNode   = 8
	maxLevels = 16
	topBits   = 0x8080_8080_8080_8080
	ones      = 0x0101_0101_0101_0101
	noChunk   = ^uint64(0)
)

// lay takes the bookkeeping for n chunks from c.
func (h *holes) lay(c *carver, n addr.Bytes) {
	for h.count = 0; ; n /= perNode {
		n = n.AlignUp(perNode)
		h.levels[h.count] = layTable[uint8](c, n, 0)
		h.count++
		if n == perNode {
			return
		}
	}
}

// add notes that a hole of step s begins in a chunk.
func (h *holes) add(chunk, s uint64) {
	if uint64(*h.levels[0].at(chunk)) <= s {
		h.raise(chunk, s)
	}
}

// raise is add where the bound of the chunk is too low.
//
//go:noinline
func (h *holes) raise(chunk, s uint64) {
	for _, level := range h.levels[:h.count] {
		bound := level.at(chunk)
		if uint64(*bound) > s {
			return
		}
		*bound = uint8(s + 1)
		chunk /= perNode
	}
}

// reach has the highest bit of each byte of a node that is no less than the same
// byte of bounds; all bytes are below 128.
func (h *holes) reach(level int, node, bounds uint64) uint64 {
	return ((*wordsOf(h.levels[level&(maxLevels-1)]).at(node) | topBits) - bounds) & topBits
}

// next is the lowest chunk above i with that bound or a higher one, or noChunk.
func (h *holes) next(i, bound uint64) uint64 {
	bounds := bound * ones
	for level := 0; level < h.count; {
		child := i % perNode
		i /= perNode
		later := h.reach(level, i, bounds) >> (child * 8) >> 8
		if later == 0 {
			level++
			continue
		}
		i = i*perNode + child + 1 + uint64(bits.TrailingZeros64(later))/8
		for ; level > 0; level-- {
			below := h.reach(level-1, i, bounds)
			if below == 0 {
				h.lower(level, i)
				break
			}
			i = i*perNode + uint64(bits.TrailingZeros64(below))/8
		}
		if level == 0 {
			return i
		}
	}
	return noChunk
}

// lower makes bound i of a level above 0 the largest of the eight below it.
func (h *holes) lower(level int, i uint64) {
	most := uint8(0)
	for j := range uint64(perNode) {
		most = max(most, *h.levels[(level-1)&(maxLevels-1)].at(i*perNode + j))
	}
	*h.levels[level&(maxLevels-1)].at(i) = most
}
