package lesson

import (
	"fmt"

	"memprobe/probe"
	"memprobe/probe/rust"
)

// Nested goes three calls deep, twice: the second time the frames lie where those of
// the first time lay.
var Nested = &probe.Scenario{
	Name:   "nested",
	Title:  "Three calls deep, twice: the same addresses again",
	Lesson: ownership2 + ", on functions called within functions",
	Source: `fn add(a: i32, b: i32) -> i32 {
    let sum = a + b;
    sum
}

fn twice(n: i32) -> i32 {
    let result = add(n, n);
    result
}

fn total(v: i32, w: i32) -> i32 {
    let p = twice(v);
    let q = twice(w);
    let all = add(p, q);
    all
}

fn main() {
    let t = total($v, $w);
}
`,
	Numbers: []probe.Number{{Name: "v", Lesson: 5, From: 1, To: 9}, {Name: "w", Lesson: 12, From: 10, To: 19}},
	Run:     runNested,
}

func runNested(m *probe.Machine) {
	t := probe.Let("t", rust.I32)
	m.Call("main", t)
	v, w := probe.ArgValue("v", rust.I32, m.Number("v")), probe.ArgValue("w", rust.I32, m.Number("w"))
	p, q, all := probe.Let("p", rust.I32), probe.Let("q", rust.I32), probe.Let("all", rust.I32)
	m.Call("total", v, w, p, q, all)
	m.Step(11, "main calls total",
		"total's frame has room for its two arguments and for three results that it has not got yet.")

	n1, result1 := probe.Arg("n", v), probe.Let("result", rust.I32)
	m.Call("twice", n1, result1)
	first := callAdd(m, n1, n1)
	m.Step(2, "total calls twice, and twice calls add",
		fmt.Sprintf("Each call pushed a frame below its caller's. add is the third call below main: its a is at %v. Only the newest function runs, the others wait.", m.Addr(first.a)))

	m.ReturnTo(result1, first.sum)
	m.ReturnTo(p, result1)
	m.Step(12, "add and twice return, the newest first",
		"Two frames have gone in the reverse of the order in which they came. All that is left of them is p.")

	n2, result2 := probe.Arg("n", w), probe.Let("result", rust.I32)
	m.Call("twice", n2, result2)
	second := callAdd(m, n2, n2)
	same := m.Addr(n1) == m.Addr(n2) && m.Addr(first.a) == m.Addr(second.a)
	again, elsewhere := "At the same addresses as the first time", "At new addresses, below the old ones"
	m.Ask("total calls twice once more, and twice calls add. Where do their two frames lie this time?",
		"A push starts from the stack pointer. It stands where it stood before the first call, and the frames have the same sizes.",
		whether(same, again, elsewhere), again, elsewhere, "At any addresses that are free")
	m.Step(2, "twice again, add again: "+whether(same, "the same addresses", "other addresses"),
		fmt.Sprintf("add's a was at %v and is at %v now. The bytes of the first call were still there, and the second call has written over them.", m.Addr(first.a), m.Addr(second.a)))

	m.ReturnTo(result2, second.sum)
	m.ReturnTo(q, result2)
	third := callAdd(m, p, q)
	m.ReturnTo(all, third.sum)
	same = m.Addr(third.a) == m.Addr(first.a)
	m.Step(14, "total calls add itself: this time "+whether(same, "at the same place", "at another place"),
		fmt.Sprintf("This add was called from total, with no frame of twice between. Its a was at %v, not at %v: where a frame lies depends on who calls.", m.Addr(third.a), m.Addr(first.a)))

	m.ReturnTo(t, all)
	m.Step(19, "total returns to main",
		"One number is left of all these calls, "+m.Value(t)+". They used the same few bytes of stack again and again, as deep as the deepest of them.")
	m.Return()
}

// adding are the variables of a call of add.
type adding struct{ a, b, sum *probe.Local }

// callAdd calls add and stops where sum has its value.
func callAdd(m *probe.Machine, a, b *probe.Local) adding {
	call := adding{probe.Arg("a", a), probe.Arg("b", b), probe.Let("sum", rust.I32)}
	m.Call("add", call.a, call.b, call.sum)
	m.Add(call.sum, call.a, call.b)
	return call
}
