package report

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/clipperhouse/displaywidth"
	"github.com/google/go-cmp/cmp"

	"memprobe/layout/addr"
	"memprobe/probe/timing"
)

// timed is a timing of 6 rounds, the median at x and the interval a tenth around it.
func timed(what string, at addr.Bytes, x float64) timing.Timing {
	return timing.Timing{
		What: what, At: int(at), About: "what " + what + " does", Iterations: 1000,
		Rounds: []float64{x, 0.9 * x, 1.1 * x, x, 0.95 * x, 1.05 * x},
		Median: x, CI95: timing.Interval{0.9 * x, 1.1 * x},
	}
}

// against is t with its ratio to the stack.
func against(t timing.Timing, x, lo, hi float64, v timing.Verdict) timing.Timing {
	return beside("stack", t, x, lo, hi, v)
}

// beside is t with its ratio to another contender.
func beside(to string, t timing.Timing, x, lo, hi float64, v timing.Verdict) timing.Timing {
	p := map[timing.Verdict]float64{timing.Slower: 0.00058, timing.Faster: 0.0022, timing.NoDifference: 0.247, timing.TooFewRounds: 0.333}[v]
	t.Ratio = &timing.Ratio{To: to, Median: x, CI95: timing.Interval{lo, hi}, P: p, Verdict: v}
	return t
}

func noted(t timing.Timing, notes ...string) timing.Timing {
	t.Notes = append(t.Notes, notes...)
	return t
}

func warned(t timing.Timing, warnings ...string) timing.Timing {
	t.Warnings = append(t.Warnings, warnings...)
	return t
}

// faulted is t with page faults and collections.
func faulted(t timing.Timing, faults, collecting float64) timing.Timing {
	t.Faults, t.Collecting = faults, collecting
	if collecting > 0 {
		t.Collections = 12
	}
	return t
}

// fewRounds is t after two rounds.
func fewRounds(t timing.Timing) timing.Timing {
	t.Rounds, t.CI95 = t.Rounds[:1], timing.Interval{math.Inf(-1), math.Inf(1)}
	return warned(t, "1 round: too few for a 95 % interval, which takes 6")
}

func study(name string, cost timing.Cost, axis timing.Axis, baseline string, timings ...timing.Timing) timing.StudyResult {
	return timing.StudyResult{
		Name: name, Title: "The study of " + name, Question: "What of " + name + "?", Cost: cost, Operation: "one of " + name,
		Axis: axis, Baseline: baseline, Clock: timing.ProcessorClock,
		Measurement: timing.Measurement{Timings: timings, Batch: 400 * time.Microsecond},
	}
}

var (
	bySize  = timing.Axis{Name: "size", Unit: timing.InBytes, Log: true}
	byHoles = timing.Axis{Name: "holes", Unit: timing.InHoles, Log: true}
	byPages = timing.Axis{Name: "pages", Unit: timing.InPages, Log: true}
)

func measured(studies ...timing.StudyResult) *timing.Result {
	return &timing.Result{
		Schema: timing.Schema, Quick: true, Took: 5_840 * time.Millisecond,
		Machine: timing.Machine{
			Arch: "amd64", CPU: "Some(R) Processor", Cores: 2, Virtual: true, Kernel: "6.18.44", Go: "go1.26.8",
			Page: 4096, HugePages: "madvise", Memory: 24 << 30, MHz: 2300, MaxMHz: 3100, Governor: "performance",
			Caches: []timing.Cache{{Level: 1, Size: 48 << 10, Shared: 1}, {Level: 3, Size: 260 << 20, Shared: 2}},
			Mitigations: []timing.Mitigation{
				{Name: "spectre_v2", Text: "Mitigation: Retpolines", Active: true}, {Name: "retbleed", Text: "Vulnerable"},
			},
		},
		Clocks:  []timing.Clock{{Kind: timing.ProcessorClock, Step: 297, Cost: 462}, {Kind: timing.WallClock, Step: 0, Cost: 41}},
		Load:    timing.Load{Loop: []float64{1, 1.01}, LoopNs: 1.32},
		Studies: studies,
	}
}

