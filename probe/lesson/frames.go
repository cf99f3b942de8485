package lesson

import (
	"fmt"

	"memprobe/probe"
	"memprobe/probe/rust"
)

// Frames calls a function and returns from it: a frame appears below main's and
// goes again.
var Frames = &probe.Scenario{
	Name:   "frames",
	Title:  "A call pushes a frame, a return pops it",
	Lesson: stackVsHeap + ", on stack frames",
	Source: `fn add(a: i32, b: i32) -> i32 {
    let result = a + b;
    result
}

fn main() {
    let x = $x;
    let y = $y;
    let sum = add(x, y);
}
`,
	Numbers: []probe.Number{{Name: "x", Lesson: 5, From: 1, To: 49}, {Name: "y", Lesson: 10, From: 50, To: 99}},
	Run:     runFrames,
}

func runFrames(m *probe.Machine) {
	x, y, sum := probe.Let("x", rust.I32), probe.Let("y", rust.I32), probe.Let("sum", rust.I32)
	m.Call("main", x, y, sum)
	m.Set(x, m.Number("x"))
	m.Set(y, m.Number("y"))
	m.Step(8, "main has a frame of its own",
		"One push made room for all three variables. x and y have their values; sum has its place, but no value until add returns.",
		probe.Note{
			Lesson: "x on top, then y, then sum",
			Here:   fmt.Sprintf("x is lowest, at %v", m.Addr(x)),
			Why:    "rustc 1.95 does the same without optimisation; it promises no order.",
		})

	before := m.SP()
	a, b, result := probe.Arg("a", x), probe.Arg("b", y), probe.Let("result", rust.I32)
	m.Call("add", a, b, result)
	m.Add(result, a, b)
	below, above := "Below main's, at lower addresses", "Above main's, at higher addresses"
	m.Ask("main calls add. Where does add's frame lie?",
		"A push moves the stack pointer down, and the new frame begins there. Pictures that draw it on top turn the addresses round.",
		whether(m.SP() < before, below, above), below, above, "Inside of main's, behind sum")
	m.Step(2, "add has a frame below main's",
		"a and b are copies of x and y: nothing done to them reaches main. The stack pointer now stands at add's lowest byte. "+
			"A compiled call also leaves the return address between the two frames.",
		probe.Note{
			Lesson: "a push increments the stack pointer",
			Here:   fmt.Sprintf("it went down, from %v to %v", before, m.SP()),
			Why:    "On x86-64 and arm64 the stack grows toward lower addresses.",
		},
		probe.Note{
			Lesson: "add is drawn above main",
			Here:   "add stands below main",
			Why:    "Its addresses are lower. \"Top of the stack\" means the newest end.",
		})

	m.ReturnTo(sum, result)
	m.Ask("add has returned. What do the four bytes hold that were its result?",
		"A pop moves the stack pointer and nothing else. Whatever stood in the frame stays until another call writes there.",
		m.Value(result), "0", "Nothing: they are gone", "$x")
	m.Step(9, "add's frame is gone, its result is in sum",
		"Popping moved the stack pointer back, nothing else. The bytes of add still stand below it, free for the next call.")
	m.Return()
}
