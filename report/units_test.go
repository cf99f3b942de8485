package report

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/dustin/go-humanize"

	"memprobe/layout/addr"
)

// A size is formatted as humanize does, all the way up.
func TestShortIsHumanize(t *testing.T) {
	check := func(n uint64) {
		t.Helper()
		want := strings.Replace(humanize.IBytes(n), ".0 ", " ", 1)
		if got := short(addr.Bytes(n)); got != want {
			t.Fatalf("%d bytes: got %q, want %q", n, got, want)
		}
	}
	for shift := range 64 {
		unit := uint64(1) << shift
		for n := range uint64(40) {
			check(unit + n)
			check(unit - n)
			check(unit + unit/20*n)
			check(unit*(n+1) - unit/20)
			check(unit*(n+1) - unit/20 - 1)
		}
	}
	for range 20_000 {
		check(rand.Uint64() >> rand.IntN(64))
	}
}
