package claims

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/lesson"
	"memprobe/probe/timing"
)

// canned are times of a machine of round numbers, for the claims about speed.
func canned(context.Context) (*timing.Result, error) {
	at := func(what string, at int, ns, times float64) timing.Timing {
		t := timing.Timing{What: what, At: at, Median: ns, CI95: timing.Interval{0.9 * ns, 1.1 * ns}}
		if times > 0 {
			t.Ratio = &timing.Ratio{Median: times, CI95: timing.Interval{0.9 * times, 1.1 * times}, Verdict: timing.Slower}
			if times == 1 {
				t.Ratio.Verdict = timing.NoDifference
			}
		}
		return t
	}
	collected := at("make", largeSize, 8000, 2000)
	collected.Collections, collected.Collecting = 7, 300
	return &timing.Result{Studies: []timing.StudyResult{
		{Name: "size", Measurement: timing.Measurement{Timings: []timing.Timing{
			at("stack", smallSize, 4, 0), at("heap", smallSize, 40, 10), at("make", smallSize, 30, 7), at("call", smallSize, 3, 0.7),
			at("stack", largeSize, 4, 0), at("heap", largeSize, 44, 11), collected,
		}}},
		{Name: "access", Measurement: timing.Measurement{Timings: []timing.Timing{
			at("stack, in place", nearSet, 1, 0), at("heap, in place", nearSet, 1, 1), at("pointers, shuffled", nearSet, 1.5, 1.5),
			at("stack, in place", farSet, 5, 0), at("heap, in place", farSet, 5, 1), at("pointers, in order", farSet, 6, 1.2), at("pointers, shuffled", farSet, 25, 5),
		}}},
		{Name: "freeing", Measurement: timing.Measurement{Timings: []timing.Timing{
			at("read on the stack", smallSize, 1, 0), at("free", smallSize, 12, 12),
		}}},
	}}, nil
}

