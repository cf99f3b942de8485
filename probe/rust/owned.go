package rust

import (
	"fmt"

	"memprobe/layout/addr"
)

// EachOwned calls visit for every heap block that the value of type t in b owns,
// directly or through values in its blocks, in the order in which Rust frees
// them: fields as declared, elements from the first, what is in a block before
// the block. path names the value; the path that visit gets adds fields and
// indices, such as people[1].name. It stops at the first error, of visit or of
// reading mem.
func EachOwned(path string, t Type, b []byte, mem Memory, visit func(path string, block addr.Addr) error) error {
	switch t := t.(type) {
	case composite:
		for _, f := range t.declared {
			if err := EachOwned(path+"."+f.Name, f.Type, b[f.Offset:][:f.Type.Size()], mem, visit); err != nil {
				return err
			}
		}
	case Handle:
		if err := eachElem(path, t, b, mem, visit); err != nil {
			return err
		}
		if block, ok := t.Block(b); ok {
			return visit(path, block)
		}
	}
	return nil
}

func eachElem(path string, t Handle, b []byte, mem Memory, visit func(string, addr.Addr) error) error {
	first, n, elem := t.Elems(b)
	if !NeedsDrop(elem) {
		return nil
	}
	value := make([]byte, elem.Size())
	for i := range n {
		at := first.Offset(i * elem.Size())
		name := fmt.Sprintf("%s[%d]", path, i)
		if err := mem.Load(at, value); err != nil {
			return fmt.Errorf("%s at %v: %w", name, at, err)
		}
		if err := EachOwned(name, elem, value, mem, visit); err != nil {
			return err
		}
	}
	return nil
}

// NeedsDrop reports whether values of type t can own blocks, so that something has
// to be done at their end.
func NeedsDrop(t Type) bool {
	if _, ok := t.(Handle); ok {
		return true
	}
	for _, f := range t.Fields() {
		if NeedsDrop(f.Type) {
			return true
		}
	}
	return false
}
