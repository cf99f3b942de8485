package timing

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

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

// medianCI is the median of xs, which is not empty, and its 95 % interval.
func medianCI(xs []float64) (float64, Interval) {
	sample := benchmath.NewSample(slices.Clone(xs), &benchmath.DefaultThresholds) // sorts what it is given
	s := benchmath.AssumeNothing.Summary(sample, confidence)
	return s.Center, Interval{s.Lo, s.Hi}
}

// tooFew says why there is no interval.
func tooFew(rounds int) string {
	unit := "rounds"
	if rounds == 1 {
		unit = "round"
	}
	return fmt.Sprintf("%d %s: too few for a 95 %% interval, which takes %d", rounds, unit, enough)
}
