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

// MapsView says how an address space is shown.
type MapsView struct {
	Choice Choice
	Order  *Order // as a list; nil: beside the textbook's picture
	All    bool   // every part has a row of its own, else neighbours that belong together share one

	Resident bool          // the figures of each mapping, as a list
	Took     time.Duration // how long they took to read; 0: not told

	Changes *Changes // what became of it since another look; nil: not asked
	Own     bool     // it is memprobe's own
	Raw     []byte   // the kernel's own text; nil: made from the mappings
}

// mapsModel is an address space, or what was chosen of it.
type mapsModel struct {
	*layout.Space
	order *Order
	raw   []byte
}

// Maps is an address space beside the textbook's picture, high addresses on top, or
// as a list where the view has an order.
func Maps(whole *layout.Space, v MapsView) Document {
	space := v.Choice.of(whole)
	return Document{mapsModel{space, v.Order, v.Raw}, func(p *page) {
		p.mapsHead(whole, v.Own)
		p.chosen(whole, space, v.Choice)
		if v.Changes != nil {
			p.changed(v.Changes.of(v.Choice, whole), whole, 12)
		}
		switch {
		case len(space.Mappings) == 0:
			return
		case v.Resident && space.Figures != nil:
			p.residentList(space, v)
		case v.Order != nil:
			p.mapsList(space, v)
		default:
			p.mapsColumns()
			d := &mapsDrawing{page: p, all: v.All}
			d.draw(mapRows(space, v))
			p.leftOut(space, d.rows < len(space.Parts))
		}
		p.findings(space)
	}}
}

func (p *page) mapsHead(s *layout.Space, own bool) {
	about := spaceName(s)
	if own {
		about += " (memprobe itself)"
	}
	about += fmt.Sprintf(": %s, %s of addresses", plural(len(s.Mappings), "mapping"), size(s.Reserved))
	if s.ResidentKnown {
		about += ", " + size(s.Resident) + " of them in memory"
	}
	p.prose(1, p.width-2, about, plain)
	if s.Changed && !s.Text { // a saved list's notes say more
		p.prose(1, p.width-2, "The mappings changed each time they were read: this may never have been so at one moment.", altered)
	}
	for _, note := range s.Notes {
		p.prose(1, p.width-2, briefWithin(note), faint)
	}
}

// spaceName says whose address space s is.
func spaceName(s *layout.Space) string {
	if s.Text {
		return "a saved list"
	}
	return fmt.Sprintf("%s, pid %d", brief(s.Comm), s.PID)
}

// chosen says what was chosen of an address space, and where it is nothing why.
func (p *page) chosen(whole, chosen *layout.Space, c Choice) {
	if c.all() {
		return
	}
	p.add(text(fmt.Sprintf(" Chosen: %s, %s in %s.", size(chosenSize(chosen)), plural(len(chosen.Parts), "part"), plural(len(chosen.Mappings), "mapping"))))
	if len(chosen.Mappings) > 0 {
		return
	}
	p.prose(1, p.column(1), "No mapping here has all that was asked for.", plain)
	if !slices.Contains(c.Parts, hyphened(string(layout.SegmentFree))) {
		return
	}
	var largest layout.Gap
	for _, g := range whole.Gaps {
		if g.Segment == layout.SegmentFree && g.Size() > largest.Size() {
			largest = g
		}
	}
	if largest.Size() > 0 {
		p.prose(1, p.column(1), fmt.Sprintf("Free space is what lies unmapped between heap and stack, of which the largest gap, from %v, has %s.", largest.Lo, size(largest.Size())), plain)
	}
}

// chosenSize is what the parts of s have together.
func chosenSize(s *layout.Space) (n addr.Bytes) {
	for _, part := range s.Parts {
		n += part.Size()
	}
	return n
}

func (p *page) mapsColumns() {
	p.blank()
	p.add(join(styled(" TEXTBOOK", strong).padded(1+bookWidth+2), styled("HERE  ", strong), styled("from         size  may  what it is", faint)))
}

// mapsDrawing draws the textbook's picture beside the live rows.
type mapsDrawing struct {
	*page
	all  bool // every part has a row of its own
	rows int  // of parts
}

