package lesson

import (
	"fmt"
	"time"

	"memprobe/probe"
	"memprobe/probe/rust"
)

// Lifetimes ends three blocks: by hand, by their owner, by Go's collector.
var Lifetimes = &probe.Scenario{
	Name:   "lifetimes",
	Title:  "By hand, by owner, by collector: when does memory come back?",
	Lesson: stackVsHeap + ", on the heap's properties",
	Source: `use std::alloc::{alloc, dealloc, Layout};

const L: Layout = Layout::new::<u64>();

fn by_hand() {
    let p = unsafe { alloc(L) };
    unsafe { dealloc(p, L) };
}

fn by_owner() {
    let b = Box::new(7u64);
}

fn main() {
    by_hand();
    by_owner();
    // And in Go, where a collector looks for what is not used any more:
    // g := make([]byte, 1<<20)
    // g = nil
    // runtime.GC()
}
`,
	Run: runLifetimes,
}

func runLifetimes(m *probe.Machine) {
	m.Call("main")
	p := probe.Let("p", rust.Raw(rust.U8))
	m.Call("by_hand", p)
	m.Alloc(p, rust.U64.Size())
	m.Step(6, "by hand: the block is taken",
		fmt.Sprintf("alloc is Rust's malloc. It returns an address, %v, and from then on the program has to remember to free it. Nobody owns the block.", m.Target(p)))

	first := m.Target(p)
	freed := m.Free(p)
	m.Step(7, "by hand: it comes back at the line that says so",
		fmt.Sprintf("dealloc is C's free: %s, at this very line. Without the line it never comes back; with the line twice somebody else's block may go.", outcome(freed)))
	m.Return()

	b := probe.Let("b", rust.Box(rust.U64))
	m.Call("by_owner", b)
	m.BoxNew(b, 7)
	owned := m.Block(b)
	m.Step(11, "by owner: the block belongs to b",
		fmt.Sprintf("b owns the block at %v, %s. The program has no line that frees it.", owned.Addr, whether(owned.Addr == first, "the same as before", "another one than before")))

	m.Return()
	gone := m.BlockAt(owned.Addr).Size == 0
	m.Ask("by_owner has no line that frees the block. When does it come back?",
		"The compiler has put the drop of b, which frees the block, where b's scope ends.",
		whether(gone, "at the closing brace of by_owner", "never"), "at the closing brace of by_owner", "never", "some time later", "when main ends")
	m.Step(12, "by owner: it comes back where the owner's scope ends",
		"At the closing brace b is dropped, and that frees its block. Everybody can see from the source when that is, and there is no line to forget.",
		probe.Note{
			Lesson: "in C you call free; in Rust ownership does it",
			Here:   "the same call, which the compiler wrote",
			Why:    "Both end in dealloc at a known line. The difference is who writes that line.",
		})

	c := newCollected()
	m.Measured("Go's heap in use", size(c.before), "runtime.ReadMemStats")
	m.Measured("... with g", size(c.with), "runtime.ReadMemStats")
	m.Measured("... after g = nil", size(c.dropped), "runtime.ReadMemStats")
	m.Fact("g's memory is free", whether(c.early, "yes", "no"), "runtime.AddCleanup")
	m.Ask("In Go, g = nil was the last reference to 1 MiB. Is its memory free right then?",
		"Nobody counts references in Go. What is not used any more is found when the collector looks, at a time of its own.",
		whether(c.early, "Yes, since nothing refers to it", "No, and nobody can say when"),
		"Yes, since nothing refers to it", "No, and nobody can say when")
	m.Step(19, "by collector: nothing happens at the line",
		"memprobe is a Go program itself and did this in Go's own heap, not in the one drawn here. The last reference is gone; the memory "+
			whether(c.early, "came back, as the collector happened to run.", "is still taken."))

	c.collect()
	m.Measured("Go's heap in use", size(c.after), "runtime.ReadMemStats")
	m.Fact("g's memory is free", whether(c.late, "yes", "no"), "runtime.AddCleanup")
	m.Measured("this collection took", c.took.Round(time.Microsecond).String(), "a clock")
	m.Step(20, "by collector: it comes back when the collector has run",
		"runtime.GC asks for a collection and waits for it; else Go starts one when its heap has grown enough. It follows every pointer in the program, and frees what it has not come to.",
		probe.Note{
			Lesson: "the GC adds runtime overhead",
			Here:   "each collection follows all that is in use",
			Why:    "What is left over is free. An owner need not look at anything: it knows what it owns.",
		})
	m.Return()
}
