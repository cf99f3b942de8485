package mmapheap

import (
	"math/rand/v2"
	"testing"

	"memprobe/layout/addr"
)

// The shadow against a plain map of cells.
func TestShadowAgainstAMap(t *testing.T) {
	const cells = 2000 // some chunks
	var s shadow
	naive := map[addr.Addr]BlockNumber{}
	rng := rand.New(rand.NewPCG(1, 3))
	const base addr.Addr = 0x7e2a_0000_0ff0
	for i := range 3000 {
		lo := base + addr.Addr(rng.IntN(cells))*16
		n := addr.Bytes(rng.IntN(1<<rng.IntN(11))) * cell
		number := BlockNumber(rng.IntN(5))
		s.set(addr.Span(lo, n), number)
		for a := lo; a < lo.Offset(n); a += 16 {
			naive[a] = number
		}
		at := base + addr.Addr(rng.IntN(cells*16))
		if got, want := s.at(at), naive[at&^15]; got != want {
			t.Fatalf("round %d: %v is block %d's, want %d", i, at, got, want)
		}
		r := addr.Span(at, addr.Bytes(rng.IntN(5000)))
		next, last := r.Lo, BlockNumber(0)
		for run, number := range s.runs(r) {
			for ; next < run.Lo; next++ {
				if naive[next&^15] != 0 {
					t.Fatalf("round %d: the runs leave out %v", i, next)
				}
			}
			if run.Lo != next || number == 0 || run.Size() == 0 || number == last && run.Lo == next && naive[(run.Lo-1)&^15] == number && run.Lo > r.Lo {
				t.Fatalf("round %d: run %v of %d", i, run, number)
			}
			for ; next < run.Hi; next++ {
				if naive[next&^15] != number {
					t.Fatalf("round %d: %v is in a run of %d, want %d", i, next, number, naive[next&^15])
				}
			}
			last = number
		}
		for ; next < r.Hi; next++ {
			if naive[next&^15] != 0 {
				t.Fatalf("round %d: the runs leave out %v", i, next)
			}
		}
		for range s.runs(r) {
			break // which must be possible at any time
		}
	}
}

// The bits against a plain list of bools.
func TestWrittenAgainstAList(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 3))
	for range 300 {
		n := addr.Bytes(rng.IntN(300))
		w, naive := newWritten(n), make([]bool, n)
		for range 20 {
			lo := addr.Bytes(rng.IntN(int(n) + 1))
			hi := lo + addr.Bytes(rng.IntN(int(n-lo)+1))
			if rng.IntN(2) == 0 {
				w.set(lo, hi)
				for i := lo; i < hi; i++ {
					naive[i] = true
				}
			}
			first, missing := w.gap(lo, hi)
			want := lo
			for want < hi && naive[want] {
				want++
			}
			if missing != (want < hi) || missing && first != want {
				t.Fatalf("the first gap from %d to %d is %d, %v; want %d", lo, hi, first, missing, want)
			}
		}
		m := addr.Bytes(rng.IntN(300))
		both := min(n, m)
		other := newWritten(m)
		other.copyFrom(w, both)
		for i := range m {
			_, missing := other.gap(i, i+1)
			if missing == (i < both && naive[i]) {
				t.Fatalf("copying %d bits of %d to %d: bit %d", both, n, m, i)
			}
		}
		if len(other) > 0 && other[len(other)-1]&^wordMask(addr.Bytes(len(other)-1), 0, m) != 0 {
			t.Fatalf("copying %d bits of %d to %d: bits behind the end", both, n, m)
		}
	}
}
