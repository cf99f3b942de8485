package mmapheap

import (
	"errors"
	"fmt"
	"math/bits"

	"memprobe/layout/addr"
)

// breaches collects what a check finds: the first breach of each invariant, and
// how many more there are.
type breaches struct {
	found map[string]*breach
	order []string
}

type breach struct {
	text string
	more int
}

func (b *breaches) add(invariant, format string, args ...any) {
	if known := b.found[invariant]; known != nil {
		known.more++
		return
	}
	if b.found == nil {
		b.found = map[string]*breach{}
	}
	b.found[invariant] = &breach{text: fmt.Sprintf(format, args...)}
	b.order = append(b.order, invariant)
}

func (b *breaches) err() error {
	var errs []error
	for _, invariant := range b.order {
		found := b.found[invariant]
		text := invariant + ": " + found.text
		if found.more > 0 {
			text += fmt.Sprintf(" (and %d more)", found.more)
		}
		errs = append(errs, errors.New(text))
	}
	return errors.Join(errs...)
}

// Check walks the bookkeeping of the whole heap and reports which of the
// invariants H1 to H7 are broken. It trusts none of them, so it ends whatever it
// finds.
func (h *Heap) Check() error {
	if h.mem == nil {
		return fmt.Errorf("check: %w", ErrReleased)
	}
	var b breaches
	if h.extent > h.index.size { // the other checks walk up to there
		b.add("H2", "the arena has been in use up to %v, and ends at %v", h.at(h.extent), h.span.Hi)
		return b.err()
	}
	blocks := h.checkBlocks(&b)
	h.checkHoles(&b, blocks)
	h.index.checkBounds(&b, h.extent)
	h.index.starts.check(&b, h.extent, "starts")
	h.index.ends.check(&b, h.extent, "ends")
	h.checkSizes(&b, blocks)
	page := h.kernel.page()
	if h.committed%page != 0 || h.committed > h.span.Size() || h.committed < addr.Bytes(h.extent)*granule {
		b.add("H7", "%d bytes are committed, of %d; %d have been in use; a page has %d", h.committed, h.span.Size(), addr.Bytes(h.extent)*granule, page)
	}
	return b.err()
}

// words is how many words describe the granules below extent.
func words(extent granules) uint64 { return uint64(extent+perWord-1) / perWord }

// checkBlocks is H1; it yields the blocks that are whole.
func (h *Heap) checkBlocks(b *breaches) []run {
	var blocks []run
	var open bool
	var lo granules
	for w := range words(h.extent) {
		starts, ends := h.index.starts.words[2*w], h.index.ends.words[2*w]
		for marks := starts | ends; marks != 0; marks &= marks - 1 {
			bit := marks & -marks
			g := granules(w)*perWord + granules(bits.TrailingZeros64(marks))
			if starts&bit != 0 {
				if open {
					b.add("H1", "the block at %v begins inside the block at %v", h.at(g), h.at(lo))
				}
				lo, open = g, true
			}
			if ends&bit == 0 {
				continue
			}
			if !open {
				b.add("H1", "a block ends at %v, where none is", h.at(g+1))
				continue
			}
			blocks, open = append(blocks, run{lo, g + 1}), false
		}
	}
	if open {
		b.add("H1", "the block at %v has no end", h.at(lo))
	}
	return blocks
}

// checkHoles is H2 and the leaves' part of H3.
func (h *Heap) checkHoles(b *breaches, blocks []run) {
	hi := granules(0) // where the block before ends
	for _, block := range blocks {
		hole := run{hi, block.lo}
		if hole.lo < hole.hi && granules(h.index.bounds[0][hole.lo/perLeaf]) < hole.size() {
			b.add("H3", "a hole of %d granules at %v, where the tree promises at most %d",
				hole.size(), h.at(hole.lo), h.index.bounds[0][hole.lo/perLeaf])
		}
		hi = block.hi
	}
	if h.index.tail != hi {
		b.add("H2", "the last free block begins at %v, known as %v", h.at(hi), h.at(h.index.tail))
	}
	if hi > h.extent {
		b.add("H2", "blocks end at %v, the highest ever at %v", h.at(hi), h.at(h.extent))
	}
}

