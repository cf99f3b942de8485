package claims

import (
	"math"

	"memprobe/probe"
	"memprobe/probe/timing"
)

// What is said about speed. Times are of this run; a difference is one only where the
// measurement finds it.

var justAPointer = &Claim{
	ID: "just-a-pointer", Lesson: StackVsHeap, Where: "The Stack",
	Words:  "This makes allocation and deallocation extremely fast -- just moving a pointer.",
	Test:   "Frames of 64 bytes and of 64 KiB are pushed and popped, and blocks of 64 bytes allocated and freed, all timed side by side.",
	ByHand: []string{"memprobe bench --quick --only size"},
	Gather: func(l *Lab) Evidence {
		return Evidence{
			l.took("a frame of 64 bytes, pushed and popped", "size", "stack", smallSize),
			l.took("a frame of 64 KiB", "size", "stack", largeSize),
			l.took("a block of 64 bytes, allocated and freed", "size", "heap", smallSize),
			l.ratio("block to frame", "size", "heap", smallSize),
		}
	},
	Judge: func(r *Reading) Judgement {
		small, large, heap := r.Figure("a frame of 64 bytes, pushed and popped"), r.Figure("a frame of 64 KiB"), r.Figure("block to frame")
		switch {
		case heap.unclear():
			return cannotTell("the rounds were too few to compare frame and block")
		case !heap.slower():
			return doesNot("No block was found to be slower than a frame.")
		case large.Median > 3*small.Median:
			return inPart("A frame is faster than a block, but its size matters: %s ns for 64 bytes, %s ns for 64 KiB.", significant(small.Median), significant(large.Median))
		}
		return holds("%s ns for 64 bytes, %s ns for 64 KiB: the size does not matter, for one number changes. A block takes %s as long.", significant(small.Median), significant(large.Median), heap.times())
	},
}

var nanoseconds = &Claim{
	ID: "nanoseconds", Lesson: StackVsHeap, Where: "main's Stack Frame (picture)",
	Words:  "Allocated in nanoseconds. Freed in nanoseconds.",
	Test:   "Frames are pushed and popped on memprobe's stack, and a compiled function with a frame is called, both timed.",
	ByHand: []string{"memprobe bench --quick --only size"},
	Gather: func(l *Lab) Evidence {
		return Evidence{
			l.took("push and pop of 64 bytes", "size", "stack", smallSize),
			l.took("call of a compiled function with 64 bytes", "size", "call", smallSize),
		}
	},
	Judge: func(r *Reading) Judgement {
		ours, compiled := r.Figure("push and pop of 64 bytes").Median, r.Figure("call of a compiled function with 64 bytes").Median
		switch {
		case ours < 1000 && compiled < 1000:
			return holds("%s ns for a push and a pop here, %s ns for a compiled call with all that it does.", significant(ours), significant(compiled))
		case ours < 1000 || compiled < 1000:
			return inPart("%s ns for a push and a pop here, %s ns for a compiled call.", significant(ours), significant(compiled))
		}
		return doesNot("%s ns for a push and a pop here, %s ns for a compiled call: microseconds.", significant(ours), significant(compiled))
	},
}

var heapSlower = &Claim{
	ID: "heap-slower", Lesson: StackVsHeap, Where: "Heap properties",
	Words:  "Slower: the allocator must search for a free block",
	Test:   "A block of memprobe's heap and a slice of Go's are timed against a frame of the same size.",
	ByHand: []string{"memprobe bench --quick --only size"},
	Gather: func(l *Lab) Evidence {
		return Evidence{
			l.ratio("a block of 64 bytes, to a frame", "size", "heap", smallSize),
			l.ratio("Go's make of 64 bytes, to a frame", "size", "make", smallSize),
			l.ratio("a block of 64 KiB, to a frame", "size", "heap", largeSize),
		}
	},
	Judge: func(r *Reading) Judgement {
		small, goes, large := r.Figure("a block of 64 bytes, to a frame"), r.Figure("Go's make of 64 bytes, to a frame"), r.Figure("a block of 64 KiB, to a frame")
		switch {
		case small.unclear() || goes.unclear() || large.unclear():
			return cannotTell("the rounds were too few")
		case small.slower() && large.slower():
			return holds("A block of 64 bytes takes %s as long as a frame, one of 64 KiB %s. With nothing else in use the search ends at once; what remains is the keeping of books.", small.times(), large.times())
		case small.slower() || goes.slower() || large.slower():
			return inPart("Not at each size: %s as long at 64 bytes, %s at 64 KiB.", small.times(), large.times())
		}
		return doesNot("No difference was found, or the heap is faster.")
	},
}

var gcOverhead = &Claim{
	ID: "gc-overhead", Lesson: StackVsHeap, Where: "The Heap",
	Words:  "In garbage-collected languages, the GC handles this but adds runtime overhead.",
	Test:   "Slices of 64 KiB are made in Go and left to its collector, and the time that it takes is read from Go's runtime.",
	ByHand: []string{"memprobe bench --quick --only size", "GODEBUG=gctrace=1 memprobe bench --quick --only size"},
	Gather: func(l *Lab) Evidence {
		t, from := l.timing("size", "make", largeSize)
		return Evidence{
			l.took("make of 64 KiB", "size", "make", largeSize),
			counted("collections meanwhile", t.Collections, "runtime/metrics, "+from),
			{Name: "the collector's time, a make", Value: Figure{Median: t.Collecting, CI95: none(), Unit: "ns"}, From: "runtime/metrics, " + from},
		}
	},
	Judge: func(r *Reading) Judgement {
		n, cost, whole := r.Count("collections meanwhile"), r.Figure("the collector's time, a make").Median, r.Figure("make of 64 KiB").Median
		switch {
		case n == 0:
			return cannotTell("no collection happened while this was timed")
		case cost <= 0:
			return doesNot("%d collections took no time that the runtime could tell.", n)
		}
		return holds("A slice of 64 KiB takes %s ns, and by Go's own reckoning, which is too high on a busy machine, its collector takes %s ns for each on all cores: %s collections meanwhile.", significant(whole), significant(cost), Count(n))
	},
}

