// Package bugs holds the classic memory bugs as small programs that really do the
// wrong thing, on real memory, and runs each of them under each safety net of
// [mmapheap.Checked].
//
//	Bug      a program of a few lines, and which of them is the bug
//	Setup    the nets that are stretched while it runs
//	Run      what came of it: who noticed, when, how much the report says,
//	         and what the program saw of the damage where nobody did
//
// A program is written against a machine that has malloc and free, loads and
// stores, calls and returns. Under raw nets a store goes where the address says,
// so a neighbour is really overwritten and the next owner's text is really read.
// With checked access each pointer also names its block, and nothing is touched
// before the access was compared with that.
//
// Every run has a region of its own. Leaving out the line that is the bug makes a
// legal program of each, at which no net may cry out.
package bugs
