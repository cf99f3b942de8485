package probe

import (
	"errors"
	"maps"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

// threadStack is how much stack a thread gets besides the first one: what Rust's
// std::thread gives to those that it spawns.
const threadStack addr.Bytes = 2 << 20

// thread is a thread of the program, which is one of the system's: what it does is
// done there, and on its own stack.
type thread struct {
	name   string
	id     int
	region *mmapheap.Region
	stack  *mmapheap.Stack
	frames []*frame
	popped []*frame // those that have gone and over which nothing was pushed since
}

// firstThread is the one that runs a program's main, on the region's own stack.
func firstThread(region *mmapheap.Region) *thread {
	return &thread{name: "main", id: unix.Gettid(), region: region, stack: region.Stack()}
}

// inUse is what may be read and written of the thread's stack.
func (t *thread) inUse() addr.Range {
	top := t.stack.Range().Hi
	return addr.Range{Lo: top - addr.Addr(t.stack.Committed()), Hi: top}
}

// Worker is a thread that a program has spawned.
type Worker struct {
	*thread
	work  chan func()
	ended chan struct{}
}

// Spawn starts a thread of the system's with a stack of its own. It waits for what
// On gives it to do, until Join.
func (m *Machine) Spawn(name string) *Worker {
	var region *mmapheap.Region
	m.must(m.atSpareBase(func(base addr.Addr) (err error) {
		region, err = mmapheap.Reserve(mmapheap.Config{Base: base, Heap: m.trace.PageSize, Stack: threadStack}) // of that heap nothing is used
		return err
	}), "spawn %s", name)
	w := &Worker{&thread{name: name, region: region, stack: region.Stack()}, make(chan func()), make(chan struct{})}
	id := make(chan int)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with this goroutine
		id <- unix.Gettid()
		for do := range w.work {
			do()
		}
		close(w.ended)
	}()
	w.id = <-id
	m.threads, m.workers = append(m.threads, w.thread), append(m.workers, w)
	return w
}

// atSpareBase has one more region reserved. Where the first one's base was asked for, it
// goes behind those that there are, to be at the same place each time, unless that is
// taken; else the kernel chooses.
func (m *Machine) atSpareBase(reserve func(base addr.Addr) error) error {
	if m.opts.Base == 0 {
		return reserve(0)
	}
	last := m.threads[len(m.threads)-1].region.Range().Hi
	err := reserve(addr.Addr(addr.Bytes(last).AlignUp(1 << 20)))
	if errors.Is(err, mmapheap.ErrOccupied) {
		return reserve(0)
	}
	return err
}

// On has a worker do something while the one that calls waits: all operations of the
// machine in it are the worker's.
func (m *Machine) On(w *Worker, do func()) {
	caller := m.thread
	m.thread = w.thread
	ended := make(chan any)
	w.work <- func() {
		defer func() { ended <- recover() }()
		do()
	}
	why := <-ended
	m.thread = caller
	if why != nil {
		panic(why)
	}
}

// Join ends a worker, which must have returned from all its functions. Its stack
// goes back to the kernel.
func (m *Machine) Join(w *Worker) {
	w.end()
	kept := m.threads[:0]
	for _, t := range m.threads {
		if t != w.thread {
			kept = append(kept, t)
		}
	}
	m.threads = kept
	m.kernel.forget(w.region.Range())
	m.must(w.region.Release(), "join %s", w.name)
}

// end ends the worker's thread, if that has not been done.
func (w *Worker) end() {
	if w.work != nil {
		close(w.work)
		<-w.ended
		w.work = nil
	}
}

// release ends all workers and gives their stacks back.
func (m *Machine) release() error {
	var errs []error
	for _, w := range m.workers {
		w.end()
		if err := w.region.Release(); !errors.Is(err, mmapheap.ErrReleased) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Rush has the workers allocate and free blocks of size bytes, rounds times each, all
// at the same time, each writing its own mark into its block and reading it back
// before it frees it. It returns how many blocks there were, and how many marks were
// not what they should be. Of what the workers did, the events keep sums.
func (m *Machine) Rush(rounds int, size addr.Bytes, workers ...*Worker) (made, spoilt int) {
	rushes := make([]rush, len(workers))
	m.growing(func() {
		var all sync.WaitGroup
		for i, w := range workers {
			all.Add(1)
			w.work <- func() {
				defer all.Done()
				rushes[i].run(m.heap, rounds, size, byte(i+1))
			}
		}
		all.Wait()
	})
	var errs []error
	var faults int64
	blocks := map[addr.Addr]bool{}
	for _, r := range rushes {
		made, spoilt, faults, errs = made+r.made, spoilt+r.spoilt, faults+r.faults, append(errs, r.err)
		maps.Copy(blocks, r.blocks)
	}
	if made > 0 {
		lowest := slices.Min(slices.Collect(maps.Keys(blocks)))
		for _, kind := range []Kind{EventAlloc, EventFree} {
			m.event(Event{Kind: kind, Addr: lowest, Size: addr.Bytes(made) * size, Times: made})
		}
	}
	var pages []addr.Addr
	for a := range blocks {
		pages = append(pages, m.pages(a, size)...)
		m.highest = max(m.highest, a.Offset(size))
	}
	m.kernel.add(faults, writing, pages)
	m.must(errors.Join(errs...), "rush")
	return made, spoilt
}

// rush is what one worker did in a rush.
type rush struct {
	made, spoilt int
	blocks       map[addr.Addr]bool // where it ever had one
	faults       int64              // of its writes
	err          error
}

func (r *rush) run(heap *mmapheap.Shared, rounds int, size addr.Bytes, mark byte) {
	r.blocks = map[addr.Addr]bool{}
	for r.made < rounds && r.err == nil {
		r.err = r.round(heap, size, mark)
	}
}

// round has one block, from its request to its end.
func (r *rush) round(heap *mmapheap.Shared, size addr.Bytes, mark byte) error {
	a, err := heap.Alloc(size)
	if err != nil {
		return err
	}
	b, err := heap.Bytes(a)
	if err != nil {
		return err
	}
	before := minorFaults()
	for i := range b {
		b[i] = mark
	}
	r.faults += minorFaults() - before
	runtime.Gosched() // to give the others a chance to be in the way
	if slices.ContainsFunc(b, func(is byte) bool { return is != mark }) {
		r.spoilt++
	}
	r.made, r.blocks[a] = r.made+1, true
	return heap.Free(a)
}

// memory are the regions that the program's pointers may lead to.
type memory []*mmapheap.Region

func (m *Machine) memory() memory {
	regions := memory{m.region}
	for _, t := range m.threads {
		if t.region != m.region {
			regions = append(regions, t.region)
		}
	}
	return regions
}

// of is the region that a lies in; the first one where it lies in none.
func (r memory) of(a addr.Addr) *mmapheap.Region {
	for _, region := range r {
		if region.Range().Contains(a) {
			return region
		}
	}
	return r[0]
}

// Load is Region.Load of the region that a lies in.
func (r memory) Load(a addr.Addr, p []byte) error { return r.of(a).Load(a, p) }

// Store is Region.Store of the region that a lies in.
func (r memory) Store(a addr.Addr, p []byte) error { return r.of(a).Store(a, p) }
