package report

import (
	"fmt"
	"slices"
	"strings"

	"memprobe/probe/timing"
)

// figures is the table of all timings, with as many columns as the page has room
// for, and bars; then the doubts that its letters lead to.
func (b *benchText) figures() {
	doubts, marks := doubtsOf(b.Timings)
	columns := []gridColumn{b.points(), b.names(), b.times(marks), b.intervals(), b.ratios(false)}
	faults, collecting := b.faults(), b.collecting()
	if faults != nil && gridWidth(append(columns, *faults), narrowGap) <= b.width-2 {
		columns = append(columns, *faults)
	}
	if collecting != nil && gridWidth(append(columns, *collecting), columnGap) <= b.width-2 {
		columns = append(columns, *collecting)
	}
	left := b.width - 2 - gridWidth(columns, columnGap)
	if said := b.probabilities(); left >= said.wide()+verdictWidth+2*columnGap && b.compares() {
		columns[4] = b.ratios(true)
		columns = append(columns, b.verdicts(), said)
		left = b.width - 2 - gridWidth(columns, columnGap)
	}
	scale := scaleOf(b.Timings)
	beside := left >= fewestBars+columnGap
	if beside {
		columns = append(columns, b.bars(scale, min(left-columnGap, mostBars)))
	}
	b.grid(columns)
	b.underTable(beside, columns, faults, collecting)
	for i, d := range doubts {
		b.hanging(3, fmt.Sprintf("%c ", doubtMark(i)), d.text(), altered)
	}
	if !beside {
		b.blank()
		b.chart(scale)
	}
}

// verdictWidth is that of the longest verdict.
const verdictWidth = len(timing.NoDifference)

// tableColumn has a cell for each timing.
func (b *benchText) tableColumn(head string, right bool, cell func(i int, t *timing.Timing) line) gridColumn {
	return columnOf(head, right, len(b.Timings), func(i int) line { return cell(i, &b.Timings[i]) })
}

func (b *benchText) points() gridColumn {
	return b.tableColumn(axisHead(b.Axis), true, func(i int, t *timing.Timing) line {
		if i > 0 && b.Timings[i-1].At == t.At {
			return nil
		}
		return styled(pointOn(b.Axis, t.At), strong)
	})
}

func (b *benchText) names() gridColumn {
	return b.tableColumn("", false, func(_ int, t *timing.Timing) line { return text(t.What) })
}

// times are the medians, each with the letters of its doubts.
func (b *benchText) times(marks []string) gridColumn {
	most := 0
	for _, m := range marks {
		most = max(most, len(m))
	}
	return b.tableColumn("Time"+strings.Repeat(" ", most), true, func(i int, t *timing.Timing) line {
		return join(text(b.time(t.Median)), styled(marks[i], altered).padded(most))
	})
}

func (b *benchText) intervals() gridColumn {
	return b.tableColumn("95 % interval", true, func(_ int, t *timing.Timing) line { return text(inUnitOf(t.Median, t.CI95)) })
}

// compares reports whether any timing has a ratio.
func (b *benchText) compares() bool {
	return slices.ContainsFunc(b.Timings, func(t timing.Timing) bool { return t.Ratio != nil })
}

// ratios are those with their intervals; unless a column beside has the verdicts,
// with the verdict in place of a ratio that says nothing.
func (b *benchText) ratios(numbers bool) gridColumn {
	head := "Times"
	if to := b.comparedTo(); len(to) == 1 {
		head += " " + to[0]
	}
	return b.tableColumn(head, true, func(_ int, t *timing.Timing) line {
		r := t.Ratio
		switch {
		case r == nil:
			return nil
		case numbers || r.Verdict == timing.Slower || r.Verdict == timing.Faster:
			return text(multiple(r.Median) + inBrackets(r.CI95, "-"))
		case r.Verdict == timing.NoDifference:
			return styled("no diff."+inBrackets(r.CI95, "-"), faint)
		}
		return styled("few rounds", faint)
	})
}

// comparedTo are the contenders that others are compared with.
func (b *benchText) comparedTo() []string {
	var to []string
	for i := range b.Timings {
		if r := b.Timings[i].Ratio; r != nil && !contains(to, r.To) {
			to = append(to, r.To)
		}
	}
	return to
}

