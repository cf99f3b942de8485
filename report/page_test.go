package report

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestPageCutsTrailingBlanks(t *testing.T) {
	for _, tt := range []struct {
		name        string
		line        line
		text, color string
	}{
		{"nothing", nil, "\n", "\n"},
		{"blanks", join(text("  "), styled("   ", strong)), "\n", "\n"},
		{"blanks behind", join(text("a  "), text("b  "), text("   ")), "a  b\n", "a  b\n"},
		{"blanks in a style", join(styled("a ", strong), styled("b ", faint), styled(" ", gone)), "a b\n", "\x1b[1ma \x1b[0m\x1b[2mb\x1b[0m\n"},
		{"a style that ends before", join(styled("a", strong), text("b ")), "ab\n", "\x1b[1ma\x1b[0mb\n"},
	} {
		for color, want := range map[bool]string{false: tt.text, true: tt.color} {
			p := &page{width: 80, opts: Options{Color: color}}
			p.add(tt.line, text("next"))
			if got := p.String(); got != want+"next\n" || p.lines != 2 {
				t.Errorf("%s, colour %v: got %q, want %q", tt.name, color, got, want+"next\n")
			}
		}
	}
}

func TestPageCells(t *testing.T) {
	p := &page{width: 80, opts: Options{Color: true}}
	p.putRight("a", 3, plain)
	p.putLeft("b", 3, strong)
	p.putRight("longer", 3, faint)
	p.putLeft("c", 40, plain)
	p.put("d", plain)
	p.end()
	if got, want := p.String(), "  a\x1b[1mb  \x1b[0m\x1b[2mlonger\x1b[0mc"+strings.Repeat(" ", 39)+"d\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// slowPage draws cells, line by line, as they are meant: the text that no blank at a
// line's end is of, with each run in its colour.
func slowPage(o Options, lines [][]cellDrawn) string {
	type letter struct {
		text string
		of   int // index of the cell that has a colour; -1: plain
	}
	var all strings.Builder
	for _, cells := range lines {
		var letters []letter
		for i, c := range cells {
			of := -1
			if o.Color && c.style != plain {
				of = i
			}
			for _, r := range strings.Repeat(" ", c.before) + c.text + strings.Repeat(" ", c.after) {
				text := string(r)
				if o.ASCII && r > '~' {
					text = fmt.Sprintf(`\u{%x}`, r)
				}
				letters = append(letters, letter{text, of})
			}
		}
		for len(letters) > 0 && letters[len(letters)-1].text == " " {
			letters = letters[:len(letters)-1]
		}
		in := -1
		for i, l := range letters {
			if l.of != in && l.of >= 0 {
				all.WriteString("\x1b[" + sgr[cells[l.of].style] + "m")
			}
			all.WriteString(l.text)
			if l.of >= 0 && (i == len(letters)-1 || letters[i+1].of != l.of) {
				all.WriteString(reset)
			}
			in = l.of
		}
		all.WriteByte('\n')
	}
	return all.String()
}

// cellDrawn is what a cell is drawn of.
type cellDrawn struct {
	before int
	text   string
	after  int
	style  style
}

// TestPageInk: whatever a line is made of, blanks at its end are cut, and what stays has
// its colours.
func TestPageInk(t *testing.T) {
	texts := []string{"", " ", "  ", "a", "a ", " a", "b c", "é", "表 ", "→", strings.Repeat(" ", 40), strings.Repeat("x", 40) + " "}
	for range 4000 {
		o := Options{Color: rand.IntN(2) == 0, ASCII: rand.IntN(2) == 0}
		p := &page{width: 80, opts: o}
		lines := make([][]cellDrawn, 1+rand.IntN(4))
		for i := range lines {
			for range rand.IntN(7) {
				c := cellDrawn{rand.IntN(3), texts[rand.IntN(len(texts))], rand.IntN(3), style(rand.IntN(3))}
				if c.before+len(c.text)+c.after == 0 {
					continue // a colour of nothing
				}
				lines[i] = append(lines[i], c)
				p.cell(c.before, c.text, c.after, c.style)
			}
			p.end()
		}
		if got, want := p.String(), slowPage(o, lines); got != want {
			t.Fatalf("%+v of %+v:\ngot  %q\nwant %q", o, lines, got, want)
		}
	}
}

// A long page is in pieces, and none of them is lost.
func TestPageInPieces(t *testing.T) {
	p := &page{width: 80}
	line := strings.Repeat("x", 99)
	n := 4 * pieceBytes / 100
	for range n {
		p.add(text(line))
	}
	if got := p.String(); got != strings.Repeat(line+"\n", n) || len(p.drawn) < 3 {
		t.Errorf("got %d bytes in %d pieces and one, want %d", len(got), len(p.drawn), 100*n)
	}
}

// Lines put together again, with the blanks at which they were cut, are the text.
func TestWrapKeepsText(t *testing.T) {
	letters := []string{"a", "bc", " ", " ", "  ", "7", "%", "é", "表", "."}
	for range 5000 {
		var b strings.Builder
		for range rand.IntN(30) {
			b.WriteString(letters[rand.IntN(len(letters))])
		}
		s, n := b.String(), 1+rand.IntN(12)
		lines := wrap(s, n)
		if got := strings.Join(lines, " "); got != s {
			t.Fatalf("%q in %d cells: %q", s, n, lines)
		}
		for i, l := range lines {
			if width(l) > n && strings.Contains(strings.ReplaceAll(l, " %", "_%"), " ") {
				t.Fatalf("%q in %d cells: line %d is too long: %q", s, n, i, lines)
			}
			if i > 0 && strings.HasPrefix(l, "%") && endsInDigit(lines[i-1]) {
				t.Fatalf("%q in %d cells: a number loses its unit: %q", s, n, lines)
			}
		}
		if got := strings.Join(broken(s, n), ""); got != s {
			t.Fatalf("%q in pieces of %d cells: %q", s, n, got)
		}
	}
}
