package claims

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/rust"
)

// What a type takes, and where its values lie.

var knownSizes = &Claim{
	ID: "known-sizes", Lesson: StackVsHeap, Where: "Stack properties",
	Words:  "the compiler must know the exact size of every value at compile time",
	Test:   "The size of every variable is read at each step of all scenarios: none may change, whatever the program does with it.",
	ByHand: []string{"memprobe scenario string-grow", refused("let a: [u8] = *b\"hello\";")},
	Gather: func(l *Lab) Evidence {
		type place struct {
			scenario, frame, name string
			at                    addr.Addr
		}
		sizes := map[place]addr.Bytes{}
		changed := 0
		for _, s := range l.everyStory() {
			for i := range s.Steps {
				for _, f := range s.Steps[i].Frames {
					for _, v := range f.Vars {
						here := place{s.Scenario, f.Name, v.Name, v.Addr}
						if n, known := sizes[here]; known && n != v.Size {
							changed++
						}
						sizes[here] = v.Size
					}
				}
			}
		}
		story := l.run("string-grow")
		first, last := story.step(1), story.step(0)
		s := last.frame("main").v("s")
		return Evidence{
			counted("variables looked at", len(sizes), "all scenarios"),
			counted("whose size changed", changed, "all scenarios"),
			quoted("length of the text of s, at first and at last", first.frame("main").v("s").field("len").Value+", "+s.field("len").Value, story.from()),
			sized("size of s, throughout", s.Size, last.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		n, changed := r.Count("variables looked at"), r.Count("whose size changed")
		switch {
		case n == 0:
			return cannotTell("no scenario has a variable")
		case changed > 0:
			return doesNot("%d of %d variables changed their size.", changed, n)
		}
		return holds("None of %d variables ever changed its size. That is a rule of Rust's; the machine has none: C's alloca pushes as many bytes as the run asks for.", n)
	},
}

var scalars = &Claim{
	ID: "scalar-sizes", Lesson: StackVsHeap, Where: "stack_types.rs",
	Words:  "let x: i32 = 42;         // 4 bytes on the stack",
	Test:   "The distance is read that each of the four numbers takes in main's frame; the lesson has 4 bytes for x, 8 for y and pi, 1 for active.",
	ByHand: []string{"memprobe scenario stack-types --step 1", rustc("println!(\"{}\", size_of::<i32>());")},
	Gather: func(l *Lab) Evidence {
		main := l.run("stack-types").step(1).frame("main")
		e := Evidence{}
		for _, name := range []string{"x", "y", "pi", "active"} {
			v := main.v(name)
			e = append(e, sized(name+": "+v.Type, v.Size, main.in.from()))
		}
		return e
	},
	Judge: func(r *Reading) Judgement {
		right := 0
		for _, want := range []struct {
			name string
			size addr.Bytes
		}{{"x: i32", 4}, {"y: u64", 8}, {"pi: f64", 8}, {"active: bool", 1}} {
			if r.Size(want.name) == want.size {
				right++
			}
		}
		switch right {
		case 4:
			return holds("All four have the sizes that the lesson gives.")
		case 0:
			return doesNot("None has the size that the lesson gives.")
		}
		return inPart("%d of the four sizes are those of the lesson.", right)
	},
}

var tupleSum = &Claim{
	ID: "tuple-sum", Lesson: StackVsHeap, Where: "stack_types.rs",
	Words:  "Tuples: size = sum of element sizes",
	Test:   "The size of the lesson's tuple is compared with the sum, and so is that of a tuple whose elements differ in size.",
	ByHand: []string{"memprobe scenario stack-types --step 2", rustc("println!(\"{}\", size_of::<(u8, u32)>());")},
	Gather: func(l *Lab) Evidence {
		v := l.run("stack-types").step(2).frame("main").v("point")
		mixed := rust.Tuple(rust.U8, rust.U32)
		return Evidence{
			sized("point: "+v.Type, v.Size, v.in.in.from()),
			sized("sum of its elements", 2*rust.F64.Size(), "their types"),
			sized("(u8, u32)", mixed.Size(), "rustc 1.95's rules"),
			sized("sum of those elements", rust.U8.Size()+rust.U32.Size(), "their types"),
		}
	},
	Judge: func(r *Reading) Judgement {
		point, sum := r.Size("point: (f64, f64)"), r.Size("sum of its elements")
		mixed, mixedSum := r.Size("(u8, u32)"), r.Size("sum of those elements")
		switch {
		case point != sum:
			return doesNot("The lesson's own tuple has %d bytes, its elements %d.", point, sum)
		case mixed != mixedSum:
			return inPart("Right for (f64, f64): %d bytes. The elements of (u8, u32) are %d bytes together, and it takes %d: each element is aligned, and padding fills what that leaves.", point, mixedSum, mixed)
		}
		return holds("It is the sum for both tuples.")
	},
}

var arraySize = &Claim{
	ID: "array-size", Lesson: StackVsHeap, Where: "stack_types.rs",
	Words:  "Fixed-size arrays: size = element_size * length",
	Test:   "The size of [i32; 9] in main's frame is compared with nine times four.",
	ByHand: []string{"memprobe scenario stack-types --step 2", rustc("println!(\"{}\", size_of::<[i32; 9]>());")},
	Gather: func(l *Lab) Evidence {
		v := l.run("stack-types").step(2).frame("main").v("matrix")
		return Evidence{
			sized("matrix: "+v.Type, v.Size, v.in.in.from()),
			sized("9 times an i32", 9*rust.I32.Size(), "its type"),
		}
	},
	Judge: func(r *Reading) Judgement {
		if size, product := r.Size("matrix: [i32; 9]"), r.Size("9 times an i32"); size != product {
			return doesNot("It has %d bytes, not %d.", size, product)
		}
		return holds("It has %d bytes: the elements, side by side, and nothing else.", r.Size("matrix: [i32; 9]"))
	},
}

var structSize = &Claim{
	ID: "struct-size", Lesson: StackVsHeap, Where: "stack_types.rs",
	Words:  "24 bytes on the stack",
	Test:   "The size of a Point3D in main's frame is read, and where each of its fields lies.",
	ByHand: []string{"memprobe scenario stack-types --step 3"},
	Gather: func(l *Lab) Evidence {
		v := l.run("stack-types").step(3).frame("main").v("origin")
		e := Evidence{sized("origin: "+v.Type, v.Size, v.in.in.from())}
		for _, f := range v.Fields {
			e = append(e, located("origin."+f.Name, f.Addr, v.in.in.from()))
		}
		return e
	},
	Judge: func(r *Reading) Judgement {
		if n := r.Size("origin: Point3D"); n != 24 {
			return doesNot("It has %d bytes.", n)
		}
		return holds("Three fields of 8 bytes. All have the same size, so there is no padding; structs with mixed fields have some.")
	},
}

var frame97 = &Claim{
	ID: "frame-97", Lesson: StackVsHeap, Where: "main's Stack Frame (picture)",
	Words:  "Total: ~97 bytes on the stack",
	Test:   "The sizes of main's seven variables are added up, and the frame that holds them is measured.",
	ByHand: []string{"memprobe scenario stack-types --step 4", assembly("fn main() { let x = 42; let m = [0i32; 9]; print!(\"{x}{m:?}\") }")},
	Gather: func(l *Lab) Evidence {
		main := l.run("stack-types").step(0).frame("main")
		var sum addr.Bytes
		for _, v := range main.Vars {
			sum += v.Size
		}
		return Evidence{
			sized("the seven sizes together", sum, main.in.from()),
			sized("main's frame", main.size(), "its two ends, "+main.in.from()),
			sized("padding in it", main.Padding, main.in.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		sum, frame := r.Size("the seven sizes together"), r.Size("main's frame")
		switch {
		case frame == 97:
			return holds("The frame has 97 bytes.")
		case sum == 97:
			return inPart("The values are 97 bytes. The frame has %d: each value starts at a multiple of its alignment, and the frame ends at a multiple of 16.", frame)
		}
		return doesNot("The values are %d bytes, the frame has %d.", sum, frame)
	},
}

var frameOrder = &Claim{
	ID: "frame-order", Lesson: StackVsHeap, Where: "main's Stack Frame (picture)",
	Words:  "origin.z, origin.y, origin.x, matrix, point, active, pi, y, x",
	Test:   "The picture has origin.z on top and x at the bottom; the addresses of the variables are put in order, the highest on top.",
	ByHand: []string{"memprobe scenario stack-types --step 3", rustc("let (x, y) = (42i32, 1u64); println!(\"{:p} {:p}\", &x, &y);")},
	Gather: func(l *Lab) Evidence {
		main := l.run("stack-types").step(3).frame("main")
		vars := slices.Clone(main.Vars)
		slices.SortFunc(vars, func(a, b probe.Var) int { return cmp.Compare(b.Addr, a.Addr) })
		var names []string
		for _, v := range vars {
			names = append(names, v.Name)
		}
		return Evidence{
			quoted("from high addresses to low", strings.Join(names, ", "), main.in.from()),
			seen("origin.z lies above origin.x", main.v("origin").field("z").Addr > main.v("origin").field("x").Addr, main.in.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		order, fields := r.Text("from high addresses to low"), r.Yes("origin.z lies above origin.x")
		switch inOrder := order == "origin, matrix, point, active, pi, y, x"; {
		case inOrder && fields:
			return holds("With high addresses on top that is their order here, as rustc 1.95 lays them out without optimisation. It promises none.")
		case inOrder || fields:
			return inPart("From high addresses to low the variables are %s; the fields of origin %s.", order, map[bool]string{true: "are as drawn", false: "are not as drawn"}[fields])
		}
		return doesNot("From high addresses to low they are %s.", order)
	},
}

var fixedOnStack = &Claim{
	ID: "fixed-on-stack", Lesson: StackVsHeap, Where: "Rust on the Stack",
	Words:  "all values with a known fixed size at compile time live on the stack by default",
	Test:   "Seven locals of fixed size are looked up; and so are an i32 in a Box and an i32 that is a static.",
	ByHand: []string{"memprobe scenario stack-types", "memprobe scenario layout --step 3"},
	Gather: func(l *Lab) Evidence {
		story := l.run("stack-types")
		in := 0
		vars := story.step(0).frame("main").Vars
		for _, v := range vars {
			if story.Memory.Stack.Contains(v.Addr) {
				in++
			}
		}
		box := l.run("box")
		five := box.step(2).frame("main").v("x").owned()
		e := Evidence{
			counted("locals of fixed size", len(vars), story.step(0).from()),
			counted("of them on the stack", in, story.step(0).from()),
			located("an i32 in a Box", five.Addr, box.step(2).from()),
			seen("that is on the heap", box.Memory.Heap.Contains(five.Addr), box.step(2).from()),
		}
		for _, m := range l.run("layout").step(0).Landmarks {
			if m.Segment == layout.SegmentData {
				return append(e, located("an i32 that is a static", m.Addr, "scenario layout, "+m.What))
			}
		}
		return e
	},
	Judge: func(r *Reading) Judgement {
		n, in := r.Count("locals of fixed size"), r.Count("of them on the stack")
		switch {
		case in < n || n == 0:
			return doesNot("%d of %d locals of fixed size are on the stack.", in, n)
		case r.Yes("that is on the heap"):
			return inPart("All %d locals are. What decides is not the size but the place: an i32 in a Box or a Vec is on the heap, one that is a static lies with the program's data, and an optimiser keeps many in registers alone.", n)
		}
		return holds("All %d are on the stack.", n)
	},
}

var copyTrait = &Claim{
	ID: "copy-trait", Lesson: StackVsHeap, Where: "Rust on the Stack",
	Words:  "Stack-allocated types in Rust implement the Copy trait",
	Test:   "A number, a tuple and a struct, all on the stack, are assigned to another variable, and it is seen which may be used afterwards.",
	ByHand: []string{"memprobe scenario copy", refused("struct P { x: f64 } let p = P { x: 1.0 }; let q = p; p.x;")},
	Gather: func(l *Lab) Evidence {
		main := l.run("copy").step(3).frame("main")
		e := Evidence{}
		for _, name := range []string{"a", "t", "p"} {
			v := main.v(name)
			e = append(e, seen(fmt.Sprintf("%s: %s may be used", name, v.Type), v.State == probe.Live, main.in.from()))
		}
		return e
	},
	Judge: func(r *Reading) Judgement {
		number, tuple, point := r.Yes("a: i32 may be used"), r.Yes("t: (f64, f64) may be used"), r.Yes("p: Point may be used")
		switch {
		case number && tuple && point:
			return holds("All three may be used after the assignment.")
		case number && tuple:
			return inPart("i32 and (f64, f64) do. Point, two f64 on the stack, is moved: a struct has Copy where it says derive(Copy), and the lesson's Point3D does not say it.")
		}
		return doesNot("Not even numbers and tuples may be used after an assignment.")
	},
}

var copySmall = &Claim{
	ID: "copy-small", Lesson: StackVsHeap, Where: "Rust on the Stack",
	Words:  "This is cheap because the data is small and already on the stack.",
	Test:   "Of all variables of all scenarios whose types have the Copy trait by their elements, numbers and arrays, the largest is looked for.",
	ByHand: []string{"memprobe scenario overflow --step 2", rustc("let a = [7u8; 1000]; let b = a; println!(\"{} {}\", a[0], size_of_val(&b));")},
	Gather: func(l *Lab) Evidence {
		var most probe.Var
		var in story
		for _, s := range l.everyStory() {
			for i := range s.Steps {
				for _, f := range s.Steps[i].Frames {
					for _, v := range f.Vars {
						if isValue(v.Type) && !strings.HasPrefix(v.Type, "(") && v.Size > most.Size {
							most, in = v, s
						}
					}
				}
			}
		}
		if most.Size == 0 {
			lose("no scenario has such a variable")
		}
		return Evidence{
			sized("an i32", rust.I32.Size(), "its type"),
			sized("the largest of them", most.Size, in.from()),
			quoted("its type", most.Type, in.from()+", "+most.Name),
		}
	},
	Judge: func(r *Reading) Judgement {
		small, large := r.Size("an i32"), r.Size("the largest of them")
		switch {
		case large <= 2*8:
			return holds("None is larger than two registers, %d bytes.", large)
		case small <= 8:
			return inPart("Of numbers that is so. But Copy sets no limit: a %s is copied as well, all %d bytes of it, at each assignment and each call.", r.Text("its type"), large)
		}
		return doesNot("Even an i32 has %d bytes.", small)
	},
}

var bitForBit = &Claim{
	ID: "bit-for-bit", Lesson: StackVsHeap, Where: "Rust on the Stack",
	Words:  "the value is copied bit-for-bit instead of moved",
	Test:   "The bytes of source and target are compared, after the assignment of a tuple, which is copied, and of a struct, which is moved.",
	ByHand: []string{"memprobe scenario copy", "memprobe scenario move --step 2"},
	Gather: func(l *Lab) Evidence {
		main := l.run("copy").step(3).frame("main")
		same := func(a, b string) bool { return slices.Equal(main.v(a).Bytes, main.v(b).Bytes) }
		return Evidence{
			seen("a copy has the bytes of its source", same("t", "u"), main.in.from()),
			seen("a move has the bytes of its source", same("p", "q"), main.in.from()),
			quoted("the source of the move, afterwards", string(main.v("p").State), main.in.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		switch copied, moved := r.Yes("a copy has the bytes of its source"), r.Yes("a move has the bytes of its source"); {
		case !copied:
			return doesNot("The copy has other bytes than its source.")
		case moved:
			return inPart("A copy has the same bits. So has a move: it copies the same bytes. The difference is in the compiler, which refuses the source of a move from then on.")
		}
		return holds("A copy has the same bits, a move has not.")
	},
}

var valueTypes = &Claim{
	ID: "value-types", Lesson: Ownership2, Where: "Value Types and Stack Memory",
	Words:  "Value Types like integers, floating-point numbers, Booleans, characters, tuples and arrays are usually stored in Stack Memory",
	Test:   "Each variable of such a type in all scenarios is looked up, and each number that a box or a Vec has on the heap is counted.",
	ByHand: []string{"memprobe scenario all --format json"},
	Gather: func(l *Lab) Evidence {
		type place struct {
			scenario string
			at       addr.Addr
		}
		all, in, boxed := map[place]bool{}, 0, map[place]bool{}
		for _, s := range l.everyStory() {
			for i := range s.Steps {
				stacks := []addr.Range{s.Memory.Stack}
				for _, t := range s.Steps[i].Threads {
					stacks = append(stacks, t.Stack)
				}
				for _, f := range s.Steps[i].Frames {
					for _, v := range f.Vars {
						here := place{s.Scenario, v.Addr}
						if owns(v) {
							for _, b := range pointsTo(v) {
								boxed[place{s.Scenario, b}] = true
							}
						}
						if all[here] || !isValue(v.Type) {
							continue
						}
						all[here] = true
						if slices.ContainsFunc(stacks, func(r addr.Range) bool { return r.Contains(v.Addr) }) {
							in++
						}
					}
				}
			}
		}
		return Evidence{
			counted("variables of value types", len(all), "all scenarios"),
			counted("of them on a stack", in, "all scenarios"),
			counted("blocks of boxes and Vecs of such values, on the heap", len(boxed), "all scenarios"),
		}
	},
	Judge: func(r *Reading) Judgement {
		all, in := r.Count("variables of value types"), r.Count("of them on a stack")
		switch {
		case all == 0:
			return cannotTell("no scenario has such a variable")
		case in == all:
			return holds("All %d variables of such types are. In boxes and Vecs the same types are on the heap, %d blocks of them: \"usually\" is the word.", all, r.Count("blocks of boxes and Vecs of such values, on the heap"))
		case 2*in > all:
			return inPart("%d of %d variables are.", in, all)
		}
		return doesNot("%d of %d variables are.", in, all)
	},
}

// isValue reports whether a Rust type is one of those that the lesson calls value types.
func isValue(name string) bool {
	switch name {
	case "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128", "usize", "f32", "f64", "bool", "char":
		return true
	}
	return strings.HasPrefix(name, "(") || strings.HasPrefix(name, "[")
}

// owns reports whether a live variable owns a block with values of such a type.
func owns(v probe.Var) bool {
	inner, isBox := strings.CutPrefix(v.Type, "Box<")
	if !isBox {
		inner, isBox = strings.CutPrefix(v.Type, "Vec<")
	}
	return isBox && v.State == probe.Live && isValue(strings.TrimSuffix(inner, ">"))
}

// pointsTo are the addresses in a handle that lead into the program's memory.
func pointsTo(v probe.Var) []addr.Addr {
	var to []addr.Addr
	if v.PointsTo != nil {
		to = append(to, *v.PointsTo)
	}
	for _, f := range v.Fields {
		if f.PointsTo != nil {
			to = append(to, *f.PointsTo)
		}
	}
	return to
}

var wheneverItCan = &Claim{
	ID: "stack-whenever", Lesson: Ownership2, Where: "Value Types and Stack Memory",
	Words:  "By default, Rust will store data on the stack whenever it can.",
	Test:   "Two numbers of the same type are looked up, of which the program puts one into a Box.",
	ByHand: []string{"memprobe scenario box"},
	Gather: func(l *Lab) Evidence {
		story := l.run("box")
		s := story.step(3)
		x, y := s.frame("main").v("x").owned(), s.frame("main").v("y")
		return Evidence{
			located("let y = 34", y.Addr, s.from()),
			seen("y is on the stack", story.Memory.Stack.Contains(y.Addr), s.from()),
			located("the 5 of Box::new(5)", x.Addr, s.from()),
			seen("5 is on the heap, though its size is known", story.Memory.Heap.Contains(x.Addr), s.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		switch {
		case !r.Yes("y is on the stack"):
			return doesNot("Even a plain local is not on the stack.")
		case r.Yes("5 is on the heap, though its size is known"):
			return inPart("A local is on the stack by default. But Rust does not choose: Box::new(5) is on the heap because the program says so, though 4 bytes of known size could be on the stack.")
		}
		return holds("Both numbers are on the stack.")
	},
}
