package report

import (
	"bytes"
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
	if isPlain(s) {
		return len(s)
	}
	n := 0
	for _, r := range s {
		if (r < ' ' || r > '~') && (r < '←' || r > '↓') && (r < '─' || r > '●') && r != '·' {
			return displaywidth.String(s)
		}
		n++
	}
	return n
}

// isPlain is true for printable ASCII alone: each byte takes a cell.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
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
	lines  int // that are drawn

	drawn   [][]byte // the lines in pieces, but for the last one
	last    []byte
	ink     int  // where last ends but for the blanks at the end of a line
	colored bool // the ink at the end is
	settled int  // up to where ink and colored tell of last

	names     func(addr.Addr) string // what an address is called; nil: by its digits
	explained []string               // what has been said of how to read a picture

	books    [2]bookSide // the last of those without a title and of those with one
	rowWords rowWords    // of the last row
	sizes    sizes
}

// addr is how an address is shown.
func (p *page) addr(a addr.Addr) string {
	if p.names != nil {
		return p.names(a)
	}
	return a.String()
}

// put draws on at the end of a line, which end ends.
func (p *page) put(s string, st style) { p.cell(0, s, 0, st) }

// putRight is put of what stands at the right of n cells; s is plain ASCII.
func (p *page) putRight(s string, n int, st style) { p.cell(n-len(s), s, 0, st) }

// putLeft is put of what stands at the left of n cells; s is plain ASCII.
func (p *page) putLeft(s string, n int, st style) { p.cell(0, s, n-len(s), st) }

// cell draws on with s between blanks.
func (p *page) cell(before int, s string, after int, st style) {
	if p.opts.ASCII {
		s = asciiOnly(s)
	}
	if !p.opts.Color || st == plain {
		p.last = append(p.last, blanks(before)...)
		p.last = append(p.last, s...)
		p.last = append(p.last, blanks(after)...)
		return
	}
	p.settle()
	p.last = append(p.last, "\x1b["...)
	p.last = append(p.last, sgr[st]...)
	p.last = append(p.last, 'm')
	p.last = append(p.last, blanks(before)...)
	p.last = append(p.last, s...)
	if ink := len(strings.TrimRight(s, " ")); ink > 0 {
		p.ink, p.colored = len(p.last)-len(s)+ink, true
	}
	p.last = append(p.last, blanks(after)...)
	p.last = append(p.last, reset...)
	p.settled = len(p.last)
}

// settle finds the ink of what was drawn since the last colour.
func (p *page) settle() {
	for end := len(p.last); end > p.settled; end-- {
		if p.last[end-1] != ' ' {
			p.ink, p.colored = end, false
			return
		}
	}
}

func blanks(n int) string {
	const some = "                                "
	if uint(n) <= uint(len(some)) {
		return some[:n]
	}
	return strings.Repeat(" ", max(0, n))
}

const (
	reset      = "\x1b[0m"
	pieceBytes = 256 << 10 // of lines that lie together
)

// end ends a line: trailing blanks are cut.
func (p *page) end() {
	p.settle()
	p.last = p.last[:p.ink]
	if p.colored {
		p.last = append(p.last, reset...)
	}
	p.last = append(p.last, '\n')
	if len(p.last)+p.width*4 > pieceBytes {
		p.drawn = append(p.drawn, p.last)
		p.last = make([]byte, 0, pieceBytes)
	}
	p.ink, p.settled, p.colored = len(p.last), len(p.last), false
	p.lines++
}

func (p *page) add(lines ...line) {
	for _, l := range lines {
		p.putLine(l)
		p.end()
	}
}

func (p *page) putLine(l line) {
	for _, s := range l {
		p.put(s.text, s.style)
	}
}

func (p *page) blank() { p.end() }

// pieces are the lines that were drawn.
func (p *page) pieces() [][]byte { return append(p.drawn[:len(p.drawn):len(p.drawn)], p.last) }

// String is the page as text.
func (p *page) String() string { return string(bytes.Join(p.pieces(), nil)) }

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
	start, end, cells := 0, 0, 0 // of the line being filled
	for at := 0; at <= len(s); {
		next := at
		for {
			next = wordEnd(s, next)
			if next+1 >= len(s) || s[next+1] != '%' || !endsInDigit(s[:next]) {
				break
			}
			next++
		}
		more := width(s[at:next])
		if at > start && cells+1+more > n {
			lines = append(lines, s[start:end])
			start, cells = at, 0
		}
		if at > start {
			cells++
		}
		cells += more
		at, end = next+1, next
	}
	return append(lines, s[start:])
}

// wordEnd is where the word at i of s ends.
func wordEnd(s string, i int) int {
	if n := strings.IndexByte(s[i:], ' '); n >= 0 {
		return i + n
	}
	return len(s)
}

func endsInDigit(s string) bool { return s != "" && '0' <= s[len(s)-1] && s[len(s)-1] <= '9' }
