package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

// scale is what alloc and free cost beside some free blocks of 32 bytes with a
// block of 32 bytes in use between any two of them.
type scale struct {
	Holes []int  `json:"holes"`
	Rows  []*row `json:"rows"`
}

// row is one kind of work on one allocator.
type row struct {
	Work   string      `json:"work"` // as the C replayer calls it
	Name   string      `json:"name"`
	Rounds [][]float64 `json:"ns_per_op_rounds"` // by number of holes, then by round; a pair of alloc and free is two operations
	NsOp   []float64   `json:"ns_per_op"`
	Growth float64     `json:"growth"` // from the second number of holes to the last, the median round by round
}

// holes are the numbers of holes.
var holes = []int{100, 1_000, 10_000, 100_000, 1_000_000}

// work is what is done among the holes, over and over.
type work struct {
	name  string // as the C replayer knows it
	about string
	pairs int // of a turn
	own   func(w *ownHoles, pairs int) error
	picks bool // a random block each time: what that takes is taken off
}

// works has churn last, since it leaves the holes where nobody knows.
var works = []work{
	{"low", "alloc 32, which the lowest hole holds, and free it", 1 << 16, (*ownHoles).low, false},
	{"none", "alloc 48, which no hole holds, and free it", 1 << 16, (*ownHoles).none, false},
	{"churn", "free a random block, alloc 32", 1 << 18, (*ownHoles).churn, true},
}

// worker does work among its holes, and says how long that took.
type worker interface {
	work(w work) (time.Duration, error)
	close() error
}

// measureScale compares memprobe's heap with the C library's malloc, if that is
// there, at each number of holes in turn.
func measureScale(ctx context.Context, mallocs []malloc, holes []int, p plan) (s *scale, err error) {
	names := []string{"memprobe"}
	if len(mallocs) > 0 {
		names = append(names, mallocs[0].name)
	}
	workers := make([][]worker, len(names)) // by name, then by holes
	defer func() {
		for _, all := range workers {
			for _, w := range all {
				err = errors.Join(err, w.close())
			}
		}
	}()
	for i := range names {
		for _, n := range holes {
			var w worker
			if i == 0 {
				w, err = newHoles(n)
			} else {
				w, err = mallocs[0].holes(ctx, n)
			}
			if err != nil {
				return nil, fmt.Errorf("%s, %d holes: %w", names[i], n, err)
			}
			workers[i] = append(workers[i], w)
		}
	}

	s = &scale{Holes: holes}
	for _, w := range works {
		rows := make([]*row, len(names))
		for i, name := range names {
			rows[i] = &row{Work: w.name, Name: name, Rounds: make([][]float64, len(holes))}
		}
		for range p.rounds {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			for h, n := range holes {
				for i, name := range names {
					took, err := workers[i][h].work(w)
					if err != nil {
						return nil, fmt.Errorf("%s, %d holes: %s: %w", name, n, w.name, err)
					}
					rows[i].Rounds[h] = append(rows[i].Rounds[h], max(least, float64(took)/float64(2*w.pairs)))
				}
			}
		}
		for _, r := range rows {
			for _, rounds := range r.Rounds {
				r.NsOp = append(r.NsOp, median(rounds))
			}
			r.Growth = ratio(r.Rounds[len(holes)-1], r.Rounds[1])
		}
		s.Rows = append(s.Rows, rows...)
	}
	return s, nil
}

// holesArena is the heap at any number of holes: 10^6 of them take a quarter.
const holesArena = 256 << 20

// ownHoles works on memprobe's heap.
type ownHoles struct {
	region *mmapheap.Region
	heap   *mmapheap.Heap
	live   []addr.Addr // blocks in use, one between any two holes
	state  uint64      // of the random numbers
	sum    addr.Addr   // of the blocks that spin found
}

func newHoles(n int) (worker, error) {
	region, err := mmapheap.Reserve(mmapheap.Config{Heap: holesArena})
	if err != nil {
		return nil, err
	}
	live, err := mapped[addr.Addr](n)
	if err != nil {
		return nil, errors.Join(err, region.Release())
	}
	w := &ownHoles{region: region, heap: region.Heap(), live: live, state: 88172645463325252}
	between := make([]addr.Addr, n)
	for i := range n {
		for _, a := range []*addr.Addr{&between[i], &live[i]} {
			if *a, err = w.heap.Alloc(32); err != nil {
				return nil, errors.Join(err, w.close())
			}
			touch(*a)
		}
	}
	for _, a := range between {
		if err := w.heap.Free(a); err != nil {
			return nil, errors.Join(err, w.close())
		}
	}
	return w, nil
}

func (h *ownHoles) work(w work) (time.Duration, error) {
	took, err := timed(func(n int) error { return w.own(h, n) }, w.pairs)
	if err != nil || !w.picks {
		return took, err
	}
	loop, err := timed(h.spin, w.pairs)
	return took - loop, err
}

func timed(do func(int) error, n int) (time.Duration, error) {
	start := processor()
	err := do(n)
	return processor() - start, err
}

func (h *ownHoles) low(pairs int) error  { return h.pairs(pairs, 32) }
func (h *ownHoles) none(pairs int) error { return h.pairs(pairs, 48) }

// pairs gets a block and frees it, n times.
func (h *ownHoles) pairs(n int, size addr.Bytes) error {
	for range n {
		a, err := h.heap.Alloc(size)
		if err != nil {
			return err
		}
		touch(a)
		if err := h.heap.Free(a); err != nil {
			return err
		}
	}
	return nil
}

// pick is a random number below n: xorshift, and the high half of a product.
func (h *ownHoles) pick(n int) int {
	x := h.state
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	h.state = x
	return int((x >> 32) * uint64(n) >> 32)
}

func (h *ownHoles) churn(pairs int) error {
	for range pairs {
		block := &h.live[h.pick(len(h.live))]
		if err := h.heap.Free(*block); err != nil {
			return err
		}
		a, err := h.heap.Alloc(32)
		if err != nil {
			return err
		}
		touch(a)
		*block = a
	}
	return nil
}

// spin is what of churn is not the heap's: finding the block.
func (h *ownHoles) spin(pairs int) error {
	for range pairs {
		h.sum += h.live[h.pick(len(h.live))]
	}
	return nil
}

func (h *ownHoles) close() error { return errors.Join(unmap(h.live), h.region.Release()) }

// cHoles works in a process.
type cHoles struct{ *process }

func (m malloc) holes(ctx context.Context, n int) (worker, error) {
	p, err := m.begin(ctx, os.Stderr)
	if err != nil {
		return nil, err
	}
	if _, err := p.ask("holes %d", n); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return cHoles{p}, nil
}

func (c cHoles) work(w work) (time.Duration, error) {
	took, err := c.time("%s %d", w.name, w.pairs)
	if err != nil || !w.picks {
		return took, err
	}
	loop, err := c.time("spin %d", w.pairs)
	return took - loop, err
}
