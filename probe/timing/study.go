package timing

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"memprobe/mmapheap"
)

// Study is a question about memory, and what is timed to answer it.
type Study struct {
	Name      string // in a word
	Title     string
	Question  string
	Cost      Cost
	Operation string
	Axis      Axis
	Baseline  string
	Notes     []string // what a reader of all its figures must know
	Quick     []int    // the points of the axis in a quick run
	Full      []int    // and in a full one

	// Apart has each point set up, measured and cleared away before the next one,
	// because it would disturb the others; else all are timed in the same rounds.
	Apart bool
	// Wall has batches timed by the clock on the wall: what several threads do together.
	// Else it is by processor time.
	Wall bool
	// Batch is how many times longer than others a batch must be; 0 stands for 1.
	Batch int
	// Weight is how much of the time of a run the study should have, beside those of the
	// others; 0 stands for 1.
	Weight int
	// Contenders sets up what is timed at a point.
	Contenders func(s *Setup, at int) ([]Contender, error)
	// Points, where it is there, has the last word on the points.
	Points func(m Machine, points []int) (chosen []int, notes []string)
}

// Setup is what a study's contenders are set up with.
type Setup struct {
	Machine Machine
	closers []func() error
}

// Finally has f called when the contenders have been measured, the last f first.
func (s *Setup) Finally(f func() error) { s.closers = append(s.closers, f) }

func (s *Setup) close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}

// begin is the empty result of the study.
func (s *Study) begin() StudyResult {
	return StudyResult{
		Name: s.Name, Title: s.Title, Question: s.Question, Cost: s.Cost,
		Operation: s.Operation, Axis: s.Axis, Baseline: s.Baseline, Clock: s.clock(),
	}
}

func (s *Study) clock() Kind {
	if s.Wall {
		return WallClock
	}
	return ProcessorClock
}

// points are those of a run.
func (s *Study) points(m Machine, quick bool) (points []int, notes []string) {
	points = s.Full
	if quick {
		points = s.Quick
	}
	if s.Points != nil {
		return s.Points(m, points)
	}
	return points, nil
}

// run measures a study. What it has at an error, stopped or failed, comes with it.
func (s *Study) run(ctx context.Context, m Machine, quick bool, o Options) (StudyResult, error) {
	r := s.begin()
	points, notes := s.points(m, quick)
	o.Batch *= time.Duration(max(1, s.Batch))
	r.Batch, r.Notes = o.Batch, slices.Concat(s.Notes, notes)
	groups := [][]int{points}
	if s.Apart {
		groups = nil
		for _, at := range points {
			groups = append(groups, []int{at})
		}
	}
	if s.Wall {
		o.Work = o.Now
	}
	begun, progress, budget, limit := o.Now(), o.Progress, o.Budget, o.Limit
	for i, group := range groups {
		took, left := o.Now()-begun, time.Duration(len(groups)-i)
		o.Budget, o.Limit = (budget-took)/left, (limit-took)/left
		if progress != nil {
			o.Progress = func(done, rounds int) { progress(i*rounds+done, len(groups)*rounds) }
		}
		part, err := s.measure(ctx, m, group, o)
		if part != nil {
			r.Timings = append(r.Timings, part.Timings...)
			r.Notes = append(r.Notes, part.Notes...)
			r.judge()
		}
		if err != nil {
			return r, fmt.Errorf("study %s: %w", s.Name, err)
		}
	}
	return r, nil
}

// measure sets up some points, measures them together and clears away.
func (s *Study) measure(ctx context.Context, m Machine, points []int, o Options) (result *Measurement, err error) {
	begun := o.Now()
	setup := &Setup{Machine: m}
	defer func() {
		err = errors.Join(err, setup.close())
		runtime.GC() // what the study had is not the next one's to collect
	}()
	var all []Contender
	for _, at := range points {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("timing stopped: %w", err)
		}
		contenders, err := s.Contenders(setup, at)
		if err != nil {
			return nil, fmt.Errorf("set up at %d: %w", at, err)
		}
		all = append(all, contenders...)
	}
	runtime.GC() // what setting up left is nobody's to collect
	o.Budget -= o.Now() - begun
	o.Limit -= o.Now() - begun
	return Measure(ctx, all, o)
}

// region reserves a region until the study ends.
func (s *Setup) region(c mmapheap.Config) (*mmapheap.Region, error) {
	region, err := mmapheap.Reserve(c)
	if err != nil {
		return nil, err
	}
	s.Finally(region.Release)
	return region, nil
}
