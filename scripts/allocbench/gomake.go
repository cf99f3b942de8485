package main

import (
	"runtime"
	"time"
)

// goMake replays on Go's own heap: blocks come from make, which zeroes them, and
// what the table no longer holds is the collector's.
type goMake struct {
	trace *trace
	table [][]byte // all that keeps a block alive
}

func newGoMake(t *trace) *goMake { return &goMake{t, make([][]byte, t.ids)} }

func (g *goMake) pass() (time.Duration, tally, error) { return g.trace.pass(g.play) }

// rest lets the collector end, so that it does not run into another's turn.
func (g *goMake) rest() { runtime.GC() }

func (g *goMake) play(ops []op, did *tally) error {
	sum, table := *did, g.table
	for _, o := range ops {
		kind := o.kind()
		block := &table[o.id()]
		if kind == opFree {
			*block = nil
			sum.Frees++
			continue
		}
		var b []byte
		if kind == opAlloc {
			b = make([]byte, o.size)
			sum.Allocs++
		} else {
			if b = *block; int(o.size) <= cap(b) {
				b = b[:o.size]
			} else {
				b = make([]byte, o.size)
				copy(b, *block)
			}
			sum.Resizes++
		}
		b[0] = 1
		*block = b
		sum.Bytes += uint64(o.size)
	}
	*did = sum
	return nil
}

func (g *goMake) close() error { return nil }