// benchmark is a measurement with all that one can have: every verdict, doubts, notes
// at some points alone, contenders that are not at all points, and one that was given
// up.
func benchmark() *timing.Result {
	var size []timing.Timing
	for i, at := range []addr.Bytes{8, 64, 1 << 10, 1 << 20} {
		heap, goes := 8+float64(i)/4, math.Pow(12, float64(i))*3.5
		size = append(size,
			warned(timed("stack", at, 3), "noisy: the middle half of its rounds spans 12 % of the median"),
			against(timed("heap", at, 3*heap), heap, 0.97*heap, 1.02*heap, timing.Slower),
			against(faulted(noted(timed("make", at, 3*goes), "it also zeroes the bytes"), 1.5*float64(i), 1.2), goes, 0.92*goes, 1.13*goes, timing.Slower))
		if i < 2 {
			size = append(size, against(timed("call", at, 3.01), 1.003, 0.98, 1.04, timing.NoDifference))
		}
	}
	size[4] = warned(size[4], "noisy: the middle half of its rounds spans 31 % of the median", "a batch took 0.188 ms only; the machine was slower when its length was chosen")
	holes := []timing.Timing{
		timed("heap", 10, 41),
		beside("heap", timed("naive list", 10, 23), 0.568, 0.516, 0.655, timing.Faster),
		timed("heap, random", 10, 147),
		beside("heap, random", timed("naive list, random", 10, 150), 1.02, 0.99, 1.05, timing.NoDifference),
		timed("heap", 1_000, 41),
		beside("heap", timed("naive list", 1_000, 9_530), 250, 221, 328, timing.Slower),
		timed("heap, random", 1_000, 283),
		beside("heap, random", timed("naive list, random", 1_000, 8_020), 25.8, 24.1, 36.2, timing.Slower),
		timed("heap", 100_000, 45),
		beside("heap", timed("naive list", 100_000, 2_470_000), 55_169, 50_289, 84_157, timing.Slower),
		timed("heap, random", 100_000, 1_050),
		noted(fewRounds(timed("naive list, random", 100_000, 18_300_000)), "timed once: it takes 18.3 ms, and more than 6 ms are too long for a round"),
	}
	touch := []timing.Timing{
		beside("stack, again", faulted(timed("stack, first", 64, 1_960), 1, 0), 517, 472, 560, timing.Slower),
		timed("stack, again", 64, 3.79),
		beside("stack, first", faulted(timed("heap, first", 64, 1_910), 1, 0), 0.992, 0.9, 1.03, timing.NoDifference),
		beside("stack, again", timed("heap, again", 64, 3.9), 1.034, 0.99, 1.07, timing.NoDifference),
	}
	access := []timing.Timing{
		timed("stack, in place", 16<<10, 1.22),
		beside("stack, in place", timed("heap, in place", 16<<10, 1.25), 1.02, 0.87, 1.24, timing.NoDifference),
		beside("stack, in place", timed("list, shuffled", 16<<10, 3.44), 2.91, 2.67, 3.42, timing.Slower),
		timed("stack, in place", 128<<20, 7.31),
		beside("stack, in place", timed("heap, in place", 128<<20, 7.12), 0.975, 0.951, 1.02, timing.NoDifference),
		beside("stack, in place", timed("list, shuffled", 128<<20, 301), 41.1, 36.3, 43.6, timing.Slower),
	}
	r := measured(
		study("size", timing.Allocate, bySize, "stack", size...),
		study("holes", timing.Allocate, byHoles, "heap", holes...),
		study("touch", timing.Touch, byPages, "stack, again", touch...),
		study("access", timing.Access, timing.Axis{Name: "working set", Unit: timing.InBytes, Log: true}, "stack, in place", access...))
	r.Notes = []string{"stopped: 4 of 7 studies", "the hypervisor gave 4 % of the cores' time to others"}
	r.Studies[0].Notes = []string{"6 of 10 rounds: the time was up", "8 of 10 rounds: the time was up"}
	return r
}

// sparse is a measurement of a single point, in too few rounds.
func sparse() *timing.Result {
	r := measured(study("size", timing.Allocate, bySize, "stack",
		fewRounds(timed("stack", 64, 3)), against(fewRounds(timed("heap", 64, 30)), 10, math.Inf(-1), math.Inf(1), timing.TooFewRounds)))
	r.Machine = timing.Machine{Arch: "arm64", Cores: 1, Kernel: "6.1", Go: "go1.26"}
	return r
}

