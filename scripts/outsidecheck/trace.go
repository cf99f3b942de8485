package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// trace is as much of memprobe's JSON as is checked here.
type trace struct {
	Scenario string
	PID      int
	Memory   struct {
		Base, End   address
		Stack, Heap span
		Maps        []string
	}
	Steps []step
}

type step struct {
	N      int
	Again  bool
	Title  string
	SP     address
	Frames []frame
	Popped []frame
	Heap   struct {
		Used, Free uint64
		Blocks     []block
	}
	Threads   []thread
	Landmarks []landmark
}

type thread struct {
	Name  string
	ID    int
	Stack span
	SP    address
}

type landmark struct {
	What    string
	Addr    address
	Size    uint64
	Bytes   hexBytes
	Mapping string
}

type frame struct {
	Name       string
	Thread     string
	Calls      uint64 // so many frames stand here as one
	Start, End address
	Active     bool
	Padding    uint64
	Vars       []variable
}

type variable struct {
	Name, Type  string
	Addr        address
	Size, Align uint64
	Bytes       hexBytes
	Value       string
	State       string
	Fields      []field
	PointsTo    *address `json:"points_to"`
}

type field struct {
	Name, Type string
	Addr       address
	Size       uint64
	Bytes      hexBytes
	Value      string
	PointsTo   *address `json:"points_to"`
}

type block struct {
	Addr            address
	Size, Requested uint64
	State, Owner    string
	Bytes           hexBytes
	Touched         []bool // of each page whether it holds something; for large blocks alone
}

// address is written as a string, "0x7f10c0de0040".
type address uint64

func (a address) String() string { return fmt.Sprintf("%#x", uint64(a)) }

func (a *address) UnmarshalText(text []byte) error {
	digits, ok := strings.CutPrefix(string(text), "0x")
	n, err := strconv.ParseUint(digits, 16, 64)
	if !ok || err != nil {
		return fmt.Errorf("%q is not an address", text)
	}
	*a = address(n)
	return nil
}

// span is half-open: End is the first address past it.
type span struct{ Start, End address }

func from(a address, size uint64) span  { return span{a, a + address(size)} }
func (s span) contains(inner span) bool { return s.Start <= inner.Start && inner.End <= s.End }
func (s span) overlaps(other span) bool { return s.Start < other.End && other.Start < s.End }
func (s span) String() string           { return fmt.Sprintf("[%v, %v)", s.Start, s.End) }
func (f frame) span() span              { return span{f.Start, f.End} }
func (v variable) span() span           { return from(v.Addr, v.Size) }
func (b block) span() span              { return from(b.Addr, b.Size) }
func (b block) payload() span           { return from(b.Addr, b.Requested) }
func (s step) variable(name string) (variable, bool) {
	for _, f := range s.Frames {
		for _, v := range f.Vars {
			if f.Name+"."+v.Name == name {
				return v, true
			}
		}
	}
	return variable{}, false
}

// usedBlock is the used block that starts at a.
func (s step) usedBlock(a address) (block, bool) {
	for _, b := range s.Heap.Blocks {
		if b.Addr == a && b.State == "used" {
			return b, true
		}
	}
	return block{}, false
}

// field is the variable's field of that name; a variable without it has an empty one.
func (v variable) field(name string) field {
	for _, f := range v.Fields {
		if f.Name == name {
			return f
		}
	}
	return field{}
}

// hexBytes is written as a string of hex digits, as they stand in memory.
type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

func (b hexBytes) equal(other hexBytes) bool { return bytes.Equal(b, other) }

// number is b as an unsigned number, the low byte first.
func (b hexBytes) number() (n uint64) {
	for i, x := range b {
		n |= uint64(x) << (8 * i)
	}
	return n
}

// isInteger tells whether any bytes at all are a value of v's type.
func (v variable) isInteger() bool {
	switch v.Type {
	case "u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize":
		return true
	}
	return false
}

// decoded is how the bytes of an integer, a pointer, a bool or an f64 of Rust type typ
// read; ok is false for other types.
func decoded(typ string, b hexBytes) (value string, ok bool) {
	shift := 64 - 8*len(b)
	switch {
	case len(b) == 0 || len(b) > 8:
		return "", false
	case strings.HasPrefix(typ, "*"), strings.HasPrefix(typ, "&"):
		return fmt.Sprintf("%#x", b.number()), true
	}
	switch typ {
	case "u8", "u16", "u32", "u64", "usize":
		return strconv.FormatUint(b.number(), 10), true
	case "i8", "i16", "i32", "i64", "isize":
		return strconv.FormatInt(int64(b.number()<<shift)>>shift, 10), true
	case "bool":
		return strconv.FormatBool(b.number() == 1), b.number() <= 1
	case "f64":
		value = strconv.FormatFloat(math.Float64frombits(b.number()), 'f', -1, 64)
		if !strings.Contains(value, ".") {
			value += ".0"
		}
		return value, len(value) < 16 // with others, Rust goes over to exponents
	}
	return "", false
}
