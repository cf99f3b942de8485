// Package mmapheap lays a heap and a stack into one reserved region, as the
// textbook draws them, and hands out real addresses in it.
//
//	high  | guard page            never accessible
//	      | stack                 committed from here down to the stack pointer, and some more
//	      | stack reserve         the stack's, not yet accessible
//	      | guard page            a frame that crosses into it is the overflow
//	      | free space            never accessible; at least a page
//	      | guard page
//	      | heap reserve          the arena's, not yet accessible
//	      | heap                  the arena, committed from its start up to the highest block, and some more
//	low   | guard page
//
// All addresses are reserved at once, without permissions and without memory
// (PROT_NONE, MAP_NORESERVE); the heap and the stack are committed as they grow,
// a page first and then half of what they have. They never shrink again. The end
// of the stack lies a whole number of MiB above the base, so with the default
// sizes and pages of 4 KiB the heap begins at base+0x1000, the stack ends at
// base+0x4900000, and the region ends a page above. What heap and stack know of
// themselves is kept in a mapping of its own, between two guard pages, so that no
// store into a payload, however wild, can reach it from there by running on.
//
// Sizes are in bytes, ranges half-open. Where the kernel can, the parts are named
// ("memprobe heap") in the process's maps file.
//
// # What the heap promises
//
// First fit, exactly: Alloc takes the lowest address at which that many bytes are
// free, tighter holes further up or not. Blocks are multiples of 16 bytes at
// multiples of 16; a block cut from a larger free one leaves the rest free; a
// freed block becomes one with its free neighbours at once. There are no headers:
// blocks of 16 bytes lie 16 bytes apart. The requested size is kept to the byte.
//
// Every address that is given back is checked. A double free, an address inside a
// block, outside the heap, misaligned, or null is refused with an error that says
// which, and nothing changes. What can't be seen is a stale address that has been
// handed out again since: it is the address of a block in use.
//
// The bookkeeping is two bits a granule of 16 bytes (a block starts here, a block
// ends here), a summary of each of them for finding the next mark, a tree of upper
// bounds for finding the lowest hole, and four bits a granule for the requested
// sizes: 4.8 % of what the heap has ever used. It is all zero while the heap is
// empty, so memory that is only reserved costs nothing. No operation walks the
// heap, except those that show all of it: Blocks, Explain, Stats, Check.
//
// The heap's invariants, which [Heap.Check] checks by number:
//
//	H1  starts and ends alternate: used blocks don't overlap, and each has its end. What lies
//	    between them is free, so blocks tile the arena and no two neighbours are free
//	H2  the last free block is where it is thought to be, and no block lies beyond the highest
//	    granule ever used
//	H3  the tree's bound for a leaf is not below any hole that begins there, nor above the bound
//	    of the node over it
//	H4  the summaries have a bit for each word that is not zero, and for no other
//	H5  each requested size rounds up to the size of its block, and there are no others
//	H6  the requested sizes add up to the sum that is kept, which was never above its high-water mark
//	H7  whole pages are committed, within the arena, up to the highest granule ever used at least
//
// # What the stack promises
//
// Push moves the stack pointer down by the size of the frame, rounded up to 16,
// and Pop moves it back; the bytes stay. A frame that does not fit is an overflow,
// and a real one: the byte below the stack is touched, the kernel refuses, and the
// error carries the address that it reported. The stack is then as it was.
//
// The stack's invariants, which [Stack.Check] checks by number:
//
//	S1  the stack pointer is a multiple of 16 in the stack, or its end
//	S2  the frames tile the span from the stack pointer to the end of the stack
//	S3  whole pages are committed, within the stack, from its end down to the stack pointer at least
//
// # What fails how
//
// Each error says the operation, the address and the reason, and errors.Is knows
// the reason. An operation that fails has changed nothing. After Release every
// method reports ErrReleased or shows an empty region; only slices that Heap.Bytes
// returned must not be used any more. One goroutine at a time may use a region.
package mmapheap
