package report

import (
	"strings"

	"memprobe/layout"
)

// The textbook's picture is a column of boxes, at whose right stands what is so here.

// bookWidth is the width of the textbook's picture.
const bookWidth = 16

func (p *page) bookBorder(l, r direction) {
	g := p.glyphs.lines
	p.add(text(" " + g[l] + strings.Repeat(g[left|right], bookWidth-2) + g[r]))
}

// bookTop, bookRule and bookBottom draw the picture's borders.
func (p *page) bookTop() {
	p.add(styled(" high addresses", faint))
	p.bookBorder(down|right, down|left)
}

func (p *page) bookRule() { p.bookBorder(up|down|right, up|down|left) }

func (p *page) bookBottom() {
	p.bookBorder(up|right, up|left)
	p.add(styled(" low addresses", faint))
}

// bookSide is the textbook's side of a line: its title between borders and blanks.
type bookSide struct{ left, title, right string }

// putBook draws the textbook's side of a line, whose other side is drawn on.
func (p *page) putBook(title string, st style) {
	side := &p.books[0]
	if title != "" {
		side = &p.books[1]
	}
	if side.left == "" || side.title != title {
		*side = p.bookSide(title)
	}
	p.put(side.left, plain)
	if title != "" {
		p.put(title, st)
		p.put(side.right, plain)
	}
}

func (p *page) bookSide(title string) bookSide {
	v := p.glyphs.lines[up|down]
	space := bookWidth - 2 - width(title)
	left := space / 2
	if title == "" {
		return bookSide{left: " " + v + blanks(space) + v + "  "}
	}
	return bookSide{" " + v + blanks(left), title, blanks(space-left) + v + "  "}
}

// bookLine draws a line of both sides; title begins a band.
func (p *page) bookLine(title string, live line) {
	p.putBook(title, strong)
	p.add(live)
}

// bandTitle is the textbook's name for a segment, with the way it grows.
func (p *page) bandTitle(s layout.Segment) string {
	title := bookTitle(s)
	switch s {
	case layout.SegmentStack:
		title += " " + p.glyphs.growsDown
	case layout.SegmentHeap:
		title += " " + p.glyphs.growsUp
	}
	return title
}

// bookTitle is the textbook's name for a segment; what it has none for is not drawn.
func bookTitle(s layout.Segment) string {
	for _, box := range layout.Textbook {
		if box.Segment == s {
			return box.Title
		}
	}
	return "(not drawn)"
}
