package timing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

// sizes are what the stack, the heap and make are compared at.
var sizes = []addr.Bytes{8, 64, 1 << 10, 64 << 10}

// Defaults measures with the clock of this machine: 24 rounds for 12 contenders are
// two of the squares that order speaks of, and take 6 to 8 seconds.
func Defaults() Options {
	return Options{
		Now: Monotonic(), Collections: collections, Machine: Here(),
		Rounds: 24, Batch: 15 * time.Millisecond, Budget: 8 * time.Second,
	}
}

// StackAndHeap compares what it takes to get bytes and to give them back: on the
// stack, from the heap, from Go.
func StackAndHeap(ctx context.Context, o Options) (*Result, error) {
	region, err := mmapheap.Reserve(mmapheap.Config{})
	if err != nil {
		return nil, err
	}
	result, err := compare(ctx, region, o)
	return result, errors.Join(err, region.Release())
}

func compare(ctx context.Context, region *mmapheap.Region, o Options) (*Result, error) {
	var contenders []Contender
	for _, n := range sizes {
		if err := tryOut(region, n); err != nil {
			return nil, err
		}
		s := new(sink)
		contenders = append(contenders, onStack(region.Stack(), n, s), onHeap(region.Heap(), n, s), inGo(n, s))
	}
	return Measure(ctx, contenders, o)
}

// sink is where the operations leave what they got, so that none of them can be
// left out.
type sink struct {
	sum   addr.Addr // of all addresses
	bytes []byte    // what make made last
}

// onStack pushes a frame of size bytes and pops it.
func onStack(s *mmapheap.Stack, size addr.Bytes, k *sink) Contender {
	return Contender{
		What: "stack", Size: size, About: "Push and Pop of a frame on memprobe's stack",
		Notes: []string{"a compiled function moves the stack pointer and no more; Push also looks for room and keeps where the frame begins"},
		Do: func(n int) error {
			for range n {
				a, err := s.Push(size)
				if err != nil {
					return err
				}
				k.sum += a
				if err := s.Pop(); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// onHeap allocates a block of size bytes and frees it.
func onHeap(h *mmapheap.Heap, size addr.Bytes, k *sink) Contender {
	return Contender{
		What: "heap", Size: size, About: "Alloc and Free of a block of memprobe's heap, first fit",
		Notes: []string{"nothing else is in use, so the search ends at once, and always at the same block"},
		Do: func(n int) error {
			for range n {
				a, err := h.Alloc(size)
				if err != nil {
					return err
				}
				k.sum += a
				if err := h.Free(a); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// inGo makes a slice of size bytes on Go's heap and drops the one before. A batch is
// long enough for collections; what garbage it leaves is collected after it, so
// that no other batch is held up by it.
func inGo(size addr.Bytes, k *sink) Contender {
	return Contender{
		What: "make", Size: size, About: "Go's make([]byte, n), whose bytes its collector takes back",
		Notes: []string{
			"it also zeroes the bytes; the others hand out what was there",
			"how often the collector runs is up to GOGC; its work counts where it delays the program, not what it does on another core or after the batch",
		},
		Do: func(n int) error {
			for range n {
				k.bytes = make([]byte, size)
			}
			return nil
		},
		After: func() {
			k.bytes = nil
			runtime.GC()
		},
	}
}

// tryOut sees that the region has memory for n bytes on its stack and in its heap:
// it fills them, reads them back and gives them back. Later operations get the
// same memory, whose pages are there by then.
func tryOut(r *mmapheap.Region, n addr.Bytes) error {
	frame, err := r.Stack().Push(n)
	if err != nil {
		return err
	}
	block, err := r.Heap().Alloc(n)
	if err != nil {
		return err
	}
	want, got := bytes.Repeat([]byte{0xa5}, int(n)), make([]byte, n)
	for _, a := range []addr.Addr{frame, block} {
		if err := errors.Join(r.Store(a, want), r.Load(a, got)); err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%d bytes at %v: not what was stored there", n, a)
		}
	}
	return errors.Join(r.Heap().Free(block), r.Stack().Pop())
}

// collections is how many collections Go has completed.
func collections() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return uint64(stats.NumGC)
}