func TestBench(t *testing.T) {
	golden(t, "bench.80.txt", render(t, "text", Bench(benchmark()), Options{Width: 80}))
	golden(t, "bench.160.txt", render(t, "text", Bench(benchmark()), Options{Width: 160}))
	golden(t, "bench.ascii.txt", render(t, "text", Bench(benchmark()), Options{Width: 80, ASCII: true}))
	golden(t, "bench.color.txt", render(t, "text", Bench(benchmark()), Options{Width: 100, Color: true}))
	golden(t, "bench.sparse.txt", render(t, "text", Bench(sparse()), Options{Width: 80}))
	golden(t, "bench.json", render(t, "json", Bench(benchmark()), Options{}))
	golden(t, "bench.csv", render(t, "csv", Bench(benchmark()), Options{}))
	golden(t, "bench.bench", render(t, "benchfmt", Bench(benchmark()), Options{}))
	golden(t, "bench.svg", string(PlotBench(benchmark())))
}

// TestBenchFits draws no line that is wider than asked for.
func TestBenchFits(t *testing.T) {
	for _, d := range []Document{Bench(benchmark()), Bench(sparse()), BenchComparison(comparison())} {
		for _, width := range []int{MinWidth, 76, 80, 100, 116, 132, 160, 240} {
			for l := range strings.Lines(render(t, "text", d, Options{Width: width})) {
				if got := displaywidth.String(strings.TrimRight(l, "\n")); got > width {
					t.Errorf("width %d: %d cells in %q", width, got, l)
				}
			}
		}
		text, unicode := render(t, "text", d, Options{Width: 80, ASCII: true}), render(t, "text", d, Options{Width: 80})
		if strings.ContainsFunc(text, func(r rune) bool { return r > '~' }) || strings.Count(text, `\u{`) != strings.Count(unicode, `\u{`) {
			t.Errorf("not made for ASCII:\n%s", text)
		}
	}
}

// TestBenchAnswers: the first answer follows the verdict, and its figures are the
// ratio's.
func TestBenchAnswers(t *testing.T) {
	for _, tt := range []struct {
		ratio timing.Ratio
		want  string
	}{
		{timing.Ratio{Median: 9, CI95: timing.Interval{8.6, 9.3}, Verdict: timing.Slower}, "Yes, for 64 B: memprobe's heap takes 9.00 times (8.60 to 9.30) as long as its stack."},
		{timing.Ratio{Median: 0.5, CI95: timing.Interval{0.4, 0.625}, Verdict: timing.Faster}, "No, for 64 B: memprobe's heap is 2.00 times (1.60 to 2.50) as fast as its stack."},
		{timing.Ratio{Median: 1.01, CI95: timing.Interval{0.9, 1.1}, Verdict: timing.NoDifference}, "No difference found, for 64 B: memprobe's heap is not found to differ from its stack."},
		{timing.Ratio{Median: 1.5, CI95: timing.Interval{math.Inf(-1), math.Inf(1)}, Verdict: timing.TooFewRounds}, "Too few rounds to tell, for 64 B: memprobe's heap has too few rounds beside its stack."},
	} {
		r := sparse()
		r.Studies[0].Timings[1].Ratio = &tt.ratio
		if got := gettingBytes(nil, r); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.ratio.Verdict, got, tt.want)
		}
	}
	if got := render(t, "text", Bench(measured(benchmark().Studies[1])), Options{Width: 80}); strings.Contains(got, "Is the stack faster here?") {
		t.Errorf("an answer without a study that has one:\n%s", got)
	}
}

// TestBenchOverall: where some points have too few rounds, the others answer.
func TestBenchOverall(t *testing.T) {
	const s, n, f = timing.Slower, timing.NoDifference, timing.TooFewRounds
	for _, tt := range []struct {
		verdicts []timing.Verdict
		want     string
	}{
		{[]timing.Verdict{s, s}, "yes"}, {[]timing.Verdict{n, f}, "no difference found"}, {[]timing.Verdict{f, s}, "yes"},
		{[]timing.Verdict{f, f}, "too few rounds to tell"}, {[]timing.Verdict{s, n}, "in part"}, {[]timing.Verdict{f, s, n}, "in part"},
	} {
		var ts []*timing.Timing
		for i, v := range tt.verdicts {
			timed := against(timed("heap", addr.Bytes(8<<i), 1), 1, 1, 2, v)
			ts = append(ts, &timed)
		}
		if got := answerOf(ts...); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.verdicts, got, tt.want)
		}
	}
}

