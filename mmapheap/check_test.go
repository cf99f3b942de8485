package mmapheap

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

// broken is the numbers of the invariants that err reports, in its order.
func broken(err error) string {
	if err == nil {
		return ""
	}
	var numbers []string
	for _, line := range strings.Split(err.Error(), "\n") {
		number, _, _ := strings.Cut(line, ":")
		numbers = append(numbers, number)
	}
	return strings.Join(numbers, " ")
}

// The damage is done to "used 32 | free 64 | used 20/32 | used 0/16 | free 16 |
// used 5000/5008 | free 4000 | used 16 | 263 times used 32 | free ...", in granules:
// 0-2, 6-8, 8, 10-323, 573, 574-1100.
func TestHeapCheckSeesDamage(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(h *Heap)
		want   string
	}{
		{"none", func(h *Heap) {}, ""},
		{"a start inside a block", func(h *Heap) { h.index.of(1).starts |= 1 << 1 }, "H1 H3 H7 H8"},
		{"a lost start", func(h *Heap) { h.index.of(6).starts &^= 1 << 6 }, "H1 H3 H4 H5 H7 H8"},
		{"an end behind an end", func(h *Heap) { h.index.of(3).ends |= 1 << 3 }, "H1"},
		{"an end lost", func(h *Heap) { h.index.of(322).ends &^= 1 << (322 % 64) }, "H1 H3 H4 H5 H6 H8"},
		{"a block that ends too early", func(h *Heap) { h.index.of(1).ends ^= 3 }, "H3 H4 H5 H8"},
		{"the tail thought higher", func(h *Heap) { h.index.tail++ }, "H2 H4"},
		{"an extent below the blocks", func(h *Heap) { h.extent = 322 }, "H2 H4 H8"},
		{"an edge that hides a hole", func(h *Heap) { h.index.stairs.place[3] = 3 }, "H3 H4"},
		{"an edge below the one before it", func(h *Heap) { h.index.stairs.set(5, 1, false) }, "H4"},
		{"an edge inside the hole of the one before it", func(h *Heap) { h.index.stairs.set(5, 4, false) }, "H4"},
		{"an exact edge without a hole", func(h *Heap) { h.index.stairs.set(2, 1, true) }, "H4"},
		{"exact, and no edge", func(h *Heap) { h.index.stairs.exact[1] |= 1 }, "H4"},
		{"no edge of the tail", func(h *Heap) { h.index.stairs.unset(tailStep) }, "H4"},
		{"an edge of the tail elsewhere", func(h *Heap) { h.index.stairs.place[tailStep]++ }, "H4"},
		{"a bound that is too low", func(h *Heap) { *h.index.holes.levels[0].at(0) = 3 }, "H5"},
		{"a bound below the one under it", func(h *Heap) { *h.index.holes.levels[1].at(0) = 0 }, "H5"},
		{"a block's end noted elsewhere", func(h *Heap) { h.index.chunks.at(1).notes++ }, "H6"},
		{"a hole's end noted elsewhere", func(h *Heap) { h.index.chunks.at(6).notes++ }, "H6"},
		{"a hole's begin noted elsewhere", func(h *Heap) { h.index.chunks.at(7).notes += 1 << 32 }, "H6"},
		{"a chunk missing in the summary", func(h *Heap) { h.index.begun.levels[0][0] &^= 1 }, "H7"},
		{"an upper level that forgot", func(h *Heap) { h.index.begun.levels[1][0] = 0 }, "H7"},
		{"a count that is off", func(h *Heap) { h.index.chunks.at(0).notes += countOne }, "H7"},
		{"nothing requested where no block is", func(h *Heap) { h.index.sizes.setNothing(3, true) }, "H7"},
		{"nothing requested for two granules", func(h *Heap) { h.index.sizes.setNothing(0, true) }, "H7"},
		{"a record that is not there", func(h *Heap) { h.index.of(900).notes += 1 << 20 }, "H7"},
		{"two chunks with one record", func(h *Heap) { h.index.chunks.at(15).notes = h.index.chunks.at(14).notes }, "H7"},
		{"a record that two blocks share a place in", func(h *Heap) { h.index.of(900).starts |= 1 << (901 % 64); h.index.of(900).ends |= 3 << (900 % 64) }, "H7"},
		{"a sum that is off", func(h *Heap) { h.used++ }, "H8"},
		{"a high water below the sum", func(h *Heap) { h.highWater = 10 }, "H8"},
		{"less committed than used", func(h *Heap) { h.committed = 0 }, "H9"},
		{"a page committed in part", func(h *Heap) { h.committed -= 16 }, "H9"},
		{"more committed than there is", func(h *Heap) { h.committed = 1 << 40 }, "H9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Reserve(Config{Heap: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Release()
			h := r.Heap()
			var blocks []addr.Addr
			for _, n := range append([]addr.Bytes{32, 64, 20, 0, 16, 5000, 4000, 16}, slices.Repeat([]addr.Bytes{32}, 263)...) {
				blocks = append(blocks, mustAlloc(t, h, n))
			}
			for _, i := range []int{1, 4, 6} {
				if err := h.Free(blocks[i]); err != nil {
					t.Fatal(err)
				}
			}
			tt.damage(h)
			if got := broken(h.Check()); got != tt.want {
				t.Errorf("Check reports %q, want %q: %v", got, tt.want, h.Check())
			}
		})
	}
}

