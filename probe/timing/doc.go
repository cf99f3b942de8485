// Package timing answers, on this machine, whether the stack is faster than the heap:
// at what, by how much, and how sure that is.
//
//	Run        a Plan: the studies, one after the other       -> Result
//	Study      a question: contenders at points of an axis    -> StudyResult
//	Measure    contenders against each other, in rounds       -> Measurement
//	Contender  a loop that does n turns of an operation       -> Timing
//
// # Three costs
//
// What memory costs is kept apart: to get bytes and give them back (size, live, holes,
// lifetime, threads), to write to a page for the first time, for which the kernel has
// to find memory (touch), and to read what is there (access). A study is a file, and a
// line of [Studies].
//
// # Rounds
//
//	round 1   stack 8 B | heap 8 B | make 64 KiB | stack 64 B | ...
//	round 2   heap 8 B | stack 64 B | stack 8 B | ...
//	...       every contender once in each round, in an order that changes
//
// A contender does n turns in a row; that batch, timed as one, is its share of a
// round, long enough for the clock. What slows the machine down for longer than a
// round slows all contenders down alike, so two of them are compared round by round.
//
// Batches are timed by the processor time of this process, which stands still while the
// kernel has other programs run. Where threads work together, the clock is one on the
// wall. What is around a batch is not timed: getting ready, which brings small data into
// the near caches, and counting. The kernel counts page faults, and Go its collections
// and the time that they take on all cores, as Go's runtime reckons it, which is part of
// make's time.
//
// # What the figures say
//
// A figure is a median with the 95 % interval for the median, from benchmath of
// golang.org/x/perf: order statistics of the rounds, which assume no distribution
// but that the rounds are independent. Below 6 rounds there is no such interval;
// then a warning says so.
//
// The ratio of a contender to another one at its point is the median of x[i]/y[i] over
// all rounds i, x and y being their times of that round; its interval is that of
// the same numbers. It is not quite the ratio of the two medians: a round that
// was slow for both counts as any other.
//
// A difference is found where three things come together: the interval leaves out 1;
// Mann and Whitney's test says that times so different are unlikely by chance, even for
// one of all the ratios of the study, by Holm's correction; and the ratio is 2 % away
// from 1 at least, as two copies of the same loop may be. Else none was found, which
// does not say that there is none. With fewer than 8 rounds, a study of many ratios may
// have too few for any verdict, and says that.
//
// An interval speaks of this run: a machine that is busier the next time, or has laid
// out memory in another way, has other medians. [Compare] holds two runs against each
// other.
package timing
