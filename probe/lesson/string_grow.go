package lesson

import (
	"fmt"

	"memprobe/probe"
	"memprobe/probe/rust"
)

// StringGrow appends to a String until its block is too small: three times, and
// only once does the text move.
var StringGrow = &probe.Scenario{
	Name:   "string-grow",
	Title:  "A text that grows, and sometimes has to move",
	Lesson: stackVsHeap + ", on push_str",
	Source: `fn main() {
    let mut s = String::from("hello");
    s.push_str(", world!");
    let t = String::from("a neighbour");
    s.push_str(" Hi!");
    s.push_str(" Bye.");
    s.push_str(" Again.");
}
`,
	Run: runStringGrow,
}

func runStringGrow(m *probe.Machine) {
	s, t := probe.Let("s", rust.String), probe.Let("t", rust.String)
	m.Call("main", s, t)
	m.StringFrom(s, "hello")
	first := m.Block(s)
	m.Step(2, "s has room for its text, and no more",
		fmt.Sprintf("The capacity is %d: how many bytes s asked for. The heap gives out multiples of 16 bytes, so %d are set aside at %v.",
			m.Capacity(s), first.Size, first.Addr))

	m.PushStr(s, ", world!")
	grown := m.Block(s)
	m.Step(3, "s asks for more, and it is there already",
		fmt.Sprintf("A full String asks for twice its capacity or, if that is more, for what it needs: here %d bytes. Its block has %d, so %s.",
			m.Capacity(s), first.Size, whereTo(first.Addr, grown.Addr)),
		probe.Note{
			Lesson: "the heap buffer may be reallocated",
			Here:   fmt.Sprintf("it is at %v, as it was before", grown.Addr),
			Why:    "Each growth asks the heap anew. Only where the block has no room does the text move.",
		})

	m.StringFrom(t, "a neighbour")
	m.Step(4, "t's block is right behind",
		fmt.Sprintf("t's text begins at %v, where the block of s ends. The two are neighbours, without a byte between them.", m.Block(t).Addr))

	m.PushStr(s, " Hi!")
	moved := m.Block(s)
	askWhether(m, "s needs more room than its block has. Does the text's address change?",
		"The block can't grow into t's. So the heap finds another one, copies the text, and frees the old block.",
		grown.Addr, moved.Addr)
	m.Step(5, "the text moves",
		fmt.Sprintf("s asks for %d bytes now, twice its capacity. t is in the way, so the text is copied to %v and the block at %v is freed. "+
			"An address kept from before is worth nothing now.", m.Capacity(s), moved.Addr, grown.Addr))

	m.PushStr(s, " Bye.")
	m.Step(6, "no growth: there is room",
		fmt.Sprintf("The doubling left room: with five letters more, %d of %d bytes are in use. The heap is not asked; only the letters and the handle are written.",
			m.Len(s), m.Capacity(s)))

	m.PushStr(s, " Again.")
	last := m.Block(s)
	askWhether(m, "s is full again, and its capacity doubles. Does the text's address change this time?",
		"What lies right behind the block decides: a block in use is in the way, free bytes are not.",
		moved.Addr, last.Addr)
	m.Step(7, "the block grows where it is",
		fmt.Sprintf("The capacity doubles to %d. Behind the block nothing is in use, so the heap adds what lies there: %s.",
			m.Capacity(s), whereTo(moved.Addr, last.Addr)))
	m.Return()
}
