package report

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

// A plot is a picture in SVG: panels below each other over one horizontal axis.
// Lengths are in the units of its view box, which is as wide as the picture is
// meant to be shown at least; so is the text, at a size that can be read there.
const (
	plotWidth = 440
	plotLeft  = 66  // where the panels begin
	plotRight = 424 // and end
	panelTall = 150
	plotLine  = 17 // from a line of text to the next
)

// plot is what is drawn.
type plot struct {
	title, about string
	across       axis
	panels       []panel
}

// axis is the values from 0 to max, and how they are written.
type axis struct {
	name  string
	max   float64 // above 0
	ticks []float64
	label func(float64) string
}

// panel is a diagram with a legend over it.
type panel struct {
	name  string
	up    axis
	lines []series
}

// series is a line in a panel.
type series struct {
	name   string
	class  string // of the style sheet
	filled bool   // down to the axis
	points [][2]float64
}

// plotStyle has the colours, for light and for dark pages. Lines differ in their
// dashes too.
const plotStyle = `
svg{background:#fff;color:#1b1f24;font:12px system-ui,sans-serif}
text{fill:currentColor}.quiet{fill:#57606a}.grid{stroke:#d0d7de}.edge{stroke:#57606a}
.line{fill:none;stroke-width:1.8;stroke-linejoin:round}.area{stroke:none;opacity:.18}
.a{stroke:#57606a}.b{stroke:#0b62c4}.c{stroke:#b8470a;stroke-dasharray:7 3}.d{stroke:#0f7a4d;stroke-dasharray:2 3}.e{stroke:#8b3fb0;stroke-dasharray:8 3 2 3}
.area.a{fill:#57606a}.area.b{fill:#0b62c4}
@media(prefers-color-scheme:dark){svg{background:#0d1117;color:#e6edf3}.quiet{fill:#9da7b3}.grid{stroke:#30363d}.edge{stroke:#9da7b3}
.a{stroke:#9da7b3}.b{stroke:#6cb2ff}.c{stroke:#ff9d5c}.d{stroke:#4fd19a}.e{stroke:#d59bf0}.area.a{fill:#9da7b3}.area.b{fill:#6cb2ff}}
`

// svg is the picture.
func (pl *plot) svg() []byte {
	head := newPlotHead(pl.title, pl.about)
	tall := head.tall
	var tops []int
	for range pl.panels {
		tops = append(tops, tall+2*plotLine)
		tall += 2*plotLine + panelTall + plotLine
	}
	tall += 2 * plotLine
	return head.svg(plotStyle, tall, func(d *drawingXML) {
		for i, panel := range pl.panels {
			pl.draw(d, panel, float64(tops[i]))
		}
		pl.under(d, float64(tall-2*plotLine))
	})
}

// plotHead is the text over the panels.
type plotHead struct {
	title, about string
	titles       []string
	lines        []string
	tall         int // where the panels begin
}

func newPlotHead(title, about string) plotHead {
	h := plotHead{title: title, about: about, titles: wrapHard(title, 50), lines: wrap(about, 64)}
	h.tall = (len(h.titles)+len(h.lines)+1)*plotLine + 4
	return h
}

// svg is a picture of that height with the head, and what body draws below it.
func (h *plotHead) svg(style string, tall int, body func(*drawingXML)) []byte {
	d := &drawingXML{}
	d.element("svg", func() {
		d.text("title", h.title)
		d.text("desc", h.about)
		d.text("style", style)
		for i, l := range h.titles {
			d.text("text", l, "x", 12, "y", 24+i*plotLine, "font-weight", "600", "font-size", "14")
		}
		for i, l := range h.lines {
			d.text("text", l, "x", 12, "y", 24+(len(h.titles)+i)*plotLine, "class", "quiet")
		}
		body(d)
	}, "xmlns", "http://www.w3.org/2000/svg", "viewBox", fmt.Sprintf("0 0 %d %d", plotWidth, tall), "role", "img")
	return []byte(d.b.String() + "\n")
}

func (pl *plot) x(v float64) float64 {
	return plotLeft + (plotRight-plotLeft)*v/pl.across.max
}

func (a *axis) y(v, top float64) float64 { return top + panelTall*(1-v/a.max) }

