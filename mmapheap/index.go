package mmapheap

import (
	"math/bits"

	"memprobe/layout/addr"
)

const (
	granule     addr.Bytes = 16 // the alignment of blocks, and the smallest
	perLeaf                = 256
	perNode                = 16
	wordsInLeaf            = perLeaf / perWord
)

// run is the span of granules [lo, hi).
type run struct{ lo, hi granules }

func (r run) size() granules { return r.hi - r.lo }

// index knows which granules of the arena belong to blocks in use, and finds the
// lowest free run of a given size.
//
// A block in use is a mark at its first granule and one at its last; a free run
// is what lies between one block's end and the next one's start, so neighbouring
// free blocks coalesce without being told. The last run, from tail to the end of
// the arena, is kept apart. Every other one is a hole, and the tree bounds says
// where holes may be: a number of bounds[0] is at least the size of the largest
// hole that begins in its 256 granules, a number of bounds[l+1] at least the
// largest of its 16 numbers of bounds[l]. Freeing raises bounds at once; they are
// lowered only when a search finds less than they promised. All of it is zero
// while nothing is in use.
type index struct {
	size   granules   // of the arena
	tail   granules   // where the last free run begins; size if the last granule is in use
	starts marks      // first granules of blocks in use
	ends   marks      // last granules of blocks in use
	bounds [][]uint32 // the last level has at most 16 numbers
}

// lay takes the bookkeeping for an arena of n bytes, whole pages, from c.
func (x *index) lay(c *carver, n addr.Bytes) {
	x.size = granules(n / granule)
	words := n / granule / perWord
	if lines := carve[uint64](c, 2*words); lines != nil {
		x.starts.words, x.ends.words = lines, lines[1:]
	}
	x.starts.summary = laySummary(c, words)
	x.ends.summary = laySummary(c, words)
	nodes := n / granule / perLeaf
	x.bounds = append(x.bounds, carve[uint32](c, nodes))
	for nodes > perNode {
		nodes = (nodes + perNode - 1) / perNode
		x.bounds = append(x.bounds, carve[uint32](c, nodes))
	}
}

// find is the lowest free run of k granules or more; k is not 0.
func (x *index) find(k granules) (run, bool) {
	if top := len(x.bounds) - 1; top >= 0 && k < x.tail {
		if hole, ok := x.search(top, 0, k); ok {
			return hole, true
		}
	}
	return run{x.tail, x.size}, x.size-x.tail >= k
}

// search is find below the 16 numbers of bounds[level] from number first on.
// Where a number promised too much, it is lowered to what is there.
func (x *index) search(level int, first uint64, k granules) (run, bool) {
	bounds := x.bounds[level][first:]
	bounds = bounds[:min(perNode, len(bounds))]
	for i := range bounds {
		if granules(bounds[i]) < k {
			continue
		}
		n := first + uint64(i)
		if level == 0 {
			hole, largest, ok := x.scan(n, k)
			if ok {
				return hole, true
			}
			bounds[i] = uint32(largest)
			continue
		}
		if hole, ok := x.search(level-1, n*perNode, k); ok {
			return hole, true
		}
		below := x.bounds[level-1][n*perNode:]
		bounds[i] = largest(below[:min(perNode, len(below))])
	}
	return run{}, false
}

func largest(bounds []uint32) uint32 {
	most := uint32(0)
	for _, b := range bounds {
		most = max(most, b)
	}
	return most
}

// scan looks at the free runs that begin in a leaf of the tree, by address, for
// the first of k granules. If there is none, it knows the largest.
func (x *index) scan(leaf uint64, k granules) (hole run, most granules, ok bool) {
	for w := leaf * wordsInLeaf; w < (leaf+1)*wordsInLeaf; w++ {
		for begins := x.runsIn(w); begins != 0; begins &= begins - 1 {
			hole := x.runAt(granules(w)*perWord + granules(bits.TrailingZeros64(begins)))
			if hole.size() >= k {
				return hole, 0, true
			}
			most = max(most, hole.size())
		}
	}
	return run{}, most, false
}

// runsIn has a bit for each free run that begins in word w: right behind a
// block, or at the start of the arena, where no block begins.
func (x *index) runsIn(w uint64) uint64 {
	carry := uint64(1)
	if w > 0 {
		carry = x.ends.words[2*(w-1)] >> (perWord - 1)
	}
	return (x.ends.words[2*w]<<1 | carry) &^ x.starts.words[2*w]
}

// runAt is the free run that begins at lo.
func (x *index) runAt(lo granules) run {
	if hi, ok := x.starts.next(lo); ok {
		return run{lo, hi}
	}
	return run{lo, x.size}
}

// blockAt is the block in use that begins at lo.
func (x *index) blockAt(lo granules) run {
	last, _ := x.ends.next(lo)
	return run{lo, last + 1}
}

// around is the block in use or the free run that granule g lies in.
func (x *index) around(g granules) (span run, used bool) {
	lo, ok := x.starts.prev(g)
	if !ok {
		return x.runAt(0), false
	}
	block := x.blockAt(lo)
	if g < block.hi {
		return block, true
	}
	return x.runAt(block.hi), false
}

// take puts a block in use at the start of a free run; k is at most its size.
func (x *index) take(free run, k granules) {
	x.starts.set(free.lo)
	x.ends.set(free.lo + k - 1)
	x.freed(run{free.lo + k, free.hi})
}

// give ends a block in use. What it leaves coalesces with its free neighbours.
func (x *index) give(block run) {
	x.starts.clear(block.lo)
	x.ends.clear(block.hi - 1)
	if block.lo > 0 && !x.ends.has(block.lo-1) {
		last, ok := x.ends.prev(block.lo - 1)
		block.lo = last + 1
		if !ok {
			block.lo = 0
		}
	}
	x.freed(x.behind(block))
}

// resize moves the end of a block in use to hi, within the free run behind it.
func (x *index) resize(block run, hi granules) {
	x.ends.clear(block.hi - 1)
	x.ends.set(hi - 1)
	x.freed(x.behind(run{hi, hi}))
}

// behind is r with the free run that begins at its end, if there is one.
func (x *index) behind(r run) run {
	if r.hi < x.size && !x.starts.has(r.hi) {
		r.hi = x.runAt(r.hi).hi
	}
	return r
}

// freed notes where a free run lies now, for the searches to come. An empty one
// at the end of the arena means that its last granule is in use.
func (x *index) freed(free run) {
	if free.hi == x.size {
		x.tail = free.lo
		return
	}
	i := uint64(free.lo / perLeaf)
	for _, bounds := range x.bounds {
		if bounds[i] >= uint32(free.size()) {
			return
		}
		bounds[i] = uint32(free.size())
		i /= perNode
	}
}
