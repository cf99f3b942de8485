package timing

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"golang.org/x/perf/benchmath"
)

// confidence is that of all intervals.
const confidence = 0.95

// enough is the fewest rounds that have a 95 % interval for their median: with 6,
// the lowest and the highest enclose it but for 2 times in 2^6 (3.1 %).
const enough = 6

// Interval is what a median lies in, both ends included. Infinite ends mean that
// the rounds were too few to know any; JSON has null for that.
type Interval [2]float64

// unknown is the interval that everything lies in.
func unknown() Interval { return Interval{math.Inf(-1), math.Inf(1)} }

// Known reports whether both ends are numbers.
func (i Interval) Known() bool {
	return !math.IsInf(i[0], 0) && !math.IsInf(i[1], 0) && !math.IsNaN(i[0]) && !math.IsNaN(i[1])
}

// Contains reports whether x lies in i.
func (i Interval) Contains(x float64) bool { return i[0] <= x && x <= i[1] }

// MarshalJSON writes an array of two numbers, or null.
func (i Interval) MarshalJSON() ([]byte, error) {
	if !i.Known() {
		return []byte("null"), nil
	}
	return json.Marshal([2]float64(i))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (i *Interval) UnmarshalJSON(data []byte) error {
	var ends []float64
	if err := json.Unmarshal(data, &ends); err != nil {
		return err
	}
	switch {
	case ends == nil:
		*i = unknown()
	case len(ends) != 2 || ends[0] > ends[1]:
		return fmt.Errorf("interval %s: not a low and a high end", data)
	default:
		*i = Interval(ends)
	}
	return nil
}

// medianCI is the median of xs, which is not empty, and its 95 % interval.
func medianCI(xs []float64) (float64, Interval) {
	s := benchmath.AssumeNothing.Summary(sample(xs), confidence)
	if ci := (Interval{s.Lo, s.Hi}); ci.Known() {
		return s.Center, ci
	}
	return s.Center, unknown()
}

// pValue is how likely two samples that differ so much are, by the ranks of their
// values, where what they are of does not differ: Mann and Whitney's test. It has ten
// digits: further ones differ from one kind of processor to the next.
func pValue(xs, ys []float64) float64 {
	p := benchmath.AssumeNothing.Compare(sample(xs), sample(ys)).P
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(p, 'g', 10, 64), 64)
	if err != nil {
		return p // which is no number
	}
	return rounded
}

// sample sorts a copy of xs.
func sample(xs []float64) *benchmath.Sample {
	return benchmath.NewSample(slices.Clone(xs), &benchmath.DefaultThresholds)
}

// leastP is the least that pValue can be for samples of n and of k: the share of one
// arrangement, and its mirror, in all that n + k values have.
func leastP(n, k int) float64 {
	arrangements := 1.0
	for i := 1; i <= min(n, k) && arrangements < 1e300; i++ {
		arrangements *= float64(max(n, k)+i) / float64(i)
	}
	return min(1, 2/arrangements)
}

// adjust makes the p-values of several tests ones that may each be held against the
// same level, though the more tests there are, the likelier one of them looks
// different by chance: S. Holm, "A Simple Sequentially Rejective Multiple Test
// Procedure", 1979.
func adjust(ps []float64) []float64 {
	rank := make([]int, len(ps))
	for i := range rank {
		rank[i] = i
	}
	slices.SortFunc(rank, func(a, b int) int { return cmp.Compare(ps[a], ps[b]) })
	adjusted := make([]float64, len(ps))
	most := 0.0
	for k, i := range rank {
		most = max(most, min(1, ps[i]*float64(len(ps)-k)))
		adjusted[i] = most
	}
	return adjusted
}

// spread is how wide the middle half of xs is, as a share of the median.
func spread(xs []float64) float64 {
	sorted := slices.Sorted(slices.Values(xs))
	n := len(sorted)
	if n == 0 || sorted[n/2] <= 0 {
		return 0
	}
	return (sorted[(3*n-1)/4] - sorted[n/4]) / sorted[n/2]
}

// tooFew says why there is no interval.
func tooFew(rounds int) string {
	unit := "rounds"
	if rounds == 1 {
		unit = "round"
	}
	return fmt.Sprintf("%d %s: too few for a 95 %% interval, which takes %d", rounds, unit, enough)
}
