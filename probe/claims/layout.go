package claims

import (
	"fmt"
	"runtime"
	"strings"

	"memprobe/layout"
	"memprobe/mmapheap"
	"memprobe/probe"
)

// Where the parts of memory lie.

var twoRegions = &Claim{
	ID: "two-regions", Lesson: StackVsHeap, Where: "Two Regions of Memory",
	Words:  "the operating system gives it memory organized into two main regions: the stack and the heap",
	Test:   "A small program written in C is started, and each mapping that the kernel gave it is looked at.",
	ByHand: []string{"cat /proc/self/maps", "memprobe maps --all"},
	Gather: func(l *Lab) Evidence {
		maps, err := l.otherMaps()
		if err != nil {
			lose("%v", err)
		}
		stacks, heaps := 0, 0
		for _, m := range maps {
			switch m.Name {
			case "[stack]":
				stacks++
			case "[heap]":
				heaps++
			}
		}
		return Evidence{
			counted("mappings", len(maps), otherFrom),
			counted("of them [stack]", stacks, otherFrom),
			counted("of them [heap]", heaps, otherFrom),
		}
	},
	Judge: func(r *Reading) Judgement {
		all, stack, heap := r.Count("mappings"), r.Count("of them [stack]"), r.Count("of them [heap]")
		switch {
		case stack == 0 || heap == 0:
			return doesNot("One of the two is not there: of %d mappings %d are [stack], %d are [heap].", all, stack, heap)
		case all > stack+heap:
			return inPart("Both are there, but the kernel gave this program %d mappings. The other %d are code, constants, static data, libraries and the kernel's own.", all, all-stack-heap)
		}
		return holds("All that is mapped is stack or heap.")
	},
}

var layoutOrder = &Claim{
	ID: "layout-order", Lesson: StackVsHeap, Where: "Process Memory Layout (picture)",
	Words:  "High addresses, Stack, free space, Heap, Static/Global, Code (text), Low addresses",
	Test:   "An object is found for each part, and their addresses are put in order; then the same in another program, a small one in C.",
	ByHand: []string{"memprobe scenario layout --step 4", "cat /proc/self/maps"},
	Gather: func(l *Lab) Evidence {
		s := l.run("layout").step(0)
		e := Evidence{}
		inOrder, place := true, -1
		for _, m := range s.Landmarks {
			for i, d := range layout.Textbook {
				if d.Segment == m.Segment {
					inOrder, place = inOrder && i >= place, i
				}
			}
			e = append(e, located(string(m.Segment)+": "+m.What, m.Addr, s.from()))
		}
		e = append(e, seen("from high to low as in the picture", inOrder && len(s.Landmarks) >= len(layout.Textbook), "the addresses above"))
		stack, heap, code, err := l.otherParts()
		if err != nil {
			return append(e, missing("in another program as well", otherFrom, err))
		}
		return append(e,
			located("its [stack]", stack, otherFrom), located("its [heap]", heap, otherFrom), located("its code", code, otherFrom),
			seen("in another program as well", stack > heap && heap > code, otherFrom))
	},
	Judge: func(r *Reading) Judgement {
		const here, there = "from high to low as in the picture", "in another program as well"
		ours := r.Yes(here)
		switch {
		case ours && !r.Has(there):
			return holds("From high addresses to low they lie as the picture has them.")
		case ours && r.Yes(there):
			return holds("From high addresses to low they lie as the picture has them, in memprobe and in another program. The free space is far larger than drawn.")
		case ours || r.Has(there) && r.Yes(there):
			return inPart("One of the two programs looked at has its parts in another order.")
		}
		return doesNot("The parts lie in another order here.")
	},
}

