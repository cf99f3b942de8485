package report

import "strings"

// gridColumn is a column of a table without borders: a cell for each row.
type gridColumn struct {
	head  string
	right bool // the cells stand at its right
	cells []line
}

// columnOf has n cells.
func columnOf(head string, right bool, n int, cell func(i int) line) gridColumn {
	c := gridColumn{head: head, right: right}
	for i := range n {
		c.cells = append(c.cells, cell(i))
	}
	return c
}

// wide is how many cells of a terminal the column takes.
func (c *gridColumn) wide() int {
	n := width(c.head)
	for _, cell := range c.cells {
		n = max(n, cell.cells())
	}
	return n
}

// The space between columns, where there is room and where there is little.
const (
	columnGap = 2
	narrowGap = 1
)

// gridWidth is how many cells of a terminal a grid takes with that space between its
// columns.
func gridWidth(columns []gridColumn, gap int) int {
	n := gap * (len(columns) - 1)
	for i := range columns {
		n += columns[i].wide()
	}
	return n
}

// grid adds a table without borders; where the page is too narrow for it, with less
// space between the columns.
func (p *page) grid(columns []gridColumn) {
	gap := columnGap
	if gridWidth(columns, columnGap) > p.width-2 {
		gap = narrowGap
	}
	widths := make([]int, len(columns))
	for k := range columns {
		widths[k] = columns[k].wide()
	}
	row := func(cell func(gridColumn) line) {
		l := text(" ")
		for k, c := range columns {
			if k > 0 {
				l = join(l, text(strings.Repeat(" ", gap)))
			}
			got := cell(c)
			if c.right {
				got = join(text(strings.Repeat(" ", widths[k]-got.cells())), got)
			}
			l = join(l, got.padded(widths[k]))
		}
		p.add(l)
	}
	row(func(c gridColumn) line { return styled(c.head, strong) })
	for i := range columns[0].cells {
		row(func(c gridColumn) line { return c.cells[i] })
	}
}
