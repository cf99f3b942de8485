package lesson

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/mmapheap"
	"memprobe/probe"
)

// stackStories are the claims of the stack's scenarios, for the numbers of any seed.
var stackStories = []struct {
	s     *probe.Scenario
	check func(*testing.T, *story)
}{
	{Layout, checkLayout}, {Lifo, checkLifo}, {Frames, checkFrames}, {Call, checkCall}, {Nested, checkNested}, {Isolation, checkIsolation},
	{StackTypes, checkStackTypes}, {Copy, checkCopy}, {ReturnPointer, checkReturnPointer}, {Overflow, checkOverflow},
}

// TestStackStories: each claim holds for the lesson's numbers, and for those of 200
// seeds where there are any.
func TestStackStories(t *testing.T) {
	for _, tt := range stackStories {
		t.Run(tt.s.Name, func(t *testing.T) {
			tt.check(t, tell(t, tt.s, nil))
			for seed := uint64(0); seed < 200 && len(tt.s.Numbers) > 0 && !t.Failed(); seed++ {
				tt.check(t, tell(t, tt.s, &seed))
			}
		})
	}
}

// TestStackCaptions: a step is read at a glance, at 80 columns.
func TestStackCaptions(t *testing.T) {
	for _, tt := range stackStories {
		trace := tell(t, tt.s, nil).Trace
		if n := len(trace.Steps); n < 3 || n > 7 {
			t.Errorf("%s has %d steps", tt.s.Name, n)
		}
		for _, line := range trace.Source {
			if len(line) > 76 {
				t.Errorf("%s: a line of %d columns: %s", tt.s.Name, len(line), line)
			}
		}
		for _, s := range trace.Steps {
			if n := wrapped(s.Text, 78); n > 3 {
				t.Errorf("%s, step %d: a text of %d lines: %s", tt.s.Name, s.N, n, s.Text)
			}
			if s.Line < 1 || s.Line > len(trace.Source) || strings.TrimSpace(trace.Source[s.Line-1]) == "" {
				t.Errorf("%s, step %d: no line %d", tt.s.Name, s.N, s.Line)
			}
		}
	}
}

// wrapped is how many lines a text takes, width cells each.
func wrapped(text string, width int) int {
	lines, used := 1, 0
	for _, word := range strings.Fields(text) {
		switch n := len([]rune(word)); {
		case used == 0:
			used = n
		case used+1+n <= width:
			used += 1 + n
		default:
			lines, used = lines+1, n
		}
	}
	return lines
}

// story is a run of a scenario, with the questions that a test asks of it.
type story struct {
	*probe.Trace
	t       *testing.T
	numbers map[string]string
}