var stackGrowsDown = &Claim{
	ID: "stack-grows-down", Lesson: StackVsHeap, Where: "Process Memory Layout (picture)",
	Words:  "grows downward",
	Test:   "A function is called, and the address of its frame is compared with that of its caller's; the kernel is asked for its flags of [stack].",
	ByHand: []string{"memprobe scenario frames --step 2", "grep -A 25 stack /proc/self/smaps | grep VmFlags"},
	Gather: func(l *Lab) Evidence {
		s := l.run("frames").step(2)
		e := Evidence{
			located("main's frame", s.frame("main").Start, s.from()),
			located("the frame of add, which main calls", s.frame("add").Start, s.from()),
		}
		flags, err := stackFlags()
		if err != nil {
			return append(e, missing("the kernel's flags of [stack]", "/proc/self/smaps", err))
		}
		return append(e, quoted("the kernel's flags of [stack]", flags, "/proc/self/smaps"))
	},
	Judge: func(r *Reading) Judgement {
		caller, called := r.Addr("main's frame"), r.Addr("the frame of add, which main calls")
		switch {
		case called > caller:
			return doesNot("The called function's frame lies higher than its caller's.")
		case !r.Has("the kernel's flags of [stack]"):
			return holds("The called function's frame lies %d bytes lower.", caller.Sub(called))
		case !strings.Contains(" "+r.Text("the kernel's flags of [stack]")+" ", " gd "):
			return inPart("memprobe's stack grows down; the kernel's flags of [stack] have no gd, which means that it does.")
		}
		return holds("The called function's frame lies %d bytes lower, and the kernel marks [stack] with gd: it grows down.", caller.Sub(called))
	},
}

var heapGrowsUp = &Claim{
	ID: "heap-grows-up", Lesson: StackVsHeap, Where: "Process Memory Layout (picture)",
	Words:  "grows upward",
	Test:   "Blocks are asked for one after the other and their addresses compared; then two large mappings are made, as heaps do for large blocks.",
	ByHand: []string{"memprobe scenario alloc --step 1", "strace -e mmap,brk ls"},
	Gather: func(l *Lab) Evidence {
		story := l.run("alloc")
		blocks := story.step(1).Events
		n, ascending := 0, true
		var last probe.Event
		for _, e := range blocks {
			if e.Kind != probe.EventAlloc {
				continue
			}
			ascending, last = ascending && (n == 0 || e.Addr > last.Addr), e
			n++
		}
		if n < 2 {
			lose("scenario alloc asks for no two blocks in its first step")
		}
		first := l.memory().Range()
		second, err := mmapheap.Reserve(mmapheap.Config{})
		if err != nil {
			lose("%v", err)
		}
		place := second.Range()
		if err := second.Release(); err != nil {
			lose("%v", err)
		}
		return Evidence{
			counted("blocks asked for in a row", n, story.step(1).from()),
			seen("each lies above the one before", ascending, story.step(1).from()),
			located("a mapping that the kernel chose a place for", first.Lo, "mmap(2)"),
			located("the next one", place.Lo, "mmap(2)"),
		}
	},
	Judge: func(r *Reading) Judgement {
		first, next := r.Addr("a mapping that the kernel chose a place for"), r.Addr("the next one")
		switch {
		case !r.Yes("each lies above the one before"):
			return doesNot("A later block lies below an earlier one, though nothing was freed.")
		case next < first:
			return inPart("This heap grows up, and so does a [heap] that the kernel extends with brk. But large blocks are mappings of their own in most allocators, and here the kernel puts each below the one before.")
		}
		return holds("Later blocks and later mappings lie higher.")
	},
}

var stackBlock = &Claim{
	ID: "stack-block", Lesson: Ownership2, Where: "Stack Memory",
	Words:  "The Stack is a big block of memory",
	Test:   "The span of addresses that a stack may grow into is compared with what of it may be used so far.",
	ByHand: []string{"memprobe scenario frames --format json", "grep -A 3 stack /proc/self/smaps"},
	Gather: func(l *Lab) Evidence {
		story := l.run("frames")
		var usable Size
		for _, e := range story.events(probe.EventGrow) {
			if story.Memory.Stack.Contains(e.Addr) {
				usable += Size(e.Size)
			}
		}
		return Evidence{
			sized("addresses set aside for the stack", story.Memory.Stack.Size(), "the reservation"),
			{Name: "of these, memory that may be used", Value: usable, From: story.from() + ", grow"},
			counted("page faults", story.step(1).Kernel.Faults, "getrusage(2), step 1"),
		}
	},
	Judge: func(r *Reading) Judgement {
		all, usable := r.Size("addresses set aside for the stack"), r.Size("of these, memory that may be used")
		switch {
		case usable == 0 || all == 0:
			return doesNot("Nothing is set aside for the stack before it is needed.")
		case usable < all:
			return inPart("It is one block of addresses, %s of them in a row. Memory stands behind %s of that so far; the rest comes page by page, as calls get deeper.", short(all), short(usable))
		}
		return holds("All of its %s are there from the start.", short(all))
	},
}

