package replay

import (
	"context"
	"errors"
	"slices"

	"memprobe/layout/addr"
	"memprobe/probe/replay/policies"
)

// State is a heap right after one operation of a trace.
type State struct {
	Summary
	Policy string      `json:"policy"`
	Model  bool        `json:"model"`
	Index  int         `json:"op"`
	Kind   Kind        `json:"kind"`
	ID     uint32      `json:"id"`
	Size   addr.Bytes  `json:"size"`           // what was requested; for a free, what had been
	From   *addr.Bytes `json:"from,omitempty"` // where the block was before
	To     *addr.Bytes `json:"to,omitempty"`   // where it is now
	Search *Search     `json:"search,omitempty"`
	Point  Point       `json:"heap"`
	Near   []Block     `json:"near"` // the blocks around
	Below  int         `json:"blocks_below"`
	Above  int         `json:"blocks_above"`
	Arena  *Arena      `json:"arena,omitempty"`
}

// Moved says whether a resize took another place.
func (s *State) Moved() bool { return s.From != nil && s.To != nil && *s.From != *s.To }

// Search is what an operation looked at to find room.
type Search struct {
	Looked int                  `json:"looked_at"`       // how many free blocks
	First  []policies.Candidate `json:"first"`           // the first of them, in order
	Last   []policies.Candidate `json:"last,omitempty"`  // and the last, where there are more
	Taken  *policies.Candidate  `json:"taken,omitempty"` // the one that was taken
}

// shownOfSearch is how many free blocks are kept of each end of a search.
const shownOfSearch = 16

// add notes the next free block that is looked at.
func (s *Search) add(c policies.Candidate) {
	s.Looked++
	if c.Taken {
		s.Taken = &c
	}
	if len(s.First) < shownOfSearch {
		s.First = append(s.First, c)
		return
	}
	if len(s.Last) == shownOfSearch {
		s.Last = append(s.Last[:0], s.Last[1:]...)
	}
	s.Last = append(s.Last, c)
}

// Block is one of the blocks around an operation.
type Block struct {
	Offset    addr.Bytes `json:"offset"`
	Size      addr.Bytes `json:"size"`
	Requested addr.Bytes `json:"requested,omitempty"`
	Used      bool       `json:"used"`
	ID        *uint32    `json:"id,omitempty"`
}

// around is how many blocks are shown on each side.
const around = 6

// Look plays a trace up to and with operation index, which is one of the trace.
func Look(ctx context.Context, t *Trace, policy policies.Policy, index int, o Options) (state *State, err error) {
	summary, need := summarize(t)
	s, err := o.subject(policy, t, need)
	if err != nil {
		return nil, err
	}
	h, release, err := s.open(t)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()

	p := newPlayer(ctx, t, h)
	if err := p.play(0, index); err != nil {
		return nil, s.explain(ctx, t, err)
	}
	op := t.Ops[index]
	state = &State{Summary: summary, Policy: s.Name, Model: !s.engine, Index: index, Kind: op.Kind, ID: op.ID, Size: op.Size}
	before := p.places[op.ID]
	var search Search
	if op.Kind != Alloc {
		state.From = &before
	}
	if op.Kind == Free {
		state.Size = requestedAt(h, before)
	} else {
		for c := range h.Explain(op.Size) {
			search.add(c)
		}
	}
	if err := p.play(index, index+1); err != nil {
		return nil, s.explain(ctx, t, err)
	}
	at := p.places[op.ID]
	if op.Kind != Free {
		state.To = &at
	}
	if op.Kind == Alloc || state.Moved() {
		state.Search = &search
	}
	state.Point = pointOf(index, h.Use())
	state.near(h, p, at)
	if o.Map {
		state.Arena = arenaOf(h)
	}
	return state, nil
}

// requestedAt is what was requested for the block at place.
func requestedAt(h heap, place addr.Bytes) addr.Bytes {
	for _, b := range h.Blocks() {
		if b.Offset == place {
			return b.Requested
		}
	}
	return 0
}

// near notes the blocks around a place. The last free block is as large as the
// rest of the heap.
func (s *State) near(h heap, p *player, at addr.Bytes) {
	all := h.Blocks()
	i, exact := slices.BinarySearchFunc(all, at, func(b policies.Block, at addr.Bytes) int { return int(int64(b.Offset) - int64(at)) })
	if !exact {
		i-- // freed, and one with the free block below
	}
	lo, hi := max(0, i-around), min(len(all), i+around+1)
	s.Below, s.Above = lo, len(all)-hi
	ids := map[addr.Bytes]uint32{}
	for id, live := range liveAfter(p.trace, s.Index) {
		if live {
			ids[p.places[id]] = uint32(id)
		}
	}
	for _, b := range all[lo:hi] {
		block := Block{Offset: b.Offset, Size: b.Size, Requested: b.Requested, Used: b.Used}
		if id, ok := ids[b.Offset]; ok && b.Used {
			block.ID = &id
		}
		s.Near = append(s.Near, block)
	}
}

// liveAfter says of each ID whether its block is in use after operation index.
func liveAfter(t *Trace, index int) []bool {
	live := make([]bool, t.IDs)
	for _, op := range t.Ops[:index+1] {
		live[op.ID] = op.Kind != Free
	}
	return live
}

// Placement is where an operation put its block.
type Placement struct {
	Op     int        `json:"op"`
	Offset addr.Bytes `json:"offset"` // from the arena's start
}

// Placements are the places that a policy gives: one for each operation that
// allocates or resizes, whether the block moved or not.
func Placements(ctx context.Context, t *Trace, policy policies.Policy, o Options) (all []Placement, err error) {
	_, need := summarize(t)
	s, err := o.subject(policy, t, need)
	if err != nil {
		return nil, err
	}
	h, release, err := s.open(t)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	p := newPlayer(ctx, t, h)
	for i, op := range t.Ops {
		if err := p.play(i, i+1); err != nil {
			return nil, s.explain(ctx, t, err)
		}
		if op.Kind != Free {
			all = append(all, Placement{i, p.places[op.ID]})
		}
	}
	return all, nil
}
