package timing

import (
	"encoding/json"
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

// TestPValue holds the test against its definition: the share of all ways to deal
// the values out in which the samples lie as far apart or farther, by how often a
// value of one is above one of the other.
func TestPValue(t *testing.T) {
	above := func(xs, ys []float64) (n int) {
		for _, x := range xs {
			for _, y := range ys {
				if x > y {
					n++
				}
			}
		}
		return n
	}
	for range 20 {
		var xs, ys, all []float64
		for i := range 10 {
			all = append(all, rand.Float64()+0.3*float64(i/5))
		}
		xs, ys = all[:5], all[5:]
		middle := 25.0 / 2
		far := math.Abs(float64(above(xs, ys)) - middle)
		farther, ways := 0, 0
		for set := range 1 << 10 {
			var one, other []float64
			for i, x := range all {
				if set>>i&1 == 1 {
					one = append(one, x)
				} else {
					other = append(other, x)
				}
			}
			if len(one) == 5 {
				ways++
				if math.Abs(float64(above(one, other))-middle) >= far {
					farther++
				}
			}
		}
		if got, want := pValue(xs, ys), float64(farther)/float64(ways); math.Abs(got-want) > 1e-9 {
			t.Errorf("%v and %v: p %v, want %v", xs, ys, got, want)
		}
	}
}

// TestLeastP has samples that lie wholly apart.
func TestLeastP(t *testing.T) {
	for n := 1; n <= 12; n++ {
		for k := 1; k <= 12; k++ {
			var xs, ys []float64
			for i := range n {
				xs = append(xs, float64(i))
			}
			for i := range k {
				ys = append(ys, float64(100+i))
			}
			if got, want := leastP(n, k), pValue(xs, ys); math.Abs(got-want) > 1e-9 {
				t.Errorf("%d and %d rounds: %v, want %v", n, k, got, want)
			}
		}
	}
	if got := leastP(10_000, 10_000); got > 1e-200 {
		t.Errorf("10,000 rounds: %v", got)
	}
}

// TestAdjust is the example of a table that was worked out by hand.
func TestAdjust(t *testing.T) {
	got := adjust([]float64{0.01, 0.04, 0.03, 0.005, 0.9})
	want := []float64{0.04, 0.09, 0.09, 0.025, 0.9}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-12 {
			t.Errorf("adjusted %v, want %v", got, want)
			break
		}
	}
	if got := adjust([]float64{0.6, 0.7}); got[0] != 1 || got[1] != 1 {
		t.Errorf("adjusted %v, want 1 and 1", got)
	}
	if len(adjust(nil)) != 0 {
		t.Error("something of nothing")
	}
}

func TestSpread(t *testing.T) {
	for _, tt := range []struct {
		xs   []float64
		want float64
	}{
		{[]float64{100, 100, 100, 100}, 0},
		{[]float64{400, 90, 100, 110, 10}, 0.2},
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8}, 0.6},
		{[]float64{5}, 0},
		{[]float64{0, 0, 0}, 0},
		{nil, 0},
	} {
		if got := spread(tt.xs); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("%v: %v, want %v", tt.xs, got, tt.want)
		}
	}
}

func TestIntervalJSON(t *testing.T) {
	for text, want := range map[string]Interval{"[1,2.5]": {1, 2.5}, "null": unknown(), "[0,0]": {0, 0}} {
		got := Interval{7, 8}
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
		if back, err := json.Marshal(got); err != nil || string(back) != text {
			t.Errorf("%s is written %s, %v", text, back, err)
		}
	}
	for _, text := range []string{"[1]", "[]", "[1,2,3]", "[2,1]", `"1"`, "{}", "1", "[null]"} {
		var got Interval
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s passes for %v", text, got)
		}
	}
}
