package report

import (
	"fmt"
	"slices"
	"strings"

	"memprobe/probe"
)

// columns draws rows of cells under heads. Cells beyond them stand behind a row, or
// below it where the page has no room.
func (p *page) columns(heads []string, rows [][]line) {
	widths := make([]int, len(heads))
	table := make([][]line, 0, len(rows)+1)
	table = append(table, nil)
	for _, h := range heads {
		table[0] = append(table[0], styled(h, faint))
	}
	table = append(table, rows...)
	for _, row := range table {
		for i := range heads {
			widths[i] = max(widths[i], row[i].cells())
		}
	}
	for _, row := range table {
		l := text("   ")
		for i, cell := range row[:len(heads)] {
			l = join(l, cell.padded(widths[i]), text("  "))
		}
		for _, extra := range row[len(heads):] {
			if l.cells()+extra.cells() > p.width {
				p.add(l)
				l = text("     ")
			}
			l = join(l, extra, text("  "))
		}
		p.add(l)
	}
}

// figures draws the figures of a step that its picture does not show: what, value, and
// who says so.
func (p *page) figures(facts []probe.Fact) {
	if len(facts) == 0 {
		return
	}
	p.blank()
	p.add(text(" Figures:"))
	what, value, from := 0, 0, 0
	for _, f := range facts {
		what = max(what, width(escape(f.What)))
		value, from = max(value, width(escape(f.Value))), max(from, width(escape(f.From)))
	}
	n := min(p.width, legible) - 1
	value = min(value, n/3)
	room := n - 3 - 2 - value - 2 // for what and from, of which each may have half and more
	from = min(from, max(room/2, room-what))
	what = min(what, room-from)
	for _, f := range facts {
		cells := [][]string{wrapHard(escape(f.What), what), wrapHard(escape(f.Value), value), wrapHard(escape(f.From), from)}
		height := slices.Max([]int{len(cells[0]), len(cells[1]), len(cells[2])})
		for i := range height {
			at := func(column int) string {
				if i < len(cells[column]) {
					return cells[column][i]
				}
				return ""
			}
			p.add(join(text("   "), text(at(0)).padded(what), text("  "), styled(at(1), strong).padded(value), text("  "), styled(at(2), faint)))
		}
	}
}

// stopped draws what a checked heap says of the program, in a frame of its own.
func (p *page) stopped(s *probe.Stopped) {
	if s == nil {
		return
	}
	g := p.glyphs.lines
	cells := min(p.width, legible) - 2
	inside := cells - 4
	var lines []line
	row := func(l line) {
		lines = append(lines, join(text(g[up|down]+" "), l.padded(inside), text(" "+g[up|down])))
	}
	where := "at its end"
	if s.Line > 0 {
		where = fmt.Sprintf("at line %d", s.Line)
	}
	for _, l := range wrapHard("The same program on a checked heap is stopped "+where+": "+escape(s.Class), inside) {
		row(styled(l, altered))
	}
	for _, l := range s.Report {
		for _, r := range reportLine(l.Label, l.Text, inside) {
			row(r)
		}
	}
	p.blank()
	p.add(indented([]line{border(g[left|right], cells, g[down|right], nil, nil, g[down|left])})...)
	p.add(indented(lines)...)
	p.add(indented([]line{border(g[left|right], cells, g[up|right], nil, nil, g[up|left])})...)
}

// reportLine is a line of a report in rows of n cells, its label in a column of its own.
func reportLine(label, words string, n int) []line {
	var rows []line
	column := fmt.Sprintf("  %-10s  ", escape(label))
	for _, l := range wrapHard(escape(words), n-width(column)) {
		rows = append(rows, join(text(column), text(l)))
		column = strings.Repeat(" ", width(column))
	}
	return rows
}
