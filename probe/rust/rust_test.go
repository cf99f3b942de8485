package rust

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

func named(fields ...any) []Field {
	var fs []Field
	for i := 0; i < len(fields); i += 2 {
		fs = append(fs, Field{Name: fields[i].(string), Type: fields[i+1].(Type)})
	}
	return fs
}

// TestLayout holds sizes, alignments and offsets against what rustc 1.95.0
// prints on x86-64 for the same types through size_of, align_of and offset_of.
func TestLayout(t *testing.T) {
	a := Struct("A", named("a", U8, "b", U32, "c", U8)...)
	tests := []struct {
		typ  Type
		want string // size align, then name:offset in declaration order
	}{
		{Struct("Point3D", named("x", F64, "y", F64, "z", F64)...), "24 8 x:0 y:8 z:16"},
		{a, "8 4 a:4 b:0 c:5"},
		{Struct("B", named("a", Bool, "b", U64, "c", Char, "d", U16)...), "16 8 a:14 b:0 c:8 d:12"},
		{Struct("C", named("a", U8, "b", Array(U8, 16))...), "17 1 a:16 b:0"},
		{Struct("D", named("a", Bool, "b", Array(U8, 16))...), "17 1 a:0 b:1"},
		{Struct("E", named("name", String, "age", U8, "tags", Vec(I32))...), "56 8 name:0 age:48 tags:24"},
		{Struct("F", named("a", U8, "b", Array(U8, 4), "c", U32, "d", U16)...), "12 4 a:10 b:0 c:4 d:8"},
		{Struct("G", named("a", U16, "b", Bool, "c", U64, "d", Bool)...), "16 8 a:8 b:10 c:0 d:11"},
		{Struct("H", named("a", Box(I32), "b", U8, "c", U64)...), "24 8 a:0 b:16 c:8"},
		{Struct("I", named("a", U8, "b", Tuple(U8, U32, U8), "c", Bool)...), "12 4 a:8 b:0 c:9"},
		{Struct("J", named("a", Array(U8, 6), "b", U16, "c", U8)...), "10 2 a:0 b:6 c:8"},
		{Struct("K", named("a", U128, "b", U8, "c", I32)...), "32 16 a:0 b:20 c:16"},
		{Struct("L", named("a", U8, "b", U8, "c", U16, "d", a)...), "12 4 a:10 b:11 c:8 d:0"},
		{Struct("N", named("a", U32, "b", U64, "c", Bool)...), "16 8 a:8 b:0 c:12"},
		{Struct("O", named("a", U64, "b", Bool, "c", U32, "d", Char)...), "24 8 a:0 b:16 c:12 d:8"},
		{Struct("P", named("a", U8, "b", Bool, "c", U8)...), "3 1 a:1 b:0 c:2"},
		{Struct("Q", named("a", U32, "b", a, "c", String, "d", Bool)...), "40 8 a:32 b:24 c:0 d:36"},
		{Tuple(U8, U32, U8), "8 4 0:4 1:0 2:5"},
		{Tuple(U8, U32), "8 4 0:0 1:4"},
		{Tuple(U8, U64, U16, Bool), "16 8 0:10 1:0 2:8 3:11"},
		{Tuple(F64, F64), "16 8 0:0 1:8"},
		{Tuple(Bool, U8, Char, U64), "16 8 0:4 1:5 2:0 3:8"},
		{Tuple(), "0 1"},
		{Array(I32, 9), "36 4"},
		{I128, "16 16"}, {U128, "16 16"}, {Char, "4 4"}, {Bool, "1 1"}, {Usize, "8 8"}, {F32, "4 4"},
		{String, "24 8"}, {Vec(I32), "24 8"}, {Box(I32), "8 8"}, {Ref(I32), "8 8"},
	}
	for _, tt := range tests {
		got := fmt.Sprintf("%d %d", tt.typ.Size(), tt.typ.Align())
		if c, ok := tt.typ.(composite); ok && !strings.HasPrefix(c.name, "[") {
			for _, f := range c.declared {
				got += fmt.Sprintf(" %s:%d", f.Name, f.Offset)
			}
		}
		if got != tt.want {
			t.Errorf("%s: laid out as %s, rustc has %s", tt.typ.Name(), got, tt.want)
		}
	}
}

// TestGrow holds capacities against those that rustc 1.95's Vec and String take.
func TestGrow(t *testing.T) {
	for _, tt := range []struct {
		typ  Buffer
		want []addr.Bytes // each capacity that pushing one by one leads to
	}{
		{Vec(I32), []addr.Bytes{4, 8, 16, 32, 64}},
		{Vec(U8), []addr.Bytes{8, 16, 32, 64}},
		{Vec(Array(U8, 2000)), []addr.Bytes{1, 2, 4}},
	} {
		var capacity addr.Bytes
		for _, want := range tt.want {
			if capacity = tt.typ.Grow(capacity, capacity+1); capacity != want {
				t.Errorf("%s grows to %d, want %d", tt.typ.Name(), capacity, want)
			}
		}
	}
	if got := String.Grow(5, 13); got != 13 {
		t.Errorf(`"Hello" + ", world!" has capacity %d, want 13`, got)
	}
	if got := String.Grow(5, 6); got != 10 {
		t.Errorf(`"hello" + '!' has capacity %d, want 10`, got)
	}
}

