package lesson

import (
	"fmt"

	"memprobe/probe"
	"memprobe/probe/rust"
)

// Copy assigns values of several types: some are copied, some are moved.
var Copy = &probe.Scenario{
	Name:   "copy",
	Title:  "let b = a: a copy for some types, a move for others",
	Lesson: stackVsHeap + ", on the Copy trait",
	Source: `struct Point {
    x: f64,
    y: f64,
}

fn main() {
    let a = $a;
    let mut b = a;
    b = b + a;
    let t = (1.0, 2.0);
    let u = t;
    let p = Point { x: 1.0, y: 2.0 };
    let q = p;
    let s = String::from("hi");
    let r = s;
}
`,
	Numbers: []probe.Number{{Name: "a", Lesson: 5, From: 1, To: 99}},
	Run:     runCopy,
}

func runCopy(m *probe.Machine) {
	pair := rust.Tuple(rust.F64, rust.F64)
	named := rust.Struct("Point", rust.Field{Name: "x", Type: rust.F64}, rust.Field{Name: "y", Type: rust.F64})
	a, b := probe.Let("a", rust.I32), probe.Let("b", rust.I32)
	t, u := probe.Let("t", pair), probe.Let("u", pair)
	p, q := probe.Let("p", named), probe.Let("q", named)
	s, r := probe.Let("s", rust.String), probe.Let("r", rust.String)
	m.Call("main", a, b, t, u, p, q, s, r)
	m.Set(a, m.Number("a"))
	m.Assign(b, a)
	m.Add(b, b, a)
	m.Step(9, "b was a copy of a, and has changed since",
		"let b = a copied four bytes. i32 has the Copy trait, so both variables can be used; adding to b has left a alone.")

	m.Set(t, []any{1.0, 2.0})
	m.Assign(u, t)
	m.Step(11, "a tuple is copied bit for bit",
		"A tuple has the Copy trait where all its elements have it, and so has an array. The sixteen bytes of t now stand in u as well.")

	m.Set(p, []any{1.0, 2.0})
	m.Assign(q, p)
	both, last := "both p and q", "q alone"
	m.Ask("Point has two f64, as t has, and derives no Copy. Which may be used after let q = p?",
		"Copy is a promise that a type makes with derive(Copy), not a matter of size or of where a value lies. Without it an assignment is a move.",
		whether(named.Copy(), both, last), both, last, "p alone")
	m.Step(13, "a struct without Copy is moved",
		"The same sixteen bytes were copied, and p's still stand there. The difference is in what the compiler allows: from here on p has no value.",
		probe.Note{
			Lesson: "stack-allocated types implement Copy",
			Here:   "Point, all of it on the stack, " + whether(named.Copy(), "is copied", "is moved"),
			Why:    "Copy is the type's choice. derive(Copy) would make it so, since both of its fields are Copy.",
		})

	m.StringFrom(s, "hi")
	m.Assign(r, s)
	m.Ask("s has a block on the heap with its text. How many blocks are in use after let r = s?",
		"A move copies the handle and leaves the block where it is. A second block would be the work of s.clone().",
		count(m.HeapStats().Used), "0", "1", "2")
	m.Step(15, "a String is moved: its handle, not its text",
		fmt.Sprintf("r has the handle's 24 bytes now, with the address of the same block, %v. Had s stayed usable, the block would have two owners.", m.Block(r).Addr))

	m.DropLocals()
	m.Step(16, "main ends: one owner, one free",
		"r is dropped and frees the block. s is not, since its value has gone to r; numbers, tuples and points own nothing.")
	m.Return()
}
