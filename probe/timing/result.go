package timing

import (
	"fmt"
	"time"

	"memprobe/layout/addr"
)

// Schema is the version of Result's JSON form.
const Schema = 1

// Result is what a measurement found. Times are nanoseconds an operation unless
// their name says otherwise; every number is finite.
type Result struct {
	Schema  int           `json:"schema"`
	Machine Machine       `json:"machine"`
	Clock   Clock         `json:"clock"`
	Batch   time.Duration `json:"batch_ns"` // how long each contender's share of a round was to take at least
	Timings []Timing      `json:"timings"`  // by contender, in the order given
	Notes   []string      `json:"notes,omitempty"`
}

// Machine is what a measurement ran on.
type Machine struct {
	Arch   string `json:"arch"`   // as Go names it: amd64, arm64
	Cores  int    `json:"cores"`  // how many Go code may run on at once
	Kernel string `json:"kernel"` // Linux's release
	Go     string `json:"go"`
}

// Clock is what the clock can tell apart, and what it costs to read it.
type Clock struct {
	Step time.Duration `json:"step_ns"` // the least that two readings in a row differed by; 0 if they never did
	Cost time.Duration `json:"cost_ns"` // of one reading, on average
}

// Timing is how long an operation of a contender took: nanoseconds throughout.
type Timing struct {
	What        string     `json:"what"`
	Size        addr.Bytes `json:"size"`
	About       string     `json:"about,omitempty"`
	Iterations  int        `json:"iterations"` // operations a round
	Rounds      []float64  `json:"rounds"`     // every round, in the order measured
	Median      float64    `json:"median"`
	CI95        Interval   `json:"ci95"`
	Ratio       *Ratio     `json:"ratio,omitempty"` // none for the first contender of a size
	Collections uint64     `json:"collections"`     // that Go completed during these rounds
	Notes       []string   `json:"notes,omitempty"`
}

// Ratio compares a contender with the first of its size: above 1 it is slower.
type Ratio struct {
	To      string   `json:"to"` // the other's What
	Median  float64  `json:"median"`
	CI95    Interval `json:"ci95"`
	Verdict Verdict  `json:"verdict"`
}

// Verdict is what may be said of a ratio.
type Verdict string

// The verdicts: the interval lies above 1, below 1, includes 1, is not known.
const (
	Slower       Verdict = "slower"
	Faster       Verdict = "faster"
	NoDifference Verdict = "no difference found"
	TooFewRounds Verdict = "too few rounds"
)

// conclude computes everything that follows from the rounds.
func (r *Result) conclude() {
	first := make(map[addr.Bytes]*Timing)
	for i := range r.Timings {
		t := &r.Timings[i]
		t.Median, t.CI95 = medianCI(t.Rounds)
		if !t.CI95.Known() {
			t.note(tooFew(len(t.Rounds)))
		}
		if base := first[t.Size]; base != nil {
			t.compare(base)
		} else {
			first[t.Size] = t
		}
	}
}

// compare sets the ratio of t to base, whose rounds were measured beside t's.
func (t *Timing) compare(base *Timing) {
	ratios := make([]float64, len(t.Rounds))
	for i := range ratios {
		if base.Rounds[i] <= 0 {
			t.note(fmt.Sprintf("%s took no time by this clock: no ratio", base.What))
			return
		}
		ratios[i] = t.Rounds[i] / base.Rounds[i]
	}
	median, ci := medianCI(ratios)
	t.Ratio = &Ratio{To: base.What, Median: median, CI95: ci, Verdict: verdict(ci)}
}

func verdict(ci Interval) Verdict {
	switch {
	case !ci.Known():
		return TooFewRounds
	case ci.Contains(1):
		return NoDifference
	case ci[0] > 1:
		return Slower
	}
	return Faster
}

func (t *Timing) note(s string) { t.Notes = append(t.Notes, s) }
