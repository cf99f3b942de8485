package main

import (
	"time"

	"modernc.org/memory"

	"memprobe/layout/addr"
)

// modernc replays on modernc.org/memory, through the calls with plain addresses
// that the C programs translated for it use.
type modernc struct {
	trace *trace
	heap  memory.Allocator
	table []addr.Addr
}

func newModernc(t *trace) (*modernc, error) {
	table, err := mapped[addr.Addr](t.ids)
	return &modernc{trace: t, table: table}, err
}

func (m *modernc) pass() (time.Duration, tally, error) { return m.trace.pass(m.play) }

func (m *modernc) play(ops []op, did *tally) error {
	sum, table, heap := *did, m.table, &m.heap
	for _, o := range ops {
		kind := o.kind()
		block := &table[o.id()]
		if kind == opFree {
			if err := heap.UintptrFree(uintptr(*block)); err != nil {
				return err
			}
			sum.Frees++
			continue
		}
		var p uintptr
		var err error
		if kind == opAlloc {
			p, err = heap.UintptrMalloc(int(o.size))
			sum.Allocs++
		} else {
			p, err = heap.UintptrRealloc(uintptr(*block), int(o.size))
			sum.Resizes++
		}
		if err != nil {
			return err
		}
		touch(addr.Addr(p))
		*block = addr.Addr(p)
		sum.Bytes += uint64(o.size)
	}
	*did = sum
	return nil
}

func (m *modernc) close() error {
	if err := unmap(m.table); err != nil {
		return err
	}
	return m.heap.Close()
}
