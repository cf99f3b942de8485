package lesson

import (
	"fmt"

	"memprobe/probe"
	"memprobe/probe/rust"
)

// Move gives a String from one variable to another, and to a function.
var Move = &probe.Scenario{
	Name:   "move",
	Title:  "A move copies the handle; the text stays where it is",
	Lesson: stackVsHeap + ", on values that are copied or moved",
	Source: `fn take(t: String) {
    println!("{t}");
}

fn main() {
    let s1 = String::from("hello");
    let s2 = s1;
    take(s2);
}
`,
	Run: runMove,
}

func runMove(m *probe.Machine) {
	s1, s2 := probe.Let("s1", rust.String), probe.Let("s2", rust.String)
	m.Call("main", s1, s2)
	m.StringFrom(s1, "hello")
	text := m.Block(s1).Addr
	m.Step(6, "s1 owns a text",
		fmt.Sprintf("The text is at %v, and s1's ptr is that address. s1 is its owner: when s1 ends, the block is freed.", text))

	m.Assign(s2, s1)
	moved := m.Block(s2).Addr
	same, other := "Where it was", "At a new address, as s2's own copy"
	answer := same
	if moved != text {
		answer = other
	}
	m.Ask("let s2 = s1: where on the heap is s2's text?",
		"A move copies the handle alone. The text would have to be copied by hand: s1.clone() does it.",
		answer, same, other, "At a new address, and the old block is freed")
	m.Step(7, "s1 is moved to s2",
		fmt.Sprintf("The %d bytes of the handle were copied, so %s. s1's bytes still say the same, but the compiler refuses any use of s1: a text has one owner.",
			rust.String.Size(), whereTo(text, moved)),
		probe.Note{
			Lesson: "copied bit for bit instead of moved",
			Here:   fmt.Sprintf("the move copied %d bytes bit for bit, too", rust.String.Size()),
			Why:    "The difference is in the compiler: after a move, the source is out of use.",
		})

	t := probe.Arg("t", s2)
	m.Call("take", t)
	inTake := m.Block(t).Addr
	m.Step(1, "a call moves it once more",
		fmt.Sprintf("The parameter t gets the handle. It is in another frame now and names the same text: %s. Neither s1 nor s2 owns anything.", whereTo(text, inTake)))

	m.DropLocals()
	early, late, never := "When take ends", "When main ends", "Never: main gave it away"
	answer = early
	if m.BlockAt(text).Size != 0 {
		answer = late
	}
	m.Ask("t, in take, owns the text. When is its block freed?",
		"The owner's end is the block's end. The owner is t, so nothing is left to be freed when main ends.",
		answer, early, late, never)
	m.Step(3, "t ends, and the text with it",
		"take gave t to nobody, so t is dropped at take's closing brace and frees the block. Two handles in main still name it, and neither is live.")

	m.Return()
	m.DropLocals()
	m.Step(9, "main has nothing to free",
		"At main's end neither s1 nor s2 is dropped: both were moved, and the compiler keeps track of it. The text was freed once, by its one owner.")
	m.Return()
}
