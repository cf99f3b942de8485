package replay

import (
	"context"
	"errors"
	"fmt"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
	"memprobe/probe/replay/policies"
)

// SpaceError says that a trace needs a larger heap.
type SpaceError struct {
	Trace  string
	Policy string
	Index  int        // of the operation for which there was no room
	Op     Op         // that operation
	Heap   addr.Bytes // how large the heap is
	Needs  addr.Bytes // how large it must be for the whole trace; 0 if that is not known
}

func (e *SpaceError) Error() string {
	s := fmt.Sprintf("replay %s: operation %d, %v of %d bytes: no room in a heap of %d bytes", e.Trace, e.Index, e.Op.Kind, e.Op.Size, e.Heap)
	switch {
	case e.Needs > mmapheap.MaxHeap:
		return s + fmt.Sprintf("; with %s fit the trace needs %d bytes, and a heap has %d at most", e.Policy, e.Needs, mmapheap.MaxHeap)
	case e.Needs != 0:
		return s + fmt.Sprintf("; with %s fit the trace needs %d bytes", e.Policy, e.Needs)
	}
	return s
}

// player plays a trace on a heap, and knows where each block is.
type player struct {
	ctx    context.Context
	trace  *Trace
	heap   heap
	places []addr.Bytes // by ID, of the blocks in use
}

func newPlayer(ctx context.Context, t *Trace, h heap) *player {
	return &player{ctx: ctx, trace: t, heap: h, places: make([]addr.Bytes, t.IDs)}
}

// between is how many operations are played between two looks at what else is to
// be done: whether to stop, how much to say is done.
const between = 1 << 14

// play plays the operations from index from up to to.
func (p *player) play(from, to int) error {
	for i := from; i < to; i++ {
		if i%between == 0 {
			if err := p.ctx.Err(); err != nil {
				return fmt.Errorf("replay %s: %w", p.trace.Name, err)
			}
		}
		if err := p.one(i); err != nil {
			return err
		}
	}
	return nil
}

// one plays operation i.
func (p *player) one(i int) (err error) {
	op := p.trace.Ops[i]
	place := &p.places[op.ID]
	to := *place
	switch op.Kind {
	case Alloc:
		to, err = p.heap.Alloc(op.Size)
	case Resize:
		to, err = p.heap.Resize(*place, op.Size)
	case Free:
		err = p.heap.Free(*place)
	}
	if err != nil {
		return &opError{i, op, err}
	}
	*place = to
	return nil
}

// opError is what an operation ended with.
type opError struct {
	index int
	op    Op
	err   error
}

func (e *opError) Error() string { return fmt.Sprintf("operation %d: %v", e.index, e.err) }
func (e *opError) Unwrap() error { return e.err }

// subject is a policy with the heap to play on.
type subject struct {
	policies.Policy
	heap   addr.Bytes // its size
	engine bool       // it is the real heap, not a model
}

// open is an empty heap for the trace.
func (s subject) open(t *Trace) (h heap, release func() error, err error) {
	if !s.engine {
		return s.New(s.heap), func() error { return nil }, nil
	}
	e, err := s.reserve(t)
	if err != nil {
		return nil, nil, err
	}
	return e, e.release, nil
}

// reserve is an empty engine for the trace.
func (s subject) reserve(t *Trace) (*engine, error) {
	e, err := reserve(s.heap)
	if err != nil {
		return nil, fmt.Errorf("replay %s in a heap of %d bytes, though a smaller one may do: %w", t.Name, s.heap, err)
	}
	return e, nil
}

// explain makes an error that says how much room there should be of one that says
// that there is too little.
func (s subject) explain(ctx context.Context, t *Trace, err error) error {
	failed := new(opError)
	if !errors.As(err, &failed) {
		return err
	}
	if !errors.Is(err, policies.ErrNoSpace) && !errors.Is(err, mmapheap.ErrNoSpace) {
		return fmt.Errorf("replay %s: %w", t.Name, err)
	}
	space := &SpaceError{Trace: t.Name, Policy: s.Name, Index: failed.index, Op: failed.op, Heap: s.heap}
	model := s.New(unlimited)
	if newPlayer(ctx, t, model).play(0, len(t.Ops)) == nil {
		space.Needs = model.Use().Extent
	}
	return space
}

// unlimited is a heap in which every trace has room: MaxOps requests of MaxSize.
const unlimited addr.Bytes = 1 << 62
