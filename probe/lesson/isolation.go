package lesson

import (
	"fmt"

	"memprobe/probe"
	"memprobe/probe/rust"
)

// Isolation shows what keeps frames apart: names do, addresses don't. What has to
// outlive its function goes to the heap.
var Isolation = &probe.Scenario{
	Name:   "isolation",
	Title:  "Whose frame is it? Names stay inside, pointers reach out",
	Lesson: ownership2 + ", on access to another function's frame",
	Source: `fn alone() {
    let x = $y;
}

fn reach(p: &mut i32) {
    *p = $n;
}

fn keep() -> Box<i32> {
    let b = Box::new($k);
    b
}

fn main() {
    let mut x = $x;
    alone();
    reach(&mut x);
    let kept = keep();
}
`,
	Numbers: []probe.Number{
		{Name: "x", Lesson: 5, From: 1, To: 24},
		{Name: "y", Lesson: 7, From: 25, To: 49},
		{Name: "n", Lesson: 9, From: 50, To: 74},
		{Name: "k", Lesson: 34, From: 75, To: 99},
	},
	Run: runIsolation,
}

func runIsolation(m *probe.Machine) {
	x, kept := probe.Let("x", rust.I32), probe.Let("kept", rust.Box(rust.I32))
	m.Call("main", x, kept)
	m.Set(x, m.Number("x"))

	other := probe.Let("x", rust.I32)
	m.Call("alone", other)
	m.Set(other, m.Number("y"))
	m.Step(2, "alone has an x of its own",
		fmt.Sprintf("Two variables are called x, each in the frame of its function. In alone the name x means the one at %v; it has no name for main's.", m.Addr(other)))
	m.Return()

	p := probe.ArgBorrow("p", rust.RefMut(rust.I32), x)
	m.Call("reach", p)
	m.Step(5, "reach is given an address",
		fmt.Sprintf("p lies in reach's frame and holds %v, which is where main's x lies. The reference leads out of the frame.", m.Target(p)))

	before := m.Value(x)
	m.Write(p, 0, m.Number("n"))
	m.Ask("reach writes $n to *p. What is x in main now?",
		"p holds the address of x, so a write to *p is a write to those four bytes. The frame that they lie in makes no difference.",
		m.Value(x), before, "$y")
	m.Step(6, "a write through p changes x in main's frame",
		"Nothing in the memory keeps one function out of another's frame: all of the stack belongs to one program. Names are local, addresses are not.",
		probe.Note{
			Lesson: "it cannot access another frame's data",
			Here:   fmt.Sprintf("reach wrote to %v in main's frame", m.Target(p)),
			Why:    "A name ends with its function. An address does not, and a reference is one that the compiler has checked.",
		},
		probe.Note{
			Lesson: "to share memory you have to use the heap",
			Here:   "main and reach share x, on the stack",
			Why:    "A caller's frame outlives the call, so lending its variables is enough. The heap is for what must outlive the frame.",
		})
	m.Return()

	b := probe.Let("b", rust.Box(rust.I32))
	m.Call("keep", b)
	m.BoxNew(b, m.Number("k"))
	m.Step(10, "keep makes something that shall outlive it",
		"b will go with keep's frame. What b points to lies on the heap, where no return pops anything.")

	m.ReturnTo(kept, b)
	m.Step(18, "the frame has gone, the block has stayed",
		fmt.Sprintf("keep returned its box: eight bytes, an address, are now in kept. The block at %v has not moved and has a new owner in main.", m.Block(kept).Addr))

	m.DropLocals()
	m.Step(19, "main ends, and its box with it",
		"The owner of the block goes out of scope, so the block is freed. It lived longer than the call that made it, and no longer than its owner.")
	m.Return()
}
