package report

import (
	"fmt"
	"math"
	"strings"

	"memprobe/probe/timing"
)

// PlotBench draws a measurement as SVG: a panel for each study, both axes
// logarithmic, a line for each contender with the interval of each point. A point
// bears its figures as they are in JSON.
func PlotBench(r *timing.Result) []byte {
	head := newPlotHead("What memory costs here, an operation", benchPlotAbout(r))
	tall := head.tall
	var panels []*benchPanel
	for i := range r.Studies {
		p := newBenchPanel(&r.Studies[i], tall)
		panels = append(panels, p)
		tall = p.bottom
	}
	return head.svg(plotStyle+benchPlotStyle, tall+plotLine/2, func(d *drawingXML) {
		for _, p := range panels {
			p.draw(d)
		}
	})
}

func benchPlotAbout(r *timing.Result) string {
	cpu := archName(r.Machine.Arch)
	if r.Machine.CPU != "" {
		cpu = r.Machine.CPU
	}
	about := fmt.Sprintf("%s, %s, Linux %s, %s. Both axes are logarithmic; a bar is the 95 %% interval of the median.",
		escape(cpu), plural(r.Machine.Cores, "core"), escape(r.Machine.Kernel), escape(r.Machine.Go))
	for _, n := range r.Notes {
		about += " " + sentence(escape(n))
	}
	return about
}

// benchPlotStyle is what a picture of a measurement has beside plotStyle.
const benchPlotStyle = `.f{stroke:#a8206b;stroke-dasharray:1 3}.line.f{stroke-linecap:round}.ci{fill:none;stroke-width:1.4;stroke-dasharray:none}
.dot{fill:#fff;stroke-width:1.6;stroke-dasharray:none}
@media(prefers-color-scheme:dark){.f{stroke:#ff86c3}.dot{fill:#0d1117}}
`

// benchClasses are the style classes of a study's lines; those behind them come
// round again.
var benchClasses = []string{"b", "c", "d", "e", "a", "f"}

// benchPanel is the diagram of a study.
type benchPanel struct {
	*timing.StudyResult
	titles  []string
	legend  [][]string // the names of the contenders, in rows
	top     float64    // of the diagram
	bottom  int        // of all that belongs to it
	up      scale
	lo, hi  float64 // the first and the last point of the axis
	legendY int
}

// legendName is how long a line's sample and its name are in a legend.
func legendName(name string) int { return 27 + 7*width(name) + 12 }

func newBenchPanel(s *timing.StudyResult, top int) *benchPanel {
	p := &benchPanel{StudyResult: s, titles: wrapHard(s.Title, 58), up: scaleOf(s.Timings)}
	right := plotWidth
	for _, what := range contendersOf(s.Timings) {
		if right+legendName(what) > plotRight-12 {
			p.legend, right = append(p.legend, nil), 0
		}
		row := &p.legend[len(p.legend)-1]
		*row, right = append(*row, what), right+legendName(what)
	}
	p.legendY = top + (len(p.titles)+1)*plotLine
	below := p.legendY + len(p.legend)*plotLine + 4
	p.top = float64(below)
	p.bottom = below + panelTall + 3*plotLine
	p.lo, p.hi = math.Inf(1), math.Inf(-1)
	for i := range s.Timings {
		at := float64(s.Timings[i].At)
		p.lo, p.hi = min(p.lo, at), max(p.hi, at)
	}
	return p
}

// apartBy is how far the lines of contenders stand aside of each other, for those
// that are alike would hide each other.
const apartBy = 3.5

// margin is the space between the edges of the diagram and its points.
const margin = 14

// x is where a point of the axis is; the middle where there is one alone.
func (p *benchPanel) x(at int) float64 {
	if p.lo == p.hi {
		return (plotLeft + plotRight) / 2
	}
	share := math.Log(float64(at)/p.lo) / math.Log(p.hi/p.lo)
	return plotLeft + margin + (plotRight-plotLeft-2*margin)*share
}

func (p *benchPanel) y(ns float64) float64 { return p.top + panelTall*(1-p.up.at(ns)) }

