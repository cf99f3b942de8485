package report

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"

	"memprobe/layout/addr"
	"memprobe/probe/replay"
	"memprobe/probe/replay/policies"
)

// hostile is a trace's name that no terminal, page or table should get as it is.
const hostile = "a/=b\x1b[31m<&\">\u202e\xff.rep"

// shown says whether nothing of hostile has come through as it is.
func shown(s string) bool { return utf8.ValidString(s) && !strings.ContainsAny(s, "\x1b\u202e") }

// played is a report of one run, with everything that a run can have.
func played() *replay.Report {
	metadata, resident, books, withBooks := addr.Bytes(124_401), addr.Bytes(2_584_576), addr.Bytes(163_840), 0.93821
	run := replay.Run{
		Policy: "first", About: "the lowest hole that fits", Heap: 97_312_768, NSPerOp: 81.72, Passes: 5, LoopNSPerOp: 8.41,
		HighWater: 2_581_648, Metadata: &metadata, Utilization: 0.98342, WithBooks: &withBooks, Resident: &resident, Books: &books,
		Moved: 12_055, Searches: replay.Searches{Counted: 6907, Of: 290_087, Mean: 29.17, Median: 12, P90: 78, Longest: 117},
		Mean: replay.Mean{Internal: 0.015, External: 0.3476},
	}
	for i := range 25 {
		x := addr.Bytes(i + 1)
		run.Course = append(run.Course, replay.Point{
			Op: 24_000*(i+1) - 1, Live: 100_000 * x, Used: 101_000 * x, HighWater: 103_265 * x, LargestHole: 1000 * x,
			Internal: 1 - 100.0/101, External: 1 - 1000/2265.0,
		})
	}
	return &replay.Report{
		Summary: replay.Summary{
			Name: "traces/cc1.rep.gz", Ops: 600_000, Allocs: 290_087, Resizes: 26_246, Frees: 283_667,
			PeakLive: 2_538_854, PeakLiveOp: 596_525, PeakBlocks: 7074,
		},
		Runs: []replay.Run{run},
	}
}

// compare is the same trace with all policies.
func compare() *replay.Report {
	r := played()
	for i, p := range policies.All[1:] {
		run := r.Runs[0]
		run.Policy, run.About, run.Model, run.Metadata, run.Resident, run.Books, run.Passes = p.Name, p.About, true, nil, nil, nil, 1
		run.HighWater += addr.Bytes(100_000 * i)
		run.WithBooks, run.NSPerOp, run.Searches.Counted = nil, 1867.2, run.Searches.Of
		r.Runs = append(r.Runs, run)
	}
	return r
}

// holes are those of the places and sizes given in turn.
func holes(numbers ...addr.Bytes) []replay.Hole {
	var all []replay.Hole
	for ; len(numbers) > 0; numbers = numbers[2:] {
		all = append(all, replay.Hole{Offset: numbers[0], Size: numbers[1]})
	}
	return all
}

// mapped is a small arena with a hole of each kind.
func mapped() *replay.Arena {
	return &replay.Arena{HighWater: 100 << 10, Blocks: 1234, Used: 80 << 10, Holes: holes(1<<10, 16, 10<<10, 8<<10, 40<<10+16, 12<<10, 100<<10-32, 32)}
}

func withMap(r *replay.Report) *replay.Report {
	for i := range r.Runs {
		r.Runs[i].Arena = mapped()
	}
	return r
}

// tiny is a run of a few operations, of which nothing else is known.
func tiny() *replay.Report {
	return &replay.Report{
		Summary: replay.Summary{Name: hostile, Ops: 1, Allocs: 1, PeakLiveOp: 0, PeakLive: 1, PeakBlocks: 1},
		Runs: []replay.Run{{Policy: "best", Model: true, HighWater: 16, Utilization: 1. / 16, Passes: 1, NSPerOp: 400,
			Searches: replay.Searches{Counted: 1, Of: 1, Mean: 1, Median: 1, P90: 1, Longest: 1},
			Course:   []replay.Point{{Op: 0, Live: 1, Used: 16, HighWater: 16, Internal: 15. / 16}}, Notes: []string{"a note with \x1b"}}},
	}
}

