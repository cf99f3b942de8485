package timing

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestMedianCI holds the interval against its definition: the median of whatever
// the samples come from has k of n samples below it with probability
// C(n, k) / 2^n, so [x(lo), x(hi)] covers it where lo <= k < hi.
func TestMedianCI(t *testing.T) {
	for n := 1; n <= 60; n++ {
		xs := make([]float64, n)
		for i := range xs {
			xs[i] = float64(i + 1)
		}
		rand.Shuffle(n, func(i, j int) { xs[i], xs[j] = xs[j], xs[i] })
		before := slices.Clone(xs)
		median, ci := medianCI(xs)
		if !slices.Equal(xs, before) {
			t.Fatalf("%d samples: sorted in place", n)
		}
		if want := float64(n+1) / 2; median != want {
			t.Errorf("%d samples: median %v, want %v", n, median, want)
		}
		if ci.Known() != (n >= enough) {
			t.Errorf("%d samples: interval %v", n, ci)
		}
		if !ci.Known() {
			continue
		}
		covered := 0.0
		for k := int(ci[0]); k < int(ci[1]); k++ {
			covered += binomial(n, k)
		}
		if covered < 0.95 || !ci.Contains(median) {
			t.Errorf("%d samples: %v covers the median with probability %.4f", n, ci, covered)
		}
	}
}

// binomial is C(n, k) / 2^n.
func binomial(n, k int) float64 {
	p := math.Pow(0.5, float64(n))
	for i := range k {
		p *= float64(n-i) / float64(i+1)
	}
	return p
}