// A check of any bookkeeping ends, without a panic, and sees one bit that is off
// in the bitmaps or the summaries.
func TestHeapCheckSurvivesAnything(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 100 {
		r, err := Reserve(Config{Heap: 64 << 10, Stack: 1})
		if err != nil {
			t.Fatal(err)
		}
		h := r.Heap()
		var live []addr.Addr
		for range 100 {
			live = append(live, mustAlloc(t, h, addr.Bytes(rng.IntN(400))))
		}
		for i := 0; i < len(live); i += 2 {
			h.Free(live[i])
		}
		last := chunksOf(h.extent)
		for _, flip := range []*uint64{
			&h.index.chunks.at(rng.Uint64N(last)).starts,
			&h.index.chunks.at(rng.Uint64N(last)).ends,
		} {
			old := *flip
			*flip ^= 1 << rng.Uint64N(last)
			if h.Check() == nil {
				t.Errorf("no error for %#x in place of %#x", *flip, old)
			}
			*flip = old
		}
		page := r.kernel.page()
		books := r.books[page : addr.Bytes(len(r.books))-page]
		for i := range books {
			books[i] = byte(rng.Uint32())
		}
		if h.Check() == nil {
			t.Error("random bookkeeping has no error")
		}
		if err := r.Release(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStackCheckSeesDamage(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(s *Stack)
		want   string
	}{
		{"none", func(s *Stack) {}, ""},
		{"a misaligned pointer", func(s *Stack) { s.table[3] += 8 }, "S1 S2"},
		{"a pointer below the stack", func(s *Stack) { s.table[3] = s.span.Lo - 16 }, "S1 S2 S3"},
		{"a pointer above the stack", func(s *Stack) { s.table[3] = s.span.Hi + 16 }, "S1 S2 S3"},
		{"a frame without bytes", func(s *Stack) { s.table[2] = s.table[1] }, "S2"},
		{"a frame that is upside down", func(s *Stack) { s.table[2] = s.table[1] + 16 }, "S2"},
		{"a frame that begins below the stack", func(s *Stack) { s.table[2] = s.span.Lo - 16 }, "S2"},
		{"frames that meet at an odd place", func(s *Stack) { s.table[2] += 8 }, "S2"},
		{"an oldest frame that ends below the end", func(s *Stack) { s.table[0] -= 16 }, "S2"},
		{"a frame too many", func(s *Stack) { s.top += noteSize }, "S1 S2 S3"},
		{"more frames than there is room for", func(s *Stack) { s.top = s.bottom + noteSize*addr.Addr(len(s.table)) }, "S2"},
		{"fewer frames than none", func(s *Stack) { s.top = s.bottom - noteSize }, "S2"},
		{"a note between two", func(s *Stack) { s.top-- }, "S2"},
		{"notes that are elsewhere", func(s *Stack) { s.bottom += noteSize }, "S2"},
		{"a Push that knows of less memory", func(s *Stack) { s.low += 4096 }, "S3"},
		{"a Push that knows of too much memory", func(s *Stack) { s.low -= 4096 }, "S3"},
		{"a Push that takes too much", func(s *Stack) { s.max++ }, "S3"},
		{"less committed than used", func(s *Stack) { s.committed = 0 }, "S3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Reserve(Config{Stack: 64 << 10})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Release()
			s := r.Stack()
			for _, n := range []addr.Bytes{100, 200, 300} {
				if _, err := s.Push(n); err != nil {
					t.Fatal(err)
				}
			}
			tt.damage(s)
			if got := broken(s.Check()); got != tt.want {
				t.Errorf("Check reports %q, want %q: %v", got, tt.want, s.Check())
			}
		})
	}
}

func TestBreachesAreCounted(t *testing.T) {
	var b breaches
	for i := range 3 {
		b.add("H9", "number %d", i)
	}
	b.add("H8", "alone")
	if got, want := fmt.Sprint(b.err()), "H9: number 0 (and 2 more)\nH8: alone"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// summary against a map, over sizes of one to several levels.
func TestSummary(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, n := range []uint64{1, 63, 64, 65, 4096, 4097, 300_000} {
		var measure carver
		laySummary(&measure, addr.Bytes(n))
		c := carver{mem: make([]byte, measure.used)}
		s := laySummary(&c, addr.Bytes(n))
		var members []uint64
		for range 200 {
			i := rng.Uint64N(n)
			if at, ok := slices.BinarySearch(members, i); !ok {
				s.set(i)
				members = slices.Insert(members, at, i)
			} else {
				s.clear(i)
				members = slices.Delete(members, at, at+1)
			}
			from := rng.Uint64N(n)
			at, exact := slices.BinarySearch(members, from)
			if !exact {
				at--
			}
			if got, ok := s.prev(from); ok != (at >= 0) || ok && got != members[at] {
				t.Fatalf("prev of %d among %v below %d: %d, %v", from, members, n, got, ok)
			}
		}
	}
}

// A search that fails lowers every bound that sent it astray, up to the top: it
// is not sent there again.
func TestASearchLearns(t *testing.T) {
	h := newRegion(t, Config{Heap: 4 << 20}).Heap()
	var all []addr.Addr
	for range 60_000 {
		all = append(all, mustAlloc(t, h, 32))
	}
	for i := 0; i < len(all)-1; i += 2 {
		if err := h.Free(all[i]); err != nil {
			t.Fatal(err)
		}
	}
	for _, merged := range all[1:40_000] { // holes of more than 32 bytes come, and go again
		if b, _ := h.BlockAround(merged); b.State == Used {
			if err := h.Free(merged); err != nil {
				t.Fatal(err)
			}
		}
	}
	mustAlloc(t, h, 40_000*32)
	h.index.stairs = stairs{} // as if nothing had been learnt yet
	h.index.stairs.set(0, 0, false)
	h.index.stairs.set(tailStep-1, 0, false)
	h.index.stairs.set(tailStep, h.index.tail, true)
	mustAlloc(t, h, 33)
	for l := range h.index.holes.count {
		for i := range chunksOf(h.index.size) >> (3 * l) {
			if l > 0 && i == 0 {
				continue // the search began below it, and has not come to it
			}
			if bound := *h.index.holes.levels[l].at(i); bound > 2 {
				t.Errorf("bound %d of level %d promises step %d, where no hole has more than 2 granules", i, l, bound-1)
			}
		}
	}
}

// The essay numbers exactly the invariants that the checks report.
func TestInvariantsAreDocumented(t *testing.T) {
	number := regexp.MustCompile(`(?m)^//\t([HS][0-9]+)  `)
	reported := regexp.MustCompile(`"([HS][0-9]+)"`)
	documented := map[string]bool{}
	for _, m := range number.FindAllStringSubmatch(readSource(t, "doc.go"), -1) {
		documented[m[1]] = true
	}
	for _, m := range reported.FindAllStringSubmatch(readSource(t, "check.go"), -1) {
		if !documented[m[1]] {
			t.Errorf("doc.go does not explain %s", m[1])
		}
	}
	if len(documented) != 12 {
		t.Errorf("doc.go numbers %d invariants", len(documented))
	}
}
