package report

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"

	"memprobe/probe/timing"
)

// TestPlotBench: the picture is XML, and its points are those of the JSON form, as
// numbers and by where they are drawn.
func TestPlotBench(t *testing.T) {
	for _, r := range []*timing.Result{benchmark(), sparse()} {
		var model struct {
			Studies []struct {
				Name    string
				Timings []struct {
					What   string
					At     int
					Median float64
					CI95   *[2]float64
				}
			}
		}
		if err := json.Unmarshal([]byte(render(t, "json", Bench(r), Options{})), &model); err != nil {
			t.Fatal(err)
		}
		all := elements(t, PlotBench(r))
		drawn := make(map[string]element)
		centres := make(map[string]element)
		for i, e := range all {
			if e.attr["class"] != "point" {
				continue
			}
			key := e.attr["data-study"] + "/" + e.attr["data-what"] + "/" + e.attr["data-at"]
			drawn[key] = e
			for _, inside := range all[i+1 : min(i+4, len(all))] {
				if inside.name == "circle" {
					centres[key] = inside
					break
				}
			}
		}
		n := 0
		for _, s := range model.Studies {
			places := make(map[float64]float64) // heights by times
			for _, want := range s.Timings {
				n++
				key := s.Name + "/" + want.What + "/" + strconv.Itoa(want.At)
				got := drawn[key].attr
				if got["data-median"] != exact(want.Median) {
					t.Errorf("%s: median %q, want %v", key, got["data-median"], want.Median)
				}
				low, high := "", ""
				if want.CI95 != nil {
					low, high = exact(want.CI95[0]), exact(want.CI95[1])
				}
				if got["data-low"] != low || got["data-high"] != high {
					t.Errorf("%s: %s to %s, want %s to %s", key, got["data-low"], got["data-high"], low, high)
				}
				places[want.Median] = number(t, centres[key].attr["cy"])
			}
			logarithmic(t, s.Name, places)
		}
		if len(drawn) != n {
			t.Errorf("%d points of %d timings", len(drawn), n)
		}
	}
}

// logarithmic fails unless ten times as much is as much higher everywhere.
func logarithmic(t *testing.T, name string, heights map[float64]float64) {
	t.Helper()
	var lowest, highest float64
	for x := range heights {
		if lowest == 0 || x < lowest {
			lowest = x
		}
		highest = max(highest, x)
	}
	if lowest == highest {
		return
	}
	scale := (heights[lowest] - heights[highest]) / math.Log(highest/lowest)
	for x, y := range heights {
		if want := heights[lowest] - scale*math.Log(x/lowest); scale <= 0 || math.Abs(y-want) > 0.02 {
			t.Errorf("%s: %g is drawn at %g, want %g", name, x, y, want)
		}
	}
}

// TestPlotBenchFits: all is drawn inside the picture.
func TestPlotBenchFits(t *testing.T) {
	all := elements(t, PlotBench(benchmark()))
	tall := number(t, strings.Fields(all[0].attr["viewBox"])[3])
	for _, e := range all {
		for name, most := range map[string]float64{"x": plotWidth, "cx": plotWidth, "y": tall, "cy": tall} {
			if s, ok := e.attr[name]; ok {
				if x := number(t, s); x < 0 || x > most {
					t.Errorf("%s: %s is %g", e.name, name, x)
				}
			}
		}
	}
}

// TestPlotBenchEscapes: a processor's name stays a name.
func TestPlotBenchEscapes(t *testing.T) {
	r := benchmark()
	r.Machine.CPU = "no\x1b[31m<&\">\u202e"
	svg := PlotBench(r)
	if !shown(string(svg)) {
		t.Errorf("%q", svg)
	}
	if about := elements(t, svg)[2]; about.name != "desc" || !strings.HasPrefix(about.text, `no\x1b[31m<&">\u{202e}, 2 cores`) {
		t.Errorf("%+v", about)
	}
}
