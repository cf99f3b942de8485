package timing

import "time"

// Schema is the version of Result's JSON form.
const Schema = 2

// Result is what the studies found on a machine. Times are nanoseconds an operation
// unless their name says otherwise. Every number is finite but the ends of an
// unknown Interval, for which JSON has null.
type Result struct {
	Schema  int           `json:"schema"`
	Quick   bool          `json:"quick"` // fewer points and rounds
	Machine Machine       `json:"machine"`
	Clocks  []Clock       `json:"clocks"` // that batches were timed with
	Load    Load          `json:"load"`
	Took    time.Duration `json:"took_ns"` // all of it, the setting up included
	Notes   []string      `json:"notes,omitempty"`
	Studies []StudyResult `json:"studies"` // in the order of Studies; those that were begun
}

// StudyResult is what a study found: contenders, timed against each other at some
// points of an axis.
type StudyResult struct {
	Name      string `json:"name"`      // in a word, as --only takes it
	Title     string `json:"title"`     // a heading
	Question  string `json:"question"`  // that it answers
	Cost      Cost   `json:"cost"`      // which of the three costs it is about
	Operation string `json:"operation"` // what one operation is, of which the timings tell the time
	Axis      Axis   `json:"axis"`
	Baseline  string `json:"baseline"` // the What that the others are compared with, where Ratio.To names no other
	Clock     Kind   `json:"clock"`
	Measurement
}

// Cost is what memory is paid for with.
type Cost string

// The costs, which are kept apart: to get bytes and give them back, to have the
// kernel find memory for a page when it is first written, and to read what is there.
const (
	Allocate Cost = "allocate"
	Touch    Cost = "touch"
	Access   Cost = "access"
)

// Axis is what a study changes from point to point.
type Axis struct {
	Name string `json:"name"` // "size", "blocks in use"
	Unit Unit   `json:"unit"`
	Log  bool   `json:"log"` // its points are powers, and it is drawn to a logarithmic scale
}

// Unit is what the points of an axis count.
type Unit string

// The units of axes.
const (
	InBytes   Unit = "bytes"
	InBlocks  Unit = "blocks"
	InHoles   Unit = "holes"
	InPages   Unit = "pages"
	InThreads Unit = "threads"
)

// Measurement is what one call of Measure found, or several for different points.
type Measurement struct {
	Batch   time.Duration `json:"batch_ns"` // how long each contender's share of a round was to take at least
	Timings []Timing      `json:"timings"`  // point by point, the contenders of a point in one order
	Notes   []string      `json:"notes,omitempty"`
}

// Clock is what a clock can tell apart, and what it costs to read it.
type Clock struct {
	Kind Kind          `json:"kind"`
	Step time.Duration `json:"step_ns"` // the least that two readings in a row differed by; 0 if they never did
	Cost time.Duration `json:"cost_ns"` // of one reading, on average
}

// Kind says which time a clock tells.
type Kind string

// The kinds of clocks: one of the processor time of this process, which stands still
// while other programs run, and one on the wall, for what several threads do together.
const (
	ProcessorClock Kind = "processor time"
	WallClock      Kind = "wall clock"
)

// Timing is how long an operation of a contender took at a point of the axis:
// nanoseconds throughout.
type Timing struct {
	What       string    `json:"what"` // the contender: "stack", "heap, random"
	At         int       `json:"at"`   // the point, in the axis' unit
	About      string    `json:"about,omitempty"`
	Iterations int       `json:"iterations"` // operations a round
	Rounds     []float64 `json:"rounds"`     // every round, in the order measured
	Median     float64   `json:"median"`
	CI95       Interval  `json:"ci95"`
	Ratio      *Ratio    `json:"ratio,omitempty"` // none for the baseline

	// Faults is how many pages the kernel had to find in the loop's thread, an
	// operation.
	Faults float64 `json:"faults"`
	// Collections is how many collections Go completed during all rounds together, and
	// Collecting the time that they took, an operation, on all cores, by Go's own reckoning,
	// which is too high on a busy machine. It is part of the times by the clock of processor
	// time; of those by the one on the wall only as far as it held the loop up.
	Collections uint64  `json:"collections"`
	Collecting  float64 `json:"collecting"`

	Notes    []string `json:"notes,omitempty"`    // what a reader must know of the contender
	Warnings []string `json:"warnings,omitempty"` // why the figures may be off: few rounds, noise, a coarse clock
}

// Ratio compares a contender with another one at the same point: above 1 it is
// slower.
type Ratio struct {
	To      string   `json:"to"`     // the other's What
	Median  float64  `json:"median"` // of the ratios round by round
	CI95    Interval `json:"ci95"`
	P       float64  `json:"p"` // how likely rounds so different are where there is no difference (Mann-Whitney)
	Verdict Verdict  `json:"verdict"`
}

// Verdict is what may be said of a ratio.
type Verdict string

// The verdicts. NoDifference says that none was found, not that there is none.
const (
	Slower       Verdict = "slower"
	Faster       Verdict = "faster"
	NoDifference Verdict = "no difference found"
	TooFewRounds Verdict = "too few rounds"
)

// Of is the timing of a contender at a point; nil if there is none.
func (m *Measurement) Of(what string, at int) *Timing {
	for i := range m.Timings {
		if t := &m.Timings[i]; t.What == what && t.At == at {
			return t
		}
	}
	return nil
}

// Study is the result of the study of that name; nil if there is none.
func (r *Result) Study(name string) *StudyResult {
	for i := range r.Studies {
		if r.Studies[i].Name == name {
			return &r.Studies[i]
		}
	}
	return nil
}
