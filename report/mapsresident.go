package report

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// Figures are the kernel's for whole mappings: so a row is a mapping, or all of a
// library's.

// mappingRows are the rows for s, from high to low address, one for each mapping. A row
// does not outlive its turn.
func mappingRows(s *layout.Space) iter.Seq[*mapRow] {
	return func(yield func(*mapRow) bool) {
		found := foundParts(s)
		var row mapRow
		end := len(s.Parts)
		for i := len(s.Mappings) - 1; i >= 0; i-- {
			start := end
			for start > 0 && s.Parts[start-1].Mapping == i {
				start--
			}
			row = mappingRow(s, i, s.Parts[start:end])
			for p := start; p < end && len(found) > 0; p++ {
				row.found = row.found || found[p]
			}
			end = start
			if !yield(&row) {
				return
			}
		}
	}
}

// residentRows are the rows for s, in the order of their highest mappings. Those of a
// library are one unless all are wanted.
func residentRows(s *layout.Space, all bool) []mapRow {
	rows := make([]mapRow, 0, len(s.Mappings))
	libraries := map[string]int{}
	for row := range mappingRows(s) {
		if row.object == "" || all {
			rows = append(rows, *row)
			continue
		}
		at, seen := libraries[row.object]
		if !seen {
			libraries[row.object] = len(rows)
			rows = append(rows, *row)
			continue
		}
		above := &rows[at]
		above.Lo = row.Lo
		above.size += row.size
		both := *above.figures
		both.Add(row.figures)
		above.figures = &both
		above.found = above.found || row.found
		above.parts++
		above.text = "library " + brief(row.object)
		if above.perms != row.perms {
			above.perms = "mix"
		}
	}
	return rows
}

// mappingRow is the row of a mapping that has these parts.
func mappingRow(s *layout.Space, i int, parts []layout.Part) mapRow {
	m := &s.Mappings[i]
	row := mapRow{Range: m.Range, size: m.Size(), parts: 1, mappings: true, perms: m.Perms.String()[:3], figures: &s.Figures[i]}
	for i := range parts {
		part := &parts[i]
		row.kind = part.Kind
		segment := part.Segment()
		if part.Library {
			row.object, segment = part.Object, layout.SegmentNotDrawn
		}
		switch {
		case row.segment == "" || row.segment == layout.SegmentNotDrawn:
			row.segment = segment
		case segment != row.segment && segment != layout.SegmentNotDrawn:
			row.segment = ofSeveral
		}
	}
	switch len(parts) {
	case 0:
		row.text = brief(m.Name)
	case 1:
		row.text = partText(s, parts[0])
		if !parts[0].Library && parts[0].Kind == layout.KindFile {
			row.file = parts[0].Object
		}
		if !parts[0].Library && len(parts[0].Sections) > 0 {
			row.text = brief(baseName(parts[0].Object)) + " " + row.text
		}
	default:
		row.text = severalWords(s, parts)
	}
	if row.kind != layout.KindProcessStack && s.Figures[i].HasFlag("gd") {
		row.text += ", grows down by itself"
	}
	return row
}

// ofSeveral is the segment of a mapping whose parts play different ones.
const ofSeveral layout.Segment = "of several"

// sectionWords say what sections of a file are, without its name.
func sectionWords(p *layout.Part) string {
	if p.Kind == layout.KindELF {
		return elfWords(p)
	}
	return brief(p.Label) + ": " + p.Kind.Info().Text
}

// severalWords say what the parts of one mapping are, but for padding.
func severalWords(s *layout.Space, parts []layout.Part) string {
	var words []string
	file := ""
	for i := range parts {
		switch part := &parts[i]; {
		case padding(s, part):
		case len(part.Sections) > 0:
			file = brief(baseName(part.Object)) + " "
			words = append(words, sectionWords(part))
		default:
			words = append(words, partText(s, *part))
		}
	}
	if len(words) == 0 {
		return partText(s, parts[0])
	}
	return file + strings.Join(words, "; ")
}

// besideFigures is the width from which on what a row is has room beside its figures.
const besideFigures = 116

