package lesson

import (
	"fmt"

	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/rust"
)

// Fragmentation has enough free memory for a request, and no block for it.
var Fragmentation = &probe.Scenario{
	Name:   "fragmentation",
	Title:  "Enough is free, and yet nothing fits",
	Lesson: stackVsHeap + ", on fragmentation",
	Source: `fn main() {
    let a = Box::new([b'a'; 512]);
    let b = Box::new([b'b'; 1024]);
    let c = Box::new([b'c'; 512]);
    let d = Box::new([b'd'; 1024]);
    let e = Box::new([b'e'; 1024]);
    drop(b); drop(d);
    let mut big: Vec<u8> = Vec::new();
    if big.try_reserve_exact($n).is_err() {
        drop(c);
        big.reserve_exact($n);
    }
}
`,
	Run:     runFragmentation,
	Numbers: []probe.Number{{Name: "n", Lesson: 1536, From: 1088, To: 2048, Step: 64}},
	View:    probe.ViewMap,
	Heap:    smallHeap,
}

// smallHeap is a heap that the five blocks fill.
const smallHeap addr.Bytes = 4096

func runFragmentation(m *probe.Machine) {
	n := addr.Bytes(m.Number("n"))
	a, b, c := letLetters("a", 512), letLetters("b", 1024), letLetters("c", 512)
	d, e := letLetters("d", 1024), letLetters("e", 1024)
	big := probe.Let("big", rust.Vec(rust.U8))
	m.Call("main", a.Local, b.Local, c.Local, d.Local, e.Local, big)
	fill(m, a, b, c, d, e)
	if rest := m.HeapStats().Arena - smallHeap; rest > 0 {
		m.Mark(rest) // where a page is larger than this heap should be
	}
	full := m.HeapStats()
	m.Step(6, "the heap is full",
		fmt.Sprintf("This heap is small, so that all of it can be drawn: %s bytes. It is filled by %s, and %s are free.",
			count(full.Arena), plural(full.Used, "block"), plural(full.FreeBytes, "byte")))

	m.Drop(b.Local)
	m.Drop(d.Local)
	pieces := m.HeapStats()
	factFragmentation(m)
	m.Step(7, "two blocks are freed, and a third is between them",
		fmt.Sprintf("Now %s bytes are free, in %s of at most %s bytes each. c's block is between them and stays there: c holds its address.",
			count(pieces.FreeBytes), plural(pieces.FreeBlocks, "hole"), count(pieces.LargestFree)))

	m.VecNew(big)
	found, passed := target(m.Search(n))
	one, all, none := "Yes: more than that is free", "Yes, in two pieces", "No: no hole is large enough"
	answer := none
	if found.Fits {
		answer = one
	}
	m.Ask(fmt.Sprintf("%s bytes are free. Does a request for %s bytes succeed?", count(pieces.FreeBytes), count(n)),
		"A block is a run of addresses without a gap: what counts is the largest hole, not the sum of all.",
		answer, one, all, none)
	m.Step(9, "the request fails",
		fmt.Sprintf("The search looked at %s: none has %s bytes. try_reserve_exact returns an error and lets main go on. Vec::with_capacity would end the program.",
			plural(passed, "hole"), count(n)),
		probe.Note{
			Lesson: "the allocator must manage fragmentation",
			Here:   "no hole fits, and this heap can't grow",
			Why:    "Other heaps ask the kernel for more memory then; the holes stay all the same.",
		})

	m.Drop(c.Local)
	cured := m.HeapStats()
	factFragmentation(m)
	m.Ask(fmt.Sprintf("There are %s. Now c is dropped, whose block is between them. How many are there then?", plural(pieces.FreeBlocks, "hole")),
		"Free neighbours are joined at once: the freed block and the holes at both its sides are one hole.",
		plural(cured.FreeBlocks, "hole"), plural(1, "hole"), plural(2, "hole"), plural(3, "hole"))
	m.Step(10, "the cure: neighbours become one",
		fmt.Sprintf("c's block is joined with the holes at both sides: coalescing. The largest hole had %s bytes; now it has %s.",
			count(pieces.LargestFree), count(cured.LargestFree)))

	m.Own(big, m.Mark(n), n)
	block := m.Block(big)
	factFragmentation(m)
	m.Step(11, "now the request succeeds",
		fmt.Sprintf("big gets its block at %v, where b's was. %s.", block.Addr, leftOver(cured.LargestFree, block.Size)))

	m.DropLocals()
	factFragmentation(m)
	m.Step(13, "when all is freed, all is one",
		"main ends, and the last owners free their blocks. Each is joined with its free neighbours: nothing is left of the holes.")
	m.Return()
}

// factFragmentation adds the heap's external fragmentation to the next step.
func factFragmentation(m *probe.Machine) {
	s := m.HeapStats()
	value := "0 %, nothing is free"
	if s.FreeBytes > 0 {
		value = fmt.Sprintf("1 - %s / %s = %.0f %%", count(s.LargestFree), count(s.FreeBytes), 100*s.ExternalFragmentation())
	}
	m.Fact("external fragmentation: 1 - largest free block / all free bytes", value, "the heap's blocks")
}
