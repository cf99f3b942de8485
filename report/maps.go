package report

import (
	"fmt"
	"strings"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// Maps is an address space beside the textbook's picture, high addresses on top.
// Neighbours of one kind share a row, and so do the parts of a library, unless
// all is set.
func Maps(space *layout.Space, all bool) Document {
	return Document{space, func(p *page) {
		p.mapsHead(space)
		d := &mapsDrawing{page: p, rows: mapRows(space, all)}
		d.draw()
		p.leftOut(space, all)
	}}
}

func (p *page) mapsHead(s *layout.Space) {
	about := fmt.Sprintf("%s, pid %d: %s", escape(s.Comm), s.PID, plural(len(s.Mappings), "mapping"))
	about += ", " + size(s.Reserved) + " reserved"
	if s.ResidentKnown {
		about += ", " + size(s.Resident) + " resident"
	}
	p.add(text(" " + about))
	if s.Changed {
		p.prose(1, p.width-2, "The mappings changed each time they were read: this may never have been so at one moment.", altered)
	}
	for _, note := range s.Notes {
		p.prose(1, p.width-2, escape(note), faint)
	}
	p.blank()
	p.add(join(styled(" TEXTBOOK", strong).padded(1+bookWidth+2), styled("HERE  ", strong), styled("from         size  may  what it is", faint)))
}

// mapRow is a row of the live side: a part, several of one kind, or a gap.
type mapRow struct {
	addr.Range             // from the lowest to the highest part
	size       addr.Bytes  // of the parts alone
	parts      int         // how many
	kind       layout.Kind // empty for a gap
	object     string      // a library that the row is about
	segment    layout.Segment
	perms      string // of the mappings; "mix" where they differ
	text       string
}

func gapRow(r addr.Range, words string) mapRow {
	return mapRow{Range: r, size: r.Size(), text: words}
}

// mapRows are the rows for s, from high to low address.
func mapRows(s *layout.Space, all bool) []mapRow {
	var rows []mapRow
	gaps := s.Gaps
	for i := len(s.Parts) - 1; i >= 0; i-- {
		part := s.Parts[i]
		if user := s.User(); user.Contains(part.Lo) && i+1 < len(s.Parts) && !user.Contains(s.Parts[i+1].Lo) {
			rows = append(rows, gapRow(addr.Range{Lo: user.Hi, Hi: s.Parts[i+1].Lo}, "not for programs"))
		}
		for len(gaps) > 0 && gaps[len(gaps)-1].Lo >= part.Hi && part.Hi != 0 {
			gap := gaps[len(gaps)-1]
			gaps = gaps[:len(gaps)-1]
			rows = append(rows, gapRow(gap.Range, "unmapped"))
		}
		if part.Kind == layout.KindELF && !all {
			continue
		}
		row := mapRow{
			Range: part.Range, size: part.Size(), parts: 1, kind: part.Kind, segment: part.Segment(),
			perms: s.Mappings[part.Mapping].Perms.String()[:3],
		}
		if part.Library {
			row.object, row.segment = part.Object, layout.SegmentNotDrawn
		}
		row.text = partText(s, part)
		if !all {
			rows = fold(rows, row)
		} else {
			rows = append(rows, row)
		}
	}
	for i := len(gaps) - 1; i >= 0; i-- {
		rows = append(rows, gapRow(gaps[i].Range, "unmapped"))
	}
	return rows
}

// fold adds a row, or makes it part of the one above where both are of one
// library, or of one kind. A gap between two such rows is left out.
func fold(rows []mapRow, row mapRow) []mapRow {
	last := len(rows) - 1
	if last >= 1 && rows[last].kind == "" && rows[last-1].joins(row) {
		rows, last = rows[:last], last-1
	}
	if last < 0 || !rows[last].joins(row) {
		return append(rows, row)
	}
	above := &rows[last]
	above.Lo = row.Lo
	above.size += row.size
	above.parts++
	if above.perms != row.perms {
		above.perms = "mix"
	}
	switch {
	case above.object != "":
		above.text = "library " + escape(above.object)
	case above.segment == layout.SegmentNotDrawn:
		above.text = above.kind.Info().Text
	}
	return rows
}

// joins is true for rows that are told of as one.
func (r mapRow) joins(below mapRow) bool {
	if r.object != "" || below.object != "" {
		return r.object == below.object
	}
	if r.segment != layout.SegmentNotDrawn && r.perms != below.perms {
		return false
	}
	return r.kind == below.kind && r.kind != layout.KindOwnGuard && r.kind != layout.KindAnonymous && r.kind != layout.KindFile
}

// partText says what a part is.
func partText(s *layout.Space, p layout.Part) string {
	about := p.Kind.Info().Text
	switch {
	case p.Library:
		return fmt.Sprintf("%s: %s of %s", escape(p.Label), about, escape(p.Object))
	case p.Kind == layout.KindOwnHeap:
		return about + inUse(s, layout.KindOwnHeap, layout.KindOwnHeapReserve)
	case p.Kind == layout.KindOwnStack:
		return about + inUse(s, layout.KindOwnStack, layout.KindOwnStackReserve)
	case p.Kind == layout.KindFile:
		return escape(p.Object)
	case p.Kind.Info().Named:
		return escape(p.Label) + ": " + about
	}
	return about
}

// inUse says how much of what is set aside for a kind is accessible.
func inUse(s *layout.Space, used, reserve layout.Kind) string {
	var have, all addr.Bytes
	for _, p := range s.Parts {
		switch p.Kind {
		case used:
			have += p.Size()
			all += p.Size()
		case reserve:
			all += p.Size()
		}
	}
	return fmt.Sprintf(", %s accessible of %s", size(have), size(all))
}

// mapsDrawing draws the textbook's picture beside the live rows.
type mapsDrawing struct {
	*page
	rows []mapRow
}

// draw draws band after band: rows that play one segment, with what lies between
// them.
func (d *mapsDrawing) draw() {
	d.bookTop()
	band := layout.Segment("")
	for _, r := range d.rows {
		if r.kind != "" && r.segment != layout.SegmentNotDrawn && r.segment != band {
			if band != "" {
				d.bookRule()
			}
			band = r.segment
			d.drawRow(r, d.bandTitle(band))
			continue
		}
		d.drawRow(r, d.bookText(r))
	}
	d.bookBottom()
}

// bookText is what the textbook's side says beside a row that begins no band.
func (d *mapsDrawing) bookText(r mapRow) line {
	if r.kind == "" {
		return nil
	}
	return styled(bookTitle(r.segment), faint)
}

// drawRow draws one row, its text in as many lines as it needs.
func (d *mapsDrawing) drawRow(r mapRow, book line) {
	const indent = 14 + 2 + 8 + 2 + 3 + 2
	textWidth := d.width - 1 - bookWidth - 2 - indent - 1
	if r.kind == "" {
		dots := strings.Repeat(d.glyphs.sep, 3)
		d.bookLine(book, styled(strings.Repeat(" ", 16)+dots+" "+size(r.size)+" "+r.text+" "+dots, faint))
		return
	}
	words := r.text
	if r.parts > 1 {
		words += fmt.Sprintf(" (%d parts)", r.parts)
	}
	live := join(
		styled(fmt.Sprintf("%-14v", r.Lo), faint), text("  "),
		text(fmt.Sprintf("%8s", size(r.size))), text("  "),
		styled(r.perms, faint), text("  "),
	)
	longer := len(r.Lo.String()) - 14 // [vsyscall]'s address is
	wrapped := wrapHard(words, max(textWidth-max(0, longer), 16))
	st := plain
	if r.segment == layout.SegmentNotDrawn {
		st = faint
	}
	d.bookLine(book, join(live, styled(wrapped[0], st)))
	for _, more := range wrapped[1:] {
		d.bookLine(nil, join(text(strings.Repeat(" ", indent)), styled(more, st)))
	}
}

// wrapHard wraps between words and, where a word is longer than a line, inside it.
func wrapHard(s string, n int) []string {
	var lines []string
	for _, l := range wrap(s, n) {
		lines = append(lines, broken(l, n)...)
	}
	if len(lines) == 0 {
		return []string{""}
	}
	return lines
}

// leftOut tells in a line each what the textbook does not draw.
func (p *page) leftOut(s *layout.Space, all bool) {
	type total struct {
		parts int
		size  addr.Bytes
	}
	totals := map[layout.Kind]*total{}
	for _, part := range s.Parts {
		kind := part.Kind
		if part.Library {
			kind = "library"
		} else if part.Segment() != layout.SegmentNotDrawn {
			continue
		}
		if totals[kind] == nil {
			totals[kind] = &total{}
		}
		totals[kind].parts++
		totals[kind].size += part.Size()
	}
	kinds := append([]layout.KindInfo{{Kind: "library", Text: "code and data of the libraries"}}, layout.Kinds...)
	p.blank()
	p.add(text(" r: may be read, w: written, x: run as code; mix: not all parts alike"))
	p.blank()
	p.add(styled(" What the textbook leaves out:", strong))
	for _, info := range kinds {
		if t := totals[info.Kind]; t != nil {
			words := wrap(info.Text, p.width-26)
			p.add(text(fmt.Sprintf("   %8s in %-9s  %s", size(t.size), plural(t.parts, "part"), words[0])))
			for _, more := range words[1:] {
				p.add(text(strings.Repeat(" ", 25) + more))
			}
		}
	}
	if !all {
		p.add(styled(" With --all every part has a row of its own.", faint))
	}
}
