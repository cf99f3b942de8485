package lesson

import (
	"fmt"
	"strings"

	"memprobe/probe"
	"memprobe/probe/rust"
)

// String makes a String: a handle of fixed size on the stack, its text on the heap.
var String = &probe.Scenario{
	Name:   "string",
	Title:  "A text on the heap, its handle on the stack",
	Lesson: stackVsHeap + ", on the heap",
	Source: `fn main() {
    let s = String::from("hello");
}
`,
	Run: runString,
}

func runString(m *probe.Machine) {
	s := probe.Let("s", rust.String)
	m.Call("main", s)
	m.Step(1, "main is called",
		fmt.Sprintf("Its frame has %d bytes for s, however long the text will be. Nothing is stored in them yet, and the heap is one free block.",
			rust.String.Size()))

	m.StringFrom(s, "hello")
	var order []string
	for _, f := range rust.String.Fields() {
		order = append(order, f.Name)
	}
	block := m.Block(s)
	inFrame, onHeap := fmt.Sprintf("Into the %d bytes of s: it has room there", rust.String.Size()), "Into a block of the heap"
	where := onHeap
	if m.Stack().Contains(block.Addr) {
		where = inFrame
	}
	m.Ask("The text has five bytes. Where does String::from put them?",
		"A String may grow while the program runs, and its place in the frame can't: so the text is never there.",
		where, inFrame, onHeap, "Into main's frame, below s")
	m.Step(2, "the text goes to the heap, its handle to the stack",
		"A String may grow while the program runs, so its bytes go to the heap. main keeps its handle, three numbers "+
			"of fixed size: cap, how much room there is; ptr, where it is; len, how much of it is used.",
		probe.Note{
			Lesson: "ptr, len, capacity",
			Here:   strings.Join(order, ", "),
			Why:    "The compiler orders a struct's fields, and rustc 1.95 does it this way.",
		},
		probe.Note{
			Lesson: "the text is at 0x7f2a",
			Here:   fmt.Sprintf("it is at %v", block.Addr),
			Why:    "The lesson cut the address to fit its picture.",
		},
		probe.Note{
			Lesson: "five boxes for five letters",
			Here:   fmt.Sprintf("%d bytes asked for, %d set aside", block.Requested, block.Size),
			Why:    "Blocks are multiples of 16 bytes, so that any usual type in one is aligned.",
		})

	m.DropLocals()
	m.Step(3, "s goes out of scope",
		"At the closing brace s is dropped and its block goes back to the heap. Nobody wipes anything: "+
			"the handle still names the block, but safe code can't use it any more.")
	m.Return()
}
