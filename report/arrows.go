package report

import (
	"slices"

	"memprobe/layout/addr"
)

// connect sets the stack's drawing and the heap's side by side, gutter cells
// apart, and draws the arrows between them.
func (p *page) connect(stack, heap drawing, stackWidth, gutter int) []line {
	height := max(len(stack.lines), len(heap.lines))
	grid := p.route(stack.arrows, heap.rows, height, gutter)
	at := func(lines []line, i int) line {
		if i < len(lines) {
			return lines[i]
		}
		return nil
	}
	out := make([]line, height)
	for i := range out {
		out[i] = join(at(stack.lines, i).padded(stackWidth), grid[i], at(heap.lines, i))
	}
	return out
}

// route draws the arrows into the gutter: each runs to a lane of its own, along
// it to the block's row, and on to the block. Downward arrows take lanes from the
// right, upward ones from the left, so that those of one direction cross only
// where their blocks stand in the other order.
func (p *page) route(arrows []arrow, rows map[addr.Addr]int, height, gutter int) []line {
	cells := make([][]direction, height)
	for i := range cells {
		cells[i] = make([]direction, gutter)
	}
	heads := map[int]bool{}
	lane, last := 1, gutter-3
	for _, a := range arrows {
		to := rows[a.to]
		heads[to] = true
		turn := gutter - 1
		switch {
		case to > a.row:
			turn, last = last, last-2
		case to < a.row:
			turn, lane = lane, lane+2
		}
		for x := range turn {
			cells[a.row][x] |= left | right
		}
		for y := min(a.row, to); y <= max(a.row, to) && to != a.row; y++ {
			if y > min(a.row, to) {
				cells[y][turn] |= up
			}
			if y < max(a.row, to) {
				cells[y][turn] |= down
			}
		}
		if to != a.row {
			cells[a.row][turn] |= left
			cells[to][turn] |= right
		}
		for x := turn + 1; x < gutter; x++ {
			cells[to][x] |= left | right
		}
	}
	lines := make([]line, height)
	for y, row := range cells {
		for x, c := range row {
			glyph := p.glyphs.lines[c]
			if x == gutter-1 && heads[y] {
				glyph = p.glyphs.head
			}
			lines[y] = append(lines[y], span{glyph, pointer})
		}
		lines[y] = slices.Clip(lines[y])
	}
	return lines
}
