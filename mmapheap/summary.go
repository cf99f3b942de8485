package mmapheap

import (
	"math/bits"

	"memprobe/layout/addr"
)

// summary is a set of numbers as a tree: a bit of level 0 stands for a number, a
// bit of each level above for a word of the level below that is not zero. The
// last level is one word.
type summary struct{ levels [][]uint64 }

// laySummary takes a summary of the numbers below n from c.
func laySummary(c *carver, n addr.Bytes) summary {
	var s summary
	for {
		n = (n + 63) / 64
		s.levels = append(s.levels, carve[uint64](c, n))
		if n <= 1 {
			return s
		}
	}
}

func (s *summary) set(i uint64) {
	for _, level := range s.levels {
		w := &level[i/64]
		known := *w != 0
		*w |= 1 << (i % 64)
		if known {
			return
		}
		i /= 64
	}
}

func (s *summary) clear(i uint64) {
	for _, level := range s.levels {
		w := &level[i/64]
		*w &^= 1 << (i % 64)
		if *w != 0 {
			return
		}
		i /= 64
	}
}

// prev is the highest member at or below i.
func (s *summary) prev(i uint64) (uint64, bool) {
	for l := 0; ; l++ {
		if rest := s.levels[l][i/64] << (63 - i%64); rest != 0 {
			i -= uint64(bits.LeadingZeros64(rest))
			for l > 0 {
				l--
				i = i*64 + 63 - uint64(bits.LeadingZeros64(s.levels[l][i]))
			}
			return i, true
		}
		if i < 64 { // as in the last level, at the latest
			return 0, false
		}
		i = i/64 - 1
	}
}
