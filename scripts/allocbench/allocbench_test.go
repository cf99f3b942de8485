package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
	"memprobe/probe/replay"
	"memprobe/probe/timing"
)

// TestMain is this program where a test calls itself for a footprint.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == footprintCommand {
		main()
	}
	os.Exit(m.Run())
}

// record is a random trace that makes sense, with sizes from 0 on; a third of the
// blocks that it makes are left over.
func record(ids int) *replay.Trace {
	r := rand.New(rand.NewPCG(1, 2))
	t := &replay.Trace{Name: "random", IDs: ids}
	var live []uint32
	for id := range uint32(ids) {
		t.Ops = append(t.Ops, replay.Op{Kind: replay.Alloc, ID: id, Size: addr.Bytes(r.IntN(300))})
		live = append(live, id)
		i := r.IntN(len(live))
		switch r.IntN(3) {
		case 0:
			t.Ops = append(t.Ops, replay.Op{Kind: replay.Resize, ID: live[i], Size: addr.Bytes(r.IntN(9000))})
		default:
			t.Ops = append(t.Ops, replay.Op{Kind: replay.Free, ID: live[i]})
			live = slices.Delete(live, i, i+1)
		}
	}
	return t
}

// sample is that trace as the contenders get it.
func sample(t *testing.T, ids int) *trace {
	t.Helper()
	packed, err := pack(record(ids))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := packed.close(); err != nil {
			t.Error(err)
		}
	})
	packed.file = filepath.Join(t.TempDir(), "with a space.ops")
	if err := writeOps(packed.file, packed.ops); err != nil {
		t.Fatal(err)
	}
	return packed
}

