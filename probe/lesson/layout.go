package lesson

import (
	"cmp"
	"fmt"
	"reflect"
	"runtime"
	"slices"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/rust"
)

// Layout finds an object for each part of the textbook's picture of memory.
var Layout = &probe.Scenario{
	Name:   "layout",
	Title:  "The textbook's picture, with the addresses of this run",
	Lesson: stackVsHeap + ", on process memory layout",
	Source: `use std::sync::atomic::AtomicI32;

static ANSWER: AtomicI32 = AtomicI32::new(42);
static COUNT: AtomicI32 = AtomicI32::new(0);

fn main() {
    let x = 5;
    let b = Box::new(34);
}
`,
	Run: runLayout,
}

// The program's static data. The linker puts a variable with a value into .data, and
// one that is zero at start into .bss.
var (
	staticAnswer int32 = 42
	staticCount  int32
)

func runLayout(m *probe.Machine) {
	seen := []landmark{codeOf("main's machine code", reflect.ValueOf(runLayout).Pointer())}
	seen = append(seen,
		landmark{layout.SegmentData, "ANSWER, which is 42 at start (.data)", addressOf(&staticAnswer), 4},
		landmark{layout.SegmentData, "COUNT, which is 0 at start (.bss)", addressOf(&staticCount), 4})
	show(m, seen)
	m.Step(4, "code and static data are there before main runs",
		"The kernel mapped both when it started the program: the file of the program has the code, and the values that variables start with.",
		probe.Note{
			Lesson: "one process: code, static data, heap and stack",
			Here:   "code and static data are memprobe's own",
			Why:    "memprobe plays the program: main is a function of memprobe's, ANSWER and COUNT are its variables. Heap and stack are the program's alone.",
		})

	x, b := probe.Let("x", rust.I32), probe.Let("b", rust.Box(rust.I32))
	m.Call("main", x, b)
	m.Set(x, 5)
	seen = append(seen, landmark{layout.SegmentStack, "x, in main's frame", m.Addr(x), rust.I32.Size()})
	show(m, seen)
	m.Step(7, "main's frame is on the stack",
		"x is a variable of a call, so its place is in that call's frame. The frame lies at the high end of the stack, which grows down from there.")

	m.BoxNew(b, 34)
	block := m.Block(b)
	seen = append(seen, landmark{layout.SegmentHeap, "the block that b owns", block.Addr, block.Size})
	show(m, seen)
	above, below := "Above x, at a higher address", "Below x, at a lower address"
	m.Ask("Box::new takes a block from the heap for 34. Where does that block lie?",
		"The textbook draws the heap below the stack, and memprobe reserved its memory in that order: the heap grows up toward the stack.",
		whether(block.Addr < m.Addr(x), below, above), below, above, "In main's frame, beside b")
	m.Step(8, "34 is on the heap",
		"b is in main's frame and holds an address. What is there is a block of the heap, which begins at low addresses and grows up.")

	gap := freeSpace(m)
	seen = append(seen, landmark{layout.SegmentFree, "addresses that nothing uses yet", gap.Lo, gap.Size()})
	inOrder := show(m, seen)
	apart := distance(block.Addr, addressOf(&staticCount))
	m.Measured("from COUNT up to b's block", size(apart), "the two addresses")
	m.Step(8, "from high addresses to low: "+whether(inOrder, "the textbook's order", "not the textbook's order"),
		fmt.Sprintf("Stack, free space, heap, static data and code %s. Between stack and heap there is %s that nothing uses yet.",
			whether(inOrder, "lie as the textbook draws them", "lie in another order here"), size(gap.Size())),
		probe.Note{
			Lesson: "the heap stands on the static data",
			Here:   whether(apart > gap.Size(), "it lies further from COUNT than from the stack", "it lies closer to COUNT than to the stack"),
			Why:    "The linker chose the place of the static data; that of the heap was chosen when its memory was mapped. Nearly all addresses between are unused.",
		},
		probe.Note{
			Lesson: "one stack, the highest of all",
			Here:   "the process has another one, " + kernelStack(m.Addr(x)),
			Why:    "The kernel made that one for memprobe itself. Each thread has its own, and this program's was reserved for it.",
		},
		probe.Note{
			Lesson: "free space is there to be used",
			Here:   "it is reserved; a touch would be a fault",
			Why:    "Addresses alone take no memory. That comes page by page, as stack and heap grow; guard pages keep the two apart.",
		})
	m.Return()
}

// landmark is an object that stands for a part of the picture.
type landmark struct {
	segment layout.Segment
	what    string
	at      addr.Addr
	size    addr.Bytes
}

// show adds the landmarks to the next step, the highest first, and reports whether
// that is the order of the textbook's picture.
func show(m *probe.Machine, seen []landmark) (inOrder bool) {
	seen = slices.SortedFunc(slices.Values(seen), func(a, b landmark) int { return cmp.Compare(b.at, a.at) })
	for _, l := range seen {
		m.Landmark(l.segment, l.what, l.at, l.size)
	}
	return slices.IsSortedFunc(seen, func(a, b landmark) int { return cmp.Compare(drawn(a.segment), drawn(b.segment)) })
}

// drawn is the place of a segment in the textbook's picture, from the top.
func drawn(s layout.Segment) int {
	return slices.IndexFunc(layout.Textbook, func(d layout.Drawn) bool { return d.Segment == s })
}

// addressOf is where a variable of memprobe's own lies.
func addressOf(v *int32) addr.Addr { return addr.Addr(reflect.ValueOf(v).Pointer()) }

// codeOf is the machine code of the function that begins at pc.
func codeOf(what string, pc uintptr) landmark {
	end := pc
	for f := runtime.FuncForPC(end); f != nil && f.Entry() == pc; f = runtime.FuncForPC(end) {
		end++
	}
	return landmark{layout.SegmentCode, what, addr.Addr(pc), addr.Bytes(end - pc)}
}

// freeSpace is what lies between the heap and the stack as far as they are in use.
func freeSpace(m *probe.Machine) addr.Range {
	var free addr.Range
	for _, p := range m.Owned() {
		switch p.Kind {
		case layout.KindOwnHeap:
			free.Lo = p.Hi
		case layout.KindOwnStack:
			free.Hi = p.Lo
		}
	}
	return free
}

// distance is how far two addresses are apart.
func distance(a, b addr.Addr) addr.Bytes { return max(a, b).Sub(min(a, b)) }

// kernelStack says where the first thread's stack lies, seen from x.
func kernelStack(x addr.Addr) string {
	mappings, err := layout.Read(0)
	if err != nil {
		return "which can't be read: " + err.Error()
	}
	for _, m := range mappings {
		if m.Name == "[stack]" {
			return whether(m.Lo > x, "[stack], higher up", "[stack], lower down")
		}
	}
	return "which its maps file does not name"
}
