package main

import (
	"math"
	"slices"
)

// median is the middle of xs, or the mean of the two in the middle; xs is not empty.
func median(xs []float64) float64 {
	sorted := slices.Sorted(slices.Values(xs))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// middle is the span of the middle half of xs.
func middle(xs []float64) (lo, hi float64) {
	sorted := slices.Sorted(slices.Values(xs))
	n := len(sorted)
	return sorted[n/4], sorted[n-1-n/4]
}

// geomean is the n-th root of the product of the n xs, all above 0.
func geomean(xs []float64) float64 {
	sum := 0.0
	for _, x := range xs {
		sum += math.Log(x)
	}
	return math.Exp(sum / float64(len(xs)))
}

// ratio is the median of a/b, round by round: a slow moment of the machine hits both.
func ratio(a, b []float64) float64 {
	var ratios []float64
	for i := range a {
		ratios = append(ratios, a[i]/b[i])
	}
	return median(ratios)
}
