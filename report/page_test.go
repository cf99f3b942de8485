package report

import (
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
