package lesson

import (
	"fmt"

	"memprobe/probe"
	"memprobe/probe/rust"
)

// Call passes a number to a function: what the function gets is a copy.
var Call = &probe.Scenario{
	Name:   "call",
	Title:  "An argument is a copy in the called function's frame",
	Lesson: ownership2 + ", on the stack frame",
	Source: `fn bar(mut j: i32) {
    let k = $k;
    j = j + k;
}

fn main() {
    let x = $x;
    bar(x);
}
`,
	Numbers: []probe.Number{{Name: "x", Lesson: 5, From: 1, To: 49}, {Name: "k", Lesson: 20, From: 50, To: 99}},
	Run:     runCall,
}

func runCall(m *probe.Machine) {
	empty := m.SP()
	x := probe.Let("x", rust.I32)
	m.Call("main", x)
	m.Set(x, m.Number("x"))
	m.Step(7, "main is called and has a frame",
		"The stack was empty until now. main's frame has the place of its one variable, x.")

	mains := m.SP()
	j, k := probe.Arg("j", x), probe.Let("k", rust.I32)
	m.Call("bar", j, k)
	m.Step(1, "bar is called: x is copied to j",
		"bar's frame has places for j, its parameter, and k, its variable. The call has copied x into j; k has no value yet.",
		probe.Note{
			Lesson: "a frame holds the return address, too",
			Here:   fmt.Sprintf("bar's %d bytes hold j, k and padding", uint64(mains.Sub(m.SP()))),
			Why:    "memprobe plays the program. A compiled call notes between the frames where in the machine code to go on.",
		})

	m.Set(k, m.Number("k"))
	m.Step(2, "k gets its value",
		"Two frames, four bytes for each variable, and each name means a place in the frame of its own function.")

	m.Add(j, j, k)
	m.Ask("bar adds $k to j, which came from x. What is x now?",
		"j and x are two places. The call copied four bytes from one to the other, and nothing ties them together after that.",
		m.Value(x), m.Value(j), "$k")
	m.Step(3, "bar changes j, and x stays what it is",
		fmt.Sprintf("j is at %v, x is at %v: two places. The copy in bar's frame is now %s, the original in main's frame is still %s.",
			m.Addr(j), m.Addr(x), m.Value(j), m.Value(x)))

	m.Return()
	m.Step(8, "bar returns and its frame is gone",
		"j and k end with the call that made them. Their bytes still stand below the stack pointer, and the next call may use the room.")

	m.Return()
	m.Step(9, "main returns, too",
		"Each frame came with its call and went with its return. The stack pointer "+
			whether(m.SP() == empty, "is back at the end of the stack", "is not back at the end of the stack")+".")
}
