package claims

import (
	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/timing"
)

// turn is evidence, false or not, in place of what was found, and what it must be
// judged as.
type turn struct {
	want Verdict
	set  Evidence
}

// The items of turns; who they are from is not looked at.
func n(name string, v int) Item           { return counted(name, v, "") }
func size(name string, v addr.Bytes) Item { return sized(name, v, "") }
func at(name string, v addr.Addr) Item    { return located(name, v, "") }
func says(name, v string) Item            { return quoted(name, v, "") }
func yes(name string) Item                { return seen(name, true, "") }
func no(name string) Item                 { return seen(name, false, "") }
func without(name string) Item            { return Item{Name: name, Missing: "not to be had"} }
func ns(name string, v float64) Item {
	return Item{Name: name, Value: Figure{Median: v, CI95: none(), Unit: "ns"}}
}
func slower(name string, v float64) Item       { return ratioOf(name, v, timing.Slower) }
func nodifference(name string, v float64) Item { return ratioOf(name, v, timing.NoDifference) }
func unclear(name string, v float64) Item      { return ratioOf(name, v, timing.TooFewRounds) }

func ratioOf(name string, v float64, verdict timing.Verdict) Item {
	return Item{Name: name, Value: Figure{Median: v, CI95: timing.Interval{0.9 * v, 1.1 * v}, Unit: "times", Verdict: verdict}}
}

