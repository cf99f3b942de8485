package layout

import "sync"

// Kind is the role of a part: the finest thing that can be known about it.
type Kind string

const (
	// Sections of an ELF file: the program's, or a library's.
	KindText   Kind = "text"
	KindROData Kind = "rodata"
	KindRelRO  Kind = "relro" // data that may be filled in at start, then made read-only
	KindData   Kind = "data"
	KindBSS    Kind = "bss"
	KindELF    Kind = "elf" // headers, tables for the loader, bytes of no section

	KindBrkHeap      Kind = "brk heap"
	KindProcessStack Kind = "process stack" // the first thread's
	KindThreadStack  Kind = "thread stack"

	KindGoHeap    Kind = "go heap"    // arenas; goroutine stacks lie in them too
	KindGoRuntime Kind = "go runtime" // Go's bookkeeping

	KindVDSO     Kind = "vdso"
	KindVVar     Kind = "vvar"
	KindVSyscall Kind = "vsyscall"
	KindKernel   Kind = "kernel" // another of the kernel's names in brackets

	KindFile      Kind = "file"
	KindAnonymous Kind = "anonymous"
	KindReserved  Kind = "reserved" // anonymous, and nobody may touch it: addresses kept free for later
	KindGuard     Kind = "guard"    // right below a thread's stack, and nobody may touch it
	KindMemfd     Kind = "memfd"    // memory with a file descriptor but no file (memfd_create)
	KindSysV      Kind = "sysv"     // System V shared memory (shmget)
	KindShared    Kind = "shared"   // anonymous memory that processes forked since may share

	// What memprobe mapped itself, and says so through Owned.
	KindOwnHeap         Kind = "own heap"
	KindOwnHeapReserve  Kind = "own heap reserve"
	KindOwnStack        Kind = "own stack"
	KindOwnStackReserve Kind = "own stack reserve"
	KindOwnGuard        Kind = "own guard"
	KindOwnFree         Kind = "own free space"
	KindOwnBookkeeping  Kind = "own bookkeeping"
)

// KindInfo says which segment a kind plays, and what it is in a few words.
type KindInfo struct {
	Kind    Kind
	Segment Segment
	Text    string
	Named   bool // its parts have labels that say more: sections, the kernel's names
}

// Kinds lists every kind.
var Kinds = []KindInfo{
	{KindText, SegmentCode, "machine code", true},
	{KindROData, SegmentCode, "constants", true},
	{KindRelRO, SegmentData, "data that may be filled in at start, then made read-only", true},
	{KindData, SegmentData, "data with a value at start", true},
	{KindBSS, SegmentData, "variables that are zero at start; no bytes in the file", true},
	{KindELF, SegmentNotDrawn, "headers, tables for the loader, bytes of no section", true},
	{KindBrkHeap, SegmentHeap, "the heap that malloc begins with; brk moves its end", true},
	{KindProcessStack, SegmentStack, "the first thread's stack", true},
	{KindThreadStack, SegmentStack, "another thread's stack", true},
	{KindGoHeap, SegmentHeap, "Go's heap; goroutine stacks live here too", false},
	{KindGoRuntime, SegmentNotDrawn, "Go's own bookkeeping", true},
	{KindVDSO, SegmentNotDrawn, "kernel code that runs in user space", true},
	{KindVVar, SegmentNotDrawn, "kernel data that the vdso reads", true},
	{KindVSyscall, SegmentNotDrawn, "the kernel's code for old programs", true},
	{KindKernel, SegmentNotDrawn, "mapped and named by the kernel", true},
	{KindFile, SegmentNotDrawn, "a mapped file", false},
	{KindAnonymous, SegmentNotDrawn, "anonymous: no file behind it. malloc's large blocks and the heaps of other threads look like this; memprobe can't tell", false},
	{KindReserved, SegmentNotDrawn, "reserved: addresses that nobody may touch yet", false},
	{KindGuard, SegmentNotDrawn, "guard below a thread's stack: never accessible", true},
	{KindMemfd, SegmentNotDrawn, "memory with a file descriptor but no file (memfd)", true},
	{KindSysV, SegmentNotDrawn, "System V shared memory", true},
	{KindShared, SegmentNotDrawn, "anonymous memory that may be shared with processes forked since", false},
	{KindOwnHeap, SegmentHeap, "memprobe's heap", false},
	{KindOwnHeapReserve, SegmentFree, "reserved for memprobe's heap to grow into", false},
	{KindOwnStack, SegmentStack, "memprobe's stack", false},
	{KindOwnStackReserve, SegmentFree, "reserved for memprobe's stack to grow into", false},
	{KindOwnGuard, SegmentNotDrawn, "guard: never accessible", false},
	{KindOwnFree, SegmentFree, "reserved between memprobe's heap and stack", false},
	{KindOwnBookkeeping, SegmentNotDrawn, "memprobe's bookkeeping", false},
}

// Info is k's entry in Kinds; a kind that is not there is not drawn.
func (k Kind) Info() KindInfo {
	if info, known := kindInfo()[k]; known {
		return info
	}
	return KindInfo{k, SegmentNotDrawn, string(k), true}
}

// kindInfo is Kinds by name: each part of a list is looked up.
var kindInfo = sync.OnceValue(func() map[Kind]KindInfo {
	all := make(map[Kind]KindInfo, len(Kinds))
	for _, info := range Kinds {
		all[info.Kind] = info
	}
	return all
})
