package report

import (
	"fmt"
	"slices"
	"strings"
)

// excerpt says which lines of a program, from 0, are listed in a step where that one has
// just run.
type excerpt func(lines []string, at int) []int

// shortProgram is how many lines a program has at most that is listed whole in each step.
const shortProgram = 16

// linesAround is how many lines of a longer one are listed before and after the line that
// has just run.
const linesAround = 3

// excerptOf is what is listed in the step of that index, from 0: the first one has the
// whole program, however long it is.
func excerptOf(step int) excerpt {
	if step == 0 {
		return whole
	}
	return around
}

func whole(lines []string, _ int) []int { return from(0, len(lines)) }

// from are the numbers from lo on, below hi.
func from(lo, hi int) []int {
	var all []int
	for i := lo; i < hi; i++ {
		all = append(all, i)
	}
	return all
}

// leastHidden is how many lines at least dots stand for.
const leastHidden = 3

// around are the lines near the one that has just run, and where its function begins.
func around(lines []string, at int) []int {
	if len(lines) <= shortProgram || at < 0 || at >= len(lines) {
		return whole(lines, at)
	}
	first, last := max(0, at-linesAround), min(at+linesAround, len(lines)-1)
	for first < at && lines[first] == "" {
		first++
	}
	for last > at && lines[last] == "" {
		last--
	}
	head := functionOf(lines, at)
	var shown []int
	next := 0
	for i := range lines {
		if i != head && (i < first || i > last) {
			continue
		}
		if i-next < leastHidden {
			shown = append(shown, from(next, i)...)
		}
		shown = append(shown, i)
		next = i + 1
	}
	if len(lines)-next < leastHidden {
		shown = append(shown, from(next, len(lines))...)
	}
	return shown
}

// functionOf is the line at which the function begins that a line belongs to.
func functionOf(lines []string, at int) int {
	for i, l := range slices.Backward(lines[:at+1]) {
		if strings.Contains(l, "fn ") && !strings.HasPrefix(l, " ") {
			return i
		}
	}
	return at
}

// source lists lines of the program with the one marked that has just run, counted from 1.
// A line that is longer than the page goes on below, and dots stand for what is left out.
func (p *page) source(lines []string, at int, of excerpt) {
	next := 0
	listed := of(lines, at-1)
	for _, i := range append(listed, len(lines)) {
		if i > next {
			p.add(styled("     ...", faint))
		}
		if next = i + 1; i < len(lines) {
			p.sourceLine(lines[i], i+1, i+1 == at)
		}
	}
}

// sourceLine lists line n.
func (p *page) sourceLine(l string, n int, now bool) {
	before, st := fmt.Sprintf("   %3d  ", n), plain
	if now {
		before, st = fmt.Sprintf(" %s %3d  ", p.glyphs.here, n), current
	}
	if width(before)+width(l) <= p.width {
		p.add(styled(before+l, st))
		return
	}
	code := strings.TrimLeft(l, " ")
	indent := strings.Repeat(" ", len(l)-len(code))
	for _, part := range wrapHard(code, p.width-width(before)-len(indent)-len(goesOn)) {
		p.add(styled(before+indent+part, st))
		before = strings.Repeat(" ", len("   123  ")) + goesOn
	}
}

// goesOn indents the rest of a line of source.
const goesOn = "    "