// residentList is a line for each row, with its figures.
func (p *page) residentList(s *layout.Space, v MapsView) {
	p.blank()
	head := "           from     size      RSS      PSS    dirty     swap     huge"
	if p.width >= besideFigures {
		head += "  may  what it is"
	}
	p.add(styled(head, faint))
	var sums residentSums
	row := func(r *mapRow) {
		sums.add(r)
		p.residentRow(r, v.All)
	}
	if v.All && v.Order == nil {
		for r := range mappingRows(s) {
			row(r)
		}
	} else {
		rows := residentRows(s, v.All)
		for _, i := range v.Order.of(rows) {
			row(&rows[i])
		}
	}
	p.residentSums(&sums)
	p.blank()
	p.prose(1, p.column(1), "RSS: bytes in memory now. PSS: the same, pages that several processes map split among them. "+
		"dirty: in this process alone, and no disk has it as it is: written by the process, or a page of a file that is not saved yet. swap: swapped out. huge: in huge pages. Below the sum, what each part of the textbook's picture has of it.", faint)
	if slices.ContainsFunc(s.Figures, func(f layout.Figures) bool { return f.Hugetlb() > 0 }) {
		p.prose(1, p.column(1), fmt.Sprintf("%s are in memory as huge pages of hugetlb, which the kernel does not count in RSS and PSS.", size(s.Sum().Hugetlb())), faint)
	}
	if v.Took > 0 {
		p.prose(1, p.column(1), fmt.Sprintf("Looking took %v in all. For these figures the kernel looks at each page, and the process waits meanwhile where it wants to change its mappings.",
			v.Took.Round(100*time.Microsecond)), faint)
	}
}

// residentSums are what rows have together, and those of each segment.
type residentSums struct {
	total mapRow
	of    []mapRow // by segment, in the order that they came in
	last  int      // index into of of the row before: often of the next as well
}

func (t *residentSums) add(r *mapRow) {
	t.total.sum(r)
	if len(t.of) == 0 || t.of[t.last].segment != r.segment {
		t.last = slices.IndexFunc(t.of, func(sum mapRow) bool { return sum.segment == r.segment })
		if t.last < 0 {
			t.last = len(t.of)
			t.of = append(t.of, mapRow{segment: r.segment})
		}
	}
	t.of[t.last].sum(r)
}

// sum adds a row's size and figures to those of r.
func (r *mapRow) sum(add *mapRow) {
	if r.figures == nil {
		r.figures = &layout.Figures{}
	}
	r.size += add.size
	r.figures.Add(add.figures)
}

// residentSums draws the sum of all, and those of the textbook's parts.
func (p *page) residentSums(t *residentSums) {
	p.putFigures("together", &t.total)
	p.end()
	if len(t.of) == 1 {
		return // that is all
	}
	put := func(segment layout.Segment, title string) {
		for i := range t.of {
			if t.of[i].segment == segment {
				p.putFigures(title, &t.of[i])
				p.end()
			}
		}
	}
	for _, drawn := range layout.Textbook {
		put(drawn.Segment, drawn.Title)
	}
	put(ofSeveral, string(ofSeveral))
	put(layout.SegmentNotDrawn, bookTitle(layout.SegmentNotDrawn))
}

// residentRow draws a row with its figures: what it is beside them or, where there is no
// room, in a line of its own.
func (p *page) residentRow(r *mapRow, all bool) {
	var digits [18]byte
	cells := p.putFigures(string(r.Lo.Append(digits[:0])), r)
	if p.width < besideFigures {
		p.end()
		p.put(blanks(8), plain)
		cells = 8
	}
	p.cell(2, r.perms, 0, faint)
	p.put(r.mark(), altered)
	p.putRow(cells+2+3+2, r, all)
}

// putFigures draws a row's name and figures, and gives the cells that they take. A
// figure of 0 is a dash, to see the others. The room that a long name takes is the next
// column's, and where that does not do, the margin's.
func (p *page) putFigures(name string, r *mapRow) (cells int) {
	figure := func(n addr.Bytes) {
		text := "-"
		if n > 0 {
			text = p.sizes.short(n)
		}
		p.cell(1+max(0, 8-len(text)), text, 0, plain)
	}
	total := p.sizes.short(r.size)
	used, blank := max(15, len(name)), 0
	p.cell(used-len(name), name, 0, faint)
	blank = max(1, 24-used-len(total))
	p.cell(blank, total, 0, plain)
	f := r.figures
	figure(f.RSS)
	figure(f.PSS)
	figure(f.PrivateDirty)
	figure(f.Swap)
	figure(f.Huge())
	return used + blank + len(total) + 5*9
}
