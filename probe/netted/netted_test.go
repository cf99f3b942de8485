package netted

import (
	"errors"
	"strings"
	"testing"

	"memprobe/mmapheap"
)

func label(s *Stop, name string) string {
	for _, l := range s.Report {
		if l.Label == name {
			return l.Text
		}
	}
	return ""
}

// TestStopped: the report names line and function of the program's source, and what
// follows the mistake is not run.
func TestStopped(t *testing.T) {
	after := false
	stop, err := Stopped(0, "free.rs", func(p *Program) {
		p.Line(1).Call("main", Local("a", 8))
		a := p.Line(2).Alloc("a", 24)
		p.Line(3).Call("helper")
		p.Line(4).Free(a)
		p.Return()
		p.Line(5).Load(a, 1)
		after = true
	})
	if err != nil {
		t.Fatal(err)
	}
	if stop.Line != 5 || stop.Class != mmapheap.UseAfterFree || after {
		t.Errorf("stopped at line %d by %q, went on %v", stop.Line, stop.Class, after)
	}
	for name, want := range map[string]string{"allocated": "main, free.rs:2", "freed": "helper, free.rs:4", "here": "main, free.rs:5"} {
		if got := label(stop, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(label(stop, "block"), stop.Heap.Lo.String()[:6]) {
		t.Errorf("the block %q does not lie in %v", label(stop, "block"), stop.Heap)
	}
}

// TestLeaksAreFoundAtTheEnd, all of them, and those that a pointer leads to are none.
func TestLeaksAreFoundAtTheEnd(t *testing.T) {
	stop, err := Stopped(0, "leak.rs", func(p *Program) {
		kept := p.Line(1).Call("main", Local("kept", 8))[0]
		p.StorePointer(kept, p.Line(2).Alloc("kept", 8))
		p.Line(3).Alloc("first", 24)
		p.Line(4).Alloc("second", 48)
	})
	if err != nil {
		t.Fatal(err)
	}
	if stop.Line != 0 || stop.Class != mmapheap.Leak || label(stop, "allocated") != "main, leak.rs:3" {
		t.Errorf("stopped at line %d by %q: %q", stop.Line, stop.Class, stop.Report)
	}
	if other := label(stop, "besides"); !strings.Contains(other, `"second", 48 bytes`) || strings.Contains(other, "kept") {
		t.Errorf("besides: %q", other)
	}
}

func TestNothingToStop(t *testing.T) {
	legal := func(p *Program) { p.Free(p.Line(1).Alloc("a", 8)) }
	if stop, err := Stopped(0, "legal.rs", legal); !errors.Is(err, ErrNothing) || stop != nil {
		t.Errorf("a legal program gives %v, %v", stop, err)
	}
	huge := func(p *Program) { p.Line(1).Alloc("a", 2*heapSize) }
	if stop, err := Stopped(0, "huge.rs", huge); !errors.Is(err, mmapheap.ErrNoSpace) || stop != nil {
		t.Errorf("a request that nobody can meet gives %v, %v", stop, err)
	}
}

// TestOwnPanics: a panic of another kind comes through.
func TestOwnPanics(t *testing.T) {
	defer func() {
		if recover() != "ours" {
			t.Error("the panic was taken for the program's end")
		}
	}()
	_, _ = Stopped(0, "panic.rs", func(*Program) { panic("ours") })
}
