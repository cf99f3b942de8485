package timing

import (
	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

// Lifetime asks what it costs that a heap's blocks may end in any order.
var Lifetime = &Study{
	Name:      "lifetime",
	Title:     "Getting many blocks, then giving them back in some order",
	Question:  "Does the order matter in which blocks are given back?",
	Cost:      Allocate,
	Operation: "one of so many blocks of 64 bytes, all of them got and then all given back",
	Axis:      Axis{"blocks at a time", InBlocks, true},
	Baseline:  "stack, LIFO",
	Quick:     []int{16, 1_024},
	Full:      []int{16, 128, 1_024, 8_192, 65_536},

	Weight:     2,
	Contenders: lifetimeContenders,
}

func lifetimeContenders(s *Setup, at int) ([]Contender, error) {
	room := addr.Bytes(at) * liveSize
	lifo, fifo, shuffled := make([]uint32, at), make([]uint32, at), make([]uint32, at)
	for i := range at {
		fifo[i], lifo[at-1-i], shuffled[i] = uint32(i), uint32(i), uint32(i)
	}
	r := random(1)
	for i := at - 1; i > 0; i-- {
		k := r.below(i + 1)
		shuffled[i], shuffled[k] = shuffled[k], shuffled[i]
	}
	region, err := s.region(mmapheap.Config{Heap: max(room, mmapheap.DefaultHeap), Stack: max(room, mmapheap.DefaultStack)})
	if err != nil {
		return nil, err
	}
	frames := &frameRuns{stack: region.Stack(), count: at}
	all := []Contender{{
		What: "stack, LIFO", About: "frames of memprobe's stack, the last one in the first one out; a stack has no other order", Do: frames.run,
	}}
	for _, order := range []struct {
		what, to, about string
		order           []uint32
	}{
		{"heap, LIFO", "", "blocks of memprobe's heap, the last one in the first one out", lifo},
		{"heap, FIFO", "heap, LIFO", "the same blocks, the first one in the first one out", fifo},
		{"heap, random", "heap, LIFO", "the same blocks, given back in an order drawn at random", shuffled},
	} {
		l := &blockRuns{heap: region.Heap(), order: order.order, live: make([]addr.Addr, at)}
		all = append(all, Contender{What: order.what, To: order.to, About: order.about, Do: l.run})
	}
	made := &makeRuns{live: make([][]byte, at)}
	all = append(all, Contender{
		What: "make", About: "slices of Go's heap, all dropped at once for its collector", Notes: makeNotes,
		Do: thenCollected(made.run), Least: int(collected/liveSize)/at + 1,
	})
	for i := range all {
		all[i].At, all[i].Ops = at, at
	}
	return all, nil
}

// frameRuns pushes many frames, then pops them.
type frameRuns struct {
	stack *mmapheap.Stack
	count int
	sum   addr.Addr
}

func (l *frameRuns) run(n int) error {
	stack, count, sum := l.stack, l.count, l.sum
	for range n {
		for range count {
			a, err := stack.Push(liveSize)
			if err != nil {
				return err
			}
			sum += a
		}
		for range count {
			if err := stack.Pop(); err != nil {
				return err
			}
		}
	}
	l.sum = sum
	return nil
}

// blockRuns allocates many blocks, then frees them in an order.
type blockRuns struct {
	heap  *mmapheap.Heap
	order []uint32
	live  []addr.Addr
}

func (l *blockRuns) run(n int) error {
	for range n {
		for i := range l.live {
			a, err := l.heap.Alloc(liveSize)
			if err != nil {
				return err
			}
			l.live[i] = a
		}
		for _, i := range l.order {
			if err := l.heap.Free(l.live[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeRuns makes many slices, then drops them.
type makeRuns struct{ live [][]byte }

func (l *makeRuns) run(n int) error {
	for range n {
		for i := range l.live {
			l.live[i] = make([]byte, liveSize)
		}
		clear(l.live)
	}
	return nil
}