// nothing is a trace without operations.
func nothing() *replay.Report {
	return &replay.Report{Summary: replay.Summary{Name: "empty.rep", PeakLiveOp: -1}, Runs: []replay.Run{{Policy: "first", Arena: &replay.Arena{Holes: []replay.Hole{}}}}}
}

// state is an allocation that looked at more free blocks than are kept.
func state() *replay.State {
	to, id, other := addr.Bytes(0x23de10), uint32(146_759), uint32(98_367)
	s := &replay.State{
		Summary: played().Summary, Policy: "first", Index: 300_003, Kind: replay.Alloc, ID: id, Size: 104, To: &to,
		Search: &replay.Search{Looked: 43},
		Point:  replay.Point{Op: 300_003, Live: 2_400_000, Used: 2_430_000, HighWater: 2_450_000, LargestHole: 16_000, Internal: 0.0123, External: 0.2},
		Near: []replay.Block{
			{Offset: to - 64, Size: 64, Requested: 60, Used: true, ID: &other}, {Offset: to, Size: 112, Requested: 104, Used: true, ID: &id},
			{Offset: to + 112, Size: 16}, {Offset: 2_450_000 - 48, Size: 64 << 20},
		},
		Below: 5156, Above: 1, Arena: mapped(),
	}
	for i := range addr.Bytes(16) {
		s.Search.First = append(s.Search.First, policies.Candidate{Offset: 0x1b4730 + 4096*i, Size: 32 + 16*(i%4)})
	}
	s.Search.Last = []policies.Candidate{{Offset: 0x23d000, Size: 16}, {Offset: to, Size: 128, Fits: true, Taken: true}}
	s.Search.Taken = &s.Search.Last[1]
	return s
}

// resized is a resize that moved, with a policy that looks at all free blocks and
// has taken the rest of the arena; stays is one that did not move; freed is a free.
func resized() *replay.State {
	from, to, id := addr.Bytes(0), addr.Bytes(96), uint32(0)
	s := &replay.State{
		Summary: replay.Summary{Name: "--ops", Ops: 6}, Policy: "worst", Model: true, Index: 5, Kind: replay.Resize, ID: id, Size: 64, From: &from, To: &to,
		Search: &replay.Search{Looked: 2, First: []policies.Candidate{{Offset: 32, Size: 48}, {Offset: 96, Size: 4000, Fits: true, Taken: true}}},
		Point:  replay.Point{Live: 80, Used: 80, HighWater: 160, LargestHole: 32, External: 0.6},
		Near:   []replay.Block{{Offset: 0, Size: 32}, {Offset: 96, Size: 64, Requested: 64, Used: true, ID: &id}, {Offset: 160, Size: 3936}},
	}
	s.Search.Taken = &s.Search.First[1]
	return s
}

func stays() *replay.State {
	s := resized()
	s.To, s.Search = s.From, nil
	return s
}

func freed() *replay.State {
	s := resized()
	s.Kind, s.To, s.Search, s.Size = replay.Free, nil, nil, 1
	return s
}

// fitsAndPassed is a search that passes a block that fits, as best fit does.
func fitsAndPassed() *replay.State {
	s := resized()
	s.Search.First[0] = policies.Candidate{Offset: 32, Size: 64, Fits: true}
	return s
}

func TestReplay(t *testing.T) {
	for name, d := range map[string]Document{"replay": Replay(withMap(played())), "replay.compare": Replay(withMap(compare())), "replay.tiny": Replay(tiny()), "replay.empty": Replay(nothing())} {
		golden(t, name+".80.txt", render(t, "text", d, Options{Width: 80}))
		golden(t, name+".json", render(t, "json", d, Options{}))
		golden(t, name+".csv", render(t, "csv", d, Options{}))
	}
	golden(t, "replay.160.txt", render(t, "text", Replay(withMap(played())), Options{Width: 160}))
	golden(t, "replay.ascii.txt", render(t, "text", Replay(withMap(compare())), Options{Width: 80, ASCII: true}))
	golden(t, "replay.color.txt", render(t, "text", Replay(withMap(played())), Options{Width: 80, Color: true}))
}

