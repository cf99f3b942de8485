package timing

import "time"

// Contender is one of the things that are timed against each other.
type Contender struct {
	What  string   // in a word or two: stack, heap, make
	At    int      // the point of the axis that it is timed at
	About string   // what an operation does
	Notes []string // what a reader of its figures must know
	To    string   // the What that it is compared with; if empty, the first one of its point

	// Do does n turns in a row, n at least 1, each of Ops operations (0 stands for 1).
	// Nothing else is timed.
	Do  func(n int) error
	Ops int

	Before func(n int) error // gets ready for n turns, untimed; may be nil

	Least int // turns a round at least, whatever their time; 0 stands for 1
	Most  int // and at most; 0 is no limit

	// Slow says that a turn may take too long for rounds. Where it takes longer than
	// Options.Longest, it is timed once and given up.
	Slow bool
}

// ops is how many operations a turn has.
func (c *Contender) ops() int { return max(1, c.Ops) }

// Counts is what the kernel and Go count for this process from its start on.
type Counts struct {
	Faults      int64         // page faults of this thread that no disk was needed for
	Collections uint64        // that Go completed
	Collecting  time.Duration // of Go's collector, on all cores, as Go's runtime reckons: too high where its threads wait for a core
}

func (c Counts) since(before Counts) Counts {
	return Counts{c.Faults - before.Faults, c.Collections - before.Collections, c.Collecting - before.Collecting}
}

func (c Counts) plus(other Counts) Counts {
	return Counts{c.Faults + other.Faults, c.Collections + other.Collections, c.Collecting + other.Collecting}
}
