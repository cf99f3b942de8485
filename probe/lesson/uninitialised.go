package lesson

import (
	"fmt"

	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/netted"
	"memprobe/probe/rust"
)

// Uninitialised reads a block that was not written since it had another owner.
var Uninitialised = &probe.Scenario{
	Name:   "uninitialised",
	Title:  "A fresh block still holds the old owner's secret",
	Lesson: ownership2 + ", on deallocation on the heap",
	Source: `fn main() {
    let secret = String::from("pin $pin");
    drop(secret);
    let mut t = String::with_capacity(8);
    unsafe { t.as_mut_vec().set_len(8) };
    println!("{t}");
}
`,
	Numbers: []probe.Number{{Name: "pin", Lesson: 4711, From: 1000, To: 9999}},
	Run:     runUninitialised,
}

func runUninitialised(m *probe.Machine) {
	const room addr.Bytes = 8
	text := fmt.Sprintf("pin %d", m.Number("pin"))
	secret, t := probe.Let("secret", rust.String), probe.Let("t", rust.String)
	m.Call("main", secret, t)
	m.StringFrom(secret, text)
	block := m.Block(secret)
	m.Step(2, "a secret is on the heap",
		fmt.Sprintf("secret owns the block at %v, with %d bytes of text.", block.Addr, block.Requested))

	drop(m, secret)
	m.Step(3, "its block is freed",
		"The block is free for whoever asks next. The heap noted that, and touched none of the bytes: wiping each block would cost time, and few programs need it.",
		probe.Note{
			Lesson: "the space is accessible for reallocation",
			Here:   "with everything that stands in it",
			Why:    "A program that has secrets must wipe them itself, before it frees the block.",
		})

	m.VecWithCapacity(t, room)
	fresh := m.Block(t)
	m.Step(4, "t asks for room and gets that block",
		fmt.Sprintf("t has a block at %v with room for %d bytes. len is 0, so to safe code there is nothing in it.", fresh.Addr, m.Capacity(t)))

	m.SetLen(t, room)
	m.Ask("set_len(8) tells t that it has 8 bytes. Which text does t have now?",
		"set_len writes the length and no text. What stands in the block is what the old owner left.",
		m.Value(t), `""`, `"        "`, `"\0\0\0\0\0\0\0\0"`)
	m.Step(5, "t reads the secret",
		fmt.Sprintf("t is %s. Nobody gave it that text: a promise was made that 8 bytes had been written, and nobody had. Servers have given away keys in stale memory.", m.Value(t)),
		probe.Note{
			Lesson: "Rust ensures safety",
			Here:   "set_len is unsafe: the caller vouches for the bytes",
			Why:    "Safe code can only read elements that were written: push and extend do both at once.",
		})

	m.OnCheckedHeap(func(c *netted.Program) {
		local := c.Line(1).Call("main", netted.Local("secret", 24), netted.Local("t", 24))
		old := c.Line(2).Alloc("secret", addr.Bytes(len(text)))
		c.Store(old, text)
		c.StorePointer(local[0].Add(8), old)
		c.Line(3).Free(old)
		t := c.Line(4).Alloc("t", room)
		c.StorePointer(local[1].Add(8), t)
		c.Line(6).Load(t, room)
		c.Line(7).Free(t)
		c.Return()
	})
	m.Step(6, "a checked heap stops the read",
		"For every byte of a block it knows whether the program has written it since the block was handed out. Of t's it has written none, so nothing is read.")
	m.DropLocals()
	m.Return()
}