// compiled is the C replayer; a test that needs it is skipped without a compiler.
func compiled(t *testing.T) string {
	t.Helper()
	program, err := buildReplayer(t.Context(), t.TempDir())
	if errors.Is(err, errNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func TestPack(t *testing.T) {
	recorded, err := replay.ParseOps("+10,+0,0=30,-0,+5")
	if err != nil {
		t.Fatal(err)
	}
	got, err := pack(recorded)
	if err != nil {
		t.Fatal(err)
	}
	want := []op{newOp(opAlloc, 0, 10), newOp(opAlloc, 1, 1), newOp(opResize, 0, 30), newOp(opFree, 0, 0), newOp(opAlloc, 2, 5),
		newOp(opFree, 1, 0), newOp(opFree, 2, 0)}
	if !slices.Equal(got.ops, want) || got.timed != 5 || got.ids != 3 {
		t.Errorf("%+v", got)
	}
	if got.live != 31 || got.peak != 2 {
		t.Errorf("%d bytes at operation %d, want 31 at 2", got.live, got.peak)
	}
	if want := (tally{Allocs: 3, Resizes: 1, Frees: 3, Bytes: 46}); got.want != want {
		t.Errorf("%+v, want %+v", got.want, want)
	}
	recorded.Ops[0].Size = 1 << 33
	if _, err := pack(recorded); err == nil {
		t.Error("a size of 33 bits was packed into 32")
	}
}

// TestAllDoTheSame lets each contender and each loop replay a trace, twice, so that
// the first time must have left nothing.
func TestAllDoTheSame(t *testing.T) {
	work := sample(t, 2000)
	mallocs, notes := findMallocs(t.Context(), compiled(t))
	t.Log(notes)
	all, loop, err := contenders(t.Context(), work, mallocs, plan{peers: true, naive: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if want := len(mallocs) + 5; len(all) != want {
		t.Errorf("%d contenders, want %d", len(all), want)
	}
	for i, l := range loop {
		all = append(all, contender{fmt.Sprint("loop ", i), i, l})
	}
	for _, c := range all {
		for range 2 {
			took, err := work.once(c.name, c.replayer)
			if err != nil || took <= 0 {
				t.Errorf("%s: %v, %v", c.name, took, err)
			}
		}
		if f, ok := c.replayer.(*firstFit); ok {
			if s := f.heap.Stats(); s.Used != 0 || s.Extent == 0 {
				t.Errorf("memprobe: %+v", s)
			}
		}
		if err := c.close(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestMissedOpsAreFound takes an operation from what the contenders replay, not
// from what they should come to.
func TestMissedOpsAreFound(t *testing.T) {
	work := sample(t, 100)
	work.want.Bytes++
	f, err := newFirstFit(work, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := work.once("memprobe", f); err == nil || !strings.Contains(err.Error(), "memprobe did {Allocs:100 ") {
		t.Errorf("%v", err)
	}
	if err := f.close(); err != nil {
		t.Error(err)
	}
}

// TestNaivePlacesAsTheHeap compares each address with memprobe's heap.
func TestNaivePlacesAsTheHeap(t *testing.T) {
	work := sample(t, 5000)
	f, err := newFirstFit(work, false)
	if err != nil {
		t.Fatal(err)
	}
	n, err := newNaiveReplay(work, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	base := f.heap.Range().Lo
	for round := range 2 {
		var did tally
		for i, o := range work.ops {
			if err := errors.Join(f.play(work.ops[i:i+1], &did), n.play(work.ops[i:i+1], &did)); err != nil {
				t.Fatal(err)
			}
			a, b := f.table[o.id()].Sub(base), n.table[o.id()].Sub(n.heap.at(0))
			if a != b {
				t.Fatalf("round %d, operation %d, %+v: the heap has it at +%#x, the list at +%#x", round, i, o, uint64(a), uint64(b))
			}
		}
		if n.heap.first != 0 || n.heap.size(0) != n.heap.end {
			t.Errorf("the list begins with %d granules at %d", n.heap.size(n.heap.first), n.heap.first)
		}
	}
	if err := errors.Join(f.close(), n.close()); err != nil {
		t.Error(err)
	}
}

// TestNaiveCopies looks at the bytes of a block that had to move.
func TestNaiveCopies(t *testing.T) {
	n, err := newNaive(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := n.alloc(32)
	if _, err := n.alloc(16); err != nil {
		t.Fatal(err)
	}
	word := func(a addr.Addr) *uint64 { return &n.arena[a.Sub(addrOf(n.arena))/8] }
	*word(a + 24) = 4711
	b, err := n.resize(a, 64)
	if err != nil || b == a || *word(b + 24) != 4711 {
		t.Errorf("%v to %v: %d, %v", a, b, *word(b + 24), err)
	}
	if _, err := n.alloc(1 << 20); !errors.Is(err, errNaiveFull) {
		t.Errorf("more than there is: %v", err)
	}
	if err := n.close(); err != nil {
		t.Error(err)
	}
}

// TestNaiveIsCut stops the list at its first look at the clock.
func TestNaiveIsCut(t *testing.T) {
	work := sample(t, 5000)
	results, err := compare(t.Context(), work, nil, plan{rounds: 1, passes: 1, naive: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r := results[2]; r.Name != "naive" || r.Ops != chunk || r.NsOp <= 0 || len(r.Rounds) != 1 {
		t.Errorf("%+v", r)
	}
}

// TestFootprints has every contender's footprint lie where it must: above the
// payload, and not far above.
func TestFootprints(t *testing.T) {
	work := sample(t, 8000)
	var text bytes.Buffer
	recorded := record(8000)
	fmt.Fprintf(&text, "0\n%d\n%d\n1\n", recorded.IDs, len(recorded.Ops))
	for _, o := range recorded.Ops {
		switch o.Kind {
		case replay.Alloc:
			fmt.Fprintf(&text, "a %d %d\n", o.ID, o.Size)
		case replay.Resize:
			fmt.Fprintf(&text, "r %d %d\n", o.ID, o.Size)
		case replay.Free:
			fmt.Fprintf(&text, "f %d\n", o.ID)
		}
	}
	file := filepath.Join(t.TempDir(), "random"+suffix)
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	mallocs, _ := findMallocs(t.Context(), compiled(t))
	var f figure
	err := footprints(t.Context(), &f, work, file, mallocs)
	if errors.Is(err, errUntold) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if want := len(mallocs) + 3; len(f.Results) != want {
		t.Errorf("%d footprints, want %d", len(f.Results), want)
	}
	for _, r := range f.Results {
		t.Logf("%s: %d bytes for %d", r.Name, r.Foot, work.live)
		if r.Foot < uint64(work.live) || r.Foot > 20*uint64(work.live) {
			t.Errorf("%s: a footprint of %d bytes for a payload of %d", r.Name, r.Foot, work.live)
		}
	}
	own := f.of("memprobe").Own
	if known := own.HighWater + own.Metadata; own.Resident < known/2 || own.Resident > 2*known {
		t.Errorf("resident %d, known %d", own.Resident, known)
	}
}

// TestHoles has the lowest hole for 32 bytes, none for 48, and after churn as many
// blocks as before.
func TestHoles(t *testing.T) {
	const n = 50
	w, err := newHoles(n)
	if err != nil {
		t.Fatal(err)
	}
	own := w.(*ownHoles)
	lo := own.heap.Range().Lo
	for _, tt := range []struct {
		size addr.Bytes
		at   addr.Addr
	}{{32, lo}, {48, lo + 2*n*32}} {
		a, err := own.heap.Alloc(tt.size)
		if err != nil || a != tt.at {
			t.Errorf("%d bytes: at %v, want %v; %v", tt.size, a, tt.at, err)
		}
		if err := own.heap.Free(a); err != nil {
			t.Error(err)
		}
	}
	for _, work := range works {
		work.pairs = 1000
		if _, err := w.work(work); err != nil {
			t.Errorf("%s: %v", work.name, err)
		}
		if s := own.heap.Stats(); s.Used != n || s.Requested != n*32 {
			t.Errorf("after %s: %+v", work.name, s)
		}
	}
	if err := w.close(); err != nil {
		t.Error(err)
	}
}

func TestScale(t *testing.T) {
	s, err := measureScale(t.Context(), []malloc{{name: "libc", program: compiled(t)}}, []int{1, 20, 300}, plan{rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Rows) != 2*len(works) {
		t.Fatalf("%d rows", len(s.Rows))
	}
	for _, r := range s.Rows {
		if len(r.NsOp) != 3 || slices.Min(r.NsOp) <= 0 || r.Growth <= 0 {
			t.Errorf("%+v", r)
		}
	}
}

func TestStack(t *testing.T) {
	all, err := measureStack(t.Context(), plan{rounds: 1, passes: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if min(f.EnteredNs, f.PushedNs, f.CallNs, f.Ratio, f.PushedRatio) <= 0 || f.CallNs > 1e6 {
			t.Errorf("%+v", f)
		}
	}
	r, err := mmapheap.Reserve(mmapheap.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entered64(r.Stack(), 1); err != errNotEntered {
		t.Errorf("a stack without memory: %v", err)
	}
	if err := ready(r.Stack()); err != nil {
		t.Fatal(err)
	}
	for _, f := range frameSizes { // the sum of 0 to 9
		entered, err := f.entered(r.Stack(), 10)
		pushed, pushing := f.pushed(r.Stack(), 10)
		call := f.call(10)
		if err := errors.Join(err, pushing); err != nil || entered != 45 || pushed != 45 || call != 45 || r.Stack().Depth() != 0 {
			t.Errorf("%d bytes: %d, %d and %d, want 45; %d frames are left; %v", f.size, entered, pushed, call, r.Stack().Depth(), err)
		}
	}
	if err := r.Release(); err != nil {
		t.Error(err)
	}
}

// TestPreload preloads a library that can be, and one that can't.
func TestPreload(t *testing.T) {
	program, dir := compiled(t), t.TempDir()
	source, library := filepath.Join(dir, "one.c"), filepath.Join(dir, "libone.so")
	if err := os.WriteFile(source, []byte("int one = 1;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(cmp.Or(os.Getenv("CC"), "cc"), "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := (malloc{name: "one", program: program, preload: library}).try(t.Context()); err != nil {
		t.Error(err)
	}
	file := filepath.Join(dir, "libnone.so")
	if err := os.WriteFile(file, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := malloc{name: "none", program: program, preload: file}.try(t.Context())
	if err == nil || !strings.Contains(err.Error(), "can't be preloaded") {
		t.Errorf("%v", err)
	}
}

func TestNoCompiler(t *testing.T) {
	t.Setenv("CC", "no-such-compiler")
	if _, err := buildReplayer(t.Context(), t.TempDir()); !errors.Is(err, errNoCompiler) {
		t.Errorf("%v", err)
	}
}

func TestCommandLine(t *testing.T) {
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--only", "speed"}, 2, `--only "speed"`},
		{[]string{"--rounds", "0"}, 2, "--rounds 0"},
		{[]string{"cc1"}, 2, `unexpected argument "cc1"`},
		{[]string{"--colour"}, 2, "not defined"},
		{[]string{"--help"}, 0, "-only"},
		{[]string{"--only", "naive", "--traces", t.TempDir(), "--trace", "cc1"}, 1, "no trace cc1.rep.gz"},
	} {
		var stdout, stderr strings.Builder
		if code := run(t.Context(), tt.args, &stdout, &stderr); code != tt.code {
			t.Errorf("%q: exit %d, want %d", tt.args, code, tt.code)
		}
		if !strings.Contains(stderr.String(), tt.want) {
			t.Errorf("%q: %q", tt.args, stderr.String())
		}
	}
}

// TestRun is a whole run on one short trace, down to the file of figures.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	trace := "0\n2\n4\n1\na 0 100\na 1 20\nr 0 200\nf 1\n"
	if err := os.WriteFile(filepath.Join(dir, "short"+suffix), []byte(trace), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "all.json")
	var stdout, stderr strings.Builder
	args := []string{"--rounds", "1", "--only", "traces,naive,memory,stack", "--traces", dir, "--json", file}
	if code := run(context.Background(), args, &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var f figures
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Traces) != 1 || f.Traces[0].Live != 220 || f.Traces[0].Ops != 4 || len(f.Stack) != len(frameSizes) {
		t.Errorf("%s", text)
	}
	for _, name := range []string{"memprobe", "rounded", "modernc", "make", "naive"} {
		if r := f.Traces[0].of(name); len(r.Rounds) != 1 || r.NsOp <= 0 || r.Ratio <= 0 {
			t.Errorf("%+v", r)
		}
		if !strings.Contains(stdout.String(), "\n  "+name+" ") {
			t.Errorf("no line for %s in\n%s", name, stdout.String())
		}
	}
}

// TestTables draws figures that take much room: all lines fit 80 columns.
func TestTables(t *testing.T) {
	f := &figures{Machine: timing.Machine{Arch: "amd64", Cores: 128, Kernel: "6.18.44-a-long-name", Go: "go1.26.10"}, Rounds: 21}
	for i := range across + 1 {
		g := &figure{Name: fmt.Sprintf("averylongname%d", i), Ops: 600_000}
		for _, name := range []string{"memprobe", "rounded", "glibc", "naive"} {
			ops, round := g.Ops, 100.0
			if name == "naive" {
				ops--
			}
			if name == "memprobe" {
				round *= float64(i + 1)
			}
			g.Results = append(g.Results, &result{Name: name, Ops: ops, Rounds: []float64{round},
				NsOp: 99_999, Ratio: float64(i + 1), Foot: 1, Use: 0.5, Own: &ownFoot{Use: 0.25}})
		}
		f.Traces = append(f.Traces, g)
	}
	f.Scale = &scale{Holes: holes}
	for _, w := range works {
		for i, name := range []string{"memprobe", "glibc"} {
			r := &row{Work: w.name, Name: name, NsOp: []float64{1, 2, 3, 4, 123_456}, Growth: 9999}
			for _, ns := range r.NsOp {
				r.Rounds = append(r.Rounds, []float64{ns / float64(i+1)})
			}
			f.Scale.Rows = append(f.Scale.Rows, r)
		}
	}
	f.Stack = []frames{{Size: 64, EnteredNs: 1, PushedNs: 2, CallNs: 2, Ratio: 0.5, PushedRatio: 1}}
	var b strings.Builder
	p := printer{&b}
	p.begin(f)
	p.traces(f.Traces)
	p.scale(f.Scale)
	p.stack(f.Stack)
	p.end(f)
	for line := range strings.Lines(b.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, want := range []string{
		"  glibc        7.00     3.38     7.00\n", // the seventh root of 7!
		"  naive       7.00*     3.38     7.00\n",
		"  * averylongnam: naive was stopped after 599999 of 600000 operations\n",
		"  computed     0.25     0.25     0.25\n",
		"    ratio          2.00      2.00      2.00      2.00      2.00\n",
		"         64       1.00    0.50       2.00    1.00       2.00\n",
		"worst 7.00, averylongnam\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestStats(t *testing.T) {
	near := func(what string, got, want float64) {
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	near("median of 3", median([]float64{5, 1, 3}), 3)
	near("median of 4", median([]float64{5, 1, 3, 4}), 3.5)
	near("geomean", geomean([]float64{1, 8, 27}), 6)
	near("ratio", ratio([]float64{10, 30, 2}, []float64{1, 10, 1}), 3) // not that of the medians
	lo, hi := middle([]float64{7, 1, 2, 6, 3, 5, 4, 8})
	near("low", lo, 3)
	near("high", hi, 6)
	for x, want := range map[float64]string{0.00384: "0.0038", 0.31: "0.31", 9.994: "9.99", 9.996: "10.0", 99.96: "100", 17897: "17897"} {
		if got := number(x); got != want {
			t.Errorf("%v: %s, want %s", x, got, want)
		}
	}
}
