package lesson

import (
	"fmt"

	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/netted"
	"memprobe/probe/rust"
)

// Leak loses two blocks, once with the handle and once with the address.
var Leak = &probe.Scenario{
	Name:   "leak",
	Title:  "Two blocks that nobody can free any more",
	Lesson: stackVsHeap + ", on the heap's properties",
	Source: `use std::{mem, ptr};

fn main() {
    let a = String::from("nobody's text");
    mem::forget(a);
    let mut p = Box::into_raw(Box::new(42));
    p = ptr::null_mut();
}
`,
	Run: runLeak,
}

func runLeak(m *probe.Machine) {
	a, p := probe.Let("a", rust.String), probe.Let("p", rust.Raw(rust.I32))
	m.Call("main", a, p)
	m.StringFrom(a, "nobody's text")
	m.Step(4, "a owns a block",
		"a is responsible for the block: as long as a lives, the block is in use, and when a is dropped, it is freed.")

	text := m.Block(a).Addr
	m.Forget(a)
	m.Step(5, "a is forgotten, its block is not freed",
		"forget takes a and ends it without a drop. No byte changes, but the block has lost its owner: a's bytes may not be used any more, "+
			"and no line of the program will free the block.",
		probe.Note{
			Lesson: "Rust frees each block at the right place",
			Here:   fmt.Sprintf("the block at %v is never freed", text),
			Why:    "mem::forget is safe Rust: a leak wastes memory and harms nobody.",
		})

	m.Alloc(p, rust.I32.Size()) // the box is gone at once; what stays is its block
	m.Write(p, 0, 42)
	box := m.Target(p)
	m.Step(6, "a box gives up its block, p gets the address",
		"into_raw ends the box and returns its address. From here on the program must free the block itself, as in C, "+
			"and p is the only place that has its address.")

	m.Set(p, addr.Addr(0))
	m.Step(7, "the last copy of the address is gone",
		fmt.Sprintf("p is null now. The block at %v is still in use and still holds its bytes, but nothing in the program leads there any more.", box))

	m.Return()
	left := m.HeapStats()
	m.Ask("main returns. How many blocks of the heap are in use now?",
		fmt.Sprintf("Popping a frame frees no block. Both are in use still, %d bytes set aside.", left.UsedBytes),
		fmt.Sprint(left.Used), "0", "1", "2")
	m.Step(8, "main is over, the blocks are still in use",
		fmt.Sprintf("The frame went with the return, the heap is as before: %d blocks, %d bytes. The kernel takes them back when the process ends; "+
			"a server that runs for a year loses some with every request.", left.Used, left.UsedBytes),
		probe.Note{
			Lesson: "forgetting to free causes leaks",
			Here:   "so it is, and nothing else happens",
			Why:    "To the heap a lost block is a block in use like any other.",
		})

	m.OnCheckedHeap(func(c *netted.Program) {
		local := c.Line(3).Call("main", netted.Local("a", rust.String.Size()), netted.Local("p", 8))
		a := c.Line(4).Alloc("a", 13)
		c.Store(a, "nobody's text")
		c.StorePointer(local[0].Add(8), a)
		c.Line(5)
		p := c.Line(6).Alloc("p", 4)
		c.Store(p, i32(42))
		c.StorePointer(local[1], p)
		c.Line(7).StorePointer(local[1], netted.Pointer{})
		c.Line(8).Return()
	})
	m.Step(8, "a checked heap looks for lost blocks at the end",
		"From what the program can still reach it follows every pointer. The blocks that it has not come to are lost, "+
			"and it knows who asked for each of them, and where.")
}
