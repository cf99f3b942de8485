package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// mapsList is a line for each row in the view's order, without the picture.
func (p *page) mapsList(s *layout.Space, v MapsView) {
	rows := slices.DeleteFunc(mapRows(s, v.All), func(r mapRow) bool { return r.kind == "" })
	slices.SortStableFunc(rows, v.Order.rows)
	p.blank()
	p.add(styled("           from      size  may  segment      what it is", faint))
	for _, r := range rows {
		segment := "-"
		if r.segment != layout.SegmentNotDrawn {
			segment = string(r.segment)
		}
		head := join(
			styled(fmt.Sprintf(" %14v", r.Lo), faint), text("  "), text(fmt.Sprintf("%8s", size(r.size))), text("  "),
			styled(r.perms, faint), styled(r.mark(), altered), text(fmt.Sprintf("%-11s", segment)), text("  "),
		)
		p.listed(head, r.words())
	}
}

// listed adds what is told of a row behind its columns, in as many lines as it takes.
func (p *page) listed(head line, words string) {
	indent := head.cells()
	for i, more := range wrapHard(words, max(p.width-indent-1, 16)) {
		if i > 0 {
			head = text(strings.Repeat(" ", indent))
		}
		p.add(join(head, text(more)))
	}
}

// text is the kernel's own.
func (m mapsModel) text() []byte { return m.raw }

// mappings are the model's mappings in its order.
func (m mapsModel) mappings() []layout.Mapping {
	if m.order == nil {
		return m.Mappings
	}
	list := slices.Clone(m.Mappings)
	slices.SortStableFunc(list, m.order.maps)
	return list
}

// records are a row for each part.
func (m mapsModel) records() [][]string {
	rows := [][]string{{
		"start", "end", "size", "perms", "offset", "dev", "inode", "name", "segment", "kind", "label", "library",
		"mapping_start", "mapping_end",
	}}
	if m.Figures != nil {
		rows[0] = append(rows[0], "mapping_rss", "mapping_pss", "mapping_private_dirty", "mapping_swap", "mapping_huge")
	}
	parts := m.Parts
	if m.order != nil {
		parts = slices.Clone(parts)
		slices.SortStableFunc(parts, func(a, b layout.Part) int { return m.order.rows(m.row(a), m.row(b)) })
	}
	for _, part := range parts {
		from := m.Mappings[part.Mapping]
		row := []string{
			part.Lo.String(), part.Hi.String(), count(part.Size()), from.Perms.String(),
			addr.Addr(from.Offset).Offset(part.Lo.Sub(from.Lo)).String(), from.Dev.String(), strconv.FormatUint(from.Inode, 10), escape(from.Name),
			string(part.Segment()), string(part.Kind), escape(part.Label), strconv.FormatBool(part.Library),
			from.Lo.String(), from.Hi.String(),
		}
		if m.Figures != nil {
			f := m.Figures[part.Mapping]
			row = append(row, count(f.RSS), count(f.PSS), count(f.PrivateDirty), count(f.Swap), count(f.Huge()))
		}
		rows = append(rows, row)
	}
	return rows
}

// row is p's row, with the figures of its mapping.
func (m mapsModel) row(p layout.Part) mapRow {
	r := rowOf(m.Space, p)
	if m.Figures != nil {
		r.figures = &m.Figures[p.Mapping]
	}
	return r
}
