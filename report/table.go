package report

import (
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// column is a table's column: its heading, and whether it holds numbers, which
// stand at its right.
type column struct {
	head    string
	numbers bool
}

// table adds a table to the page, in its alphabet, a blank before each line.
// Cells are drawn as they are: what comes from outside is escaped by the caller.
func (p *page) table(columns []column, rows [][]string) {
	borders := tw.NewSymbols(tw.StyleRounded)
	if p.opts.ASCII {
		borders = tw.NewSymbols(tw.StyleASCII)
	}
	align := make(tw.Alignment, len(columns))
	heads := make([]string, len(columns))
	for i, c := range columns {
		heads[i], align[i] = c.head, tw.AlignLeft
		if c.numbers {
			align[i] = tw.AlignRight
		}
	}
	var b strings.Builder
	t := tablewriter.NewTable(&b,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{Symbols: borders})),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithEastAsian(false),
		tablewriter.WithAlignment(align),
		tablewriter.WithHeaderAlignment(tw.AlignLeft),
	)
	t.Header(heads)
	// A strings.Builder takes every write, and rows of strings every format.
	_ = t.Bulk(rows)
	_ = t.Render()
	for l := range strings.Lines(b.String()) {
		p.add(text(" " + strings.TrimRight(l, "\n")))
	}
}
