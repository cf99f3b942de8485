package claims

import (
	"fmt"
	"strings"
)

// What threads share.

var passed = &Claim{
	ID: "shared-threads", Lesson: StackVsHeap, Where: "Heap properties",
	Words:  "heap data can be passed between threads (with proper synchronization)",
	Test:   "A thread makes a box and gives it to main; before that, two threads use the heap at once and look for each other's marks in their blocks.",
	ByHand: []string{"memprobe scenario threads"},
	Gather: func(l *Lab) Evidence {
		story := l.run("threads")
		made, given := story.step(3), story.step(4)
		block := made.frame("maker").v("parcel").owned()
		spoilt := -1
		for _, f := range story.step(2).Facts {
			if f.What == "marks spoilt" {
				if _, err := fmt.Sscanf(strings.ReplaceAll(f.Value, ",", ""), "%d", &spoilt); err != nil {
					lose("marks spoilt: %v", err)
				}
			}
		}
		if spoilt < 0 {
			lose("%s does not count marks", story.step(2).from())
		}
		return Evidence{
			located("the block when thread b owns it", block.Addr, made.from()),
			located("the block when main owns it", given.frame("main").v("parcel").owned().Addr, given.from()),
			counted("marks spoilt", spoilt, story.step(2).from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		switch spoilt := r.Count("marks spoilt"); {
		case r.Addr("the block when thread b owns it") != r.Addr("the block when main owns it"):
			return doesNot("main got another block than b made.")
		case spoilt > 0:
			return inPart("The box was passed; but two threads had the same block, and %d marks were spoilt.", spoilt)
		}
		return holds("The block stayed where it was and got another owner in another thread. With the heap behind a lock, no thread found another's mark in its block.")
	},
}

var ownStack = &Claim{
	ID: "own-stack", Lesson: Ownership2, Where: "Stack Memory",
	Words:  "each thread within a process has its own stack",
	Test:   "Three threads of the system's run at once, and the spans of their stacks are compared.",
	ByHand: []string{"memprobe scenario threads --step 1", "gdb -p $(pgrep -n memprobe) -batch -ex 'thread apply all print $sp'"},
	Gather: func(l *Lab) Evidence {
		s := l.run("threads").step(1)
		var e Evidence
		overlaps := 0
		for i, t := range s.Threads {
			e = append(e, quoted(fmt.Sprintf("stack of %s, thread %d", t.Name, i+1), t.Stack.String(), s.from()))
			for _, other := range s.Threads[:i] {
				if t.Stack.Overlaps(other.Stack) {
					overlaps++
				}
			}
		}
		return append(e, counted("threads", len(s.Threads), "gettid(2)"), counted("stacks that overlap another", overlaps, s.from()))
	},
	Judge: func(r *Reading) Judgement {
		n, overlaps := r.Count("threads"), r.Count("stacks that overlap another")
		switch {
		case n < 2:
			return cannotTell("there is one thread only")
		case overlaps > 0:
			return doesNot("%d stacks overlap another one.", overlaps)
		}
		return holds("%d threads, %d stacks, and none overlaps another. A stack ends with its thread.", n, n)
	},
}

var sharedPool = &Claim{
	ID: "shared-pool", Lesson: Ownership2, Where: "Heap Memory",
	Words:  "the Heap is a shared pool of memory accessible to the entire program",
	Test:   "It is seen from which threads the one heap was used, and whether a thread can read another's stack as well.",
	ByHand: []string{"memprobe scenario threads --step 2", "memprobe scenario threads --step 3"},
	Gather: func(l *Lab) Evidence {
		story := l.run("threads")
		s := story.step(3)
		block := s.frame("maker").v("parcel").owned()
		n := s.frame("reader").v("n").pointer()
		return Evidence{
			located("thread b's block", block.Addr, s.from()),
			seen("it is in the heap that main has", story.Memory.Heap.Contains(block.Addr), s.from()),
			seen("main uses it when b has ended", story.step(4).frame("main").v("parcel").owned().Addr == block.Addr, story.step(4).from()),
			seen("thread a reads a variable on main's stack", story.Memory.Stack.Contains(n), s.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		shared := r.Yes("it is in the heap that main has") && r.Yes("main uses it when b has ended")
		switch {
		case !shared:
			return doesNot("Each thread has a heap of its own.")
		case r.Yes("thread a reads a variable on main's stack"):
			return holds("Both threads use one heap, and so does main. That does not set it apart: a followed a reference into main's stack, as all memory of a process is open to all of its threads.")
		}
		return holds("Both threads use one heap, and so does main.")
	},
}
