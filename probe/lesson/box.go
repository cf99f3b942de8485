package lesson

import (
	"fmt"

	"memprobe/probe"
	"memprobe/probe/rust"
)

// Box puts one number on the heap and another one on the stack.
var Box = &probe.Scenario{
	Name:   "box",
	Title:  "One number on the heap, one on the stack",
	Lesson: ownership2 + ", on Box",
	Source: `fn main() {
    let x = Box::new(5);
    let y = 34;
}
`,
	Run: runBox,
}

func runBox(m *probe.Machine) {
	x, y := probe.Let("x", rust.Box(rust.I32)), probe.Let("y", rust.I32)
	m.Call("main", x, y)
	m.Step(1, "main is called",
		fmt.Sprintf("Its frame has %d bytes for x, a pointer, and %d for y, a number. Neither has a value yet.",
			rust.Box(rust.I32).Size(), rust.I32.Size()))

	m.BoxNew(x, 5)
	block := m.Block(x)
	m.Step(2, "5 goes to the heap, its address to x",
		fmt.Sprintf("Box::new asks the heap for %d bytes and puts %s there. x itself is the address of that block, nothing more.",
			block.Requested, m.Value(x)),
		probe.Note{
			Lesson: "5 is at 0x3FFFFFCE",
			Here:   fmt.Sprintf("it is at %v", block.Addr),
			Why:    "An i32's address is a multiple of 4, and 0x3FFFFFCE is not one.",
		},
		probe.Note{
			Lesson: "the place is chosen in no particular order",
			Here:   "the lowest free block that fits",
			Why:    "Each allocator has its rule, and this one's is first fit.",
		})

	m.Set(y, 34)
	m.Step(3, "34 stays on the stack",
		"y is a number of fixed size and needs no block: its four bytes are the value.",
		probe.Note{
			Lesson: "y is 34 in its program, 42 in its text",
			Here:   "y is " + m.Value(y),
			Why:    "The machine runs the program.",
		})

	before := m.HeapStats().Used
	m.DropLocals()
	m.Ask("main ends, and with it x and y. How many blocks go back to the heap?",
		"A variable that owns a block frees it. x owns one; y is its own four bytes and owns none.",
		plural(before-m.HeapStats().Used, "block"), plural(0, "block"), plural(1, "block"), plural(2, "block"))
	m.Step(4, "x goes out of scope",
		"Dropping x frees its block. y owns nothing: it goes when main's frame is popped.")
	m.Return()
}
