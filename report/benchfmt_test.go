package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"
)

// TestBenchfmt: Go's own reader reads every round back, and computes the same medians
// and intervals.
func TestBenchfmt(t *testing.T) {
	r := benchmark()
	r.Machine.CPU = "No\nBenchmarkX 1 1 ns/op"
	rounds := make(map[string][]float64)
	in := benchfmt.NewReader(strings.NewReader(render(t, "benchfmt", Bench(r), Options{})), "bench")
	for in.Scan() {
		switch line := in.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Errorf("%v", line)
		case *benchfmt.Result:
			ns, ok := line.Value("sec/op")
			if !ok || line.GetConfig("goarch") != "amd64" || line.GetConfig("cpu") != `No\x0aBenchmarkX 1 1 ns/op` {
				t.Errorf("%s: %+v %+v", line.Name, line.Values, line.Config)
			}
			if line.Iters != 1000 {
				t.Errorf("%s: %d iterations", line.Name, line.Iters)
			}
			rounds[line.Name.String()] = append(rounds[line.Name.String()], ns*1e9)
		}
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range r.Studies {
		for _, timing := range s.Timings {
			n++
			name := fmt.Sprintf("%s/what=%s/at=%d", capital(s.Name), strings.ReplaceAll(strings.ReplaceAll(timing.What, ", ", ","), " ", "_"), timing.At)
			got := rounds[name]
			if !slices.EqualFunc(got, timing.Rounds, near) {
				t.Fatalf("%s: %v, want %v", name, got, timing.Rounds)
			}
			sum := benchmath.AssumeNothing.Summary(benchmath.NewSample(got, &benchmath.DefaultThresholds), 0.95)
			if !near(sum.Center, timing.Median) || timing.CI95.Known() && (!near(sum.Lo, timing.CI95[0]) || !near(sum.Hi, timing.CI95[1])) {
				t.Errorf("%s: %v, want %v %v", name, sum, timing.Median, timing.CI95)
			}
		}
	}
	if len(rounds) != n {
		t.Errorf("%d benchmarks of %d timings", len(rounds), n)
	}
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Abs(b) }
