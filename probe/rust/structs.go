package rust

import (
	"fmt"
	"slices"
	"strings"

	"memprobe/layout/addr"
)

// composite is a struct, a tuple or an array: fields one behind the other.
type composite struct {
	name        string
	moved       bool    // assignment moves it, though its fields could be copied
	declared    []Field // in the order of the source
	size, align addr.Bytes
	edge        niche
	format      func(values []string) string // declaration order
}

// Struct is a struct with named fields, in rustc's order: the one with the
// least padding, not the one of the source. The fields' Offset is ignored. It is
// moved, as a struct is that derives no Copy.
func Struct(name string, fields ...Field) Type {
	s := CopyStruct(name, fields...).(composite)
	s.moved = true
	return s
}

// CopyStruct is a struct that derives Copy, which it may where all fields are Copy.
func CopyStruct(name string, fields ...Field) Type {
	return compose(name, fields, false, func(values []string) string {
		named := make([]string, len(values))
		for i, v := range values {
			named[i] = fields[i].Name + ": " + v
		}
		if len(named) == 0 {
			return name
		}
		return name + " { " + strings.Join(named, ", ") + " }"
	})
}

// Tuple is a tuple; without elements it is (), the unit, of size 0.
func Tuple(elems ...Type) Type {
	fields, names := make([]Field, len(elems)), make([]string, len(elems))
	for i, t := range elems {
		fields[i] = Field{Name: fmt.Sprint(i), Type: t}
		names[i] = t.Name()
	}
	brackets := func(values []string) string {
		if len(values) == 1 {
			return "(" + values[0] + ",)"
		}
		return "(" + strings.Join(values, ", ") + ")"
	}
	return compose(brackets(names), fields, true, brackets)
}

func compose(name string, fields []Field, tail bool, format func([]string) string) Type {
	types := make([]Type, len(fields))
	for i, f := range fields {
		types[i] = f.Type
	}
	p := place(types, tail)
	declared := slices.Clone(fields)
	for i := range declared {
		declared[i].Offset = p.offsets[i]
	}
	return composite{name: name, declared: declared, size: p.size, align: p.align, edge: p.niche, format: format}
}

// fewElems is how many elements of an array are shown one by one also where all of
// them are the same.
const fewElems = 12

// Array is the array [elem; n]. A long one of which all elements are the same is shown
// as Rust's source writes it, [0; 512].
func Array(elem Type, n int) Type {
	c := composite{
		name:  fmt.Sprintf("[%s; %d]", elem.Name(), n),
		size:  elem.Size() * addr.Bytes(n),
		align: elem.Align(),
		format: func(values []string) string {
			if n > fewElems && !slices.ContainsFunc(values, func(v string) bool { return v != values[0] }) {
				return fmt.Sprintf("[%s; %d]", values[0], n)
			}
			if n > maxElems {
				values = append(values[:maxElems:maxElems], fmt.Sprintf("... %d in all", n))
			}
			return "[" + strings.Join(values, ", ") + "]"
		},
	}
	for i := range n {
		c.declared = append(c.declared, Field{fmt.Sprintf("[%d]", i), elem, elem.Size() * addr.Bytes(i)})
	}
	if n > 0 {
		c.edge = elem.niche()
	}
	return c
}

func (c composite) Name() string      { return c.name }
func (c composite) Size() addr.Bytes  { return c.size }
func (c composite) Align() addr.Bytes { return c.align }
func (c composite) niche() niche      { return c.edge }

func (c composite) Fields() []Field {
	return slices.SortedStableFunc(slices.Values(c.declared), func(f, g Field) int { return int(f.Offset) - int(g.Offset) })
}

func (c composite) Copy() bool {
	return !c.moved && !slices.ContainsFunc(c.declared, func(f Field) bool { return !f.Type.Copy() })
}

// Encode takes a []any with a value for each field, in declaration order.
// Padding is zero.
func (c composite) Encode(v any) ([]byte, error) {
	values, ok := v.([]any)
	if !ok || len(values) != len(c.declared) {
		return nil, mismatch(c, v)
	}
	b := make([]byte, c.size)
	for i, f := range c.declared {
		field, err := f.Type.Encode(values[i])
		if err != nil {
			return nil, fmt.Errorf("encode %s.%s: %w", c.name, f.Name, err)
		}
		copy(b[f.Offset:], field)
	}
	return b, nil
}

func (c composite) Format(b []byte, mem Memory) string {
	values := make([]string, len(c.declared))
	for i, f := range c.declared {
		values[i] = f.Type.Format(b[f.Offset:][:f.Type.Size()], mem)
	}
	return c.format(values)
}
