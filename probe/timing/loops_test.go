package timing

import (
	"context"
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

// checkIdle sees that everything was given back.
func checkIdle(t *testing.T, r *mmapheap.Region) {
	t.Helper()
	if used, depth := r.Heap().Stats().Used, r.Stack().Depth(); used != 0 || depth != 0 {
		t.Errorf("%d blocks and %d frames are still there", used, depth)
	}
	for _, check := range []func() error{r.Heap().Check, r.Stack().Check} {
		if err := check(); err != nil {
			t.Error(err)
		}
	}
}

// TestPairs counts the operations by the addresses that they left, each of which is
// known.
func TestPairs(t *testing.T) {
	const n = 1000
	r := reserve(t, mmapheap.Config{})
	for _, at := range Size.Full {
		size := addr.Bytes(at)
		if err := tryOut(r, size); err != nil {
			t.Fatal(err)
		}
		frames, blocks := &stackPairs{stack: r.Stack(), size: size}, &heapPairs{heap: r.Heap(), size: size}
		if err := errors.Join(frames.run(n), blocks.run(n)); err != nil {
			t.Fatal(err)
		}
		if want := n * (r.Stack().Range().Hi - addr.Addr(size.AlignUp(16))); frames.sum != want {
			t.Errorf("%d bytes: the frames' addresses add up to %v, want %v", at, frames.sum, want)
		}
		if want := n * r.Heap().Range().Lo; blocks.sum != want {
			t.Errorf("%d bytes: the blocks' addresses add up to %v, want %v", at, blocks.sum, want)
		}
		checkIdle(t, r)
	}
}

// TestCalls has each function return what it wrote last, n times over.
func TestCalls(t *testing.T) {
	for size, c := range callOf {
		if err := c.Before(1); err != nil {
			t.Fatal(err)
		}
		if got := testing.AllocsPerRun(10, func() { _ = c.Do(100) }); got != 0 {
			t.Errorf("%d bytes: %v allocations: the frame is not on the stack", size, got)
		}
	}
	// A frame's first byte is what it was called with, its last one more: each call
	// returns the one that the lowest bit of its argument chooses.
	for _, loop := range []func(int) byte{calls8, calls16, calls64, calls256, calls1024, calls4096} {
		if got := []byte{loop(1), loop(2), call8(1), call8(2)}; !slices.Equal(got, []byte{0, 0, 2, 2}) {
			t.Errorf("%d", got)
		}
	}
	for i, call := range []func(byte) byte{call8, call16, call64, call256, call1024, call4096} {
		if call(6) != 6 || call(7) != 8 {
			t.Errorf("function %d: %d of 6, %d of 7", i, call(6), call(7))
		}
	}
}

// TestMakes lets Go count what make makes and what the collector takes back.
func TestMakes(t *testing.T) {
	for _, at := range Size.Quick {
		c := makeContender(addr.Bytes(at))
		n := c.Least
		var before, done, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		if err := c.Do(n); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&done)
		runtime.GC()
		runtime.ReadMemStats(&after)
		if got := done.Mallocs - before.Mallocs; got < uint64(n) {
			t.Errorf("%d bytes: Go counts %d allocations, want %d at least", at, got, n)
		}
		// Two slices of 8 bytes may share a block of 16 that was there before.
		if got, want := done.TotalAlloc-before.TotalAlloc, uint64(n*at)-16; got < want {
			t.Errorf("%d bytes: Go counts %d bytes, want %d at least", at, got, want)
		}
		if done.NumGC == before.NumGC {
			t.Errorf("%d bytes: no collection while %d bytes were made", at, n*at)
		}
		if got := after.Frees - before.Frees; got < uint64(n)-2 { // the last one made is kept
			t.Errorf("%d bytes: Go counts %d of %d as collected", at, got, n)
		}
	}
}

// TestNaiveListIsExact has the naive list choose the addresses that the heap chooses,
// among holes that all are too small and among random ones.
func TestNaiveListIsExact(t *testing.T) {
	s := new(Setup)
	defer closed(t, s)
	own, list, err := worst(s, 100)
	if err != nil {
		t.Fatal(err)
	}
	if got := list.heap.holes(); got != 100 {
		t.Errorf("%d holes, want 100", got)
	}
	if err := errors.Join(own.run(10), list.run(10)); err != nil {
		t.Fatal(err)
	}
	if base := own.heap.Range().Lo; own.sum-10*base != addr.Addr(16*list.sum) || list.sum != 10*400 {
		t.Errorf("the heap has its blocks at %v, the list at %d", own.sum-10*base, 16*list.sum)
	}
	ownChurn, listChurn, err := scattered(s, 500)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if err := errors.Join(ownChurn.run(100), listChurn.run(100)); err != nil {
			t.Fatal(err)
		}
		for i, a := range ownChurn.live {
			if got := granules(a.Sub(ownChurn.heap.Range().Lo)); got != listChurn.live[i] {
				t.Fatalf("block %d: the heap has it at granule %d, the list at %d", i, got, listChurn.live[i])
			}
		}
	}
	if err := ownChurn.heap.Check(); err != nil {
		t.Error(err)
	}
}

