package main

import (
	"time"

	"memprobe/layout/addr"
)

// addresses is the loop that allocators called from Go share, without the calls
// and without the blocks: what it takes is taken off theirs.
type addresses struct {
	trace *trace
	table []addr.Addr
	sum   addr.Addr // of the blocks freed, so that they are loaded
}

func newAddresses(t *trace) (*addresses, error) {
	table, err := mapped[addr.Addr](t.ids)
	return &addresses{trace: t, table: table}, err
}

func (l *addresses) pass() (time.Duration, tally, error) { return l.trace.pass(l.play) }

func (l *addresses) play(ops []op, did *tally) error {
	sum, table := *did, l.table
	freed := addr.Addr(0)
	for _, o := range ops {
		kind := o.kind()
		block := &table[o.id()]
		if kind == opFree {
			freed += *block
			sum.Frees++
			continue
		}
		var a addr.Addr
		if kind == opAlloc {
			a = addr.Addr(o.size)
			sum.Allocs++
		} else {
			a = *block + 1
			sum.Resizes++
		}
		*block = a
		sum.Bytes += uint64(o.size)
	}
	l.sum += freed
	*did = sum
	return nil
}

func (l *addresses) close() error { return unmap(l.table) }

// slicesLoop is the loop of goMake without make: each block is the same byte.
type slicesLoop struct {
	trace *trace
	table [][]byte
}

// newSlices is the loop of g, on its table: a second one would only be more for the
// collector to look at.
func newSlices(g *goMake) *slicesLoop { return &slicesLoop{g.trace, g.table} }

func (l *slicesLoop) pass() (time.Duration, tally, error) { return l.trace.pass(l.play) }

func (l *slicesLoop) play(ops []op, did *tally) error {
	sum, table, same := *did, l.table, make([]byte, 1)
	for _, o := range ops {
		kind := o.kind()
		block := &table[o.id()]
		if kind == opFree {
			*block = nil
			sum.Frees++
			continue
		}
		b := same
		if kind == opAlloc {
			sum.Allocs++
		} else {
			b = (*block)[:1]
			sum.Resizes++
		}
		*block = b
		sum.Bytes += uint64(o.size)
	}
	*did = sum
	return nil
}

func (l *slicesLoop) close() error { return nil }
