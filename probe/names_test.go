package probe

import (
	"slices"
	"testing"

	"memprobe/probe/rust"
)

// TestEventNames: an event has the names of what lay at its addresses when it happened,
// though another call of the same step has the same place.
func TestEventNames(t *testing.T) {
	trace := play(t, func(m *Machine) {
		x, y := Let("x", rust.I32), Let("y", rust.I32)
		m.Call("main", x, y)
		a := Let("a", rust.I32)
		m.Call("first", a)
		m.Set(a, 1)
		m.ReturnTo(x, a)
		b, p := Let("b", rust.I32), Let("p", rust.Raw(rust.U8))
		m.Call("second", b, p)
		m.Set(b, 2)
		m.Set(p, x.at+1)
		m.Write(p, 0, 3)
		m.Set(p, a.at)
		m.ReturnTo(y, b)
		q := Let("q", rust.Raw(rust.U8))
		m.Call("third", q)
		m.Set(q, a.at)
		m.Step(1, "", "")
	})
	var got []string
	for _, e := range trace.Steps[0].Events {
		got = append(got, string(e.Kind)+" "+e.Name+"<"+e.FromName)
	}
	for _, want := range []string{
		"call main<", "call first<", "store first.a<", "return first<", "copy main.x<first.a",
		"call second<", "store second.b<", "store main.x +1<", "return second<", "copy main.y<second.b", "call third<", "store third.q<",
	} {
		i := slices.Index(got, want)
		if i < 0 {
			t.Fatalf("%q does not come next in %q", want, got)
		}
		got = got[i+1:]
	}
}

// TestNameOfPopped: what is read from or written to a frame that has gone says so.
func TestNameOfPopped(t *testing.T) {
	trace := play(t, func(m *Machine) {
		p, c := Let("p", rust.Raw(rust.U8)), Let("c", rust.U8)
		m.Call("main", p, c)
		n := Let("n", rust.I32)
		m.Call("local", n)
		m.Set(n, 7)
		m.Set(p, n.at)
		m.Return()
		m.Step(1, "", "")
		m.Read(c, p, 0)
		m.Write(p, -1, 1) // beside n, where no variable is
		m.Step(1, "", "")
	})
	events := trace.Steps[1].Events
	if read := events[0]; read.Name != "local.n" || !read.Popped || read.FromName != "main.p" {
		t.Errorf("the read is %+v", read)
	}
	if into := events[1]; into.Name != "main.c" || into.Popped {
		t.Errorf("the store into c is %+v", into)
	}
	if write := events[2]; write.Name != "local" || !write.Popped {
		t.Errorf("the write beside n is %+v", write)
	}
}
