package timing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// machine is one whose clock only moves when a contender works or the clock is
// read.
type machine struct {
	now     time.Duration
	reading time.Duration // what reading the clock takes
	ran     []string      // the contenders in the order in which they worked
}

func (m *machine) clock() time.Duration {
	m.now += m.reading
	return m.now
}

// contender takes per nanoseconds an operation, by the moment; the reading of the
// clock is part of it.
func (m *machine) contender(what string, at int, per func(time.Duration) time.Duration) Contender {
	return Contender{What: what, At: at, Do: func(n int) error {
		m.ran = append(m.ran, what)
		m.now += time.Duration(n)*per(m.now) - m.reading
		return nil
	}}
}

func (m *machine) options(rounds int) Options {
	return Options{Now: m.clock, Rounds: rounds, Batch: 10 * time.Microsecond, Budget: time.Hour}
}

func newMachine() *machine { return &machine{reading: 1} }

// always is a speed that never changes.
func always(d time.Duration) func(time.Duration) time.Duration {
	return func(time.Duration) time.Duration { return d }
}

// each is a speed that is another one each time, once the batch is calibrated: by
// one operation, and then by a batch that is confirmed.
func each(ds ...time.Duration) func(time.Duration) time.Duration {
	asked := 0
	return func(time.Duration) time.Duration {
		asked++
		return ds[max(0, asked-2-confirmed)%len(ds)]
	}
}

