package mmapheap

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"memprobe/layout/addr"
)

// naive is what first fit means, written as plainly as can be: a sorted list of
// free spans, and a map of the blocks in use. Places are offsets in bytes. It
// shares nothing with the heap but the reasons for errors.
type naive struct {
	arena   uint64
	rounded bool // sizes are kept in whole blocks
	free    []span
	used    map[uint64]uint64 // where each block begins, and what was requested
	extent  uint64            // the highest end of any block so far
}

type span struct{ lo, hi uint64 }

func newNaive(arena uint64) *naive {
	return &naive{arena: arena, free: []span{{0, arena}}, used: map[uint64]uint64{}}
}

// kept is what is kept of a request for n bytes.
func (m *naive) kept(n uint64) uint64 {
	if m.rounded {
		return blockSize(n)
	}
	return n
}

func blockSize(n uint64) uint64 {
	if n == 0 {
		return 16
	}
	return (n + 15) / 16 * 16
}

func (m *naive) alloc(n uint64) (uint64, error) {
	if n > m.arena {
		return 0, ErrNoSpace
	}
	for i := range m.free {
		s := &m.free[i]
		if s.hi-s.lo < blockSize(n) {
			continue
		}
		lo := s.lo
		s.lo += blockSize(n)
		m.extent = max(m.extent, s.lo)
		if s.lo == s.hi {
			m.free = slices.Delete(m.free, i, i+1)
		}
		m.used[lo] = m.kept(n)
		return lo, nil
	}
	return 0, ErrNoSpace
}

// reason is why place is not a block in use, or nil if it is.
func (m *naive) reason(place int64, null bool) error {
	p := uint64(place)
	switch {
	case null:
		return ErrNull
	case place < 0 || p >= m.arena:
		return ErrForeign
	case p%16 != 0:
		return ErrMisaligned
	}
	if _, ok := m.used[p]; ok {
		return nil
	}
	for _, s := range m.free {
		if s.lo <= p && p < s.hi {
			if p < m.extent {
				return ErrDoubleFree
			}
			return ErrUntouched
		}
	}
	return ErrInterior
}

func (m *naive) release(p uint64) {
	m.addFree(span{p, p + blockSize(m.used[p])})
	delete(m.used, p)
}

func (m *naive) addFree(s span) {
	i := 0
	for i < len(m.free) && m.free[i].lo < s.lo {
		i++
	}
	m.free = slices.Insert(m.free, i, s)
	if i+1 < len(m.free) && m.free[i].hi == m.free[i+1].lo {
		m.free[i].hi = m.free[i+1].hi
		m.free = slices.Delete(m.free, i+1, i+2)
	}
	if i > 0 && m.free[i-1].hi == m.free[i].lo {
		m.free[i-1].hi = m.free[i].hi
		m.free = slices.Delete(m.free, i, i+1)
	}
}

// resize plays the rules in order: in place if smaller or if the free span right
// behind holds the rest; else alloc, then free.
func (m *naive) resize(p, n uint64) (uint64, error) {
	if n > m.arena {
		return 0, ErrNoSpace
	}
	end, want := p+blockSize(m.used[p]), p+blockSize(n)
	if want < end {
		m.addFree(span{want, end})
		end = want
	}
	for i := range m.free {
		if s := &m.free[i]; want > end && s.lo == end && s.hi >= want {
			s.lo, end = want, want
			if s.lo == s.hi {
				m.free = slices.Delete(m.free, i, i+1)
			}
			break
		}
	}
	if want == end {
		m.used[p] = m.kept(n)
		m.extent = max(m.extent, end)
		return p, nil
	}
	q, err := m.alloc(n)
	if err == nil {
		m.release(p)
	}
	return q, err
}

// blocks lists every block as the heap would, at base.
func (m *naive) blocks(base addr.Addr) []Block {
	var all []Block
	for _, s := range m.free {
		all = append(all, Block{base + addr.Addr(s.lo), addr.Bytes(s.hi - s.lo), 0, Free})
	}
	for p, n := range m.used {
		all = append(all, Block{base + addr.Addr(p), addr.Bytes(blockSize(n)), addr.Bytes(n), Used})
	}
	slices.SortFunc(all, func(a, b Block) int { return int(int64(a.Addr) - int64(b.Addr)) })
	return all
}

