package lesson

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/probe"
)

// poke writes to this process's memory as another process would.
func poke(t *testing.T, a addr.Addr, b []byte) {
	t.Helper()
	mem, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	if _, err := mem.WriteAt(b, int64(a)); err != nil {
		t.Fatalf("write at %v: %v", a, err)
	}
}

// held runs a scenario and changes its memory at a step.
func held(t *testing.T, s *probe.Scenario, at int, change func(*probe.Step)) (*probe.Trace, error) {
	t.Helper()
	return probe.Run(s, probe.Options{PauseAt: at, Pause: func(m *probe.Machine) error {
		steps := m.Trace().Steps
		change(&steps[len(steps)-1])
		return nil
	}})
}

func variable(t *testing.T, s probe.Step, name string) probe.Var {
	t.Helper()
	frame, name, _ := strings.Cut(name, ".")
	for _, f := range s.Frames {
		for _, v := range f.Vars {
			if f.Name == frame && v.Name == name {
				return v
			}
		}
	}
	t.Fatalf("step %d has no %s.%s", s.N, frame, name)
	return probe.Var{}
}

// TestTheProgramReadsItsMemory: x changed from 5 to 7 before the call gives
// a = 7, result = 17 and sum = 17.
func TestTheProgramReadsItsMemory(t *testing.T) {
	trace, err := held(t, Frames, 1, func(s *probe.Step) { poke(t, variable(t, *s, "main.x").Addr, []byte{7}) })
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		step       int
		name, want string
	}{{0, "main.x", "5"}, {1, "main.x", "7"}, {2, "add.a", "7"}, {2, "add.b", "10"}, {2, "add.result", "17"}, {3, "main.sum", "17"}} {
		if got := variable(t, trace.Steps[tt.step], tt.name).Value; got != tt.want {
			t.Errorf("snapshot %d: %s is %s, want %s", tt.step, tt.name, got, tt.want)
		}
	}
}

// TestWhatIsShownWasRead: a byte of the block changed from outside is in the
// variable's value at the next snapshot.
func TestWhatIsShownWasRead(t *testing.T) {
	trace, err := held(t, String, 2, func(s *probe.Step) { poke(t, *variable(t, *s, "main.s").Fields[1].PointsTo, []byte("J")) })
	if err != nil {
		t.Fatal(err)
	}
	again := trace.Steps[2]
	if !again.Again || again.N != 2 {
		t.Fatalf("the third snapshot is step %d, again %v", again.N, again.Again)
	}
	if got := variable(t, again, "main.s").Value; got != `"Jello"` {
		t.Errorf("s is %s", got)
	}
	if got := string(again.Heap.Blocks[0].Bytes); got != "Jello" {
		t.Errorf("the block holds %q", got)
	}
}

// TestAnyByteMayChange: whatever is written over a scenario's memory while it is
// held, the run goes on or ends with a reason.
func TestAnyByteMayChange(t *testing.T) {
	rounds := 300
	if testing.Short() {
		rounds = 30
	}
	r := rand.New(rand.NewPCG(3, 4))
	failed := 0
	for i := range rounds {
		s := All[i%len(All)]
		trace, err := held(t, s, 1+r.IntN(3), func(step *probe.Step) {
			for range 1 + r.IntN(20) {
				if len(step.Frames) == 0 {
					return // no call has been made yet
				}
				span := addr.Range{Lo: step.SP, Hi: step.Frames[0].End}
				if b := step.Heap.Blocks[0]; r.IntN(2) == 0 && b.State == probe.BlockUsed {
					span = addr.Span(b.Addr, b.Size)
				}
				poke(t, span.Lo.Offset(addr.Bytes(r.Uint64N(uint64(span.Size())))), []byte{byte(r.Uint32() >> r.IntN(8))})
			}
		})
		if err != nil {
			failed++
			if !strings.HasPrefix(err.Error(), "scenario "+s.Name+", after step ") {
				t.Errorf("a run ended with %v", err)
			}
		}
		if len(trace.Steps) < 2 {
			t.Errorf("only %d steps of %s are left", len(trace.Steps), s.Name)
		}
	}
	if failed == 0 {
		t.Error("not one of the changes stopped a program: pointers can't have been among them")
	}
}

