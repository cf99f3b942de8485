package probe

import (
	"math/big"

	"memprobe/layout/addr"
	"memprobe/probe/rust"
)

// Local is a variable of a scenario's program: a local or a parameter. Let, Arg,
// Value and Borrow make one, Machine.Call gives it its place.
type Local struct {
	name  string
	typ   rust.Type
	arg   argument // of a parameter: where its value comes from
	at    addr.Addr
	state State
}

// argument is what a call passes for a parameter.
type argument interface {
	bytes(*Machine) []byte
	pass(m *Machine, parameter *Local, b []byte)
}

// Let declares a local variable. It is uninitialised until something is stored.
func Let(name string, typ rust.Type) *Local {
	return &Local{name: name, typ: typ, state: Uninitialised}
}

// Arg declares a parameter that gets the value of a variable of the caller's,
// copied or moved as its type demands.
func Arg(name string, value *Local) *Local {
	v := Let(name, value.typ)
	v.arg = variable{value}
	return v
}

type variable struct{ *Local }

func (a variable) bytes(m *Machine) []byte             { return m.use(a.Local) }
func (a variable) pass(m *Machine, v *Local, b []byte) { m.give(v, a.Local, b) }

// ArgValue declares a parameter that the caller passes a value, as in bar(5). What a
// Go value stands for, the type tells.
func ArgValue(name string, typ rust.Type, value any) *Local {
	v := Let(name, typ)
	v.arg = literal{typ, value}
	return v
}

type literal struct {
	typ   rust.Type
	value any
}

func (a literal) bytes(m *Machine) []byte {
	b, err := a.typ.Encode(a.value)
	m.must(err, "pass an argument")
	return b
}

func (literal) pass(m *Machine, v *Local, b []byte) { m.put(v, b) }

// ArgPlus declares a parameter that gets the value of a variable of the caller's, an
// integer, plus n, as in f(i + 1). A sum that its type can't hold ends the program.
func ArgPlus(name string, value *Local, n int) *Local {
	v := Let(name, value.typ)
	v.arg = sum{value, n}
	return v
}

type sum struct {
	*Local
	n int
}

func (a sum) bytes(m *Machine) []byte {
	typ := a.typ.(rust.Int)
	n := new(big.Int).Add(typ.Decode(m.use(a.Local)), big.NewInt(int64(a.n)))
	if !typ.Holds(n) {
		m.must(errOverflow, "pass %s + %d", a.name, a.n)
	}
	b, err := typ.Encode(n)
	m.must(err, "pass %s + %d", a.name, a.n)
	return b
}

func (sum) pass(m *Machine, v *Local, b []byte) { m.put(v, b) }

// ArgBorrow declares a parameter that the caller passes the address of one of its
// variables, as in bar(&x).
func ArgBorrow(name string, typ rust.Pointer, of *Local) *Local {
	v := Let(name, typ)
	v.arg = borrow{typ, of}
	return v
}

type borrow struct {
	typ rust.Pointer
	of  *Local
}

func (a borrow) bytes(*Machine) []byte {
	b, err := a.typ.Encode(a.of.at)
	if err != nil {
		panic(err) // a pointer encodes every address
	}
	return b
}

func (borrow) pass(m *Machine, v *Local, b []byte) { m.put(v, b) }
