package lesson

import (
	"fmt"
	"strconv"

	"memprobe/probe"
	"memprobe/probe/netted"
	"memprobe/probe/rust"
)

// UseAfterFree reads and writes through a pointer whose block has a new owner.
var UseAfterFree = &probe.Scenario{
	Name:   "use-after-free",
	Title:  "A stale pointer reads what belongs to somebody else",
	Lesson: ownership2 + ", on deallocation on the heap",
	Source: `fn main() {
    let mut s = String::from("my list");
    let p = s.as_mut_ptr();
    drop(s);
    let t = String::from("your key");
    let c = unsafe { *p };
    unsafe { *p = b'X' };
    println!("{c} {t}");
}
`,
	Run: runUseAfterFree,
}

func runUseAfterFree(m *probe.Machine) {
	const mine, yours = "my list", "your key"
	s, p := probe.Let("s", rust.String), probe.Let("p", rust.Raw(rust.U8))
	t, c := probe.Let("t", rust.String), probe.Let("c", rust.U8)
	m.Call("main", s, p, t, c)
	m.StringFrom(s, mine)
	m.AsPtr(p, s)
	m.Step(3, "p is a second way to the text of s",
		fmt.Sprintf("p holds the address of the first letter, %v. s owns the block, p does not: p is right as long as s lives.", m.Target(p)))

	drop(m, s)
	m.Step(4, "the block is freed, p is stale",
		fmt.Sprintf("Nothing in memory marks p as stale: it is the same eight bytes as before. The byte there is still %s: this heap leaves freed blocks as they are.", code(m.Pointee(p))),
		probe.Note{
			Lesson: "the pointer becomes invalid or unusable",
			Here:   fmt.Sprintf("p still leads to %v", m.Target(p)),
			Why:    "Invalid means that nobody may use it. In unsafe code nobody sees to that.",
		})

	m.StringFrom(t, yours)
	m.Step(5, "t gets that block",
		fmt.Sprintf("t asks for %d bytes and gets the lowest block that holds them, the one that s had: %v. p leads into t's text.", m.Block(t).Requested, m.Block(t).Addr))

	m.Read(c, p, 0)
	m.Ask("c = *p. Which byte does c get?",
		"p has not changed, and t's text lies there now.",
		code(m.Value(c)), code(fmt.Sprint(mine[0])), code(fmt.Sprint(yours[0])), "0, since the block was freed")
	m.Step(6, "p reads a letter of t",
		fmt.Sprintf("c is %s, the first byte of what t has. Had t held a key or a password, whoever held p could read it.", code(m.Value(c))))

	m.Write(p, 0, int('X'))
	m.Step(7, "and writes one",
		fmt.Sprintf("t is %s now, and no line of the program that mentions t has changed it. Such a bug is looked for in the wrong place.", m.Value(t)),
		probe.Note{
			Lesson: "Rust ensures safety",
			Here:   "p is a raw pointer, used in unsafe blocks",
			Why:    "A reference in place of p would not compile: s can't be dropped while it is borrowed.",
		})

	m.OnCheckedHeap(func(k *netted.Program) {
		local := k.Line(1).Call("main", netted.Local("s", 24), netted.Local("t", 24))
		p := k.Line(2).Alloc("s", 7)
		k.Store(p, mine)
		k.StorePointer(local[0].Add(8), p)
		k.Line(4).Free(p)
		t := k.Line(5).Alloc("t", 8)
		k.Store(t, yours)
		k.StorePointer(local[1].Add(8), t)
		k.Line(6).Load(p, 1)
		k.Line(7).Store(p, "X")
		k.Line(9).Free(t)
		k.Return()
	})
	m.Step(6, "a checked heap stops at the first use of p",
		"p was made for the block of s, and that has ended. The read is refused before any byte is touched, and the report says where the block was freed.")
	m.DropLocals()
	m.Return()
}

// code is a byte, given as a number, and the letter that it is the code of.
func code(number string) string {
	n, err := strconv.ParseUint(number, 10, 8)
	if err != nil || n < ' ' || n > '~' {
		return number
	}
	return fmt.Sprintf("%s, the code of %c", number, n)
}
