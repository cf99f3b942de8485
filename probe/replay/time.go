package replay

import (
	"context"
	"fmt"
	"slices"
	"time"

	"memprobe/layout/addr"
)

const (
	leastPasses = 5
	mostPasses  = 1001
	modelPasses = 1                      // timed; a model's time is no measure of a heap
	timed       = 100 * time.Millisecond // how long the passes of a short trace take together
	fewOps      = 1000                   // a pass of fewer is too short for a clock
)

// passesOf is how many passes a subject takes in all if so many are timed: one to
// observe it, one that brings the pages, and with each timed pass one of the loop alone.
func passesOf(s subject, timed int) int {
	if s.engine {
		return 2 + 2*timed
	}
	return 1 + 2*modelPasses
}

// time times the trace.
func (s subject) time(ctx context.Context, t *Trace, now func() time.Duration, run *Run, m *meter) error {
	if len(t.Ops) == 0 {
		return nil
	}
	if len(t.Ops) < fewOps {
		run.Notes = append(run.Notes, "so few operations are too short for a clock")
	}
	if !s.engine {
		return s.timeModel(ctx, t, now, run, m)
	}
	e, err := s.reserve(t)
	if err != nil {
		return err
	}
	p := &pass{ctx: ctx, trace: t, engine: e, now: now, blocks: make([]addr.Addr, t.IDs)}
	if err = p.rounds(run, m); err == nil {
		return e.release()
	}
	// The error of the pass is the one to tell.
	_ = e.release()
	return err
}

// timeModel times a pass on a model, and one that does nothing.
func (s subject) timeModel(ctx context.Context, t *Trace, now func() time.Duration, run *Run, m *meter) error {
	start := now()
	if err := newPlayer(ctx, t, s.New(s.heap)).play(0, len(t.Ops)); err != nil {
		return err
	}
	took := now() - start
	m.add(len(t.Ops))
	start = now()
	if err := newPlayer(ctx, t, nothing{}).play(0, len(t.Ops)); err != nil {
		return err
	}
	run.conclude([]time.Duration{took}, []time.Duration{now() - start}, len(t.Ops))
	m.add(len(t.Ops))
	return nil
}

// nothing is a heap whose calls do nothing.
type nothing struct{ heap }

func (nothing) Alloc(addr.Bytes) (addr.Bytes, error)              { return 0, nil }
func (nothing) Resize(addr.Bytes, addr.Bytes) (addr.Bytes, error) { return 0, nil }
func (nothing) Free(addr.Bytes) error                             { return nil }

// pass plays a trace on the engine over and over, as fast as can be.
type pass struct {
	ctx    context.Context
	trace  *Trace
	engine *engine
	now    func() time.Duration
	blocks []addr.Addr // by ID; 0 where none is in use
}

// rounds times passes and empty passes in turn.
func (p *pass) rounds(run *Run, m *meter) error {
	n := len(p.trace.Ops)
	first, err := p.time(p.play)
	if err != nil {
		return err
	}
	if err := p.empty(); err != nil {
		return err
	}
	passes := min(max(int(timed/max(first, 1)), leastPasses), mostPasses)
	m.of += 2 * (passes - leastPasses) * n
	m.add(n)
	var full, empty []time.Duration
	for range passes {
		took, err := p.time(p.play)
		if err != nil {
			return err
		}
		if err := p.empty(); err != nil {
			return err
		}
		loop, err := p.time(p.loop)
		if err != nil {
			return err
		}
		clear(p.blocks)
		full, empty = append(full, took), append(empty, loop)
		m.add(2 * n)
	}
	run.conclude(full, empty, n)
	return nil
}

// conclude makes the figures of n operations.
func (run *Run) conclude(full, empty []time.Duration, n int) {
	slices.Sort(full)
	slices.Sort(empty)
	run.Passes = len(full)
	run.LoopNSPerOp = float64(empty[len(empty)/2]) / float64(n)
	run.NSPerOp = max(0, float64(full[len(full)/2])/float64(n)-run.LoopNSPerOp)
}

// time is how long it takes to do all operations, a stretch of them at a time.
func (p *pass) time(do func([]Op) (int, error)) (time.Duration, error) {
	start := p.now()
	for done := 0; done < len(p.trace.Ops); done += between {
		if err := p.ctx.Err(); err != nil {
			return 0, fmt.Errorf("replay %s: %w", p.trace.Name, err)
		}
		ops := p.trace.Ops[done:min(done+between, len(p.trace.Ops))]
		if i, err := do(ops); err != nil {
			return 0, &opError{done + i, ops[i], err}
		}
	}
	return p.now() - start, nil
}

// play does the operations; the first byte of each block is written.
func (p *pass) play(ops []Op) (index int, err error) {
	heap, region, blocks := p.engine.heap, p.engine.region, p.blocks
	for i, op := range ops {
		var a addr.Addr
		switch op.Kind {
		case Alloc:
			a, err = heap.Alloc(op.Size)
		case Resize:
			a, err = heap.Resize(blocks[op.ID], op.Size)
		case Free:
			err = heap.Free(blocks[op.ID])
		}
		if err == nil && op.Size > 0 {
			err = region.Store(a, written)
		}
		if err != nil {
			return i, err
		}
		blocks[op.ID] = a
	}
	return 0, nil
}

// loop is play without the heap's calls: it writes to the same byte all the time.
func (p *pass) loop(ops []Op) (index int, err error) {
	region, blocks, base := p.engine.region, p.blocks, p.engine.base
	for i, op := range ops {
		a := blocks[op.ID]
		switch op.Kind {
		case Alloc:
			a = base
		case Free:
			a = 0
		}
		if op.Size > 0 {
			err = region.Store(base, written)
		}
		if err != nil {
			return i, err
		}
		blocks[op.ID] = a
	}
	return 0, nil
}

// empty frees what the trace left in use.
func (p *pass) empty() error {
	for id, a := range p.blocks {
		if a == 0 {
			continue
		}
		if err := p.engine.heap.Free(a); err != nil {
			return fmt.Errorf("replay %s: clear the heap: %w", p.trace.Name, err)
		}
		p.blocks[id] = 0
	}
	return nil
}
