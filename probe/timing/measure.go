package timing

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// Options says how to measure.
type Options struct {
	Now      func() time.Duration   // a clock on the wall, which never goes back
	Work     func() time.Duration   // what batches are timed with; nil stands for Now
	Count    func() Counts          // read around each batch; nil if nobody asks
	Rounds   int                    // how many at most; there is one at least
	Batch    time.Duration          // how long a contender's share of a round takes at least
	Longest  time.Duration          // what a turn of a slow contender may take; 0 is no limit
	Budget   time.Duration          // of all together: no round begins that would probably exceed it
	Limit    time.Duration          // if above Budget, what may be exceeded up to this for the first few rounds, which verdicts take
	Progress func(done, rounds int) // called before each round and after the last; may be nil
}

// Defaults measures with the clock of this machine, for up to 8 seconds.
func Defaults() Options {
	return Options{Now: Monotonic(), Work: Processor(), Count: Counting(), Rounds: 24, Batch: 15 * time.Millisecond, Budget: 8 * time.Second}
}

// Measure times all contenders in rounds, on one thread of the system. A contender is
// compared with the one at its point that it names, or else the first one there. It
// ends early where one fails or ctx is done. With the error then comes what has been
// measured, if that is a whole round or more, and else nil.
func Measure(ctx context.Context, contenders []Contender, o Options) (*Measurement, error) {
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
	if o.Count == nil {
		o.Count = func() Counts { return Counts{} }
	}
	if o.Work == nil {
		o.Work = o.Now
	}
	o.Rounds = max(1, o.Rounds)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	m := &measurement{Options: o, ctx: ctx, begun: o.Now(), clock: examine(o.Work), result: &Measurement{Batch: o.Batch}}
	if err := m.calibrate(contenders); err != nil {
		return nil, err
	}
	err := m.rounds()
	if err != nil && !m.whole() {
		return nil, err
	}
	m.conclude()
	return m.result, err
}

// whole reports whether a whole round has been measured.
func (m *measurement) whole() bool {
	return !slices.ContainsFunc(m.lanes, func(l *lane) bool { return len(l.t.Rounds) == 0 })
}

// measurement is one call of Measure.
type measurement struct {
	Options
	ctx    context.Context
	begun  time.Duration
	clock  Clock
	lanes  []*lane // of all contenders
	result *Measurement
}

// lane is a contender on its way through the rounds.
type lane struct {
	*Contender
	t        Timing
	turns    int // a round
	shortest time.Duration
	counts   Counts // of all rounds
	givenUp  bool
}

// calibrate finds for each contender how many turns take as long as a batch should,
// and has warmed it up by that.
func (m *measurement) calibrate(contenders []Contender) error {
	m.Progress(0, m.Rounds)
	for i := range contenders {
		c := &contenders[i]
		l := &lane{Contender: c, t: Timing{What: c.What, At: c.At, About: c.About, Notes: slices.Clone(c.Notes)}}
		m.lanes = append(m.lanes, l)
		if err := m.enough(l); err != nil {
			return err
		}
		l.t.Iterations = l.turns * c.ops()
	}
	return nil
}

// confirmed is how often in a row a batch must have been long enough: a pause of
// the machine in a short one would pass for its work.
const confirmed = 3

// enough finds how many turns take as long as a batch should.
func (m *measurement) enough(l *lane) error {
	most := maxTurns
	if l.Most > 0 {
		most = l.Most
	}
	l.turns = min(max(1, l.Least), most)
	for times := 0; times < confirmed && l.turns < most; times++ {
		took, _, err := m.time(l)
		if err != nil {
			return err
		}
		if l.Slow && m.Longest > 0 && took/time.Duration(l.turns) > m.Longest {
			m.giveUp(l, took)
			return nil
		}
		if l.Least > 1 && l.turns == l.Least && took >= m.Batch {
			return nil // it could not be shorter
		}
		if took < m.Batch {
			l.turns, times = min(more(l.turns, took, m.Batch), most), -1
		}
	}
	return nil
}

// giveUp has l end with the one batch that took too long.
func (m *measurement) giveUp(l *lane, took time.Duration) {
	l.givenUp = true
	l.t.Rounds = []float64{float64(took) / float64(l.turns*l.ops())}
	l.t.note(fmt.Sprintf("timed once: it takes %.3g ms, and more than %.3g ms are too long for a round", 1000*took.Seconds(), 1000*m.Longest.Seconds()))
}

