package claims

import (
	"fmt"
	"strings"

	"memprobe/layout/addr"
	"memprobe/probe"
)

// How long memory lives, and who ends it.

var outlives = &Claim{
	ID: "outlives", Lesson: StackVsHeap, Where: "The Heap",
	Words:  "when data needs to outlive the function that created it",
	Test:   "A function makes a box and returns it; the block is looked up before the return and after.",
	ByHand: []string{"memprobe scenario isolation --step 5"},
	Gather: func(l *Lab) Evidence {
		story := l.run("isolation")
		made, kept := story.step(4), story.step(5)
		block := made.frame("keep").v("b").owned()
		e := Evidence{
			located("the block, in keep", block.Addr, made.from()),
			counted("frames of keep after the return", framesOf(kept, "keep"), kept.from()),
			located("the block, in main", kept.frame("main").v("kept").owned().Addr, kept.from()),
			quoted("its state", kept.block(block.Addr).State, kept.from()),
		}
		return e
	},
	Judge: func(r *Reading) Judgement {
		before, after := r.Addr("the block, in keep"), r.Addr("the block, in main")
		if r.Count("frames of keep after the return") == 0 && before == after && r.Text("its state") == probe.BlockUsed {
			return holds("The frame of keep has gone, the block at %v is in use as before.", after)
		}
		return doesNot("The block did not outlive keep.")
	},
}

func framesOf(s step, function string) int {
	n := 0
	for _, f := range s.Frames {
		if f.Name == function {
			n++
		}
	}
	return n
}

var mustReturn = &Claim{
	ID: "must-return", Lesson: StackVsHeap, Where: "The Heap",
	Words:  "you must request memory from the allocator and eventually return it",
	Test:   "A program ends without returning two blocks, and Go's collector takes back memory that nobody returned.",
	ByHand: []string{"memprobe scenario leak --step 5", "memprobe scenario lifetimes"},
	Gather: func(l *Lab) Evidence {
		leak, lifetimes := l.run("leak"), l.run("lifetimes")
		freed := ""
		for _, f := range lifetimes.step(0).Facts {
			if f.What == "g's memory is free" {
				freed = f.Value
			}
		}
		return Evidence{
			counted("blocks in use when main has returned", len(leak.step(5).used()), leak.step(5).from()),
			seen("the program went on", len(leak.Steps) > 4, leak.from()),
			seen("Go's collector took back what nobody returned", freed == "yes", lifetimes.step(0).from()+", runtime.AddCleanup"),
		}
	},
	Judge: func(r *Reading) Judgement {
		kept := r.Count("blocks in use when main has returned")
		switch {
		case kept == 0:
			return holds("All that was requested was returned.")
		case r.Yes("Go's collector took back what nobody returned"):
			return inPart("Requested, yes. Nothing enforces the return: %d blocks never were returned, and the kernel takes them back when the process ends. A collector returns memory by itself; in Rust the compiler writes the call.", kept)
		}
		return inPart("%d blocks were never returned, and the program went on.", kept)
	},
}

