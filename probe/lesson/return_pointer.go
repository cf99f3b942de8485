package lesson

import (
	"fmt"

	"memprobe/probe"
	"memprobe/probe/rust"
)

// ReturnPointer keeps the address of a variable whose frame has gone.
var ReturnPointer = &probe.Scenario{
	Name:   "return-pointer",
	Title:  "A pointer to a popped frame, and what is there afterwards",
	Lesson: stackVsHeap + ", on automatic cleanup",
	Source: `fn local() -> *const i32 {
    let n = $n;
    &n
}

fn other() {
    let k = $k;
}

fn main() {
    let p = local();
    let before = unsafe { *p };
    other();
    let after = unsafe { *p };
}
`,
	Numbers: []probe.Number{{Name: "n", Lesson: 7, From: 1, To: 49}, {Name: "k", Lesson: 20, From: 50, To: 99}},
	Run:     runReturnPointer,
}

func runReturnPointer(m *probe.Machine) {
	p := probe.Let("p", rust.Const(rust.I32))
	before, after := probe.Let("before", rust.I32), probe.Let("after", rust.I32)
	m.Call("main", p, before, after)
	n := probe.Let("n", rust.I32)
	m.Call("local", n)
	m.Set(n, m.Number("n"))
	m.Step(2, "local has a variable, and will return its address",
		fmt.Sprintf("n lies at %v, in local's frame. What local returns is that number, not n.", m.Addr(n)))

	m.Return()
	m.Set(p, m.Addr(n)) // returned in a register
	m.Step(11, "the frame is popped, its address is in p",
		fmt.Sprintf("p points below the stack pointer, %v: to memory that is no variable's. Nobody has wiped the bytes, so they still say %s.", m.SP(), m.Pointee(p)),
		probe.Note{
			Lesson: "the entire frame is deallocated instantly",
			Here:   "the stack pointer moved; the bytes stayed",
			Why:    "A pop is an addition to the stack pointer. Wiping would be extra work, and no correct program needs it.",
		})

	m.Read(before, p, 0)
	m.Step(12, "it reads as if nothing had happened",
		"before is "+m.Value(before)+". This is the trap: the mistake is made, and the program seems to work until the room is used again.")

	k := probe.Let("k", rust.I32)
	m.Call("other", k)
	m.Set(k, m.Number("k"))
	same := m.Addr(k) == m.Target(p)
	m.Step(7, "another call gets the same room",
		fmt.Sprintf("other's frame is pushed where local's was. Its k is at %v, and p %s: main has a way into a frame that it knows nothing of.",
			m.Addr(k), whether(same, "points to k", "points elsewhere")))

	m.Return()
	m.Read(after, p, 0)
	m.Ask("other has returned as well. What does main read through p now?",
		"p is still the same address. The last one to write there was other, when it set k.",
		m.Value(after), m.Value(before), m.Value(k), "0")
	m.Step(14, "the same pointer, another number",
		fmt.Sprintf("before is %s, after is %s, and main has written to neither n nor k. Rust has no rule for what such a read gives; a reference in place of p would not compile.", m.Value(before), m.Value(after)),
		probe.Note{
			Lesson: "Rust keeps stack and heap safe",
			Here:   "p is a raw pointer, read in an unsafe block",
			Why:    "The compiler follows references and owners. In unsafe code nobody follows a raw pointer.",
		})
	m.Return()
}