// looks lists the free spans up to the first that holds n bytes.
func (m *naive) looks(base addr.Addr, n uint64) []Candidate {
	var all []Candidate
	for _, s := range m.free {
		fits := s.hi-s.lo >= n && s.hi > s.lo
		all = append(all, Candidate{base + addr.Addr(s.lo), addr.Bytes(s.hi - s.lo), fits})
		if fits {
			break
		}
	}
	return all
}

// duel plays every operation on a heap and on the oracle, and compares.
type duel struct {
	heap *Heap
	base addr.Addr
	m    *naive
}

func newDuel(h *Heap) *duel {
	m := newNaive(uint64(h.Range().Size()))
	m.rounded = !h.index.exact
	return &duel{heap: h, base: h.Range().Lo, m: m}
}

func (d *duel) alloc(n uint64) (uint64, error) {
	got, err := d.heap.Alloc(addr.Bytes(n))
	want, reason := d.m.alloc(n)
	return want, d.compare(fmt.Sprintf("alloc %d", n), got, err, want, reason)
}

func (d *duel) resize(place int64, null bool, n uint64) (uint64, error) {
	got, err := d.heap.Resize(d.address(place, null), addr.Bytes(n))
	reason := d.m.reason(place, null)
	want := uint64(0)
	if reason == nil {
		want, reason = d.m.resize(uint64(place), n)
	}
	return want, d.compare(fmt.Sprintf("resize %+d %v %d", place, null, n), got, err, want, reason)
}

func (d *duel) free(place int64, null bool) error {
	err := d.heap.Free(d.address(place, null))
	reason := d.m.reason(place, null)
	if reason == nil {
		d.m.release(uint64(place))
	}
	return d.compare(fmt.Sprintf("free %+d %v", place, null), d.base, err, 0, reason)
}

func (d *duel) address(place int64, null bool) addr.Addr {
	if null {
		return 0
	}
	return d.base + addr.Addr(place)
}

func (d *duel) compare(call string, got addr.Addr, err error, want uint64, reason error) error {
	if !errors.Is(err, reason) {
		return fmt.Errorf("%s: error %v, want %v", call, err, reason)
	}
	if reason != nil {
		return nil
	}
	if got != d.base+addr.Addr(want) {
		return fmt.Errorf("%s: got %+d, want %+d", call, int64(got-d.base), want)
	}
	if b, ok := d.m.used[want]; ok && call[0] != 'f' {
		if mem, err := d.heap.Bytes(got); err != nil || uint64(len(mem)) != b {
			return fmt.Errorf("%s: %d bytes, %v, want %d", call, len(mem), err, b)
		}
	}
	return nil
}

// state compares every block, and the search for n bytes.
func (d *duel) state(n uint64) error {
	if got, want := slices.Collect(d.heap.Blocks()), d.m.blocks(d.base); !slices.Equal(got, want) {
		return fmt.Errorf("blocks\n got %v\nwant %v", got, want)
	}
	if got, want := slices.Collect(d.heap.Explain(addr.Bytes(n))), d.m.looks(d.base, n); !slices.Equal(got, want) {
		return fmt.Errorf("search for %d\n got %v\nwant %v", n, got, want)
	}
	return d.heap.Check()
}

// A workload draws sizes of requests, in bytes.
type workload struct {
	name string
	draw func(*rand.Rand) uint64
}

var workloads = []workload{
	{"tiny", func(r *rand.Rand) uint64 { return r.Uint64N(40) }},
	{"small", func(r *rand.Rand) uint64 { return 1 + r.Uint64N(256) }},
	{"equal", func(r *rand.Rand) uint64 { return 32 + 16*r.Uint64N(2) }},
	{"doubling", func(r *rand.Rand) uint64 { return 8 << r.Uint64N(9) }},
	{"skewed", func(r *rand.Rand) uint64 { return r.Uint64N(1 << (1 + r.Uint64N(14))) }},
	{"words", func(r *rand.Rand) uint64 { return 1024*(1+r.Uint64N(4)) - 32 + r.Uint64N(64) }},
	{"large", func(r *rand.Rand) uint64 { return r.Uint64N(64 << 10) }},
}

