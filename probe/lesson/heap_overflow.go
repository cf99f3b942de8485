package lesson

import (
	"fmt"
	"strings"

	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/netted"
	"memprobe/probe/rust"
)

// HeapOverflow writes past the end of a block, into the next one.
var HeapOverflow = &probe.Scenario{
	Name:   "heap-overflow",
	Title:  "A write past the end of a block reaches the neighbour",
	Lesson: stackVsHeap + ", on the heap's properties",
	Source: `use std::alloc::{alloc, dealloc, Layout};

const L: Layout = Layout::new::<[u8; 16]>();

fn main() {
    let name = unsafe { alloc(L) };
    let balance = Box::new($balance);
    unsafe { name.write_bytes(b'A', $n) };
    println!("{balance}");
    unsafe { dealloc(name, L) };
}
`,
	Numbers: []probe.Number{
		{Name: "n", Lesson: 20, From: 17, To: 20},
		{Name: "balance", Lesson: 100, From: 100, To: 996, Step: 16}, // no byte of which is that of A
	},
	Run: runHeapOverflow,
}

func runHeapOverflow(m *probe.Machine) {
	const room addr.Bytes = 16
	name, balance := probe.Let("name", rust.Raw(rust.U8)), probe.Let("balance", rust.Box(rust.I32))
	m.Call("main", name, balance)
	m.Alloc(name, room)
	m.BoxNew(balance, m.Number("balance"))
	own, next := m.BlockAt(m.Target(name)), m.Block(balance)
	m.Step(7, "two blocks, one behind the other",
		fmt.Sprintf("name has a block of %d bytes at %v. The next block begins right behind it, at %v, and is that of balance.", own.Requested, own.Addr, next.Addr))

	n := addr.Bytes(m.Number("n"))
	m.WriteBytes(name, strings.Repeat("A", int(n)))
	written, value := addr.Span(m.Target(name), n), addr.Span(next.Addr, next.Requested)
	over := addr.Range{Lo: max(written.Lo, value.Lo), Hi: min(written.Hi, value.Hi)}
	spoilt := addr.Bytes(0)
	if over.Lo < over.Hi {
		spoilt = over.Size()
	}
	m.Ask("Line 8 writes $n bytes from name on. How many of them land in balance?",
		fmt.Sprintf("name's block ends after %d bytes, and balance begins there.", own.Size),
		fmt.Sprint(spoilt), "0", fmt.Sprint(uint64(value.Size())), "$n")
	m.Step(8, "the write runs on into balance",
		fmt.Sprintf("balance was $balance and is %s: %s of it became 0x41, the code of A. The heap was not asked, as a store is an instruction, not a request.",
			m.Value(balance), plural(spoilt, "byte")),
		probe.Note{
			Lesson: "Rust ensures safety",
			Here:   "write_bytes takes any pointer and any number",
			Why:    "A slice knows its length and is checked; a raw pointer is an address and no more.",
		})

	freed := m.Free(name)
	m.Drop(balance)
	m.Step(11, "freeing both works all the same",
		fmt.Sprintf("name is freed, and %s. This heap keeps its books elsewhere, so no store of the program's can reach them.", outcome(freed)),
		probe.Note{
			Lesson: "the allocator does its bookkeeping",
			Here:   "its notes lie outside the blocks",
			Why:    "glibc's malloc keeps a block's size right before it, where a write that runs on spoils it.",
		})

	m.OnCheckedHeap(func(c *netted.Program) {
		local := c.Line(5).Call("main", netted.Local("name", 8), netted.Local("balance", 8))
		name := c.Line(6).Alloc("name", room)
		c.StorePointer(local[0], name)
		balance := c.Line(7).Alloc("balance", 4)
		c.Store(balance, i32(m.Number("balance")))
		c.StorePointer(local[1], balance)
		c.Line(8).Store(name, strings.Repeat("A", int(n)))
		c.Line(9).Load(balance, 4)
		c.Line(10).Free(name)
		c.Line(11).Free(balance)
		c.Return()
	})
	m.Step(8, "a checked heap stops the write before its first byte",
		"The store is compared with the block that the pointer was made for: it does not fit, so nothing is written. The report names the first byte that is not name's.")
	m.Return()
}
