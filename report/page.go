package report

import (
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// style is what a span of text is, which colour then repeats.
type style string

// The styles, as the parameters of an SGR escape sequence (ECMA-48, 8.3.117).
const (
	plain   style = ""
	strong  style = "1"
	faint   style = "2"
	fresh   style = "32"   // new since the last step
	altered style = "33"   // changed since the last step
	gone    style = "31"   // dropped, freed, moved
	pointer style = "36"   // an address that leads somewhere
	current style = "1;36" // where to look first
)

// span is a run of text in one style.
type span struct {
	text  string
	style style
}

// line is a row of the page.
type line []span

func text(s string) line             { return line{{s, plain}} }
func styled(s string, st style) line { return line{{s, st}} }

// cells is the width of l in a terminal.
func (l line) cells() int {
	n := 0
	for _, s := range l {
		n += displaywidth.String(s.text)
	}
	return n
}

// padded is l with blanks up to n cells; a longer line stays as it is.
func (l line) padded(n int) line {
	return append(l[:len(l):len(l)], span{text: strings.Repeat(" ", max(0, n-l.cells()))})
}

// join is the spans of all lines in one line.
func join(lines ...line) line {
	var all line
	for _, l := range lines {
		all = append(all, l...)
	}
	return all
}

// apart is left and right at the two ends of n cells, or two lines where they
// don't fit beside each other.
func apart(n int, left, right line) []line {
	if gap := n - left.cells() - right.cells(); gap > 0 {
		return []line{join(left.padded(n-right.cells()), right)}
	}
	return []line{left, join(text("").padded(n-right.cells()), right)}
}

// page is the text form of a document while it is being drawn.
type page struct {
	opts   Options
	width  int
	glyphs glyphs
	lines  []line
}

func (p *page) add(lines ...line) { p.lines = append(p.lines, lines...) }
func (p *page) blank()            { p.add(nil) }

// prose adds text wrapped between words, n cells at most, after an indent. A
// word that is longer stands alone, whole.
func (p *page) prose(indent, n int, s string, st style) {
	for _, l := range wrap(s, n) {
		p.add(join(text(strings.Repeat(" ", indent)), styled(l, st)))
	}
}

func wrap(s string, n int) []string {
	var lines []string
	for _, word := range strings.Fields(s) {
		last := len(lines) - 1
		if last >= 0 && displaywidth.String(lines[last])+1+displaywidth.String(word) <= n {
			lines[last] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}

// String is the page as text: trailing blanks cut, each line ended.
func (p *page) String() string {
	var b strings.Builder
	for _, l := range p.lines {
		b.WriteString(strings.TrimRight(p.render(l), " "))
		b.WriteByte('\n')
	}
	return b.String()
}

func (p *page) render(l line) string {
	var b strings.Builder
	for _, s := range l {
		t := s.text
		if p.opts.ASCII {
			t = asciiOnly(t)
		}
		if p.opts.Color && s.style != plain && strings.TrimSpace(t) != "" {
			t = "\x1b[" + string(s.style) + "m" + t + "\x1b[0m"
		}
		b.WriteString(t)
	}
	return b.String()
}
