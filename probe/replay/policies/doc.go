// Package policies has the four classic ways to place a block in a free one, as
// models: heaps of numbers, with no memory behind them. They are what the real heap
// of memprobe is compared with, and are written to be read.
//
//	first   the lowest hole that is large enough; what package mmapheap does
//	next    the next such hole above the last allocation, then on from the start
//	best    the smallest hole that is large enough, of equal ones the lowest
//	worst   the largest hole, of equal ones the lowest
//
// All else is the same for all of them, and as in package mmapheap: blocks are
// multiples of 16 bytes at multiples of 16, a request of 0 bytes gets 16; a block is
// cut from the low end of its hole and the rest stays free; a freed block becomes one
// with its free neighbours at once; resizing shrinks in place, grows in place where
// what is free right behind holds the rest, and else takes a new block and frees the
// old one, in this order.
//
// A hole is a free block below the highest block in use. What is free above that
// one, the wilderness, is taken only where no hole is large enough, as by a heap that
// asks for more memory when it must: D. G. Korn and K.-P. Vo, "In Search of a Better
// Malloc", 1985, call that preserving the wilderness. First fit and best fit do it by
// themselves, as it is the highest and the largest of all. Next fit and worst fit
// would otherwise never return to a hole.
//
// For the policies and what is known of them: P. R. Wilson, M. S. Johnstone, M. Neely
// and D. Boles, "Dynamic Storage Allocation: A Survey and Critical Review", 1995, on
// sequential fits.
package policies
