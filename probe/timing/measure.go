package timing

import (
	"context"
	"fmt"
	"slices"
	"time"

	"memprobe/layout/addr"
)

// Contender is one of the things that are timed against each other.
type Contender struct {
	What  string            // in a word: stack, heap, make
	Size  addr.Bytes        // how many bytes an operation is about
	About string            // what an operation does
	Notes []string          // what a reader of its figures must know
	Do    func(n int) error // does n operations in a row, n at least 1
	After func()            // clears away what they left, untimed; may be nil
}

// Options says how to measure.
type Options struct {
	Now         func() time.Duration   // a clock that never goes back
	Collections func() uint64          // how many collections Go has completed; nil if nobody asks
	Machine     Machine                // handed on to the result
	Rounds      int                    // how many at most; there is one at least
	Batch       time.Duration          // how long a contender's share of a round takes at least
	Budget      time.Duration          // of all together: no round begins that would probably exceed it
	Progress    func(done, rounds int) // called before each round and after the last; may be nil
}

// Measure times all contenders in rounds. The first contender of each size is the
// one that the others of that size are compared with. It ends early, with an
// error, where a contender fails or ctx is done.
func Measure(ctx context.Context, contenders []Contender, o Options) (*Result, error) {
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
	if o.Collections == nil {
		o.Collections = func() uint64 { return 0 }
	}
	o.Rounds = max(1, o.Rounds)
	m := &measurement{Options: o, ctx: ctx, contenders: contenders, begun: o.Now()}
	m.result = &Result{Schema: Schema, Machine: o.Machine, Clock: examine(o.Now), Batch: o.Batch}
	if err := m.calibrate(); err != nil {
		return nil, err
	}
	if err := m.rounds(); err != nil {
		return nil, err
	}
	m.result.conclude()
	return m.result, nil
}

// measurement is one call of Measure.
type measurement struct {
	Options
	ctx        context.Context
	contenders []Contender
	begun      time.Duration
	shortest   []time.Duration // batch of each contender
	result     *Result
}

// calibrate finds for each contender how many operations take as long as a batch
// should, and has warmed it up by that.
func (m *measurement) calibrate() error {
	m.Progress(0, m.Rounds)
	for _, c := range m.contenders {
		n, err := m.enough(c)
		if err != nil {
			return err
		}
		m.result.Timings = append(m.result.Timings, Timing{
			What: c.What, Size: c.Size, About: c.About, Iterations: n, Notes: slices.Clone(c.Notes),
		})
	}
	return nil
}

// confirmed is how often in a row a batch must have been long enough: a pause of
// the machine in a short one would pass for its work.
const confirmed = 3

// enough is how many operations of c take as long as a batch should.
func (m *measurement) enough(c Contender) (int, error) {
	n := 1
	for times := 0; times < confirmed && n < maxIterations; times++ {
		took, _, err := m.time(c, n)
		if err != nil {
			return 0, err
		}
		if took < m.Batch {
			n, times = more(n, took, m.Batch), -1
		}
	}
	return n, nil
}

// maxIterations bounds a batch whose time the clock can't see.
const maxIterations = 1_000_000_000

// more is how many operations to try where n took too short a time: a fifth more
// than should do, but no more than a hundred times as many, because a short time
// is not well known.
func more(n int, took, want time.Duration) int {
	grown := 100 * n
	if took > 0 {
		grown = int(min(float64(grown), 1.2*float64(n)*float64(want)/float64(took)))
	}
	return min(max(grown, n+1), maxIterations)
}

// rounds measures until there are enough rounds, or the time is up.
func (m *measurement) rounds() error {
	m.shortest = make([]time.Duration, len(m.contenders))
	var longest time.Duration
	for round := range m.Rounds {
		m.Progress(round, m.Rounds)
		begun := m.Now()
		if round > 0 && begun-m.begun+longest > m.Budget {
			m.result.Notes = append(m.result.Notes, fmt.Sprintf("%d of %d rounds: the time was up", round, m.Rounds))
			break
		}
		for _, i := range order(round, len(m.contenders)) {
			if err := m.share(i); err != nil {
				return err
			}
		}
		longest = max(longest, m.Now()-begun)
	}
	m.Progress(m.Rounds, m.Rounds)
	for i, d := range m.shortest {
		if d < m.Batch/2 {
			m.result.Timings[i].note(fmt.Sprintf("a batch took %.3g ms only; the machine was slower when its length was chosen", 1000*d.Seconds()))
		}
		if m.result.Clock.Coarse(d) {
			m.result.Timings[i].note(fmt.Sprintf("this clock can't tell %.3g ms, the time of a batch, to 1 %%", 1000*d.Seconds()))
		}
	}
	return nil
}

// share measures contender i's share of a round.
func (m *measurement) share(i int) error {
	t := &m.result.Timings[i]
	took, collections, err := m.time(m.contenders[i], t.Iterations)
	if err != nil {
		return err
	}
	t.Collections += collections
	t.Rounds = append(t.Rounds, float64(took)/float64(t.Iterations))
	if len(t.Rounds) == 1 || took < m.shortest[i] {
		m.shortest[i] = took
	}
	return nil
}

// time is how long n operations of c take, and how many collections there were.
func (m *measurement) time(c Contender, n int) (took time.Duration, collections uint64, err error) {
	if err := m.ctx.Err(); err != nil {
		return 0, 0, fmt.Errorf("timing stopped: %w", err)
	}
	before := m.Collections()
	start := m.Now()
	err = c.Do(n)
	took = m.Now() - start
	collections = m.Collections() - before
	if c.After != nil {
		c.After()
	}
	if err != nil {
		err = fmt.Errorf("time %s, %d bytes: %w", c.What, c.Size, err)
	}
	return took, collections, err
}

// order is the order in which n contenders come in a round, counted from 0. For an
// even n, each comes once at each place in n rounds, and once behind each other, so
// that what one leaves in the caches meets all alike: a row of the Latin square of
// E. J. Williams, "Experimental Designs Balanced for the Estimation of Residual
// Effects of Treatments", 1949. The next n rounds go backwards, which an odd n
// needs for the same.
func order(round, n int) []int {
	row := make([]int, n)
	for k := range row {
		zigzag := (k + 1) / 2 // 0, 1, n-1, 2, n-2, ...
		if k%2 == 0 {
			zigzag = n - k/2
		}
		row[k] = (zigzag + round) % n
	}
	if round/n%2 == 1 {
		slices.Reverse(row)
	}
	return row
}
