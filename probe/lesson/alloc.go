package lesson

import (
	"fmt"

	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/rust"
)

// Alloc takes an allocation in its four steps, on a heap with holes.
var Alloc = &probe.Scenario{
	Name:   "alloc",
	Title:  "An allocation in four steps",
	Lesson: ownership2 + ", on data allocation on the heap",
	Source: `fn main() {
    let a = Box::new([b'a'; 16]); let b = Box::new([b'b'; 16]);
    let c = Box::new([b'c'; 32]); let d = Box::new([b'd'; 16]);
    let e = Box::new([b'e'; 96]); let f = Box::new([b'f'; 16]);
    let g = Box::new([b'g'; 64]); let h = Box::new([b'h'; 16]);
    drop(a); drop(c); drop(e); drop(g);
    let v: Vec<u8> = Vec::with_capacity($n);
}
`,
	Run:     runAlloc,
	Numbers: []probe.Number{{Name: "n", Lesson: 48, From: 24, To: 120, Step: 8}},
	View:    probe.ViewMap,
	Heap:    4096,
}

func runAlloc(m *probe.Machine) {
	n := addr.Bytes(m.Number("n"))
	a, b, c, d := letLetters("a", 16), letLetters("b", 16), letLetters("c", 32), letLetters("d", 16)
	e, f, g, h := letLetters("e", 96), letLetters("f", 16), letLetters("g", 64), letLetters("h", 16)
	v := probe.Let("v", rust.Vec(rust.U8))
	m.Call("main", a.Local, b.Local, c.Local, d.Local, e.Local, f.Local, g.Local, h.Local, v)
	fill(m, a, b, c, d, e, f, g, h)
	for _, gone := range []letterBox{a, c, e, g} {
		m.Drop(gone.Local)
	}
	stats := m.HeapStats()
	m.Step(6, "the heap has holes",
		fmt.Sprintf("Eight blocks lay in a row, and every second one was freed. Now %d are in use and %d are free: "+
			"the holes between them, and the rest of the heap.", stats.Used, stats.FreeBlocks))

	m.Step(7, "the request: so many bytes",
		"Vec::with_capacity asks the heap for room for $n bytes. Where that will be, it leaves to the heap. Nothing has changed yet.")

	free := m.FreeBlocks()
	looked := m.Search(n)
	found, passed := target(looked)
	m.Ask("The heap has to find $n bytes. Which of its free blocks does it take?",
		"First fit takes the lowest free block that is large enough. It does not compare: a tighter one may come later.",
		sizeIs(found.Size), sizeIs(free[0].Size), sizeIs(tightest(free, n)), sizeIs(96), sizeIs(free[len(free)-1].Size))
	chosen := fmt.Sprintf("the lowest one, %s bytes; it is the tightest, too", count(found.Size))
	if tight := tightest(free, n); tight != found.Size {
		chosen = fmt.Sprintf("the lowest one, %s bytes; the tightest has %s", count(found.Size), count(tight))
	}
	m.Step(7, "the search: a free block that holds them",
		fmt.Sprintf("From the lowest address up, the heap looks at its free blocks. %s; the next, %s bytes at %v, is large enough. The search ends here.",
			tooSmall(passed), count(found.Size), found.Addr),
		probe.Note{
			Lesson: "it finds an empty spot that is big enough",
			Here:   chosen,
			Why:    "First fit ends its search early. Best fit would look at all of them.",
		})

	at := m.Mark(n)
	block := m.BlockAt(at)
	m.Step(7, "the mark: in use from now on",
		fmt.Sprintf("The block is marked as in use: %d bytes asked for, %d set aside. %s. Nobody has been told the address yet.",
			block.Requested, block.Size, leftOver(found.Size, block.Size)))

	m.Own(v, at, n)
	m.Step(7, "the pointer: v gets the address",
		fmt.Sprintf("Now v gets the address, %v, and notes that it has room for %d bytes. Nobody wiped the block. With len at %d, nothing in it is v's value.",
			m.Block(v).Addr, m.Capacity(v), m.Len(v)))
	m.Return()
}

// sizeIs names a free block by its size, as a choice of a question.
func sizeIs(n addr.Bytes) string { return fmt.Sprintf("The one of %s bytes", count(n)) }

// tooSmall says how many free blocks a search passed.
func tooSmall(passed int) string {
	switch passed {
	case 0:
		return "None was passed"
	case 1:
		return "The first is too small"
	}
	return fmt.Sprintf("The first %d are too small", passed)
}

// leftOver says what is left of a free block of which taken bytes are now in use.
func leftOver(free, taken addr.Bytes) string {
	if free <= taken {
		return "Nothing of the free block is left"
	}
	return fmt.Sprintf("The other %s bytes stay free", count(free-taken))
}
