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

// A size is the same whether it is remembered or not, also where others have taken its
// place.
func TestSizesAreShort(t *testing.T) {
	var s sizes
	if got := s.short(0); got != short(0) {
		t.Errorf("0 bytes, before any other: got %q, want %q", got, short(0))
	}
	seen := []addr.Bytes{0}
	for range 20_000 {
		n := addr.Bytes(rand.Uint64() >> rand.IntN(64))
		switch rand.IntN(4) {
		case 0:
			n = seen[rand.IntN(len(seen))]
		case 1: // the same place
			n = seen[rand.IntN(len(seen))] + addr.Bytes(rand.IntN(1000))<<16
		case 2:
			n = addr.Bytes(rand.IntN(40)) << 12
		}
		seen = append(seen, n)
		if got := s.short(n); got != short(n) {
			t.Fatalf("%d bytes: got %q, want %q", n, got, short(n))
		}
	}
}
