package mmapheap

import (
	"math/bits"

	"memprobe/layout/addr"
)

// granules counts units of 16 bytes: a size, or a place counted from the start
// of the arena.
type granules uint64

// perWord is how many granules one word of a bitmap describes: 1 KiB of arena.
const perWord = 64

// marks is a set of granules, one bit each. Its words are every second word of a
// line that it shares with another set, so that one cache line answers for both.
// The summary knows which words are not zero, so that the next mark is found in a
// few steps however far away it is.
type marks struct {
	words   []uint64 // word i is words[2*i]
	summary summary
}

func (m *marks) has(g granules) bool { return m.words[g/perWord*2]>>(g%perWord)&1 != 0 }

func (m *marks) set(g granules) {
	w := &m.words[g/perWord*2]
	if *w == 0 {
		m.summary.set(uint64(g / perWord))
	}
	*w |= 1 << (g % perWord)
}

func (m *marks) clear(g granules) {
	w := &m.words[g/perWord*2]
	*w &^= 1 << (g % perWord)
	if *w == 0 {
		m.summary.clear(uint64(g / perWord))
	}
}

// next is the lowest mark at or above g, a granule of the arena.
func (m *marks) next(g granules) (granules, bool) {
	if rest := m.words[g/perWord*2] >> (g % perWord); rest != 0 {
		return g + granules(bits.TrailingZeros64(rest)), true
	}
	w, ok := m.summary.next(uint64(g/perWord) + 1)
	if !ok {
		return 0, false
	}
	return granules(w)*perWord + granules(bits.TrailingZeros64(m.words[2*w])), true
}

// prev is the highest mark at or below g, a granule of the arena.
func (m *marks) prev(g granules) (granules, bool) {
	if rest := m.words[g/perWord*2] << (perWord - 1 - g%perWord); rest != 0 {
		return g - granules(bits.LeadingZeros64(rest)), true
	}
	if g < perWord {
		return 0, false
	}
	w, ok := m.summary.prev(uint64(g/perWord) - 1)
	if !ok {
		return 0, false
	}
	return granules(w)*perWord + perWord - 1 - granules(bits.LeadingZeros64(m.words[2*w])), true
}

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

// next is the lowest member at or above i.
func (s *summary) next(i uint64) (uint64, bool) {
	for l, level := range s.levels {
		if i/64 >= uint64(len(level)) {
			return 0, false
		}
		if rest := level[i/64] >> (i % 64); rest != 0 {
			i += uint64(bits.TrailingZeros64(rest))
			for l > 0 {
				l--
				i = i*64 + uint64(bits.TrailingZeros64(s.levels[l][i]))
			}
			return i, true
		}
		i = i/64 + 1
	}
	return 0, false
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