func TestReplayState(t *testing.T) {
	golden(t, "replay.step.80.txt", render(t, "text", ReplayState([]*replay.State{state()}), Options{Width: 80}))
	golden(t, "replay.step.ascii.txt", render(t, "text", ReplayState([]*replay.State{state()}), Options{Width: 160, ASCII: true}))
	golden(t, "replay.step.json", render(t, "json", ReplayState([]*replay.State{state()}), Options{}))
	several := ReplayState([]*replay.State{resized(), stays(), freed(), fitsAndPassed()})
	golden(t, "replay.steps.80.txt", render(t, "text", several, Options{Width: 80}))
	golden(t, "replay.steps.json", render(t, "json", several, Options{}))
}

func TestPlacements(t *testing.T) {
	d := Placements("t.rep", "first", []replay.Placement{{Op: 0, Offset: 0}, {Op: 1, Offset: 1 << 40}, {Op: 7, Offset: 16}})
	for format, want := range map[string]string{
		"text": "0 0\n1 1099511627776\n7 16\n",
		"csv":  "index,offset\n0,0\n1,1099511627776\n7,16\n",
	} {
		if got := render(t, format, d, Options{Width: 80, Color: true, ASCII: true}); got != want {
			t.Errorf("%s: %q", format, got)
		}
	}
	golden(t, "replay.placements.json", render(t, "json", d, Options{}))
	if got := render(t, "json", Placements("t", "first", nil), Options{Line: true}); !strings.Contains(got, `"placements":[]`) {
		t.Errorf("%s", got)
	}
}

// TestReplayFits: no line is wider than asked for, and nothing of a name reaches
// the terminal that should not.
func TestReplayFits(t *testing.T) {
	long := played()
	long.Name = strings.Repeat("directory/", 20) + hostile
	var docs []Document
	for _, r := range []*replay.Report{withMap(played()), withMap(compare()), withMap(tiny()), nothing(), long} {
		docs = append(docs, Replay(r))
	}
	docs = append(docs, ReplayState([]*replay.State{state(), resized(), stays(), freed()}))
	for i, d := range docs {
		for _, width := range []int{MinWidth, 80, 100, 160} {
			text := render(t, "text", d, Options{Width: width})
			for l := range strings.Lines(text) {
				if got := displaywidth.String(strings.TrimRight(l, "\n")); got > width && !strings.Contains(l, "directory") {
					t.Errorf("document %d, width %d: %d cells in %q", i, width, got, l)
				}
			}
			if !shown(text) {
				t.Errorf("document %d: it is not escaped", i)
			}
			if ascii := render(t, "text", d, Options{Width: width, ASCII: true}); strings.ContainsFunc(ascii, func(r rune) bool { return r > '~' }) {
				t.Errorf("document %d is not ASCII:\n%s", i, ascii)
			}
		}
		for _, format := range []string{"json", "csv"} {
			if format == "csv" && i == len(docs)-1 {
				continue
			}
			if !shown(render(t, format, d, Options{})) {
				t.Errorf("document %d: its %s is not escaped", i, format)
			}
		}
	}
}

