package mmapheap

import "memprobe/layout/addr"

// sizes keeps how many bytes were asked for each block in use. A block of k
// granules answers a request of 16k-15 to 16k bytes, so the 4 bits of its first
// granule, how much of the last granule was not asked for, say it all; except
// that a block of one granule may also answer a request of 0 bytes, which is
// marked apart. All of it is zero where no block begins.
type sizes struct {
	spare   []uint8  // two granules a byte, the lower one in the low half
	nothing []uint64 // one granule a bit: 0 bytes were requested
}

// lay takes the bookkeeping for an arena of n bytes from c.
func (s *sizes) lay(c *carver, n addr.Bytes) {
	s.spare = carve[uint8](c, n/granule/2)
	s.nothing = carve[uint64](c, n/granule/perWord)
}

// put notes that the block was made for a request of n bytes, which fit it.
func (s *sizes) put(block run, n addr.Bytes) {
	g := block.lo
	if n == 0 {
		s.nothing[g/perWord] |= 1 << (g % perWord)
		return
	}
	spare := uint8(addr.Bytes(block.size())*granule - n)
	s.spare[g/2] |= spare << (g % 2 * 4)
}

// get is how many bytes were requested for the block.
func (s *sizes) get(block run) addr.Bytes {
	g := block.lo
	spare := s.spare[g/2] >> (g % 2 * 4) & 15
	n := addr.Bytes(block.size())*granule - addr.Bytes(spare)
	if n == granule && s.isNothing(g) {
		return 0
	}
	return n
}

func (s *sizes) isNothing(g granules) bool { return s.nothing[g/perWord]>>(g%perWord)&1 != 0 }

// drop forgets the block.
func (s *sizes) drop(block run) {
	g := block.lo
	if s.get(block) == 0 {
		s.nothing[g/perWord] &^= 1 << (g % perWord)
		return
	}
	s.spare[g/2] &^= 15 << (g % 2 * 4)
}
