package report

import (
	"fmt"
	"slices"

	"memprobe/layout/addr"
	"memprobe/probe"
)

// shownRows is how many rows of bytes of a block are drawn.
const shownRows = 16

// drawHeap draws the blocks of a step, the highest address on top, width cells
// wide. Where arrows lead to blocks, each block goes down as far as its arrow, so
// that the arrow is straight if it can be.
func (p *page) drawHeap(s *probe.Step, c changes, width int, arrows []arrow) drawing {
	d := drawing{rows: map[addr.Addr]int{}}
	for _, b := range slices.Backward(s.Heap.Blocks) {
		if b.State == probe.BlockFree {
			d.lines = append(d.lines, styled(fmt.Sprintf("free: %s from %v", size(b.Size), b.Addr), faint))
			continue
		}
		if i := slices.IndexFunc(arrows, func(a arrow) bool { return a.to == b.Addr }); i >= 0 {
			for len(d.lines)+arrowRow < arrows[i].row {
				d.lines = append(d.lines, nil)
			}
		}
		d.rows[b.Addr] = len(d.lines) + arrowRow
		d.lines = append(d.lines, p.drawBlock(b, c, width)...)
	}
	return d
}

// arrowRow is the row of a block's drawing, from 0, at which arrows end: its
// first bytes.
const arrowRow = 2

// drawBlock draws one used block.
func (p *page) drawBlock(b probe.Block, c changes, width int) []line {
	g := p.glyphs
	inside := width - 4
	row := func(l line) line {
		return join(text(g.lines[up|down]+" "), l.padded(inside), text(" "+g.lines[up|down]))
	}
	m := c.block(b)
	title := join(text(" block "), styled(b.Addr.String(), pointer), text(" "))
	lines := []line{border(g, width, g.lines[down|right], title, nil, g.lines[down|left])}

	about := fmt.Sprintf("%s of %d", bytesOf(b.Requested), uint64(b.Size))
	if b.Owner != "" {
		about += ", owner " + escape(b.Owner)
	} else {
		about += ", no owner"
	}
	for _, l := range apart(inside, text(about), styled(m.word, m.style)) {
		lines = append(lines, row(l))
	}
	perRow := 8
	if inside >= 16*4+2 {
		perRow = 16
	}
	old := c.blocks[b.Addr].Bytes
	shown := b.Bytes[:min(len(b.Bytes), shownRows*perRow)]
	for i := 0; i == 0 || i < len(shown); i += perRow {
		end := min(i+perRow, len(shown))
		var before []byte
		if len(old) == len(b.Bytes) {
			before = old[i:end]
		}
		lines = append(lines, row(join(hexLine(shown[i:end], before, m).padded(3*perRow+1), styled(chars(shown[i:end]), strong))))
	}
	if more := len(b.Bytes) - len(shown); more > 0 {
		lines = append(lines, row(styled("and "+plural(more, "byte")+" more", faint)))
	}
	return append(lines, border(g, width, g.lines[up|right], nil, nil, g.lines[up|left]))
}
