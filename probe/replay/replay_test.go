package replay

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"memprobe/layout/addr"
	"memprobe/probe/replay/policies"
)

// stopped is a clock that stands still.
func stopped() time.Duration { return 0 }

func load(tb testing.TB, file string) *Trace {
	tb.Helper()
	f, err := os.Open(file)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	t, err := Read(filepath.Base(file), f)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func list(tb testing.TB, ops string) *Trace {
	tb.Helper()
	t, err := ParseOps(ops)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// fixtures are the traces that are played operation by operation.
func fixtures(tb testing.TB) []*Trace {
	return []*Trace{
		load(tb, "testdata/churn.rep"), load(tb, "testdata/lesson.rep"),
		list(tb, "+10,+20,-0,+5,1=100,+0,-1"), list(tb, "+0"), {Name: "nothing"},
	}
}

// TestEngineIsFirstFit: the real heap places every block where the model of first
// fit does, on the fixtures and on what is there of recorded traces.
func TestEngineIsFirstFit(t *testing.T) {
	all := fixtures(t)
	recorded, err := filepath.Glob("testdata/traces/*.rep.gz")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range recorded {
		trace := load(t, file)
		trace.Ops = trace.Ops[:min(len(trace.Ops), 10_000)]
		all = append(all, trace)
	}
	for _, trace := range all {
		real, err := Placements(t.Context(), trace, policies.First, Options{})
		if err != nil {
			t.Fatal(err)
		}
		model := newPlayer(t.Context(), trace, policies.First.New(unlimited))
		next := 0
		for i, op := range trace.Ops {
			if err := model.play(i, i+1); err != nil {
				t.Fatal(err)
			}
			if op.Kind == Free {
				continue
			}
			if want := (Placement{i, model.places[op.ID]}); real[next] != want {
				t.Fatalf("%s: the heap has %+v, first fit is %+v", trace.Name, real[next], want)
			}
			next++
		}
		if next != len(real) {
			t.Errorf("%s: %d placements, want %d", trace.Name, len(real), next)
		}
	}
}

func TestPlacements(t *testing.T) {
	for policy, want := range map[string][]Placement{
		//          0: 0-16, 1: 16-48, 2: 48-112, 3: 112-128; then holes of 16, 64
		"first": {{0, 0}, {1, 16}, {2, 48}, {3, 112}, {6, 0}, {7, 48}, {8, 64}},
		"best":  {{0, 0}, {1, 16}, {2, 48}, {3, 112}, {6, 0}, {7, 48}, {8, 64}},
		"next":  {{0, 0}, {1, 16}, {2, 48}, {3, 112}, {6, 0}, {7, 48}, {8, 64}},
		"worst": {{0, 0}, {1, 16}, {2, 48}, {3, 112}, {6, 48}, {7, 64}, {8, 128}},
	} {
		p := policies.All[slices.IndexFunc(policies.All, func(p policies.Policy) bool { return p.Name == policy })]
		got, err := Placements(t.Context(), list(t, "+16,+32,+64,+16,-0,-2,+16,+16,+48"), p, Options{})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v, want %v", policy, got, err, want)
		}
	}
}

// course is the course of a trace by definition: after each operation, from a
// list of the blocks in use alone.
func course(t *testing.T, trace *Trace, places []Placement) []Point {
	t.Helper()
	type block struct{ lo, size, requested addr.Bytes }
	live := map[uint32]block{}
	var points []Point
	extent := addr.Bytes(0)
	for i, op := range trace.Ops {
		if op.Kind == Free {
			delete(live, op.ID)
		} else {
			b := block{places[0].Offset, (max(op.Size, 1) + 15) / 16 * 16, op.Size}
			places = places[1:]
			live[op.ID] = b
			extent = max(extent, b.lo+b.size)
		}
		p := Point{Op: i, HighWater: extent}
		var sorted []block
		for _, b := range live {
			p.Live += b.requested
			p.Used += b.size
			sorted = append(sorted, b)
		}
		slices.SortFunc(sorted, func(a, b block) int { return int(a.lo) - int(b.lo) })
		end := addr.Bytes(0)
		for _, b := range append(sorted, block{lo: extent}) {
			p.LargestHole = max(p.LargestHole, b.lo-end)
			end = b.lo + b.size
		}
		if p.Used > 0 {
			p.Internal = 1 - float64(p.Live)/float64(p.Used)
		}
		if free := extent - p.Used; free > 0 {
			p.External = 1 - float64(p.LargestHole)/float64(free)
		}
		points = append(points, p)
	}
	return points
}

// TestCourse: each point is what the definitions make of the placements, and so
// are the figures.
func TestCourse(t *testing.T) {
	for _, trace := range fixtures(t) {
		report, err := Play(t.Context(), trace, Options{Policies: policies.All, Now: stopped, Map: true})
		if err != nil {
			t.Fatal(err)
		}
		for i, run := range report.Runs {
			places, err := Placements(t.Context(), trace, policies.All[i], Options{})
			if err != nil {
				t.Fatal(err)
			}
			want := course(t, trace, places)
			checkRun(t, trace, report.Summary, run, want)
		}
	}
}

func checkRun(t *testing.T, trace *Trace, s Summary, run Run, want []Point) {
	t.Helper()
	name := trace.Name + " with " + run.Policy
	if len(want) == 0 {
		if run.HighWater != 0 || run.Utilization != 0 || len(run.Course) != 0 || run.NSPerOp != 0 || s.PeakLiveOp != -1 {
			t.Errorf("%s: %+v", name, run)
		}
		return
	}
	for _, p := range run.Course {
		if p != want[p.Op] {
			t.Errorf("%s: %+v, want %+v", name, p, want[p.Op])
		}
	}
	if at, last := run.Course, len(want)-1; len(at) < min(len(want), mostPoints) || at[len(at)-1].Op != last {
		t.Errorf("%s: %d points, the last after operation %d", name, len(at), at[len(at)-1].Op)
	}
	peak := slices.MaxFunc(want, func(a, b Point) int { return int(a.Live) - int(b.Live) })
	if s.PeakLive != peak.Live || s.PeakLiveOp != peak.Op {
		t.Errorf("%s: peak %d after %d, want %d after %d", name, s.PeakLive, s.PeakLiveOp, peak.Live, peak.Op)
	}
	last := want[len(want)-1]
	if run.HighWater != last.HighWater || run.Utilization != float64(peak.Live)/float64(last.HighWater) {
		t.Errorf("%s: high water %d, utilization %v", name, run.HighWater, run.Utilization)
	}
	free := addr.Bytes(0)
	for _, h := range run.Arena.Holes {
		free += h.Size
	}
	largest, _ := run.Arena.Largest()
	if run.Arena.Used != last.Used || free != last.HighWater-last.Used || largest.Size != last.LargestHole {
		t.Errorf("%s: the arena is %+v, want %+v", name, run.Arena, last)
	}
	if run.Model != (run.Metadata == nil) || run.Model != (run.WithBooks == nil) || run.Model != (run.Resident == nil) || run.Searches.Of != s.Allocs || run.Searches.Counted != s.Allocs {
		t.Errorf("%s: %+v", name, run)
	}
	if !run.Model && (*run.Metadata == 0 || *run.WithBooks >= run.Utilization && s.PeakLive > 0 || *run.Resident < run.HighWater.AlignUp(addr.Bytes(os.Getpagesize())) && s.PeakLive > 0) {
		t.Errorf("%s: metadata %d, resident %d of %d", name, *run.Metadata, *run.Resident, run.HighWater)
	}
}

// TestSearches: what the engine is seen to look at is what the model counts.
func TestSearches(t *testing.T) {
	trace := load(t, "testdata/churn.rep")
	report, err := Play(t.Context(), trace, Options{Policies: []policies.Policy{policies.First}, Now: stopped})
	if err != nil {
		t.Fatal(err)
	}
	model := policies.First.New(unlimited)
	p := newPlayer(t.Context(), trace, model)
	var want lengths
	for i, op := range trace.Ops {
		if err := p.play(i, i+1); err != nil {
			t.Fatal(err)
		}
		if op.Kind == Alloc {
			want.seen++
			want.all = append(want.all, int32(model.Looked()))
		}
	}
	if got := report.Runs[0].Searches; got != want.conclude() || got.Longest < 10 {
		t.Errorf("%+v, want %+v", got, want.conclude())
	}
}

func TestSearchesConclude(t *testing.T) {
	l := lengths{seen: 40, all: []int32{5, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11}}
	if got, want := l.conclude(), (Searches{Counted: 11, Of: 40, Mean: 6, Median: 6, P90: 10, Longest: 11}); math.Abs(got.Mean-6) > 1e-9 {
		t.Errorf("%+v", got)
	} else if got.Mean = 6; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestSampling: of a long trace with many blocks only so much is looked at.
func TestSampling(t *testing.T) {
	w := &watcher{player: &player{heap: &engine{}}}
	w.plan(Summary{Ops: 10_000_000, Allocs: 6_000_000, PeakBlocks: 999_999, PeakLiveOp: 4_000_001})
	if len(w.due) != 51 || w.due[0] != 199_999 || w.due[50] != 9_999_999 || !slices.Contains(w.due, 4_000_001) || w.lengths.stride != 120_000 {
		t.Errorf("%d points, from %d to %d, each %d-th search", len(w.due), w.due[0], w.due[len(w.due)-1], w.lengths.stride)
	}
	counted := 0
	for range 6_000_000 {
		if w.lengths.due() {
			counted++
		}
	}
	if counted != fewSearches {
		t.Errorf("%d searches", counted)
	}
}

// TestTime: the median of the passes, less that of the empty ones.
func TestTime(t *testing.T) {
	trace := load(t, "testdata/churn.rep")
	n := len(trace.Ops)
	// Each pair of looks at the clock encloses a pass: the one that brings the pages,
	// then full and empty ones in turn.
	passes := []time.Duration{30 * time.Millisecond}
	for _, full := range []time.Duration{900, 100, 500, 300, 700} {
		passes = append(passes, full*time.Duration(n), (full/10)*time.Duration(n))
	}
	looks, now := 0, time.Duration(0)
	clock := func() time.Duration {
		if looks%2 == 1 {
			now += passes[looks/2]
		}
		looks++
		return now
	}
	done, of := 0, 0
	report, err := Play(t.Context(), trace, Options{
		Policies: []policies.Policy{policies.First}, Now: clock, Progress: func(d, o int) { done, of = d, o },
	})
	if err != nil {
		t.Fatal(err)
	}
	if run := report.Runs[0]; run.Passes != 5 || run.LoopNSPerOp != 50 || run.NSPerOp != 450 || looks != 2*len(passes) {
		t.Errorf("%+v, %d looks at the clock", run, looks)
	}
	if done != 12*n || of != done {
		t.Errorf("at the end %d of %d operations are played", done, of)
	}
}

// TestTooSmall: a heap that is too small is told with what it takes, and that is
// enough.
func TestTooSmall(t *testing.T) {
	trace := load(t, "testdata/churn.rep")
	for _, p := range policies.All {
		options := Options{Policies: []policies.Policy{p}, Heap: 8 << 10, Now: stopped}
		_, err := Play(t.Context(), trace, options)
		space := new(SpaceError)
		if !errors.As(err, &space) || space.Policy != p.Name || space.Heap != 8<<10 || space.Needs <= 8<<10 {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		enough := options
		enough.Heap = space.Needs
		report, err := Play(t.Context(), trace, enough)
		if err != nil || report.Runs[0].HighWater != space.Needs {
			t.Errorf("%s: it needs %d, with that: %v", p.Name, space.Needs, err)
		}
		if _, err := Look(t.Context(), trace, p, len(trace.Ops)-1, options); !errors.As(err, new(*SpaceError)) {
			t.Errorf("%s: %v", p.Name, err)
		}
		if _, err := Placements(t.Context(), trace, p, options); !errors.As(err, new(*SpaceError)) {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	_, err := Play(t.Context(), list(t, "+60000000000,+60000000000"), Options{Policies: policies.All, Now: stopped})
	if err == nil || !strings.Contains(err.Error(), "operation 1, alloc of 60000000000 bytes") || !strings.Contains(err.Error(), "needs 120000000000 bytes, and a heap has 68719476736 at most") {
		t.Errorf("%v", err)
	}
}

// TestMemory: a trace whose resizes would fill the machine is refused.
func TestMemory(t *testing.T) {
	options := Options{Policies: []policies.Policy{policies.First}, Now: stopped, Memory: 1 << 20}
	_, err := Play(t.Context(), list(t, "+600000,+1,0=700000"), options)
	if !errors.As(err, new(*MemoryError)) {
		t.Errorf("%v", err)
	}
	if _, err := Look(t.Context(), list(t, "+600000,+1,0=700000"), policies.First, 0, options); !errors.As(err, new(*MemoryError)) {
		t.Errorf("%v", err)
	}
	if _, err := Placements(t.Context(), list(t, "+600000,+1,0=700000"), policies.Best, options); err != nil {
		t.Errorf("a model writes nothing: %v", err)
	}
	if _, err := Play(t.Context(), list(t, "+600000,+1,-0,+700000"), options); err != nil {
		t.Errorf("nothing is copied: %v", err)
	}
}

// TestFullTouchEnds: blocks beyond the limit are not written in full.
func TestFullTouchEnds(t *testing.T) {
	report, err := Play(t.Context(), list(t, "+5000,+20000000000"), Options{Policies: []policies.Policy{policies.First}, Now: stopped})
	if err != nil {
		t.Fatal(err)
	}
	if run := report.Runs[0]; run.Resident != nil || !slices.ContainsFunc(run.Notes, func(s string) bool { return strings.Contains(s, "not touched in full") }) {
		t.Errorf("%v", run.Notes)
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	trace := load(t, "testdata/churn.rep")
	for _, p := range policies.All {
		if _, err := Play(ctx, trace, Options{Policies: []policies.Policy{p}, Now: stopped}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}

// TestLook: an operation looks the same as it does in the whole.
func TestLook(t *testing.T) {
	trace := load(t, "testdata/churn.rep")
	moved := 0
	for _, p := range policies.All {
		places, err := Placements(t.Context(), trace, p, Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := course(t, trace, places)
		sizes := map[uint32]addr.Bytes{}
		for i, op := range trace.Ops {
			before := sizes[op.ID]
			sizes[op.ID] = op.Size
			here := op.Kind != Free
			place := addr.Bytes(0)
			if here {
				place, places = places[0].Offset, places[1:]
			}
			if i%151 != 0 && (op.Kind != Resize || i%23 != 0) && i < len(trace.Ops)-5 {
				continue
			}
			s, err := Look(t.Context(), trace, p, i, Options{Map: true})
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case s.Point != want[i]:
				t.Errorf("%s, operation %d: %+v, want %+v", p.Name, i, s.Point, want[i])
			case here && *s.To != place, !here && (s.To != nil || s.Size != before):
				t.Errorf("%s, operation %d: %+v", p.Name, i, s)
			case (s.Search != nil) != (op.Kind == Alloc || s.Moved()):
				t.Errorf("%s, operation %d: search %+v", p.Name, i, s.Search)
			case s.Search != nil && (s.Search.Taken == nil || s.Search.Taken.Offset != place):
				t.Errorf("%s, operation %d: taken %+v, placed at %d", p.Name, i, s.Search.Taken, place)
			case here && !slices.ContainsFunc(s.Near, func(b Block) bool { return b.Offset == place && b.Used && *b.ID == op.ID && b.Requested == op.Size }):
				t.Errorf("%s, operation %d: near %+v", p.Name, i, s.Near)
			case s.Arena.Used != want[i].Used:
				t.Errorf("%s, operation %d: arena %+v", p.Name, i, s.Arena)
			}
			if s.Moved() {
				moved++
			}
		}
	}
	if moved == 0 {
		t.Error("no resize that moves was looked at")
	}
}

func TestSearchKeepsBothEnds(t *testing.T) {
	var s Search
	for i := range addr.Bytes(100) {
		s.add(policies.Candidate{Offset: i, Taken: i == 40})
	}
	if s.Looked != 100 || len(s.First) != 16 || len(s.Last) != 16 || s.First[15].Offset != 15 || s.Last[0].Offset != 84 || s.Last[15].Offset != 99 || s.Taken.Offset != 40 {
		t.Errorf("%+v", s)
	}
}
