package lesson

import (
	"fmt"

	"memprobe/probe"
	"memprobe/probe/rust"
)

// HeapTypes has a String, a Vec and a Box side by side, and drops them.
var HeapTypes = &probe.Scenario{
	Name:   "heap-types",
	Title:  "String, Vec and Box, and the order of their end",
	Lesson: stackVsHeap + ", on types that use the heap",
	Source: `fn main() {
    let mut name = String::from("Hello");
    name.push_str(", world!");

    let mut numbers: Vec<i32> = Vec::new();
    numbers.push(1);
    numbers.push(2);
    numbers.push(3);

    let boxed: Box<i32> = Box::new(42);

    println!("{name} {numbers:?} {boxed}");
}
`,
	Run: runHeapTypes,
}

func runHeapTypes(m *probe.Machine) {
	name, numbers, boxed := probe.Let("name", rust.String), probe.Let("numbers", rust.Vec(rust.I32)), probe.Let("boxed", rust.Box(rust.I32))
	m.Call("main", name, numbers, boxed)
	m.StringFrom(name, "Hello")
	hello := m.Block(name)
	m.PushStr(name, ", world!")
	world := m.Block(name)
	m.Step(3, "name owns a text",
		fmt.Sprintf("push_str made the text longer, and name asked the heap for %d bytes in all. The handle still has its %d bytes; only the numbers in it changed.",
			m.Capacity(name), rust.String.Size()),
		probe.Note{
			Lesson: "the heap buffer may be reallocated",
			Here:   fmt.Sprintf("%d bytes of %d became %d: %s", hello.Requested, hello.Size, world.Requested, whereTo(hello.Addr, world.Addr)),
			Why:    "The block had room. Where it has none, the text moves: string-grow shows that.",
		})

	m.VecNew(numbers)
	for _, n := range []int{1, 2, 3} {
		m.VecPush(numbers, n)
	}
	m.Step(8, "numbers owns a row of elements",
		fmt.Sprintf("The handle has the same three fields; here they count elements of %d bytes. %d of %d places are in use, the last one waits for a push.",
			rust.I32.Size(), m.Len(numbers), m.Capacity(numbers)))

	m.BoxNew(boxed, 42)
	block := m.Block(boxed)
	lowest, highest := "name", "boxed"
	if m.Addr(name) > m.Addr(boxed) {
		lowest, highest = highest, lowest
	}
	m.Step(10, "boxed owns one value",
		fmt.Sprintf("A Box always holds one value, so it needs neither length nor capacity: its %d bytes in the frame are the address of %s on the heap.",
			rust.Box(rust.I32).Size(), m.Value(boxed)),
		probe.Note{
			Lesson: "42 on the heap takes 4 bytes",
			Here:   fmt.Sprintf("%d bytes asked for, %d set aside", block.Requested, block.Size),
			Why:    "Blocks are multiples of 16 bytes, so that any usual type in one is aligned.",
		},
		probe.Note{
			Lesson: "name on top, then numbers, then boxed",
			Here:   fmt.Sprintf("%s has the lowest address, %s the highest", lowest, highest),
			Why:    "rustc 1.95 does the same without optimisation; it promises no order.",
		})

	first := m.DropNext()
	m.Ask("main ends. Which of the three is dropped first?",
		"Locals are dropped in reverse: what was declared later may borrow from what was declared before it, so it has to end first.",
		first, "name", "numbers", "boxed")
	m.Step(13, first+" is dropped first",
		"At the closing brace the compiler has put a call of drop for each owner, the last one declared first. The first block goes back to the heap.")

	second := m.DropNext()
	m.Step(13, second+" is dropped next",
		"Its block goes back whole, the unused place with it. What a handle owns is freed; the handle itself stays in the frame until main returns.")

	third := m.DropNext()
	m.Step(13, third+" is dropped last",
		fmt.Sprintf("No line of the program frees anything, and yet what %s, %s and %s owned was given back. Blocks in use now: %d.",
			first, second, third, m.HeapStats().Used))
	m.Return()
}
