package mmapheap

import (
	"slices"
	"sync"

	"memprobe/layout/addr"
)

// Shared is a heap behind a lock, for several goroutines and threads at once.
//
// Every method holds the lock from its first look at the heap to its last, so it
// comes wholly before or wholly after any other, and Stats, Blocks, Explain and
// Check show one moment of the heap. What needs several calls with nobody else in
// between is a Do.
//
// The bytes of a block are not guarded: they belong to whoever owns the block,
// from the Alloc or Resize that returned it to the Free or Resize that ends it.
// Who hands a block on, through a channel say, has done with its bytes. Memory
// that one goroutine frees and another one gets needs no more than that.
//
// When two goroutines free the same block, one of them succeeds, and the other is
// refused with ErrDoubleFree; unless the address was handed out again in between:
// then the late one ends a block that is somebody else's, as it would on a heap
// without threads. No lock can tell the two blocks apart.
//
// The rest of the region takes no lock. Region.Load, Store, Parts and Release
// belong in a Do as long as others may use the heap, and Release where nobody uses
// a payload any more. The stack stays for one goroutine at a time.
type Shared struct {
	mu   sync.Mutex
	heap *Heap
}

// Share puts h behind a lock. From then on h is used through what Share returned
// alone, and not shared a second time: that would be another lock.
func Share(h *Heap) *Shared { return &Shared{heap: h} }

// Do calls f with the heap and the lock held, for a sequence that nobody comes
// between. f must not call methods of s, which would wait for f to return, and
// keeps no hold of the heap.
func (s *Shared) Do(f func(*Heap)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.heap)
}

// Alloc is Heap.Alloc.
func (s *Shared) Alloc(n addr.Bytes) (addr.Addr, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heap.Alloc(n)
}

// Free is Heap.Free.
func (s *Shared) Free(a addr.Addr) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heap.Free(a)
}

// Resize is Heap.Resize. Where the block moves, its bytes are copied with the lock
// held.
func (s *Shared) Resize(a addr.Addr, n addr.Bytes) (addr.Addr, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heap.Resize(a, n)
}

// Bytes is Heap.Bytes: how its owner gets at a block's payload. The slice is used
// without the lock, for as long as the block is the caller's.
func (s *Shared) Bytes(a addr.Addr) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heap.Bytes(a)
}

// Block is Heap.Block.
func (s *Shared) Block(a addr.Addr) (Block, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heap.Block(a)
}

// BlockAround is Heap.BlockAround.
func (s *Shared) BlockAround(a addr.Addr) (Block, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heap.BlockAround(a)
}

// Blocks lists what Heap.Blocks yields. The others wait meanwhile.
func (s *Shared) Blocks() []Block {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(s.heap.Blocks())
}

// Explain lists what Heap.Explain yields for n bytes. The others wait meanwhile.
func (s *Shared) Explain(n addr.Bytes) []Candidate {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(s.heap.Explain(n))
}

// Stats is Heap.Stats.
func (s *Shared) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heap.Stats()
}

// Check is Heap.Check.
func (s *Shared) Check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heap.Check()
}

// Range is Heap.Range.
func (s *Shared) Range() addr.Range {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heap.Range()
}

// Committed is Heap.Committed.
func (s *Shared) Committed() addr.Bytes {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heap.Committed()
}
