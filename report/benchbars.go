package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"memprobe/probe/timing"
)

const (
	fewestBars = 20 // cells of the longest bar that are worth drawing beside a table
	mostBars   = 60
)

// scale is a logarithmic scale over whole powers of ten.
type scale struct{ lo, hi float64 }

// scaleOf holds the intervals of all timings.
func scaleOf(ts []timing.Timing) scale {
	lo, hi := math.Inf(1), math.Inf(-1)
	for i := range ts {
		t := &ts[i]
		for _, x := range []float64{t.Median, t.CI95[0], t.CI95[1]} {
			if x > 0 && !math.IsInf(x, 0) {
				lo, hi = min(lo, x), max(hi, x)
			}
		}
	}
	if lo > hi {
		return scale{1, 10}
	}
	s := scale{decade(lo, math.Floor), decade(hi, math.Ceil)}
	if s.lo == s.hi {
		s.hi *= 10
	}
	return s
}

// decade is the power of ten at or below x, or at or above it.
func decade(x float64, round func(float64) float64) float64 {
	return math.Pow(10, round(math.Log10(x)))
}

// at is where x is on the scale, from 0 to 1.
func (s scale) at(x float64) float64 {
	if x <= s.lo {
		return 0
	}
	return min(1, math.Log(x/s.lo)/math.Log(s.hi/s.lo))
}

// decades are the powers of ten between the ends.
func (s scale) decades() []float64 {
	var all []float64
	for x := s.lo; x <= s.hi*1.01; x *= 10 {
		all = append(all, x)
	}
	return all
}

// barCells are the characters of bars.
type barCells struct{ solid, interval, decade string }

func (p *page) barCells() barCells {
	if p.opts.ASCII {
		return barCells{"#", ":", "."}
	}
	return barCells{"█", "▒", "·"}
}

// bar is a timing as a bar of n cells at most: solid up to the low end of its
// interval, which follows; then the powers of ten up to the end of the scale.
func (p *page) bar(s scale, n int, t *timing.Timing) line {
	c := p.barCells()
	cell := func(x float64) int { return int(math.Round(s.at(x) * float64(n))) }
	solid, end := cell(t.Median), cell(t.Median)
	if t.CI95.Known() {
		solid, end = cell(t.CI95[0]), cell(t.CI95[1])
	}
	solid = max(solid, 1)
	end = max(end, solid)
	rest := []rune(strings.Repeat(" ", n-end))
	l := join(text(strings.Repeat(c.solid, solid)), styled(strings.Repeat(c.interval, end-solid), faint))
	grid := ""
	for i := range rest {
		grid += p.gridCell(s, n, end+i, c)
	}
	return join(l, styled(grid, faint))
}

// gridCell is a cell behind the bars.
func (p *page) gridCell(s scale, n, i int, c barCells) string {
	for _, x := range s.decades() {
		if int(math.Round(s.at(x)*float64(n))) == i {
			return c.decade
		}
	}
	return " "
}

// bars are a column of bars of n cells, with the ends of the scale over it.
func (b *benchText) bars(s scale, n int) gridColumn {
	lo, hi := b.roundTime(s.lo), b.roundTime(s.hi)
	head := lo + fmt.Sprintf("%*s", n-width(lo), hi)
	return b.tableColumn(head, false, func(_ int, t *timing.Timing) line { return b.bar(s, n, t) })
}

// barsKey says how the bars are to be read.
func (b *benchText) barsKey(s scale) string {
	c := b.barCells()
	return fmt.Sprintf("Bars on a logarithmic scale, a dot each power of ten from %s to %s: %s up to the interval's low end, %s the interval.",
		b.roundTime(s.lo), b.roundTime(s.hi), c.solid, c.interval)
}

// roundTime is a power of ten.
func roundTime(ns float64) string {
	u := unitOf(ns)
	return strconv.FormatFloat(ns/u.ns, 'g', 4, 64) + " " + u.name
}

func (p *page) roundTime(ns float64) string { return p.unit(roundTime(ns)) }

// chart draws each contender's times along the axis, where the table has no room
// for bars.
func (b *benchText) chart(s scale) {
	b.prose(1, b.column(1), b.barsKey(s), faint)
	points := 0
	for i := range b.Timings {
		points = max(points, width(pointOn(b.Axis, b.Timings[i].At)))
	}
	names := 0
	for _, what := range b.contenders() {
		names = max(names, width(what))
	}
	n := min(b.width-1-names-2-points-2-2-8-1, mostBars)
	for _, what := range b.contenders() {
		name := what
		for _, t := range b.of(what) {
			point := pointOn(b.Axis, t.At)
			b.add(join(text(fmt.Sprintf(" %-*s  %*s  ", names, name, points, point)), b.bar(s, n, t), text("  "+b.time(t.Median))))
			name = ""
		}
	}
}

// hanging adds a paragraph whose first line begins with a mark.
func (p *page) hanging(indent int, mark, s string, st style) {
	begin := styled(strings.Repeat(" ", indent)+mark, st)
	for _, l := range wrap(s, p.column(indent+len(mark))) {
		p.add(join(begin, styled(l, faint)))
		begin = text(strings.Repeat(" ", indent+len(mark)))
	}
}
