package lesson

import (
	"fmt"

	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/rust"
)

// Parking is an allocation and its end once more, as the lesson's car park.
var Parking = &probe.Scenario{
	Name:   "parking",
	Title:  "The heap as a car park",
	Lesson: ownership2 + ", on the car park",
	Source: `fn main() {
    let van = Box::new([b'v'; 32]); let a = Box::new([b'a'; 16]);
    let truck = Box::new([b't'; 64]); let b = Box::new([b'b'; 16]);
    drop(van); drop(truck);
    let bus: Vec<u8> = Vec::with_capacity($n);
    drop(bus);
}
`,
	Run:     runParking,
	Numbers: []probe.Number{{Name: "n", Lesson: 48, From: 32, To: 112, Step: 16}},
	View:    probe.ViewParking,
	Heap:    4096,
}

// space is one space of the car park, in bytes: what the heap counts in.
const space addr.Bytes = 16

func spaces(n addr.Bytes) string { return plural((n+space-1)/space, "space") }

func runParking(m *probe.Machine) {
	n := addr.Bytes(m.Number("n"))
	van, a := letLetters("van", 32), letLetters("a", 16)
	truck, b := letLetters("truck", 64), letLetters("b", 16)
	bus := probe.Let("bus", rust.Vec(rust.U8))
	m.Call("main", van.Local, a.Local, truck.Local, b.Local, bus)
	fill(m, van, a, truck, b)
	m.Drop(van.Local)
	m.Drop(truck.Local)
	m.Step(4, "two cars are parked, two have left",
		fmt.Sprintf("The heap is a row of spaces of %d bytes, and the entrance is at its lowest address. a and b are parked. "+
			"The van left a gap of %s, the truck one of %s.", space, spaces(addr.Bytes(van.size)), spaces(addr.Bytes(truck.size))))

	free := m.FreeBlocks()
	found, passed := target(m.Search(n))
	gap := func(n addr.Bytes) string { return "The gap of " + spaces(n) }
	m.Ask(fmt.Sprintf("A bus of %s comes. Which gap does the attendant give it?", spaces(n)),
		"The attendant walks from the entrance and stops at the first gap that is wide enough, even if a later one is tighter.",
		gap(found.Size), gap(free[0].Size), gap(addr.Bytes(truck.size)), gap(free[len(free)-1].Size))
	given := fmt.Sprintf("%s, cut from a gap of %s", spaces(n), spaces(found.Size))
	if found.Size == n {
		given = fmt.Sprintf("%s: all of a gap that fits by chance", spaces(n))
	}
	m.Step(5, "the bus asks, the attendant searches",
		fmt.Sprintf("The bus needs %s, side by side. The attendant walks from the entrance. %s; the gap at %v, %s wide, will do.",
			spaces(n), narrow(passed), found.Addr, spaces(found.Size)),
		probe.Note{
			Lesson: "an available spot that fits your request",
			Here:   given,
			Why:    "A car park's spots have a fixed size. A heap cuts a block as large as is asked for.",
		})

	at := m.Mark(n)
	m.Step(5, "the reserved sign goes up",
		fmt.Sprintf("From %v on, %s are marked as in use. Nobody else gets them from now on, though the bus does not know yet where they are.",
			at, spaces(m.BlockAt(at).Size)))

	m.Own(bus, at, n)
	m.Step(5, "the bus gets its ticket",
		fmt.Sprintf("The ticket is the address, %v. It stands in ptr, in main's frame: the bus is parked on the heap, its ticket is on the stack.", m.Block(bus).Addr))

	parked := m.Block(bus)
	m.Call("drop", probe.Arg("_x", bus))
	m.Step(6, "the bus tells the attendant that it leaves",
		"drop is a function, and the ticket is moved into its parameter _x. The sign is still up.")

	m.DropLocals()
	wide := gapAround(m, parked.Addr)
	m.Ask("The sign comes down. How wide is the gap then, where the bus stood?",
		"What is free beside the bus's spaces is joined with them at once; cars that are parked are the limits.",
		spaces(wide), spaces(parked.Size), spaces(found.Size-parked.Size), "4 spaces")
	m.Step(6, "the sign comes down",
		fmt.Sprintf("At drop's end _x is dropped, and the heap marks the %s as free. With what is free beside them they are one gap of %s.",
			spaces(parked.Size), spaces(wide)))

	m.Return()
	m.Step(6, "the old ticket is worth nothing",
		fmt.Sprintf("drop has returned. Nobody has wiped the ticket: %v still stands in _x, below the stack pointer, and in bus, which was moved. The gap is for whoever comes next.", parked.Addr),
		probe.Note{
			Lesson: "you drive away without the ticket",
			Here:   "the ticket's bytes are where they were",
			Why:    "Nobody tears up a ticket here. To use it again would be a use after free.",
		})
	m.Return()
}

// narrow says how many gaps the attendant passed.
func narrow(passed int) string {
	switch passed {
	case 0:
		return "No gap is passed"
	case 1:
		return "The first gap is too narrow"
	}
	return fmt.Sprintf("The first %d gaps are too narrow", passed)
}

// gapAround is the size of the free block that a lies in; 0 where a is in use.
func gapAround(m *probe.Machine, a addr.Addr) addr.Bytes {
	for _, b := range m.FreeBlocks() {
		if addr.Span(b.Addr, b.Size).Contains(a) {
			return b.Size
		}
	}
	return 0
}