// tell runs a scenario and checks what holds of every one: it ends well, frees what it
// allocated or never returns from main, and a question has its answer among choices
// that differ.
func tell(t *testing.T, s *probe.Scenario, seed *uint64) *story {
	t.Helper()
	st := &story{t: t, numbers: map[string]string{}}
	numbered := *s
	numbered.Run = func(m *probe.Machine) {
		for _, n := range s.Numbers {
			st.numbers[n.Name] = fmt.Sprint(m.Number(n.Name))
		}
		s.Run(m)
	}
	trace, err := probe.Run(&numbered, probe.Options{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	st.Trace = trace
	asked := 0
	for _, step := range trace.Steps {
		for _, text := range append([]string{step.Title, step.Text}, trace.Source...) {
			if strings.Contains(text, "$") {
				t.Errorf("%s, step %d: no number in %q", s.Name, step.N, text)
			}
		}
		if q := step.Question; q != nil {
			asked++
			if n := len(q.Choices); n < 2 || n > 4 || len(slices.Compact(slices.Sorted(slices.Values(q.Choices)))) != n || q.Answer < 0 || q.Answer >= n {
				t.Errorf("%s, step %d: %q has the choices %q and the answer %d", s.Name, step.N, q.Text, q.Choices, q.Answer)
			}
		}
	}
	if asked == 0 {
		t.Errorf("%s asks nothing", s.Name)
	}
	return st
}

// variable is the variable frame.name of step n, or of one of its popped frames.
func (s *story) variable(n int, name string) probe.Var {
	s.t.Helper()
	step := s.Steps[n-1]
	step.Frames = slices.Concat(step.Frames, step.Popped)
	return variable(s.t, step, name)
}

// values are those of variables of step n, in one line.
func (s *story) values(n int, names ...string) string {
	var values []string
	for _, name := range names {
		values = append(values, s.variable(n, name).Value)
	}
	return strings.Join(values, " ")
}

// answer is the right answer to the question of step n.
func (s *story) answer(n int) string {
	s.t.Helper()
	q := s.Steps[n-1].Question
	if q == nil {
		s.t.Fatalf("step %d asks nothing", n)
	}
	return q.Choices[q.Answer]
}

// fact is a figure of step n.
func (s *story) fact(n int, what string) string {
	s.t.Helper()
	for _, f := range s.Steps[n-1].Facts {
		if f.What == what {
			return f.Value
		}
	}
	s.t.Fatalf("step %d has no fact %q: %v", n, what, s.Steps[n-1].Facts)
	return ""
}

// want compares what was found with what should be.
func (s *story) want(what string, got, want any) {
	s.t.Helper()
	if got != want {
		s.t.Errorf("%s: %s is %v, want %v", s.Scenario, what, got, want)
	}
}

// names are the names of frames, from the first to the last.
func names(frames []probe.Frame) string {
	var out []string
	for _, f := range frames {
		out = append(out, f.Name)
	}
	return strings.Join(out, " ")
}

func inUse(h probe.Heap) []probe.Block {
	return slices.DeleteFunc(slices.Clone(h.Blocks), func(b probe.Block) bool { return b.State != probe.BlockUsed })
}

func number(t *testing.T, s string) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(strings.ReplaceAll(s, ",", ""), &n); err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return n
}

// checkLayout: the landmarks run from high to low in the textbook's order, each in the
// kind of memory that it stands for.
func checkLayout(t *testing.T, s *story) {
	last := s.Steps[len(s.Steps)-1]
	var segments []layout.Segment
	for i, l := range last.Landmarks {
		if i > 0 && l.Addr >= last.Landmarks[i-1].Addr {
			t.Errorf("%s at %v is not below %s at %v", l.What, l.Addr, last.Landmarks[i-1].What, last.Landmarks[i-1].Addr)
		}
		segments = append(segments, l.Segment)
	}
	s.want("the order", fmt.Sprint(slices.Compact(segments)), "[stack free space heap static data code]")
	s.want("the title", last.Title, "from high addresses to low: the textbook's order")
	s.want("the answer", s.answer(3), "Below x, at a lower address")
	if n := len(s.Steps[0].Frames); n != 0 {
		t.Errorf("before main runs there are %d frames", n)
	}

	space, err := layout.Describe(os.Getpid(), layout.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]struct {
		kinds []layout.Kind
		perms string
		bytes []byte
	}{
		"COUNT, which is 0 at start (.bss)":    {[]layout.Kind{layout.KindBSS}, "rw-p", []byte{0, 0, 0, 0}},
		"ANSWER, which is 42 at start (.data)": {[]layout.Kind{layout.KindData}, "rw-p", []byte{42, 0, 0, 0}},
		"main's machine code":                  {[]layout.Kind{layout.KindText}, "r-xp", nil},
	} {
		l := s.landmark(4, what)
		place := space.Where(l.Addr).Place
		if place == nil || !slices.Contains(want.kinds, place.Part.Kind) {
			t.Errorf("%s at %v lies in %+v, want one of %v", what, l.Addr, place, want.kinds)
		}
		if !strings.Contains(l.Mapping, " "+want.perms+" ") || want.bytes != nil && !bytes.Equal(l.Bytes, want.bytes) {
			t.Errorf("%s: % x in %q", what, []byte(l.Bytes), l.Mapping)
		}
	}
	if code := s.landmark(4, "main's machine code"); !strings.HasSuffix(runtime.FuncForPC(uintptr(code.Addr.Offset(code.Size-1))).Name(), "runLayout") {
		t.Errorf("the code of %d bytes at %v is not runLayout's", uint64(code.Size), code.Addr)
	}

	x, block, free := s.variable(4, "main.x"), inUse(last.Heap)[0], s.landmark(4, "addresses that nothing uses yet")
	s.want("x", s.landmark(4, "x, in main's frame").Addr, x.Addr)
	s.want("the block", s.landmark(4, "the block that b owns").Addr, block.Addr)
	if r := addr.Span(free.Addr, free.Size); r.Lo < block.Addr.Offset(block.Size) || r.Hi > last.SP || len(free.Bytes) != 0 {
		t.Errorf("free space %v, with %d bytes read, is not between the block at %v and sp %v", r, len(free.Bytes), block.Addr, last.SP)
	}
}

func (s *story) landmark(n int, what string) probe.Landmark {
	s.t.Helper()
	for _, l := range s.Steps[n-1].Landmarks {
		if l.What == what {
			return l
		}
	}
	s.t.Fatalf("step %d has no landmark %q", n, what)
	return probe.Landmark{}
}

// checkLifo: three frames come, each below the one before, and go in reverse.
func checkLifo(t *testing.T, s *story) {
	s.want("the pile", names(s.Steps[2].Frames), "main first second third")
	for n, want := range map[int]string{4: "main first second / third", 5: "main first / second third", 6: "main / first second third"} {
		s.want(fmt.Sprintf("step %d", n), names(s.Steps[n-1].Frames)+" / "+names(s.Steps[n-1].Popped), want)
	}
	for i, name := range []string{"x", "y", "z"} {
		s.want("a book", s.values(3, []string{"first", "second", "third"}[i]+".book"), s.numbers[name])
		if i > 0 && (s.Steps[i].SP >= s.Steps[i-1].SP || s.Steps[i+3].SP <= s.Steps[i+2].SP) {
			t.Errorf("the stack pointer goes %v, %v on the way down and %v, %v on the way up", s.Steps[i-1].SP, s.Steps[i].SP, s.Steps[i+2].SP, s.Steps[i+3].SP)
		}
	}
	s.want("the answer", s.answer(4), s.numbers["z"])
	s.want("the end", strings.Contains(s.Steps[5].Text, "is back where it was"), true)
}

// checkFrames: add's frame is below main's, and its result is there after it is gone.
func checkFrames(t *testing.T, s *story) {
	sum := fmt.Sprint(number(t, s.numbers["x"]) + number(t, s.numbers["y"]))
	s.want("the values", s.values(3, "main.x", "main.y", "main.sum", "add.result"), s.numbers["x"]+" "+s.numbers["y"]+" "+sum+" "+sum)
	s.want("add's end", s.Steps[1].Frames[1].End, s.Steps[1].Frames[0].Start)
	s.want("the first answer", s.answer(2), "Below main's, at lower addresses")
	s.want("the second answer", s.answer(3), sum)
}

// checkCall: j has its own address and x keeps its value.
func checkCall(t *testing.T, s *story) {
	x, k := s.numbers["x"], s.numbers["k"]
	sum := fmt.Sprint(number(t, x) + number(t, k))
	s.want("bar at its call", s.values(2, "main.x", "bar.j", "bar.k"), x+" "+x+" ?")
	s.want("bar at its end", s.values(4, "main.x", "bar.j", "bar.k"), x+" "+sum+" "+k)
	if j := s.variable(4, "bar.j"); j.Addr == s.variable(4, "main.x").Addr {
		t.Errorf("j and x are both at %v", j.Addr)
	}
	s.want("the answer", s.answer(4), x)
	s.want("after bar", names(s.Steps[4].Frames)+" / "+names(s.Steps[4].Popped), "main / bar")
	s.want("after main", names(s.Steps[5].Frames)+" / "+names(s.Steps[5].Popped), " / main bar")
	s.want("the stack pointer at the end", s.Steps[5].SP, s.Memory.Stack.Hi)
}

// checkNested: three deep, and the second time at the addresses of the first time.
func checkNested(t *testing.T, s *story) {
	s.want("the depth", names(s.Steps[1].Frames), "main total twice add")
	for i, f := range s.Steps[3].Frames {
		g := s.Steps[1].Frames[i]
		s.want(f.Name+" the second time", fmt.Sprint(f.Name, f.Start, f.End), fmt.Sprint(g.Name, g.Start, g.End))
	}
	if again := s.variable(5, "add.a").Addr; again == s.variable(2, "add.a").Addr {
		t.Errorf("add called from total has its a at %v as well", again)
	}
	s.want("the answer", s.answer(4), "At the same addresses as the first time")
	s.want("the result", s.values(6, "main.t"), fmt.Sprint(2*number(t, s.numbers["v"])+2*number(t, s.numbers["w"])))
}

// checkIsolation: reach changes main's x, and the block stays where it is until its
// new owner ends.
func checkIsolation(t *testing.T, s *story) {
	if s.variable(1, "main.x").Addr == s.variable(1, "alone.x").Addr {
		t.Error("both x are at the same address")
	}
	s.want("main's x while alone runs", s.values(1, "main.x", "alone.x"), s.numbers["x"]+" "+s.numbers["y"])
	s.want("p", *s.variable(2, "reach.p").PointsTo, s.variable(2, "main.x").Addr)
	s.want("main's x after reach", s.values(3, "main.x"), s.numbers["n"])
	s.want("the answer", s.answer(3), s.numbers["n"])
	made, kept := inUse(s.Steps[3].Heap), inUse(s.Steps[4].Heap)
	s.want("the block", fmt.Sprint(len(made), len(kept), made[0].Addr, made[0].Owner, kept[0].Owner), fmt.Sprint(1, 1, kept[0].Addr, "keep.b", "main.kept"))
	s.want("the end", s.Steps[5].Heap.Used, addr.Bytes(0))
}

// checkStackTypes: the sizes that the lesson names add up to its 97 bytes, and the
// frame is larger.
func checkStackTypes(t *testing.T, s *story) {
	f := s.Steps[3].Frames[0]
	var sum addr.Bytes
	sizes := map[string]addr.Bytes{"x": 4, "y": 8, "pi": 8, "active": 1, "point": 16, "matrix": 36, "origin": 24}
	for _, v := range f.Vars {
		s.want("the size of "+v.Name, v.Size, sizes[v.Name])
		s.want("the address of "+v.Name, v.Addr%addr.Addr(v.Align), addr.Addr(0))
		sum += v.Size
	}
	s.want("the number of variables", len(f.Vars), len(sizes))
	s.want("the sum", sum, addr.Bytes(97))
	s.want("the frame", f.End.Sub(f.Start), sum+f.Padding)
	for what, want := range map[string]string{
		"the seven sizes": "97 bytes", "main's frame": "112 bytes", "of that, padding": "15 bytes",
		"a struct of the seven, in the order of the source": "112 bytes", "the same struct, in the order that rustc chooses": "104 bytes", // what rustc 1.95 gives
	} {
		s.want(what, s.fact(4, what), want)
	}
	s.want("the answer", s.answer(4), "104 bytes")
	s.want("the values", s.values(3, "main.x", "main.y", "main.pi", "main.active", "main.point", "main.origin"),
		"42 1000000 3.14159 true (1.0, 2.0) Point3D { x: 0.0, y: 0.0, z: 0.0 }")
}

// checkCopy: the same bytes in both places each time, and what may still be used.
func checkCopy(t *testing.T, s *story) {
	for _, tt := range []struct {
		step     int
		from, to string
		state    probe.State
	}{{2, "main.t", "main.u", probe.Live}, {3, "main.p", "main.q", probe.Moved}, {4, "main.s", "main.r", probe.Moved}} {
		from, to := s.variable(tt.step, tt.from), s.variable(tt.step, tt.to)
		if !bytes.Equal(from.Bytes, to.Bytes) || from.Addr == to.Addr {
			t.Errorf("%s at %v is %x, %s at %v is %x", tt.from, from.Addr, []byte(from.Bytes), tt.to, to.Addr, []byte(to.Bytes))
		}
		s.want(tt.from, from.State, tt.state)
		s.want(tt.to, to.State, probe.Live)
	}
	s.want("a and b", s.values(1, "main.a", "main.b"), s.numbers["a"]+" "+fmt.Sprint(2*number(t, s.numbers["a"])))
	s.want("the first answer", s.answer(3), "q alone")
	s.want("the second answer", s.answer(4), fmt.Sprint(len(inUse(s.Steps[3].Heap))))
	s.want("the blocks", fmt.Sprint(len(inUse(s.Steps[3].Heap)), len(inUse(s.Steps[4].Heap))), "1 0")
	frees := 0
	for _, e := range s.Steps[4].Events {
		if e.Kind == probe.EventFree {
			frees++
		}
	}
	s.want("the number of frees", frees, 1)
}

// checkReturnPointer: p keeps n's address, and k lies there next.
func checkReturnPointer(t *testing.T, s *story) {
	at := s.variable(1, "local.n").Addr
	s.want("p's type", s.variable(2, "main.p").Type, "*const i32")
	for n := 2; n <= 5; n++ {
		s.want("where p points", *s.variable(n, "main.p").PointsTo, at)
	}
	s.want("n's bytes after the pop", s.values(2, "local.n"), s.numbers["n"])
	s.want("k's address", s.variable(4, "other.k").Addr, at)
	s.want("before and after", s.values(5, "main.before", "main.after"), s.numbers["n"]+" "+s.numbers["k"])
	s.want("the answer", s.answer(5), s.numbers["k"])
	if at >= s.Steps[1].SP {
		t.Errorf("n at %v is not below the stack pointer %v", at, s.Steps[1].SP)
	}
}

// checkOverflow: the stack is full, the fault is in the guard page below it, and every
// call is accounted for.
func checkOverflow(t *testing.T, s *story) {
	last, stack := s.Steps[len(s.Steps)-1], s.Memory.Stack
	fault := last.Events[len(last.Events)-1]
	s.want("the last event", fault.Kind, probe.EventFault)
	if guard := (addr.Range{Lo: stack.Lo - addr.Addr(s.PageSize), Hi: stack.Lo}); !guard.Contains(fault.Addr) {
		t.Errorf("the fault at %v is not in the guard page %v", fault.Addr, guard)
	}
	if !strings.Contains(last.Text, fault.Addr.String()+", in the guard page right below the stack") {
		t.Errorf("the text does not say where the fault is: %s", last.Text)
	}
	s.want("the address", s.fact(3, "where the fault is"), fault.Addr.String())
	s.want("what may be done there", s.fact(3, "what may be done there"), "---p")

	calls, frame := 0, s.Steps[1].Frames[1].End.Sub(s.Steps[1].Frames[1].Start)
	for _, f := range last.Frames[1:] {
		calls += max(f.Calls, 1)
		s.want("a frame", f.End.Sub(f.Start), frame*addr.Bytes(max(f.Calls, 1)))
	}
	s.want("the calls", number(t, s.fact(3, "calls that have a frame")), calls)
	s.want("the number in the newest frame", last.Frames[len(last.Frames)-1].Vars[0].Value, fmt.Sprint(calls))
	if room := last.SP.Sub(stack.Lo); room >= frame || frame < 1000 || frame > 1024 {
		t.Errorf("%d bytes are left, a frame takes %d", uint64(room), uint64(frame))
	}
	s.want("the answer", number(t, s.answer(3)), calls)
	s.want("this stack", s.fact(1, "this stack"), size(mmapheap.DefaultStack))
}

// TestOverflowAddsWhatIsThere: n as somebody wrote it is what the next call gets, and a
// sum that has no room ends the program.
func TestOverflowAddsWhatIsThere(t *testing.T) {
	set := func(b ...byte) (*probe.Trace, error) {
		return held(t, Overflow, 2, func(s *probe.Step) { poke(t, variable(t, *s, "deeper.n").Addr, b) })
	}
	trace, err := set(0, 0, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := trace.Steps[3].Frames[2].Vars[0].Value; got != "65537" {
		t.Errorf("after 65536 the next call gets %s", got)
	}
	if _, err := set(255, 255, 255, 255); err == nil || !strings.Contains(err.Error(), "attempt to add with overflow") {
		t.Errorf("2^32 - 1 + 1 gives %v", err)
	}
}

// TestStackLimits: the limits are those that are set.
func TestStackLimits(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &old); err != nil {
		t.Fatal(err)
	}
	lower := old
	lower.Cur = 4 << 20
	if err := unix.Setrlimit(unix.RLIMIT_STACK, &lower); err != nil {
		t.Skip(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_STACK, &old); err != nil {
			t.Error(err)
		}
	}()
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &now); err != nil {
		t.Fatal(err)
	}
	if now.Cur != lower.Cur {
		t.Skip("an emulator keeps its own limit")
	}
	if l := mainStack(); l.text() != "4 MiB" || l.holds(1008) != "about 4,161" {
		t.Errorf("4 MiB are told as %s, %s", l.text(), l.holds(1008))
	}
	if old.Max == unix.RLIM_INFINITY {
		lower.Cur = unix.RLIM_INFINITY
		if err := unix.Setrlimit(unix.RLIMIT_STACK, &lower); err != nil {
			t.Fatal(err)
		}
		if l := mainStack(); l.text() != "unlimited" || strings.ContainsAny(l.holds(1008), "0123456789") {
			t.Errorf("no limit is told as %s, %s", l.text(), l.holds(1008))
		}
	}
	for value, want := range map[string]string{"": "2 MiB std::thread's default", "3145728": "3 MiB RUST_MIN_STACK", "0": "0 B RUST_MIN_STACK, below the system's minimum", "lots": "2 MiB std::thread's default"} {
		t.Setenv("RUST_MIN_STACK", value)
		if l := rustThreadStack(); l.text()+" "+l.from != want {
			t.Errorf("RUST_MIN_STACK=%q: %s %s, want %s", value, l.text(), l.from, want)
		}
	}
}

// TestPermissions: they are the mapping's own, and none where nothing is mapped.
func TestPermissions(t *testing.T) {
	for a, want := range map[addr.Addr]string{addressOf(&staticAnswer): "rw-p", codeOf("", reflect.ValueOf(runLayout).Pointer()).at: "r-xp", 16: "none"} {
		if got := permissions(a); got != want {
			t.Errorf("at %v: %s, want %s", a, got, want)
		}
	}
}
