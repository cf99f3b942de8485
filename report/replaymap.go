package report

import (
	"fmt"
	"strings"

	"memprobe/layout/addr"
	"memprobe/probe/replay"
)

// arenaRows is how many rows a drawing of the arena has at most.
const arenaRows = 20

// cells are the characters of a map of the arena.
type cells struct{ used, partly, free, largest string }

func (p *page) cells() cells {
	if p.opts.ASCII {
		return cells{"#", "+", ".", "o"}
	}
	return cells{"█", "▒", "·", "○"}
}

// arena draws the arena up to high water, a row a stretch.
func (p *page) arena(title string, a *replay.Arena) {
	largest, hasHole := a.Largest()
	p.prose(1, p.column(1), fmt.Sprintf("%s: %s and %s in %s up to high water", title, plural(a.Blocks, "block"),
		plural(len(a.Holes), "hole"), size(a.HighWater)), strong)
	if a.HighWater == 0 {
		return
	}
	label := len(offset(0, a.HighWater))
	perRow := (p.width - label - 3) / 16 * 16
	if perRow > 64 {
		perRow = perRow / 64 * 64 // so that rows begin at round offsets
	}
	unit := addr.Bytes(16)
	for unit*addr.Bytes(arenaRows*perRow) < a.HighWater {
		unit *= 2
	}
	c := p.cells()
	legend := fmt.Sprintf("A cell is %s: %s in use, %s in part, %s free", size(unit), c.used, c.partly, c.free)
	if hasHole {
		legend += fmt.Sprintf(", %s the largest hole, %s at %s", c.largest, size(largest.Size), offset(largest.Offset, a.HighWater))
	}
	p.prose(1, p.column(1), legend, plain)
	p.blank()
	all := drawCells(a, largest, unit, c)
	for i := 0; i < len(all); i += perRow {
		p.add(join(styled(" "+offset(addr.Bytes(i)*unit, a.HighWater)+" ", faint), text(strings.Join(all[i:min(i+perRow, len(all))], ""))))
	}
}

// drawCells is the arena in cells of unit bytes, the last one cut at high water.
func drawCells(a *replay.Arena, largest replay.Hole, unit addr.Bytes, c cells) []string {
	all := make([]string, (a.HighWater+unit-1)/unit)
	free := make([]addr.Bytes, len(all))
	for _, h := range a.Holes {
		for at := h.Offset; at < h.Offset+h.Size; {
			next := min((at/unit+1)*unit, h.Offset+h.Size)
			free[at/unit] += next - at
			at = next
		}
	}
	for i := range all {
		from := addr.Bytes(i) * unit
		bytes := min(unit, a.HighWater-from)
		switch {
		case free[i] == 0:
			all[i] = c.used
		case free[i] < bytes:
			all[i] = c.partly
		case largest.Offset <= from && from < largest.Offset+largest.Size:
			all[i] = c.largest
		default:
			all[i] = c.free
		}
	}
	if first := largest.Offset / unit; largest.Size > 0 && all[first] == c.partly {
		if after := int(first) + 1; after == len(all) || all[after] != c.largest {
			all[first] = c.largest // it covers no cell
		}
	}
	return all
}