// TestReplayJSON reads back what a program would.
func TestReplayJSON(t *testing.T) {
	type run struct {
		Policy               string
		NSPerOp              float64 `json:"ns_per_op"`
		HighWater            int     `json:"high_water"`
		Metadata             *int
		Utilization          float64
		Course               []struct{ Op, Live int }
		UtilizationWithBooks *float64 `json:"utilization_metadata"`
	}
	var one struct {
		Schema   int
		Trace    string
		Ops      int
		PeakLive int `json:"peak_live"`
		run
	}
	if err := json.Unmarshal([]byte(render(t, "json", Replay(played()), Options{})), &one); err != nil {
		t.Fatal(err)
	}
	if one.Schema != 1 || one.Ops != 600_000 || one.PeakLive != 2_538_854 || one.Policy != "first" || one.NSPerOp != 81.72 ||
		one.HighWater != 2_581_648 || *one.Metadata != 124_401 || one.Utilization != 0.98342 || len(one.Course) != 25 {
		t.Errorf("%+v", one)
	}
	var all struct {
		Ops      int
		PeakLive int `json:"peak_live"`
		Policies []run
	}
	if err := json.Unmarshal([]byte(render(t, "json", Replay(compare()), Options{})), &all); err != nil {
		t.Fatal(err)
	}
	if all.Ops != 600_000 || all.PeakLive != 2_538_854 || len(all.Policies) != 4 || all.Policies[3].Policy != "worst" || all.Policies[1].Metadata != nil || all.Policies[1].UtilizationWithBooks != nil {
		t.Errorf("%+v", all)
	}
}

// TestReplayCSV: a row for each policy, as many fields as names.
func TestReplayCSV(t *testing.T) {
	r := compare()
	r.Name = hostile + ",\n"
	rows, err := csv.NewReader(strings.NewReader(render(t, "csv", Replay(r), Options{}))).ReadAll()
	if err != nil || len(rows) != 5 || rows[0][0] != "trace" || rows[4][1] != "worst" {
		t.Errorf("%q, %v", rows, err)
	}
}

func TestDrawCells(t *testing.T) {
	c := cells{"#", "+", ".", "o"}
	for _, tt := range []struct {
		want string
		high addr.Bytes
		hole []replay.Hole
	}{
		{"####", 256, nil},
		{"###", 192 - 16, nil},
		{"#oo#", 256, holes(64, 128)},
		{".#oo", 256, holes(0, 64, 128, 128)},
		{"+oo+", 256, holes(48, 160)},
		{"+oo", 192 - 16, holes(48, 128)},
		{"#o##", 256, holes(80, 16)},
		{"+o##", 256, holes(0, 16, 80, 32)},
		{"#o+#", 256, holes(80, 64)},
	} {
		a := &replay.Arena{HighWater: tt.high, Holes: tt.hole}
		largest, _ := a.Largest()
		if got := strings.Join(drawCells(a, largest, 64, c), ""); got != tt.want {
			t.Errorf("%v in %d: %q, want %q", tt.hole, tt.high, got, tt.want)
		}
	}
}

// element is an SVG element with what the tests look at.
type element struct {
	name, text string
	attr       map[string]string
}

// elements are those of a document that encoding/xml finds no fault with.
func elements(t *testing.T, svg []byte) []element {
	t.Helper()
	var all []element
	var open []int
	for dec := xml.NewDecoder(strings.NewReader(string(svg))); ; {
		token, err := dec.Token()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, attr: map[string]string{}}
			for _, a := range token.Attr {
				e.attr[a.Name.Local] = a.Value
			}
			open = append(open, len(all))
			all = append(all, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				all[open[len(open)-1]].text += string(token)
			}
		}
	}
}

