package report

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"memprobe/layout/addr"
	"memprobe/probe/timing"
)

// timeUnit is what times are written in: so many nanoseconds.
type timeUnit struct {
	name string
	ns   float64
}

var timeUnits = []timeUnit{{"ns", 1}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}}

// unitOf is the largest unit of which ns are one at least.
func unitOf(ns float64) timeUnit {
	best := timeUnits[0]
	for _, u := range timeUnits {
		if ns >= u.ns*0.9995 {
			best = u
		}
	}
	return best
}

// inTime is ns with three digits and its unit.
func inTime(ns float64) string {
	u := unitOf(ns)
	return significant(ns/u.ns) + " " + u.name
}

// time is inTime in the page's alphabet.
func (p *page) time(ns float64) string { return p.unit(inTime(ns)) }

// unit is a time in the page's alphabet.
func (p *page) unit(s string) string {
	if p.opts.ASCII {
		return strings.Replace(s, "µ", "u", 1)
	}
	return s
}

// inUnitOf is an interval in the unit in which ns is written.
func inUnitOf(ns float64, ci timing.Interval) string {
	if !ci.Known() {
		return ""
	}
	u := unitOf(ns)
	return significant(ci[0]/u.ns) + "-" + significant(ci[1]/u.ns)
}

// multiple is a ratio in few characters.
func multiple(x float64) string {
	switch {
	case x >= 9.995e6:
		return significant(x/1e6) + "M"
	case x >= 9.995e3:
		return significant(x/1e3) + "k"
	case x > 0 && x < 0.0995:
		return strconv.FormatFloat(x, 'g', 2, 64)
	}
	return significant(x)
}

// multiples of an interval, in brackets; nothing where it is not known.
func inBrackets(ci timing.Interval, to string) string {
	if !ci.Known() {
		return ""
	}
	return " (" + multiple(ci[0]) + to + multiple(ci[1]) + ")"
}

// probability is a p-value.
func probability(p float64) string {
	if p < 0.001 {
		return "<0.001"
	}
	return strconv.FormatFloat(p, 'f', 3, 64)
}

// place is a point of the axis in a sentence: 64 B, 10 holes.
func (b *benchText) place(at int) string { return placeOn(b.Axis, at) }

func placeOn(axis timing.Axis, at int) string {
	if axis.Unit == timing.InBytes {
		return pointOn(axis, at)
	}
	unit := string(axis.Unit)
	if at == 1 {
		unit = strings.TrimSuffix(unit, "s")
	}
	return pointOn(axis, at) + " " + unit
}

// pointOn is a point of the axis in a table that has its name in the heading.
func pointOn(axis timing.Axis, at int) string {
	if axis.Unit == timing.InBytes {
		return short(addr.Bytes(at))
	}
	return countOf(at)
}

// axisHead is the heading over the points of an axis.
func axisHead(axis timing.Axis) string {
	if axis.Unit == timing.InBytes {
		return "Size"
	}
	return capital(string(axis.Unit))
}

// contendersOf are the names of those that were timed, in the order of the table.
func contendersOf(ts []timing.Timing) []string {
	var names []string
	for i := range ts {
		if !contains(names, ts[i].What) {
			names = append(names, ts[i].What)
		}
	}
	return names
}

// of are the timings of a contender, from point to point.
func (b *benchText) of(what string) []*timing.Timing { return timingsOf(b.StudyResult, what) }

func timingsOf(s *timing.StudyResult, what string) []*timing.Timing {
	var ts []*timing.Timing
	for i := range s.Timings {
		if t := &s.Timings[i]; t.What == what {
			ts = append(ts, t)
		}
	}
	return ts
}

func contains(all []string, s string) bool { return slices.Contains(all, s) }

// between is an interval in little room.
func between(ci timing.Interval) string { return significant(ci[0]) + "-" + significant(ci[1]) }

// sentence is s with a capital and a full stop.
func sentence(s string) string { return capital(s) + "." }

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// duration is d in nanoseconds, or in milliseconds from one on.
func duration(d time.Duration) string {
	if d < time.Millisecond {
		return humanize.Comma(d.Nanoseconds()) + " ns"
	}
	return humanize.Ftoa(float64(d)/1e6) + " ms"
}

// significant is x, which is not negative, with three digits at least; 0.000 is
// less than half a thousandth.
func significant(x float64) string {
	switch {
	case x >= 999.5:
		return humanize.Comma(int64(math.Round(x)))
	case x >= 99.95:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case x >= 9.995:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case x >= 0.9995:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
	return strconv.FormatFloat(x, 'f', 3, 64)
}

// countOf is a number of things, exact below ten thousand or where it is not round.
func countOf(n int) string {
	switch {
	case n >= 1_000_000 && n%1_000_000 == 0:
		return strconv.Itoa(n/1_000_000) + "M"
	case n >= 10_000 && n%1_000 == 0:
		return strconv.Itoa(n/1_000) + "k"
	}
	return humanize.Comma(int64(n))
}
