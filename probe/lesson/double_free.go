package lesson

import (
	"fmt"

	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/netted"
	"memprobe/probe/rust"
)

// DoubleFree frees a block twice, and the second time it is another one's.
var DoubleFree = &probe.Scenario{
	Name:   "double-free",
	Title:  "A block freed twice, and two owners have it",
	Lesson: stackVsHeap + ", on the heap's properties",
	Source: `use std::alloc::{alloc, dealloc, Layout};

const L: Layout = Layout::new::<[u8; 16]>();

fn main() {
    unsafe {
        let p = alloc(L);
        dealloc(p, L);
        let q = alloc(L);
        q.copy_from(b"text of q".as_ptr(), 9);
        dealloc(p, L);
        let r = alloc(L);
        r.copy_from(b"text of r".as_ptr(), 9);
        dealloc(r, L);
        dealloc(q, L);
    }
}
`,
	Run: runDoubleFree,
}

func runDoubleFree(m *probe.Machine) {
	const n addr.Bytes = 16
	p, q, r := probe.Let("p", rust.Raw(rust.U8)), probe.Let("q", rust.Raw(rust.U8)), probe.Let("r", rust.Raw(rust.U8))
	m.Call("main", p, q, r)
	m.Alloc(p, n)
	first := m.Free(p)
	m.Step(8, "p's block is freed, p stays",
		fmt.Sprintf("p is a raw pointer, so the program must free its block itself. It does, and %s. p still holds %v.", outcome(first), m.Target(p)))

	m.Alloc(q, n)
	m.WriteBytes(q, "text of q")
	m.Step(10, "q gets the same block",
		fmt.Sprintf("The lowest free block that fits is the one that p gave back. So q is %v as well. One block, and two pointers that hold its address.", m.Target(q)))

	second := m.Free(p)
	m.Step(11, "p is freed again, and q loses its block",
		fmt.Sprintf("A block in use begins at p's address, so %s: it can't know that this is q's block by now. q was not asked.", outcome(second)),
		probe.Note{
			Lesson: "freeing it twice causes crashes",
			Here:   "nothing crashes",
			Why:    "Only a block that is free can be told from one in use. This one was in use again.",
		})

	m.Alloc(r, n)
	behind := m.Target(q).Offset(m.BlockAt(m.Target(q)).Size)
	m.WriteBytes(r, "text of r")
	m.Ask("r asks for 16 bytes. Which address does it get?",
		"To the heap q's block is free, and it is the lowest one that fits.",
		m.Target(r).String(), m.Target(q).String(), behind.String(), "none: q still uses it")
	m.Step(13, "q and r have the same block",
		"Two owners write to the same sixteen bytes. What q wrote is gone: whoever reads through q finds the text of r, and neither of them has made a mistake.")

	right := m.Free(r)
	innocent := m.Free(q)
	m.Step(15, "the heap complains about the wrong line",
		fmt.Sprintf("r frees its block, and %s. Then q frees the block that it was given, once, as it should, and %s.", outcome(right), outcome(innocent)),
		probe.Note{
			Lesson: "freeing it twice causes crashes",
			Here:   "line 15 is refused, and line 11 is to blame",
			Why:    "Nobody got the block after r, so the heap sees that it is free. By then the mistake is long past.",
		})

	m.OnCheckedHeap(func(c *netted.Program) {
		c.Line(5).Call("main")
		p := c.Line(7).Alloc("p", n)
		c.Line(8).Free(p)
		q := c.Line(9).Alloc("q", n)
		c.Line(10).Store(q, "text of q")
		c.Line(11).Free(p)
		r := c.Line(12).Alloc("r", n)
		c.Line(13).Store(r, "text of r")
		c.Line(14).Free(r)
		c.Line(15).Free(q)
		c.Line(17).Return()
	})
	m.Step(11, "a checked heap stops at the second free of p",
		"Each pointer carries the number of the block that it was made for. The number in p is that of a block that has ended, whoever is at the address now.")
	m.Return()
}