var arenas = []addr.Bytes{4 << 10, 16 << 10, 64 << 10, 64 << 10, 256 << 10, 1 << 20, 8 << 20}

// TestFirstFitIsExact plays random operations on heaps of several sizes and on
// the oracle. MEMPROBE_HEAP_OPS sets how many, MEMPROBE_SEED repeats a run.
func TestFirstFitIsExact(t *testing.T) {
	const perHeap = 4000
	ops := fromEnvironment(t, "MEMPROBE_HEAP_OPS", 1_000_000)
	if testing.Short() {
		ops = min(ops, 50_000)
	}
	seed := fromEnvironment(t, "MEMPROBE_SEED", uint64(time.Now().UnixNano()))
	for round := uint64(0); round*perHeap < ops; round++ {
		rng := rand.New(rand.NewPCG(seed, round))
		arena := arenas[rng.IntN(len(arenas))]
		work := workloads[rng.IntN(len(workloads))]
		r, err := Reserve(Config{Heap: arena, Rounded: rng.IntN(4) == 0})
		if err != nil {
			t.Fatal(err)
		}
		if err := playRandom(newDuel(r.Heap()), rng, work.draw, int(min(perHeap, ops-round*perHeap))); err != nil {
			t.Fatalf("MEMPROBE_SEED=%d, round %d, an arena of %d bytes, %s: %v", seed, round, arena, work.name, err)
		}
		if err := r.Release(); err != nil {
			t.Fatal(err)
		}
	}
}

// playRandom plays n operations: some runs of growing, some of shrinking, so that
// the heap is full at times, and empty.
func playRandom(d *duel, rng *rand.Rand, draw func(*rand.Rand) uint64, n int) error {
	var live []uint64
	arena := int64(d.m.arena)
	wanted := 1 + rng.IntN(400)
	for i := range n {
		if rng.IntN(300) == 0 {
			wanted = rng.IntN(600)
		}
		err := error(nil)
		switch kind := rng.IntN(100); {
		case kind < 6:
			err = d.free(badPlace(rng, arena, live), rng.IntN(50) == 0)
			live = slices.DeleteFunc(live, func(p uint64) bool { _, ok := d.m.used[p]; return !ok })
		case kind < 8:
			err = resizeBad(d, rng, arena, live, draw(rng))
		case kind < 20 && len(live) > 0:
			j := rng.IntN(len(live))
			old := live[j]
			var p uint64
			if p, err = d.resize(int64(old), false, draw(rng)); err == nil && d.m.reason(int64(old), false) != nil {
				live[j] = p
			}
		case len(live) > 0 && (kind < 55) == (len(live) < wanted):
			j := rng.IntN(len(live))
			err = d.free(int64(live[j]), false)
			live[j] = live[len(live)-1]
			live = live[:len(live)-1]
		default:
			before := len(d.m.used)
			var p uint64
			if p, err = d.alloc(draw(rng)); len(d.m.used) > before {
				live = append(live, p)
			}
		}
		if err == nil && rng.Uint64N(10) == 0 {
			err = d.heap.Check()
		}
		if err != nil {
			return fmt.Errorf("operation %d: %w", i, err)
		}
	}
	return d.state(draw(rng))
}

// badPlace is most likely not a block: out of the arena, anywhere in it, or near
// a block in use.
func badPlace(rng *rand.Rand, arena int64, live []uint64) int64 {
	switch kind := rng.IntN(4); {
	case kind == 0:
		return arena + rng.Int64N(arena)
	case kind == 1:
		return -1 - rng.Int64N(arena)
	case kind == 2 && len(live) > 0:
		return int64(live[rng.IntN(len(live))]) + rng.Int64N(64)
	}
	return rng.Int64N(arena) &^ (rng.Int64N(2) * 15)
}

// resizeBad resizes what is not a block; a place that is one by chance is left alone.
func resizeBad(d *duel, rng *rand.Rand, arena int64, live []uint64, n uint64) error {
	place, null := badPlace(rng, arena, live), rng.IntN(50) == 0
	if d.m.reason(place, null) == nil {
		return nil
	}
	_, err := d.resize(place, null, n)
	return err
}

func fromEnvironment(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text, ok := os.LookupEnv(name)
	if !ok {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
