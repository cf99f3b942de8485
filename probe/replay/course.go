package replay

import (
	"slices"

	"memprobe/layout/addr"
	"memprobe/probe/replay/policies"
)

// Point is how things stand after an operation.
type Point struct {
	Op          int        `json:"op"`
	Live        addr.Bytes `json:"live"`         // requested by the blocks in use
	Used        addr.Bytes `json:"used"`         // set aside for them
	HighWater   addr.Bytes `json:"high_water"`   // how far from the arena's start a block ever reached
	LargestHole addr.Bytes `json:"largest_hole"` // the largest free piece below that
	Internal    float64    `json:"internal"`     // fragmentation: 1 - live / used; 0 where nothing is in use
	External    float64    `json:"external"`     // 1 - largest hole / all that is free below high water; 0 where nothing is
}

func pointOf(op int, u policies.Use) Point {
	p := Point{Op: op, Live: u.Requested, Used: u.Used, HighWater: u.Extent, LargestHole: u.LargestHole}
	if p.Used > 0 {
		p.Internal = 1 - share(p.Live, p.Used)
	}
	if free := p.HighWater - p.Used; free > 0 {
		p.External = 1 - share(p.LargestHole, free)
	}
	return p
}

// Mean are averages over the points of a course.
type Mean struct {
	Internal float64 `json:"internal"`
	External float64 `json:"external"`
}

func meanOf(course []Point) Mean {
	var m Mean
	for _, p := range course {
		m.Internal += p.Internal / float64(len(course))
		m.External += p.External / float64(len(course))
	}
	return m
}

// Searches is how many free blocks allocations looked at, by the policy's
// definition.
type Searches struct {
	Counted int     `json:"counted"` // how many allocations were counted
	Of      int     `json:"of"`      // of how many
	Mean    float64 `json:"mean"`
	Median  int     `json:"median"`
	P90     int     `json:"p90"` // nine of ten looked at no more
	Longest int     `json:"longest"`
}

// lengths collects the lengths of searches.
type lengths struct {
	stride int // every how many allocations one is counted
	seen   int
	all    []int32
}

// due reports whether the search of the next allocation is to be counted.
func (l *lengths) due() bool {
	l.seen++
	return (l.seen-1)%l.stride == 0
}

func (l *lengths) conclude() Searches {
	s := Searches{Counted: len(l.all), Of: l.seen}
	if len(l.all) == 0 {
		return s
	}
	slices.Sort(l.all)
	sum := 0
	for _, n := range l.all {
		sum += int(n)
	}
	s.Mean = float64(sum) / float64(len(l.all))
	rank := func(part float64) int { return int(l.all[int(part*float64(len(l.all)-1)+0.5)]) }
	s.Median, s.P90, s.Longest = rank(0.5), rank(0.9), rank(1)
	return s
}

// watcher plays a trace and notes how it goes.
type watcher struct {
	*player
	run     *Run
	course  []Point
	lengths lengths
	due     []int // after which operations a point is noted, in order
	filled  bool  // every page of every payload so far was written
	page    addr.Bytes
}

// Walks of the heap are bounded: a point of the course walks all of it, a search
// that is looked at the part below the block that is found. Both are so few that
// together they pass about as many blocks.
const (
	walked      = 50_000_000 // blocks
	leastPoints = 20
	mostPoints  = 200
	fewSearches = 50
	allSearches = 10_000
)

// plan says when to look.
func (w *watcher) plan(s Summary) {
	blocks := s.PeakBlocks + 1
	points := min(max(walked/blocks, leastPoints), mostPoints, s.Ops)
	for i := range points {
		w.due = append(w.due, (i+1)*s.Ops/points-1)
	}
	if at, found := slices.BinarySearch(w.due, s.PeakLiveOp); !found && s.Ops > 0 {
		w.due = slices.Insert(w.due, at, s.PeakLiveOp)
	}
	w.lengths.stride = 1
	if _, model := w.heap.(*policies.Heap); !model {
		searches := min(max(walked/blocks, fewSearches), allSearches)
		w.lengths.stride = max(1, (s.Allocs+searches-1)/searches)
	}
}

// watch plays the trace.
func (w *watcher) watch(m *meter) error {
	for i, op := range w.trace.Ops {
		if i%between == 0 && i > 0 {
			m.add(between)
		}
		before := w.places[op.ID]
		count := op.Kind == Alloc && w.lengths.due()
		if e, ok := w.heap.(*engine); ok && count {
			w.count(e, op)
		}
		if err := w.play(i, i+1); err != nil {
			return err
		}
		w.after(i, op, before, count)
	}
	m.add(len(w.trace.Ops) % between)
	return nil
}

// count looks at the search that the engine will make.
func (w *watcher) count(e *engine, op Op) {
	n := int32(0)
	for range e.heap.Explain(op.Size) {
		n++
	}
	w.lengths.all = append(w.lengths.all, n)
}

// after notes what operation i did.
func (w *watcher) after(i int, op Op, before addr.Bytes, count bool) {
	place := w.places[op.ID]
	if op.Kind == Resize && place != before {
		w.run.Moved++
	}
	switch h := w.heap.(type) {
	case *engine:
		if op.Kind != Free {
			w.filled = w.filled && h.extent <= touchLimit && h.fill(place, op.Size, w.page) == nil
		}
	case *policies.Heap:
		if count {
			w.lengths.all = append(w.lengths.all, int32(h.Looked()))
		}
	}
	if len(w.course) < len(w.due) && w.due[len(w.course)] == i {
		w.course = append(w.course, pointOf(i, w.heap.Use()))
	}
}
