package report

import (
	"slices"
	"strings"

	"github.com/clipperhouse/displaywidth"

	"memprobe/layout/addr"
)

// style is what a span of text is, which colour then repeats.
type style uint8

const (
	plain style = iota
	strong
	faint
	fresh   // new since the last step
	altered // changed since the last step
	gone    // dropped, freed, moved
	pointer // an address that leads somewhere
	current // where to look first
)

// sgr are the parameters of the styles' SGR escape sequences (ECMA-48, 8.3.117).
var sgr = [...]string{
	plain: "", strong: "1", faint: "2", fresh: "32", altered: "33", gone: "31", pointer: "36", current: "1;36",
}

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
		n += width(s.text)
	}
	return n
}

// width is how many cells s takes. Characters that are known to take one, as all
// that memprobe draws with, are counted without a look at Unicode's tables.
func width(s string) int {
	n := 0
	for _, r := range s {
		if (r < ' ' || r > '~') && (r < '←' || r > '↓') && (r < '─' || r > '●') && r != '·' {
			return displaywidth.String(s)
		}
		n++
	}
	return n
}

// padded is l with blanks up to n cells; a longer line stays as it is.
func (l line) padded(n int) line {
	return append(l[:len(l):len(l)], span{text: strings.Repeat(" ", max(0, n-l.cells()))})
}

// join is the spans of all lines in one line.
func join(lines ...line) line {
	n := 0
	for _, l := range lines {
		n += len(l)
	}
	all := make(line, 0, n)
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

	names     func(addr.Addr) string // what an address is called; nil: by its digits
	explained []string               // what has been said of how to read a picture
}

// addr is how an address is shown.
func (p *page) addr(a addr.Addr) string {
	if p.names != nil {
		return p.names(a)
	}
	return a.String()
}

func (p *page) add(lines ...line) { p.lines = append(p.lines, lines...) }
func (p *page) blank()            { p.add(nil) }

// legible is the width beyond which prose is hard to read.
const legible = 100

// column is how many cells prose has after an indent.
func (p *page) column(indent int) int { return min(p.width, legible) - indent - 1 }

// prose adds text wrapped between words, n cells at most, after an indent. A
// word that is longer stands alone, whole.
func (p *page) prose(indent, n int, s string, st style) {
	for _, l := range wrap(s, n) {
		p.add(join(text(strings.Repeat(" ", indent)), styled(l, st)))
	}
}

// explain says how a picture is to be read, unless the page has said it before.
func (p *page) explain(s string) {
	if !slices.Contains(p.explained, s) {
		p.explained = append(p.explained, s)
		p.prose(1, p.column(1), s, faint)
	}
}

// wrap cuts s at blanks, but not in 12.5 %. Runs of blanks stay, for they may be
// part of a name.
func wrap(s string, n int) []string {
	var lines []string
	words := strings.Split(s, " ")
	for i := len(words) - 1; i > 0; i-- {
		if strings.HasPrefix(words[i], "%") && endsInDigit(words[i-1]) {
			words[i-1] += " " + words[i]
			words = slices.Delete(words, i, i+1)
		}
	}
	first, cells := 0, 0 // of the line being filled
	for i, word := range words {
		more := width(word)
		if i > first && cells+1+more > n {
			lines = append(lines, strings.Join(words[first:i], " "))
			first, cells = i, 0
		}
		if i > first {
			cells++
		}
		cells += more
	}
	if first < len(words) {
		lines = append(lines, strings.Join(words[first:], " "))
	}
	return lines
}

func endsInDigit(s string) bool { return s != "" && '0' <= s[len(s)-1] && s[len(s)-1] <= '9' }

// String is the page as text: trailing blanks cut, each line ended.
func (p *page) String() string {
	var b strings.Builder
	b.Grow(len(p.lines) * (p.width + 40)) // drawn lines hold characters of three bytes
	for _, l := range p.lines {
		for len(l) > 0 && strings.TrimSpace(l[len(l)-1].text) == "" {
			l = l[:len(l)-1]
		}
		for i, s := range l {
			if i == len(l)-1 {
				s.text = strings.TrimRight(s.text, " ")
			}
			p.render(&b, s)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (p *page) render(b *strings.Builder, s span) {
	if p.opts.ASCII {
		s.text = asciiOnly(s.text)
	}
	if !p.opts.Color || s.style == plain {
		b.WriteString(s.text)
		return
	}
	b.WriteString("\x1b[")
	b.WriteString(sgr[s.style])
	b.WriteByte('m')
	b.WriteString(s.text)
	b.WriteString("\x1b[0m")
}
