// Package replay plays recorded allocation traces on memprobe's heap, and on models
// of other policies beside it, and measures what comes of it.
//
//	a trace (.rep) --Read--> Trace --Run-------> Report      figures, their course, the arena at the end
//	"+10,+20,-0" --ParseOps--^      --Look------> State       one operation: its search, its surroundings
//	                                --Placements> []Placement where each block went
//
// First fit is the real heap, package mmapheap: the operations are played in memory
// that it reserves, and what is told of it was asked of it. The other policies are
// package policies. Places are offsets in bytes from the start of the arena;
// operations are numbered from 0.
//
// # What is measured
//
// Live are the bytes that were requested for the blocks in use; peak live is the most
// that they were after any operation, which the trace alone determines. High water,
// or extent, is how far from the arena's start any block ever reached.
//
//   - Utilization is peak live / high water, and also with the bookkeeping (metadata)
//     counted as memory that the heap needs. Its inverse less 1 is the fourth of the
//     measures of fragmentation in M. S. Johnstone and P. R. Wilson, "The Memory
//     Fragmentation Problem: Solved?", 1998: the most memory that the allocator used
//     relative to the most that was live, whenever either was.
//   - Internal fragmentation is 1 - requested / block bytes of the blocks in use,
//     external fragmentation 1 - largest free block / all free bytes, as in
//     [mmapheap.Stats], but here of the memory below high water alone: what was never
//     used is not fragmented. The two words are B. Randell's, "A Note on Storage
//     Fragmentation and Program Segmentation", 1969; what they mean for an allocator
//     is in P. R. Wilson, M. S. Johnstone, M. Neely and D. Boles, "Dynamic Storage
//     Allocation: A Survey and Critical Review", 1995.
//   - The length of a search is how many free blocks the policy's definition looks at
//     for an allocation, which need not be how many its implementation does.
//   - Time per operation is the median of several passes over the trace, each from
//     an empty heap whose pages are there already, with the first byte of each
//     block written; the median of passes without the heap's calls is taken off.
package replay