func (p *benchPanel) draw(d *drawingXML) {
	for i, l := range p.titles {
		d.text("text", l, "x", 12, "y", int(p.top)-(len(p.legend)+len(p.titles)-i)*plotLine, "font-weight", "600")
	}
	p.grid(d)
	p.points(d)
	all := contendersOf(p.Timings)
	for i, what := range all {
		p.series(d, what, benchClasses[i%len(benchClasses)], apartBy*(float64(i)-float64(len(all)-1)/2))
	}
}

// grid draws the legend, the powers of ten, and the edges.
func (p *benchPanel) grid(d *drawingXML) {
	n := 0
	for i, row := range p.legend {
		at, y := 12, p.legendY+i*plotLine
		for _, what := range row {
			d.empty("path", "class", "line "+benchClasses[n%len(benchClasses)], "d", fmt.Sprintf("M%d %dh22", at, y))
			d.text("text", what, "x", at+27, "y", y+4)
			at += legendName(what)
			n++
		}
	}
	for _, ns := range p.up.decades() {
		y := p.y(ns)
		d.empty("path", "class", "grid", "d", fmt.Sprintf("M%d %.2fH%d", plotLeft, y, plotRight))
		d.text("text", roundTime(ns), "x", plotLeft-6, "y", fmt.Sprintf("%.2f", y+4), "text-anchor", "end", "class", "quiet")
	}
	d.empty("path", "class", "edge", "fill", "none", "d", fmt.Sprintf("M%d %gv%dH%d", plotLeft, p.top, panelTall, plotRight))
}

// points writes the points of the axis, as many as have room.
func (p *benchPanel) points(d *drawingXML) {
	y := p.top + panelTall + plotLine
	end := math.Inf(-1)
	for i := range p.Timings {
		at := p.Timings[i].At
		label := pointOn(p.Axis, at)
		half := 3.5 * float64(width(label))
		if x := p.x(at); x-half > end+6 {
			d.text("text", label, "x", fmt.Sprintf("%.2f", x), "y", y, "text-anchor", "middle", "class", "quiet")
			end = x + half
		}
	}
	d.text("text", p.Axis.Name, "x", (plotLeft+plotRight)/2, "y", y+plotLine-1, "text-anchor", "middle", "class", "quiet")
}

// series draws the line of a contender, aside to the right, and over it its points.
func (p *benchPanel) series(d *drawingXML, what, class string, aside float64) {
	ts := timingsOf(p.StudyResult, what)
	var points []string
	for _, t := range ts {
		points = append(points, fmt.Sprintf("%.2f,%.2f", p.x(t.At)+aside, p.y(t.Median)))
	}
	d.empty("polyline", "class", "line "+class, "points", strings.Join(points, " "))
	for _, t := range ts {
		p.point(d, t, class, p.x(t.At)+aside)
	}
}

// point draws a timing at x: its interval, and the median on it.
func (p *benchPanel) point(d *drawingXML, t *timing.Timing, class string, x float64) {
	about := fmt.Sprintf("%s, %s: %s", t.What, placeOn(p.Axis, t.At), inTime(t.Median))
	attributes := []any{"class", "point", "data-study", p.Name, "data-what", t.What, "data-at", t.At, "data-median", exact(t.Median)}
	if t.CI95.Known() {
		about += fmt.Sprintf(" (%s)", inUnitOf(t.Median, t.CI95))
		attributes = append(attributes, "data-low", exact(t.CI95[0]), "data-high", exact(t.CI95[1]))
	}
	d.element("g", func() {
		d.text("title", about)
		if t.CI95.Known() {
			lo, hi := p.y(t.CI95[0]), p.y(t.CI95[1])
			d.empty("path", "class", "ci "+class, "d", fmt.Sprintf("M%.2f %.2fh6m-3 0V%.2fm-3 0h6", x-3, lo, hi))
		}
		d.empty("circle", "class", "dot "+class, "cx", fmt.Sprintf("%.2f", x), "cy", fmt.Sprintf("%.2f", p.y(t.Median)), "r", 2.4)
	}, attributes...)
	d.b.WriteByte('\n')
}
