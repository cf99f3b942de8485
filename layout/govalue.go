package layout

import (
	"debug/dwarf"
	"encoding/binary"
	"io"

	"memprobe/layout/addr"
)

// goValue is a variable of another program, or a part of one: bytes at an address,
// and their type. The zero goValue is one that does not exist; all that is asked of
// it gives nothing.
type goValue struct {
	mem io.ReaderAt
	at  addr.Addr
	typ goType
}

const word = 8 // bytes in a pointer; 32-bit programs are not read

// mostBytes bounds what is read at once, should the program's memory hold nonsense.
const mostBytes = 1 << 20

// words reads n words at v.
func (v goValue) words(n uint64) []addr.Addr {
	if v.mem == nil || n > mostBytes/word {
		return nil
	}
	raw := make([]byte, n*word)
	if _, err := v.mem.ReadAt(raw, int64(v.at)); err != nil {
		return nil
	}
	words := make([]addr.Addr, n)
	for i := range words {
		words[i] = addr.Addr(binary.LittleEndian.Uint64(raw[i*word:]))
	}
	return words
}

// word reads the one word at v, whatever its type wraps it in.
func (v goValue) word() addr.Addr {
	if words := v.words(1); words != nil {
		return words[0]
	}
	return 0
}

// uint32 reads the 32 bits at v.
func (v goValue) uint32() uint32 {
	var raw [4]byte
	if v.mem == nil {
		return 0
	}
	if _, err := v.mem.ReadAt(raw[:], int64(v.at)); err != nil {
		return 0
	}
	return binary.LittleEndian.Uint32(raw[:])
}

// size is the size of v's type.
func (v goValue) size() addr.Bytes {
	e := v.typ.plain()
	if e.tag == dwarf.TagPointerType {
		return word
	}
	return addr.Bytes(e.size)
}

// field goes down path, one field name after another.
func (v goValue) field(path ...string) goValue {
	for _, name := range path {
		offset, typ := v.typ.field(name)
		v = goValue{v.mem, v.at + addr.Addr(offset), typ}
	}
	if !v.exists() {
		return goValue{}
	}
	return v
}

func (v goValue) exists() bool { return v.typ.info != nil }

// deref is what the pointer v points to; nil points to nothing.
func (v goValue) deref() goValue { return v.as(v.word(), v.target()) }

// target is the type that the pointer v points to.
func (v goValue) target() goType { return v.typ.of(dwarf.TagPointerType) }

// as is the value of type t at a, which is nothing where a is nil.
func (v goValue) as(a addr.Addr, t goType) goValue {
	if a == 0 || t.info == nil {
		return goValue{}
	}
	return goValue{v.mem, a, t}
}

// elements is how many there are in the array v, and the first of them.
func (v goValue) elements() (n uint64, first goValue) {
	element := v.typ.of(dwarf.TagArrayType)
	if element.info == nil {
		return 0, goValue{}
	}
	return v.typ.length(), goValue{v.mem, v.at, element}
}

// slice takes the slice v apart: its first element, its length and capacity.
func (v goValue) slice() (first goValue, length, capacity uint64) {
	first = v.field("array").deref()
	return first, uint64(v.field("len").word()), uint64(v.field("cap").word())
}