func measure(t *testing.T, m *machine, o Options, contenders ...Contender) *Measurement {
	t.Helper()
	r, err := Measure(context.Background(), contenders, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMeasure(t *testing.T) {
	m := newMachine()
	r := measure(t, m, m.options(6),
		m.contender("stack", 8, each(200, 240, 220, 210, 260, 250)),
		m.contender("heap", 8, each(600, 480, 440, 630, 520, 500)),
		m.contender("stack", 64, always(250)))
	want := []Timing{
		{What: "stack", At: 8, Iterations: 60, Rounds: []float64{200, 240, 220, 210, 260, 250}, Median: 230, CI95: Interval{200, 260}},
		{
			What: "heap", At: 8, Iterations: 20, Rounds: []float64{600, 480, 440, 630, 520, 500}, Median: 510, CI95: Interval{440, 630},
			Ratio:    &Ratio{To: "stack", Median: 2, CI95: Interval{2, 3}, P: pValue([]float64{1, 2, 3, 4, 5, 6}, []float64{7, 8, 9, 10, 11, 12}), Verdict: Slower},
			Warnings: []string{"noisy: the middle half of its rounds spans 23 % of the median"},
		},
		{What: "stack", At: 64, Iterations: 48, Rounds: []float64{250, 250, 250, 250, 250, 250}, Median: 250, CI95: Interval{250, 250}},
	}
	if diff := cmp.Diff(want, r.Timings); diff != "" {
		t.Errorf("timings (- want, + got):\n%s", diff)
	}
	if len(r.Notes) != 0 || r.Batch != m.options(6).Batch {
		t.Errorf("notes %q, batch %v", r.Notes, r.Batch)
	}
}

// TestDrift slows the machine down all the time; two contenders slow down alike.
func TestDrift(t *testing.T) {
	m := newMachine()
	slowed := func(per time.Duration) func(time.Duration) time.Duration {
		return func(now time.Duration) time.Duration { return per + per*now/time.Millisecond }
	}
	o := m.options(24)
	r := measure(t, m, o, m.contender("stack", 8, slowed(1000)), m.contender("heap", 8, slowed(2000)))
	stack, heap := r.Timings[0], r.Timings[1]
	if first, last := stack.Rounds[0], stack.Rounds[23]; last < 1.5*first {
		t.Errorf("the stack takes %v ns first and %v ns last: no drift to speak of", first, last)
	}
	if got := heap.Ratio.Median; got < 1.8 || got > 2.2 || heap.Ratio.Verdict != Slower {
		t.Errorf("ratio %v, %s; the heap takes twice as long at any moment", got, heap.Ratio.Verdict)
	}
}

func TestVerdict(t *testing.T) {
	tests := []struct {
		name  string
		other func(time.Duration) time.Duration
		want  Verdict
	}{
		{"half as fast", each(400, 404, 396, 408, 392, 400), Slower},
		{"twice as fast", each(100, 101, 99, 102, 98, 100), Faster},
		{"the same", always(200), NoDifference},
		{"now faster, now slower", each(210, 190, 208, 192, 211, 189), NoDifference},
		{"once slower, else the same", each(200, 200, 200, 200, 200, 900), NoDifference},
	}
	for _, tt := range tests {
		m := newMachine()
		r := measure(t, m, m.options(6), m.contender("stack", 8, always(200)), m.contender("heap", 8, tt.other))
		if got := r.Timings[1].Ratio; got.Verdict != tt.want {
			t.Errorf("%s: %s, %v; want %s", tt.name, got.Verdict, got.CI95, tt.want)
		}
	}
}

// TestTooFewRounds has fewer rounds than an interval takes: a note says so, and
// JSON gets along.
func TestTooFewRounds(t *testing.T) {
	for rounds := range enough {
		m := newMachine()
		r := measure(t, m, m.options(rounds), m.contender("stack", 8, always(200)), m.contender("heap", 8, always(900)))
		rounds = max(1, rounds)
		for _, timing := range r.Timings {
			if len(timing.Rounds) != rounds || timing.CI95.Known() {
				t.Errorf("%d rounds: %v, interval %v", rounds, timing.Rounds, timing.CI95)
			}
			want := fmt.Sprintf("%d rounds: too few for a 95 %% interval, which takes 6", rounds)
			if rounds == 1 {
				want = "1 round: too few for a 95 % interval, which takes 6"
			}
			if !slices.Equal(timing.Warnings, []string{want}) {
				t.Errorf("warnings %q, want %q", timing.Warnings, want)
			}
		}
		if ratio := r.Timings[1].Ratio; ratio.Verdict != TooFewRounds || ratio.Median != 4.5 {
			t.Errorf("%d rounds: ratio %v", rounds, ratio)
		}
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatalf("%d rounds: %v", rounds, err)
		}
		if !strings.Contains(string(data), `"median":200,"ci95":null`) {
			t.Errorf("%d rounds: no null for the interval in %s", rounds, data)
		}
	}
}

func TestBudget(t *testing.T) {
	m := newMachine()
	o := m.options(1000)
	o.Budget = 100 * time.Microsecond // to calibrate takes 38 µs, a round 12
	var progress []int
	o.Progress = func(done, rounds int) { progress = append(progress, done, rounds) }
	r := measure(t, m, o, m.contender("stack", 8, always(1000)))
	if want := []string{"5 of 1000 rounds: the time was up"}; !slices.Equal(r.Notes, want) || len(r.Timings[0].Rounds) != 5 {
		t.Errorf("notes %q, want %q; %d rounds", r.Notes, want, len(r.Timings[0].Rounds))
	}
	if m.now > o.Budget {
		t.Errorf("took %v", m.now)
	}
	if progress[0] != 0 || progress[1] != 1000 || progress[len(progress)-2] != 1000 {
		t.Errorf("progress: %d", progress)
	}
}

func TestCoarseClock(t *testing.T) {
	for _, reading := range []time.Duration{0, 100} { // a clock that stands still while it is read, and a slow one
		m := newMachine()
		m.reading = reading
		r := measure(t, m, m.options(6), m.contender("stack", 8, always(1000)))
		if want := []string{"this clock can't tell 0.012 ms, the time of a batch, to 1 %"}; !slices.Equal(r.Timings[0].Warnings, want) {
			t.Errorf("reading takes %v: warnings %q, want %q", reading, r.Timings[0].Warnings, want)
		}
	}
}

// TestPause has the machine stand still in a batch of the calibration, then in two:
// the batches of the rounds are as long as they should be all the same.
func TestPause(t *testing.T) {
	for _, pauses := range [][]int{{1}, {2}, {1, 2}, {2, 3}, {1, 3}} {
		m := newMachine()
		asked := 0
		r := measure(t, m, m.options(6), m.contender("make", 64, func(time.Duration) time.Duration {
			if asked++; slices.Contains(pauses, asked) {
				return time.Second
			}
			return 200
		}))
		if got := r.Timings[0]; got.Iterations < 50 || got.Median != 200 || len(got.Warnings) != 0 {
			t.Errorf("pauses %d: %d iterations, median %v, warnings %q", pauses, got.Iterations, got.Median, got.Warnings)
		}
	}
}

// TestShortBatch says so where a batch took less than half of its time.
func TestShortBatch(t *testing.T) {
	m := newMachine()
	r := measure(t, m, m.options(6), m.contender("make", 64, each(200, 200, 200, 80, 200, 200)))
	want := []string{"a batch took 0.0048 ms only; the machine was slower when its length was chosen"}
	if got := r.Timings[0].Warnings; !slices.Equal(got, want) {
		t.Errorf("warnings %q, want %q", got, want)
	}
}

// TestDeadClock ends, and claims nothing, though the clock stands still.
func TestDeadClock(t *testing.T) {
	still := func(int) error { return nil }
	o := Options{Now: func() time.Duration { return 0 }, Rounds: 6, Batch: time.Millisecond, Budget: time.Second}
	r, err := Measure(context.Background(), []Contender{{What: "stack", Do: still}, {What: "heap", Do: still}}, o)
	if err != nil {
		t.Fatal(err)
	}
	heap := r.Timings[1]
	if heap.Iterations != maxTurns || heap.Ratio != nil || !slices.Contains(heap.Warnings, "stack took no time by this clock: no ratio") {
		t.Errorf("%+v", heap)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

func TestCounts(t *testing.T) {
	m := newMachine()
	var done Counts
	o := m.options(6)
	o.Count = func() Counts { return done }
	heap := m.contender("heap", 8, always(500))
	do := heap.Do
	heap.Do = func(n int) error {
		done = done.plus(Counts{Faults: int64(n), Collections: 3, Collecting: time.Duration(7 * n)})
		return do(n)
	}
	heap.Before = func(int) error {
		done = done.plus(Counts{1000, 1000, 1000})
		m.now += time.Minute
		return nil
	}
	r := measure(t, m, o, m.contender("stack", 8, always(500)), heap)
	if got := r.Timings[1].CI95; got != (Interval{500, 500}) {
		t.Errorf("interval %v, want 500: what comes before the batch was timed", got)
	}
	if stack, heap := r.Timings[0].Collections, r.Timings[1].Collections; stack != 0 || heap != 18 {
		t.Errorf("collections: stack %d, heap %d; want 0 and 18, none from before the batches", stack, heap)
	}
	if stack, heap := r.Timings[0], r.Timings[1]; stack.Faults != 0 || stack.Collecting != 0 || heap.Faults != 1 || heap.Collecting != 7 {
		t.Errorf("stack: %v faults, %v ns of collections; heap: %v, %v; want 0, 0, 1 and 7 an operation", stack.Faults, stack.Collecting, heap.Faults, heap.Collecting)
	}
}

func TestMeasureFails(t *testing.T) {
	broken := errors.New("broken")
	for _, after := range []int{0, 5, 9} { // at once, in calibration, in a round
		m := newMachine()
		c := m.contender("heap", 64, always(500))
		do := c.Do
		c.Do = func(n int) error {
			if len(m.ran) > after {
				return broken
			}
			return do(n)
		}
		_, err := Measure(context.Background(), []Contender{m.contender("stack", 64, always(100)), c}, m.options(6))
		if !errors.Is(err, broken) || err.Error() != "time heap at 64: broken" {
			t.Errorf("after %d: %v", after, err)
		}
	}
}

// TestMeasureStops is stopped in a round: what comes back has whole rounds, and the
// same figures as if there had been no more.
func TestMeasureStops(t *testing.T) {
	for _, after := range []int{0, 1, 2, 7} { // rounds
		run := func(stopped bool) (*Measurement, error) {
			m := newMachine()
			ctx, stop := context.WithCancel(context.Background())
			defer stop()
			both := []Contender{m.contender("stack", 8, each(200, 210, 205, 220)), m.contender("heap", 8, each(500, 510, 505, 520, 515, 530, 500, 510))}
			for i, c := range both {
				both[i].Do = func(n int) error {
					if stopped && len(m.ran) == 2*(1+confirmed)+2*after { // the first one in the next round
						stop()
					}
					return c.Do(n)
				}
			}
			rounds := after
			if stopped {
				rounds += 9
			}
			return Measure(ctx, both, m.options(rounds))
		}
		r, err := run(true)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("after %d rounds: %v", after, err)
		}
		if after == 0 {
			if r != nil {
				t.Errorf("no whole round, but %+v", r)
			}
			continue
		}
		want, err := run(false)
		if err != nil {
			t.Fatal(err)
		}
		if r == nil || len(r.Timings[0].Rounds) != after || len(r.Timings[1].Rounds) != after {
			t.Fatalf("after %d rounds: %+v", after, r)
		}
		if diff := cmp.Diff(want.Timings[1].Ratio, r.Timings[1].Ratio); diff != "" {
			t.Errorf("after %d rounds (- as if no more were wanted, + stopped):\n%s", after, diff)
		}
	}
}

// TestStopsAtOnce measures nothing where it is stopped before it begins.
func TestStopsAtOnce(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	m := newMachine()
	r, err := Measure(ctx, []Contender{m.contender("stack", 8, always(200))}, m.options(6))
	if r != nil || !errors.Is(err, context.Canceled) || err.Error() != "timing stopped: context canceled" || len(m.ran) != 0 {
		t.Errorf("%v, %v, ran %q", r, err, m.ran)
	}
}

// TestTurns counts a turn of several operations as so many, and keeps to the least
// and the most turns of a contender.
func TestTurns(t *testing.T) {
	m := newMachine()
	many, least, most := m.contender("many", 8, always(200)), m.contender("least", 8, always(200)), m.contender("most", 8, always(200))
	many.Ops, least.Least, most.Most = 10, 400, 7
	r := measure(t, m, m.options(6), many, least, most)
	for i, want := range []struct {
		iterations int
		median     float64
	}{{600, 20}, {400, 200}, {7, 200}} {
		if got := r.Timings[i]; got.Iterations != want.iterations || got.Median != want.median || len(got.Warnings) != 0 {
			t.Errorf("%s: %d operations of %v ns, %q; want %d of %v", got.What, got.Iterations, got.Median, got.Warnings, want.iterations, want.median)
		}
	}
}

// TestGivenUp times a contender once that says it may be slow, and is; the others
// go on.
func TestGivenUp(t *testing.T) {
	m := newMachine()
	o := m.options(6)
	o.Longest = 50 * time.Microsecond
	slow, fast, patient := m.contender("slow", 8, always(60_000)), m.contender("fast", 8, always(40_000)), m.contender("patient", 8, always(60_000))
	slow.Slow, fast.Slow = true, true
	r := measure(t, m, o, m.contender("stack", 8, always(200)), slow, fast, patient)
	if got := r.Timings[1]; len(got.Rounds) != 1 || got.Median != 60_000 || got.Ratio != nil || got.CI95.Known() || len(got.Notes) != 1 {
		t.Errorf("slow: %+v", got)
	}
	for _, got := range r.Timings[2:] {
		if len(got.Rounds) != 6 || got.Ratio.Verdict != Slower || len(got.Notes) != 0 {
			t.Errorf("%s: %+v", got.What, got)
		}
	}
}

// TestTo compares contenders with the one that they name, at their own point.
func TestTo(t *testing.T) {
	m := newMachine()
	named := m.contender("named", 8, always(600))
	named.To = "other"
	r := measure(t, m, m.options(6), m.contender("first", 8, always(200)), named, m.contender("other", 8, always(300)), m.contender("first", 16, always(150)), m.contender("other", 16, always(300)))
	for _, want := range []struct {
		what string
		at   int
		to   string
		x    float64
	}{{"named", 8, "other", 2}, {"other", 8, "first", 1.5}, {"other", 16, "first", 2}} {
		if got := r.Of(want.what, want.at).Ratio; got == nil || got.To != want.to || got.Median != want.x {
			t.Errorf("%s at %d: %+v, want %v to %s", want.what, want.at, got, want.x, want.to)
		}
	}
	if r.Of("first", 8).Ratio != nil || r.Of("first", 16).Ratio != nil || r.Of("named", 16) != nil {
		t.Errorf("a baseline has a ratio, or there is what was not measured: %+v", r.Timings)
	}
}

// TestLimit goes beyond the budget for as many rounds as verdicts take, and no
// farther than the limit.
func TestLimit(t *testing.T) {
	for _, tt := range []struct {
		limit  time.Duration
		rounds int
	}{{0, 2}, {100 * time.Microsecond, 5}, {time.Hour, aFew}} {
		m := newMachine()
		o := m.options(1000)
		o.Budget, o.Limit = 65*time.Microsecond, tt.limit // to calibrate takes 38 µs, a round 12
		if r := measure(t, m, o, m.contender("stack", 8, always(1000))); len(r.Timings[0].Rounds) != tt.rounds {
			t.Errorf("limit %v: %d rounds, want %d", tt.limit, len(r.Timings[0].Rounds), tt.rounds)
		}
	}
}

// TestOrder has each contender at each place and behind each other equally often.
func TestOrder(t *testing.T) {
	for n := 1; n <= 13; n++ {
		rounds := n + n%2*n
		type pair struct{ a, b int }
		places, successors := make(map[pair]int), make(map[pair]int)
		for round := range rounds {
			row := order(round, n)
			for k, i := range row {
				places[pair{k, i}]++
				if k > 0 {
					successors[pair{row[k-1], i}]++
				}
			}
		}
		for a := range n {
			for b := range n {
				if got, want := places[pair{a, b}], rounds/n; got != want {
					t.Errorf("%d contenders: %d is at place %d in %d rounds, want %d", n, b, a, got, want)
				}
				if got, want := successors[pair{a, b}], rounds/n; a != b && got != want {
					t.Errorf("%d contenders: %d comes behind %d in %d rounds, want %d", n, b, a, got, want)
				}
			}
		}
	}
}

// TestAlternation sees the rounds that order plans.
func TestAlternation(t *testing.T) {
	m := newMachine()
	measure(t, m, m.options(5), m.contender("a", 8, always(500)), m.contender("b", 8, always(500)), m.contender("c", 8, always(500)), m.contender("d", 8, always(500)))
	got := strings.Join(m.ran, "")
	if want := "aaaabbbbccccdddd" + "abdc" + "bcad" + "cdba" + "dacb" + "cdba"; got != want {
		t.Errorf("order %s, want %s", got, want)
	}
}
