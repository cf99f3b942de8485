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
// invariants H1 to H9 are broken. It trusts none of them, so it ends whatever it
// finds.
func (h *Heap) Check() error {
	if h.mem == nil {
		return fmt.Errorf("check: %w", ErrReleased)
	}
	var b breaches
	x := &h.index
	if h.extent > x.size { // the other checks walk up to there
		b.add("H2", "the arena has been in use up to %v, and ends at %v", h.at(h.extent), h.span.Hi)
		return b.err()
	}
	blocks := h.checkBlocks(&b)
	holes := h.checkTail(&b, blocks)
	h.checkStairs(&b, holes)
	h.checkBounds(&b, holes)
	h.checkNotes(&b, blocks, holes)
	x.checkBegun(&b, h.extent)
	if x.exact {
		h.checkSizes(&b, blocks)
	}
	used := granules(0)
	for _, block := range blocks {
		used += block.size()
	}
	if used != h.used || used > h.highWater {
		b.add("H8", "the blocks have %d granules: %d were counted, at most %d at any time", used, h.used, h.highWater)
	}
	page := h.kernel.page()
	if h.committed%page != 0 || h.committed > h.span.Size() || h.committed < addr.Bytes(h.extent)*granule {
		b.add("H9", "%d bytes are committed, of %d; %d have been in use; a page has %d", h.committed, h.span.Size(), addr.Bytes(h.extent)*granule, page)
	}
	return b.err()
}

// chunksOf is how many chunks the granules below extent are in.
func chunksOf(extent granules) uint64 { return uint64(extent+perChunk-1) / perChunk }