func (b *benchText) verdicts() gridColumn {
	return b.tableColumn("Verdict", false, func(_ int, t *timing.Timing) line {
		if t.Ratio == nil {
			return nil
		}
		return text(string(t.Ratio.Verdict))
	})
}

func (b *benchText) probabilities() gridColumn {
	return b.tableColumn("p", true, func(_ int, t *timing.Timing) line {
		if t.Ratio == nil {
			return nil
		}
		return text(probability(t.Ratio.P))
	})
}

// fewFaults is what a table does not show: a fault in so many operations.
const fewFaults = 0.01

// faults are the page faults an operation; nil where there are hardly any.
func (b *benchText) faults() *gridColumn {
	if !slices.ContainsFunc(b.Timings, func(t timing.Timing) bool { return t.Faults >= fewFaults }) {
		return nil
	}
	c := b.tableColumn("Faults", true, func(_ int, t *timing.Timing) line {
		if t.Faults < fewFaults {
			return styled("0", faint)
		}
		return text(strings.TrimSuffix(significant(t.Faults), ".00"))
	})
	return &c
}

// littleCollecting is what a table does not show: a hundredth of the time, which is
// what others have left to collect.
func littleCollecting(t *timing.Timing) bool { return t.Collecting < t.Median/100 }

// collecting is the time of Go's collector an operation; nil where it hardly ran.
func (b *benchText) collecting() *gridColumn {
	if !slices.ContainsFunc(b.Timings, func(t timing.Timing) bool { return !littleCollecting(&t) }) {
		return nil
	}
	c := b.tableColumn("Collector", true, func(_ int, t *timing.Timing) line {
		if littleCollecting(t) {
			return nil
		}
		return text(b.time(t.Collecting))
	})
	return &c
}

// underTable says what the columns mean, and what did not find room in one.
func (b *benchText) underTable(bars bool, columns []gridColumn, faults, collecting *gridColumn) {
	has := func(c *gridColumn) bool {
		return slices.ContainsFunc(columns, func(in gridColumn) bool { return in.head == c.head })
	}
	var said []string
	if bars {
		said = append(said, b.barsKey(scaleOf(b.Timings)))
	}
	if to := b.comparedTo(); len(to) > 1 {
		said = append(said, b.whoToWhom(to))
	}
	if faults != nil {
		if has(faults) {
			said = append(said, "Faults: pages that the kernel had to find, an operation.")
		} else {
			said = append(said, "Pages that the kernel had to find, an operation: "+b.listed(faults)+".")
		}
	}
	if collecting != nil {
		if has(collecting) {
			said = append(said, "Collector: time of Go's collector, an operation, on all cores, by Go's own reckoning, which is too high on a busy machine.")
		} else {
			said = append(said, "Time of Go's collector, an operation, on all cores, by Go's own reckoning, which is too high on a busy machine: "+b.listed(collecting)+".")
		}
	}
	for _, s := range said {
		b.prose(3, b.column(3), s, faint)
	}
}

// whoToWhom says which contender is compared with which.
func (b *benchText) whoToWhom(to []string) string {
	var parts []string
	for _, t := range to {
		var names []string
		for i := range b.Timings {
			if r := b.Timings[i].Ratio; r != nil && r.To == t && !contains(names, b.Timings[i].What) {
				names = append(names, b.Timings[i].What)
			}
		}
		parts = append(parts, "of \""+t+"\" for \""+strings.Join(names, "\", \"")+"\"")
	}
	return "Times " + strings.Join(parts, "; ") + "."
}

// listed is a column in words, its empty cells left out.
func (b *benchText) listed(c *gridColumn) string {
	var parts []string
	last := ""
	for _, what := range b.contenders() {
		for i := range b.Timings {
			t := &b.Timings[i]
			if t.What != what || len(c.cells[i]) == 0 || c.cells[i][0].text == "0" {
				continue
			}
			part := fmt.Sprintf("%s at %s", c.cells[i][0].text, pointOn(b.Axis, t.At))
			if what != last {
				part = what + " " + part
			}
			parts, last = append(parts, part), what
		}
	}
	return strings.Join(parts, ", ")
}
