package claims

import (
	"memprobe/layout/addr"
	"memprobe/probe"
)

// How large stacks may get.

var oneToEight = &Claim{
	ID: "one-to-eight", Lesson: StackVsHeap, Where: "Stack properties",
	Words:  "Limited space: typically 1-8 MB per thread",
	Test:   "The limit of a program's first thread is read, and the stack that a spawned thread gets.",
	ByHand: []string{"ulimit -s", "memprobe scenario overflow --step 1", "cat /proc/self/limits"},
	Gather: func(l *Lab) Evidence {
		limit := stackRlimit()
		s := l.run("threads").step(1)
		e := Evidence{seen("the first thread's stack has a limit", limit != 0, "getrlimit(2)")}
		if limit != 0 {
			e = append(e, sized("the first thread's", limit, "getrlimit(2), RLIMIT_STACK"))
		}
		for _, t := range s.Threads {
			if t.Name != "main" {
				return append(e, sized("a spawned thread's", t.Stack.Size(), s.from()+", as std::thread has it"))
			}
		}
		return append(e, Item{Name: "a spawned thread's", From: s.from(), Missing: "no thread was spawned"})
	},
	Judge: func(r *Reading) Judgement {
		usual := func(n addr.Bytes) bool { return 1<<20 <= n && n <= 8<<20 }
		spawned := r.Size("a spawned thread's")
		if !r.Yes("the first thread's stack has a limit") {
			return inPart("A spawned thread of Rust's gets %s. The first thread's stack has no limit here: the shell that started memprobe has lifted it.", short(spawned))
		}
		first := r.Size("the first thread's")
		switch {
		case usual(first) && usual(spawned):
			return holds("%s for the first thread, %s for a spawned one of Rust's.", short(first), short(spawned))
		case usual(first) || usual(spawned):
			return inPart("%s for the first thread, %s for a spawned one of Rust's.", short(first), short(spawned))
		}
		return doesNot("%s for the first thread, %s for a spawned one of Rust's.", short(first), short(spawned))
	},
}

var overflows = &Claim{
	ID: "stack-overflow", Lesson: StackVsHeap, Where: "Stack properties",
	Words:  "(stack overflow if exceeded)",
	Test:   "A function calls itself without end; the address of the fault is compared with the end of the stack.",
	ByHand: []string{"memprobe scenario overflow", rustc("fn f(n: u64) -> u64 { f(n + 1) + n } f(1);")},
	Gather: func(l *Lab) Evidence {
		story := l.run("overflow")
		s := story.step(0)
		fault := s.event(probe.EventFault).Addr
		stack := story.Memory.Stack
		e := Evidence{
			sized("the stack", stack.Size(), "the reservation"),
			located("its lowest byte", stack.Lo, "the reservation"),
			located("the fault", fault, "SIGSEGV, caught, "+s.from()),
			seen("that is in the guard page", fault < stack.Lo && stack.Lo.Sub(fault) <= story.PageSize, "the addresses above"),
		}
		for _, f := range s.Facts {
			if f.What == "calls that have a frame" || f.What == "what may be done there" {
				e = append(e, quoted(f.What, f.Value, f.From))
			}
		}
		return e
	},
	Judge: func(r *Reading) Judgement {
		fault := r.Addr("the fault")
		switch {
		case r.Yes("that is in the guard page"):
			return holds("The call that found no room touched %v, in the guard page right below the stack: a fault.", fault)
		case fault < r.Addr("its lowest byte"):
			return inPart("There was a fault, at %v, but not in the guard page.", fault)
		}
		return doesNot("The fault at %v is not below the stack.", fault)
	},
}

var sizeCompiled = &Claim{
	ID: "stack-size-compiled", Lesson: Ownership2, Where: "Stack Memory",
	Words:  "typically with a fixed size defined during compilation",
	Test:   "One program is started twice, the second time with a limit that the shell has lowered; and two threads of one run are compared.",
	ByHand: []string{"sh -c 'ulimit -S -s 1024; cat /proc/self/limits' | grep stack", "memprobe scenario threads --step 1"},
	Gather: func(l *Lab) Evidence {
		s := l.run("threads").step(1)
		sizes := map[addr.Bytes]bool{}
		for _, t := range s.Threads {
			sizes[t.Stack.Size()] = true
		}
		e := Evidence{counted("sizes of stacks in one run of one program", len(sizes), s.from())}
		usual, lowered, err := l.stackLimits()
		if err != nil {
			return append(e, missing("the same program's limit, started anew", "/proc/PID/limits of cat", err))
		}
		return append(e,
			quoted("a program's limit, in bytes", usual, "/proc/PID/limits of cat"),
			quoted("the same program's limit, started anew", lowered, "/proc/PID/limits of cat, after ulimit -S -s 1024"))
	},
	Judge: func(r *Reading) Judgement {
		sizes := r.Count("sizes of stacks in one run of one program")
		if !r.Has("the same program's limit, started anew") {
			if sizes > 1 {
				return doesNot("The threads of one program have stacks of %d sizes, chosen when they were spawned.", sizes)
			}
			return cannotTell("no second program could be started, and all stacks of this one have the same size")
		}
		usual, lowered := r.Text("a program's limit, in bytes"), r.Text("the same program's limit, started anew")
		if usual == lowered && sizes < 2 {
			return holds("The limit is %s each time.", usual)
		}
		return doesNot("Started twice, the same compiled program had the limits %s and %s. The first thread's comes from whoever starts the program, another's from the call that spawns it. Fixed during compilation is the size of each frame.", usual, lowered)
	},
}