// laboratory is a lab that times nothing.
func laboratory(t *testing.T) *Lab {
	t.Helper()
	l := NewLab(t.Context())
	l.Times = canned
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// with is e with other items in place of those of the same names.
func (e Evidence) with(others Evidence) Evidence {
	e = slices.Clone(e)
	for _, o := range others {
		i := slices.IndexFunc(e, func(i Item) bool { return i.Name == o.Name })
		if i < 0 {
			e = append(e, o)
			continue
		}
		e[i] = o
	}
	return e
}

// TestFalseEvidence: other evidence, another verdict, for each claim.
func TestFalseEvidence(t *testing.T) {
	lab := laboratory(t)
	for _, c := range All {
		found := turns[c.ID]
		seen := map[Verdict]bool{}
		evidence, err := lab.gather(c)
		if err != nil {
			t.Logf("%s: %v", c.ID, err) // what this machine does not tell, the turns have
		}
		for i, turn := range found {
			j := c.Judged(evidence.with(turn.set))
			if j.Verdict != turn.want {
				t.Errorf("%s, turn %d: %s: %s; want %s", c.ID, i+1, j.Verdict, j.Why, turn.want)
			}
			if j.Why == "" || strings.Contains(j.Why, "%!") {
				t.Errorf("%s, turn %d: why is %q", c.ID, i+1, j.Why)
			}
			seen[j.Verdict] = true
		}
		if len(seen) < 2 {
			t.Errorf("%s: evidence gives %d verdicts, which is no test", c.ID, len(seen))
		}
	}
	for id := range turns {
		if _, ok := Named(id); !ok {
			t.Errorf("there are turns of %q, which is no claim", id)
		}
	}
}

// TestMissingEvidence: without an item, or with one of another kind, a claim keeps its
// verdict or can't be told; never does it panic, and without any it can't be told.
func TestMissingEvidence(t *testing.T) {
	lab := laboratory(t)
	for _, c := range All {
		evidence, err := lab.gather(c)
		if err != nil {
			t.Logf("%s: %v", c.ID, err)
			continue
		}
		if j := c.Judged(nil); j.Verdict != Untold || j.Why == "" {
			t.Errorf("%s without evidence: %s: %s", c.ID, j.Verdict, j.Why)
		}
		needed := 0
		for i := range evidence {
			without := slices.Delete(slices.Clone(evidence), i, i+1)
			lost, odd := slices.Clone(evidence), slices.Clone(evidence)
			lost[i].Value, lost[i].Missing = nil, "a test hides it"
			odd[i].Value = oddly{}
			for _, e := range []Evidence{without, lost, odd} {
				if j := c.Judged(e); j.Verdict == Untold {
					needed++
				} else if j.Why == "" {
					t.Errorf("%s without %q: no reason", c.ID, evidence[i].Name)
				}
			}
			if j := c.Judged(lost); j.Verdict == Untold && !strings.Contains(j.Why, "a test hides it") {
				t.Errorf("%s without %q: %q does not say why that is missing", c.ID, evidence[i].Name, j.Why)
			}
		}
		if needed == 0 {
			t.Errorf("%s needs none of its evidence", c.ID)
		}
	}
}

// oddly is a value of a kind that no claim asks for.
type oddly struct{}

func (oddly) String() string { return "odd" }
func (oddly) kind() string   { return "odd" }

// TestVerdictsHere: what holds wherever the lessons' programs run.
func TestVerdictsHere(t *testing.T) {
	lab := laboratory(t)
	for _, want := range []struct {
		verdict Verdict
		ids     string
	}{
		{Holds, "stack-grows-down lifo add-values known-sizes stack-overflow outlives string-24 string-capacity text-on-heap must-search leak " +
			"drop-inserted scalar-sizes array-size struct-size frame-order reallocated vec-capacity box-8 drop-order name-capacity handle-fixed " +
			"grow-or-shrink own-stack frames-stacked argument-copied j-and-k bar-popped value-types sp-top any-order shared-pool finds-spot " +
			"marks-used returns-address marks-free reused bookkeeping pointer-followed box-five"},
		{InPart, "managed-by-cpu frame-gone must-return string-order any-size double-free fixed-on-stack tuple-sum " +
			"frame-97 copy-trait bit-for-bit box-heap-4 right-time type-tells stack-block top-first share-needs-heap stack-whenever heap-types-grow " +
			"stale-pointer contiguous raw-pointer ownership-heap"},
		{DoesNotHold, "sp-arrow incrementing address-0x7f2a frame-access y-42 no-order address-0x3fffffce stack-size-compiled"},
	} {
		for _, id := range strings.Fields(want.ids) {
			c, ok := Named(id)
			if !ok {
				t.Errorf("no claim %s", id)
				continue
			}
			if f := c.Find(lab); f.Verdict != want.verdict {
				t.Errorf("%s: %s: %s; want %s", id, f.Verdict, f.Why, want.verdict)
			}
		}
	}
}

// TestClaimsAreWhole: each claim has all of its parts, and its own name.
func TestClaimsAreWhole(t *testing.T) {
	lab := laboratory(t)
	names, words := map[string]bool{}, map[string]bool{}
	count := map[Lesson]int{}
	order := []Lesson{StackVsHeap, Ownership2}
	for i, c := range All {
		if names[c.ID] || words[c.Words] || !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(c.ID) {
			t.Errorf("claim %q (%q): the name is there twice, or not in small letters", c.ID, c.Words)
		}
		names[c.ID], words[c.Words] = true, true
		count[c.Lesson]++
		if c.Where == "" || c.Words == "" || c.Gather == nil || c.Judge == nil || len(c.ByHand) == 0 || !strings.HasSuffix(c.Test, ".") {
			t.Errorf("%s is not whole", c.ID)
		}
		if len(c.Words) > 160 {
			t.Errorf("%s: %d characters of the lesson", c.ID, len(c.Words))
		}
		if i > 0 && slices.Index(order, c.Lesson) < slices.Index(order, All[i-1].Lesson) {
			t.Errorf("%s: out of the lessons' order", c.ID)
		}
		for _, command := range c.ByHand {
			fields := strings.Fields(command)
			if fields[0] == "memprobe" && fields[1] == "scenario" && fields[2] != "all" {
				if _, ok := lesson.Find(fields[2]); !ok {
					t.Errorf("%s: %q: no such scenario", c.ID, command)
					continue
				}
				if len(fields) > 4 && fields[3] == "--step" {
					if n, err := strconv.Atoi(fields[4]); err != nil || n > len(lab.run(fields[2]).Steps) {
						t.Errorf("%s: %q: no such step", c.ID, command)
					}
				}
			}
		}
	}
	if len(All) < 40 || count[StackVsHeap] < 20 || count[Ownership2] < 20 {
		t.Errorf("%d claims, %v", len(All), count)
	}
}

// TestGatherFails: what can't be found out is told, and nothing else suffers.
func TestGatherFails(t *testing.T) {
	l := NewLab(t.Context())
	l.Times = func(context.Context) (*timing.Result, error) { return nil, errors.New("the clock has stopped") }
	defer l.Close()
	if f := nanoseconds.Find(l); f.Verdict != Untold || f.Why != "the clock has stopped" || f.Evidence == nil {
		t.Errorf("without a clock: %+v", f)
	}
	l.Times = func(context.Context) (*timing.Result, error) { return &timing.Result{}, nil }
	if f := nanoseconds.Find(l); f.Why != "the clock has stopped" {
		t.Errorf("it was timed twice: %s", f.Why)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if f := lifo.Find(NewLab(ctx)); f.Verdict != Untold || !strings.Contains(f.Why, "stopped") {
		t.Errorf("when stopped: %+v", f.Judgement)
	}
	alone := laboratory(t)
	alone.Shell = "/nowhere/sh"
	if f := twoRegions.Find(alone); f.Verdict != Untold || !strings.Contains(f.Why, "/nowhere/sh") {
		t.Errorf("without a shell: %+v", f.Judgement)
	}
	if f := layoutOrder.Find(alone); f.Verdict != Holds {
		t.Errorf("without a shell: %+v", f.Judgement)
	}
	if f := sizeCompiled.Find(alone); f.Verdict != DoesNotHold {
		t.Errorf("without a shell: %+v", f.Judgement)
	}
}

// TestLoss: what a run does not have ends the gathering, and says what it is.
func TestLoss(t *testing.T) {
	lab := laboratory(t)
	s := lab.run("box")
	last := s.step(0)
	for want, ask := range map[string]func(){
		"there is no scenario nothing":              func() { lab.run("nothing") },
		"scenario box has no step 99":               func() { s.step(99) },
		"has no frame of sub":                       func() { last.frame("sub") },
		"has no popped frame of sub":                func() { last.popped("sub") },
		"has no block at 0x1":                       func() { last.block(1) },
		`has no event "fault"`:                      func() { last.event("fault") },
		"main has no variable z":                    func() { last.frame("main").v("z") },
		"y has no field ptr":                        func() { s.step(3).frame("main").v("y").field("ptr") },
		"y does not lead into the program's memory": func() { s.step(3).frame("main").v("y").owned() },
		"study walking was not timed":               func() { lab.timing("walking", "dog", 1) },
		"dog was not timed at 64":                   func() { lab.timing("size", "dog", 64) },
	} {
		_, err := lab.gather(&Claim{Gather: func(*Lab) Evidence { ask(); return nil }})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

// TestLedger: the sums are those of the findings, and the JSON has the values typed.
func TestLedger(t *testing.T) {
	some := []*Claim{lifo, frame97, frameAccess}
	told := 0
	l, err := Examine(t.Context(), some, func(_, of int, _ string) { told += of })
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Findings) != 3 || told < 9 || !slices.Equal(l.Sums, []Sum{{Holds, 1}, {InPart, 1}, {DoesNotHold, 1}, {Untold, 0}}) {
		t.Errorf("%d findings, told %d, sums %v", len(l.Findings), told, l.Sums)
	}
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"id":"frame-97"`, `"verdict":"holds in part"`, `"kind":"size","value":97,"shown":"97 bytes"`, `"kind":"address","value":"0x`, `"kind":"text","value":"5"`, `"by_hand":[`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

// TestTimes is the real thing, once: every contender that a claim asks for is there.
func TestTimes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	l := NewLab(t.Context())
	defer l.Close()
	for _, c := range []*Claim{justAPointer, nanoseconds, heapSlower, gcOverhead, moreWork, freeOrAccess, jumpAround} {
		if f := c.Find(l); len(f.Evidence) == 0 {
			t.Errorf("%s: %s", c.ID, f.Why)
		}
	}
}

// TestShown: what a reader sees of values.
func TestShown(t *testing.T) {
	for want, v := range map[string]Value{
		"1,234": Count(1234), "1 byte": Size(1), "97 bytes": Size(97), "8 MiB (8,388,608 bytes)": Size(8 << 20), "0x7f2a": Address(0x7f2a), "no": YesNo(false),
		"3.61 ns (3.50 to 3.70)":            Figure{Median: 3.612, CI95: timing.Interval{3.5, 3.7}, Unit: "ns"},
		"12.0 ns":                           Figure{Median: 12, CI95: none(), Unit: "ns"},
		"10.0 times (9.00 to 11.0): slower": Figure{Median: 10, CI95: timing.Interval{9, 11}, Unit: "times", Verdict: timing.Slower},
		"0 ns":                              Figure{CI95: none(), Unit: "ns"},
		"0.00123 times (0.00100 to 0.00200): too few rounds": Figure{Median: 0.001234, CI95: timing.Interval{0.001, 0.002}, Unit: "times", Verdict: timing.TooFewRounds},
	} {
		if got := v.String(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// TestMain keeps the environment's limits out of the verdicts.
func TestMain(m *testing.M) {
	os.Unsetenv("RUST_MIN_STACK")
	os.Exit(m.Run())
}

// TestFalseRuns: a run in which something else happens gives other evidence.
func TestFalseRuns(t *testing.T) {
	honest := laboratory(t)
	for id, lie := range map[string]func(*Lab){
		"lifo": func(l *Lab) {
			s := l.run("nested")
			for i := range s.Steps {
				for j := range s.Steps[i].Events {
					if e := &s.Steps[i].Events[j]; e.Kind == probe.EventReturn {
						e.Addr += 16
					}
				}
			}
		},
		"sp-top":          func(l *Lab) { l.run("call").Steps[1].SP += 8 },
		"known-sizes":     func(l *Lab) { l.run("string-grow").Steps[2].Frames[0].Vars[0].Size = 32 },
		"own-stack":       func(l *Lab) { s := l.run("threads").Steps[0]; s.Threads[1].Stack = s.Threads[0].Stack },
		"shared-pool":     func(l *Lab) { l.run("threads").Memory.Heap = addr.Range{} },
		"leak":            func(l *Lab) { own(l.run("leak").Steps[4].Heap.Blocks) },
		"value-types":     func(l *Lab) { l.run("frames").Memory.Stack = addr.Range{} },
		"fixed-on-stack":  func(l *Lab) { l.run("stack-types").Memory.Stack = addr.Range{} },
		"argument-copied": func(l *Lab) { l.run("call").Steps[3].Frames[0].Vars[0].Value = "25" },
		"y-42":            func(l *Lab) { l.run("box").Steps[2].Frames[0].Vars[1].Value = "42" },
		"frames-stacked": func(l *Lab) {
			l.run("nested").Steps[1].Frames[2].Start -= 8
			l.run("nested").Steps[1].Frames[1].Start += 8
		},
		"layout-order": func(l *Lab) {
			m := l.run("layout").Steps[3].Landmarks
			m[0].Segment, m[2].Segment = m[2].Segment, m[0].Segment
		},
		"drop-inserted": func(l *Lab) { l.run("move").Source[6] = "    drop(s2);" },
		"in-ram": func(l *Lab) {
			touch(l.run("first-touch").Steps[1].Heap.Blocks)
			touch(l.run("first-touch").Steps[2].Heap.Blocks)
		},
		"stack-overflow": func(l *Lab) { l.run("overflow").Memory.Stack.Lo = 0 },
	} {
		c, _ := Named(id)
		lied := laboratory(t)
		lie(lied)
		if was, is := c.Find(honest), c.Find(lied); was.Verdict == is.Verdict {
			t.Errorf("%s is still %s: %s", id, is.Verdict, is.Why)
		}
	}
}

// own gives each block an owner.
func own(blocks []probe.Block) {
	for i := range blocks {
		blocks[i].Owner = "somebody"
	}
}

// touch has all pages of the blocks in memory.
func touch(blocks []probe.Block) {
	for i := range blocks {
		for k := range blocks[i].Touched {
			blocks[i].Touched[k] = true
		}
	}
}
