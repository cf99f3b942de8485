package mmapheap

import (
	"iter"

	"memprobe/layout/addr"
)

// cell is what every block begins and ends at a multiple of.
const cell addr.Bytes = 16

// shadow says of each cell which block lay there last: it does, or it did and
// nothing has come there since. It is kept in chunks, so that memory that is
// never used costs nothing and a large block little.
type shadow struct{ chunks map[addr.Addr]*chunk }

// chunkSize is how much memory a chunk describes.
const chunkSize = 256 * cell

// chunk is the numbers of its cells, or one for all of them.
type chunk struct {
	whole BlockNumber
	each  *[chunkSize / cell]BlockNumber
}

func (s *shadow) at(a addr.Addr) BlockNumber {
	c := s.chunks[a/addr.Addr(chunkSize)]
	switch {
	case c == nil:
		return 0
	case c.each == nil:
		return c.whole
	}
	return c.each[a%addr.Addr(chunkSize)/addr.Addr(cell)]
}

// set notes block n for the whole cells of r.
func (s *shadow) set(r addr.Range, n BlockNumber) {
	if s.chunks == nil {
		s.chunks = map[addr.Addr]*chunk{}
	}
	for part := range chunksOf(r) {
		key := part.Lo / addr.Addr(chunkSize)
		c := s.chunks[key]
		if c == nil {
			c = &chunk{}
			s.chunks[key] = c
		}
		if part.Size() == chunkSize {
			*c = chunk{whole: n}
			continue
		}
		if c.each == nil {
			c.each = new([chunkSize / cell]BlockNumber)
			for i := range c.each {
				c.each[i] = c.whole
			}
		}
		first := part.Lo % addr.Addr(chunkSize) / addr.Addr(cell)
		last := first + addr.Addr(part.Size()/cell)
		for i := first; i < last; i++ {
			c.each[i] = n
		}
	}
}

// runs yields the pieces of r that one block lay in last, by address, those of
// none left out. The shadow must not change meanwhile.
func (s *shadow) runs(r addr.Range) iter.Seq2[addr.Range, BlockNumber] {
	return func(yield func(addr.Range, BlockNumber) bool) {
		var run addr.Range
		var of BlockNumber
		next := func(piece addr.Range, n BlockNumber) bool {
			if n == of {
				run.Hi = piece.Hi
				return true
			}
			before, was := run, of
			run, of = piece, n
			return was == 0 || yield(before, was)
		}
		for part := range chunksOf(r) {
			c := s.chunks[part.Lo/addr.Addr(chunkSize)]
			if c == nil {
				c = &chunk{}
			}
			if c.each == nil {
				if !next(part, c.whole) {
					return
				}
				continue
			}
			for a := part.Lo; a < part.Hi; {
				hi := min((a + addr.Addr(cell)).AlignDown(cell), part.Hi)
				if !next(addr.Range{Lo: a, Hi: hi}, c.each[a%addr.Addr(chunkSize)/addr.Addr(cell)]) {
					return
				}
				a = hi
			}
		}
		if of != 0 {
			yield(run, of)
		}
	}
}

// chunksOf cuts r where chunks begin.
func chunksOf(r addr.Range) iter.Seq[addr.Range] {
	return func(yield func(addr.Range) bool) {
		for lo := r.Lo; lo < r.Hi; {
			hi := min((lo + addr.Addr(chunkSize)).AlignDown(chunkSize), r.Hi)
			if !yield(addr.Range{Lo: lo, Hi: hi}) {
				return
			}
			lo = hi
		}
	}
}
