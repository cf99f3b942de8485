package claims

import (
	"fmt"

	"memprobe/layout/addr"
	"memprobe/probe"
)

// What a call does to the stack.

var framePerCall = &Claim{
	ID: "frame-per-call", Lesson: StackVsHeap, Where: "The Stack",
	Words:  "When a function is called, a new stack frame is pushed onto the stack. When the function returns, its frame is popped.",
	Test:   "The frames are counted before a call, in it and after it; and it is seen whether a compiler makes a frame for a short function.",
	ByHand: []string{"memprobe scenario frames", optimised("fn one() -> i32 { 1 } fn main() { print!(\"{}\", one()) }", "call.*one", "no call is left")},
	Gather: func(l *Lab) Evidence {
		s := l.run("frames")
		return Evidence{
			counted("frames before the call", len(s.step(1).Frames), s.step(1).from()),
			counted("frames in the call", len(s.step(2).Frames), s.step(2).from()),
			counted("frames after the return", len(s.step(3).Frames), s.step(3).from()),
			seen("a short function of memprobe's has no frame of its own", callsWithoutFrame(), "runtime.CallersFrames"),
		}
	},
	Judge: func(r *Reading) Judgement {
		before, in, after := r.Count("frames before the call"), r.Count("frames in the call"), r.Count("frames after the return")
		switch {
		case in != before+1 || after != before:
			return doesNot("There were %d frames, then %d, then %d.", before, in, after)
		case r.Yes("a short function of memprobe's has no frame of its own"):
			return inPart("A call that is made has a frame, and it goes with the return. But compilers put short functions where they are called, in Rust as in Go: then there is no call, and no frame.")
		}
		return holds("There were %d frames, then %d, then %d.", before, in, after)
	},
}

