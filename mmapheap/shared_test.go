package mmapheap

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	"memprobe/layout/addr"
)

// sharer is a thread that allocates, resizes, frees and hands blocks on. Whatever
// it owns bears a pattern that it looks for before it lets go of the block.
type sharer struct {
	heap  *Shared
	rng   *rand.Rand
	inbox chan owned
	peers []*sharer
	live  []owned
	full  int // how often there was no space
}

// work makes n random moves, and ends with nothing of its own.
func (s *sharer) work(n int) error {
	for range n {
		s.receive()
		var err error
		switch kind := s.rng.IntN(10); {
		case kind < 4 && len(s.live) < 200 || len(s.live) == 0:
			err = s.alloc()
		case kind < 6:
			err = s.resize()
		case kind < 8:
			s.handOn()
		default:
			err = s.free()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// drain frees what s owns; nobody sends any more.
func (s *sharer) drain() error {
	close(s.inbox)
	for o := range s.inbox {
		s.live = append(s.live, o)
	}
	for len(s.live) > 0 {
		if err := s.free(); err != nil {
			return err
		}
	}
	return nil
}

func (s *sharer) size() int { return s.rng.IntN(1 << (1 + s.rng.IntN(12))) }

// take removes a random block from what s owns.
func (s *sharer) take() owned {
	i := s.rng.IntN(len(s.live))
	o := s.live[i]
	s.live[i] = s.live[len(s.live)-1]
	s.live = s.live[:len(s.live)-1]
	return o
}

func (s *sharer) own(at addr.Addr, size int) error {
	o := owned{at, size, byte(s.rng.Uint32())}
	s.live = append(s.live, o)
	return o.fill(s.heap)
}

func (s *sharer) receive() {
	select {
	case o := <-s.inbox:
		s.live = append(s.live, o)
	default:
	}
}

func (s *sharer) handOn() {
	o := s.take()
	select {
	case s.peers[s.rng.IntN(len(s.peers))].inbox <- o:
	default: // its inbox is full
		s.live = append(s.live, o)
	}
}

func (s *sharer) alloc() error {
	n := s.size()
	at, err := s.heap.Alloc(addr.Bytes(n))
	if errors.Is(err, ErrNoSpace) {
		s.full++
		return nil
	}
	if err != nil {
		return err
	}
	return s.own(at, n)
}

func (s *sharer) resize() error {
	o, n := s.take(), s.size()
	at, err := s.heap.Resize(o.at, addr.Bytes(n))
	if errors.Is(err, ErrNoSpace) {
		s.full++
		s.live = append(s.live, o)
		return o.intact(s.heap, o.size)
	}
	if err != nil {
		return err
	}
	o.at = at
	if err := o.intact(s.heap, min(o.size, n)); err != nil {
		return fmt.Errorf("resized from %d to %d bytes: %w", o.size, n, err)
	}
	return s.own(at, n)
}

func (s *sharer) free() error {
	o := s.take()
	if err := o.intact(s.heap, o.size); err != nil {
		return err
	}
	return s.heap.Free(o.at)
}

// inThreads calls each function in a thread of its own, all at once, and joins
// what they return.
func inThreads(calls ...func() error) error {
	var wait sync.WaitGroup
	errs := make([]error, len(calls))
	start := make(chan struct{})
	for i, call := range calls {
		wait.Go(func() {
			runtime.LockOSThread() // and end the thread with the goroutine
			<-start
			errs[i] = call()
		})
	}
	close(start)
	wait.Wait()
	return errors.Join(errs...)
}

// Threads work on one heap while another one looks at it, and one uses the stack:
// no byte changes under its owner, every look finds the heap whole, nothing is
// left at the end.
func TestSharedByManyThreads(t *testing.T) {
	const threads = 8
	moves := 20_000
	if testing.Short() || emulated(t) {
		moves = 2000
	}
	r := newRegion(t, Config{Heap: 384 << 10})
	shared := Share(r.Heap())
	sharers := make([]*sharer, threads)
	for i := range sharers {
		sharers[i] = &sharer{heap: shared, rng: rand.New(rand.NewPCG(7, uint64(i))), inbox: make(chan owned, 16), peers: sharers}
	}
	calls := []func() error{
		func() error { return lookAtShared(shared, moves/50) },
		func() error { return pushAndPop(r.Stack(), moves) },
	}
	for _, s := range sharers {
		calls = append(calls, func() error { return s.work(moves) })
	}
	if err := inThreads(calls...); err != nil {
		t.Fatal(err)
	}
	if s := shared.Stats(); s.Used == 0 {
		t.Errorf("nobody owns anything: %+v", s)
	}
	calls, full := nil, 0
	for _, s := range sharers {
		full += s.full
		calls = append(calls, s.drain)
	}
	if err := inThreads(calls...); err != nil {
		t.Fatal(err)
	}
	if full == 0 {
		t.Error("the heap was never full")
	}
	if s := shared.Stats(); s.Used != 0 || s.Requested != 0 || s.FreeBlocks != 1 || s.FreeBytes != s.Arena {
		t.Errorf("left over: %+v", s)
	}
	if err := shared.Check(); err != nil {
		t.Error(err)
	}
}

// lookAtShared takes n looks at a heap that others change.
func lookAtShared(s *Shared, n int) error {
	for range n {
		at := s.Range().Lo
		for _, b := range s.Blocks() {
			if b.Addr != at {
				return fmt.Errorf("a block at %v, where the one before ends at %v", b.Addr, at)
			}
			at = b.Range().Hi
		}
		if at != s.Range().Hi {
			return fmt.Errorf("the blocks end at %v, the arena at %v", at, s.Range().Hi)
		}
		if st := s.Stats(); st.UsedBytes+st.FreeBytes != st.Arena {
			return fmt.Errorf("%d bytes used and %d free, of %d", st.UsedBytes, st.FreeBytes, st.Arena)
		}
		looked := s.Explain(100)
		for i, c := range looked {
			if c.Fits != (i == len(looked)-1 && c.Size >= 100) {
				return fmt.Errorf("the search for 100 bytes: %v", looked)
			}
		}
		if err := s.Check(); err != nil {
			return err
		}
		var err error
		s.Do(func(h *Heap) { err = asAlone(h) })
		if err != nil {
			return err
		}
	}
	return nil
}

// asAlone makes calls whose results only hold while nobody else makes any.
func asAlone(h *Heap) error {
	before := h.Stats()
	a, err := h.Alloc(24)
	if errors.Is(err, ErrNoSpace) {
		return nil
	}
	if now := h.Stats(); err != nil || now.Used != before.Used+1 || now.Requested != before.Requested+24 {
		return fmt.Errorf("alloc %v: %+v became %+v", err, before, now)
	}
	if b, err := h.Block(a); err != nil || b.Requested != 24 {
		return fmt.Errorf("the block at %v is %+v: %v", a, b, err)
	}
	err = h.Free(a)
	if now := h.Stats(); err != nil || now.Used != before.Used || now.Requested != before.Requested || now.FreeBytes != before.FreeBytes {
		return fmt.Errorf("free %v: %+v became %+v", err, before, now)
	}
	return nil
}

// pushAndPop uses the stack, which its one goroutine shares with nobody.
func pushAndPop(s *Stack, n int) error {
	for i := range n {
		if _, err := s.Push(addr.Bytes(i % 512)); err != nil {
			return err
		}
		if i%100 == 99 {
			for range 100 {
				if err := s.Pop(); err != nil {
					return err
				}
			}
		}
	}
	return s.Check()
}

// Of several frees of one block at the same time exactly one succeeds.
func TestSharedDoubleFrees(t *testing.T) {
	rounds := 2000
	if testing.Short() || emulated(t) {
		rounds = 200
	}
	shared := Share(newRegion(t, Config{Heap: 1 << 20}).Heap())
	for round := range rounds {
		a, err := shared.Alloc(addr.Bytes(round % 100))
		if err != nil {
			t.Fatal(err)
		}
		errs := make([]error, 4)
		var wait sync.WaitGroup
		start := make(chan struct{})
		for i := range errs {
			wait.Go(func() {
				<-start
				errs[i] = shared.Free(a)
			})
		}
		close(start)
		wait.Wait()
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
			} else if !errors.Is(err, ErrDoubleFree) {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		if done != 1 {
			t.Fatalf("round %d: %d frees of one block succeeded: %v", round, done, errs)
		}
	}
	if s := shared.Stats(); s.Used != 0 {
		t.Errorf("left over: %+v", s)
	}
}

// What the doc comment says of an address that has been handed out again.
func TestSharedCantTellBlocksOfOneAddressApart(t *testing.T) {
	shared := Share(newRegion(t, Config{Heap: 1 << 20}).Heap())
	mine, err := shared.Alloc(10)
	if err != nil {
		t.Fatal(err)
	}
	if err := shared.Free(mine); err != nil {
		t.Fatal(err)
	}
	theirs, err := shared.Alloc(10)
	if err != nil || theirs != mine {
		t.Fatalf("got %v, not %v again: %v", theirs, mine, err)
	}
	if err := errors.Join(shared.Free(mine), shared.Check()); err != nil {
		t.Error(err)
	}
	if err := shared.Free(theirs); !errors.Is(err, ErrDoubleFree) {
		t.Errorf("their block: %v", err)
	}
}

// Every method waits while another one holds the lock, and gives the lock back.
func TestSharedMethodsTakeTheLock(t *testing.T) {
	shared := Share(newRegion(t, Config{Heap: 1 << 20}).Heap())
	a, errA := shared.Alloc(10)
	b, errB := shared.Alloc(10)
	c, errC := shared.Alloc(10)
	if err := errors.Join(errA, errB, errC); err != nil {
		t.Fatal(err)
	}
	methods := map[string]func(){
		"Alloc": func() { shared.Alloc(10) }, "Free": func() { shared.Free(a) }, "Resize": func() { shared.Resize(b, 20) },
		"Bytes": func() { shared.Bytes(c) }, "Block": func() { shared.Block(c) }, "BlockAround": func() { shared.BlockAround(c) },
		"Blocks": func() { shared.Blocks() }, "Explain": func() { shared.Explain(10) },
		"Stats": func() { shared.Stats() }, "Check": func() { shared.Check() },
		"Range": func() { shared.Range() }, "Committed": func() { shared.Committed() },
		"Do": func() { shared.Do(func(*Heap) {}) },
	}
	for m := range reflect.TypeFor[*Shared]().Methods() {
		if methods[m.Name] == nil {
			t.Errorf("%s is not tried", m.Name)
		}
	}
	var wait sync.WaitGroup
	returned := make(chan string, len(methods))
	shared.Do(func(*Heap) {
		for name, call := range methods {
			wait.Go(func() {
				call()
				returned <- name
			})
		}
		select {
		case name := <-returned:
			t.Errorf("%s did not wait", name)
		case <-time.After(100 * time.Millisecond):
		}
	})
	wait.Wait()
}

// A sequence that panics leaves a heap that others can use.
func TestSharedDoSurvivesAPanic(t *testing.T) {
	shared := Share(newRegion(t, Config{Heap: 1 << 20}).Heap())
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		shared.Do(func(*Heap) { panic("in the middle") })
	}()
	if !shared.mu.TryLock() {
		t.Fatal("the lock is still held")
	}
	shared.mu.Unlock()
}

// A region that is released in a Do is released for everybody.
func TestSharedAfterRelease(t *testing.T) {
	r, err := Reserve(Config{})
	if err != nil {
		t.Fatal(err)
	}
	shared := Share(r.Heap())
	a, err := shared.Alloc(100)
	if err != nil {
		t.Fatal(err)
	}
	calls := make([]func() error, 4)
	for i := range calls {
		calls[i] = func() error {
			for {
				b, err := shared.Alloc(100)
				if err == nil {
					err = shared.Free(b)
				}
				if errors.Is(err, ErrReleased) {
					return nil
				}
				if err != nil {
					return err
				}
			}
		}
	}
	calls = append(calls, func() (err error) {
		time.Sleep(time.Millisecond)
		shared.Do(func(*Heap) { err = r.Release() })
		return err
	})
	if err := inThreads(calls...); err != nil {
		t.Error(err)
	}
	_, errResize := shared.Resize(a, 1)
	_, errBytes := shared.Bytes(a)
	_, errBlock := shared.Block(a)
	for name, err := range map[string]error{"free": shared.Free(a), "resize": errResize, "bytes": errBytes, "block": errBlock, "check": shared.Check()} {
		if !errors.Is(err, ErrReleased) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, ok := shared.BlockAround(a); ok || len(shared.Blocks()) != 0 || len(shared.Explain(1)) != 0 || shared.Stats() != (Stats{}) ||
		shared.Range().Size() != 0 || shared.Committed() != 0 {
		t.Errorf("a released heap shows %+v, %v", shared.Stats(), shared.Blocks())
	}
}

// The same work by several goroutines: on one heap behind its lock, and on a heap
// for each.
func BenchmarkShared(b *testing.B) {
	for _, n := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprintf("one heap/%d", n), func(b *testing.B) {
			shared := Share(newRegion(b, Config{}).Heap())
			benchGoroutines(b, n, func(int) allocator { return shared })
		})
		b.Run(fmt.Sprintf("a heap each/%d", n), func(b *testing.B) {
			heaps := make([]*Heap, n)
			for i := range heaps {
				heaps[i] = newRegion(b, Config{}).Heap()
			}
			benchGoroutines(b, n, func(i int) allocator { return heaps[i] })
		})
	}
}

type allocator interface {
	Alloc(addr.Bytes) (addr.Addr, error)
	Free(addr.Addr) error
}

// benchGoroutines lets n goroutines make b.N operations together; an operation is
// a free of one of 64 blocks and an alloc in its place.
func benchGoroutines(b *testing.B, n int, heap func(int) allocator) {
	calls := make([]func() error, n)
	for i := range calls {
		h := heap(i)
		calls[i] = func() error {
			var live [64]addr.Addr
			for j := range b.N/n + 1 {
				a := &live[j%len(live)]
				if *a != 0 {
					if err := h.Free(*a); err != nil {
						return err
					}
				}
				var err error
				if *a, err = h.Alloc(addr.Bytes(16 << (j % 5))); err != nil {
					return err
				}
			}
			return nil
		}
	}
	b.ResetTimer()
	if err := inThreads(calls...); err != nil {
		b.Fatal(err)
	}
}
