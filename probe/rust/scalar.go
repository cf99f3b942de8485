package rust

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"

	"memprobe/layout/addr"
)

// scalar is what the types without fields share: they are aligned to their size
// and copied.
type scalar struct {
	name string
	size addr.Bytes
}

func (s scalar) Name() string      { return s.name }
func (s scalar) Size() addr.Bytes  { return s.size }
func (s scalar) Align() addr.Bytes { return max(s.size, 1) }
func (s scalar) Fields() []Field   { return nil }
func (s scalar) Copy() bool        { return true }
func (s scalar) niche() niche      { return niche{} }

// Int is a Rust integer type.
type Int struct {
	scalar
	signed bool
}

// Rust's integers. isize and usize are as wide as an address.
var (
	I8    = Int{scalar{"i8", 1}, true}
	I16   = Int{scalar{"i16", 2}, true}
	I32   = Int{scalar{"i32", 4}, true}
	I64   = Int{scalar{"i64", 8}, true}
	I128  = Int{scalar{"i128", 16}, true}
	Isize = Int{scalar{"isize", 8}, true}
	U8    = Int{scalar{"u8", 1}, false}
	U16   = Int{scalar{"u16", 2}, false}
	U32   = Int{scalar{"u32", 4}, false}
	U64   = Int{scalar{"u64", 8}, false}
	U128  = Int{scalar{"u128", 16}, false}
	Usize = Int{scalar{"usize", 8}, false}
)

// Encode takes an int, an int64, a uint64 or a *big.Int; a number that t can't
// hold is an error.
func (t Int) Encode(v any) ([]byte, error) {
	var n *big.Int
	switch v := v.(type) {
	case int:
		n = big.NewInt(int64(v))
	case int64:
		n = big.NewInt(v)
	case uint64:
		n = new(big.Int).SetUint64(v)
	case *big.Int:
		n = v
	default:
		return nil, mismatch(t, v)
	}
	if !t.Holds(n) {
		return nil, fmt.Errorf("encode %s: %v is out of range", t.name, n)
	}
	if n.Sign() < 0 { // two's complement
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), 8*uint(t.size)))
	}
	return reversed(n.FillBytes(make([]byte, t.size))), nil
}

// Holds reports whether n is a value of t.
func (t Int) Holds(n *big.Int) bool {
	bits := 8 * int(t.size)
	if !t.signed {
		return n.Sign() >= 0 && n.BitLen() <= bits
	}
	if n.Sign() < 0 {
		n = new(big.Int).Not(n) // -2^(bits-1) is the lowest value
	}
	return n.BitLen() < bits
}

// Decode is the number in b.
func (t Int) Decode(b []byte) *big.Int {
	n := new(big.Int).SetBytes(reversed(b[:t.size]))
	if t.signed && n.Bit(8*int(t.size)-1) == 1 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 8*uint(t.size)))
	}
	return n
}

// Format is the number in b, in decimal.
func (t Int) Format(b []byte, _ Memory) string {
	if t.size > 8 {
		return t.Decode(b).String()
	}
	n, rest := uint64FromLE(b[:t.size]), 64-8*t.size // the bits of a word that t does not have
	if t.signed {
		return strconv.FormatInt(int64(n<<rest)>>rest, 10)
	}
	return strconv.FormatUint(n, 10)
}

// reversed is b with its first byte last: big.Int wants the highest byte first.
func reversed(b []byte) []byte {
	r := make([]byte, len(b))
	for i, c := range b {
		r[len(b)-1-i] = c
	}
	return r
}

// Float is f32 or f64, an IEEE 754 number.
type Float struct{ scalar }

// Rust's floating-point numbers.
var (
	F32 = Float{scalar{"f32", 4}}
	F64 = Float{scalar{"f64", 8}}
)

// Encode takes a float64, rounded to the nearest f32 where t is that.
func (t Float) Encode(v any) ([]byte, error) {
	f, ok := v.(float64)
	switch {
	case !ok:
		return nil, mismatch(t, v)
	case t.size == 4:
		return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(f))), nil
	}
	return binary.LittleEndian.AppendUint64(nil, math.Float64bits(f)), nil
}

