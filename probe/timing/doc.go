// Package timing times things against each other, on this machine, with the clock
// passed in.
//
//	round 1   stack 8 B | heap 8 B | make 64 KiB | stack 64 B | ...
//	round 2   heap 8 B | stack 64 B | stack 8 B | ...
//	...       every contender once in each round, in an order that changes
//
// A [Contender] does n operations in a row; that batch, timed as one, is its share
// of a round, long enough for the clock. What slows the machine down for longer
// than a round slows all contenders down alike, so two of them are compared round
// by round.
//
// # What the figures say
//
// A figure is a median with the 95 % interval for the median, from benchmath of
// golang.org/x/perf: order statistics of the rounds, which assume no distribution
// but that the rounds are independent. Below 6 rounds there is no such interval;
// then a note says so.
//
// The ratio of a contender to the first of its size is the median of x[i]/y[i] over
// all rounds i, x and y being their times of that round; its interval is that of
// the same numbers. It is not quite the ratio of the two medians: a round that
// was slow for both counts as any other. Where the interval includes 1, no
// difference was found. Each interval stands for itself: of twenty ratios that
// are 1, one is expected to look different. And it speaks of this run: a machine
// that is busier the next time has other medians.
package timing
