package mmapheap

// Class is the kind of mistake that a report is about.
type Class string

// The classes of mistakes.
const (
	DoubleFree          Class = "double free"
	InvalidFree         Class = "invalid free"   // what was given is not a block's start: Reason says what it is
	InvalidResize       Class = "invalid resize" // likewise
	ResizeAfterFree     Class = "resize after free"
	Overflow            Class = "overflow"     // past the end of a heap block or a static
	FarOverflow         Class = "far overflow" // right into another block in use
	StackBufferOverflow Class = "stack buffer overflow"
	Underflow           Class = "underflow" // before the start of a block
	ZeroSizeUse         Class = "use of a block of 0 bytes"
	UseAfterFree        Class = "use after free"
	UseAfterResize      Class = "use after resize"
	UseAfterReturn      Class = "use after return"
	Uninitialised       Class = "uninitialised read"
	Leak                Class = "leak"
	StackOverflow       Class = "stack overflow"
	WildAccess          Class = "wild access" // to where no block ever was
)

// lessons say in one sentence what is wrong with each of them.
var lessons = map[Class]string{
	DoubleFree:          "The block had been freed before. Its memory may have a new owner by now, and a second free takes it from that one.",
	InvalidFree:         "Only what alloc returned may be freed: the first address of a block of the heap, once.",
	InvalidResize:       "Only what alloc returned may be resized: the first address of a block of the heap.",
	ResizeAfterFree:     "The block had been freed before. Nothing is left to be resized: its memory may have a new owner by now.",
	Overflow:            "The access runs past the end of the block. The bytes there belong to something else, or to nobody.",
	FarOverflow:         "The access lands far outside its own block, right in another one that is in use. Memory is there, so nothing else notices.",
	StackBufferOverflow: "The access runs past the end of the local variable, into what lies next to it in the stack frame.",
	Underflow:           "The access begins before the start of the block. The bytes there belong to something else, or to nobody.",
	ZeroSizeUse:         "The block was made with 0 bytes: it has an address, but no byte of it may be used.",
	UseAfterFree:        "The block had been freed. Its memory may have a new owner by now, and hold anything.",
	UseAfterResize:      "A resize has moved the block and freed the old one. Use the pointer that resize returned.",
	UseAfterReturn:      "The function has returned. Its local variables ended with it, and the next call reuses their memory.",
	Uninitialised:       "The program has never written these bytes. They hold whatever was left there before.",
	Leak:                "No pointer to the block is left where the program could find it, so that nobody can free it any more.",
	StackOverflow:       "The frame does not fit into what is left of the stack. Too deep a recursion or too large a local variable does that.",
	WildAccess:          "There is no block at this address and never was one. The pointer was made up, or it was never set.",
}

// Net is what noticed a mistake.
type Net string

// The nets, and what notices mistakes without any.
const (
	NetCanary     Net = "canary"
	NetPoison     Net = "poison"
	NetQuarantine Net = "quarantine"
	NetGuarded    Net = "guarded page" // of the block itself
	NetAccess     Net = "checked access"
	NetHeap       Net = "heap"       // which looks at every address that is given back
	NetStack      Net = "guard page" // below the stack
)

// Reasons why an address may be neither freed nor resized, besides those of the
// heap; they are ErrNotABlock as well.
var (
	// ErrOnStack: the address is one of the stack's.
	ErrOnStack error = notABlock("on the stack, where blocks end with their frame")
	// ErrStatic: the address is that of a static.
	ErrStatic error = notABlock("a static, which lives as long as the program")
	// ErrAstray: the pointer has left the block that it was made for.
	ErrAstray error = notABlock("outside the block that the pointer was made for")
)

// noticers say what each net is.
var noticers = map[Net]string{
	NetCanary:     "the canary, known bytes around each block",
	NetPoison:     "the poison, known bytes that fill what has ended",
	NetQuarantine: "the quarantine, which holds freed blocks back from reuse",
	NetGuarded:    "the kernel, at a page that guards the block",
	NetAccess:     "checked access, which knows the block of each pointer",
	NetHeap:       "the heap, which looks at every address that it is given back",
	NetStack:      "the kernel, at the guard page below the stack",
}
