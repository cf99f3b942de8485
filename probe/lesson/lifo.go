package lesson

import (
	"fmt"

	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/rust"
)

// Lifo is the pile of books: the frame that was pushed last is popped first.
var Lifo = &probe.Scenario{
	Name:   "lifo",
	Title:  "A pile of books: the last one on is the first one off",
	Lesson: ownership2 + ", on stack and order",
	Source: `fn third() {
    let book = $z;
}

fn second() {
    let book = $y;
    third();
}

fn first() {
    let book = $x;
    second();
}

fn main() {
    first();
}
`,
	Numbers: []probe.Number{
		{Name: "x", Lesson: 1, From: 10, To: 39},
		{Name: "y", Lesson: 2, From: 40, To: 69},
		{Name: "z", Lesson: 3, From: 70, To: 99},
	},
	Run: runLifo,
}

func runLifo(m *probe.Machine) {
	m.Call("main")
	empty := m.SP()
	x, y, z := probe.Let("book", rust.I32), probe.Let("book", rust.I32), probe.Let("book", rust.I32)

	m.Call("first", x)
	m.Set(x, m.Number("x"))
	m.Step(11, "the first book is put down",
		"Each function here keeps one book, a number, in its frame. main is the table, and first's frame is the pile so far.")

	m.Call("second", y)
	m.Set(y, m.Number("y"))
	m.Step(6, "the second book goes onto the first",
		"second's frame is pushed where first's ends. first has not returned: it waits, and its frame stays as it is.",
		probe.Note{
			Lesson: "a pile grows upward",
			Here:   upOrDown(m.Addr(x), m.Addr(y)),
			Why:    `The stack grows toward lower addresses. Its "top" is the newest end, wherever that is drawn.`,
		})

	m.Call("third", z)
	m.Set(z, m.Number("z"))
	m.Step(2, "the third book goes onto the second",
		"Three calls are in progress, and the stack pointer stands at the lowest byte of the newest frame.")

	before := m.SP()
	m.Return()
	m.Ask("Three functions have a book each. Which book goes first?",
		"A function returns before the one that called it can go on, so the newest frame is popped first.",
		bookBetween(m, before, m.SP(), x, y, z), "$x", "$y", "$z")
	m.Step(7, "the book that came last goes first",
		"third returns and its frame is popped: the stack pointer moves up by the size of that frame. second goes on.",
		probe.Note{
			Lesson: "top objects are removed or accessed first",
			Here:   fmt.Sprintf("book %s, the first, can be read at %v", m.Value(x), m.Addr(x)),
			Why:    "The order binds pushes and pops alone. Whoever has an address may read there at any time.",
		})

	m.Return()
	m.Step(12, "then the second one",
		"Nobody may take a frame out of the middle of the pile: second's goes now, since nothing lies on it any more.")

	m.Return()
	m.Step(16, "and the first one last",
		"The table is empty: the stack pointer "+whether(m.SP() == empty, "is back where it was", "is not where it was")+
			" before the first book. First in, last out.")
	m.Return()
}

// bookBetween is the book whose place the stack pointer passed on its way from lo up
// to hi.
func bookBetween(m *probe.Machine, lo, hi addr.Addr, books ...*probe.Local) string {
	for _, b := range books {
		if (addr.Range{Lo: lo, Hi: hi}).Contains(m.Addr(b)) {
			return m.Value(b)
		}
	}
	return "none"
}

// upOrDown says where the second of two addresses lies.
func upOrDown(first, second addr.Addr) string {
	return "the second book lies " + whether(second < first, "below", "above") + " the first"
}

// whether is yes where a claim holds and no where it does not.
func whether(claim bool, yes, no string) string {
	if claim {
		return yes
	}
	return no
}