var inRAM = &Claim{
	ID: "in-ram", Lesson: Ownership2, Where: "Heap Allocation Code Example",
	Words:  "the Heap and Stack as they are both part of the Computer Memory (the RAM)",
	Test:   "A block of several pages is allocated, some of them are written, and the kernel is asked which of them are in memory.",
	ByHand: []string{"memprobe scenario first-touch", "memprobe maps"},
	Gather: func(l *Lab) Evidence {
		story := l.run("first-touch")
		pages := func(n int) (in, all int) {
			s := story.step(n)
			for _, touched := range s.frame("main").v("v").owned().Touched {
				all++
				if touched {
					in++
				}
			}
			if all == 0 {
				lose("the kernel does not tell which pages are in memory")
			}
			return in, all
		}
		before, all := pages(2)
		after, _ := pages(3)
		return Evidence{
			counted("pages of the block", all, story.step(2).from()),
			counted("in memory when it was allocated", before, "/proc/self/pagemap"),
			counted("in memory when three were written", after, "/proc/self/pagemap"),
		}
	},
	Judge: func(r *Reading) Judgement {
		all, before := r.Count("pages of the block"), r.Count("in memory when it was allocated")
		if after := r.Count("in memory when three were written"); before < all && after <= all {
			return inPart("What has been written is in memory. Of the block's %d pages %d were in memory when it was allocated, and %d after three writes: the rest are addresses, with nothing behind them yet.", all, before, after)
		}
		return holds("All %d pages were in memory when the block was allocated.", all)
	},
}

var managedByCPU = &Claim{
	ID: "managed-by-cpu", Lesson: StackVsHeap, Where: "The Stack",
	Words:  "a Last-In, First-Out (LIFO) data structure managed automatically by the CPU",
	Test:   "The machine code of one of memprobe's own functions is read from memory, to see what moves the stack pointer.",
	ByHand: []string{disassembled, assembly("fn main() { let a = [1u8; 64]; print!(\"{}\", a[3]) }")},
	Gather: func(l *Lab) Evidence {
		p := ownPrologue(framed)
		own := false
		for _, m := range l.mappings() {
			own = own || m.Contains(p.at) && m.Perms&layout.Executable != 0 && m.Inode != 0
		}
		return Evidence{
			located("the function", p.at, "its address"),
			quoted("it begins with the bytes", p.bytes(), "/proc/self/mem"),
			quoted("what takes the room for its frame", p.last(), "decoded, "+runtime.GOARCH),
			seen("that is an instruction of the program's own", own, "/proc/self/maps: it lies in the program's file"),
		}
	},
	Judge: func(r *Reading) Judgement {
		if r.Yes("that is an instruction of the program's own") {
			return inPart("The processor has the register, and its call and return instructions. What makes room for a frame is an instruction in the function, %q, which the compiler wrote.",
				r.Text("what takes the room for its frame"))
		}
		return holds("No instruction of the program moves the stack pointer.")
	},
}

var oneInstruction = &Claim{
	ID: "one-instruction", Lesson: StackVsHeap, Where: "Stack properties",
	Words:  "(a single CPU instruction)",
	Test:   "The instructions are counted with which a compiled function begins, up to the one that makes room for its frame.",
	ByHand: []string{disassembled, assembly("fn main() { let a = [1u8; 64]; print!(\"{}\", a[3]) }")},
	Gather: func(*Lab) Evidence {
		p := ownPrologue(framed)
		return Evidence{
			quoted("the function begins with", p.text(), "/proc/self/mem, decoded"),
			counted("instructions up to the one that makes room", len(p.instructions), "counted"),
			counted("bytes that it makes room for", p.frame, "the last of them"),
		}
	},
	Judge: func(r *Reading) Judgement {
		n, text := r.Count("instructions up to the one that makes room"), r.Text("the function begins with")
		switch {
		case n < 1:
			return doesNot("No instruction makes room: the function has no frame.")
		case n == 1:
			return holds("One instruction makes room for all variables of the function: %s.", text)
		}
		return inPart("One instruction does make room for all variables at once, %d bytes here. But it is number %d in this function: %s. And the call came before that.",
			r.Count("bytes that it makes room for"), n, text)
	},
}

