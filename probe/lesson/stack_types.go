package lesson

import (
	"fmt"
	"strings"

	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/rust"
)

// StackTypes has a variable of each type whose size is known, and adds their sizes up.
var StackTypes = &probe.Scenario{
	Name:   "stack-types",
	Title:  "Seven variables of fixed size, and the bytes between them",
	Lesson: stackVsHeap + ", on the types that live on the stack",
	Source: `struct Point3D {
    x: f64,
    y: f64,
    z: f64,
}

fn main() {
    let x: i32 = 42;
    let y: u64 = 1_000_000;
    let pi: f64 = 3.14159;
    let active: bool = true;
    let point: (f64, f64) = (1.0, 2.0);
    let matrix: [i32; 9] = [0; 9];
    let origin = Point3D { x: 0.0, y: 0.0, z: 0.0 };
}
`,
	Run: runStackTypes,
}

func runStackTypes(m *probe.Machine) {
	point3D := rust.Struct("Point3D", rust.Field{Name: "x", Type: rust.F64}, rust.Field{Name: "y", Type: rust.F64}, rust.Field{Name: "z", Type: rust.F64})
	types := []rust.Field{
		{Name: "x", Type: rust.I32}, {Name: "y", Type: rust.U64}, {Name: "pi", Type: rust.F64}, {Name: "active", Type: rust.Bool},
		{Name: "point", Type: rust.Tuple(rust.F64, rust.F64)}, {Name: "matrix", Type: rust.Array(rust.I32, 9)}, {Name: "origin", Type: point3D},
	}
	vars := make([]*probe.Local, len(types))
	for i, t := range types {
		vars[i] = probe.Let(t.Name, t.Type)
	}
	x, y, pi, active, point, matrix, origin := vars[0], vars[1], vars[2], vars[3], vars[4], vars[5], vars[6]

	end := m.SP()
	m.Call("main", vars...)
	frame := end.Sub(m.SP())
	m.Set(x, 42)
	m.Set(y, 1_000_000)
	m.Set(pi, 3.14159)
	m.Set(active, true)
	m.Step(11, "four numbers, four sizes",
		"The compiler knows each type and so each size. It gives every variable a place in the frame before the program runs; the values come later.")

	m.Set(point, []any{1.0, 2.0})
	m.Set(matrix, []any{0, 0, 0, 0, 0, 0, 0, 0, 0})
	m.Step(13, "a tuple and an array: their elements, side by side",
		fmt.Sprintf("point is two numbers of 8 bytes, matrix is nine of 4. Neither has a header or a length: the type says how many there are. matrix begins at %v.", m.Addr(matrix)),
		probe.Note{
			Lesson: "a tuple's size is the sum of its elements'",
			Here:   fmt.Sprintf("%d bytes for point; (u8, u32) would take %d", uint64(types[4].Type.Size()), uint64(rust.Tuple(rust.U8, rust.U32).Size())),
			Why:    "Elements are aligned, too. The sum is right where all have the same size.",
		})

	m.Set(origin, []any{0.0, 0.0, 0.0})
	m.Step(14, "a struct: its fields, and nothing else",
		"origin is three numbers in a row. Names of fields are the compiler's affair: in memory there are only the values.",
		probe.Note{
			Lesson: "origin on top, x at the bottom, z above y",
			Here:   fmt.Sprintf("origin is highest, at %v, its z above its y", m.Addr(origin)),
			Why:    "rustc 1.95 does the same without optimisation, high addresses on top; it promises no order.",
		},
		probe.Note{
			Lesson: "types on the stack implement Copy",
			Here:   "Point3D " + whether(point3D.Copy(), "is copied", "is moved") + " by an assignment",
			Why:    "A struct has the Copy trait where it derives it, and this one does not. Where it lies makes no difference.",
		})

	var sum addr.Bytes
	var sizes []string
	for _, t := range types {
		sum += t.Type.Size()
		sizes = append(sizes, fmt.Sprint(uint64(t.Type.Size())))
	}
	declared, ordered := inOrder(types), rust.Struct("Frame", types...).Size()
	m.Fact("the seven sizes", inBytes(sum), strings.Join(sizes, " + "))
	m.Fact("main's frame", inBytes(frame), "the stack pointer, before and after the push")
	m.Fact("of that, padding", inBytes(frame-sum), "the difference")
	m.Fact("a struct of the seven, in the order of the source", inBytes(declared), "#[repr(C)], computed")
	m.Fact("the same struct, in the order that rustc chooses", inBytes(ordered), "rustc's rules, computed")
	m.Ask("rustc may change the order of a struct's fields. How many bytes would a struct of these seven take?",
		fmt.Sprintf("With the largest alignment first, no field needs padding in front of it. The %d bytes are then rounded up to a multiple of 8, the largest alignment.", uint64(sum)),
		inBytes(ordered), inBytes(sum), inBytes(declared))
	m.Step(14, "the sum of the sizes is not the size of the frame",
		fmt.Sprintf("The values are %d bytes; the frame has %d. Padding puts each value at a multiple of its alignment, and the frame's size at a multiple of 16.", uint64(sum), uint64(frame)),
		probe.Note{
			Lesson: "about 97 bytes on the stack",
			Here:   fmt.Sprintf("%d bytes of values in a frame of %d", uint64(sum), uint64(frame)),
			Why:    "The lesson adds the sizes. What lies between the values belongs to the frame as well.",
		})
	m.Return()
}

// inOrder is the size of a struct whose fields keep the order of the source, as C
// has it.
func inOrder(fields []rust.Field) addr.Bytes {
	var size, align addr.Bytes = 0, 1
	for _, f := range fields {
		size = size.AlignUp(f.Type.Align()) + f.Type.Size()
		align = max(align, f.Type.Align())
	}
	return size.AlignUp(align)
}

// inBytes is n with its unit.
func inBytes(n addr.Bytes) string { return count(n) + " bytes" }
