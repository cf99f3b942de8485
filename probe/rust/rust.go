// Package rust knows how rustc 1.95 lays out values on a 64-bit target: size,
// alignment, the order and offsets of fields, how buffers grow, and what the
// bytes of a value mean.
//
//	let s = String::from("hello");     a handle of 24 bytes        its block
//
//	    +0  cap  05 00 00 00 00 00 00 00
//	    +8  ptr  00 10 00 00 2a 7f 00 00  ------>  68 65 6c 6c 6f
//	   +16  len  05 00 00 00 00 00 00 00
//
// A [Type] is a description; it holds no value. Values stay in memory, as bytes,
// little-endian as on both of memprobe's machines, and are decoded when shown.
// Sizes, offsets and capacities were compared with what rustc 1.95 prints for
// the same types (see the tests).
package rust

import (
	"fmt"

	"memprobe/layout/addr"
)

// Memory is where the blocks that handles point to are read from.
type Memory interface {
	// Load fills p with the bytes from a on, or reports why they can't be read.
	Load(a addr.Addr, p []byte) error
}

// Type describes how values of one Rust type lie in memory.
type Type interface {
	// Name is the type as Rust source writes it, such as Vec<i32>.
	Name() string
	// Size is the length of a value in bytes, tail padding included.
	Size() addr.Bytes
	// Align is what a value's address is a multiple of: a power of two, in bytes.
	Align() addr.Bytes
	// Fields are a value's fields by offset; a scalar has none.
	Fields() []Field
	// Copy reports whether assignment leaves the source usable, as for types
	// with the Copy trait; other types are moved.
	Copy() bool
	// Encode is a value's bytes for a Go value: a signed or unsigned integer, a
	// float64, a bool, a rune, a []any for what has several fields.
	Encode(v any) ([]byte, error)
	// Format is the value that the Size bytes of b stand for, as Rust's {:?}
	// prints it. What a pointer leads to is read from mem; where that fails, the
	// text says so. Any bytes whatever may stand in b.
	Format(b []byte, mem Memory) string
	// niche tells which invalid values rustc may use, for the order of fields.
	niche() niche
}

// Field is one field of a value.
type Field struct {
	Name   string
	Type   Type
	Offset addr.Bytes // from the start of the value
}

// Handle is a type whose values own a heap block: String, Vec and Box.
type Handle interface {
	Type
	// Block is the block that the handle in b owns, and whether it owns one: a
	// String or Vec without capacity does not.
	Block(b []byte) (addr.Addr, bool)
	// Elems tells where the values in that block begin, how many are
	// initialised, and what they are.
	Elems(b []byte) (first addr.Addr, n addr.Bytes, elem Type)
}

// Leaves are t's fields with those of nested structs, tuples, arrays and handles
// in their place, named by their path, such as name.ptr. A scalar has none.
func Leaves(t Type) []Field {
	var leaves []Field
	for _, f := range t.Fields() {
		inner := Leaves(f.Type)
		if len(inner) == 0 {
			leaves = append(leaves, f)
		}
		for _, g := range inner {
			leaves = append(leaves, Field{f.Name + "." + g.Name, g.Type, f.Offset + g.Offset})
		}
	}
	return leaves
}

// mismatch is the error of an Encode that was given a Go value of another kind.
func mismatch(t Type, v any) error {
	return fmt.Errorf("encode %s: no such value: %v (%T)", t.Name(), v, v)
}
