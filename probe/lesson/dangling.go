package lesson

import (
	"fmt"

	"memprobe/probe"
	"memprobe/probe/netted"
	"memprobe/probe/rust"
)

// Dangling writes through a pointer to a frame that has been popped.
var Dangling = &probe.Scenario{
	Name:   "dangling",
	Title:  "A stale pointer into the stack changes another variable",
	Lesson: ownership2 + ", on stack pointer and stack frame",
	Source: `fn make() -> *mut i32 {
    let mut n = $n;
    &raw mut n
}

fn check(p: *mut i32) {
    let limit = $limit;
    unsafe { *p = $w };
    println!("{limit}");
}

fn main() {
    let p = make();
    check(p);
}
`,
	Numbers: []probe.Number{
		{Name: "n", Lesson: 7, From: 1, To: 49},
		{Name: "w", Lesson: 0, From: 50, To: 99},
		{Name: "limit", Lesson: 100, From: 100, To: 999},
	},
	Run: runDangling,
}

func runDangling(m *probe.Machine) {
	p := probe.Let("p", rust.Raw(rust.I32))
	m.Call("main", p)
	n := probe.Let("n", rust.I32)
	m.Call("make", n)
	m.Set(n, m.Number("n"))
	m.Step(2, "make has a variable",
		fmt.Sprintf("n is at %v, in make's frame, below main's. make will return that address.", m.Addr(n)))

	m.Borrow(p, n)
	m.Return()
	m.Step(13, "make's frame is popped, p still points there",
		fmt.Sprintf("p holds %v, an address below the stack pointer. No variable is there any more, and the next call will put its own there.", m.Target(p)),
		probe.Note{
			Lesson: "Rust ensures safety",
			Here:   "it compiles: a raw pointer may be made of anything",
			Why:    "With &mut in place of *mut, rustc refuses make. Following a raw pointer takes an unsafe block.",
		})

	inner, limit := probe.Arg("p", p), probe.Let("limit", rust.I32)
	m.Call("check", inner, limit)
	m.Set(limit, m.Number("limit"))
	where := "elsewhere"
	if m.Addr(limit) == m.Target(inner) {
		where = "exactly where n was"
	}
	m.Step(7, "check's frame lies where make's was",
		fmt.Sprintf("check has a copy of p, and a variable of its own, limit. limit lies %s: at %v.", where, m.Addr(limit)))

	m.Write(inner, 0, m.Number("w"))
	m.Ask("check writes $w to *p. What is limit then?",
		"p holds the address of limit, though it was made for n.",
		m.Value(limit), "$limit", "$w", "$n")
	m.Step(8, "*p = $w has changed limit",
		fmt.Sprintf("limit is %s. The line says nothing of limit, and nothing crashed: the address is one of this program's stack, so the write is allowed.", m.Value(limit)))

	m.OnCheckedHeap(func(c *netted.Program) {
		local := c.Line(12).Call("main", netted.Local("p", 8))
		n := c.Line(1).Call("make", netted.Local("n", 4))
		c.Line(2).Store(n[0], i32(m.Number("n")))
		c.Line(4).Return()
		c.Line(13).StorePointer(local[0], n[0])
		check := c.Line(6).Call("check", netted.Local("p", 8), netted.Local("limit", 4))
		c.StorePointer(check[0], c.LoadPointer(local[0]))
		c.Line(7).Store(check[1], i32(m.Number("limit")))
		c.Line(8).Store(c.LoadPointer(check[0]), i32(m.Number("w")))
		c.Line(10).Return()
		c.Line(15).Return()
	})
	m.Step(8, "a checked stack stops the write",
		"p was made for n, and n ended when make returned. Whoever has those bytes now, they are not n's: the store is refused.")
	m.Return()
	m.Return()
}