// TestAddressesLieWhereTheTraceSays: in a mapping that is accessible, within the
// heap or the stack.
func TestAddressesLieWhereTheTraceSays(t *testing.T) {
	for _, s := range All {
		var trace *probe.Trace
		if _, err := probe.Run(s, probe.Options{Pause: func(m *probe.Machine) error { trace = m.Trace(); return nil }}); err != nil {
			t.Fatal(err)
		}
		mappings, err := layout.ParseMaps([]byte(strings.Join(trace.Memory.Maps, "\n") + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		inside := func(what string, r, within addr.Range) {
			if !within.Covers(r) {
				t.Errorf("%s: %s %v lies outside %v", s.Name, what, r, within)
			}
			if !slices.ContainsFunc(mappings, func(m layout.Mapping) bool { return m.Covers(r) && m.Perms.String() == "rw-p" }) {
				t.Errorf("%s: %s %v lies in no accessible mapping", s.Name, what, r)
			}
		}
		for _, step := range trace.Steps {
			for _, f := range step.Frames {
				stack, lasts := stackOf(trace, step, f)
				if !lasts {
					continue // its thread has ended, and the stack has gone with it
				}
				inside("frame "+f.Name, addr.Range{Lo: f.Start, Hi: f.End}, stack)
				for _, v := range f.Vars {
					inside(v.Name, addr.Span(v.Addr, v.Size), addr.Range{Lo: f.Start, Hi: f.End})
				}
			}
			for _, b := range step.Heap.Blocks {
				if b.State == probe.BlockUsed {
					inside("block", addr.Span(b.Addr, b.Size), trace.Memory.Heap)
				}
			}
		}
	}
}

// stackOf is the stack that a frame of a step belongs on, and whether that is there to
// the end of the run.
func stackOf(trace *probe.Trace, step probe.Step, f probe.Frame) (stack addr.Range, lasts bool) {
	stack, lasts = trace.Memory.Stack, true
	of := func(t probe.Thread) bool { return t.Name == f.Thread }
	if i := slices.IndexFunc(step.Threads, of); i > 0 { // the first one's is the memory's own
		stack, lasts = step.Threads[i].Stack, slices.ContainsFunc(trace.Steps[len(trace.Steps)-1].Threads, of)
	}
	return stack, lasts
}

// TestStories: the facts of the lessons.
func TestStories(t *testing.T) {
	for _, tt := range []struct {
		s    *probe.Scenario
		step int
		name string
		want string // value, type, size
	}{
		{Frames, 1, "main.sum", "? i32 4"}, {Frames, 2, "add.result", "15 i32 4"}, {Frames, 3, "main.sum", "15 i32 4"},
		{String, 1, "main.s", "? String 24"}, {String, 2, "main.s", `"hello" String 24`}, {String, 3, "main.s", "? String 24"},
		{Box, 2, "main.x", "5 Box<i32> 8"}, {Box, 3, "main.y", "34 i32 4"},
	} {
		trace, err := probe.Run(tt.s, probe.Options{})
		if err != nil {
			t.Fatal(err)
		}
		v := variable(t, trace.Steps[tt.step-1], tt.name)
		if got := v.Value + " " + v.Type + " " + fmt.Sprint(uint64(v.Size)); got != tt.want {
			t.Errorf("%s, step %d: %s is %s, want %s", tt.s.Name, tt.step, tt.name, got, tt.want)
		}
		last := trace.Steps[len(trace.Steps)-1]
		if last.Heap.Used != 0 {
			t.Errorf("%s ends with %d bytes of the heap in use", tt.s.Name, last.Heap.Used)
		}
		for _, step := range trace.Steps {
			if step.Line < 1 || step.Line > len(trace.Source) || step.Title == "" || step.Text == "" {
				t.Errorf("%s, step %d: line %d, title %q, text %q", tt.s.Name, step.N, step.Line, step.Title, step.Text)
			}
		}
	}
}

// TestEveryScenarioIsListed: each variable of type *probe.Scenario in this
// folder is in All, and its file bears its name.
func TestEveryScenarioIsListed(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if sel, ok := lit.Type.(*ast.SelectorExpr); ok && sel.Sel.Name == "Scenario" {
				declared++
				name := strings.TrimSuffix(file, ".go")
				if _, ok := Find(strings.ReplaceAll(name, "_", "-")); !ok {
					t.Errorf("%s declares a scenario, but All has none of the name %s", file, name)
				}
			}
			return true
		})
	}
	if declared != len(All) {
		t.Errorf("%d scenarios are declared, All has %d", declared, len(All))
	}
}
