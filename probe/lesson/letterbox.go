package lesson

import (
	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/rust"
)

// letterBox is the variable of `let name = Box::new([b'n'; size])`: it owns a block of
// size bytes, each the first letter of its name, so that one sees whose they were.
type letterBox struct {
	*probe.Local
	letter byte
	size   int
}

func letLetters(name string, size int) letterBox {
	return letterBox{probe.Let(name, rust.Box(rust.Array(rust.U8, size))), name[0], size}
}

// fill makes the boxes, in order.
func fill(m *probe.Machine, boxes ...letterBox) {
	for _, b := range boxes {
		bytes := make([]any, b.size)
		for i := range bytes {
			bytes[i] = int(b.letter)
		}
		m.BoxNew(b.Local, bytes)
	}
}

// target is the free block that a search ends at, and how many it passed before. One
// that found nothing has no target.
func target(looked []probe.Candidate) (found probe.Candidate, passed int) {
	if n := len(looked); n > 0 && looked[n-1].Fits {
		return looked[n-1], n - 1
	}
	return probe.Candidate{}, len(looked)
}

// tightest is the size of the smallest hole that n bytes fit in: what best fit would
// choose.
func tightest(free []probe.Block, n addr.Bytes) addr.Bytes {
	var best addr.Bytes
	for _, b := range free {
		if b.Size >= n && (best == 0 || b.Size < best) {
			best = b.Size
		}
	}
	return best
}
