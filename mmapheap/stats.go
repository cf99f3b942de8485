package mmapheap

import "memprobe/layout/addr"

// Stats is the use of a heap at one moment.
type Stats struct {
	Arena       addr.Bytes // all that the heap may grow into
	Committed   addr.Bytes // accessible
	Used        int        // blocks in use
	Requested   addr.Bytes // what was asked for them
	UsedBytes   addr.Bytes // what is set aside for them
	FreeBlocks  int        // free blocks
	FreeBytes   addr.Bytes // and their bytes: UsedBytes + FreeBytes = Arena
	LargestFree addr.Bytes // the largest request that can be met
	HighWater   addr.Bytes // the most that UsedBytes has been
	Extent      addr.Bytes // from the arena's start to the highest byte that was ever in use
	Metadata    addr.Bytes // the share of the bookkeeping that describes Extent; more is not touched, but for rounding to pages
}

// Stats walks the whole heap.
func (h *Heap) Stats() Stats {
	s := Stats{
		Arena:     h.span.Size(),
		Committed: h.committed,
		HighWater: addr.Bytes(h.highWater) * granule,
		Extent:    addr.Bytes(h.extent) * granule,
		Metadata:  h.index.touched(h.extent),
	}
	for b := range h.Blocks() {
		if b.State == Used {
			s.Used++
			s.Requested += b.Requested
			s.UsedBytes += b.Size
			continue
		}
		s.FreeBlocks++
		s.FreeBytes += b.Size
		s.LargestFree = max(s.LargestFree, b.Size)
	}
	return s
}

// InternalFragmentation is 1 - requested / block bytes of the used blocks: 0
// where nothing is in use. That is what is lost to rounding up, as Randell has it
// ("A note on storage fragmentation and program segmentation", CACM 12, 1969).
func (s Stats) InternalFragmentation() float64 { return 1 - ratio(s.Requested, s.UsedBytes, 1) }

// ExternalFragmentation is 1 - largest free block / all free bytes: 0 where
// nothing is free. That is the share of the free memory which the largest request
// that can be met leaves out; Wilson, Johnstone, Neely and Boles ("Dynamic storage
// allocation: a survey and critical review", 1995) discuss it and its limits.
func (s Stats) ExternalFragmentation() float64 { return 1 - ratio(s.LargestFree, s.FreeBytes, 1) }

// Utilization is requested bytes in use / arena bytes. For a program's whole run,
// use the peaks of both: Johnstone and Wilson ("The memory fragmentation problem:
// solved?", 1998), measure 4, turned over.
func (s Stats) Utilization() float64 { return ratio(s.Requested, s.Arena, 0) }

func ratio(part, whole addr.Bytes, of0 float64) float64 {
	if whole == 0 {
		return of0
	}
	return float64(part) / float64(whole)
}

// touched is how many bytes of x describe the granules below extent; the marks for
// requests of 0 bytes are rare, and left out.
func (x *index) touched(extent granules) addr.Bytes {
	chunks := addr.Bytes(chunksOf(extent))
	sum := chunks*chunkBytes + addr.Bytes(x.sizes.used)*8
	bounds := chunks
	for range x.holes.count {
		sum += bounds
		bounds = ceil(bounds, perNode)
	}
	words := chunks
	for range x.begun.levels {
		words = ceil(words, 64)
		sum += words * 8
	}
	return sum
}

func ceil(n, per addr.Bytes) addr.Bytes { return (n + per - 1) / per }