// maxTurns bounds a batch whose time the clock can't see.
const maxTurns = 1_000_000_000

// more is how many turns to try where n took too short a time: a fifth more than
// should do, but no more than a hundred times as many, because a short time is not
// well known.
func more(n int, took, want time.Duration) int {
	grown := 100 * n
	if took > 0 {
		grown = int(min(float64(grown), 1.2*float64(n)*float64(want)/float64(took)))
	}
	return min(max(grown, n+1), maxTurns)
}

// rounds measures until there are enough rounds, or the time is up.
func (m *measurement) rounds() error {
	running := slices.DeleteFunc(slices.Clone(m.lanes), func(l *lane) bool { return l.givenUp })
	if len(running) == 0 {
		return nil
	}
	var longest time.Duration
	for round := range m.Rounds {
		m.Progress(round, m.Rounds)
		begun := m.Now()
		budget := m.Budget
		if round < aFew {
			budget = max(budget, m.Limit)
		}
		if round > 0 && begun-m.begun+longest > budget {
			m.result.Notes = append(m.result.Notes, fmt.Sprintf("%d of %d rounds: the time was up", round, m.Rounds))
			break
		}
		for _, i := range order(round, len(running)) {
			if err := m.share(running[i]); err != nil {
				for _, l := range running {
					l.t.Rounds = l.t.Rounds[:round] // whole rounds alone are compared
				}
				return err
			}
		}
		longest = max(longest, m.Now()-begun)
	}
	m.Progress(m.Rounds, m.Rounds)
	return nil
}

// aFew rounds are enough for a verdict on each of many ratios.
const aFew = 8

// share measures a contender's share of a round.
func (m *measurement) share(l *lane) error {
	took, counts, err := m.time(l)
	if err != nil {
		return err
	}
	l.counts = l.counts.plus(counts)
	l.t.Rounds = append(l.t.Rounds, float64(took)/float64(l.t.Iterations))
	if len(l.t.Rounds) == 1 || took < l.shortest {
		l.shortest = took
	}
	return nil
}

// time is how long a batch takes, and what was counted meanwhile.
func (m *measurement) time(l *lane) (took time.Duration, counts Counts, err error) {
	if err := m.ctx.Err(); err != nil {
		return 0, counts, fmt.Errorf("timing stopped: %w", err)
	}
	if l.Before != nil {
		err = l.Before(l.turns)
	}
	if err == nil {
		before := m.Count()
		start := m.Work()
		err = l.Do(l.turns)
		took = m.Work() - start
		counts = m.Count().since(before)
	}
	if err != nil {
		err = fmt.Errorf("time %s at %d: %w", l.What, l.At, err)
	}
	return took, counts, err
}

// conclude makes the result of what was measured.
func (m *measurement) conclude() {
	to := make(map[Place]string)
	first := make(map[int]string)
	for _, l := range m.lanes {
		t := &l.t
		if done := float64(len(t.Rounds) * t.Iterations); done > 0 && !l.givenUp {
			t.Faults = float64(l.counts.Faults) / done
			t.Collecting = float64(l.counts.Collecting) / done
			t.Collections = l.counts.Collections
			m.doubt(l)
		}
		if _, ok := first[l.At]; !ok {
			first[l.At] = l.What
		}
		to[Place{l.What, l.At}] = cmp.Or(l.To, first[l.At])
		m.result.Timings = append(m.result.Timings, *t)
	}
	m.result.conclude(func(t Timing) string { return to[Place{t.What, t.At}] })
}

// noisy is how wide the middle half of the rounds may be, as a share of the median,
// before a warning says so.
const noisy = 0.2

// doubt warns of what makes the rounds of l doubtful.
func (m *measurement) doubt(l *lane) {
	ms := 1000 * l.shortest.Seconds()
	if l.shortest < m.Batch/2 && l.Most == 0 {
		l.t.warn(fmt.Sprintf("a batch took %.3g ms only; the machine was slower when its length was chosen", ms))
	}
	if m.clock.Coarse(l.shortest) {
		l.t.warn(fmt.Sprintf("this clock can't tell %.3g ms, the time of a batch, to 1 %%", ms))
	}
	if s := spread(l.t.Rounds); s > noisy && len(l.t.Rounds) >= enough {
		l.t.warn(fmt.Sprintf("noisy: the middle half of its rounds spans %.0f %% of the median", 100*s))
	}
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
