package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// Figures are the kernel's for whole mappings: so a row is a mapping, or all of a
// library's.

// residentRows are the rows for s, from high to low address.
func residentRows(s *layout.Space, all bool) []mapRow {
	parts := make([][]int, len(s.Mappings))
	for i, p := range s.Parts {
		parts[p.Mapping] = append(parts[p.Mapping], i)
	}
	found := foundParts(s)
	var rows []mapRow
	libraries := map[string]int{}
	for i := len(s.Mappings) - 1; i >= 0; i-- {
		row := mappingRow(s, i, parts[i])
		for _, p := range parts[i] {
			row.found = row.found || found[p]
		}
		at, seen := libraries[row.object]
		switch {
		case row.object == "" || all:
		case seen:
			above := &rows[at]
			above.Lo = row.Lo
			above.size += row.size
			above.figures = sum(*above.figures, *row.figures)
			above.found = above.found || row.found
			above.parts++
			above.text = "library " + escape(row.object)
			if above.perms != row.perms {
				above.perms = "mix"
			}
			continue
		default:
			libraries[row.object] = len(rows)
		}
		rows = append(rows, row)
	}
	return rows
}

// mappingRow is the row of a mapping that has these parts.
func mappingRow(s *layout.Space, i int, parts []int) mapRow {
	m, figures := s.Mappings[i], s.Figures[i]
	row := mapRow{Range: m.Range, size: m.Size(), parts: 1, perms: m.Perms.String()[:3], text: escape(m.Name), figures: &figures}
	var labels []string
	for _, p := range parts {
		part := s.Parts[p]
		row.kind, row.segment = part.Kind, part.Segment()
		if part.Library {
			row.object, row.segment = part.Object, layout.SegmentNotDrawn
		}
		labels = append(labels, escape(part.Label))
	}
	switch len(parts) {
	case 0:
	case 1:
		row.text = partText(s, s.Parts[parts[0]])
	default:
		row.text = strings.Join(labels, ", ")
		if row.object != "" {
			row.text += " of " + escape(row.object)
		}
	}
	return row
}

// sum adds up what is shown of figures.
func sum(a, b layout.Figures) *layout.Figures {
	a.RSS += b.RSS
	a.PSS += b.PSS
	a.PrivateDirty += b.PrivateDirty
	a.Swap += b.Swap
	a.AnonHuge += b.Huge()
	return &a
}

// besideFigures is the width from which on what a row is has room beside its figures.
const besideFigures = 116

// residentList is a line for each row, with its figures.
func (p *page) residentList(s *layout.Space, v MapsView) {
	rows := residentRows(s, v.All)
	if v.Order != nil {
		slices.SortStableFunc(rows, v.Order.rows)
	}
	p.blank()
	head := "           from     size      RSS      PSS    dirty     swap     huge"
	if p.width >= besideFigures {
		head += "  may  what it is"
	}
	p.add(styled(head, faint))
	total := mapRow{figures: &layout.Figures{}}
	for _, r := range rows {
		total.size += r.size
		total.figures = sum(*total.figures, *r.figures)
		numbers := figuresLine(fmt.Sprintf("%14v", r.Lo), r)
		may := join(styled("  "+r.perms, faint), styled(r.mark(), altered))
		if p.width >= besideFigures {
			p.listed(join(numbers, may), r.words())
			continue
		}
		p.add(numbers)
		p.listed(join(text(strings.Repeat(" ", 8)), may), r.words())
	}
	p.add(figuresLine(fmt.Sprintf("%14s", "together"), total))
	p.blank()
	p.prose(1, p.column(1), "RSS: bytes in memory now. PSS: the same, pages that several processes map split among them. "+
		"dirty: written, and this process's alone. swap: swapped out. huge: in huge pages.", faint)
	if v.Took > 0 {
		p.prose(1, p.column(1), fmt.Sprintf("Looking took %v in all. For these figures the kernel looks at each page, and the process waits meanwhile where it wants to change its mappings.",
			v.Took.Round(100*time.Microsecond)), faint)
	}
}

// figuresLine is a row's name and figures. A figure of 0 is a dash, to see the others.
// The room that a long name takes is the next column's.
func figuresLine(name string, r mapRow) line {
	cell := func(n addr.Bytes) string {
		if n == 0 {
			return fmt.Sprintf(" %8s", "-")
		}
		return fmt.Sprintf(" %8s", short(n))
	}
	f := r.figures
	return join(
		styled(" "+name, faint), text(fmt.Sprintf(" %*s", max(0, 8-(len(name)-14)), short(r.size))),
		text(cell(f.RSS)+cell(f.PSS)+cell(f.PrivateDirty)+cell(f.Swap)+cell(f.Huge())),
	)
}