// heap is a Memory of one block.
type heap struct {
	at    addr.Addr
	bytes []byte
}

func (h heap) Load(a addr.Addr, p []byte) error {
	if r := addr.Span(h.at, addr.Bytes(len(h.bytes))); !r.Covers(addr.Span(a, addr.Bytes(len(p)))) {
		return errors.New("not here")
	}
	copy(p, h.bytes[a-h.at:])
	return nil
}

// TestFormat: what {:?} prints, as rustc 1.95's Debug has it.
func TestFormat(t *testing.T) {
	mem := heap{0x1000, []byte("\x05\x00\x00\x00hi\"\xff\x00\t'é")}
	for _, tt := range []struct {
		typ  Type
		v    any
		want string
	}{
		{I32, -5, "-5"}, {U8, 255, "255"}, {I8, -128, "-128"}, {U64, uint64(math.MaxUint64), "18446744073709551615"},
		{I128, new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 127)), "-170141183460469231731687303715884105728"},
		{F64, 1.0, "1.0"}, {F64, 3.14159, "3.14159"}, {F64, 1e21, "1e21"}, {F32, 0.1, "0.1"}, {F64, 1e-7, "1e-7"},
		{F64, 1e16, "1e16"}, {F64, 1e15, "1000000000000000.0"}, {F64, 1e-4, "0.0001"}, {F64, math.NaN(), "NaN"}, {F64, math.Inf(-1), "-inf"},
		{F64, math.Inf(1), "inf"}, {F64, 0.0, "0.0"},
		{Bool, true, "true"}, {Bool, false, "false"}, {Char, 'a', "'a'"}, {Char, '\n', `'\n'`}, {Char, '\'', `'\''`}, {Char, '"', `'"'`},
		{Ref(I32), addr.Addr(0x1000), "0x1000"},
		{Tuple(), []any{}, "()"}, {Tuple(I32), []any{7}, "(7,)"}, {Tuple(F64, F64), []any{1.0, 2.0}, "(1.0, 2.0)"},
		{Array(I32, 3), []any{1, 2, 3}, "[1, 2, 3]"},
		{Struct("P", named("x", F64, "y", I8)...), []any{0.0, 1}, "P { x: 0.0, y: 1 }"}, {Struct("Unit"), []any{}, "Unit"},
	} {
		b, err := tt.typ.Encode(tt.v)
		if err != nil || addr.Bytes(len(b)) != tt.typ.Size() {
			t.Errorf("%s: Encode(%v) = %x, %v", tt.typ.Name(), tt.v, b, err)
			continue
		}
		if got := tt.typ.Format(b, mem); got != tt.want {
			t.Errorf("%s: %v is shown as %s, want %s", tt.typ.Name(), tt.v, got, tt.want)
		}
	}
	for _, tt := range []struct {
		typ  Type
		b    []byte
		want string
	}{
		{String, String.Join(5, 0x1004, 2), `"hi"`},
		{String, String.Join(9, 0x1004, 9), `"hi\"\xff\0\t'é"`},
		{String, String.Join(0, 1, 0), `""`},
		{String, String.Join(5, 0x10, 5), "unreadable: nothing of ours at 0x10"},
		{Vec(I32), Vec(I32).Join(1, 0x1000, 1), "[5]"},
		{Vec(I32), Vec(I32).Join(0, 4, 0), "[]"},
		{Box(I32), Box(I32).Join(0x1000), "5"},
		{Box(I32), Box(I32).Join(0), "unreadable: nothing of ours at 0x0"},
		{Bool, []byte{7}, "invalid bool 7"},
		{Char, []byte{0, 0xd8, 0, 0}, "invalid char 0xd800"},
	} {
		if got := tt.typ.Format(tt.b, mem); got != tt.want {
			t.Errorf("%s %x is shown as %s, want %s", tt.typ.Name(), tt.b, got, tt.want)
		}
	}
}

func TestFormatCutsLongBuffers(t *testing.T) {
	mem := heap{0x1000, bytes.Repeat([]byte{'a'}, 8192)}
	got := String.Format(String.Join(8192, 0x1000, 5000), mem)
	if want := `"` + strings.Repeat("a", maxShown) + `"... 5000 in all`; got != want {
		t.Errorf("5000 bytes are shown as %.20s...%s", got, got[len(got)-20:])
	}
	if got := Vec(I64).Format(Vec(I64).Join(1<<60, 0x1000, 1<<60), mem); !strings.HasSuffix(got, fmt.Sprintf("... %d in all]", 1<<60)) {
		t.Errorf("2^60 elements are shown as ...%s", got[len(got)-40:])
	}
}