// TestPlotReplay: the picture is XML, and its lines go through the points that the
// JSON has.
func TestPlotReplay(t *testing.T) {
	for _, r := range []*replay.Report{played(), compare(), tiny(), nothing()} {
		all := elements(t, PlotReplay(r))
		named := map[string]bool{}
		lines := map[string][][2]float64{}
		for _, e := range all {
			if e.name != "polyline" {
				continue
			}
			for pair := range strings.FieldsSeq(e.attr["points"]) {
				x, y, _ := strings.Cut(pair, ",")
				lines[e.attr["data-series"]] = append(lines[e.attr["data-series"]], [2]float64{number(t, x), number(t, y)})
			}
			named[e.attr["data-series"]] = true
		}
		want := 4 // live, high water, internal, external
		if len(r.Runs) > 1 {
			want = 1 + 2*len(r.Runs)
		}
		if len(named) != want {
			t.Errorf("%d lines, want %d", len(named), want)
		}
		if len(r.Runs) == 1 && len(r.Runs[0].Course) > 1 {
			checkLine(t, r, lines["Bytes: live"], func(p replay.Point) float64 { return float64(p.Live) })
			checkLine(t, r, lines["Bytes: high water"], func(p replay.Point) float64 { return float64(p.HighWater) })
			checkLine(t, r, lines["Fragmentation: internal"], func(p replay.Point) float64 { return p.Internal })
			checkLine(t, r, lines["Fragmentation: external"], func(p replay.Point) float64 { return p.External })
		}
	}
	golden(t, "replay.svg", string(PlotReplay(played())))
	golden(t, "replay.compare.svg", string(PlotReplay(compare())))
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// checkLine: the x are those of the operations, and the y lie on one line with the
// values: the larger, the higher, in proportion.
func checkLine(t *testing.T, r *replay.Report, got [][2]float64, of func(replay.Point) float64) {
	t.Helper()
	course := r.Runs[0].Course
	if len(got) != len(course) {
		t.Fatalf("%d points, want %d", len(got), len(course))
	}
	zero, scale := math.NaN(), math.NaN()
	for i, p := range course {
		if x := plotLeft + (plotRight-plotLeft)*float64(p.Op)/float64(r.Ops); math.Abs(got[i][0]-x) > 0.01 {
			t.Errorf("point %d: x %g, want %g", i, got[i][0], x)
		}
		first, last := course[0], course[len(course)-1]
		if of(first) == of(last) {
			if got[i][1] != got[0][1] {
				t.Errorf("point %d: y %g, want %g", i, got[i][1], got[0][1])
			}
			continue
		}
		if i == 0 {
			scale = (got[0][1] - got[len(got)-1][1]) / (of(last) - of(first))
			zero = got[0][1] + scale*of(first)
		}
		if y := zero - scale*of(p); scale <= 0 || math.Abs(got[i][1]-y) > 0.02 {
			t.Errorf("point %d: y %g, want %g", i, got[i][1], y)
		}
	}
}

// TestPlotEscapes: a name stays a name.
func TestPlotEscapes(t *testing.T) {
	svg := PlotReplay(tiny())
	if !shown(string(svg)) {
		t.Errorf("%q", svg)
	}
	if title := elements(t, svg)[1]; title.name != "title" || !strings.HasPrefix(title.text, `=b\x1b[31m<&">\u{202e}\xff.rep on`) {
		t.Errorf("%+v", title)
	}
}

func TestTicks(t *testing.T) {
	for most, want := range map[float64]float64{1: 1, 3: 1, 5: 1, 6: 2, 10: 2, 20: 5, 47: 10, 100: 20, 551_802: 200_000, 600_000: 200_000, 1_000_001: 500_000} {
		if got := decimalTicks(most); len(got) > 6 || got[1] != want {
			t.Errorf("%v: %v, want steps of %v", most, got, want)
		}
	}
	for most, want := range map[float64]float64{1: 1, 5: 5, 6: 6, 16: 16, 2_581_648: 5 << 19, 1 << 36: 1 << 36} {
		if got := binaryTicks(most); len(got) > 6 || got[len(got)-1] != want {
			t.Errorf("%v: %v, want up to %v", most, got, want)
		}
	}
}

// TestWrapKeepsNumbersWhole: a line does not end between a share and its %.
func TestWrapKeepsNumbersWhole(t *testing.T) {
	for n := range 40 {
		for _, l := range wrap("internal 10.3 %, external 72.6 %. So 100 % of it", n) {
			if strings.HasPrefix(l, "%") {
				t.Errorf("width %d: a line begins %q", n, l)
			}
		}
	}
}
