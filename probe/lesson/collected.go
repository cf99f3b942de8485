package lesson

import (
	"runtime"
	"sync/atomic"
	"time"

	"memprobe/layout/addr"
)

// collected is the life of some memory in Go's own heap, as Go's runtime tells it:
// how much of the heap was in use at each moment, and whether the memory was free.
type collected struct {
	before, with, dropped, after addr.Bytes
	early, late                  bool          // right after the last reference was dropped; after a collection
	took                         time.Duration // the collection

	g     []byte // the memory, as long as anything refers to it
	freed atomic.Bool
	ended chan struct{}
}

// newCollected makes a piece of memory and drops the only reference to it.
func newCollected() *collected {
	c := &collected{ended: make(chan struct{})}
	c.before = goHeap()
	c.g = make([]byte, 1<<20)
	runtime.AddCleanup(&c.g[0], func(c *collected) {
		c.freed.Store(true)
		close(c.ended)
	}, c)
	c.with = goHeap()
	c.g = nil
	c.early = c.freed.Load()
	c.dropped = goHeap()
	return c
}

// patience is how long a cleanup may take to be run once the collector has found that
// its memory is not used any more.
const patience = 10 * time.Second

// collect has Go's collector look for what is not used any more.
func (c *collected) collect() {
	begin := time.Now()
	runtime.GC()
	c.took = time.Since(begin)
	select {
	case <-c.ended:
	case <-time.After(patience):
	}
	c.late = c.freed.Load()
	c.after = goHeap()
}

// goHeap is how much of Go's heap is in use, or not yet found to be free.
func goHeap() addr.Bytes {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return addr.Bytes(stats.HeapAlloc)
}