// none is the interval of a figure that has none.
func none() timing.Interval { return timing.Interval{math.Inf(-1), math.Inf(1)} }

var moreWork = &Claim{
	ID: "more-work", Lesson: Ownership2, Where: "Deallocation on the Heap",
	Words:  "Allocating data on the Heap requires more work than on the Stack",
	Test:   "It is counted what a request makes the heap look at and what a call makes the stack do, and both are timed.",
	ByHand: []string{"memprobe scenario alloc --step 3", "memprobe bench --quick --only size"},
	Gather: func(l *Lab) Evidence {
		s := l.run("alloc").step(3)
		return Evidence{
			counted("free blocks looked at for one request", len(s.event(probe.EventSearch).LookedAt), s.from()),
			counted("free blocks looked at for a push", 0, "there is no search"),
			l.ratio("a block of 64 bytes, to a frame", "size", "heap", smallSize),
		}
	},
	Judge: func(r *Reading) Judgement {
		looked, pushed, ratio := r.Count("free blocks looked at for one request"), r.Count("free blocks looked at for a push"), r.Figure("a block of 64 bytes, to a frame")
		switch {
		case looked <= pushed && !ratio.slower():
			return doesNot("Neither is more looked at nor does it take longer.")
		case looked > pushed && ratio.slower():
			return holds("One request looked at %d free blocks and wrote in the heap's books; a push changes one number. It takes %s as long here, on a heap with nothing else in use.", looked, ratio.times())
		case ratio.slower():
			return inPart("It takes %s as long, though nothing had to be searched.", ratio.times())
		}
		return inPart("%d free blocks were looked at, but no difference in time was found.", looked)
	},
}

var freeOrAccess = &Claim{
	ID: "free-or-access", Lesson: Ownership2, Where: "Deallocation on the Heap",
	Words:  "Deallocating data on the Heap is also slower than accessing data on the stack.",
	Test:   "Freeing a block is timed against reading a word on the stack; and reading the same array on the heap against reading it on the stack.",
	ByHand: []string{"memprobe bench --quick --only size,access"},
	Gather: func(l *Lab) Evidence {
		return Evidence{
			l.took("a word read on the stack", "freeing", "read on the stack", smallSize),
			l.took("a block freed", "freeing", "free", smallSize),
			l.ratio("freeing to reading", "freeing", "free", smallSize),
			l.ratio("reading on the heap, to reading on the stack", "access", "heap, in place", nearSet),
		}
	},
	Judge: func(r *Reading) Judgement {
		freeing, reading := r.Figure("freeing to reading"), r.Figure("reading on the heap, to reading on the stack")
		switch {
		case freeing.unclear() || reading.unclear():
			return cannotTell("the rounds were too few")
		case !freeing.slower():
			return doesNot("Freeing a block was not found to be slower than reading a word on the stack.")
		case reading.slower():
			return holds("Freeing takes %s as long as reading on the stack; and reading on the heap %s.", freeing.times(), reading.times())
		}
		return holds("It takes %s as long. That says nothing of reading on the heap: there the same array takes %s as long as on the stack (%s).", freeing.times(), reading.times(), reading.Verdict)
	},
}

var jumpAround = &Claim{
	ID: "jump-around", Lesson: Ownership2, Where: "Deallocation on the Heap",
	Words:  "The processor has to 'jump around' to wherever the pointer is pointing to in order to access the data.",
	Test:   "The same elements are read in place, through pointers in the order of their addresses, and through pointers in random order: 16 KiB and 64 MiB of them.",
	ByHand: []string{"memprobe bench --quick --only access"},
	Gather: func(l *Lab) Evidence {
		return Evidence{
			l.took("64 MiB on the stack, in place", "access", "stack, in place", farSet),
			l.ratio("64 MiB on the heap, in place", "access", "heap, in place", farSet),
			l.ratio("through pointers in order", "access", "pointers, in order", farSet),
			l.ratio("through pointers, shuffled", "access", "pointers, shuffled", farSet),
			l.ratio("16 KiB through pointers, shuffled", "access", "pointers, shuffled", nearSet),
			sized("the processor's last cache", l.timed().Machine.LastCache(), "/sys/devices/system/cpu"),
		}
	},
	Judge: func(r *Reading) Judgement {
		place, shuffled := r.Figure("64 MiB on the heap, in place"), r.Figure("through pointers, shuffled")
		ordered, near := r.Figure("through pointers in order"), r.Figure("16 KiB through pointers, shuffled")
		switch {
		case place.unclear() || shuffled.unclear():
			return cannotTell("the rounds were too few")
		case !shuffled.slower():
			return doesNot("Not even shuffled pointers into 64 MiB were found to be slower.")
		case place.slower() && place.Median > 1.5:
			return holds("On the heap the same data takes %s as long in place, %s through shuffled pointers.", place.times(), shuffled.times())
		}
		return inPart("Through shuffled pointers into 64 MiB: %s as long as in place on the stack. In order: %s. Shuffled within 16 KiB: %s. In place on the heap: %s. It is the order of the addresses and the caches that count, not the heap.",
			shuffled.times(), ordered.verdict(), near.verdict(), place.verdict())
	},
}
