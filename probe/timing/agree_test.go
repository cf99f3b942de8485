package timing

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

// quiet is whether the machine is quiet enough to hold figures against each other as
// closely as they are meant to agree: MEMPROBE_TIMING=1 says so.
func quiet() bool { return os.Getenv("MEMPROBE_TIMING") == "1" }

// goOwn are the operations as benchmarks of package testing, written anew.
var goOwn = map[string]func(b *testing.B, r *mmapheap.Region, size int){
	"stack": func(b *testing.B, r *mmapheap.Region, size int) {
		stack := r.Stack()
		for range b.N {
			if _, err := stack.Push(addr.Bytes(size)); err != nil {
				b.Fatal(err)
			}
			if err := stack.Pop(); err != nil {
				b.Fatal(err)
			}
		}
	},
	"heap": func(b *testing.B, r *mmapheap.Region, size int) {
		heap := r.Heap()
		for range b.N {
			a, err := heap.Alloc(addr.Bytes(size))
			if err != nil {
				b.Fatal(err)
			}
			if err := heap.Free(a); err != nil {
				b.Fatal(err)
			}
		}
	},
	"make": func(b *testing.B, _ *mmapheap.Region, size int) {
		for range b.N {
			made = make([]byte, size)
		}
	},
}

// benchmark is what testing finds for an operation: nanoseconds by the clock on the
// wall, and of processor time.
func benchmark(what string, r *mmapheap.Region, size int) (wall, processor float64) {
	result := testing.Benchmark(func(b *testing.B) {
		work := Processor()
		begun := work()
		goOwn[what](b, r, size)
		b.ReportMetric(float64(work()-begun)/float64(b.N), "cpu-ns/op")
	})
	return float64(result.T) / float64(result.N), result.Extra["cpu-ns/op"]
}

var made []byte

// TestAgreesWithTesting compares the ratios of a quick run with those of Go's own
// benchmarks of the same operations, measured before and after it: each agrees within
// a quarter, in one of some tries. That is for processor time, as ours are; on a
// machine that is known to be quiet it is for the clock on the wall as well. On others
// the two may meet different loads: there a difference fails that is beyond all noise,
// and a smaller one tells nothing.
func TestAgreesWithTesting(t *testing.T) {
	if testing.Short() || raced {
		t.Skip("takes some seconds, and code that is compiled as it is timed")
	}
	least := map[string]float64{} // how far apart the two were in the best try
	open := map[int][]string{64: {"heap", "make"}, 1 << 10: {"heap", "make"}}
	for try := 1; try <= 4 && len(open) > 0; try++ {
		benchFor(t, time.Duration(5*try)*time.Millisecond)
		for size, ratios := range open {
			open[size] = nil
			for what, far := range apart(t, size, ratios) {
				name := fmt.Sprintf("%s at %d", what, size)
				if before, tried := least[name]; !tried || far < before {
					least[name] = far
				}
				if far > 1.25 {
					open[size] = append(open[size], what)
				}
			}
			if len(open[size]) == 0 {
				delete(open, size)
			}
		}
	}
	const noise = 2.5
	for name, far := range least {
		if far > noise || far > 1.25 && quiet() {
			t.Errorf("%s: the ratios to the stack are %.2f times apart in the best try", name, far)
		}
	}
	if len(open) > 0 && !t.Failed() {
		t.Skipf("the machine is too busy to tell within a quarter: the ratios were this many times apart at best: %v", least)
	}
}

// benchFor sets how long testing.Benchmark measures, until the test ends.
func benchFor(t *testing.T, d time.Duration) {
	t.Helper()
	before := flag.Lookup("test.benchtime").Value.String()
	if err := flag.Set("test.benchtime", d.String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set("test.benchtime", before) })
}

// apart is how many times the larger of two ratios to the stack is the smaller one: ours,
// and the one by testing.
func apart(t *testing.T, size int, ratios []string) map[string]float64 {
	t.Helper()
	region := reserve(t, mmapheap.Config{})
	walls, processors, ours := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}
	study := *Size
	study.Quick = []int{size}
	p := QuickPlan()
	p.Studies = []*Study{&study}
	for pass := range 5 {
		for _, what := range append([]string{"stack"}, ratios...) {
			wall, processor := benchmark(what, region, size)
			walls[what], processors[what] = append(walls[what], wall), append(processors[what], processor)
		}
		if pass != 2 {
			continue
		}
		r, err := Run(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		for _, what := range ratios {
			ours[what] = append(ours[what], r.Studies[0].Of(what, size).Ratio.Median)
		}
	}
	all := map[string]float64{}
	for _, what := range ratios {
		ratio := middle(ours[what])
		byWall, byProcessor := middle(walls[what])/middle(walls["stack"]), middle(processors[what])/middle(processors["stack"])
		t.Logf("%d bytes: %s takes %.3f times as long as the stack, by testing %.3f, on the wall %.3f", size, what, ratio, byProcessor, byWall)
		far := max(ratio/byProcessor, byProcessor/ratio)
		if quiet() {
			far = max(far, ratio/byWall, byWall/ratio)
		}
		all[what] = far
	}
	return all
}

func middle(xs []float64) float64 {
	median, _ := medianCI(xs)
	return median
}

// TestRepeats has quick runs one after the other: in at least nine of ten, a ratio's
// interval has a part in common with the one that it had in the first run.
func TestRepeats(t *testing.T) {
	if !quiet() {
		t.Skip("a quiet machine for two minutes: MEMPROBE_TIMING=1")
	}
	const runs = 10
	var first *Result
	var agree, all int
	var shares []float64
	for run := range runs + 1 {
		r, err := Run(context.Background(), QuickPlan())
		if err != nil {
			t.Fatal(err)
		}
		if run == 0 {
			first = r
			continue
		}
		same, ratios := 0, 0
		for i := range r.Studies {
			for _, now := range r.Studies[i].Timings {
				then := first.Studies[i].Of(now.What, now.At)
				if then == nil || then.Ratio == nil || now.Ratio == nil || !then.Ratio.CI95.Known() || !now.Ratio.CI95.Known() {
					continue
				}
				ratios++
				if a, b := then.Ratio.CI95, now.Ratio.CI95; a[0] <= b[1] && b[0] <= a[1] {
					same++
				} else {
					t.Logf("run %d, %s, %s at %d: %.3f %.3f, then %.3f %.3f", run, r.Studies[i].Name, now.What, now.At, then.Ratio.Median, a, now.Ratio.Median, b)
				}
			}
		}
		agree, all = agree+same, all+ratios
		shares = append(shares, float64(same)/float64(ratios))
		t.Logf("run %d, %v: %d of %d ratios repeat", run, r.Took.Round(time.Millisecond), same, ratios)
	}
	slices.Sort(shares)
	if 10*agree < 9*all {
		t.Errorf("%d of %d ratios repeat within their intervals; by run %.2f", agree, all, shares)
	}
}