// checkBounds is the rest of H3.
func (x *index) checkBounds(b *breaches, extent granules) {
	nodes := ceil(addr.Bytes(extent), perLeaf)
	for l := 1; l < len(x.bounds); l++ {
		for i := range nodes {
			if below, above := x.bounds[l-1][i], x.bounds[l][i/perNode]; below > above {
				b.add("H3", "the tree promises %d granules at level %d, number %d, and %d above it", below, l-1, i, above)
			}
		}
		nodes = ceil(nodes, perNode)
	}
}

// check is H4 for one of the two sets of marks.
func (m *marks) check(b *breaches, extent granules, name string) {
	n := words(extent)
	below := func(i uint64) uint64 { return m.words[2*i] }
	for l, level := range m.summary.levels {
		for i := range n {
			if got, want := level[i/64]>>(i%64)&1 != 0, below(i) != 0; got != want {
				b.add("H4", "the summary of %s says %v at level %d, number %d: the word below is %#x", name, got, l, i, below(i))
			}
		}
		n = (n + 63) / 64
		below = func(i uint64) uint64 { return level[i] }
	}
}

// checkSizes is H5 and H6. That a requested size rounds up to its block's is so
// by how it is kept, as long as the two notes don't disagree.
func (h *Heap) checkSizes(b *breaches, blocks []run) {
	var requested addr.Bytes
	for _, block := range blocks {
		n := h.sizes.get(block)
		if h.sizes.isNothing(block.lo) && n != 0 {
			b.add("H5", "a request of 0 bytes is noted for the block at %v, which answers one of %d", h.at(block.lo), n)
		}
		requested += n
	}
	for w := range words(h.extent) {
		starts, nothing := h.index.starts.words[2*w], h.sizes.nothing[w]
		if stray := nothing &^ starts; stray != 0 {
			b.add("H5", "a request of 0 bytes is noted at %v, where no block begins", h.at(granules(w)*perWord+granules(bits.TrailingZeros64(stray))))
		}
		for i, pair := range h.sizes.spare[w*perWord/2 : (w+1)*perWord/2] {
			if lower, upper := pair&15 != 0, pair>>4 != 0; lower && starts>>(2*i)&1 == 0 || upper && starts>>(2*i+1)&1 == 0 {
				b.add("H5", "a size is noted near %v, where no block begins", h.at(granules(w)*perWord+granules(2*i)))
			}
		}
	}
	if requested != h.requested || requested > h.highWater {
		b.add("H6", "the blocks answer requests of %d bytes: %d were counted, at most %d at any time", requested, h.requested, h.highWater)
	}
}

// Check reports every broken one of the invariants S1 to S3.
func (s *Stack) Check() error {
	if s.mem == nil {
		return fmt.Errorf("check: %w", ErrReleased)
	}
	var b breaches
	if !s.sp.Aligned(frameAlign) || s.sp < s.span.Lo || s.sp > s.span.Hi {
		b.add("S1", "the stack pointer is %v, the stack %v", s.sp, s.span)
	}
	sp := s.span.Hi
	for frame := range s.Frames() {
		if frame.Size() == 0 || frame.Lo < s.span.Lo || frame.Lo > frame.Hi {
			b.add("S2", "a frame of %d bytes ends at %v", frame.Size(), frame.Hi)
		}
		sp = frame.Lo
	}
	if sp != s.sp {
		b.add("S2", "the %d frames reach down to %v, the stack pointer is %v", s.depth, sp, s.sp)
	}
	page := s.kernel.page()
	if s.committed%page != 0 || s.committed > s.span.Size() || s.committed < s.span.Hi.Sub(s.sp) {
		b.add("S3", "%d bytes are committed, of %d; the frames hold %d; a page has %d", s.committed, s.span.Size(), s.span.Hi.Sub(s.sp), page)
	}
	return b.err()
}
