package mmapheap

import (
	"math/bits"

	"memprobe/layout/addr"
)

// written says of each byte of a payload whether the program has written it: a
// bit each, the first byte's the lowest of the first word.
type written []uint64

func newWritten(n addr.Bytes) written { return make(written, (n+63)/64) }

// word has the bits of w's word i that lie in [lo, hi).
func wordMask(i, lo, hi addr.Bytes) uint64 {
	mask := ^uint64(0)
	if lo > i*64 {
		mask <<= lo - i*64
	}
	if end := (i + 1) * 64; hi < end {
		mask &= ^uint64(0) >> (end - hi)
	}
	return mask
}

// set notes that the bytes from lo up to hi are written.
func (w written) set(lo, hi addr.Bytes) {
	if lo >= hi {
		return
	}
	for i := lo / 64; i <= (hi-1)/64; i++ {
		w[i] |= wordMask(i, lo, hi)
	}
}

// gap is the first of the bytes from lo up to hi that is not written.
func (w written) gap(lo, hi addr.Bytes) (addr.Bytes, bool) {
	if lo >= hi {
		return 0, false
	}
	for i := lo / 64; i <= (hi-1)/64; i++ {
		if missing := wordMask(i, lo, hi) &^ w[i]; missing != 0 {
			return i*64 + addr.Bytes(bits.TrailingZeros64(missing)), true
		}
	}
	return 0, false
}

// copyFrom notes of the first n bytes what from notes of them.
func (w written) copyFrom(from written, n addr.Bytes) {
	if n == 0 {
		return
	}
	last := (n - 1) / 64
	copy(w[:last+1], from)
	w[last] &= wordMask(last, 0, n)
}
