package report

import (
	"iter"
	"slices"
	"strconv"
	"strings"

	"memprobe/probe/timing"
)

// records is a row for each timing.
func (r benched) records() iter.Seq[[]string] {
	rows := [][]string{{
		"study", "cost", "axis", "unit", "at", "what", "iterations", "rounds", "ns_per_op", "ci95_low", "ci95_high",
		"to", "ratio", "ratio_low", "ratio_high", "p", "verdict", "faults", "collections", "collecting_ns", "warnings",
	}}
	for i := range r.Studies {
		s := &r.Studies[i]
		for _, t := range s.Timings {
			row := []string{
				s.Name, string(s.Cost), s.Axis.Name, string(s.Axis.Unit), strconv.Itoa(t.At), t.What,
				strconv.Itoa(t.Iterations), strconv.Itoa(len(t.Rounds)), exact(t.Median),
			}
			row = append(row, ends(t.CI95)...)
			row = append(row, ratioCells(t.Ratio)...)
			row = append(row, exact(t.Faults), strconv.FormatUint(t.Collections, 10), exact(t.Collecting), strings.Join(t.Warnings, "; "))
			rows = append(rows, row)
		}
	}
	return slices.Values(rows)
}

// ratioCells are what a ratio is to, its figures and its verdict; all empty where
// there is none.
func ratioCells(r *timing.Ratio) []string {
	if r == nil {
		return make([]string, 6)
	}
	row := append([]string{r.To, exact(r.Median)}, ends(r.CI95)...)
	return append(row, exact(r.P), string(r.Verdict))
}

// ends are those of an interval; empty where it is not known.
func ends(ci timing.Interval) []string {
	if !ci.Known() {
		return []string{"", ""}
	}
	return []string{exact(ci[0]), exact(ci[1])}
}

// exact is x in as many digits as it takes to read the same number back.
func exact(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// records is a row for each pair.
func (c comparedTimings) records() iter.Seq[[]string] {
	rows := [][]string{{"study", "axis", "unit", "at", "what", "old_ns_per_op", "new_ns_per_op", "ratio", "ratio_low", "ratio_high", "p", "verdict"}}
	for _, s := range c.Studies {
		for _, pair := range s.Pairs {
			rows = append(rows, append([]string{
				s.Name, s.Axis.Name, string(s.Axis.Unit), strconv.Itoa(pair.At), escape(pair.What), exact(pair.Old), exact(pair.New),
			}, ratioCells(&pair.Ratio)[1:]...))
		}
	}
	return slices.Values(rows)
}