var addValues = &Claim{
	ID: "add-values", Lesson: StackVsHeap, Where: "Stack Frames During Execution (picture)",
	Words:  "sum = 15",
	Test:   "The lesson's program is run, and its variables are read from memory while add runs and after it has returned.",
	ByHand: []string{"memprobe scenario frames", rustc("let (x, y) = (5, 10); let sum = x + y; println!(\"{sum}\");")},
	Gather: func(l *Lab) Evidence {
		in, after := l.run("frames").step(2), l.run("frames").step(3)
		return Evidence{
			quoted("result, in add", in.frame("add").v("result").Value, in.from()),
			quoted("sum, while add runs", string(in.frame("main").v("sum").State), in.from()),
			quoted("sum, after add has returned", after.frame("main").v("sum").Value, after.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		result, state, sum := r.Text("result, in add"), r.Text("sum, while add runs"), r.Text("sum, after add has returned")
		if result == "15" && sum == "15" && state == string(probe.Uninitialised) {
			return holds("sum has no value while add runs, and 15 when add has returned.")
		}
		return doesNot("result is %s, sum is %s while add runs and %s then.", result, state, sum)
	},
}

var frameGone = &Claim{
	ID: "frame-gone", Lesson: StackVsHeap, Where: "Stack properties",
	Words:  "when a function returns, its entire frame is deallocated instantly",
	Test:   "A frame's bytes are read before its function returns and after, and the kernel is asked whether it got memory back.",
	ByHand: []string{"memprobe scenario return-pointer", "memprobe scenario dangling"},
	Gather: func(l *Lab) Evidence {
		s := l.run("return-pointer")
		before, after := s.step(1), s.step(2)
		was, left := before.frame("local"), after.popped("local")
		return Evidence{
			located("sp before the return", before.SP, before.from()),
			located("sp after it", after.SP, after.from()),
			sized("the frame", was.size(), before.from()),
			quoted("n's bytes before", fmt.Sprintf("% x", []byte(was.v("n").Bytes)), before.from()),
			quoted("n's bytes after", fmt.Sprintf("% x", []byte(left.v("n").Bytes)), after.from()),
			{Name: "bytes of memory that the kernel got back", Value: Count(-after.Kernel.Resident), From: "/proc/self/pagemap, " + after.from()},
		}
	},
	Judge: func(r *Reading) Judgement {
		before, after := r.Addr("sp before the return"), r.Addr("sp after it")
		was, left := r.Text("n's bytes before"), r.Text("n's bytes after")
		switch {
		case after != before.Offset(r.Size("the frame")):
			return doesNot("The stack pointer did not move back by the frame's size.")
		case was == left:
			return inPart("The room is free at once: the stack pointer moves by the %d bytes of the frame. Nothing else happens: the bytes stay until the next call writes over them, and the kernel gets no memory back.", r.Size("the frame"))
		}
		return holds("The stack pointer moved back, and the frame's bytes are gone.")
	},
}

var topFirst = &Claim{
	ID: "top-first", Lesson: Ownership2, Where: "Stack and Order",
	Words:  "The top objects are removed (or accessed) first",
	Test:   "While one function runs, a variable in the frame of its caller is read and written.",
	ByHand: []string{"memprobe scenario lifo", "memprobe scenario isolation --step 3"},
	Gather: func(l *Lab) Evidence {
		all, s := l.run("lifo"), l.run("isolation").step(3)
		x := s.frame("main").v("x")
		reached := false
		for _, e := range s.Events {
			reached = reached || e.Kind == probe.EventStore && e.Addr == x.Addr
		}
		returns := all.events(probe.EventReturn)
		inOrder := len(returns) > 1
		for i := 1; i < len(returns); i++ {
			inOrder = inOrder && returns[i].Addr >= returns[i-1].Addr // the newest is the lowest
		}
		return Evidence{
			seen("frames go in the reverse of their order", inOrder, all.from()),
			quoted("the frame on top", s.Frames[len(s.Frames)-1].Name, s.from()),
			located("written meanwhile: x, in main's frame", x.Addr, s.from()),
			seen("the one below the top was accessed first", reached && !s.frame("main").Active, s.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		switch {
		case !r.Yes("frames go in the reverse of their order"):
			return doesNot("Frames are removed in another order.")
		case r.Yes("the one below the top was accessed first"):
			return inPart("Removed, yes. Accessed, no: %s ran and wrote to x in the frame below its own. The order binds pushes and pops; whoever has an address may use it.", r.Text("the frame on top"))
		}
		return holds("Only the frame on top was used and removed.")
	},
}

var spTop = &Claim{
	ID: "sp-top", Lesson: Ownership2, Where: "Value Types and Stack Memory",
	Words:  "the stack pointer always points to the top of the stack",
	Test:   "In each step of all scenarios with one stack, the stack pointer is compared with the lowest byte of the newest frame.",
	ByHand: []string{"memprobe scenario all --format json", "gdb -p $$ -batch -ex 'print $sp' -ex 'info frame'"},
	Gather: func(l *Lab) Evidence {
		steps, off := 0, 0
		for _, s := range stackOnly(l) {
			for i := range s.Steps {
				step := &s.Steps[i]
				if len(step.Frames) == 0 {
					continue
				}
				steps++
				if step.Frames[len(step.Frames)-1].Start != step.SP {
					off++
				}
			}
		}
		return Evidence{
			counted("steps looked at", steps, "all scenarios with one stack"),
			counted("where sp is not the newest frame's lowest byte", off, "all scenarios with one stack"),
		}
	},
	Judge: func(r *Reading) Judgement {
		n, off := r.Count("steps looked at"), r.Count("where sp is not the newest frame's lowest byte")
		switch {
		case n == 0:
			return cannotTell("no step has a frame")
		case off > 0:
			return doesNot("In %d of %d steps it points elsewhere.", off, n)
		}
		return holds("In all %d steps it is the address of the newest frame's lowest byte: the top, which is the low end.", n)
	},
}

var frameContents = &Claim{
	ID: "frame-contents", Lesson: Ownership2, Where: "Stack Pointer and Stack Frame",
	Words:  "the stack is used by the function to store data such as local variables, arguments, and the return address of the function",
	Test:   "A frame of the lesson's program is read; and on the stack of a compiled thread, the return addresses of its calls are looked for.",
	ByHand: []string{"memprobe scenario call --step 2", "gdb -p $$ -batch -ex backtrace -ex 'x/64ga $sp'"},
	Gather: func(l *Lab) Evidence {
		bar := l.run("call").step(2).frame("bar")
		from := bar.in.from()
		e := Evidence{
			located("j, an argument, in bar's frame", bar.v("j").Addr, from),
			located("k, a local variable, in bar's frame", bar.v("k").Addr, from),
			seen("both lie in the frame", within(bar, "j") && within(bar, "k"), from),
		}
		real, err := returnAddresses()
		const compiled = "a thread of memprobe's: /proc/self/task/TID/syscall, /proc/self/mem"
		if err != nil {
			return append(e, missing("return addresses found on it", compiled, err))
		}
		return append(e,
			located("sp of a compiled thread", real.sp, compiled),
			counted("calls in progress on it", real.calls, "runtime.Callers"),
			counted("return addresses found on it", real.found, compiled))
	},
	Judge: func(r *Reading) Judgement {
		switch {
		case !r.Yes("both lie in the frame"):
			return doesNot("Arguments and local variables lie elsewhere.")
		case !r.Has("return addresses found on it"):
			return inPart("Arguments and local variables are in the frame. memprobe plays the program and needs no return address there; a compiled thread's could not be looked at.")
		case r.Count("return addresses found on it") == 0:
			return inPart("Arguments and local variables are in the frame; no return address was found on a compiled thread's stack.")
		}
		return holds("Arguments and local variables are in the frame. The return addresses are found on a compiled thread's stack, %d of them; compilers also pass arguments in registers, and keep locals there.", r.Count("return addresses found on it"))
	},
}

// within reports whether a variable lies in its frame.
func within(f frame, name string) bool {
	v := f.v(name)
	return addr.Span(f.Start, f.size()).Covers(addr.Span(v.Addr, v.Size))
}

var stacked = &Claim{
	ID: "frames-stacked", Lesson: Ownership2, Where: "Stack Pointer and Stack Frame",
	Words:  "As functions are called within other functions, their stack frames are stacked on top of each other",
	Test:   "Three calls deep, the end of each frame is compared with the start of its caller's.",
	ByHand: []string{"memprobe scenario nested --step 2"},
	Gather: func(l *Lab) Evidence {
		s := l.run("nested").step(2)
		e := Evidence{}
		gaps, lower := 0, true
		for i, f := range s.Frames {
			e = append(e, located(f.Name+"'s frame", f.Start, s.from()))
			if i > 0 {
				gaps += int(max(s.Frames[i-1].Start, f.End) - min(s.Frames[i-1].Start, f.End))
				lower = lower && f.Start < s.Frames[i-1].Start
			}
		}
		return append(e,
			counted("bytes between neighbours", gaps, s.from()),
			seen("each lies below its caller's", lower && len(s.Frames) > 1, s.from()))
	},
	Judge: func(r *Reading) Judgement {
		gaps := r.Count("bytes between neighbours")
		switch {
		case !r.Yes("each lies below its caller's"):
			return doesNot("The frames don't lie in the order of the calls.")
		case gaps > 0:
			return inPart("They lie in the order of the calls, with %d bytes between them.", gaps)
		}
		return holds("Each begins where its caller's ends. \"On top\" is the newest end: here, the lower address.")
	},
}

var argumentCopied = &Claim{
	ID: "argument-copied", Lesson: Ownership2, Where: "Stack Pointer and Stack Frame",
	Words:  "A copy of the value of the variable x is made to j.",
	Test:   "bar changes its parameter j, and x in main is read before and after that.",
	ByHand: []string{"memprobe scenario call"},
	Gather: func(l *Lab) Evidence {
		before, after := l.run("call").step(3), l.run("call").step(4)
		return Evidence{
			located("x", after.frame("main").v("x").Addr, after.from()),
			located("j", after.frame("bar").v("j").Addr, after.from()),
			quoted("j before it is changed", before.frame("bar").v("j").Value, before.from()),
			quoted("j after that", after.frame("bar").v("j").Value, after.from()),
			quoted("x before", before.frame("main").v("x").Value, before.from()),
			quoted("x after", after.frame("main").v("x").Value, after.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		if r.Addr("x") == r.Addr("j") || r.Text("x before") != r.Text("x after") {
			return doesNot("Changing j changed x, which became %s.", r.Text("x after"))
		}
		if r.Text("j before it is changed") != r.Text("x before") {
			return doesNot("j was %s when x was %s.", r.Text("j before it is changed"), r.Text("x before"))
		}
		return holds("j is another place with the same value. When bar changed j to %s, x stayed %s.", r.Text("j after that"), r.Text("x after"))
	},
}

var jAndK = &Claim{
	ID: "j-and-k", Lesson: Ownership2, Where: "Stack Pointer and Stack Frame",
	Words:  "The stack frame includes both j and k",
	Test:   "The addresses of j and k are compared with the ends of bar's frame.",
	ByHand: []string{"memprobe scenario call --step 2"},
	Gather: func(l *Lab) Evidence {
		bar := l.run("call").step(2).frame("bar")
		return Evidence{
			quoted("bar's frame", fmt.Sprintf("%v-%v", bar.Start, bar.End), bar.in.from()),
			located("j", bar.v("j").Addr, bar.in.from()),
			located("k", bar.v("k").Addr, bar.in.from()),
			seen("j lies in it", within(bar, "j"), bar.in.from()),
			seen("k lies in it", within(bar, "k"), bar.in.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		switch j, k := r.Yes("j lies in it"), r.Yes("k lies in it"); {
		case j && k:
			return holds("Both lie between the ends of bar's frame.")
		case j || k:
			return inPart("Only one of them lies in bar's frame.")
		}
		return doesNot("Neither lies in bar's frame.")
	},
}

var barPopped = &Claim{
	ID: "bar-popped", Lesson: Ownership2, Where: "Stack Pointer and Stack Frame",
	Words:  "When execution of bar finishes, its stack frame is popped from the stack",
	Test:   "The stack pointer and the frames are compared before the call of bar and after its return, and at the end of main.",
	ByHand: []string{"memprobe scenario call"},
	Gather: func(l *Lab) Evidence {
		story := l.run("call")
		before, after, end := story.step(1), story.step(5), story.step(6)
		return Evidence{
			located("sp before bar is called", before.SP, before.from()),
			located("sp when bar has returned", after.SP, after.from()),
			counted("frames when bar has returned", len(after.Frames), after.from()),
			counted("frames when main has returned", len(end.Frames), end.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		switch {
		case r.Addr("sp before bar is called") != r.Addr("sp when bar has returned"):
			return doesNot("The stack pointer is not where it was before the call.")
		case r.Count("frames when bar has returned") != 1 || r.Count("frames when main has returned") != 0:
			return doesNot("%d frames are left when bar has returned, %d when main has.", r.Count("frames when bar has returned"), r.Count("frames when main has returned"))
		}
		return holds("The stack pointer is back where it was before the call, and main's frame goes in the same way.")
	},
}

var frameAccess = &Claim{
	ID: "frame-access", Lesson: Ownership2, Where: "Stack Pointer and Stack Frame",
	Words:  "it cannot access data in another function's stack frame",
	Test:   "A function is given the address of a variable of its caller's and writes there.",
	ByHand: []string{"memprobe scenario isolation --step 3"},
	Gather: func(l *Lab) Evidence {
		before, after := l.run("isolation").step(2), l.run("isolation").step(3)
		p := after.frame("reach").v("p")
		return Evidence{
			located("p, in reach's frame, holds", p.pointer(), after.from()),
			located("x, in main's frame, is at", after.frame("main").v("x").Addr, after.from()),
			quoted("x before reach writes to *p", before.frame("main").v("x").Value, before.from()),
			quoted("x after that", after.frame("main").v("x").Value, after.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		before, after := r.Text("x before reach writes to *p"), r.Text("x after that")
		if before == after {
			return holds("reach could not change x, which is %s as before.", after)
		}
		return doesNot("A name ends with its function, an address does not: reach has a reference to x in main's frame, wrote through it, and x went from %s to %s. References to a caller's variables are everyday Rust.", before, after)
	},
}

var shareNeedsHeap = &Claim{
	ID: "share-needs-heap", Lesson: Ownership2, Where: "Stack Pointer and Stack Frame",
	Words:  "If you need to share memory between different functions or keep it alive longer than a function's execution, you have to use Heap data.",
	Test:   "Two functions share a variable on the stack; then one makes a box that outlives it.",
	ByHand: []string{"memprobe scenario isolation"},
	Gather: func(l *Lab) Evidence {
		story := l.run("isolation")
		shared, made, kept := story.step(3), story.step(4), story.step(5)
		target := shared.frame("reach").v("p").pointer()
		block := made.frame("keep").v("b").owned()
		return Evidence{
			located("shared by main and reach", target, shared.from()),
			seen("that is on the stack", story.Memory.Stack.Contains(target), shared.from()),
			located("outlives keep, which made it", block.Addr, made.from()),
			seen("that is on the heap", kept.frame("main").v("kept").owned().Addr == block.Addr && story.Memory.Heap.Contains(block.Addr), kept.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		sharedOnStack, keptOnHeap := r.Yes("that is on the stack"), r.Yes("that is on the heap")
		switch {
		case sharedOnStack && keptOnHeap:
			return inPart("To outlive its function a value goes to the heap, or is returned and so copied out. To be shared it need not: main and reach share an i32 on the stack.")
		case keptOnHeap:
			return holds("What is shared and what outlives its function are on the heap.")
		}
		return doesNot("Neither needed the heap.")
	},
}
