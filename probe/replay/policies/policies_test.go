package policies

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"memprobe/layout/addr"
)

// plainHeap is what the policies mean, written as plainly as can be: which granules
// are in use, by a flag each, and nothing else. The free runs are found by a look at
// all of them.
type plainHeap struct {
	used   []bool
	blocks map[addr.Bytes]addr.Bytes // place, requested
	extent addr.Bytes
	rover  addr.Bytes
	pick   func(p *plainHeap, holes []hole, n addr.Bytes) (i, looked int)
}

func newPlain(arena addr.Bytes, name string) *plainHeap {
	return &plainHeap{used: make([]bool, arena/16), blocks: map[addr.Bytes]addr.Bytes{}, pick: picks[name]}
}

// free are the free runs, the one that ends with the arena apart.
func (p *plainHeap) free() (holes []hole, rest hole) {
	n := addr.Bytes(len(p.used))
	rest = hole{n * 16, 0}
	for i := addr.Bytes(0); i < n; i++ {
		if p.used[i] {
			continue
		}
		from := i
		for i < n && !p.used[i] {
			i++
		}
		h := hole{from * 16, (i - from) * 16}
		if i == n {
			rest = h
		} else {
			holes = append(holes, h)
		}
	}
	return holes, rest
}

// picks are the definitions: the number of the hole that is taken, -1 if none is,
// and how many were looked at.
var picks = map[string]func(p *plainHeap, holes []hole, n addr.Bytes) (i, looked int){
	"first": func(_ *plainHeap, holes []hole, n addr.Bytes) (int, int) {
		for i, h := range holes {
			if h.size >= n {
				return i, i + 1
			}
		}
		return -1, len(holes)
	},
	"next": func(p *plainHeap, holes []hole, n addr.Bytes) (int, int) {
		start := 0
		for start < len(holes) && holes[start].hi() <= p.rover {
			start++
		}
		for k := range holes {
			if i := (start + k) % len(holes); holes[i].size >= n {
				return i, k + 1
			}
		}
		return -1, len(holes)
	},
	"best": func(_ *plainHeap, holes []hole, n addr.Bytes) (int, int) {
		best := -1
		for i, h := range holes {
			if h.size >= n && (best < 0 || h.size < holes[best].size) {
				best = i
			}
		}
		return best, len(holes)
	},
	"worst": func(_ *plainHeap, holes []hole, n addr.Bytes) (int, int) {
		worst := -1
		for i, h := range holes {
			if h.size >= n && (worst < 0 || h.size > holes[worst].size) {
				worst = i
			}
		}
		return worst, len(holes)
	},
}

func (p *plainHeap) mark(lo, size addr.Bytes, used bool) {
	for g := lo / 16; g < (lo+size)/16; g++ {
		if p.used[g] == used {
			panic("marked twice")
		}
		p.used[g] = used
	}
}

func (p *plainHeap) alloc(n addr.Bytes) (place addr.Bytes, looked int, ok bool) {
	if n > addr.Bytes(len(p.used))*16 {
		return 0, 0, false
	}
	size := (max(n, 1) + 15) / 16 * 16
	holes, rest := p.free()
	i, looked := p.pick(p, holes, size)
	at := rest
	if i >= 0 {
		at = holes[i]
	} else if looked++; rest.size < size {
		return 0, 0, false
	}
	p.put(at.lo, n)
	p.rover = at.lo + size
	return at.lo, looked, true
}

func (p *plainHeap) put(lo, n addr.Bytes) {
	size := (max(n, 1) + 15) / 16 * 16
	p.mark(lo, size, true)
	p.blocks[lo] = n
	p.extent = max(p.extent, lo+size)
}

func (p *plainHeap) release(lo addr.Bytes) {
	p.mark(lo, (max(p.blocks[lo], 1)+15)/16*16, false)
	delete(p.blocks, lo)
}

func (p *plainHeap) resize(lo, n addr.Bytes) (addr.Bytes, bool) {
	old := p.blocks[lo]
	want := (max(n, 1) + 15) / 16 * 16
	oldSize := (max(old, 1) + 15) / 16 * 16
	fits := lo+want <= addr.Bytes(len(p.used))*16
	for g := (lo + oldSize) / 16; fits && g < (lo+want)/16; g++ {
		fits = !p.used[g]
	}
	if fits {
		p.release(lo)
		p.put(lo, n)
		return lo, true
	}
	to, _, ok := p.alloc(n)
	if ok {
		p.release(lo)
	}
	return to, ok
}

// use is what Use should say.
func (p *plainHeap) use() Use {
	u := Use{Extent: p.extent}
	for _, n := range p.blocks {
		u.Requested += n
		u.Used += (max(n, 1) + 15) / 16 * 16
	}
	holes, rest := p.free()
	for _, h := range append(holes, rest) {
		if h.lo < p.extent {
			u.LargestHole = max(u.LargestHole, min(h.size, p.extent-h.lo))
		}
	}
	return u
}

// TestPoliciesAreTheirDefinitions plays random operations on each model and on
// its definition.
func TestPoliciesAreTheirDefinitions(t *testing.T) {
	for _, policy := range All {
		for seed := range uint64(12) {
			rng := rand.New(rand.NewPCG(seed, 1))
			arena := []addr.Bytes{1 << 10, 8 << 10, 64 << 10}[seed%3]
			duel(t, policy, arena, rng)
		}
	}
}

