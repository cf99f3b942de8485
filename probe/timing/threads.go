package timing

import (
	"errors"
	"runtime"

	"memprobe/mmapheap"
)

// Threads asks what it costs to share a heap.
var Threads = &Study{
	Name:      "threads",
	Title:     "Several threads, one heap or a heap each",
	Question:  "Does it take longer to get bytes when several threads want some at once?",
	Cost:      Allocate,
	Operation: "64 bytes got and given back by each of so many threads: the time of one pair as each thread sees it",
	Axis:      Axis{"threads", InThreads, true},
	Baseline:  "a heap each",

	Wall:       true,
	Batch:      8, // waking the threads takes a part of a batch
	Points:     threadCounts,
	Contenders: threadsContenders,
}

// threadCounts are the powers of two up to the number of cores, and that.
func threadCounts(m Machine, _ []int) (counts []int, notes []string) {
	cores := max(1, m.Cores)
	for n := 1; n < cores; n *= 2 {
		counts = append(counts, n)
	}
	return append(counts, cores), nil
}

func threadsContenders(s *Setup, at int) ([]Contender, error) {
	region, err := s.region(mmapheap.Config{})
	if err != nil {
		return nil, err
	}
	shared := mmapheap.Share(region.Heap())
	var own, one, made []func(n int) error
	for range at {
		region, err := s.region(mmapheap.Config{})
		if err != nil {
			return nil, err
		}
		own = append(own, (&heapPairs{heap: region.Heap(), size: liveSize}).run)
		one = append(one, (&sharedPairs{heap: shared}).run)
		made = append(made, (&makes{size: int(liveSize)}).run)
	}
	return placed(at, []Contender{
		{What: "a heap each", About: "Alloc and Free, each thread on a heap of its own, without a lock", Do: s.gang(own).run},
		{
			What: "one heap", About: "Alloc and Free, all threads on the same heap, behind its lock", Do: s.gang(one).run,
			Notes: []string{"who finds the lock taken waits; a thread that waits long sleeps, and is woken by the kernel"},
		},
		{
			What: "make", About: "Go's make([]byte, 64) in each thread, whose bytes its collector takes back", Notes: makeNotes[:1],
			Do: thenCollected(s.gang(made).run), Least: int(collected / liveSize),
		},
	}), nil
}

// sharedPairs allocates blocks of a shared heap and frees them.
type sharedPairs struct {
	heap *mmapheap.Shared
	_    [64]byte // keeps two of them out of one cache line
}

func (l *sharedPairs) run(n int) error {
	for range n {
		a, err := l.heap.Alloc(liveSize)
		if err != nil {
			return err
		}
		if err := l.heap.Free(a); err != nil {
			return err
		}
	}
	return nil
}

// gang is some goroutines, each on a thread of the system that is its own.
type gang struct {
	turns []chan int
	done  chan error
}

// gang has a goroutine for each of loops, until the study ends.
func (s *Setup) gang(loops []func(n int) error) *gang {
	g := &gang{done: make(chan error, len(loops))}
	for _, loop := range loops {
		turns := make(chan int, 1)
		g.turns = append(g.turns, turns)
		go func() {
			runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
			for n := range turns {
				g.done <- loop(n)
			}
		}()
	}
	s.Finally(func() error {
		for _, turns := range g.turns {
			close(turns)
		}
		return nil
	})
	return g
}

// run has each do n turns of its loop, all at once, and waits for the last.
func (g *gang) run(n int) error {
	for _, turns := range g.turns {
		turns <- n
	}
	var errs []error
	for range g.turns {
		errs = append(errs, <-g.done)
	}
	return errors.Join(errs...)
}
