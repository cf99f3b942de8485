package timing

import (
	"context"
	"fmt"
	"time"
)

// Studies are all studies, in the order in which they are read.
var Studies = []*Study{Size, Live, Holes, Lifetime, Threads, Touching, Accessing}

// Plan is what to measure, and how long.
type Plan struct {
	Studies []*Study
	Quick   bool          // fewer points
	Rounds  int           // of each study at most
	Batch   time.Duration // how long a contender's share of a round takes at least
	Longest time.Duration // what a single turn of a contender may take
	Budget  time.Duration // of all studies together
	Limit   time.Duration // what may be taken in all where the budget is not enough for a few rounds of each
	Machine Machine
	Now     func() time.Duration // a clock on the wall
	Work    func() time.Duration // one of processor time
	Count   func() Counts
	// Progress is told how far the run is: the study that is being measured, the share
	// of all that is done, from 0 to 1, and how long the rest will probably take. May be
	// nil.
	Progress func(study *Study, done float64, left time.Duration)
}

// QuickPlan takes up to 9 seconds for all studies.
func QuickPlan() Plan {
	return plan(true, 12, 400*time.Microsecond, 6*time.Second, 7*time.Second)
}

// FullPlan takes up to 4 minutes for all studies.
func FullPlan() Plan { return plan(false, 40, 3*time.Millisecond, 150*time.Second, 200*time.Second) }

func plan(quick bool, rounds int, batch, budget, limit time.Duration) Plan {
	return Plan{
		Studies: Studies, Quick: quick, Rounds: rounds, Batch: batch, Longest: 15 * batch, Budget: budget, Limit: limit,
		Machine: Here(), Now: Monotonic(), Work: Processor(), Count: Counting(),
	}
}

// Run measures the studies of a plan. It ends early where one fails or ctx is done;
// with the error, which wraps ctx's, then comes what has been measured, and a note
// that it is not all. Only where that is nothing, the result is nil.
func Run(ctx context.Context, p Plan) (*Result, error) {
	if p.Progress == nil {
		p.Progress = func(*Study, float64, time.Duration) {}
	}
	run := &run{Plan: p, begun: p.Now(), result: &Result{Schema: Schema, Quick: p.Quick, Machine: p.Machine, Clocks: p.clocks()}}
	run.load = watch(p.Now, p.Work)
	whole, err := run.studies(ctx)
	r := run.result
	if err != nil {
		if len(r.Studies) == 0 {
			return nil, err
		}
		r.Notes = append(r.Notes, fmt.Sprintf("stopped: %d of %d studies", whole, len(p.Studies)))
	}
	r.Load = run.load.finish()
	r.Notes = append(r.Notes, r.Load.doubts()...)
	r.Took = p.Now() - run.begun
	return r, err
}

// clocks examines the clocks.
func (p Plan) clocks() []Clock {
	processor, wall := examine(p.Work), examine(p.Now)
	processor.Kind, wall.Kind = ProcessorClock, WallClock
	return []Clock{processor, wall}
}

// run is one call of Run.
type run struct {
	Plan
	begun  time.Duration
	load   *watcher
	result *Result
}

// studies measures one study after the other, and says how many are whole.
func (r *run) studies(ctx context.Context) (whole int, err error) {
	for i, s := range r.Studies {
		took, share := r.Now()-r.begun, weigh(s)/weigh(r.Studies[i:]...)
		o := Options{
			Now: r.Now, Work: r.Work, Count: r.Count, Rounds: r.Rounds, Batch: r.Batch, Longest: r.Longest,
			Budget: part(r.Budget-took, share), Limit: part(r.Limit-took, min(1, generous*share)),
			Progress: func(done, rounds int) { r.progress(i, float64(done)/float64(max(1, rounds))) },
		}
		result, err := s.run(ctx, r.Machine, r.Quick, o)
		if len(result.Timings) > 0 {
			r.result.Studies = append(r.result.Studies, result)
		}
		if err != nil {
			return i, err
		}
		r.load.look()
	}
	return len(r.Studies), nil
}

// generous is how many times its share of what is left a study may take for the rounds
// that verdicts need: many studies need less than theirs.
const generous = 2

// weigh is the weight of studies together.
func weigh(studies ...*Study) float64 {
	all := 0
	for _, s := range studies {
		all += max(1, s.Weight)
	}
	return float64(all)
}

func part(d time.Duration, share float64) time.Duration { return time.Duration(share * float64(d)) }

// progress tells that study i is done up to the given share. What is left is
// thought to take as long as what is done, or as the budget has it before much is.
func (r *run) progress(i int, share float64) {
	done := (weigh(r.Studies[:i]...) + share*weigh(r.Studies[i])) / weigh(r.Studies...)
	took := float64(r.Now() - r.begun)
	all := float64(r.Budget)
	if done > 0.2 {
		all = min(float64(r.Limit), took/done)
	}
	r.Progress(r.Studies[i], done, time.Duration(max(0, all-took)))
}
