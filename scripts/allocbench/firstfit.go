package main

import (
	"time"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

// firstFit replays on memprobe's heap.
type firstFit struct {
	trace  *trace
	region *mmapheap.Region
	heap   *mmapheap.Heap
	table  []addr.Addr // the blocks by id
}

// newFirstFit is a heap that keeps requested sizes to the byte, or a rounded one.
func newFirstFit(t *trace, rounded bool) (*firstFit, error) {
	region, err := mmapheap.Reserve(mmapheap.Config{Heap: t.arena(), Rounded: rounded})
	if err != nil {
		return nil, err
	}
	table, err := mapped[addr.Addr](t.ids)
	return &firstFit{t, region, region.Heap(), table}, err
}

func (f *firstFit) pass() (time.Duration, tally, error) { return f.trace.pass(f.play) }

// play replays the operations; the first byte of each block is touched.
func (f *firstFit) play(ops []op, did *tally) error {
	sum, table, heap := *did, f.table, f.heap
	for _, o := range ops {
		kind := o.kind()
		block := &table[o.id()]
		if kind == opFree {
			if err := heap.Free(*block); err != nil {
				return err
			}
			sum.Frees++
			continue
		}
		var a addr.Addr
		var err error
		if kind == opAlloc {
			a, err = heap.Alloc(addr.Bytes(o.size))
			sum.Allocs++
		} else {
			a, err = heap.Resize(*block, addr.Bytes(o.size))
			sum.Resizes++
		}
		if err != nil {
			return err
		}
		touch(a)
		*block = a
		sum.Bytes += uint64(o.size)
	}
	*did = sum
	return nil
}

func (f *firstFit) close() error {
	if err := unmap(f.table); err != nil {
		return err
	}
	return f.region.Release()
}
