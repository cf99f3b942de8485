package claims

import (
	"fmt"
	"slices"
	"strings"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
	"memprobe/probe"
	"memprobe/probe/rust"
)

// What String, Vec and Box are in memory.

// asRustc is whose layout the lessons' values have here.
const asRustc = ", laid out as by rustc 1.95"

var string24 = &Claim{
	ID: "string-24", Lesson: StackVsHeap, Where: "Heap Allocation (picture)",
	Words:  "lives on the stack (24 bytes on 64-bit).",
	Test:   "The size and the address of s, a String, are read.",
	ByHand: []string{"memprobe scenario string --step 2", rustc("println!(\"{}\", size_of::<String>());")},
	Gather: func(l *Lab) Evidence {
		story := l.run("string")
		s := story.step(2).frame("main").v("s")
		return Evidence{
			sized("s", s.Size, story.step(2).from()+asRustc),
			located("s is at", s.Addr, story.step(2).from()),
			seen("that is on the stack", story.Memory.Stack.Contains(s.Addr), "the reservation"),
		}
	},
	Judge: func(r *Reading) Judgement {
		size, on := r.Size("s"), r.Yes("that is on the stack")
		switch {
		case size == 24 && on:
			return holds("Three fields of 8 bytes, in main's frame.")
		case on:
			return inPart("It is on the stack, with %d bytes.", size)
		}
		return doesNot("s has %d bytes and is not on the stack.", size)
	},
}

var stringOrder = &Claim{
	ID: "string-order", Lesson: StackVsHeap, Where: "Heap Allocation (picture)",
	Words:  "The String struct itself (ptr, len, capacity)",
	Test:   "The fields of s are put in the order of their addresses.",
	ByHand: []string{"memprobe scenario string --step 2", rustc("let s = String::from(\"hello\"); println!(\"{:x?}\", unsafe { *(&raw const s).cast::<[usize; 3]>() });")},
	Gather: func(l *Lab) Evidence {
		s := l.run("string").step(2).frame("main").v("s")
		var names []string
		for _, f := range s.Fields { // by offset
			names = append(names, f.Name)
		}
		from := s.in.in.from()
		return Evidence{
			quoted("the fields, by address", strings.Join(names, ", "), from+asRustc),
			quoted("their bytes", fmt.Sprintf("% x", []byte(s.Bytes)), from),
		}
	},
	Judge: func(r *Reading) Judgement {
		order := r.Text("the fields, by address")
		fields := strings.Split(order, ", ")
		slices.Sort(fields)
		switch {
		case order == "ptr, len, cap":
			return holds("They lie in this order.")
		case slices.Equal(fields, []string{"cap", "len", "ptr"}):
			return inPart("These are its three fields. In memory they are %s: the compiler orders a struct's fields, rustc 1.95 in this way, others in theirs.", order)
		}
		return doesNot("Its fields are %s.", order)
	},
}

