package claims

import "slices"

// All are the claims, in the order in which the lessons make them.
var All = slices.Concat(stackVsHeap, ownership2)

var stackVsHeap = []*Claim{
	// Two Regions of Memory
	twoRegions, layoutOrder, stackGrowsDown, heapGrowsUp,
	// The Stack
	managedByCPU, lifo, framePerCall, justAPointer, spArrow, addValues,
	incrementing, oneInstruction, knownSizes, frameGone, oneToEight, overflows,
	// The Heap
	outlives, mustReturn, string24, stringOrder, stringCapacity, textOnHeap, address7f2a,
	anySize, heapSlower, fragmentation, passed,
	leaks, doubleFree, gcOverhead, rightPlace,
	// Rust on the Stack
	fixedOnStack, scalars, tupleSum, arraySize, structSize, frameOrder, frame97, nanoseconds,
	copyTrait, bitForBit, copySmall,
	// Rust on the Heap
	reallocated, vecFour, box8, boxFour, dropOrder, nameCapacity, handleFixed, growOrShrink,
	// Summary
	rightTime, typeTells,
}

var ownership2 = []*Claim{
	// Stack Memory
	stackBlock, ownStack, sizeCompiled, topFirst,
	frameContents, stacked, argumentCopied, jAndK, barPopped, frameAccess, shareNeedsHeap,
	valueTypes, spTop, wheneverItCan,
	// Heap Memory
	heapTypesGrow, anyOrder, sharedPool,
	findsSpot, marksUsed, returnsAddress, marksFree, reused, stalePointer,
	moreWork, bookkeeping, freeOrAccess, pointerFollowed, jumpAround, contiguous,
	yIs42, boxFive, noOrder, address3fff, rawPointer, inRAM,
	ownershipHeap,
}
