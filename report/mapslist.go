package report

import (
	"iter"
	"slices"
	"strconv"
	"strings"

	"memprobe/layout"
)

// mapsList is a line for each row in the view's order, without the picture.
func (p *page) mapsList(s *layout.Space, v MapsView) {
	rows := make([]mapRow, 0, len(s.Parts))
	for r := range mapRows(s, v) {
		if r.kind != "" {
			rows = append(rows, *r)
		}
	}
	p.blank()
	p.add(styled("           from      size  may  segment      what it is", faint))
	var digits [18]byte
	for _, i := range v.Order.of(rows) {
		r := &rows[i]
		segment := "-"
		if r.segment != layout.SegmentNotDrawn {
			segment = string(r.segment)
		}
		from, sized := string(r.Lo.Append(digits[:0])), p.sizes.short(r.size)
		p.cell(1+max(0, 14-len(from)), from, 0, faint)
		p.putRight(sized, sizeCells(from, sized), plain)
		p.put("  ", plain)
		p.put(r.perms, faint)
		p.put(r.mark(), altered)
		p.putLeft(segment, 11, plain)
		p.put("  ", plain)
		p.putRow(1+max(14, len(from))+sizeCells(from, sized)+2+3+2+max(11, len(segment))+2, r, v.All)
	}
}

// listed adds what is told of a row behind its columns, in as many lines as it takes.
func (p *page) listed(head line, words string) {
	p.putLine(head)
	indent := head.cells()
	p.putColumn(indent, wrapHard(words, p.beside(indent)))
}

// beside is how many cells there are for words behind columns of indent cells.
func (p *page) beside(indent int) int { return max(p.width-indent-1, 16) }

// putColumn adds lines behind the columns of a row, which are drawn already and take
// indent cells.
func (p *page) putColumn(indent int, lines []string) {
	for i, more := range lines {
		if i > 0 {
			p.put(blanks(indent), plain)
		}
		p.put(more, plain)
		p.end()
	}
}

// sizeCells are the cells of a size behind an address of 14: a longer address takes of
// them what they can spare.
func sizeCells(from, sized string) int { return max(10-max(0, len(from)-14), len(sized)+1) }

// putRow adds what r is behind its columns.
func (p *page) putRow(indent int, r *mapRow, all bool) {
	p.putColumn(indent, p.wordLines(r, p.beside(indent), all))
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
func (m mapsModel) records() iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		row := []string{
			"start", "end", "size", "perms", "offset", "dev", "inode", "name", "segment", "kind", "label", "library",
			"mapping_start", "mapping_end", "finding",
		}
		if m.Figures != nil {
			row = append(row, "mapping_rss", "mapping_pss", "mapping_private_dirty", "mapping_swap", "mapping_huge")
		}
		found := map[int]string{}
		for _, f := range m.Findings() {
			found[f.Part] = strings.TrimPrefix(found[f.Part]+"; "+string(f.Kind), "; ")
		}
		more := yield(row)
		for _, i := range m.inOrder() {
			if !more {
				return
			}
			row = append(m.appendRecord(row[:0], &m.Parts[i]), found[i])
			if m.Figures != nil {
				f := &m.Figures[m.Parts[i].Mapping]
				row = append(row, count(f.RSS), count(f.PSS), count(f.PrivateDirty), count(f.Swap), count(f.Huge()))
			}
			more = yield(row)
		}
	}
}

// appendRecord appends what part is, and of which mapping.
func (m mapsModel) appendRecord(row []string, part *layout.Part) []string {
	from, offset := &m.Mappings[part.Mapping], ""
	if at, ok := m.FileOffset(part, part.Lo); ok {
		offset = at.String()
	}
	return append(row,
		part.Lo.String(), part.Hi.String(), count(part.Size()), from.Perms.String(),
		offset, from.Dev.String(), strconv.FormatUint(from.Inode, 10), escape(from.Name),
		string(part.Segment()), string(part.Kind), escape(part.Label), strconv.FormatBool(part.Library),
		from.Lo.String(), from.Hi.String(),
	)
}

// inOrder is where the parts stand in the model's order.
func (m mapsModel) inOrder() []int {
	rows := make([]mapRow, len(m.Parts))
	for i := range rows {
		if m.order == nil {
			break // they stay where they are
		}
		rows[i] = m.row(&m.Parts[i])
	}
	return m.order.of(rows)
}

// row is p's row, with the figures of its mapping.
func (m mapsModel) row(p *layout.Part) mapRow {
	info := p.Kind.Info()
	r := rowOf(m.Space, p, &info)
	if m.Figures != nil {
		r.figures = &m.Figures[p.Mapping]
	}
	return r
}
