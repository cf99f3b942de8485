package policies

import (
	"iter"
	"slices"
	"sort"

	"memprobe/layout/addr"
)

// hole is a free block.
type hole struct{ lo, size addr.Bytes }

func (h hole) hi() addr.Bytes { return h.lo + h.size }

// byPlace orders holes by where they lie.
func byPlace(a, b hole) bool { return a.lo < b.lo }

// bySize orders holes by size, those of equal size by where they lie.
func bySize(a, b hole) bool { return a.size < b.size || a.size == b.size && a.lo < b.lo }

// list is an ordered list of holes, cut into chunks so that putting one in or
// taking one out moves few others. No chunk is empty.
type list struct {
	before func(a, b hole) bool
	chunks []chunk
	len    int
}

// longest is how many holes a chunk has at most.
const longest = 512

// chunk is a piece of a list.
type chunk struct {
	holes []hole
	most  addr.Bytes // the size of the largest
}

func (c *chunk) measure() {
	c.most = 0
	for _, h := range c.holes {
		c.most = max(c.most, h.size)
	}
}

// place is where a hole stands in a list: chunk and number in it.
type place struct{ chunk, i int }

// search is the place of the first hole that is not before h; past the end, the
// chunk is one too high.
func (l *list) search(h hole) place {
	c := sort.Search(len(l.chunks), func(c int) bool {
		holes := l.chunks[c].holes
		return !l.before(holes[len(holes)-1], h)
	})
	if c == len(l.chunks) {
		return place{c, 0}
	}
	holes := l.chunks[c].holes
	return place{c, sort.Search(len(holes), func(i int) bool { return !l.before(holes[i], h) })}
}

// at is the hole at p; ok is false past the end.
func (l *list) at(p place) (h hole, ok bool) {
	if p.chunk == len(l.chunks) {
		return hole{}, false
	}
	return l.chunks[p.chunk].holes[p.i], true
}

// prior is the last hole before p; ok is false where there is none.
func (l *list) prior(p place) (h hole, ok bool) {
	if p.i > 0 {
		return l.chunks[p.chunk].holes[p.i-1], true
	}
	if p.chunk == 0 {
		return hole{}, false
	}
	holes := l.chunks[p.chunk-1].holes
	return holes[len(holes)-1], true
}

func (l *list) insert(h hole) {
	l.len++
	if len(l.chunks) == 0 {
		l.chunks = []chunk{{[]hole{h}, h.size}}
		return
	}
	p := l.search(h)
	if p.chunk == len(l.chunks) {
		p = place{p.chunk - 1, len(l.chunks[p.chunk-1].holes)}
	}
	c := &l.chunks[p.chunk]
	c.holes = slices.Insert(c.holes, p.i, h)
	c.most = max(c.most, h.size)
	if len(c.holes) > longest {
		l.split(p.chunk)
	}
}

// split cuts a chunk in two.
func (l *list) split(i int) {
	c := &l.chunks[i]
	upper := chunk{holes: slices.Clone(c.holes[longest/2:])}
	c.holes = c.holes[:longest/2]
	c.measure()
	upper.measure()
	l.chunks = slices.Insert(l.chunks, i+1, upper)
}

// remove takes h out, which is in the list.
func (l *list) remove(h hole) {
	l.len--
	p := l.search(h)
	c := &l.chunks[p.chunk]
	c.holes = slices.Delete(c.holes, p.i, p.i+1)
	if len(c.holes) == 0 {
		l.chunks = slices.Delete(l.chunks, p.chunk, p.chunk+1)
	} else if h.size == c.most {
		c.measure()
	}
}

// largest is the size of the largest hole; 0 where there is none.
func (l *list) largest() addr.Bytes {
	most := addr.Bytes(0)
	for _, c := range l.chunks {
		most = max(most, c.most)
	}
	return most
}

// fit is the first hole from p on, and before the end, that holds n bytes, and how
// many holes a search looks at up to it, itself included. Chunks in which there is
// none are counted and passed as a whole.
func (l *list) fit(p, end place, n addr.Bytes) (found hole, looked int, ok bool) {
	for c := p.chunk; c < len(l.chunks) && c <= end.chunk; c++ {
		holes := l.chunks[c].holes
		if c == end.chunk {
			holes = holes[:end.i]
		}
		if c == p.chunk {
			holes = holes[min(p.i, len(holes)):]
		}
		if l.chunks[c].most < n {
			looked += len(holes)
			continue
		}
		for _, h := range holes {
			looked++
			if h.size >= n {
				return h, looked, true
			}
		}
	}
	return hole{}, looked, false
}

// end is the place past the last hole.
func (l *list) end() place { return place{len(l.chunks), 0} }

// all yields the holes in order, from p on.
func (l *list) all(p place) iter.Seq[hole] {
	return func(yield func(hole) bool) {
		for c := p.chunk; c < len(l.chunks); c++ {
			for i := p.i; i < len(l.chunks[c].holes); i++ {
				if !yield(l.chunks[c].holes[i]) {
					return
				}
			}
			p.i = 0
		}
	}
}
