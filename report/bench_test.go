package report

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clipperhouse/displaywidth"

	"memprobe/layout/addr"
	"memprobe/probe/timing"
)

// timed is a timing of 6 rounds, the median at x and the interval a tenth around it.
func timed(what string, size addr.Bytes, x float64) timing.Timing {
	return timing.Timing{
		What: what, Size: size, About: "about " + what, Iterations: 1000,
		Rounds: []float64{x, 0.9 * x, 1.1 * x, x, 0.95 * x, 1.05 * x},
		Median: x, CI95: timing.Interval{0.9 * x, 1.1 * x},
	}
}

// against is t with its ratio to the stack.
func against(t timing.Timing, x, lo, hi float64, v timing.Verdict) timing.Timing {
	t.Ratio = &timing.Ratio{To: "stack", Median: x, CI95: timing.Interval{lo, hi}, Verdict: v}
	return t
}

func noted(t timing.Timing, notes ...string) timing.Timing {
	t.Notes = append(t.Notes, notes...)
	return t
}

func benchOf(timings ...timing.Timing) *timing.Result {
	return &timing.Result{
		Schema: timing.Schema, Timings: timings, Batch: 15 * time.Millisecond,
		Machine: timing.Machine{Arch: "amd64", Cores: 2, Kernel: "6.18.44", Go: "go1.26.8"},
		Clock:   timing.Clock{Step: 26, Cost: 28},
	}
}

// clear is a measurement in which the stack is faster throughout.
func clear() *timing.Result {
	var ts []timing.Timing
	for i, size := range []addr.Bytes{8, 64, 1 << 10, 64 << 10} {
		heap, goes := 8+float64(i)/4, math.Pow(12, float64(i))*3.5
		made := noted(timed("make", size, 6*goes), "it also zeroes the bytes")
		made.Collections = 1234
		ts = append(ts,
			timed("stack", size, 6),
			against(timed("heap", size, 6*heap), heap, 0.97*heap, 1.02*heap, timing.Slower),
			against(made, goes, 0.92*goes, 1.13*goes, timing.Slower))
	}
	return benchOf(ts...)
}

// mixed is a measurement with every verdict, and with notes on single timings.
func mixed() *timing.Result {
	short := func(t timing.Timing) timing.Timing {
		inf := math.Inf(1)
		t.Rounds, t.CI95 = t.Rounds[:2], timing.Interval{-inf, inf}
		return noted(t, "2 rounds: too few for a 95 % interval, which takes 6")
	}
	r := benchOf(
		timed("stack", 8, 2),
		against(timed("heap", 8, 2.01), 1.003, 0.98, 1.04, timing.NoDifference),
		timed("stack", 64, 2),
		against(timed("heap", 64, 0.5), 0.25, 0.2, 0.4, timing.Faster),
		timed("stack", 1<<10, 2),
		against(timed("heap", 1<<10, 1), 0.5, 0.4, 0.625, timing.Faster),
		timed("stack", 64<<10, 1000),
		against(timed("heap", 64<<10, 123456), 123.456, 99.96, 130, timing.Slower),
		short(timed("stack", 1<<20, 2)),
		against(short(timed("heap", 1<<20, 3)), 1.5, math.Inf(-1), math.Inf(1), timing.TooFewRounds),
		against(timed("copy", 8, 4), 2, 1.9, 2.1, timing.Slower),
	)
	r.Notes = []string{"6 of 24 rounds: the time was up"}
	return r
}

func TestBench(t *testing.T) {
	golden(t, "bench.80.txt", render(t, "text", Bench(clear()), Options{Width: 80}))
	golden(t, "bench.160.txt", render(t, "text", Bench(clear()), Options{Width: 160}))
	golden(t, "bench.ascii.txt", render(t, "text", Bench(clear()), Options{Width: 80, ASCII: true}))
	golden(t, "bench.color.txt", render(t, "text", Bench(clear()), Options{Width: 80, Color: true}))
	golden(t, "bench.mixed.txt", render(t, "text", Bench(mixed()), Options{Width: 80}))
	golden(t, "bench.json", render(t, "json", Bench(mixed()), Options{}))
}

// TestBenchFits draws no line that is wider than asked for.
func TestBenchFits(t *testing.T) {
	for _, r := range []*timing.Result{clear(), mixed()} {
		for _, width := range []int{MinWidth, 80, 160} {
			for l := range strings.Lines(render(t, "text", Bench(r), Options{Width: width})) {
				if got := displaywidth.String(strings.TrimRight(l, "\n")); got > width {
					t.Errorf("width %d: %d cells in %q", width, got, l)
				}
			}
		}
	}
}

// TestBenchJSON reads back what a program would.
func TestBenchJSON(t *testing.T) {
	var got struct {
		Schema  int
		Machine struct {
			Arch, Kernel, Go string
			Cores            int
		}
		BatchNS int64 `json:"batch_ns"`
		Timings []struct {
			What   string
			Size   int
			Rounds []float64
			Median float64
			CI95   *[2]float64
			Ratio  *struct {
				To      string
				Median  float64
				CI95    *[2]float64
				Verdict string
			}
		}
	}
	if err := json.Unmarshal([]byte(render(t, "json", Bench(mixed()), Options{})), &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != 1 || got.Machine.Kernel != "6.18.44" || got.BatchNS != 15_000_000 || len(got.Timings) != 11 {
		t.Errorf("%+v", got)
	}
	first, faster, few := got.Timings[0], got.Timings[3], got.Timings[9]
	if !slices.Equal(first.Rounds, mixed().Timings[0].Rounds) || first.Ratio != nil || *first.CI95 != [2]float64{1.8, 2.2} {
		t.Errorf("first: %+v", first)
	}
	if r := faster.Ratio; r.To != "stack" || r.Median != 0.25 || *r.CI95 != [2]float64{0.2, 0.4} || r.Verdict != "faster" {
		t.Errorf("faster: %+v", r)
	}
	if few.CI95 != nil || few.Ratio.CI95 != nil || few.Ratio.Verdict != "too few rounds" {
		t.Errorf("too few: %+v", few)
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

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ns", 26: "26 ns", 999_999: "999,999 ns", time.Millisecond: "1 ms", 1500 * time.Microsecond: "1.5 ms", 4 * time.Second: "4000 ms",
	} {
		if got := duration(d); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
	}
}
