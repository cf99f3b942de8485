package timing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// trial is a plan on a machine whose clock only moves when a contender works, of
// studies that leave a line for what is done with them.
type trial struct {
	*machine
	log []string
}

func (t *trial) study(name string, apart bool, points ...int) *Study {
	return &Study{
		Name: name, Title: "title of " + name, Question: "?", Cost: Allocate, Axis: Axis{"size", InBytes, true}, Baseline: "stack",
		Quick: points[:1], Full: points, Apart: apart,
		Contenders: func(s *Setup, at int) ([]Contender, error) {
			t.log = append(t.log, fmt.Sprintf("%s %d opens", name, at))
			s.Finally(func() error {
				t.log = append(t.log, fmt.Sprintf("%s %d shuts", name, at))
				return nil
			})
			return []Contender{t.contender("stack", at, always(200)), t.contender("heap", at, always(500))}, nil
		},
	}
}

func (t *trial) plan(studies ...*Study) Plan {
	return Plan{
		Studies: studies, Rounds: 10, Batch: 10 * time.Microsecond, Budget: time.Hour, Limit: time.Hour,
		Machine: Machine{Kernel: "6.1"}, Now: t.clock, Work: t.clock,
	}
}

func TestRun(t *testing.T) {
	tr := &trial{machine: newMachine()}
	p := tr.plan(tr.study("together", false, 8, 16), tr.study("apart", true, 1, 2))
	var shares []float64
	var names []string
	p.Progress = func(s *Study, done float64, left time.Duration) {
		shares = append(shares, done)
		names = append(names, s.Name)
		if left < 0 || left > time.Hour {
			t.Errorf("%s: %v left", s.Name, left)
		}
	}
	r, err := Run(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	want := "together 8 opens, together 16 opens, together 16 shuts, together 8 shuts, apart 1 opens, apart 1 shuts, apart 2 opens, apart 2 shuts"
	if got := strings.Join(tr.log, ", "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if !slices.IsSorted(shares) || shares[0] != 0 || shares[len(shares)-1] != 1 {
		t.Errorf("progress %v", shares)
	}
	if got := slices.Compact(names); !slices.Equal(got, []string{"together", "apart"}) {
		t.Errorf("progress in %q", got)
	}
	if r.Schema != Schema || r.Machine.Kernel != "6.1" || len(r.Clocks) != 2 || r.Clocks[0].Kind != ProcessorClock || r.Took <= 0 || len(r.Load.Loop) != 3 {
		t.Errorf("%+v", r)
	}
	for i, s := range r.Studies {
		if s.Name != p.Studies[i].Name || s.Title != p.Studies[i].Title || s.Baseline != "stack" || s.Clock != ProcessorClock || s.Batch != p.Batch {
			t.Errorf("%+v", s)
		}
		for _, at := range p.Studies[i].Full {
			if stack, heap := s.Of("stack", at), s.Of("heap", at); stack == nil || heap == nil || len(stack.Rounds) != 10 || heap.Ratio.Verdict != Slower || heap.Ratio.Median != 2.5 {
				t.Errorf("%s at %d: %+v, %+v", s.Name, at, stack, heap)
			}
		}
	}
	if r.Study("apart") != &r.Studies[1] || r.Study("no such") != nil {
		t.Error("a study is not found by its name")
	}
}

func TestRunQuickly(t *testing.T) {
	tr := &trial{machine: newMachine()}
	p := tr.plan(tr.study("one", false, 8, 16))
	p.Quick = true
	r, err := Run(context.Background(), p)
	if err != nil || !r.Quick || len(r.Studies[0].Timings) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestRunStops is stopped in the second study: what was measured comes back, and
// everything is given back.
func TestRunStops(t *testing.T) {
	for _, after := range []int{0, 20, 21} { // batches of the second study
		tr := &trial{machine: newMachine()}
		ctx, stop := context.WithCancel(context.Background())
		p := tr.plan(tr.study("one", false, 8), tr.study("two", false, 8), tr.study("three", false, 8))
		second := p.Studies[1].Contenders
		p.Studies[1].Contenders = func(s *Setup, at int) ([]Contender, error) {
			all, err := second(s, at)
			begun := len(tr.ran)
			for i, c := range all {
				all[i].Do = func(n int) error {
					if len(tr.ran) == begun+after {
						stop()
					}
					return c.Do(n)
				}
			}
			return all, err
		}
		r, err := Run(ctx, p)
		if !errors.Is(err, context.Canceled) || err.Error() != "study two: timing stopped: context canceled" {
			t.Errorf("after %d: %v", after, err)
		}
		studies := 2
		if after == 0 {
			studies = 1 // it was calibrating
		}
		if r == nil || len(r.Studies) != studies || r.Notes[0] != "stopped: 1 of 3 studies" || r.Took <= 0 {
			t.Fatalf("after %d: %+v", after, r)
		}
		for _, s := range r.Studies {
			if heap := s.Of("heap", 8); heap.Ratio == nil || heap.Ratio.Verdict == "" {
				t.Errorf("after %d: %s: %+v", after, s.Name, heap)
			}
		}
		if got, want := strings.Join(tr.log, ", "), "one 8 opens, one 8 shuts, two 8 opens, two 8 shuts"; got != want {
			t.Errorf("after %d: %s", after, got)
		}
	}
	tr := &trial{machine: newMachine()}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if r, err := Run(ctx, tr.plan(tr.study("one", false, 8))); r != nil || !errors.Is(err, context.Canceled) || len(tr.log) != 0 {
		t.Errorf("stopped before it began: %+v, %v, %q", r, err, tr.log)
	}
}

// TestRunFails keeps what there is where a study can't be set up, or its memory not be
// given back.
func TestRunFails(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name string
		set  func(s *Setup, at int) ([]Contender, error)
		want string
	}{
		{"set up", func(*Setup, int) ([]Contender, error) { return nil, broken }, "study two: set up at 8: broken"},
		{"give back", func(s *Setup, _ int) ([]Contender, error) {
			s.Finally(func() error { return broken })
			return nil, nil
		}, "study two: broken"},
	} {
		tr := &trial{machine: newMachine()}
		two := tr.study("two", false, 8)
		two.Contenders = tt.set
		r, err := Run(context.Background(), tr.plan(tr.study("one", false, 8), two))
		if !errors.Is(err, broken) || err.Error() != tt.want || r == nil || len(r.Studies) != 1 {
			t.Errorf("%s: %+v, %v", tt.name, r, err)
		}
	}
}

// TestBudgetIsShared gives a study what the ones before it have left.
func TestBudgetIsShared(t *testing.T) {
	tr := &trial{machine: newMachine()}
	p := tr.plan(tr.study("one", false, 8), tr.study("two", true, 1, 2))
	p.Rounds, p.Budget, p.Limit = 1_000_000, 20*time.Millisecond, 20*time.Millisecond
	r, err := Run(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	if r.Took < 19*time.Millisecond || r.Took > 20*time.Millisecond {
		t.Errorf("took %v of %v", r.Took, p.Budget)
	}
	one, two := len(r.Studies[0].Timings[0].Rounds), len(r.Studies[1].Timings[0].Rounds)
	if one < 180*two/100 || one > 220*two/100 { // which has two points
		t.Errorf("%d rounds and %d", one, two)
	}
}

// TestStudies holds what every study promises.
func TestStudies(t *testing.T) {
	names := map[string]bool{}
	for _, s := range Studies {
		if names[s.Name] || s.Name == "" || strings.ContainsAny(s.Name, " ,") {
			t.Errorf("name %q", s.Name)
		}
		names[s.Name] = true
		if s.Title == "" || !strings.HasSuffix(s.Question, "?") || s.Operation == "" || s.Baseline == "" || s.Axis.Name == "" || s.Axis.Unit == "" {
			t.Errorf("%s: %+v", s.Name, s)
		}
		for _, quick := range []bool{true, false} {
			points, _ := s.points(Here(), quick)
			if len(points) == 0 || !slices.IsSorted(points) || points[0] < 1 {
				t.Errorf("%s: points %d", s.Name, points)
			}
		}
	}
}

// TestStudiesRun measures each study in earnest at its first points, as short as can
// be: each contender has a time, a text and, but for the baselines, a ratio.
func TestStudiesRun(t *testing.T) {
	p := QuickPlan()
	p.Studies = nil
	for _, s := range Studies {
		short := *s
		short.Points = func(m Machine, points []int) ([]int, []string) {
			if s.Points != nil {
				points, _ = s.Points(m, points)
			}
			return points[:1], nil
		}
		p.Studies = append(p.Studies, &short)
	}
	p.Rounds, p.Batch, p.Budget, p.Limit = aFew, 20*time.Microsecond, time.Minute, time.Minute
	r, err := Run(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range r.Studies {
		if s.Of(s.Baseline, s.Timings[0].At) == nil {
			t.Errorf("%s: no baseline %q", s.Name, s.Baseline)
		}
		if wall := s.Clock == WallClock; wall != Studies[i].Wall {
			t.Errorf("%s: %s", s.Name, s.Clock)
		}
		compared := map[string]bool{}
		for _, timing := range s.Timings {
			if timing.Ratio != nil {
				compared[timing.Ratio.To] = true
			}
		}
		for _, timing := range s.Timings {
			if !(timing.Median > 0) || timing.About == "" || len(timing.Rounds) != aFew || !timing.CI95.Known() {
				t.Errorf("%s: %+v", s.Name, timing)
			}
			if (timing.Ratio == nil) != (timing.What == s.Baseline || timing.What == "heap, random" && s.Name == "holes") || !compared[s.Baseline] {
				t.Errorf("%s, %s: ratio %+v", s.Name, timing.What, timing.Ratio)
			}
			// A collection of what the setup has left may fall into any batch.
			if made := timing.What == "make"; s.Clock != WallClock && (made && timing.Collections == 0 || !made && timing.Collections > 2) {
				t.Errorf("%s, %s: %d collections", s.Name, timing.What, timing.Collections)
			}
		}
	}
}