// draw draws band after band: rows that play one segment, with what lies between
// them.
func (d *mapsDrawing) draw(rows iter.Seq[*mapRow]) {
	d.bookTop()
	band := layout.Segment("")
	for r := range rows {
		if r.kind != "" {
			d.rows++
		}
		if r.segment != "" && r.segment != layout.SegmentNotDrawn && r.segment != band {
			if band != "" {
				d.bookRule()
			}
			band = r.segment
			d.drawRow(r, d.rowTitle(r), strong)
			continue
		}
		d.drawRow(r, d.rowTitle(r), faint)
	}
	d.bookBottom()
}

// rowTitle is what the textbook's side says beside a row: the segment that it plays,
// with the way that it grows.
func (d *mapsDrawing) rowTitle(r *mapRow) string {
	switch {
	case r.segment == "":
		return ""
	case r.kind == layout.KindGoHeap: // its arenas lie where the runtime wants them
		return bookTitle(r.segment)
	}
	return d.bandTitle(r.segment)
}

// drawRow draws one row, its text in as many lines as it needs.
func (d *mapsDrawing) drawRow(r *mapRow, book string, st style) {
	const indent = 14 + 2 + 8 + 2 + 3 + 2
	textWidth := d.width - 1 - bookWidth - 2 - indent - 1
	d.putBook(book, st)
	if r.kind == "" {
		dots := strings.Repeat(d.glyphs.sep, 3)
		words := dots + " " + size(r.size) + " " + r.text + " " + dots
		d.put(blanks(min(16, max(0, d.width-1-bookWidth-2-1-width(words)))), plain)
		d.put(words, faint)
		d.end()
		return
	}
	var digits [18]byte
	from := string(r.Lo.Append(digits[:0]))
	sized := d.sizes.short(r.size)
	d.putLeft(from, 14, faint)
	d.putRight(sized, sizeCells(from, sized), plain)
	d.put("  ", plain)
	d.put(r.perms, faint)
	d.put(r.mark(), altered)
	longer := max(14, len(from)) + sizeCells(from, sized) - 24
	words := plain
	if r.segment == layout.SegmentNotDrawn {
		words = faint
	}
	cells := max(textWidth-max(0, longer), 16)
	for i, s := range d.wordLines(r, cells, d.all) {
		if i > 0 {
			d.putBook("", plain)
			d.put(blanks(indent), plain)
		}
		d.put(s, words)
		d.end()
	}
}

// wrapHard wraps between words and, where a word is longer than a line, inside it.
func wrapHard(s string, n int) []string {
	if s != "" && width(s) <= n {
		return []string{s}
	}
	var lines []string
	for _, l := range wrap(s, n) {
		if width(l) <= n {
			lines = append(lines, l)
			continue
		}
		lines = append(lines, broken(l, n)...)
	}
	if len(lines) == 0 {
		return []string{""}
	}
	return lines
}

// leftOut tells in a line each what the textbook does not draw.
func (p *page) leftOut(s *layout.Space, folded bool) {
	type total struct {
		parts int
		size  addr.Bytes
	}
	totals := map[layout.Kind]*total{}
	var last layout.Kind // of the part before: often of the next as well
	var sum *total       // nil: the textbook draws it
	for i := range s.Parts {
		part := &s.Parts[i]
		kind := part.Kind
		if part.Library {
			kind = "library"
		}
		if i == 0 || kind != last {
			last, sum = kind, nil
			if part.Library || part.Segment() == layout.SegmentNotDrawn {
				if totals[kind] == nil {
					totals[kind] = &total{}
				}
				sum = totals[kind]
			}
		}
		if sum != nil {
			sum.parts++
			sum.size += part.Size()
		}
	}
	kinds := append([]layout.KindInfo{{Kind: "library", Text: "code and data of the libraries"}}, layout.Kinds...)
	p.blank()
	p.add(text(" r: may be read, w: written, x: run as code; mix: not all parts alike"))
	p.blank()
	if len(totals) > 0 {
		p.add(styled(" What the textbook leaves out:", strong))
	}
	for _, info := range kinds {
		if t := totals[info.Kind]; t != nil {
			words := wrap(info.Text, p.width-26)
			p.add(text(fmt.Sprintf("   %8s in %-9s  %s", short(t.size), plural(t.parts, "part"), words[0])))
			for _, more := range words[1:] {
				p.add(text(strings.Repeat(" ", 25) + more))
			}
		}
	}
	if folded {
		p.add(styled(" With --all every part has a row of its own.", faint))
	}
}