// TestExtents: points with one verdict are told together, wherever they lie.
func TestExtents(t *testing.T) {
	const s, n, f = timing.Slower, timing.NoDifference, timing.Faster
	for _, tt := range []struct {
		verdicts []timing.Verdict
		want     string
	}{
		{[]timing.Verdict{s}, "2.00 times as long at 8 B"},
		{[]timing.Verdict{s, s, s}, "2.00 to 8.00 times as long throughout"},
		{[]timing.Verdict{n, n, s}, "no difference found up to 16 B, 8.00 times as long at 32 B"},
		{[]timing.Verdict{n, s, s, n}, "no difference found at 8 B and at 64 B, 4.00 to 8.00 times as long from 16 B to 32 B"},
		{[]timing.Verdict{n, n, s, n, n}, "no difference found up to 16 B and from 64 B on, 8.00 times as long at 32 B"},
		{[]timing.Verdict{f, n, n}, "0.500 times as fast at 8 B, no difference found from 16 B on"},
	} {
		var ts []*timing.Timing
		for i, v := range tt.verdicts {
			timed := against(timed("heap", addr.Bytes(8<<i), 1), float64(int(2)<<i), 1, 2, v)
			ts = append(ts, &timed)
		}
		got := extents(&timing.StudyResult{Axis: bySize}, ts)
		if got != tt.want {
			t.Errorf("%v: %q, want %q", tt.verdicts, got, tt.want)
		}
	}
}

// TestBenchReadsBack: what is written as JSON is the result.
func TestBenchReadsBack(t *testing.T) {
	want := benchmark()
	got, err := timing.Read(strings.NewReader(render(t, "json", Bench(want), Options{})))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("- written, + read:\n%s", diff)
	}
}

func TestBenchDoubts(t *testing.T) {
	doubts, marks := doubtsOf(benchmark().Studies[0].Timings)
	var got []string
	for _, d := range doubts {
		got = append(got, d.text())
	}
	want := []string{
		"noisy: the middle half of its rounds spans 12 to 31 % of the median",
		"a batch took 0.188 ms only; the machine was slower when its length was chosen",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if marks[0] != " a" || marks[1] != "" || marks[4] != " ab" {
		t.Errorf("marks %q", marks)
	}
}

// TestBars: a bar ends where its interval does, and ten times as much is as much
// longer everywhere.
func TestBars(t *testing.T) {
	p := &page{opts: Options{ASCII: true}, glyphs: asciiGlyphs}
	s := scale{1, 1000}
	for x, want := range map[float64]string{
		1: "#::       .         .", 9.5: "##########:::       .", 10: "##########:::       .",
		100: "####################:::", 900: strings.Repeat("#", 30), 1e6: strings.Repeat("#", 30),
	} {
		bar := timed("heap", 8, x)
		bar.CI95 = timing.Interval{x, 2 * x}
		var got strings.Builder
		for _, part := range p.bar(s, 30, &bar) {
			got.WriteString(part.text)
		}
		if strings.TrimRight(got.String(), " ") != want {
			t.Errorf("%g: %q, want %q", x, got.String(), want)
		}
		if got.Len() != 30 {
			t.Errorf("%g: %d cells", x, got.Len())
		}
	}
	if got := scaleOf(benchmark().Studies[1].Timings); got != (scale{10, 1e8}) {
		t.Errorf("scale %v", got)
	}
}

func TestSignificant(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0.000", 0.0004: "0.000", 0.25: "0.250", 0.9994: "0.999", 0.9996: "1.00", 1.004: "1.00", 9.994: "9.99", 9.996: "10.0",
		12.34: "12.3", 99.94: "99.9", 99.96: "100", 999.4: "999", 999.6: "1,000", 19888: "19,888",
	} {
		if got := significant(x); got != want {
			t.Errorf("%v is written %s, want %s", x, got, want)
		}
	}
}

func TestMultiple(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0.000", 0.00123: "0.0012", 0.0994: "0.099", 0.25: "0.250", 13.4: "13.4", 1119: "1,119", 9994: "9,994", 9996: "10.0k", 55_169: "55.2k", 9.996e6: "10.0M",
	} {
		if got := multiple(x); got != want {
			t.Errorf("%v is written %s, want %s", x, got, want)
		}
	}
}

func TestInTime(t *testing.T) {
	for ns, want := range map[float64]string{
		0: "0.000 ns", 0.3: "0.300 ns", 3.02: "3.02 ns", 999.4: "999 ns", 999.6: "1.00 µs", 1919: "1.92 µs", 999_600: "1.00 ms", 18_258_563: "18.3 ms", 5.84e9: "5.84 s",
	} {
		if got := inTime(ns); got != want {
			t.Errorf("%v is written %s, want %s", ns, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ns", 26: "26 ns", 999_999: "999,999 ns", time.Millisecond: "1 ms", 1500 * time.Microsecond: "1.5 ms", 4 * time.Second: "4000 ms",
	} {
		if got := duration(d); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
	}
}