// turns has evidence for each verdict that a claim can have.
var turns = map[string][]turn{
	"two-regions": {
		{InPart, Evidence{n("mappings", 38), n("of them [stack]", 1), n("of them [heap]", 1)}},
		{Holds, Evidence{n("mappings", 2), n("of them [stack]", 1), n("of them [heap]", 1)}},
		{DoesNotHold, Evidence{n("mappings", 38), n("of them [stack]", 1), n("of them [heap]", 0)}},
	},
	"layout-order": {
		{Holds, Evidence{yes("from high to low as in the picture"), yes("in another program as well")}},
		{Holds, Evidence{yes("from high to low as in the picture"), without("in another program as well")}},
		{InPart, Evidence{yes("from high to low as in the picture"), no("in another program as well")}},
		{InPart, Evidence{no("from high to low as in the picture"), yes("in another program as well")}},
		{DoesNotHold, Evidence{no("from high to low as in the picture"), no("in another program as well")}},
		{DoesNotHold, Evidence{no("from high to low as in the picture"), without("in another program as well")}},
	},
	"stack-grows-down": {
		{Holds, Evidence{at("main's frame", 0x1010), at("the frame of add, which main calls", 0x1000), says("the kernel's flags of [stack]", "rd wr mr gd ac")}},
		{Holds, Evidence{at("main's frame", 0x1010), at("the frame of add, which main calls", 0x1000), without("the kernel's flags of [stack]")}},
		{InPart, Evidence{says("the kernel's flags of [stack]", "rd wr gdx")}},
		{DoesNotHold, Evidence{at("main's frame", 0x1000), at("the frame of add, which main calls", 0x1010)}},
	},
	"heap-grows-up": {
		{InPart, Evidence{at("a mapping that the kernel chose a place for", 0x9000), at("the next one", 0x1000)}},
		{Holds, Evidence{at("a mapping that the kernel chose a place for", 0x1000), at("the next one", 0x9000)}},
		{DoesNotHold, Evidence{no("each lies above the one before")}},
	},
	"managed-by-cpu":  {{InPart, nil}, {Holds, Evidence{no("that is an instruction of the program's own")}}},
	"one-instruction": {{InPart, Evidence{n("instructions up to the one that makes room", 3)}}, {Holds, Evidence{n("instructions up to the one that makes room", 1)}}, {DoesNotHold, Evidence{n("instructions up to the one that makes room", 0)}}},
	"incrementing": {
		{DoesNotHold, Evidence{at("sp before the call", 0x1010), at("sp after the call", 0x1000)}},
		{Holds, Evidence{at("sp before the call", 0x1000), at("sp after the call", 0x1010)}},
		{Untold, Evidence{at("sp before the call", 0x1000), at("sp after the call", 0x1000)}},
	},
	"sp-arrow": {
		{DoesNotHold, Evidence{at("sp", 0x1000), at("add's frame begins at", 0x1000), at("main's frame begins at", 0x1010)}},
		{Holds, Evidence{at("sp", 0x1010), at("add's frame begins at", 0x1000), at("main's frame begins at", 0x1010)}},
		{DoesNotHold, Evidence{at("sp", 0x2000)}},
	},
	"lifo":           {{Holds, nil}, {DoesNotHold, Evidence{n("of a frame that was not the newest", 1)}}, {Untold, Evidence{n("returns", 0)}}},
	"frame-per-call": {{InPart, Evidence{yes("a short function of memprobe's has no frame of its own")}}, {Holds, Evidence{no("a short function of memprobe's has no frame of its own")}}, {DoesNotHold, Evidence{n("frames in the call", 1)}}, {DoesNotHold, Evidence{n("frames after the return", 2)}}},
	"add-values":     {{Holds, nil}, {DoesNotHold, Evidence{says("sum, after add has returned", "16")}}, {DoesNotHold, Evidence{says("sum, while add runs", "live")}}},
	"frame-gone": {
		{InPart, nil},
		{Holds, Evidence{says("n's bytes after", "00 00 00 00")}},
		{DoesNotHold, Evidence{at("sp before the return", 0x1000), at("sp after it", 0x1000)}},
	},
	"top-first":      {{InPart, nil}, {Holds, Evidence{no("the one below the top was accessed first")}}, {DoesNotHold, Evidence{no("frames go in the reverse of their order")}}},
	"sp-top":         {{Holds, nil}, {DoesNotHold, Evidence{n("where sp is not the newest frame's lowest byte", 1)}}, {Untold, Evidence{n("steps looked at", 0)}}},
	"frame-contents": {{Holds, Evidence{n("return addresses found on it", 4)}}, {InPart, Evidence{n("return addresses found on it", 0)}}, {InPart, Evidence{without("return addresses found on it")}}, {DoesNotHold, Evidence{no("both lie in the frame")}}},
	"frames-stacked": {{Holds, nil}, {InPart, Evidence{n("bytes between neighbours", 8)}}, {DoesNotHold, Evidence{no("each lies below its caller's")}}},
	"argument-copied": {
		{Holds, nil}, {DoesNotHold, Evidence{says("x after", "25")}}, {DoesNotHold, Evidence{at("x", 0x1000), at("j", 0x1000)}}, {DoesNotHold, Evidence{says("j before it is changed", "6")}},
	},
	"j-and-k":          {{Holds, nil}, {InPart, Evidence{no("k lies in it")}}, {DoesNotHold, Evidence{no("j lies in it"), no("k lies in it")}}},
	"bar-popped":       {{Holds, nil}, {DoesNotHold, Evidence{at("sp when bar has returned", 0x1000)}}, {DoesNotHold, Evidence{n("frames when main has returned", 1)}}},
	"frame-access":     {{DoesNotHold, nil}, {Holds, Evidence{says("x before reach writes to *p", "5"), says("x after that", "5")}}},
	"share-needs-heap": {{InPart, nil}, {Holds, Evidence{no("that is on the stack")}}, {DoesNotHold, Evidence{no("that is on the heap")}}},
	"known-sizes":      {{Holds, nil}, {DoesNotHold, Evidence{n("whose size changed", 1)}}, {Untold, Evidence{n("variables looked at", 0)}}},
	"scalar-sizes":     {{Holds, nil}, {InPart, Evidence{size("x: i32", 8)}}, {DoesNotHold, Evidence{size("x: i32", 1), size("y: u64", 1), size("pi: f64", 1), size("active: bool", 8)}}},
	"tuple-sum":        {{InPart, nil}, {Holds, Evidence{size("(u8, u32)", 5)}}, {DoesNotHold, Evidence{size("point: (f64, f64)", 24)}}},
	"array-size":       {{Holds, nil}, {DoesNotHold, Evidence{size("matrix: [i32; 9]", 40)}}},
	"struct-size":      {{Holds, nil}, {DoesNotHold, Evidence{size("origin: Point3D", 32)}}},
	"frame-97":         {{InPart, nil}, {Holds, Evidence{size("main's frame", 97)}}, {DoesNotHold, Evidence{size("the seven sizes together", 98)}}},
	"frame-order": {
		{Holds, nil}, {InPart, Evidence{no("origin.z lies above origin.x")}}, {InPart, Evidence{says("from high addresses to low", "x, y")}},
		{DoesNotHold, Evidence{says("from high addresses to low", "x, y"), no("origin.z lies above origin.x")}},
	},
	"fixed-on-stack":  {{InPart, nil}, {Holds, Evidence{no("that is on the heap")}}, {DoesNotHold, Evidence{n("of them on the stack", 6)}}},
	"copy-trait":      {{InPart, nil}, {Holds, Evidence{yes("p: Point may be used")}}, {DoesNotHold, Evidence{no("a: i32 may be used")}}},
	"bit-for-bit":     {{InPart, nil}, {Holds, Evidence{no("a move has the bytes of its source")}}, {DoesNotHold, Evidence{no("a copy has the bytes of its source")}}},
	"copy-small":      {{InPart, nil}, {Holds, Evidence{size("the largest of them", 16)}}, {DoesNotHold, Evidence{size("an i32", 16)}}},
	"value-types":     {{Holds, nil}, {InPart, Evidence{n("variables of value types", 10), n("of them on a stack", 9)}}, {DoesNotHold, Evidence{n("of them on a stack", 1)}}, {Untold, Evidence{n("variables of value types", 0)}}},
	"stack-whenever":  {{InPart, nil}, {Holds, Evidence{no("5 is on the heap, though its size is known")}}, {DoesNotHold, Evidence{no("y is on the stack")}}},
	"string-24":       {{Holds, nil}, {InPart, Evidence{size("s", 12)}}, {DoesNotHold, Evidence{no("that is on the stack")}}},
	"string-order":    {{InPart, nil}, {Holds, Evidence{says("the fields, by address", "ptr, len, cap")}}, {DoesNotHold, Evidence{says("the fields, by address", "ptr, len")}}},
	"string-capacity": {{Holds, nil}, {DoesNotHold, Evidence{says("capacity", "8")}}},
	"text-on-heap":    {{Holds, nil}, {DoesNotHold, Evidence{no("that is on the heap")}}, {DoesNotHold, Evidence{says("the bytes there", `"hullo"`)}}},
	"address-0x7f2a":  {{DoesNotHold, Evidence{n("what is mapped at the lesson's address", 0)}}, {DoesNotHold, Evidence{n("what is mapped at the lesson's address", 1)}}, {Holds, Evidence{at("the text is at", 0x7f2a)}}},
	"reallocated":     {{Holds, nil}, {DoesNotHold, Evidence{n("times it moved", 0)}}, {Untold, Evidence{n("times it grew", 0)}}},
	"name-capacity":   {{Holds, nil}, {DoesNotHold, Evidence{says("cap", "16")}}},
	"vec-capacity":    {{Holds, nil}, {InPart, Evidence{says("cap", "3")}}, {DoesNotHold, Evidence{says("len", "4")}}},
	"box-8":           {{Holds, nil}, {DoesNotHold, Evidence{size("boxed", 16)}}},
	"box-heap-4":      {{InPart, nil}, {Holds, Evidence{size("set aside", 4)}}, {DoesNotHold, Evidence{size("asked for", 8)}}},
	"handle-fixed":    {{Holds, nil}, {DoesNotHold, Evidence{n("sizes that it had", 2)}}, {Untold, Evidence{n("sizes that its block had", 1)}}},
	"grow-or-shrink":  {{Holds, nil}, {InPart, Evidence{no("it has shrunk")}}, {DoesNotHold, Evidence{no("it has shrunk"), n("times the Vec's block grew", 0)}}},
	"box-five":        {{Holds, nil}, {DoesNotHold, Evidence{says("what stands there", "6")}}, {DoesNotHold, Evidence{n("blocks in use after", 0)}}},
	"y-42":            {{DoesNotHold, nil}, {Holds, Evidence{says("y", "42")}}},
	"no-order": {
		{DoesNotHold, nil}, {Holds, Evidence{n("bytes from the heap's start, one heap", 0), n("bytes from the heap's start, another heap", 64)}},
		{InPart, Evidence{n("bytes from the heap's start, one heap", 64), n("bytes from the heap's start, another heap", 64)}},
	},
	"address-0x3fffffce": {{DoesNotHold, nil}, {DoesNotHold, Evidence{n("the lesson's address leaves, divided by 4", 0)}}, {Holds, Evidence{at("5 is at", 0x3fffffce)}}},
	"raw-pointer":        {{InPart, nil}, {Holds, Evidence{no("the block is freed when x goes out of scope")}}, {DoesNotHold, Evidence{at("the bytes of x, as an address", 5)}}},
	"heap-types-grow":    {{InPart, nil}, {Holds, Evidence{size("at last, that too", 64)}}, {DoesNotHold, Evidence{size("at last", 16)}}},
	"any-size":           {{InPart, nil}, {Holds, Evidence{n("of them set aside to the byte", 5), no("one byte more than the heap is refused")}}, {DoesNotHold, Evidence{n("sizes that were to be had", 0)}}},
	"must-search":        {{Holds, nil}, {InPart, Evidence{size("the largest free block", 1<<20)}}, {DoesNotHold, Evidence{n("free blocks looked at for a request", 0)}}},
	"any-order":          {{Holds, nil}, {DoesNotHold, Evidence{n("of them while a newer block was in use", 0)}}, {Untold, Evidence{n("blocks freed", 0)}}},
	"finds-spot":         {{Holds, nil}, {DoesNotHold, Evidence{size("found", 16)}}},
	"marks-used":         {{Holds, nil}, {DoesNotHold, Evidence{says("its state after the mark", probe.BlockFree)}}},
	"returns-address":    {{Holds, nil}, {DoesNotHold, Evidence{says("v.ptr", "0x4")}}},
	"marks-free":         {{Holds, nil}, {DoesNotHold, Evidence{says("its state after", probe.BlockUsed)}}},
	"reused":             {{Holds, nil}, {DoesNotHold, Evidence{at("d's text is at", 0x1000)}}},
	"stale-pointer":      {{InPart, nil}, {Holds, Evidence{at("p after that", 0)}}, {DoesNotHold, Evidence{no("that is another owner's byte")}}},
	"bookkeeping":        {{Holds, nil}, {DoesNotHold, Evidence{says("the heap's entry for the spot, before", "free"), says("the same after", "free"), n("entries before", 3), n("entries after", 3)}}},
	"contiguous":         {{InPart, nil}, {Holds, Evidence{size("between those", 32)}}, {DoesNotHold, Evidence{size("between them", 32)}}, {Untold, Evidence{n("frames", 1)}}},
	"outlives":           {{Holds, nil}, {DoesNotHold, Evidence{says("its state", probe.BlockFree)}}, {DoesNotHold, Evidence{n("frames of keep after the return", 1)}}},
	"must-return":        {{InPart, nil}, {InPart, Evidence{no("Go's collector took back what nobody returned")}}, {Holds, Evidence{n("blocks in use when main has returned", 0)}}},
	"leak":               {{Holds, nil}, {DoesNotHold, Evidence{n("of them with an owner", 2)}}},
	"double-free": {
		{InPart, nil}, {InPart, Evidence{no("freeing what another owner has by now is taken")}}, {Holds, Evidence{yes("the process was ended")}},
		{DoesNotHold, Evidence{no("twice in a row is refused")}},
	},
	"drop-inserted": {{Holds, nil}, {InPart, Evidence{n("lines that free something", 1)}}, {DoesNotHold, Evidence{n("blocks freed", 1)}}, {Untold, Evidence{n("blocks allocated", 0)}}},
	"drop-order":    {{Holds, nil}, {DoesNotHold, Evidence{says("dropped", "name, numbers, boxed")}}},
	"right-time":    {{InPart, nil}, {Holds, Evidence{says("its state when main is over", probe.BlockFree)}}, {DoesNotHold, Evidence{n("blocks freed then", 0)}}},
	"type-tells":    {{InPart, nil}, {Holds, Evidence{says("where it leads", "heap"), says("where that leads", "heap")}}, {Untold, Evidence{says("the type of one pointer", "&i32")}}},
	"pointer-followed": {
		{Holds, nil}, {DoesNotHold, Evidence{at("the address that is read", 0x1000)}},
	},
	"ownership-heap": {
		{InPart, nil}, {Holds, Evidence{says("p, all of it on the stack, after let q = p", "live")}}, {DoesNotHold, Evidence{says("s, whose text is on the heap, after let r = s", "live")}},
	},
	"shared-threads": {{Holds, Evidence{n("marks spoilt", 0)}}, {InPart, Evidence{n("marks spoilt", 3)}}, {DoesNotHold, Evidence{at("the block when main owns it", 0x1000)}}},
	"own-stack":      {{Holds, nil}, {DoesNotHold, Evidence{n("stacks that overlap another", 1)}}, {Untold, Evidence{n("threads", 1)}}},
	"shared-pool":    {{Holds, nil}, {Holds, Evidence{no("thread a reads a variable on main's stack")}}, {DoesNotHold, Evidence{no("it is in the heap that main has")}}},
	"one-to-eight": {
		{Holds, Evidence{yes("the first thread's stack has a limit"), size("the first thread's", 8<<20), size("a spawned thread's", 2<<20)}},
		{InPart, Evidence{yes("the first thread's stack has a limit"), size("the first thread's", 64<<20), size("a spawned thread's", 2<<20)}},
		{InPart, Evidence{no("the first thread's stack has a limit"), size("a spawned thread's", 2<<20)}},
		{DoesNotHold, Evidence{yes("the first thread's stack has a limit"), size("the first thread's", 64<<20), size("a spawned thread's", 64<<10)}},
	},
	"stack-overflow": {{Holds, nil}, {InPart, Evidence{no("that is in the guard page"), at("the fault", 0x1000)}}, {DoesNotHold, Evidence{no("that is in the guard page"), at("its lowest byte", 0)}}},
	"stack-size-compiled": {
		{DoesNotHold, Evidence{says("a program's limit, in bytes", "8388608"), says("the same program's limit, started anew", "1048576")}},
		{Holds, Evidence{n("sizes of stacks in one run of one program", 1), says("a program's limit, in bytes", "8388608"), says("the same program's limit, started anew", "8388608")}},
		{DoesNotHold, Evidence{without("the same program's limit, started anew")}},
		{Untold, Evidence{n("sizes of stacks in one run of one program", 1), without("the same program's limit, started anew")}},
	},
	"stack-block": {{InPart, nil}, {Holds, Evidence{size("addresses set aside for the stack", 4096), size("of these, memory that may be used", 4096)}}, {DoesNotHold, Evidence{size("addresses set aside for the stack", 0)}}},
	"in-ram": {
		{InPart, Evidence{n("pages of the block", 6), n("in memory when it was allocated", 0), n("in memory when three were written", 3)}},
		{Holds, Evidence{n("pages of the block", 6), n("in memory when it was allocated", 6), n("in memory when three were written", 6)}},
	},
	"just-a-pointer": {
		{Holds, nil}, {InPart, Evidence{ns("a frame of 64 KiB", 900)}}, {DoesNotHold, Evidence{nodifference("block to frame", 1)}}, {Untold, Evidence{unclear("block to frame", 9)}},
	},
	"nanoseconds": {
		{Holds, nil}, {InPart, Evidence{ns("call of a compiled function with 64 bytes", 2000)}},
		{DoesNotHold, Evidence{ns("call of a compiled function with 64 bytes", 2000), ns("push and pop of 64 bytes", 2000)}},
	},
	"heap-slower": {
		{Holds, nil}, {InPart, Evidence{nodifference("a block of 64 KiB, to a frame", 1)}}, {Untold, Evidence{unclear("a block of 64 KiB, to a frame", 1)}},
		{DoesNotHold, Evidence{nodifference("a block of 64 KiB, to a frame", 1), nodifference("a block of 64 bytes, to a frame", 1), nodifference("Go's make of 64 bytes, to a frame", 1)}},
	},
	"gc-overhead": {{Holds, nil}, {Untold, Evidence{n("collections meanwhile", 0)}}, {DoesNotHold, Evidence{ns("the collector's time, a make", 0)}}},
	"more-work": {
		{Holds, nil}, {InPart, Evidence{nodifference("a block of 64 bytes, to a frame", 1)}}, {InPart, Evidence{n("free blocks looked at for one request", 0)}},
		{DoesNotHold, Evidence{n("free blocks looked at for one request", 0), nodifference("a block of 64 bytes, to a frame", 1)}},
	},
	"free-or-access": {
		{Holds, nil}, {Holds, Evidence{slower("reading on the heap, to reading on the stack", 3)}}, {DoesNotHold, Evidence{nodifference("freeing to reading", 1)}}, {Untold, Evidence{unclear("freeing to reading", 1)}},
	},
	"jump-around": {
		{InPart, nil}, {Holds, Evidence{slower("64 MiB on the heap, in place", 4)}}, {InPart, Evidence{slower("64 MiB on the heap, in place", 1.1)}},
		{DoesNotHold, Evidence{nodifference("through pointers, shuffled", 1)}}, {Untold, Evidence{unclear("through pointers, shuffled", 1)}},
	},
}