// draw draws a panel whose upper edge is at top.
func (pl *plot) draw(d *drawingXML, panel panel, top float64) {
	d.text("text", panel.name, "x", 12, "y", top-plotLine-4, "font-weight", "600")
	at := plotLeft
	for _, s := range panel.lines {
		d.empty("path", "class", "line "+s.class, "d", fmt.Sprintf("M%d %gh22", at, top-9))
		d.text("text", s.name, "x", at+27, "y", top-5)
		at += 27 + 7*width(s.name) + 12
	}
	for _, t := range panel.up.ticks {
		y := panel.up.y(t, top)
		d.empty("path", "class", "grid", "d", fmt.Sprintf("M%d %.2fH%d", plotLeft, y, plotRight))
		d.text("text", panel.up.label(t), "x", plotLeft-6, "y", fmt.Sprintf("%.2f", y+4), "text-anchor", "end", "class", "quiet")
	}
	d.empty("path", "class", "edge", "fill", "none", "d", fmt.Sprintf("M%d %gv%dH%d", plotLeft, top, panelTall, plotRight))
	for _, s := range panel.lines {
		var path strings.Builder
		for _, p := range s.points {
			fmt.Fprintf(&path, " %.2f,%.2f", pl.x(p[0]), panel.up.y(p[1], top))
		}
		points := strings.TrimPrefix(path.String(), " ")
		if s.filled && len(s.points) > 0 {
			first, last := s.points[0], s.points[len(s.points)-1]
			d.empty("polygon", "class", "area "+s.class, "points",
				fmt.Sprintf("%.2f,%.2f %s %.2f,%.2f", pl.x(first[0]), top+panelTall, points, pl.x(last[0]), top+panelTall))
		}
		d.empty("polyline", "class", "line "+s.class, "data-series", panel.name+": "+s.name, "points", points)
	}
}

// under writes the values of the horizontal axis below the last panel, at bottom.
func (pl *plot) under(d *drawingXML, bottom float64) {
	y := bottom
	for i, t := range pl.across.ticks {
		anchor := "middle"
		if i == 0 {
			anchor = "start"
		} else if pl.x(t) > plotRight-20 {
			anchor = "end"
		}
		d.text("text", pl.across.label(t), "x", fmt.Sprintf("%.2f", pl.x(t)), "y", y, "text-anchor", anchor, "class", "quiet")
	}
	d.text("text", pl.across.name, "x", (plotLeft+plotRight)/2, "y", y+plotLine, "text-anchor", "middle", "class", "quiet")
}

// drawingXML writes XML elements. Attributes are names and values in turn.
type drawingXML struct{ b strings.Builder }

func (d *drawingXML) open(name, end string, attributes []any) {
	fmt.Fprintf(&d.b, "<%s", name)
	for i := 0; i < len(attributes); i += 2 {
		fmt.Fprintf(&d.b, ` %s="`, attributes[i])
		d.escaped(fmt.Sprint(attributes[i+1]))
		d.b.WriteByte('"')
	}
	d.b.WriteString(end)
}

func (d *drawingXML) empty(name string, attributes ...any) { d.open(name, "/>\n", attributes) }

func (d *drawingXML) text(name, s string, attributes ...any) {
	d.open(name, ">", attributes)
	d.escaped(s)
	fmt.Fprintf(&d.b, "</%s>\n", name)
}

func (d *drawingXML) element(name string, inside func(), attributes ...any) {
	d.open(name, ">\n", attributes)
	inside()
	fmt.Fprintf(&d.b, "</%s>", name)
}

// escaped writes text as XML has it; a strings.Builder takes every write.
func (d *drawingXML) escaped(s string) { _ = xml.EscapeText(&d.b, []byte(s)) }

// decimalTicks are round values from 0 to at most most, 6 of them or fewer.
func decimalTicks(most float64) []float64 {
	step := 1.0
	for i := 0; most/step > 5; i++ {
		step *= []float64{2, 2.5, 2}[i%3] // 1, 2, 5, 10, ...
	}
	return multiples(step, most)
}

// binaryTicks are multiples of a power of two from 0 to the first that is not
// below most, 6 of them or fewer.
func binaryTicks(most float64) []float64 {
	step := 1.0
	for most/step > 5 {
		step *= 2
	}
	return multiples(step, step*math.Ceil(most/step))
}

func multiples(step, most float64) []float64 {
	var all []float64
	for i := 0.0; i*step <= most; i++ {
		all = append(all, i*step)
	}
	return all
}
