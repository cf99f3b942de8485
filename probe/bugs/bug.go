package bugs

import (
	"strings"

	"memprobe/mmapheap"
)

// Bug is a mistake that programs make with memory, as a program that makes it.
type Bug struct {
	Number int    // its place in All, from 1
	Name   string // for the command line
	Group  string // bugs of a kind, which stand together in All
	Title  string // in a line
	About  string // what it is, and what comes of it
	Source string // the program, in C
	Line   int    // of Source: the statement that is wrong, from 1

	Class mmapheap.Class // what a net that understands it calls it; empty if it is no bug
	Goal  Goal           // what checked access must show

	run func(*program)
}

// Lines are the lines of the program's source.
func (b *Bug) Lines() []string { return strings.Split(strings.TrimRight(b.Source, "\n"), "\n") }

// The groups.
const (
	freedTwice    = "Freed twice"
	notABlock     = "Freed, but no block"
	pastTheEnds   = "Past the ends of a block"
	afterFree     = "Used after it was freed"
	neverFreed    = "Never freed"
	resizedWrong  = "Resized, but no block"
	wrongSizes    = "Sizes gone wrong"
	beforeWritten = "Read before written"
	onTheStack    = "On the stack"
)

// All are the bugs, group by group.
var All = []*Bug{
	doubleFree, doubleFreeApart, doubleFreeReused, doubleFreeLarge,
	freeInterior, freeMisaligned, freeStack, freeGlobal, freeForeign, freeUnmapped,
	overflowPadding, overflowOne, overflow16, overreadOne, underflowOne, overflowFar,
	readAfterFree, writeAfterFree, writeAfterReuse, readAfterChurn, useAfterRealloc,
	leakBlock, leakCycle,
	reallocFreed, reallocForeign,
	zeroSizeUse, hugeCalloc, sizeWrap,
	uninitialisedRead,
	stackOverflow, stackBufferOverflow, danglingStack,
}

// Find is the bug of that name.
func Find(name string) (*Bug, bool) {
	for _, b := range All {
		if b.Name == name {
			return b, true
		}
	}
	return nil, false
}

// Level is how much a report tells; each level includes those before it.
type Level int

// The levels.
const (
	Nothing Level = iota // nobody noticed
	Stopped              // something is wrong
	Named                // which kind of mistake it is
	Located              // at which address
	Sized                // in what, and of which size
	Full                 // whose it was, where it was allocated and, if it was, freed
)

// Moment is when a bug was noticed, seen from the statement that is wrong.
type Moment string

// The moments; none if nobody noticed.
const (
	AtOnce Moment = "at once"    // at that very statement
	Later  Moment = "later"      // at one of those that follow
	AtEnd  Moment = "at the end" // when the program was over, by a look at all blocks
)

// Goal is what checked access must show of a bug.
type Goal struct {
	Level   Level
	Moment  Moment
	Refused bool // it is no bug of the program's: the heap must refuse, and say no more
}

// The goals. Where there is no block, a report can't be full.
var (
	full      = Goal{Level: Full, Moment: AtOnce}
	fullAtEnd = Goal{Level: Full, Moment: AtEnd}
	sized     = Goal{Level: Sized, Moment: AtOnce}
	located   = Goal{Level: Located, Moment: AtOnce}
	refused   = Goal{Refused: true}
)
