package layout

// Kind is the role of a part: the finest thing that can be known about it.
type Kind string

const (
	// Sections of an ELF file: the program's, or a library's.
	KindText   Kind = "text"
	KindROData Kind = "rodata"
	KindRelRO  Kind = "relro" // data that the loader fills in and may then make read-only
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
}

// Kinds lists every kind.
var Kinds = []KindInfo{
	{KindText, SegmentCode, "machine code"},
	{KindROData, SegmentCode, "constants"},
	{KindRelRO, SegmentData, "data that the loader fills in and may then make read-only"},
	{KindData, SegmentData, "variables with a value at start"},
	{KindBSS, SegmentData, "variables that are zero at start; no bytes in the file"},
	{KindELF, SegmentNotDrawn, "headers, tables for the loader, bytes of no section"},
	{KindBrkHeap, SegmentHeap, "the heap whose end brk moves"},
	{KindProcessStack, SegmentStack, "the first thread's stack"},
	{KindThreadStack, SegmentStack, "another thread's stack"},
	{KindGoHeap, SegmentHeap, "Go's heap; goroutine stacks live here too"},
	{KindGoRuntime, SegmentNotDrawn, "Go's own bookkeeping"},
	{KindVDSO, SegmentNotDrawn, "kernel code that runs in user space"},
	{KindVVar, SegmentNotDrawn, "kernel data that the vdso reads"},
	{KindVSyscall, SegmentNotDrawn, "the kernel's code for old programs"},
	{KindKernel, SegmentNotDrawn, "mapped and named by the kernel"},
	{KindFile, SegmentNotDrawn, "a mapped file"},
	{KindAnonymous, SegmentNotDrawn, "anonymous: no file behind it; memprobe does not know what for"},
	{KindOwnHeap, SegmentHeap, "memprobe's heap"},
	{KindOwnHeapReserve, SegmentFree, "reserved for memprobe's heap to grow into"},
	{KindOwnStack, SegmentStack, "memprobe's stack"},
	{KindOwnStackReserve, SegmentFree, "reserved for memprobe's stack to grow into"},
	{KindOwnGuard, SegmentNotDrawn, "guard: never accessible"},
	{KindOwnFree, SegmentFree, "reserved between memprobe's heap and stack"},
	{KindOwnBookkeeping, SegmentNotDrawn, "memprobe's bookkeeping"},
}

// Info is k's entry in Kinds; a kind that is not there is not drawn.
func (k Kind) Info() KindInfo {
	for _, info := range Kinds {
		if info.Kind == k {
			return info
		}
	}
	return KindInfo{k, SegmentNotDrawn, string(k)}
}