// checkBlocks is H1; it yields the blocks that are whole.
func (h *Heap) checkBlocks(b *breaches) []run {
	var blocks []run
	var open bool
	var lo granules
	for w := range chunksOf(h.extent) {
		ch := h.index.chunks.at(w)
		for marks := ch.starts | ch.ends; marks != 0; marks &= marks - 1 {
			bit := marks & -marks
			g := granules(w)*perChunk + granules(bits.TrailingZeros64(marks))
			if ch.starts&bit != 0 {
				if open {
					b.add("H1", "the block at %v begins inside the block at %v", h.at(g), h.at(lo))
				}
				lo, open = g, true
			}
			if ch.ends&bit == 0 {
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

// checkTail is H2; it yields the holes between the blocks.
func (h *Heap) checkTail(b *breaches, blocks []run) []run {
	var holes []run
	hi := granules(0) // where the block before ends
	for _, block := range blocks {
		if hi < block.lo {
			holes = append(holes, run{hi, block.lo})
		}
		hi = block.hi
	}
	if h.index.tail != hi {
		b.add("H2", "the tail begins at %v, known as %v", h.at(hi), h.at(h.index.tail))
	}
	if hi > h.extent {
		b.add("H2", "blocks end at %v, the highest ever at %v", h.at(hi), h.at(h.extent))
	}
	return holes
}

// checkStairs is H3 and H4.
func (h *Heap) checkStairs(b *breaches, holes []run) {
	t := &h.index.stairs
	if t.edges[1]>>63 == 0 || !t.isExact(tailStep) || t.place[tailStep] != tailPlace(h.index.tail) {
		b.add("H4", "the edge of the tail is at %v, the tail at %v", h.at(t.at(tailStep)), h.at(h.index.tail))
		return // no other edge can be found without it
	}
	holeAt := map[granules]run{} // by where they begin
	for _, hole := range holes {
		holeAt[hole.lo] = hole
		if e := t.edge(stepOf(hole.size())); t.at(e) > hole.lo {
			b.add("H3", "a hole of %d granules at %v, where none is known to begin below %v", hole.size(), h.at(hole.lo), h.at(t.at(e)))
		}
	}
	least := granules(0) // where the next edge may be
	for e := t.edge(0); e < tailStep; e = t.edge(e + 1) {
		at, inside := t.at(e), holeAt[t.at(e)]
		if at < least || at > h.index.tail {
			b.add("H4", "the edge of step %d is at %v; it must be between %v and the tail, at %v", e, h.at(at), h.at(least), h.at(h.index.tail))
		}
		if least = at; !t.isExact(e) {
			continue
		}
		if inside.size() == 0 || stepOf(inside.size()) != e {
			b.add("H4", "no hole of step %d begins at %v", e, h.at(at))
		}
		if least++; e < smallSteps {
			least = at + granules(e) + 1
		}
	}
	for half := range t.exact {
		if stray := t.exact[half] &^ t.edges[half]; stray != 0 {
			b.add("H4", "step %d is exact, and no edge", half*64+bits.TrailingZeros64(stray))
		}
	}
}

// checkBounds is H5.
func (h *Heap) checkBounds(b *breaches, holes []run) {
	levels := &h.index.holes
	for _, hole := range holes {
		if bound, s := *levels.levels[0].at(uint64(hole.lo / perChunk)), stepOf(hole.size()); uint64(bound) <= s {
			b.add("H5", "a hole of step %d at %v, where the bound is %d", s, h.at(hole.lo), bound)
		}
	}
	n := chunksOf(h.extent)
	for l := 1; l < levels.count; l++ {
		for i := range n {
			if below, above := *levels.levels[l-1].at(i), *levels.levels[l].at(i / perNode); below > above {
				b.add("H5", "bound %d of level %d is %d, and %d above it", i, l-1, below, above)
			}
		}
		n = (n + perNode - 1) / perNode
	}
}

// checkNotes is H6.
func (h *Heap) checkNotes(b *breaches, blocks, holes []run) {
	end := func(what string, r run) {
		if first := uint64(r.lo/perChunk) + 1; granules(first+1)*perChunk <= r.hi {
			if note := granules(h.index.chunks.at(first).notes&noteMask) + 1; note != r.hi {
				b.add("H6", "the %s at %v ends at %v, and is noted to at %v", what, h.at(r.lo), h.at(r.hi), h.at(note))
			}
		}
	}
	for _, block := range blocks {
		end("block", block)
	}
	for _, hole := range holes {
		end("hole", hole)
		if last := uint64(hole.hi / perChunk); last > 0 && granules(last-1)*perChunk >= hole.lo {
			if note := granules(h.index.chunks.at(last-1).notes >> 32); note != hole.lo {
				b.add("H6", "the hole before %v begins at %v, and is noted to at %v", h.at(hole.hi), h.at(hole.lo), h.at(note))
			}
		}
	}
}

// checkBegun is the part of H7 that is about begun.
func (x *index) checkBegun(b *breaches, extent granules) {
	n := chunksOf(extent)
	for w := range n {
		if x.chunks.at(w).starts != 0 && x.begun.levels[0][w/64]>>(w%64)&1 == 0 {
			b.add("H7", "blocks start in chunk %d, and the summary does not say so", w)
		}
	}
	for l := 1; l < len(x.begun.levels); l++ {
		n = (n + 63) / 64
		for i := range n {
			below := x.begun.levels[l-1][i]
			if got := x.begun.levels[l][i/64]>>(i%64)&1 != 0; got != (below != 0) {
				b.add("H7", "the summary says %v at level %d, number %d: the word below is %#x", got, l, i, below)
			}
		}
	}
}

// checkSizes is the part of H7 that is about requested sizes. That one rounds up to
// the size of its block is so by how it is kept.
func (h *Heap) checkSizes(b *breaches, blocks []run) {
	x := &h.index
	single := map[granules]bool{} // where blocks of one granule are
	for _, block := range blocks {
		if block.size() == 1 {
			single[block.lo] = true
		}
	}
	owner := map[uint64]uint64{} // by word of the pool, the chunk whose record it is in
	for w := range chunksOf(h.extent) {
		ch := x.chunks.at(w)
		for nothing := *x.sizes.nothing.at(w); nothing != 0; nothing &= nothing - 1 {
			g := granules(w*perChunk + uint64(bits.TrailingZeros64(nothing)))
			if !single[g] {
				b.add("H7", "0 bytes are noted to be requested at %v, where no block of 16 bytes begins", h.at(g))
			}
		}
		if ch.starts == 0 {
			continue
		}
		n, count := bits.OnesCount64(ch.starts), ch.notes>>countShift
		if ch.notes&counts != crowded {
			if int(count) != n {
				b.add("H7", "%d blocks start in chunk %d, %d are counted", n, w, count)
			}
			continue
		}
		form := ch.notes >> formShift & 1
		record := ch.notes & noteMask
		if n <= few || record+recordWords[form] > x.sizes.used {
			b.add("H7", "chunk %d, in which %d blocks start, has record %d, of %d words", w, n, record, x.sizes.used)
			continue
		}
		if collide := ch.starts & (ch.starts >> 1) & lowerOfPairs; form == 1 && collide != 0 {
			b.add("H7", "two blocks of chunk %d share a place in its record", w)
		}
		for i := range recordWords[form] {
			if other, taken := owner[record+i]; taken {
				b.add("H7", "chunks %d and %d share a record", other, w)
			}
			owner[record+i] = w
		}
	}
}

// Check reports every broken one of the invariants S1 to S3.
func (s *Stack) Check() error {
	if s.mem == nil {
		return fmt.Errorf("check: %w", ErrReleased)
	}
	var b breaches
	notes := addr.Span(firstOf(s.table), addr.Bytes(len(s.table))*noteSize)
	if s.bottom != notes.Lo || !notes.Contains(s.top) || !s.top.Aligned(noteSize) {
		b.add("S2", "the frames are noted from %v to %v, in %v", s.bottom, s.top, notes)
		return b.err()
	}
	sp := s.SP()
	if !sp.Aligned(frameAlign) || !s.span.Contains(sp) && sp != s.span.Hi {
		b.add("S1", "the stack pointer is %v, the stack %v", sp, s.span)
	}
	if s.table[0] != s.span.Hi {
		b.add("S2", "the oldest frame ends at %v, the stack at %v", s.table[0], s.span.Hi)
	}
	for frame := range s.Frames() {
		if frame.Lo >= frame.Hi || !frame.Lo.Aligned(frameAlign) || !s.span.Covers(frame) {
			b.add("S2", "a frame reaches from %v to %v", frame.Lo, frame.Hi)
		}
	}
	page := s.kernel.page()
	if s.committed%page != 0 || s.committed > s.span.Size() || s.committed < s.span.Hi.Sub(sp) {
		b.add("S3", "%d bytes are committed, of %d; the frames hold %d; a page has %d", s.committed, s.span.Size(), s.span.Hi.Sub(sp), page)
	}
	if s.low != s.accessible().Lo || s.max != s.span.Size() {
		b.add("S3", "Push counts on memory from %v on, and on %d bytes; %v is accessible, of %d bytes", s.low, s.max, s.accessible(), s.span.Size())
	}
	return b.err()
}
