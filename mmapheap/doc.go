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
// blocks of 16 bytes lie 16 bytes apart. The requested size is kept to the byte,
// unless the heap is Rounded.
//
// Every address that is given back is checked. A double free, an address inside a
// block, outside the heap, misaligned, or null is refused with an error that says
// which, and nothing changes. What can't be seen is a stale address that has been
// handed out again since: it is the address of a block in use.
//
// # How the lowest block is found
//
// The bookkeeping is three layers, each of which spares the one below it work.
//
// Two bits a granule of 16 bytes are the truth: a block starts here, a block ends
// here (chunk, in index.go). An allocation sets two bits whatever its size, and
// freeing clears them; that free neighbours coalesce needs nothing to be done, and
// no scan for the next bit passes more than two words, since the inside of a long
// span is free to note where it ends.
//
// A tree of upper bounds, a byte for each KiB of arena (holes), leads a search past
// chunks in which no hole begins that is large enough. The bounds are lazy: freeing
// raises them, and only a search that was led astray lowers them.
//
// The stairs remember what searches found: for each size, how low a free run of
// that size may begin, and whether one does (stairs). First fit is then one shift,
// one count of zeros and one load, for about six of ten small requests.
//
// What was requested takes four bits a block (sizes); a heap that is Rounded does
// without. Together that is about 2.7 % of what the heap has ever used, 2.5 %
// without the sizes; more where most blocks are tiny. It begins as zeros,
// but for one word, and is touched only where the heap is used, so memory that is
// only reserved costs nothing. No operation walks the heap, except those that show
// all of it (Blocks, Explain, Stats, Check), and a request of more than 1 KiB, which
// may look in vain at the holes of its own step.
//
// The design follows "fast fits" (Stephenson 1983) in what it looks for, the
// leftmost fit, and summaries as in Go's own page allocator in how it skips; the
// stairs are our own.
//
// The heap's invariants, which [Heap.Check] checks by number:
//
//	H1  starts and ends alternate: used blocks don't overlap, and each has its end. What lies
//	    between them is free, so blocks tile the arena and no two neighbours are free
//	H2  the tail, the last free run, begins where it is thought to, and no block lies beyond the
//	    highest granule ever used
//	H3  no hole begins below the edge of the stairs that tells of its size
//	H4  the edges' places don't decrease, and are at most the tail's; where an edge is exact, a hole
//	    of its step begins, and the next edge is above it, above all of the hole if that is of up
//	    to 1 KiB; the tail has an edge
//	H5  the bound of a chunk is above the step of any hole that begins there, and no bound is above
//	    the one over it
//	H6  the chunk behind the one that a block or a hole begins in says, if that covers it, where it
//	    ends; the last chunk that a hole covers says where the hole begins
//	H7  the summary has each chunk in which a block starts, and each of its levels the words of the
//	    one below that are not zero; each block's requested size rounds up to the size of the block,
//	    and no two of them are kept in the same place
//	H8  the blocks add up to the sum that is kept, which was never above its high-water mark
//	H9  whole pages are committed, within the arena, up to the highest granule ever used at least
//
// # What the stack promises
//
// Push moves the stack pointer down by the size of the frame, rounded up to 16,
// and Pop moves it back; the bytes stay. A frame that does not fit is an overflow,
// and a real one: the byte below the stack is touched, the kernel refuses, and the
// error carries the address that it reported. The stack is then as it was.
// Whoever has many frames to push keeps a [Caller], which does the same in half
// the time.
//
// The stack's invariants, which [Stack.Check] checks by number:
//
//	S1  the stack pointer is a multiple of 16 in the stack, or its end
//	S2  the frames tile the span from the stack pointer to the end of the stack, each of a multiple
//	    of 16 bytes, and their number is one that the notes of where they begin have room for
//	S3  whole pages are committed, within the stack, from its end down to the stack pointer at least,
//	    and Push knows of no others
//
// # What the nets promise
//
// [Region.Checked] is the same heap and stack behind safety nets, which
// Config.Checked and Config.Nets ask for; without any it is no more than Heap and
// Stack, and costs them nothing. A checked block has a number that is never used
// again, so a pointer, which is an address and such a number, names its block for
// good: an access that lands in another live block is told apart, and so is one
// through a pointer to memory that has been handed out again. Canaries, poison,
// quarantine and guard pages work on addresses alone, as they do for a C program,
// and can be had one by one. A mistake is a [Report], which says what was done, to
// which block, at which byte, and where the block was made and freed. The
// invariants are C1 to C6, at [Checked]; [Checked.Check] checks them, the canaries
// and the patterns.
//
// # What fails how
//
// Each error says the operation, the address and the reason, and errors.Is knows
// the reason. An operation that fails has changed nothing. After Release every
// method reports ErrReleased or shows an empty region; only slices that Heap.Bytes
// returned must not be used any more.
//
// One goroutine at a time may use a region. [Share] puts its heap behind a lock for
// several: each method of a [Shared] is atomic, and [Shared.Do] makes a sequence so;
// the bytes of a block belong to whoever owns the block.
package mmapheap