func duel(t *testing.T, policy Policy, arena addr.Bytes, rng *rand.Rand) {
	t.Helper()
	h, p := policy.New(arena), newPlain(arena, policy.Name)
	var live []addr.Bytes
	for i := range 1500 {
		n := addr.Bytes(rng.Uint64N(1 << (1 + rng.Uint64N(9))))
		if rng.IntN(200) == 0 {
			n = arena + 1
		}
		switch kind := rng.IntN(20); {
		case kind < 3 && len(live) > 0:
			j := rng.IntN(len(live))
			got, err := h.Resize(live[j], n)
			want, ok := p.resize(live[j], n)
			if (err == nil) != ok || ok && got != want {
				t.Fatalf("%s, operation %d, resize %d to %d: %d, %v, want %d, %v", policy.Name, i, live[j], n, got, err, want, ok)
			}
			if ok {
				live[j] = want
			}
		case kind < 11 && len(live) > 0:
			j := rng.IntN(len(live))
			if err := h.Free(live[j]); err != nil {
				t.Fatal(err)
			}
			p.release(live[j])
			if err := h.Free(live[j]); !errors.Is(err, ErrNotABlock) {
				t.Fatalf("%s: a double free: %v", policy.Name, err)
			}
			live = slices.Delete(live, j, j+1)
		default:
			search := slices.Collect(h.Explain(n))
			got, err := h.Alloc(n)
			want, looked, ok := p.alloc(n)
			if (err == nil) != ok || err != nil && !errors.Is(err, ErrNoSpace) || ok && (got != want || h.Looked() != looked) {
				t.Fatalf("%s, operation %d, alloc %d: %d looking at %d, %v, want %d looking at %d, %v", policy.Name, i, n, got, h.Looked(), err, want, looked, ok)
			}
			checkSearch(t, policy, search, n, want, looked, ok)
			if ok {
				live = append(live, want)
			}
		}
		if got, want := h.Use(), p.use(); got != want {
			t.Fatalf("%s, operation %d: use %+v, want %+v", policy.Name, i, got, want)
		}
	}
	checkBlocks(t, policy, h, p)
}

// checkSearch: as many as were looked at, one of them taken, where the block went.
func checkSearch(t *testing.T, policy Policy, search []Candidate, n, place addr.Bytes, looked int, ok bool) {
	t.Helper()
	taken := 0
	for _, c := range search {
		if c.Fits != (c.Size >= max(n, 1)) {
			t.Fatalf("%s: %+v for %d bytes", policy.Name, c, n)
		}
		if c.Taken {
			taken++
			if c.Offset != place {
				t.Fatalf("%s: %+v is taken, but the block is at %d", policy.Name, c, place)
			}
		}
	}
	if ok && (taken != 1 || len(search) != looked) || !ok && taken != 0 {
		t.Fatalf("%s: %d taken of %d, %d looked at, %v", policy.Name, taken, len(search), looked, ok)
	}
}

// checkBlocks: the blocks tile the arena as they should.
func checkBlocks(t *testing.T, policy Policy, h *Heap, p *plainHeap) {
	t.Helper()
	at := addr.Bytes(0)
	free := true // a free block may not follow
	for i, b := range h.Blocks() {
		if b.Offset != at || !b.Used && i > 0 && free {
			t.Fatalf("%s: block %d: %+v, expected at %d", policy.Name, i, b, at)
		}
		if n, ok := p.blocks[at]; ok != b.Used || n != b.Requested {
			t.Fatalf("%s: %+v, want %d, %v", policy.Name, b, n, ok)
		}
		at, free = at+b.Size, !b.Used
	}
	if at != h.arena {
		t.Fatalf("%s: the blocks end at %d", policy.Name, at)
	}
}

// TestChunks: a list of many holes is the same as a short one, only longer.
func TestChunks(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for _, before := range []func(a, b hole) bool{byPlace, bySize} {
		l := list{before: before}
		var plain []hole
		for range 20_000 {
			if rng.IntN(3) == 0 && len(plain) > 0 {
				i := rng.IntN(len(plain))
				l.remove(plain[i])
				plain = slices.Delete(plain, i, i+1)
				continue
			}
			h := hole{addr.Bytes(rng.Uint64()), addr.Bytes(rng.Uint64N(100))}
			l.insert(h)
			plain = append(plain, h)
		}
		slices.SortFunc(plain, func(a, b hole) int {
			if before(a, b) {
				return -1
			}
			return 1
		})
		if len(l.chunks) < 10 || l.len != len(plain) || !slices.Equal(slices.Collect(l.all(place{})), plain) {
			t.Fatalf("%d holes in %d chunks, want %d", l.len, len(l.chunks), len(plain))
		}
		for n := range addr.Bytes(110) {
			i := slices.IndexFunc(plain, func(h hole) bool { return h.size >= n })
			h, looked, ok := l.fit(place{}, l.end(), n)
			if ok != (i >= 0) || ok && (h != plain[i] || looked != i+1) || !ok && looked != len(plain) {
				t.Fatalf("%d bytes: %v after %d, %v, want number %d", n, h, looked, ok, i)
			}
		}
	}
}