var leaks = &Claim{
	ID: "leak", Lesson: StackVsHeap, Where: "The Heap",
	Words:  "In C, forgetting to free heap memory causes leaks",
	Test:   "A program loses the addresses of two blocks and ends; the heap is asked what is in use then.",
	ByHand: []string{"memprobe scenario leak", "memprobe bugs leak-block"},
	Gather: func(l *Lab) Evidence {
		s := l.run("leak").step(5)
		owned := 0
		for _, b := range s.used() {
			if b.Owner != "" {
				owned++
			}
		}
		return Evidence{
			counted("blocks in use when main has returned", len(s.used()), s.from()),
			counted("of them with an owner", owned, s.from()),
			sized("bytes that they have", s.Heap.Used, s.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		left, owned := r.Count("blocks in use when main has returned"), r.Count("of them with an owner")
		if left <= owned {
			return doesNot("No block without an owner is in use.")
		}
		return holds("%d blocks are in use, and nothing in the program leads to them any more.", left-owned)
	},
}

var doubleFree = &Claim{
	ID: "double-free", Lesson: StackVsHeap, Where: "The Heap",
	Words:  "freeing it twice causes crashes",
	Test:   "A block is freed twice in a row; then one is freed twice with another owner in between, and the process is seen to go on.",
	ByHand: []string{"memprobe scenario double-free", "memprobe bugs double-free", "memprobe bugs double-free-reused"},
	Gather: func(l *Lab) Evidence {
		heap := l.memory().Heap()
		a, err := heap.Alloc(16)
		if err == nil {
			err = heap.Free(a)
		}
		if err != nil {
			lose("%v", err)
		}
		refused := heap.Free(a)
		said := "nothing"
		if refused != nil {
			said = refused.Error()
		}
		story := l.run("double-free")
		second := story.step(3)
		taken := false
		for _, e := range second.Events {
			taken = taken || e.Kind == probe.EventFree && e.Addr == second.frame("main").v("p").pointer()
		}
		return Evidence{
			quoted("what the heap says to the second of two frees in a row", said, "Free"),
			seen("twice in a row is refused", refused != nil, "Free"),
			seen("freeing what another owner has by now is taken", taken, second.from()),
			seen("the process was ended", false, "it goes on"),
		}
	},
	Judge: func(r *Reading) Judgement {
		refused, taken := r.Yes("twice in a row is refused"), r.Yes("freeing what another owner has by now is taken")
		switch {
		case r.Yes("the process was ended"):
			return holds("The second free ended the process.")
		case refused && taken:
			return inPart("It is a mistake, but seldom a crash where it is made. Twice in a row is refused here; glibc ends the process. When the block has a new owner by then, no heap can see it: the owner loses the block, and the harm shows later, elsewhere.")
		case refused:
			return inPart("The heap refuses it, and nothing crashes.")
		}
		return doesNot("Nothing happens at once.")
	},
}

var rightPlace = &Claim{
	ID: "drop-inserted", Lesson: StackVsHeap, Where: "The Heap",
	Words:  "the compiler tracks ownership and inserts the deallocation call at exactly the right place -- no GC, no manual free",
	Test:   "In programs of owners alone, each allocation is matched with a free, and the lines are counted that free something.",
	ByHand: []string{"memprobe scenario heap-types", "memprobe scenario move"},
	Gather: func(l *Lab) Evidence {
		allocs, frees, by := 0, 0, 0
		var names []string
		for _, name := range []string{"string", "box", "heap-types", "vec-grow", "move", "copy", "isolation"} {
			s := l.run(name)
			names = append(names, name)
			allocs += len(s.events(probe.EventAlloc))
			frees += len(s.events(probe.EventFree))
			by += freeingLines(s.Source)
		}
		from := "scenarios " + strings.Join(names, ", ")
		return Evidence{
			counted("blocks allocated", allocs, from),
			counted("blocks freed", frees, from),
			counted("lines that free something", by, "their sources"),
		}
	},
	Judge: func(r *Reading) Judgement {
		allocs, frees, lines := r.Count("blocks allocated"), r.Count("blocks freed"), r.Count("lines that free something")
		switch {
		case allocs == 0:
			return cannotTell("no block was allocated")
		case frees != allocs:
			return doesNot("%d blocks were allocated and %d freed.", allocs, frees)
		case lines > 0:
			return inPart("All %d blocks were freed, some by a line of the program.", allocs)
		}
		return holds("All %d blocks were freed, each once and where its owner ends, and no line of the programs frees anything.", allocs)
	},
}

// dropsOf are the names of the variables of main that a run drops, in order.
func dropsOf(s story) []string {
	main := s.step(1).frame("main")
	var names []string
	for _, e := range s.events(probe.EventDrop) {
		for _, v := range main.Vars {
			if v.Addr == e.Addr {
				names = append(names, v.Name)
			}
		}
	}
	return names
}

var dropOrder = &Claim{
	ID: "drop-order", Lesson: StackVsHeap, Where: "heap_types.rs",
	Words:  "Drop order: boxed, numbers, name",
	Test:   "The order is read in which main's variables are dropped when it ends.",
	ByHand: []string{"memprobe scenario heap-types", rustc("struct D(u8); impl Drop for D { fn drop(&mut self) { println!(\"{}\", self.0) } } let a = D(1); let b = D(2);")},
	Gather: func(l *Lab) Evidence {
		story := l.run("heap-types")
		return Evidence{
			quoted("dropped", strings.Join(dropsOf(story), ", "), story.from()),
			counted("blocks freed", len(story.events(probe.EventFree)), story.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		if order := r.Text("dropped"); order != "boxed, numbers, name" {
			return doesNot("They are dropped as %s.", order)
		}
		return holds("The last one declared goes first, and each frees its block: %d were freed.", r.Count("blocks freed"))
	},
}

var rightTime = &Claim{
	ID: "right-time", Lesson: StackVsHeap, Where: "Summary",
	Words:  "the ownership system ensures it is freed at the right time",
	Test:   "A block is looked up whose owner was given to mem::forget, which is safe Rust.",
	ByHand: []string{"memprobe scenario leak --step 2", rustc("std::mem::forget(String::from(\"x\"));")},
	Gather: func(l *Lab) Evidence {
		leak, types := l.run("leak"), l.run("heap-types")
		text := leak.step(1).frame("main").v("a").owned()
		return Evidence{
			counted("owners dropped at the end of their scope", len(types.events(probe.EventDrop)), types.from()),
			counted("blocks freed then", len(types.events(probe.EventFree)), types.from()),
			located("the block whose owner was forgotten", text.Addr, leak.step(2).from()),
			quoted("its state when main is over", leak.step(5).block(text.Addr).State, leak.step(5).from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		drops, frees, state := r.Count("owners dropped at the end of their scope"), r.Count("blocks freed then"), r.Text("its state when main is over")
		switch {
		case frees < drops || drops == 0:
			return doesNot("%d owners were dropped, %d blocks freed.", drops, frees)
		case state == probe.BlockUsed:
			return inPart("An owner frees at the end of its scope, neither too early nor twice. That it frees at all is not ensured: safe Rust may forget an owner, or have two of them own each other, and its block stays in use.")
		}
		return holds("Each owner freed its block, the forgotten one as well.")
	},
}

var typeTells = &Claim{
	ID: "type-tells", Lesson: StackVsHeap, Where: "Summary",
	Words:  "The type system tells you exactly where your data lives.",
	Test:   "Two pointers of one type are followed, one in each of two programs.",
	ByHand: []string{"memprobe scenario dangling --step 1", "memprobe scenario leak --step 3"},
	Gather: func(l *Lab) Evidence {
		dangling, leak := l.run("dangling"), l.run("leak")
		one, two := dangling.step(2).frame("main").v("p"), leak.step(3).frame("main").v("p")
		return Evidence{
			quoted("the type of one pointer", one.Type, dangling.step(2).from()),
			quoted("where it leads", segmentOf(dangling, one.pointer()), one.pointer().String()),
			quoted("the type of another pointer", two.Type, leak.step(3).from()),
			quoted("where that leads", segmentOf(leak, two.pointer()), two.pointer().String()),
		}
	},
	Judge: func(r *Reading) Judgement {
		sameType := r.Text("the type of one pointer") == r.Text("the type of another pointer")
		samePlace := r.Text("where it leads") == r.Text("where that leads")
		switch {
		case !sameType:
			return cannotTell("the two pointers differ in type")
		case !samePlace:
			return inPart("Of a String, Vec or Box it does: what they own is on the heap. Of a pointer or a reference it does not: two of type %s lead to the %s and to the %s.",
				r.Text("the type of one pointer"), r.Text("where it leads"), r.Text("where that leads"))
		}
		return holds("Both pointers of this type lead to the %s.", r.Text("where it leads"))
	},
}

func segmentOf(s story, a addr.Addr) string {
	switch {
	case s.Memory.Stack.Contains(a):
		return "stack"
	case s.Memory.Heap.Contains(a):
		return "heap"
	}
	return fmt.Sprintf("neither, %v", a)
}

var pointerFollowed = &Claim{
	ID: "pointer-followed", Lesson: Ownership2, Where: "Deallocation on the Heap",
	Words:  "To access data on the Heap, the pointer to the heap is followed.",
	Test:   "A byte on the heap is read through p, and the address that is read is compared with the bytes of p.",
	ByHand: []string{"memprobe scenario use-after-free --step 4", assembly("fn main() { let b = Box::new(5); let n = *b; print!(\"{n}\") }")},
	Gather: func(l *Lab) Evidence {
		s := l.run("use-after-free").step(4)
		p := s.frame("main").v("p")
		load := s.event(probe.EventLoad)
		return Evidence{
			located("the bytes of p, as an address", addr.Addr(leBytes(p.Bytes)), s.from()),
			located("the address that is read", load.Addr, s.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		if p, read := r.Addr("the bytes of p, as an address"), r.Addr("the address that is read"); p != read {
			return doesNot("%v was read, p is %v.", read, p)
		}
		return holds("First p is read, then what it leads to. A local is one step nearer: its place is known from the stack pointer.")
	},
}

var ownershipHeap = &Claim{
	ID: "ownership-heap", Lesson: Ownership2, Where: "Heap Memory and Rust Ownership",
	Words:  "the rules of Ownership applies to data that is allocated on the Heap.",
	Test:   "A struct of two numbers, none of it on the heap, is assigned to another variable, and it is seen whether it may still be used.",
	ByHand: []string{"memprobe scenario copy --step 3", refused("struct P { x: f64 } let p = P { x: 1.0 }; let q = p; p.x;")},
	Gather: func(l *Lab) Evidence {
		copies := l.run("copy")
		s := copies.step(3)
		text := copies.step(4)
		return Evidence{
			counted("blocks of the heap in use", len(s.used()), s.from()),
			quoted("p, all of it on the stack, after let q = p", string(s.frame("main").v("p").State), s.from()),
			quoted("s, whose text is on the heap, after let r = s", string(text.frame("main").v("s").State), text.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		stack, heap := r.Text("p, all of it on the stack, after let q = p"), r.Text("s, whose text is on the heap, after let r = s")
		switch {
		case heap != string(probe.Moved):
			return doesNot("s may be used after its text has gone to r.")
		case stack == string(probe.Moved):
			return inPart("To that as well. They apply to every value: p has nothing on the heap, and is moved all the same.")
		}
		return holds("s, with its text on the heap, is moved; p, all on the stack, is not.")
	},
}
