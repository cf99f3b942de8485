package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"memprobe/layout/addr"
	"memprobe/probe"
)

// drawHeap draws the blocks of a step, the highest address on top, width cells
// wide. Where arrows lead to blocks, each block goes down as far as its arrow, so
// that the arrow is straight if it can be.
func (p *page) drawHeap(c changes, width int, arrows []arrow) drawing {
	d := drawing{rows: map[addr.Addr]int{}}
	looked := lookedAt(p, c.step)
	for _, b := range slices.Backward(c.step.Heap.Blocks) {
		if b.State == probe.BlockFree {
			d.lines = append(d.lines, p.drawFree(b, c, width, looked[b.Addr])...)
			continue
		}
		if i := slices.IndexFunc(arrows, func(a arrow) bool { return a.to == b.Addr }); i >= 0 {
			for len(d.lines)+arrowRow < arrows[i].row {
				d.lines = append(d.lines, nil)
			}
		}
		d.rows[b.Addr] = len(d.lines) + arrowRow
		d.lines = append(d.lines, p.drawBlock(b, c, width, looked[b.Addr])...)
	}
	return d
}

// arrowRow is the row of a block's drawing, from 0, at which arrows end: the one
// below its border.
const arrowRow = 1

// drawBlock draws one used block.
func (p *page) drawBlock(b probe.Block, c changes, width int, looked []string) []line {
	g := p.glyphs
	inside := width - 4
	wall := g.lines[up|down]
	m, old := c.block(b)
	title := join(text(" block "), styled(p.addr(b.Addr), pointer), text(" "))
	lines := []line{border(g.lines[left|right], width, g.lines[down|right], title, nil, g.lines[down|left])}
	row := func(l line) { lines = append(lines, join(text(wall+" "), l.padded(inside), text(" "+wall))) }
	words := func(s string, st style) {
		for _, l := range wrapHard(s, inside) {
			row(styled(l, st))
		}
	}

	about := fmt.Sprintf("%s of %s", bytesOf(b.Requested), humanize.Comma(int64(b.Size)))
	if b.Owner != "" {
		about += ", owner " + escape(b.Owner)
	} else {
		about += ", no owner"
	}
	if what := styled(m.word, m.style); text(about).cells()+what.cells() < inside {
		row(apart(inside, text(about), what)[0])
	} else {
		words(about, plain)
		row(join(text("").padded(inside-what.cells()), what))
	}
	if before := was(p, m, old); before != "" {
		words(before, m.style)
	}
	for _, l := range looked {
		words(l, faint)
	}
	p.payload(b, c.bytesBefore(b), m, inside, row)
	if len(b.Touched) > 0 {
		p.touched(b, inside, row)
	}
	return append(lines, border(g.lines[left|right], width, g.lines[up|right], nil, nil, g.lines[up|left]))
}

// payload draws the bytes of a block, in rows of so many cells, as digits and as text.
func (p *page) payload(b probe.Block, old []byte, m mark, inside int, row func(line)) {
	perRow := 8
	if inside >= 16*4+2 {
		perRow = 16
	}
	words := isText(b.Bytes)
	for _, r := range byteRows(b.Bytes, old, perRow) {
		if r.hidden != "" {
			row(styled(r.hidden, faint))
			continue
		}
		part := b.Bytes[r.lo:r.hi]
		l := hexLine(part, r.old, m)
		if words {
			l = join(l.padded(3*perRow+1), styled(chars(part), strong))
		}
		row(l)
	}
}

// touched draws a sign for each page of a block: whether the kernel has memory for it.
func (p *page) touched(b probe.Block, inside int, row func(line)) {
	in := 0
	signs := make([]string, len(b.Touched))
	for i, t := range b.Touched {
		signs[i] = p.glyphs.noPage
		if t {
			signs[i] = p.glyphs.page
			in++
		}
	}
	words := fmt.Sprintf("pages in memory, %d of %d: %s", in, len(signs), strings.Join(signs, " "))
	for _, l := range wrap(words, inside) {
		row(text(l))
	}
}

// drawFree draws a free block: a line, with no box, for nobody's bytes.
func (p *page) drawFree(b probe.Block, c changes, width int, looked []string) []line {
	was := c.freed(addr.Span(b.Addr, b.Size))
	var end line
	if len(was) > 0 {
		end = styled(" freed ", gone)
	}
	title := join(text(" free "), styled(p.addr(b.Addr)+", "+freeSize(b.Size)+" ", faint))
	if title.cells()+end.cells()+2 > width {
		title = join(text(" free "), styled(p.addr(b.Addr)+", "+size(b.Size)+" ", faint))
	}
	lines := []line{border(p.glyphs.dash, width, p.glyphs.dash, title, end, p.glyphs.dash)}
	words := func(s string, st style) {
		for _, l := range wrapHard(s, width-2) {
			lines = append(lines, join(text("  "), styled(l, st)))
		}
	}
	for i, old := range was {
		if i == freedShown && len(was) > freedShown+1 {
			words("was "+plural(len(was)-i, "other block")+" too", gone)
			break
		}
		words("was "+blockWords(p, old), gone)
	}
	for _, l := range looked {
		words(l, faint)
	}
	return lines
}

// freeSize is the size of a free block: exactly, but where it is most of a large heap.
func freeSize(n addr.Bytes) string {
	if n < 1<<20 {
		return bytesOf(n)
	}
	return size(n)
}

// freedShown is how many of the blocks that became one free block are named.
const freedShown = 4

// lookedAt says of blocks, by address, what first fit found of them in a step, where it
// looked at more than the one that it took.
func lookedAt(p *page, s *probe.Step) map[addr.Addr][]string {
	words := map[addr.Addr][]string{}
	for _, e := range s.Events {
		if !searched(e) {
			continue
		}
		for i, c := range e.LookedAt {
			said := fmt.Sprintf("looked at (%d): %s", i+1, candidateWords(e, c))
			if !slices.Contains(words[c.Addr], said) {
				words[c.Addr] = append(words[c.Addr], said)
			}
		}
	}
	return words
}

// candidateWords says why a search ended at a free block, or passed it.
func candidateWords(e probe.Event, c probe.Candidate) string {
	switch {
	case !c.Fits:
		return "too small by " + bytesOf(e.Size-min(c.Size, e.Size))
	case e.Kind == probe.EventSearch:
		return "fits"
	}
	return "fits, taken"
}
