package mmapheap

import (
	"iter"

	"memprobe/layout/addr"
)

// cell is what every block begins and ends at a multiple of.
const cell addr.Bytes = 16

// shadow says of each cell which block lay there last: it does, or it did and
// nothing has come there since. It is kept in tiles, so that memory that is
// never used costs nothing and a large block little.
type shadow struct{ tiles map[addr.Addr]*tile }

// tileSize is how much memory a tile describes.
const tileSize = 256 * cell

// tile is the numbers of its cells, or one for all of them.
type tile struct {
	whole BlockNumber
	each  *[tileSize / cell]BlockNumber
}

func (s *shadow) at(a addr.Addr) BlockNumber {
	c := s.tiles[a/addr.Addr(tileSize)]
	switch {
	case c == nil:
		return 0
	case c.each == nil:
		return c.whole
	}
	return c.each[a%addr.Addr(tileSize)/addr.Addr(cell)]
}

// set notes block n for the whole cells of r.
func (s *shadow) set(r addr.Range, n BlockNumber) {
	if s.tiles == nil {
		s.tiles = map[addr.Addr]*tile{}
	}
	for part := range tilesOf(r) {
		key := part.Lo / addr.Addr(tileSize)
		c := s.tiles[key]
		if c == nil {
			c = &tile{}
			s.tiles[key] = c
		}
		if part.Size() == tileSize {
			*c = tile{whole: n}
			continue
		}
		if c.each == nil {
			c.each = new([tileSize / cell]BlockNumber)
			for i := range c.each {
				c.each[i] = c.whole
			}
		}
		first := part.Lo % addr.Addr(tileSize) / addr.Addr(cell)
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
		for part := range tilesOf(r) {
			c := s.tiles[part.Lo/addr.Addr(tileSize)]
			if c == nil {
				c = &tile{}
			}
			if c.each == nil {
				if !next(part, c.whole) {
					return
				}
				continue
			}
			for a := part.Lo; a < part.Hi; {
				hi := min((a + addr.Addr(cell)).AlignDown(cell), part.Hi)
				if !next(addr.Range{Lo: a, Hi: hi}, c.each[a%addr.Addr(tileSize)/addr.Addr(cell)]) {
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

// tilesOf cuts r where tiles begin.
func tilesOf(r addr.Range) iter.Seq[addr.Range] {
	return func(yield func(addr.Range) bool) {
		for lo := r.Lo; lo < r.Hi; {
			hi := min((lo + addr.Addr(tileSize)).AlignDown(tileSize), r.Hi)
			if !yield(addr.Range{Lo: lo, Hi: hi}) {
				return
			}
			lo = hi
		}
	}
}
