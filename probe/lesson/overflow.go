package lesson

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/rust"
)

// Overflow calls itself until the stack is used up.
var Overflow = &probe.Scenario{
	Name:   "overflow",
	Title:  "Recursion without end, down to the guard page",
	Lesson: stackVsHeap + ", on limited space",
	Source: `fn deeper(n: u32) {
    let room = [0u8; 1000];
    deeper(n + 1);
}

fn main() {
    let start = 1;
    deeper(start);
}
`,
	Run: runOverflow,
}

func runOverflow(m *probe.Machine) {
	start := probe.Let("start", rust.U32)
	m.Call("main", start)
	m.Set(start, 1)
	here := m.Stack().Size()
	m.Fact("this stack", size(here), "reserved by memprobe")
	elsewhere := []stackLimit{mainStack(), rustThreadStack()}
	for _, l := range elsewhere {
		m.Measured(l.of, l.text(), l.from)
	}
	m.Step(7, "a stack has an end",
		"main runs at the upper end of its stack. The stack may grow down to the guard page, a page that nobody may touch, and no further.",
		probe.Note{
			Lesson: "1 to 8 MB per thread",
			Here:   size(here) + " for this one, which memprobe reserved",
			Why:    "main's limit comes from whoever starts the program, such as a shell; that of another thread from whoever starts the thread.",
		})

	caller, roomy := m.SP(), rust.Array(rust.U8, 1000) // which makes the frame as large as it is
	n := probe.Arg("n", start)
	deeper(m, n, roomy)
	frame := caller.Sub(m.SP())
	m.Step(2, "deeper has a frame of about a kilobyte",
		fmt.Sprintf("Its array takes %s of the frame's %s bytes. Before it returns it calls itself with a larger n, and that takes a second frame.", count(roomy.Size()), count(frame)))

	more, fault := m.Recurse(func(int) {
		next := probe.ArgPlus("n", n, 1)
		deeper(m, next, roomy)
		n = next
	})
	calls := 1 + more
	guard := partAt(m, fault)
	m.Fact("calls that have a frame", count(calls), "counted")
	m.Fact("where the fault is", fault.String(), "SIGSEGV, caught")
	m.Fact("what may be done there", permissions(fault), "/proc/self/maps")
	for _, l := range elsewhere {
		m.Measured("calls on "+l.of, l.holds(frame), "limit / frame")
	}
	m.Ask(fmt.Sprintf("The stack has %s bytes and each frame of deeper takes %s. How many calls of it are in progress when that is full?", count(here), count(frame)),
		"The frames lie side by side, so the stack holds its size divided by theirs, less what main's frame takes.",
		count(calls), count(here/roomy.Size()), count(frame), "As many as memory has room for")
	m.Step(3, "call "+count(calls+1)+" finds no room",
		fmt.Sprintf("Its frame would reach below the stack. The touch of %v, %s, is a fault: the kernel sends SIGSEGV. That is a stack overflow.", fault, guard),
		probe.Note{
			Lesson: "stack overflow if exceeded",
			Here:   "memprobe catches the fault and goes on",
			Why:    "A Rust program's own handler names the thread that has overflowed its stack, and aborts the program.",
		},
		probe.Note{
			Lesson: "a frame is what its variables need",
			Here:   fmt.Sprintf("%s bytes a call", count(frame)),
			Why:    "A compiled call takes a few more, for the return address, so it gets slightly less deep.",
		})
}

// deeper calls deeper, which has a parameter and an array of that type, and makes the
// array.
func deeper(m *probe.Machine, n *probe.Local, roomy rust.Type) {
	room := probe.Let("room", roomy)
	m.Call("deeper", n, room)
	m.Zero(room)
}

// stackLimit is how large a stack may get.
type stackLimit struct {
	of        string
	size      addr.Bytes
	unlimited bool
	from      string
}

func (l stackLimit) text() string {
	if l.unlimited {
		return "unlimited"
	}
	return size(l.size)
}

// holds is how many frames of that size have room.
func (l stackLimit) holds(frame addr.Bytes) string {
	if l.unlimited || frame == 0 {
		return "as many as memory has room for"
	}
	return "about " + count(l.size/frame)
}

// mainStack is the limit for the first thread of the programs that this process starts.
func mainStack() stackLimit {
	l := stackLimit{of: "a compiled main's stack", from: "getrlimit(2)"}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &limit); err != nil {
		l.unlimited, l.from = true, "unknown: "+err.Error()
		return l
	}
	l.size, l.unlimited = addr.Bytes(limit.Cur), limit.Cur == unix.RLIM_INFINITY
	return l
}

// leastThreadStack is the smallest stack that glibc gives a thread on x86-64; on arm64
// it is larger.
const leastThreadStack addr.Bytes = 16 << 10

// rustThreadStack is what std::thread gives a thread: 2 MiB, or RUST_MIN_STACK bytes
// where the environment has that.
func rustThreadStack() stackLimit {
	l := stackLimit{of: "a spawned Rust thread's stack", size: 2 << 20, from: "std::thread's default"}
	if n, err := strconv.ParseUint(os.Getenv("RUST_MIN_STACK"), 10, 64); err == nil {
		l.size, l.from = addr.Bytes(n), "RUST_MIN_STACK"
		if l.size < leastThreadStack {
			l.from += ", below the system's minimum"
		}
	}
	return l
}

// partAt says which part of the machine's memory an address lies in.
func partAt(m *probe.Machine, a addr.Addr) string {
	for _, p := range m.Owned() {
		if !p.Contains(a) {
			continue
		}
		if p.Kind == layout.KindOwnGuard && p.Hi == m.Stack().Lo {
			return "in the guard page right below the stack"
		}
		return "in memprobe's " + p.Name
	}
	return "in none of memprobe's memory"
}

// permissions are what the kernel says may be done at an address of this process.
func permissions(a addr.Addr) string {
	mappings, err := layout.Read(0)
	if err != nil {
		return "unknown: " + err.Error()
	}
	for _, m := range mappings {
		if m.Contains(a) {
			return m.Perms.String()
		}
	}
	return "none"
}
