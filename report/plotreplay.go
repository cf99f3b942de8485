package report

import (
	"fmt"
	"math"
	"path"

	"github.com/dustin/go-humanize"

	"memprobe/layout/addr"
	"memprobe/probe/replay"
)

// lineClasses are the style classes of lines, by the number of the policy.
var lineClasses = []string{"b", "c", "d", "e"}

// PlotReplay draws how a trace went as SVG: the bytes requested, and how far the
// heap had to grow for them; below, the fragmentation. Of several policies the
// external one, as the internal one is the same for all.
func PlotReplay(r *replay.Report) []byte {
	bytes := panel{name: "Bytes", up: axis{label: func(v float64) string { return short(addr.Bytes(v)) }}}
	share := panel{name: "Fragmentation", up: axis{max: 1, ticks: []float64{0, 0.25, 0.5, 0.75, 1}, label: func(v float64) string { return fmt.Sprintf("%.0f %%", 100*v) }}}
	several := len(r.Runs) > 1
	for i, run := range r.Runs {
		class := lineClasses[i%len(lineClasses)]
		if i == 0 {
			bytes.lines = append(bytes.lines, courseLine("live", "a", run.Course, func(p replay.Point) float64 { return float64(p.Live) }))
			bytes.lines[0].filled = true
		}
		highWater := "high water"
		external := "external"
		if several {
			highWater, external = run.Policy, run.Policy
		} else {
			share.lines = append(share.lines, courseLine("internal", "c", run.Course, func(p replay.Point) float64 { return p.Internal }))
		}
		bytes.lines = append(bytes.lines, courseLine(highWater, class, run.Course, func(p replay.Point) float64 { return float64(p.HighWater) }))
		share.lines = append(share.lines, courseLine(external, class, run.Course, func(p replay.Point) float64 { return p.External }))
	}
	if several {
		bytes.name, share.name = "Bytes live, and high water by policy", "External fragmentation by policy"
	}
	bytes.up.ticks = binaryTicks(highest(bytes.lines))
	bytes.up.max = bytes.up.ticks[len(bytes.up.ticks)-1]
	ops := math.Max(float64(r.Ops), 1)
	pl := plot{
		title:  escape(path.Base(r.Name)) + plotTitle(r),
		about:  plotAbout(r),
		across: axis{name: "operation", max: ops, ticks: decimalTicks(ops), label: func(v float64) string { return humanize.Comma(int64(v)) }},
		panels: []panel{bytes, share},
	}
	return pl.svg()
}

// courseLine is a course as a line.
func courseLine(name, class string, course []replay.Point, of func(replay.Point) float64) series {
	s := series{name: name, class: class}
	for _, p := range course {
		s.points = append(s.points, [2]float64{float64(p.Op), of(p)})
	}
	return s
}

func highest(lines []series) float64 {
	most := 1.0
	for _, l := range lines {
		for _, p := range l.points {
			most = math.Max(most, p[1])
		}
	}
	return most
}

func plotTitle(r *replay.Report) string {
	if len(r.Runs) == 1 {
		return " on " + policyName(&r.Runs[0])
	}
	return fmt.Sprintf(" with %d policies", len(r.Runs))
}

// plotAbout says in words what the picture shows.
func plotAbout(r *replay.Report) string {
	s := fmt.Sprintf("%s; at most %s requested at once.", plural(r.Ops, "operation"), size(r.PeakLive))
	if len(r.Runs) != 1 {
		return s
	}
	return s + fmt.Sprintf(" That is %s of high water, %s.", percent(r.Runs[0].Utilization), size(r.Runs[0].HighWater))
}
