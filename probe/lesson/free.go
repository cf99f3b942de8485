package lesson

import (
	"fmt"

	"memprobe/probe"
	"memprobe/probe/rust"
)

// Free takes a block's end in its three steps, and shows who gets the hole.
var Free = &probe.Scenario{
	Name:   "free",
	Title:  "A block is freed, and the next one to fit gets it",
	Lesson: ownership2 + ", on deallocation on the heap",
	Source: `fn main() {
    let mut a = String::from("first tenant");
    let p = a.as_mut_ptr();
    let b = String::from("neighbour");
    drop(a);
    let c = String::from("too long for that hole");
    let d = String::from("next tenant");
}
`,
	Run:  runFree,
	View: probe.ViewMap,
	Heap: 4096,
}

func runFree(m *probe.Machine) {
	a, p, b := probe.Let("a", rust.String), probe.Let("p", rust.Raw(rust.U8)), probe.Let("b", rust.String)
	c, d := probe.Let("c", rust.String), probe.Let("d", rust.String)
	m.Call("main", a, p, b, c, d)
	m.StringFrom(a, "first tenant")
	m.AsPtr(p, a)
	m.StringFrom(b, "neighbour")
	hole := m.Block(a)
	read := func() { m.Fact("the byte at p", m.Pointee(p), "read through p") }
	read()
	m.Step(4, "a owns a block, p knows its address",
		fmt.Sprintf("p is a raw pointer: it has the address of a's text, %v, and owns nothing. Right behind that block is b's.", m.Target(p)))

	gone := probe.Arg("_x", a)
	m.Call("drop", gone)
	m.Step(5, "the release: main gives its text away",
		"drop is an ordinary function: a is moved into its parameter _x. So main says that it is done with the text. The block is still in use.")

	m.DropLocals()
	m.Step(5, "the mark: free from now on",
		fmt.Sprintf("At drop's end its parameter _x is dropped, and that frees the block: a hole of %d bytes. Behind it is b's block, in use, so there is nothing to join it with.",
			hole.Size))

	m.Return()
	read()
	m.Step(5, "the pointer: worth nothing, but still there",
		fmt.Sprintf("p still holds %v: nobody changes a pointer when its block is freed, nor, on this heap, the bytes there. But the block may be another's at any time.", m.Target(p)),
		probe.Note{
			Lesson: "the pointer becomes invalid or unusable",
			Here:   fmt.Sprintf("p is %v, as before, and can be followed", m.Target(p)),
			Why:    "Invalid means that nobody may use it. Only the compiler or care can see to that.",
		})

	m.StringFrom(c, "too long for that hole")
	passed := m.Block(c)
	m.Step(6, "the hole is too small for c",
		fmt.Sprintf("c asks for %d bytes. The hole is the first free block that the heap looks at, but it has only %d. So c's text goes to %v.",
			passed.Requested, hole.Size, passed.Addr))

	m.StringFrom(d, "next tenant")
	taken := m.Block(d)
	reuse, behind, between := "In the hole that a left", "Behind c's block", "Between b's block and c's"
	where := reuse
	switch {
	case taken.Addr > passed.Addr:
		where = behind
	case taken.Addr != hole.Addr:
		where = between
	}
	m.Ask(fmt.Sprintf("d asks for %d bytes. Where does its text go?", taken.Requested),
		"The search begins at the lowest address each time, and what was freed is as good as what was never used.",
		where, reuse, behind, between)
	read()
	m.Step(7, "d gets the hole, and p names it",
		fmt.Sprintf("d's text is at %v. p names the same block: whoever reads through p reads d's text, and whoever writes through p spoils it.", taken.Addr))

	m.DropLocals()
	stats := m.HeapStats()
	m.Ask("main ends, and d, c and b are dropped. How many free blocks has the heap then?",
		"A freed block is joined with its free neighbours at once, so two free blocks are never side by side.",
		fmt.Sprint(stats.FreeBlocks), "1", "3", "4")
	m.Step(8, "free neighbours become one",
		fmt.Sprintf("Each block that is freed is joined with the free ones beside it: coalescing. What is left is %s of %s bytes.",
			plural(stats.FreeBlocks, "free block"), count(stats.LargestFree)))
	m.Return()
}
