package timing

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"memprobe/mmapheap"
)

// noisyMachine has contenders whose speed is as on a busy machine: each batch takes
// a little longer by chance, now and then one takes much longer, and all of it goes up
// and down slowly.
func noisyMachine(seed uint64) (*machine, func(per float64) func(time.Duration) time.Duration) {
	m, r := newMachine(), rand.New(rand.NewPCG(seed, 1))
	return m, func(per float64) func(time.Duration) time.Duration {
		return func(now time.Duration) time.Duration {
			slow := 1 + 0.05*math.Sin(float64(now)/2e5)
			noise := 1 + 0.03*r.ExpFloat64()
			if r.IntN(12) == 0 {
				noise *= 1.5
			}
			return time.Duration(per * slow * noise)
		}
	}
}

// verdicts counts what is said of contenders that take factor times as long as the
// first one, in runs of so many rounds.
func verdicts(t *testing.T, runs, rounds, others int, factor float64) map[Verdict]int {
	counts := map[Verdict]int{}
	for run := range runs {
		m, speed := noisyMachine(uint64(run))
		all := []Contender{m.contender("first", 8, speed(10_000))}
		for range others {
			c := m.contender("other", len(all), speed(10_000*factor))
			twin := m.contender("first", len(all), speed(10_000))
			all = append(all, twin, c)
		}
		o := m.options(rounds)
		o.Batch = 200 * time.Microsecond
		wrong := map[Verdict]int{}
		for _, timing := range measure(t, m, o, all[1:]...).Timings {
			if timing.Ratio != nil {
				wrong[timing.Ratio.Verdict]++
			}
		}
		for v := range wrong {
			counts[v]++
		}
	}
	return counts
}

// TestEqualContenders has contenders that are the same but for noise: in at least 95
// of 100 runs no difference is found, for one ratio as for all of 20 together.
func TestEqualContenders(t *testing.T) {
	for _, tt := range []struct{ rounds, others int }{{8, 1}, {10, 1}, {30, 1}, {10, 20}} {
		if raced && tt.others > 1 {
			break // it takes seconds, of one goroutine
		}
		counts := verdicts(t, 400, tt.rounds, tt.others, 1)
		if wrong := counts[Slower] + counts[Faster]; wrong > 20 || counts[NoDifference] < 380 {
			t.Errorf("%d rounds, %d ratios: of 400 runs, %v", tt.rounds, tt.others, counts)
		}
	}
}

// TestSlowedContender has contenders slowed by a fifth: it is found in most runs,
// and never taken for the reverse.
func TestSlowedContender(t *testing.T) {
	for _, tt := range []struct{ rounds, others, found int }{{10, 1, 160}, {10, 10, 150}, {30, 1, 195}} {
		counts := verdicts(t, 200, tt.rounds, tt.others, 1.2)
		if counts[Slower] < tt.found || counts[Faster] != 0 {
			t.Errorf("%d rounds, %d ratios: of 200 runs, %v", tt.rounds, tt.others, counts)
		}
	}
}

// TestJudge has one doubt after the other.
func TestJudge(t *testing.T) {
	clear := Ratio{Median: 2, CI95: Interval{1.9, 2.1}, P: 0.001}
	with := func(change func(*Ratio)) Ratio {
		r := clear
		change(&r)
		return r
	}
	for _, tt := range []struct {
		name  string
		ratio Ratio
		least float64
		among int
		want  Verdict
	}{
		{"clear", clear, 0.0001, 1, Slower},
		{"clear, the other way", with(func(r *Ratio) { r.Median, r.CI95 = 0.5, Interval{0.4, 0.6} }), 0.0001, 1, Faster},
		{"1 is in the interval", with(func(r *Ratio) { r.CI95[0] = 1 }), 0.0001, 1, NoDifference},
		{"likely by chance", with(func(r *Ratio) { r.P = 0.03 }), 0.0001, 1, NoDifference},
		{"likely by chance for one of 25", clear, 0.0001, 25, NoDifference},
		{"clear even for one of 15", clear, 0.0001, 15, Slower},
		{"hardly a difference", with(func(r *Ratio) { r.Median, r.CI95 = 1.015, Interval{1.01, 1.02} }), 0.0001, 1, NoDifference},
		{"hardly one, the other way", with(func(r *Ratio) { r.Median, r.CI95 = 0.985, Interval{0.98, 0.99} }), 0.0001, 1, NoDifference},
		{"no interval", with(func(r *Ratio) { r.CI95 = unknown() }), 0.0001, 1, TooFewRounds},
		{"so few rounds that p can't be small", clear, 0.001, 21, TooFewRounds},
	} {
		var all []claim
		for range tt.among {
			r := clear
			r.P = 0.9
			all = append(all, claim{&r, tt.least})
		}
		all[0].Ratio = &tt.ratio
		judge(all)
		if tt.ratio.Verdict != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, tt.ratio.Verdict, tt.want)
		}
	}
}

// TestEqualInEarnest times two heaps that are the same against each other, 100 times;
// and once more or twice where something else on the machine came between.
func TestEqualInEarnest(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	inEarnest(t, 100, 1, func(counts map[Verdict]int) bool { return counts[NoDifference] >= 95 })
}

// TestSlowedInEarnest has one of two equal heaps do half as much work again.
func TestSlowedInEarnest(t *testing.T) {
	inEarnest(t, 10, 1.5, func(counts map[Verdict]int) bool { return counts[Slower] >= 8 && counts[Faster] == 0 })
}

// inEarnest has a heap timed against one that does some times the work until the
// verdicts of so many runs are right, three times at most.
func inEarnest(t *testing.T, runs int, work float64, right func(map[Verdict]int) bool) {
	t.Helper()
	for range 3 {
		counts := map[Verdict]int{}
		for range runs {
			counts[pairOfHeaps(t, work)]++
		}
		t.Logf("of %d runs, %v", runs, counts)
		if right(counts) {
			return
		}
	}
	t.Error("wrong verdicts, three times")
}

// pairOfHeaps times a heap against one that does some times the work.
func pairOfHeaps(t *testing.T, work float64) Verdict {
	t.Helper()
	var all []Contender
	for _, c := range []Contender{{What: "one"}, {What: "other"}} {
		region := reserve(t, mmapheap.Config{})
		l := &heapPairs{heap: region.Heap(), size: 64}
		c.Do = func(n int) error {
			if c.What == "other" {
				n = int(work * float64(n))
			}
			return l.run(n)
		}
		all = append(all, c)
	}
	o := Options{Now: Monotonic(), Work: Processor(), Rounds: 12, Batch: 200 * time.Microsecond, Budget: time.Minute}
	r, err := Measure(context.Background(), all, o)
	if err != nil {
		t.Fatal(err)
	}
	return r.Timings[1].Ratio.Verdict
}

// reserve is a region until the test ends, which has given everything back by then.
func reserve(t *testing.T, c mmapheap.Config) *mmapheap.Region {
	t.Helper()
	r, err := mmapheap.Reserve(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Release(); err != nil {
			t.Error(err)
		}
	})
	return r
}