var incrementing = &Claim{
	ID: "incrementing", Lesson: StackVsHeap, Where: "Stack properties",
	Words:  "allocation is just incrementing the stack pointer",
	Test:   "The stack pointer is read before and after a call.",
	ByHand: []string{"memprobe scenario frames --step 2", disassembled},
	Gather: func(l *Lab) Evidence {
		story := l.run("frames")
		before, after := story.step(1), story.step(2)
		return Evidence{
			located("sp before the call", before.SP, before.from()),
			located("sp after the call", after.SP, after.from()),
			quoted("what a compiled function does", ownPrologue(framed).last(), "/proc/self/mem, decoded"),
		}
	},
	Judge: func(r *Reading) Judgement {
		before, after := r.Addr("sp before the call"), r.Addr("sp after the call")
		switch {
		case after > before:
			return holds("The stack pointer goes up by %d.", after.Sub(before))
		case after == before:
			return cannotTell("the call did not move the stack pointer")
		}
		return doesNot("It is decremented: a push takes %d bytes off the stack pointer, since the stack grows toward lower addresses. Giving the room back adds them again.", before.Sub(after))
	},
}

var spArrow = &Claim{
	ID: "sp-arrow", Lesson: StackVsHeap, Where: "Stack Frames During Execution (picture)",
	Words:  "stack pointer",
	Test:   "While add runs, the stack pointer is compared with the ends of both frames; the picture has its arrow at main's.",
	ByHand: []string{"memprobe scenario frames --step 2"},
	Gather: func(l *Lab) Evidence {
		s := l.run("frames").step(2)
		return Evidence{
			located("sp", s.SP, s.from()),
			located("add's frame begins at", s.frame("add").Start, s.from()),
			located("main's frame begins at", s.frame("main").Start, s.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		sp, add, main := r.Addr("sp"), r.Addr("add's frame begins at"), r.Addr("main's frame begins at")
		switch sp {
		case main:
			return holds("The stack pointer is at the edge of main's frame.")
		case add:
			return doesNot("The arrow of step 2 stands at main's edge. While add runs, the stack pointer is at add's: %v, the lowest byte in use, where the picture says \"top\".", sp)
		}
		return doesNot("The stack pointer is at neither frame's edge.")
	},
}

// stackOnly are the runs whose frames are all on one stack, and told one by one.
func stackOnly(l *Lab) []story {
	var all []story
	for _, s := range l.everyStory() {
		one := true
		for i := range s.Steps {
			one = one && len(s.Steps[i].Threads) == 0
			for _, f := range s.Steps[i].Frames {
				one = one && f.Calls == 0
			}
		}
		if one {
			all = append(all, s)
		}
	}
	return all
}

var lifo = &Claim{
	ID: "lifo", Lesson: StackVsHeap, Where: "The Stack",
	Words:  "The stack is a Last-In, First-Out (LIFO) data structure",
	Test:   "In the runs of all scenarios with one stack, each return is held against the calls that were in progress.",
	ByHand: []string{"memprobe scenario lifo", "memprobe scenario nested"},
	Gather: func(l *Lab) Evidence {
		all := stackOnly(l)
		returns, early := 0, 0
		for _, s := range all {
			var open []probe.Event
			for i := range s.Steps {
				for _, e := range s.Steps[i].Events {
					switch e.Kind {
					case probe.EventCall:
						open = append(open, e)
					case probe.EventReturn:
						returns++
						if n := len(open); n == 0 || open[n-1].Addr != e.Addr {
							early++
						} else {
							open = open[:n-1]
						}
					}
				}
			}
		}
		return Evidence{
			counted("returns", returns, fmt.Sprintf("%d scenarios", len(all))),
			counted("of a frame that was not the newest", early, fmt.Sprintf("%d scenarios", len(all))),
		}
	},
	Judge: func(r *Reading) Judgement {
		n, early := r.Count("returns"), r.Count("of a frame that was not the newest")
		switch {
		case n == 0:
			return cannotTell("no function returned")
		case early > 0:
			return doesNot("%d of %d returns took a frame from below another one.", early, n)
		}
		return holds("In all %d returns the frame that went was the one that had come last.", n)
	},
}