// TestScattered has about as many holes as asked for, and keeps them.
func TestScattered(t *testing.T) {
	for _, holes := range []int{100, 1_000, 10_000} {
		if raced && holes > 1_000 {
			break // it takes seconds, of one goroutine
		}
		s := new(Setup)
		own, _, err := scattered(s, holes)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if got := copied(own.heap).holes(); got < holes/2 || got > 2*holes {
				t.Errorf("%d holes where %d were asked for", got, holes)
			}
			if err := own.run(2 * len(own.live)); err != nil {
				t.Fatal(err)
			}
		}
		closed(t, s)
	}
}

func closed(t *testing.T, s *Setup) {
	t.Helper()
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

// TestLifetimes gives back all blocks, in each order, each of them once.
func TestLifetimes(t *testing.T) {
	r := reserve(t, mmapheap.Config{})
	s := new(Setup)
	defer closed(t, s)
	all, err := lifetimeContenders(s, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Ops != 100 || c.At != 100 {
			t.Errorf("%s: %d operations a turn at %d", c.What, c.Ops, c.At)
		}
		if err := c.Do(3); err != nil { // a block that is given back twice is refused
			t.Errorf("%s: %v", c.What, err)
		}
	}
	frames := &frameRuns{stack: r.Stack(), count: 10}
	if err := frames.run(2); err != nil {
		t.Fatal(err)
	}
	if want := 20*r.Stack().Range().Hi - 2*64*(10*11/2); frames.sum != want {
		t.Errorf("frames at addresses that add up to %v, want %v", frames.sum, want)
	}
	blocks := &blockRuns{heap: r.Heap(), order: []uint32{2, 0, 1}, live: make([]addr.Addr, 3)}
	if err := blocks.run(2); err != nil {
		t.Fatal(err)
	}
	if lo := r.Heap().Range().Lo; !slices.Equal(blocks.live, []addr.Addr{lo, lo + 64, lo + 128}) {
		t.Errorf("blocks at %v", blocks.live)
	}
	checkIdle(t, r)
}

// TestThreads has as many threads as asked for work at once, on heaps that end empty.
func TestThreads(t *testing.T) {
	s := new(Setup)
	all, err := threadsContenders(s, 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if err := c.Do(1000); err != nil {
			t.Errorf("%s: %v", c.What, err)
		}
	}
	closed(t, s)

	if percent := debug.SetGCPercent(100); percent <= 0 {
		t.Errorf("GOGC is %d by now", percent)
	} else {
		debug.SetGCPercent(percent)
	}

	s = new(Setup)
	meet, broken := make(chan int), errors.New("broken")
	g := s.gang([]func(int) error{
		func(n int) error { meet <- n; return nil },
		func(n int) error { <-meet; return broken }, // who waits for the other, who waits for it
	})
	if err := g.run(7); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	closed(t, s)
}

func TestThreadCounts(t *testing.T) {
	for cores, want := range map[int][]int{0: {1}, 1: {1}, 2: {1, 2}, 6: {1, 2, 4, 6}, 16: {1, 2, 4, 8, 16}} {
		if got, _ := threadCounts(Machine{Cores: cores}, nil); !slices.Equal(got, want) {
			t.Errorf("%d cores: %d", cores, got)
		}
	}
}

// TestFirstTouch has the kernel count a fault for each page at the first touch, and none
// afterwards, wherever the page is.
func TestFirstTouch(t *testing.T) {
	s := &Setup{Machine: Here()}
	defer closed(t, s)
	all, err := touchContenders(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Now: Monotonic(), Work: Processor(), Count: Counting(), Rounds: 6, Batch: 200 * time.Microsecond, Budget: time.Minute}
	r, err := Measure(context.Background(), all, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Timings) != 6 {
		t.Errorf("%d contenders, want 6", len(r.Timings))
	}
	for _, got := range r.Timings {
		want := 0.0
		if strings.HasSuffix(got.What, ", first") {
			want = 1
		}
		if got.Faults < want || got.Faults > want+0.05 {
			t.Errorf("%s: %v faults a page, want %v", got.What, got.Faults, want)
		}
	}
	if r := r.Of("stack, first", 64).Ratio; r.To != "stack, again" || r.Median < 2 {
		t.Errorf("the first touch takes %v times as long as %s", r.Median, r.To)
	}
}

// TestAccessLoops has each way of reading read each element, once a time round.
func TestAccessLoops(t *testing.T) {
	s := new(Setup)
	defer closed(t, s)
	const elements = 1 << 8
	all, err := accessContenders(s, elements*element)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		for _, n := range []int{1, elements - 1, elements, 3*elements + 7} {
			if err := errors.Join(c.Before(n), c.Do(n)); err != nil {
				t.Errorf("%s, %d: %v", c.What, n, err)
			}
		}
	}

	order := drawn(elements)
	data := make([]byte, elements*element)
	link(data, order)
	for _, way := range []int{inOrder, atRandom} {
		seen, steps, next := make([]bool, elements), 0, 0
		for at := 0; !seen[at/element]; at = int(word(data, at+way)) {
			seen[at/element] = true
			if int(word(data, at+way)) == at+element {
				next++
			}
			steps++
		}
		if steps != elements || (next == elements-1) != (way == inOrder) {
			t.Errorf("link %d: %d elements one after the other, of which %d are neighbours", way, steps, next)
		}
	}

	// What an element holds is what is read: a loop that reads less, or elsewhere, is
	// found out.
	put(data, 5*element+value, 0)
	for name, run := range map[string]func(int) error{
		"in place": (&inPlace{data: data}).run,
		"list":     (&chained{data: data, link: inOrder}).run,
		"shuffled": (&chained{data: data, link: atRandom}).run,
	} {
		if err := run(elements); !errors.Is(err, errAstray) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWorkingSets(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		name   string
		m      Machine
		points []int
		last   int // MiB
		notes  int
	}{
		{"beyond the last cache", Machine{Memory: 16 << 30, Caches: []Cache{{Level: 3, Size: 32 << 20}}}, Accessing.Full, 256, 0},
		{"a cache so large that more is added", Machine{Memory: 16 << 30, Caches: []Cache{{Level: 3, Size: 200 << 20}}}, Accessing.Full, 512, 0},
		{"no more than a GiB", Machine{Memory: 64 << 30, Caches: []Cache{{Level: 3, Size: 4 << 30}}}, Accessing.Full, 1024, 1},
		{"none is added to a quick run", Machine{Memory: 16 << 30, Caches: []Cache{{Level: 3, Size: 200 << 20}}}, Accessing.Quick, 128, 1},
		{"little memory", Machine{Memory: 1 << 30, Caches: []Cache{{Level: 3, Size: 8 << 20}}}, Accessing.Full, 64, 1},
		{"nothing known", Machine{}, Accessing.Full, 256, 0},
	} {
		before := slices.Clone(tt.points)
		got, notes := workingSets(tt.m, tt.points)
		if got[len(got)-1] != tt.last*mib || len(notes) != tt.notes {
			t.Errorf("%s: %d, %q", tt.name, got, notes)
		}
		if !slices.Equal(before, tt.points) {
			t.Errorf("%s: the points of the study were changed", tt.name)
		}
	}
}

// TestMappings leaves nothing mapped.
func TestMappings(t *testing.T) {
	count := func() int {
		maps, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(maps), "\n")
	}
	all := mapContenders(Here(), 1<<20)
	for _, c := range all {
		if err := c.Do(2); err != nil {
			t.Fatal(err)
		}
	}
	before := count()
	for _, c := range all {
		if err := c.Do(100); err != nil {
			t.Fatal(err)
		}
	}
	if after := count(); after > before+20 {
		t.Errorf("%d mappings, then %d", before, after)
	}
}

// TestClocks reads the real ones.
func TestClocks(t *testing.T) {
	now, work := Monotonic(), Processor()
	if a, b := now(), now(); a < 0 || b < a {
		t.Errorf("%v, then %v", a, b)
	}
	wall, processor := now(), work()
	time.Sleep(50 * time.Millisecond)
	slept, idle := now()-wall, work()-processor
	if slept < 50*time.Millisecond || idle < 0 || idle > slept/2 {
		t.Errorf("asleep for %v, which took %v of processor time", slept, idle)
	}
	wall, processor = now(), work()
	for work()-processor < 5*time.Millisecond {
		worked = chain(worked, 1000)
		if now()-wall > time.Minute {
			t.Fatal("the clock of processor time does not go on while it works")
		}
	}
}