var stringCapacity = &Claim{
	ID: "string-capacity", Lesson: StackVsHeap, Where: "Heap Allocation (picture)",
	Words:  "len: 5, capacity: 5",
	Test:   "Both fields are read when String::from(\"hello\") has run.",
	ByHand: []string{"memprobe scenario string --step 2"},
	Gather: func(l *Lab) Evidence {
		s := l.run("string").step(2).frame("main").v("s")
		return Evidence{
			quoted("len", s.field("len").Value, s.in.in.from()),
			quoted("capacity", s.field("cap").Value, s.in.in.from()),
			sized("set aside for the text", s.owned().Size, s.in.in.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		n, capacity := r.Text("len"), r.Text("capacity")
		if n == "5" && capacity == "5" {
			return holds("String::from asks for as many bytes as the text has. That %d are set aside is the heap's affair.", r.Size("set aside for the text"))
		}
		return doesNot("len is %s, capacity is %s.", n, capacity)
	},
}

var textOnHeap = &Claim{
	ID: "text-on-heap", Lesson: StackVsHeap, Where: "Heap Allocation (picture)",
	Words:  "The actual character data lives on the heap.",
	Test:   "The address in s is followed, and what is there is read.",
	ByHand: []string{"memprobe scenario string --step 2", "memprobe scenario string --hold 2   # and meanwhile: gdb -p PID -batch -ex 'x/5c ADDRESS'"},
	Gather: func(l *Lab) Evidence {
		story := l.run("string")
		block := story.step(2).frame("main").v("s").owned()
		return Evidence{
			located("s.ptr leads to", block.Addr, story.step(2).from()),
			seen("that is on the heap", story.Memory.Heap.Contains(block.Addr), "the reservation"),
			quoted("the bytes there", fmt.Sprintf("%q", string(block.Bytes)), story.step(2).from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		if r.Yes("that is on the heap") && r.Text("the bytes there") == `"hello"` {
			return holds("At %v, on the heap, stands \"hello\".", r.Addr("s.ptr leads to"))
		}
		return doesNot("s.ptr leads to %v, where %s stands.", r.Addr("s.ptr leads to"), r.Text("the bytes there"))
	},
}

var address7f2a = &Claim{
	ID: "address-0x7f2a", Lesson: StackVsHeap, Where: "Heap Allocation (picture)",
	Words:  "address: 0x7f2a",
	Test:   "The address of the text is read.",
	ByHand: []string{"memprobe scenario string --step 2"},
	Gather: func(l *Lab) Evidence {
		story := l.run("string")
		block := story.step(2).frame("main").v("s").owned()
		return Evidence{
			located("the lesson's address", 0x7f2a, "the lesson"),
			located("the text is at", block.Addr, story.step(2).from()),
			counted("what is mapped at the lesson's address", mappedAt(l, 0x7f2a), "/proc/self/maps"),
		}
	},
	Judge: func(r *Reading) Judgement {
		there := r.Addr("the text is at")
		switch {
		case there == r.Addr("the lesson's address"):
			return holds("The text is there.")
		case r.Count("what is mapped at the lesson's address") == 0:
			return doesNot("It is at %v; at 0x7f2a nothing is mapped. Four digits fit into a picture; addresses of this machine have up to twelve.", there)
		}
		return doesNot("It is at %v, not at 0x7f2a.", there)
	},
}

// mappedAt is how many mappings there are at an address, 0 or 1.
func mappedAt(l *Lab, a addr.Addr) int {
	for _, m := range l.mappings() {
		if m.Contains(a) {
			return 1
		}
	}
	return 0
}

var reallocated = &Claim{
	ID: "reallocated", Lesson: StackVsHeap, Where: "heap_types.rs",
	Words:  "heap buffer may be reallocated",
	Test:   "A String grows three times, and the address of its text is read each time.",
	ByHand: []string{"memprobe scenario string-grow"},
	Gather: func(l *Lab) Evidence {
		story := l.run("string-grow")
		var e Evidence
		grown, moved := 0, 0
		var was addr.Addr
		capacity := ""
		for i := range story.Steps {
			s := story.step(i + 1)
			v := s.frame("main").v("s")
			if now := v.field("cap").Value; now != capacity {
				at := v.owned().Addr
				if capacity != "" {
					grown++
					if at != was {
						moved++
					}
				}
				e = append(e, located("the text, with room for "+now, at, s.from()))
				was, capacity = at, now
			}
		}
		return append(e, counted("times it grew", grown, story.from()), counted("times it moved", moved, story.from()))
	},
	Judge: func(r *Reading) Judgement {
		grew, moved := r.Count("times it grew"), r.Count("times it moved")
		switch {
		case grew == 0:
			return cannotTell("the String never grew")
		case moved == 0:
			return doesNot("It grew %d times, and its text never moved.", grew)
		}
		return holds("Of the %d times that it grew it moved %d: where its block, or what lies behind that, has room, it stays.", grew, moved)
	},
}

var nameCapacity = &Claim{
	ID: "name-capacity", Lesson: StackVsHeap, Where: "Stack vs Heap: String, Vec, Box (picture)",
	Words:  "len: 13, cap: 13",
	Test:   "Both are read when push_str has made \"Hello\" into \"Hello, world!\".",
	ByHand: []string{"memprobe scenario heap-types --step 1", rustc("let mut n = String::from(\"Hello\"); n.push_str(\", world!\"); println!(\"{}\", n.capacity());")},
	Gather: func(l *Lab) Evidence {
		name := l.run("heap-types").step(1).frame("main").v("name")
		return Evidence{
			quoted("len", name.field("len").Value, name.in.in.from()),
			quoted("cap", name.field("cap").Value, name.in.in.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		if n, capacity := r.Text("len"), r.Text("cap"); n != "13" || capacity != "13" {
			return doesNot("len is %s, cap is %s.", n, capacity)
		}
		return holds("A full String asks for twice its capacity, 10, or for what it needs if that is more: 13.")
	},
}

var vecFour = &Claim{
	ID: "vec-capacity", Lesson: StackVsHeap, Where: "heap_types.rs",
	Words:  "Stack: { ptr, len: 3, capacity: 4 }",
	Test:   "The handle of numbers is read after three pushes.",
	ByHand: []string{"memprobe scenario heap-types --step 2", "memprobe scenario vec-grow"},
	Gather: func(l *Lab) Evidence {
		numbers := l.run("heap-types").step(2).frame("main").v("numbers")
		return Evidence{
			quoted("len", numbers.field("len").Value, numbers.in.in.from()),
			quoted("cap", numbers.field("cap").Value, numbers.in.in.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		n, capacity := r.Text("len"), r.Text("cap")
		switch {
		case n == "3" && capacity == "4":
			return holds("The first push asks for room for 4 small elements; the fifth will double it.")
		case n == "3":
			return inPart("Three elements, with room for %s.", capacity)
		}
		return doesNot("len is %s, cap is %s.", n, capacity)
	},
}

var box8 = &Claim{
	ID: "box-8", Lesson: StackVsHeap, Where: "heap_types.rs",
	Words:  "Stack: { ptr }  (8 bytes, just a pointer)",
	Test:   "The size of boxed in main's frame is read, and the address in it compared with that of its block.",
	ByHand: []string{"memprobe scenario heap-types --step 3", rustc("println!(\"{} {}\", size_of::<Box<i32>>(), size_of::<Box<[i32]>>());")},
	Gather: func(l *Lab) Evidence {
		boxed := l.run("heap-types").step(3).frame("main").v("boxed")
		return Evidence{
			sized("boxed", boxed.Size, boxed.in.in.from()),
			located("the address in it", boxed.owned().Addr, boxed.in.in.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		if n := r.Size("boxed"); n != 8 {
			return doesNot("It has %d bytes.", n)
		}
		return holds("Its 8 bytes are the address of its block. A Box of a type without a fixed size, as Box<[i32]>, has 8 more, for the length.")
	},
}

var boxFour = &Claim{
	ID: "box-heap-4", Lesson: StackVsHeap, Where: "heap_types.rs",
	Words:  "Heap:  42        (4 bytes)",
	Test:   "The block of boxed is looked up in the heap: what was asked for, and what was set aside.",
	ByHand: []string{"memprobe scenario heap-types --step 3"},
	Gather: func(l *Lab) Evidence {
		s := l.run("heap-types").step(3)
		block := s.frame("main").v("boxed").owned()
		return Evidence{
			sized("asked for", block.Requested, s.from()),
			sized("set aside", block.Size, s.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		asked, taken := r.Size("asked for"), r.Size("set aside")
		switch {
		case asked != 4:
			return doesNot("%d bytes are asked for.", asked)
		case taken > 4:
			return inPart("4 bytes are asked for and used; %d are set aside. Blocks are multiples of 16 bytes, as in most allocators, so that any usual type in one is aligned.", taken)
		}
		return holds("4 bytes are asked for, and set aside.")
	},
}

var handleFixed = &Claim{
	ID: "handle-fixed", Lesson: StackVsHeap, Where: "Stack vs Heap: String, Vec, Box (picture)",
	Words:  "The stack part is always a fixed size (ptr + metadata).",
	Test:   "While a Vec grows to nine elements, the sizes of its handle and of its block are read at each step.",
	ByHand: []string{"memprobe scenario vec-grow"},
	Gather: func(l *Lab) Evidence {
		story := l.run("vec-grow")
		handles, blocks := map[addr.Bytes]bool{}, map[addr.Bytes]bool{}
		var size addr.Bytes
		for i := range story.Steps {
			for _, f := range story.Steps[i].Frames {
				if v := (frame{&f, story.step(i + 1)}).v("v"); v.State == probe.Live {
					handles[v.Size], size = true, v.Size
					if v.field("cap").Value != "0" {
						blocks[v.owned().Requested] = true
					}
				}
			}
		}
		return Evidence{
			sized("the handle", size, story.from()),
			counted("sizes that it had", len(handles), story.from()),
			counted("sizes that its block had", len(blocks), story.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		handles, blocks := r.Count("sizes that it had"), r.Count("sizes that its block had")
		switch {
		case handles == 0 || blocks < 2:
			return cannotTell("the Vec did not grow")
		case handles > 1:
			return doesNot("The handle had %d sizes.", handles)
		}
		return holds("%d bytes at each step, while the block had %d sizes.", r.Size("the handle"), blocks)
	},
}

var growOrShrink = &Claim{
	ID: "grow-or-shrink", Lesson: StackVsHeap, Where: "Stack vs Heap: String, Vec, Box (picture)",
	Words:  "The heap part can grow or shrink at runtime.",
	Test:   "The capacities of a Vec are read as it grows, and a block of 4 KiB is made 64 bytes, as shrink_to_fit does.",
	ByHand: []string{"memprobe scenario vec-grow", rustc("let mut v = Vec::with_capacity(100); v.push(1); v.shrink_to_fit(); println!(\"{}\", v.capacity());")},
	Gather: func(l *Lab) Evidence {
		story := l.run("vec-grow")
		grew := len(story.events(probe.EventResize))
		heap := l.memory().Heap()
		a, err := heap.Alloc(4096)
		if err != nil {
			lose("%v", err)
		}
		b, err := heap.Resize(a, 64)
		if err != nil {
			lose("%v", err)
		}
		block, err := heap.Block(b)
		if err != nil {
			lose("%v", err)
		}
		if err := heap.Free(b); err != nil {
			lose("%v", err)
		}
		return Evidence{
			counted("times the Vec's block grew", grew, story.from()),
			sized("a block of 4,096 bytes, made smaller", block.Size, "Resize of memprobe's heap"),
			seen("it has shrunk", block.Size < 4096, "Resize of memprobe's heap"),
		}
	},
	Judge: func(r *Reading) Judgement {
		grew, shrank := r.Count("times the Vec's block grew"), r.Yes("it has shrunk")
		switch {
		case grew > 0 && shrank:
			return holds("Both can be. A Vec grows by itself when it is full, and shrinks only when the program asks for that.")
		case grew > 0 || shrank:
			return inPart("Only one of the two happened.")
		}
		return doesNot("The block kept its size.")
	},
}

var boxFive = &Claim{
	ID: "box-five", Lesson: Ownership2, Where: "Heap Allocation Code Example",
	Words:  "Box::new() allocates some memory on the Heap and puts 5 there.",
	Test:   "The address in x is followed, and what is there is read.",
	ByHand: []string{"memprobe scenario box --step 2"},
	Gather: func(l *Lab) Evidence {
		story := l.run("box")
		s := story.step(2)
		x := s.frame("main").v("x")
		return Evidence{
			located("x holds", x.pointer(), s.from()),
			seen("that is on the heap", story.Memory.Heap.Contains(x.pointer()), "the reservation"),
			quoted("what stands there", x.Value, s.from()),
			counted("blocks in use before", len(story.step(1).used()), story.step(1).from()),
			counted("blocks in use after", len(s.used()), s.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		on, five := r.Yes("that is on the heap"), r.Text("what stands there")
		if !on || five != "5" || r.Count("blocks in use after") != r.Count("blocks in use before")+1 {
			return doesNot("x leads to %v, where %s stands.", r.Addr("x holds"), five)
		}
		return holds("One block more is in use, and 5 stands in it.")
	},
}

var yIs42 = &Claim{
	ID: "y-42", Lesson: Ownership2, Where: "Heap Allocation Code Example",
	Words:  "The variable y has the value 42",
	Test:   "The lesson's program is run, which says let y = 34, and y is read from memory.",
	ByHand: []string{"memprobe scenario box --step 3"},
	Gather: func(l *Lab) Evidence {
		y := l.run("box").step(3).frame("main").v("y")
		return Evidence{
			quoted("y", y.Value, y.in.in.from()),
			quoted("its bytes", fmt.Sprintf("% x", []byte(y.Bytes)), y.in.in.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		if y := r.Text("y"); y != "42" {
			return doesNot("y is %s, as the lesson's program says. The text was written for another number.", y)
		}
		return holds("y is 42.")
	},
}

var noOrder = &Claim{
	ID: "no-order", Lesson: Ownership2, Where: "Heap Allocation Code Example",
	Words:  "The position in memory where 5 is allocated to is chosen by the Memory Allocator in no particular order",
	Test:   "The same request is made to two fresh heaps, and the places are compared with each other and with the lowest free block that fits.",
	ByHand: []string{"memprobe scenario box --step 2 --relative", "memprobe scenario alloc --step 3"},
	Gather: func(l *Lab) Evidence {
		place := func() (at, lowest addr.Bytes) {
			region, err := mmapheap.Reserve(mmapheap.Config{})
			if err != nil {
				lose("%v", err)
			}
			defer region.Release()
			heap := region.Heap()
			found := false
			for c := range heap.Explain(rust.I32.Size()) {
				if c.Fits && !found {
					lowest, found = c.Addr.Sub(heap.Range().Lo), true
				}
			}
			a, err := heap.Alloc(rust.I32.Size())
			if err != nil || !found {
				lose("no block for an i32: %v", err)
			}
			return a.Sub(heap.Range().Lo), lowest
		}
		first, lowest := place()
		second, _ := place()
		return Evidence{
			counted("bytes from the heap's start, one heap", first, "Alloc(4)"),
			counted("bytes from the heap's start, another heap", second, "Alloc(4)"),
			counted("bytes to the lowest block that fits", lowest, "the heap's blocks"),
		}
	},
	Judge: func(r *Reading) Judgement {
		first, second := r.Count("bytes from the heap's start, one heap"), r.Count("bytes from the heap's start, another heap")
		switch lowest := r.Count("bytes to the lowest block that fits"); {
		case first == second && first == lowest:
			return doesNot("There is a rule, and it was kept twice: this heap takes the lowest free block that fits. Every allocator has its rule. Only the program that asks does not know it, nor where its heap begins.")
		case first == second:
			return inPart("The same place was chosen twice, and it is not the lowest.")
		}
		return holds("The same request got two different places.")
	},
}

var address3fff = &Claim{
	ID: "address-0x3fffffce", Lesson: Ownership2, Where: "Heap Allocation Code Example",
	Words:  "it is the location 0x3FFFFFCE and it puts 5 in that location",
	Test:   "The address of the 5 is read, and both addresses are divided by 4, the alignment of an i32.",
	ByHand: []string{"memprobe scenario box --step 2", "echo $((0x3FFFFFCE % 4))"},
	Gather: func(l *Lab) Evidence {
		x := l.run("box").step(2).frame("main").v("x")
		const lessons addr.Addr = 0x3FFFFFCE
		return Evidence{
			located("the lesson's address", lessons, "the lesson"),
			located("5 is at", x.pointer(), x.in.in.from()),
			counted("the lesson's address leaves, divided by 4", uint64(lessons)%uint64(rust.I32.Align()), "computed"),
			counted("the address of 5 leaves", uint64(x.pointer())%uint64(rust.I32.Align()), "computed"),
		}
	},
	Judge: func(r *Reading) Judgement {
		there, rest := r.Addr("5 is at"), r.Count("the lesson's address leaves, divided by 4")
		switch {
		case there == r.Addr("the lesson's address"):
			return holds("5 is there.")
		case rest != 0:
			return doesNot("It is at %v. At 0x3FFFFFCE no i32 of Rust's can be: its address is a multiple of 4, and that one leaves %d.", there, rest)
		}
		return doesNot("It is at %v.", there)
	},
}

var rawPointer = &Claim{
	ID: "raw-pointer", Lesson: Ownership2, Where: "Heap Allocation Code Example",
	Words:  "The value of x on the stack is then a raw pointer to the place allocated on the Heap.",
	Test:   "The bytes of x are read as an address, and it is seen what becomes of the block when x goes out of scope.",
	ByHand: []string{"memprobe scenario box", "memprobe scenario leak --step 3"},
	Gather: func(l *Lab) Evidence {
		story := l.run("box")
		x := story.step(2).frame("main").v("x")
		freed := false
		for _, e := range story.step(0).Events {
			freed = freed || e.Kind == probe.EventFree && e.Addr == x.pointer()
		}
		return Evidence{
			located("the bytes of x, as an address", addr.Addr(leBytes(x.Bytes)), story.step(2).from()),
			located("the block of 5", x.owned().Addr, story.step(2).from()),
			quoted("the type of x", x.Type, "the program"),
			seen("the block is freed when x goes out of scope", freed, story.step(0).from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		switch {
		case r.Addr("the bytes of x, as an address") != r.Addr("the block of 5"):
			return doesNot("x holds something else than the block's address.")
		case r.Yes("the block is freed when x goes out of scope"):
			return inPart("Its 8 bytes are that address and nothing else. But x is a %s, not a raw pointer: it owns the block, and frees it at its end. A *mut i32 with the same bytes would not.", r.Text("the type of x"))
		}
		return holds("x is the address, and frees nothing.")
	},
}

// leBytes is the number that bytes hold, the low ones first; of eight at most.
func leBytes(b []byte) (n uint64) {
	for i := min(len(b), 8) - 1; i >= 0; i-- {
		n = n<<8 | uint64(b[i])
	}
	return n
}

var heapTypesGrow = &Claim{
	ID: "heap-types-grow", Lesson: Ownership2, Where: "Heap Memory",
	Words:  "We learned that these types are dynamically sized, meaning that they can grow in size.",
	Test:   "The blocks of a Vec and of a Box are compared at the start of their lives and at the end.",
	ByHand: []string{"memprobe scenario vec-grow", "memprobe scenario box"},
	Gather: func(l *Lab) Evidence {
		vec, box := l.run("vec-grow"), l.run("box")
		return Evidence{
			sized("block of a Vec<i32> at first", vec.step(2).frame("main").v("v").owned().Requested, vec.step(2).from()),
			sized("at last", vec.step(6).frame("main").v("v").owned().Requested, vec.step(6).from()),
			sized("block of a Box<i32> at first", box.step(2).frame("main").v("x").owned().Requested, box.step(2).from()),
			sized("at last, that too", box.step(3).frame("main").v("x").owned().Requested, box.step(3).from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		vec := r.Size("at last") > r.Size("block of a Vec<i32> at first")
		box := r.Size("at last, that too") > r.Size("block of a Box<i32> at first")
		switch {
		case vec && box:
			return holds("Both grew.")
		case vec:
			return inPart("A Vec and a String can. A Box<i32> can't: its %d bytes are as fixed as an i32 on the stack.", r.Size("block of a Box<i32> at first"))
		}
		return doesNot("Not even the Vec grew.")
	},
}
