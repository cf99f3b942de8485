package timing

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"time"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

func reserve(t *testing.T) *mmapheap.Region {
	t.Helper()
	r, err := mmapheap.Reserve(mmapheap.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Release(); err != nil {
			t.Error(err)
		}
	})
	return r
}

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

// TestOperationsRun counts the operations by the addresses that they left, each of
// which is known, and by what Go counted.
func TestOperationsRun(t *testing.T) {
	const n = 1000
	r := reserve(t)
	for _, size := range sizes {
		frame := r.Stack().Range().Hi - addr.Addr(size.AlignUp(16))
		block := r.Heap().Range().Lo
		for _, tt := range []struct {
			contender func(*sink) Contender
			at        addr.Addr
		}{
			{func(s *sink) Contender { return onStack(r.Stack(), size, s) }, frame},
			{func(s *sink) Contender { return onHeap(r.Heap(), size, s) }, block},
		} {
			s := new(sink)
			c := tt.contender(s)
			if err := c.Do(n); err != nil {
				t.Fatal(err)
			}
			if want := n * tt.at; s.sum != want {
				t.Errorf("%s, %d bytes: the addresses add up to %v, want %d times %v", c.What, size, s.sum, n, tt.at)
			}
			if c.Size != size {
				t.Errorf("%s: size %d, want %d", c.What, c.Size, size)
			}
		}
		checkIdle(t, r)
		if got, want := r.Heap().Stats().HighWater, size.AlignUp(16); got != want {
			t.Errorf("the heap had %d bytes in use at most, want %d", got, want)
		}
	}
}

// TestMakeRuns lets Go count what make makes and what the collector takes back.
func TestMakeRuns(t *testing.T) {
	const total = 32 << 20 // bytes, some times what makes Go collect
	for _, size := range sizes {
		var before, done, after runtime.MemStats
		n := total / int(size)
		s := new(sink)
		c := inGo(size, s)
		runtime.GC()
		runtime.ReadMemStats(&before)
		if err := c.Do(n); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&done)
		c.After()
		runtime.ReadMemStats(&after)
		if got := done.Mallocs - before.Mallocs; got < uint64(n) {
			t.Errorf("%d bytes: Go counts %d allocations, want %d at least", size, got, n)
		}
		// Two slices of 8 bytes may share a block of 16 that was there before.
		if got := done.TotalAlloc - before.TotalAlloc; got < total-16 {
			t.Errorf("%d bytes: Go counts %d bytes, want %d at least", size, got, total)
		}
		if done.NumGC == before.NumGC {
			t.Errorf("%d bytes: no collection while %d bytes were made", size, total)
		}
		if got := after.Frees - before.Frees; got < uint64(n)-1 {
			t.Errorf("%d bytes: Go counts %d of %d as collected", size, got, n)
		}
	}
}

// TestStackAndHeap measures in earnest but for the clock and the length of rounds.
func TestStackAndHeap(t *testing.T) {
	o := Defaults()
	m := newMachine()
	o.Now, o.Batch, o.Rounds, o.Budget = m.clock, 1, 6, time.Hour
	region := reserve(t)
	r, err := compare(context.Background(), region, o)
	if err != nil {
		t.Fatal(err)
	}
	checkIdle(t, region)
	var sizesSeen []addr.Bytes
	for i, timing := range r.Timings {
		if want := []string{"stack", "heap", "make"}[i%3]; timing.What != want {
			t.Errorf("timing %d is of %s, want %s", i, timing.What, want)
		}
		if len(timing.Rounds) != 6 || (timing.Ratio == nil) != (timing.What == "stack") {
			t.Errorf("%s, %d bytes: %d rounds, ratio %v", timing.What, timing.Size, len(timing.Rounds), timing.Ratio)
		}
		if timing.Collections != 0 {
			t.Errorf("%s, %d bytes: %d collections, though each round is one operation", timing.What, timing.Size, timing.Collections)
		}
		if timing.What == "stack" {
			sizesSeen = append(sizesSeen, timing.Size)
		}
	}
	if !slices.Equal(sizesSeen, sizes) {
		t.Errorf("sizes %d, want %d", sizesSeen, sizes)
	}
	if r.Machine.Kernel == "" || r.Machine.Go == "" || r.Machine.Arch == "" || r.Machine.Cores < 1 {
		t.Errorf("machine: %+v", r.Machine)
	}
}

// TestMonotonic reads the real clock.
func TestMonotonic(t *testing.T) {
	now := Monotonic()
	if a, b := now(), now(); a < 0 || b < a {
		t.Errorf("%v, then %v", a, b)
	}
}

// TestStackAndHeapStops gives the region back though there is nothing to report.
func TestStackAndHeapStops(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if r, err := StackAndHeap(ctx, Defaults()); r != nil || err == nil || err.Error() != "timing stopped: context canceled" {
		t.Errorf("%v, %v", r, err)
	}
}
