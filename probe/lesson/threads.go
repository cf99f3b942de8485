package lesson

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/rust"
)

// Threads runs two threads beside main: a stack each, one heap for all.
var Threads = &probe.Scenario{
	Name:   "threads",
	Title:  "A stack for each thread, one heap for all",
	Lesson: ownership2 + ", on stack memory and on heap memory",
	Source: `use std::thread::scope;

fn fill(mark: u8) {
    for _ in 0..1000 {
        assert_eq!(*Box::new([mark; 64]), [mark; 64]);
    }
}

fn reader(n: &i32) -> usize {
    fill(1);
    let mut copy = *n;
    &raw mut copy as usize
}

fn maker() -> Box<i32> {
    fill(2);
    let parcel = Box::new($k);
    parcel
}

fn main() {
    let n = $n;
    let (parcel, p) = scope(|s| {
        let a = s.spawn(|| reader(&n));
        let b = s.spawn(maker);
        (b.join().unwrap(), a.join().unwrap() as *mut i32)
    });
    println!("{parcel} {}", unsafe { *p });
}
`,
	Numbers: []probe.Number{
		{Name: "n", Lesson: 5, From: 1, To: 49},
		{Name: "k", Lesson: 42, From: 50, To: 99},
	},
	Run: runThreads,
}

func runThreads(m *probe.Machine) {
	n, parcel, p := probe.Let("n", rust.I32), probe.Let("parcel", rust.Box(rust.I32)), probe.Let("p", rust.Raw(rust.I32))
	m.Call("main", n, parcel, p)
	m.Set(n, m.Number("n"))
	a, b := m.Spawn("a"), m.Spawn("b")
	ref, copied, made := probe.ArgBorrow("n", rust.Ref(rust.I32), n), probe.Let("copy", rust.I32), probe.Let("parcel", rust.Box(rust.I32))
	var own addr.Range
	m.On(a, func() {
		own = m.Stack()
		m.Call("reader", ref, copied)
	})
	m.On(b, func() { m.Call("maker", made) })
	first := m.Stack()
	m.Step(25, "three threads, three stacks",
		"a and b are threads of the system's, and each calls a function on a stack of its own: their frames don't stand below main's. What scope keeps for itself, the handles a and b too, is not drawn.",
		probe.Note{
			Lesson: "a fixed size defined during compilation",
			Here:   fmt.Sprintf("a got %s when it was spawned, main has %s", size(own.Size()), size(first.Size())),
			Why:    "A thread's stack is chosen at run time: 2 MiB, stack_size or RUST_MIN_STACK in Rust; main's by the kernel's limit.",
		})

	const rounds, block = 1000, 64
	m.On(a, func() { m.Call("fill", probe.ArgValue("mark", rust.U8, 1)) })
	m.On(b, func() { m.Call("fill", probe.ArgValue("mark", rust.U8, 2)) })
	blocks, spoilt := m.Rush(rounds, block, a, b)
	m.Fact("blocks made and freed", count(blocks), "counted by a and b")
	m.Fact("marks spoilt", count(spoilt), "counted by a and b")
	m.Step(5, "one heap, and both use it at once",
		"a and b each ask for a block, write their mark into all of it, look at it and free it, a thousand times at the same time. A lock lets one of them into the heap at a time, so no block has two owners.",
		probe.Note{
			Lesson: "heap data needs proper synchronization",
			Here:   "the heap's own lock, taken by each request",
			Why:    "It protects the heap's books. What two threads share in a block they must lock themselves.",
		})

	m.On(a, func() {
		m.Return()
		m.Read(copied, ref, 0)
	})
	m.On(b, func() {
		m.Return()
		m.BoxNew(made, m.Number("k"))
	})
	m.Step(17, "a reads main's stack, b makes a block",
		fmt.Sprintf("a's n is a reference to main's n. a followed it into another thread's stack and read %s: addresses mean the same in all threads. Lending it is safe, as main waits for a.", m.Value(copied)))

	before := m.Block(made).Addr
	m.On(b, func() { m.ReturnTo(parcel, made) })
	m.Join(b)
	after := m.Block(parcel).Addr
	m.Ask("b has ended and given its box to main. What became of the block?",
		"Moving a box copies eight bytes, the address. The heap belongs to no thread.",
		whether(before == after, "It is where it was, main owns it", "It is at another address"),
		"It is where it was, main owns it", "It went with b's stack", "It was copied to main's stack")
	m.Step(26, "b has ended, its block is main's",
		fmt.Sprintf("b's stack went back to the kernel when b was joined. Its block did not: %s, with a new owner in another thread.", whereTo(before, after)))

	m.On(a, func() {
		m.Borrow(p, copied)
		m.Return()
	})
	m.Step(26, "a returns the address of its own variable",
		fmt.Sprintf("p in main is %v, where copy was, in a's stack. a's frame is popped, but as long as a is there, so is its stack: p reads %s.", m.Target(p), m.Pointee(p)))

	target := m.Target(p)
	m.Join(a)
	mapped := mappedAt(target) // at once, before Go itself maps something there
	m.Fact("mapped at "+target.String(), whether(mapped, "something", "nothing"), "msync(2)")
	m.Ask("a has been joined as well. main follows p. What happens?",
		"a's stack was given back to the kernel. No page is there to be read.",
		whether(mapped, "It reads what is there now", "The program dies: no memory is there"),
		"The program dies: no memory is there", "It reads $n, as before", "It reads 0")
	m.Step(28, "p leads to where nothing is",
		"The page that p leads into was a's and went back to the kernel. "+whether(mapped,
			"By chance something else has been mapped there since, and *p reads that. ",
			"Reading *p is a segmentation fault: the kernel ends the program. ")+"The parcel is whole: the heap belongs to no thread.",
		probe.Note{
			Lesson: "each thread has its own stack",
			Here:   "and it goes with the thread",
			Why:    "glibc keeps the stacks of ended threads for new ones, up to 40 MiB: there the read may find stale bytes.",
		})
}

// mappedAt reports whether the kernel has anything of this process's at a. It is asked
// to write nothing, so that what is there stays as it is.
func mappedAt(a addr.Addr) bool {
	const page = 1 // rounded up
	_, _, errno := unix.RawSyscall(unix.SYS_MSYNC, uintptr(a.AlignDown(addr.Bytes(os.Getpagesize()))), page, unix.MS_ASYNC)
	return errno != unix.ENOMEM
}
