package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// replayer replays one trace on one allocator, from an empty heap to an empty
// heap, and says how long the operations of the trace took: what they leave is
// freed after that.
type replayer interface {
	pass() (time.Duration, tally, error)
	close() error
}

// contender is a replayer in the comparison.
type contender struct {
	name string
	loop int // which loop is taken off, one of those below
	replayer
}

// The loops without an allocator, one for each kind of contender.
const (
	loopC         = iota // C calls
	loopAddresses        // Go calls with addresses
	loopSlices           // Go's make
	loops
)

// plan is how much is measured.
type plan struct {
	rounds int
	passes int           // of a contender in each round, at least
	turn   time.Duration // that a contender has in each round, at least
	peers  bool          // whether others than memprobe and the naive list take part
	naive  time.Duration // for a pass of the naive list; 0 leaves it out
}

// result is how one contender did on one trace.
type result struct {
	Name   string    `json:"name"`
	Ops    int       `json:"operations_timed,omitempty"`      // fewer than the trace has where the naive list was cut off
	Rounds []float64 `json:"ns_per_op_rounds,omitempty"`      // the loop's time taken off; the median of the passes of a round
	NsOp   float64   `json:"ns_per_op,omitempty"`             // the median of the rounds
	Ratio  float64   `json:"memprobe_ratio,omitempty"`        // memprobe's time over this one's, the median round by round
	Foot   uint64    `json:"footprint_bytes,omitempty"`       // at its peak, every block filled; 0 if not measured
	Use    float64   `json:"payload_per_footprint,omitempty"` // at the peak
	Own    *ownFoot  `json:"own_footprint,omitempty"`         // what memprobe's heap knows of its own
}

// The names of memprobe's heap: as it is by default, and as Config.Rounded has it.
const (
	own        = "memprobe"
	ownRounded = "rounded"
)

// contenders sets up all that replay a trace: memprobe's heap first.
func contenders(ctx context.Context, t *trace, mallocs []malloc, p plan) (all []contender, loop [loops]replayer, err error) {
	var errs []error
	add := func(name string, loop int, r replayer, err error) {
		errs = append(errs, err)
		if err == nil {
			all = append(all, contender{name, loop, r})
		}
	}
	first, err := newFirstFit(t, false)
	add(own, loopAddresses, first, err)
	rounded, err := newFirstFit(t, true)
	add(ownRounded, loopAddresses, rounded, err)
	if p.peers {
		for _, m := range mallocs {
			p, err := m.load(ctx, t)
			add(m.name, loopC, cReplay{p, "pass"}, err)
		}
		other, err := newModernc(t)
		add("modernc", loopAddresses, other, err)
		slices := newGoMake(t)
		add("make", loopSlices, slices, nil)
		loop[loopSlices] = newSlices(slices)
		if len(mallocs) > 0 {
			p, err := mallocs[0].load(ctx, t)
			errs = append(errs, err)
			if err == nil {
				loop[loopC] = cReplay{p, "loop"}
			}
		}
	}
	if p.naive > 0 {
		plain, err := newNaiveReplay(t, p.naive)
		add("naive", loopAddresses, plain, err)
	}
	empty, err := newAddresses(t)
	errs = append(errs, err)
	if err == nil {
		loop[loopAddresses] = empty
	}
	return all, loop, errors.Join(errs...)
}

// compare replays a trace on all contenders in rounds that go from one to the next.
func compare(ctx context.Context, t *trace, mallocs []malloc, p plan) (results []*result, err error) {
	all, loop, err := contenders(ctx, t, mallocs, p)
	defer func() {
		for _, c := range all {
			err = errors.Join(err, c.close())
		}
		for _, l := range loop {
			if l != nil {
				err = errors.Join(err, l.close())
			}
		}
	}()
	if err != nil {
		return nil, err
	}

	once := make([]time.Duration, len(all)) // contenders that are too slow for more than their first pass
	for i, c := range all {
		r := &result{Name: c.name, Ops: t.timed}
		took, err := t.once(c.name, c.replayer)
		if err != nil {
			return nil, err
		}
		if n, ok := c.replayer.(*naiveReplay); ok {
			if r.Ops = n.did; took > p.naive/10 {
				once[i] = took
			}
		}
		results = append(results, r)
	}
	for round := range p.rounds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var empty [loops]float64 // ns per operation
		for kind, l := range loop {
			if l == nil {
				continue
			}
			if empty[kind], err = t.turn("the loop", l, p); err != nil {
				return nil, err
			}
		}
		for i := range all {
			i = (i + round) % len(all) // no contender always follows the same one
			ns := float64(once[i]) / float64(results[i].Ops)
			if once[i] == 0 {
				if ns, err = t.turn(all[i].name, all[i].replayer, p); err != nil {
					return nil, err
				}
			}
			results[i].Rounds = append(results[i].Rounds, max(least, ns-empty[all[i].loop]))
		}
	}
	for _, r := range results {
		r.NsOp, r.Ratio = median(r.Rounds), ratio(results[0].Rounds, r.Rounds)
	}
	return results, nil
}

// pass plays a trace: the operations that are timed, and then, untimed, the frees
// of what they leave.
func (t *trace) pass(play func([]op, *tally) error) (took time.Duration, did tally, err error) {
	start := processor()
	err = play(t.ops[:t.timed], &did)
	took = processor() - start
	if err == nil {
		err = play(t.ops[t.timed:], &did)
	}
	return took, did, err
}

// once makes one pass and sees that it did all operations, but for a naive list
// that was cut off.
func (t *trace) once(who string, r replayer) (time.Duration, error) {
	took, did, err := r.pass()
	if err != nil {
		return 0, fmt.Errorf("trace %s: %s: %w", t.name, who, err)
	}
	if n, ok := r.(*naiveReplay); ok && n.did < t.timed {
		return took, nil
	}
	return took, t.check(who, did)
}

// least is what an operation takes at least, in nanoseconds: a loop that happened
// to be slow must not make it nothing.
const least = 0.01

// turn is the median of some passes, in nanoseconds per operation.
func (t *trace) turn(who string, r replayer, p plan) (float64, error) {
	var ns []float64
	for begun := time.Now(); len(ns) < p.passes || time.Since(begun) < p.turn; {
		took, err := t.once(who, r)
		if err != nil {
			return 0, err
		}
		ns = append(ns, float64(took)/float64(t.timed))
	}
	if g, ok := r.(interface{ rest() }); ok {
		g.rest()
	}
	return median(ns), nil
}