// Format is the shortest decimal that reads back as the same number, with an
// exponent below 1e-4 and from 1e16 on, as Rust's Debug for floats has it.
func (t Float) Format(b []byte, _ Memory) string {
	f := math.Float64frombits(uint64FromLE(b[:t.size]))
	if t.size == 4 {
		f = float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	switch abs := math.Abs(f); {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(f, 'f', -1, 64)), "+")
	case abs != 0 && (abs < 1e-4 || abs >= 1e16):
		s := strconv.FormatFloat(f, 'e', -1, 8*int(t.size))
		mantissa, exponent, _ := strings.Cut(s, "e")
		n, _ := strconv.Atoi(exponent) // FormatFloat writes e-07 where Rust writes e-7
		return mantissa + "e" + strconv.Itoa(n)
	}
	s := strconv.FormatFloat(f, 'f', -1, 8*int(t.size))
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// uint64FromLE is the number in b, of at most 8 bytes.
func uint64FromLE(b []byte) uint64 {
	var word [8]byte
	copy(word[:], b)
	return binary.LittleEndian.Uint64(word[:])
}

type boolType struct{ scalar }

// Bool is Rust's bool: one byte, 0 or 1; the other 254 values are its niche.
var Bool Type = boolType{scalar{"bool", 1}}

func (t boolType) niche() niche { return niche{available: 254, size: 1} }

func (t boolType) Encode(v any) ([]byte, error) {
	switch v {
	case true:
		return []byte{1}, nil
	case false:
		return []byte{0}, nil
	}
	return nil, mismatch(t, v)
}

func (t boolType) Format(b []byte, _ Memory) string {
	switch b[0] {
	case 0:
		return "false"
	case 1:
		return "true"
	}
	return fmt.Sprintf("invalid bool %d", b[0])
}

type charType struct{ scalar }

// Char is Rust's char: a Unicode scalar value in four bytes.
var Char Type = charType{scalar{"char", 4}}

func (t charType) niche() niche { return niche{available: 1<<32 - 1 - unicode.MaxRune, size: 4} }

func (t charType) Encode(v any) ([]byte, error) {
	r, ok := v.(rune)
	if !ok || !validChar(uint32(r)) {
		return nil, mismatch(t, v)
	}
	return binary.LittleEndian.AppendUint32(nil, uint32(r)), nil
}

func (t charType) Format(b []byte, _ Memory) string {
	n := binary.LittleEndian.Uint32(b)
	switch {
	case !validChar(n):
		return fmt.Sprintf("invalid char %#x", n)
	case n == '\'':
		return `'\''`
	case n == '"':
		return `'"'`
	}
	return "'" + escapeRune(rune(n)) + "'"
}

func validChar(n uint32) bool { return n <= unicode.MaxRune && (n < 0xd800 || n > 0xdfff) }

// Pointer is a thin pointer of eight bytes that owns nothing.
type Pointer struct {
	scalar
	elem Type
	kind pointerKind
}

type pointerKind uint8

const (
	raw       pointerKind = iota
	shared                // a reference is never null: that one value is its niche
	exclusive             // likewise, and it is moved
)

// Ref is the type &T.
func Ref(elem Type) Pointer { return Pointer{scalar{"&" + elem.Name(), 8}, elem, shared} }

// RefMut is the type &mut T.
func RefMut(elem Type) Pointer { return Pointer{scalar{"&mut " + elem.Name(), 8}, elem, exclusive} }

// Raw is the type *mut T.
func Raw(elem Type) Pointer { return Pointer{scalar{"*mut " + elem.Name(), 8}, elem, raw} }

// Const is the type *const T.
func Const(elem Type) Pointer { return Pointer{scalar{"*const " + elem.Name(), 8}, elem, raw} }

// Elem is the type of what it points to.
func (t Pointer) Elem() Type { return t.elem }

// Copy is true but for &mut, of which there is never a second one.
func (t Pointer) Copy() bool { return t.kind != exclusive }

func (t Pointer) niche() niche {
	if t.kind != raw {
		return niche{available: 1, size: 8}
	}
	return niche{}
}

// Encode takes an [addr.Addr].
func (t Pointer) Encode(v any) ([]byte, error) {
	a, ok := v.(addr.Addr)
	if !ok {
		return nil, mismatch(t, v)
	}
	return binary.LittleEndian.AppendUint64(nil, uint64(a)), nil
}

// Format is the address in b.
func (t Pointer) Format(b []byte, _ Memory) string { return t.Decode(b).String() }

// Decode is the address in b.
func (t Pointer) Decode(b []byte) addr.Addr { return loadAddr(b) }

func loadAddr(b []byte) addr.Addr { return addr.Addr(binary.LittleEndian.Uint64(b)) }
