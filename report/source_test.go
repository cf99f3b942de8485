package report

import (
	"strings"
	"testing"
)

// TestSourceFolds: a long line of source goes on below, with its indent.
func TestSourceFolds(t *testing.T) {
	got := drawn(func(p *page) {
		p.source([]string{"fn main() {", "    let a = " + strings.Repeat("alpha + ", 12) + "0;", "}"}, 2, whole)
	})
	has(t, got, "     1  fn main() {\n ▶   2      let a = alpha", "\n                alpha", "0;\n     3  }\n")
}

// TestLongProgram: of a long program the first step lists all, a later one the lines near
// the one that has just run and the head of its function.
func TestLongProgram(t *testing.T) {
	lines := strings.Fields(strings.Repeat("line ", 20))
	lines[2] = "fn f() {"
	listing := func(at int, of excerpt) string { return drawn(func(p *page) { p.source(lines, at, of) }) }
	if got := listing(11, excerptOf(0)); strings.Count(got, "\n") != 20 || strings.Contains(got, "...") {
		t.Errorf("the first step does not list all:\n%s", got)
	}
	has(t, listing(11, excerptOf(1)), "     3  fn f() {\n     ...\n     8  line\n", " ▶  11  line\n", "    14  line\n     ...\n")
	has(t, listing(9, excerptOf(1)), "     1  line\n     2  line\n     3  fn f() {\n     4  line\n     5  line\n", " ▶   9  line\n")
	lines[7] = ""
	has(t, listing(11, excerptOf(1)), "     3  fn f() {\n     ...\n     9  line\n")
	has(t, listing(16, excerptOf(1)), " ▶  16  line\n", "    19  line\n    20  line\n")
	if got := listing(0, excerptOf(1)); strings.Count(got, "\n") != 20 {
		t.Errorf("without a line that has run not all is listed:\n%s", got)
	}
	lines = lines[:shortProgram]
	if got := listing(11, excerptOf(1)); strings.Contains(got, "...") {
		t.Errorf("a short program is not listed whole:\n%s", got)
	}
}
