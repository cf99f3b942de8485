package report

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"memprobe/probe/timing"
)

// comparison is of a result with an earlier one, in which the heap was faster, from a
// file whose names are hostile.
func comparison() timing.Comparison {
	old, new := benchmark(), benchmark()
	old.Studies[0].Timings[1] = timed("heap", 8, 12)
	old.Studies[0].Timings[5] = timed("heap", 64, 60)
	for _, r := range []*timing.Result{old, new} {
		for i := range r.Studies[0].Timings {
			t := &r.Studies[0].Timings[i]
			t.Rounds = slices.Concat(t.Rounds, t.Rounds) // enough for verdicts
		}
	}
	old.Studies[0].Timings = append(old.Studies[0].Timings, timed("no\x1b[31m\u202e", 8, 3))
	old.Studies = append(old.Studies[:1], study("gone\x1b[31m", timing.Allocate, bySize, "stack", timed("stack", 8, 3)))
	old.Machine.CPU = "Other\x1b[31m"
	old.Machine.Go = "go1.25"
	old.Quick = false
	old.Load.LoopNs = 1.5
	return timing.Compare(old, new)
}

func TestBenchComparison(t *testing.T) {
	golden(t, "bench.against.80.txt", render(t, "text", BenchComparison(comparison()), Options{Width: 80}))
	golden(t, "bench.against.160.txt", render(t, "text", BenchComparison(comparison()), Options{Width: 160}))
	golden(t, "bench.against.json", render(t, "json", BenchComparison(comparison()), Options{}))
	golden(t, "bench.against.csv", render(t, "csv", BenchComparison(comparison()), Options{}))
}

// TestBenchComparisonCounts: what is counted over the tables is what they hold.
func TestBenchComparisonCounts(t *testing.T) {
	c := comparison()
	pairs := c.Studies[0].Pairs
	for i := range pairs {
		pairs[i].Ratio.Verdict = timing.NoDifference
	}
	pairs[0].Ratio.Verdict, pairs[1].Ratio.Verdict, pairs[2].Ratio.Verdict, pairs[3].Ratio.Verdict = timing.Slower, timing.Faster, timing.Slower, timing.TooFewRounds
	got := render(t, "text", BenchComparison(c), Options{Width: 100})
	if want := "14 timings in both: 2 slower now, 1 faster; no difference found for 10; too few rounds for 1."; !strings.Contains(got, want) {
		t.Errorf("not %q in\n%s", want, got)
	}
	c = timing.Compare(measured(), measured())
	if got := render(t, "text", BenchComparison(c), Options{Width: 80}); !strings.Contains(got, "no timing in common") {
		t.Errorf("%s", got)
	}
}

// TestBenchComparisonEscapes: names of a file stay names.
func TestBenchComparisonEscapes(t *testing.T) {
	for _, format := range []string{"text", "json", "csv"} {
		got := render(t, format, BenchComparison(comparison()), Options{Width: 80})
		if !shown(got) {
			t.Errorf("%s: %q", format, got)
		}
	}
	got := render(t, "text", BenchComparison(comparison()), Options{Width: 80})
	for _, want := range []string{`gone\x1b[31m`, `no\x1b[31m\u{202e} at 8 B`, `Other\x1b[31m`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}

// TestBenchCSV: a row holds its timing.
func TestBenchCSV(t *testing.T) {
	r := benchmark()
	rows, err := csv.NewReader(strings.NewReader(render(t, "csv", Bench(r), Options{}))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := make(map[string]int)
	for i, name := range rows[0] {
		column[name] = i
	}
	row := 0
	for _, s := range r.Studies {
		for _, timing := range s.Timings {
			row++
			want := map[string]string{"study": s.Name, "what": timing.What, "ns_per_op": exact(timing.Median), "ci95_low": "", "ratio": "", "verdict": ""}
			if timing.CI95.Known() {
				want["ci95_low"] = exact(timing.CI95[0])
			}
			if timing.Ratio != nil {
				want["ratio"], want["verdict"] = exact(timing.Ratio.Median), string(timing.Ratio.Verdict)
			}
			for name, w := range want {
				if got := rows[row][column[name]]; got != w {
					t.Errorf("row %d: %s is %q, want %q", row, name, got, w)
				}
			}
		}
	}
	if row != len(rows)-1 {
		t.Errorf("%d rows for %d timings", len(rows)-1, row)
	}
}
