package lesson

import (
	"fmt"
	"strconv"

	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/rust"
)

// FirstTouch reserves pages and touches some of them.
var FirstTouch = &probe.Scenario{
	Name:   "first-touch",
	Title:  "Memory comes with the first touch",
	Lesson: ownership2 + ", on data allocation on the heap",
	Source: `unsafe extern "C" {
    safe fn getpagesize() -> i32;
}

fn main() {
    let page = getpagesize() as usize;
    let mut v = vec![0u8; 6 * page];
    v[0] = 1;
    v[2 * page] = 1;
    v[5 * page] = 1;
    v[1] = 1;
}
`,
	Run: runFirstTouch,
}

func runFirstTouch(m *probe.Machine) {
	const pages = 6
	page, v := probe.Let("page", rust.Usize), probe.Let("v", rust.Vec(rust.U8))
	m.Call("main", page, v)
	m.Set(page, uint64(m.PageSize()))
	m.Step(6, "main asks how large a page is",
		fmt.Sprintf("The kernel hands out memory in pages, here of %s bytes. Setting page was the first write to main's stack, so one page of that is in memory now.", count(m.PageSize())))

	m.VecZeroed(v, pages*usize(m, page))
	block := m.Block(v)
	m.Step(7, fmt.Sprintf("%s reserved, nothing in memory", size(block.Requested)),
		fmt.Sprintf("The heap has set %s bytes aside and v has their address. The kernel only noted that they may be used. The zeros of vec! need not be written: a fresh page is all zeros.", count(block.Requested)),
		probe.Note{
			Lesson: "the allocator finds an empty spot in the heap",
			Here:   fmt.Sprintf("it found %s of addresses", size(block.Requested)),
			Why:    "The memory comes later, a page at a time, when the program first touches it.",
		})

	for _, i := range []addr.Bytes{0, 2, 5} {
		m.SetElem(v, i*usize(m, page), 1)
	}
	faults := m.Faults()
	m.Ask(fmt.Sprintf("Lines 8 to 10 write three bytes, into three of the %d pages. How many page faults is that?", pages),
		"A fault is the first touch of a page: the kernel finds memory for it, and the write goes on as if nothing had been.",
		fmt.Sprint(faults), "0", "1", "3", fmt.Sprint(pages))
	m.Step(10, "three touches, three pages",
		fmt.Sprintf("Each write met a page that was not there. The kernel stopped the program, filled a page with zeros and let it go on: %s. The pages between are still only addresses.",
			plural(faults, "page fault")))

	m.SetElem(v, 1, 1)
	again := m.Faults()
	m.Ask("Line 11 writes v[1]. How many page faults does that cause?",
		"v[1] lies in the page of v[0], and that one is in memory.",
		fmt.Sprint(again), "0", "1", "2")
	m.Step(11, "the same page again costs nothing",
		fmt.Sprintf("v[1] lies beside v[0], in a page that is there: %s. Only the first touch of a page takes the kernel's time.", plural(again, "page fault")))

	m.DropLocals()
	m.Step(12, "the block is freed, the pages stay",
		"The heap has its addresses back, and keeps the pages for the next block: the kernel counts as much memory as before. Large allocations go back to the kernel in most allocators.",
		probe.Note{
			Lesson: "you must eventually return it",
			Here:   "to the heap; the process is as large as before",
			Why:    "Giving pages back and getting new ones is slow, so allocators keep some.",
		})
	m.Return()
}

// usize is the value of a variable of that type.
func usize(m *probe.Machine, v *probe.Local) addr.Bytes {
	n, err := strconv.ParseUint(m.Value(v), 10, 64)
	if err != nil {
		panic(err) // a usize is printed in decimal
	}
	return addr.Bytes(n)
}
