package timing

import (
	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

// Holes asks what it takes to find the lowest free block that is large enough.
var Holes = &Study{
	Name:      "holes",
	Title:     "Finding a free block among holes",
	Question:  "Does a heap take longer to find room the more holes it has?",
	Cost:      Allocate,
	Operation: "a block got and given back, among so many holes",
	Axis:      Axis{"holes", InHoles, true},
	Baseline:  "heap",
	Quick:     []int{10, 1_000, 20_000},
	Full:      []int{10, 100, 1_000, 10_000, 100_000, 1_000_000},

	Weight:     2,
	Contenders: holesContenders,
}

func holesContenders(s *Setup, at int) ([]Contender, error) {
	own, list, err := worst(s, at)
	if err != nil {
		return nil, err
	}
	ownChurn, listChurn, err := scattered(s, at)
	if err != nil {
		return nil, err
	}
	naive := "first fit as a first course writes it, one list of the free blocks by address: "
	none := "a request of 48 bytes, which none of the holes of 32 bytes holds, but what is free behind them; and its end"
	random := "the end of a block at random, and another one, of 16 to 256 bytes, in the lowest hole that holds it"
	all := []Contender{
		{What: "heap", About: none, Do: own.run},
		{What: "naive list", About: naive + none, Do: list.run, Slow: true},
		{
			What: "heap, random", To: "heap, random", About: random, Do: ownChurn.run,
			Notes: []string{"the number of holes is what blocks that begin and end at random lead to: about as many as told"},
		},
	}
	if listChurn != nil {
		all = append(all, Contender{What: "naive list, random", To: "heap, random", About: naive + random, Do: listChurn.run, Slow: true})
	}
	return placed(at, all), nil
}

// holeSize is the size of a hole that is too small, and of the block behind it;
// wanted is what is asked for.
const (
	holeSize addr.Bytes = 32
	wanted   addr.Bytes = 48
)

// worst makes holes none of which holds wanted, on both heaps.
func worst(s *Setup, holes int) (*heapPairs, *naivePairs, error) {
	room := 2*addr.Bytes(holes)*holeSize + 1<<20
	region, err := s.region(mmapheap.Config{Heap: max(room, mmapheap.DefaultHeap)})
	if err != nil {
		return nil, nil, err
	}
	heap := region.Heap()
	between := make([]addr.Addr, holes)
	for i := range between {
		if between[i], err = heap.Alloc(holeSize); err != nil {
			return nil, nil, err
		}
		if _, err = heap.Alloc(holeSize); err != nil {
			return nil, nil, err
		}
	}
	for _, a := range between {
		if err := heap.Free(a); err != nil {
			return nil, nil, err
		}
	}
	return &heapPairs{heap: heap, size: wanted}, &naivePairs{heap: copied(heap), size: granules(wanted)}, nil
}

// scattered makes about so many holes by what makes them in programs: blocks of any
// size that end at any time. On both heaps all is at the same place.
func scattered(s *Setup, holes int) (*heapChurn, *naiveChurn, error) {
	blocks := holes * blocksPerHole * (freedOf + 1) / freedOf
	region, err := s.region(mmapheap.Config{Heap: max(addr.Bytes(blocks+1000)*largest, mmapheap.DefaultHeap)})
	if err != nil {
		return nil, nil, err
	}
	own := &heapChurn{heap: region.Heap(), live: make([]addr.Addr, 0, blocks), random: 1}
	var ended []addr.Addr
	for range blocks {
		a, err := own.heap.Alloc(own.random.size())
		if err != nil {
			return nil, nil, err
		}
		if own.random.below(freedOf+1) == 0 {
			ended = append(ended, a)
		} else {
			own.live = append(own.live, a)
		}
	}
	for _, a := range ended {
		if err := own.heap.Free(a); err != nil {
			return nil, nil, err
		}
	}
	if err := own.run(len(own.live)); err != nil {
		return nil, nil, err
	}
	if holes > mostCopied {
		return own, nil, nil
	}
	list := &naiveChurn{heap: copied(own.heap), live: make([]uint64, len(own.live)), random: own.random}
	for i, a := range own.live {
		list.live[i] = granules(a.Sub(own.heap.Range().Lo))
	}
	return own, list, nil
}

// Of blocks of random sizes that end at random, a heap in balance has half as many
// holes as blocks at most, D. E. Knuth's fifty-percent rule; fewer where sizes are
// multiples of 16, so that many a block fits its hole exactly: with ours, one for five.
// So one block for each five that stay is freed, and then each is replaced once on
// average, which makes the holes those that replacing leaves.
const (
	blocksPerHole = 5
	freedOf       = 5
	mostCopied    = 100_000
)

// largest is the largest of the sizes that random blocks have.
const largest addr.Bytes = 256

// random is a source of numbers that are much alike on any machine: xorshift.
type random uint64

func (r *random) next() uint64 {
	x := uint64(*r)
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	*r = random(x)
	return x * 2685821657736338717
}

// below is a number from 0 to n-1: the high half of a product.
func (r *random) below(n int) int { return int((r.next() >> 32) * uint64(n) >> 32) }

// size is one of a random block.
func (r *random) size() addr.Bytes { return addr.Bytes(1+r.below(int(largest/granule))) * granule }

// heapChurn has blocks at random end, and another one begin in place of each.
type heapChurn struct {
	heap   *mmapheap.Heap
	live   []addr.Addr
	random random
}

func (l *heapChurn) run(n int) error {
	for range n {
		block := &l.live[l.random.below(len(l.live))]
		if err := l.heap.Free(*block); err != nil {
			return err
		}
		a, err := l.heap.Alloc(l.random.size())
		if err != nil {
			return err
		}
		*block = a
	}
	return nil
}