func TestEncodeRefuses(t *testing.T) {
	for _, tt := range []struct {
		typ Type
		v   any
	}{
		{U8, 256}, {U8, -1}, {I8, 128}, {I8, -129}, {I32, "5"}, {I32, 1.5}, {F64, 1}, {Bool, 1}, {Char, 'a' + 0x110000}, {Char, "a"},
		{Tuple(I32), []any{1, 2}}, {Tuple(I32), []any{"x"}}, {String, "hello"}, {Ref(I32), 0},
	} {
		if b, err := tt.typ.Encode(tt.v); err == nil {
			t.Errorf("%s: Encode(%v) = %x, want an error", tt.typ.Name(), tt.v, b)
		}
	}
}

// TestFormatTakesAnyBytes: memory that somebody overwrote is shown, never a crash.
func TestFormatTakesAnyBytes(t *testing.T) {
	mem := heap{0x1000, make([]byte, 64)}
	types := []Type{I8, U16, I32, U64, I128, F32, F64, Bool, Char, Ref(I32), String, Vec(I32), Vec(String), Box(String), Vec(Tuple()), Box(Tuple()),
		Struct("E", named("name", String, "age", U8, "tags", Vec(I32))...), Array(Bool, 3), Tuple(Char, Box(I32))}
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		for _, typ := range types {
			b := make([]byte, typ.Size())
			for i := range b {
				if r.IntN(3) == 0 {
					b[i] = byte(r.Uint32())
				}
			}
			if r.IntN(2) == 0 && len(b) >= 16 { // a pointer that can be read
				copy(b[8:], Ref(U8).mustEncode(0x1000))
			}
			if typ.Format(b, mem) == "" {
				t.Fatalf("%s %x is shown as nothing", typ.Name(), b)
			}
			_ = EachOwned(typ.Name(), typ, b, mem, func(string, addr.Addr) error { return nil })
		}
	}
}

func (t Pointer) mustEncode(a addr.Addr) []byte {
	b, err := t.Encode(a)
	if err != nil {
		panic(err)
	}
	return b
}

func TestCopy(t *testing.T) {
	fields := named("x", F64, "y", F64)
	for _, tt := range []struct {
		typ  Type
		want bool
	}{
		{I32, true}, {Ref(String), true}, {RefMut(I32), false}, {Raw(String), true}, {Tuple(I32, Bool), true}, {Tuple(I32, String), false}, {Array(Char, 2), true}, {String, false}, {Box(I32), false},
		{Struct("Point", fields...), false}, {CopyStruct("Point", fields...), true}, {CopyStruct("Name", named("s", String)...), false},
	} {
		if tt.typ.Copy() != tt.want {
			t.Errorf("%s: Copy is %v", tt.typ.Name(), tt.typ.Copy())
		}
	}
}

func TestLeavesAndOwned(t *testing.T) {
	person := Struct("Person", named("age", U8, "name", String, "at", Tuple(F32, F32))...)
	var got []string
	for _, f := range Leaves(person) {
		got = append(got, fmt.Sprintf("%s %s +%d", f.Name, f.Type.Name(), f.Offset))
	}
	want := "name.cap usize +0, name.ptr *mut u8 +8, name.len usize +16, at.0 f32 +24, at.1 f32 +28, age u8 +32"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("leaves are %s, want %s", s, want)
	}
	if got := owned(t, person, make([]byte, person.Size()), heap{}); got != "" {
		t.Errorf("an empty name owns %s", got)
	}
	if got := owned(t, person, String.Join(5, 0x1000, 5), heap{}); got != "p.name 0x1000" {
		t.Errorf("a person owns %s, want the name's block", got)
	}
}

// TestEachOwned: what lies in a block comes before the block itself.
func TestEachOwned(t *testing.T) {
	names := heap{0x1000, append(String.Join(2, 0x2000, 2), String.Join(3, 0x3000, 3)...)}
	vec := Vec(String)
	if got, want := owned(t, vec, vec.Join(4, 0x1000, 2), names), "p[0] 0x2000, p[1] 0x3000, p 0x1000"; got != want {
		t.Errorf("a Vec<String> owns %s, want %s", got, want)
	}
	err := EachOwned("p", vec, vec.Join(4, 0x1000, 1<<60), names, func(string, addr.Addr) error { return nil })
	if err == nil || err.Error() != "p[2] at 0x1030: not here" {
		t.Errorf("a length that somebody overwrote gives %v", err)
	}
}

func owned(t *testing.T, typ Type, b []byte, mem Memory) string {
	var got []string
	b = append(b, make([]byte, typ.Size()-addr.Bytes(len(b)))...)
	if err := EachOwned("p", typ, b, mem, func(path string, block addr.Addr) error {
		got = append(got, path+" "+block.String())
		return nil
	}); err != nil {
		t.Error(err)
	}
	return strings.Join(got, ", ")
}
