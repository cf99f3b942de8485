package layout

import (
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// ccTool builds the C program at source, or skips the test.
func ccTool(t *testing.T, source string, flags ...string) string {
	t.Helper()
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("no cc: programs in C are not tested")
	}
	exe := filepath.Join(t.TempDir(), "child")
	if out, err := exec.Command("cc", append(flags, "-O0", "-pthread", "-o", exe, source)...).CombinedOutput(); err != nil {
		t.Skipf("cc %v does not work here: %v: %.200s", flags, err, out)
	}
	return exe
}

func stackNamed(s *Space, name string) *Stack {
	i := slices.IndexFunc(s.Stacks, func(k Stack) bool { return k.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Stacks[i]
}

func TestShapes(t *testing.T) {
	if _, err := robustList(0); errors.Is(err, unix.ENOSYS) {
		t.Skip("no get_robust_list here, as under an emulator: not all stacks are told apart")
	}
	for name, flags := range map[string][]string{"dynamic": {"-pie", "-fPIE"}, "static": {"-static"}} {
		t.Run(name, func(t *testing.T) { checkShapes(t, ccTool(t, "testdata/shapes.c", flags...)) })
	}
}

func checkShapes(t *testing.T, exe string) {
	c := start(t, exe)
	s, err := Describe(c.pid, Options{Resident: true})
	if err != nil {
		t.Fatal(err)
	}
	checkTiled(t, s.Mappings, s.Parts)
	for name, kind := range map[string]Kind{
		"deep": KindThreadStack, "two_words": KindThreadStack, "unguarded": KindThreadStack, "own": KindThreadStack,
		"reserved16T": KindReserved, "wx": KindAnonymous, "growsdown": KindAnonymous, "memfd": KindMemfd, "sysv": KindSysV, "shared": KindShared,
	} {
		check(t, s, name, c.values[name], expected{kind, nil, false})
	}
	if s.Threads != 5 || len(s.Stacks) != 5 || len(s.Notes) > 0 {
		t.Fatalf("%d threads, %d stacks, notes %q", s.Threads, len(s.Stacks), s.Notes)
	}
	for _, tt := range []struct {
		name                  string
		size, guard           addr.Bytes
		leastTouch, mostTouch addr.Bytes
	}{
		{"deep", 0, 4096, 50 * 4096, 64 * 4096},
		{"two_words", 256 << 10, 4096, 4096, 16 * 4096},
		{"unguarded", 128 << 10, 0, 4096, 16 * 4096},
		{"own", 1 << 20, 0, 4096, 16 * 4096},
	} {
		k := stackNamed(s, tt.name)
		if k == nil {
			t.Errorf("no stack of %q in %+v", tt.name, s.Stacks)
			continue
		}
		unused, known := k.ToGuard()
		if !k.Contains(c.values[tt.name]) || k.FoundBy != FoundByRecord || tt.size != 0 && k.Size() != tt.size || k.Guard.Size() != tt.guard {
			t.Errorf("%s: %v of %d bytes, guard %v, found by %s", tt.name, k.Range, k.Size(), k.Guard, k.FoundBy)
		}
		if k.Touched < tt.leastTouch || k.Touched > tt.mostTouch || !known || unused+k.Touched > k.Size() {
			t.Errorf("%s: %d bytes touched, %d to the guard of %d", tt.name, k.Touched, unused, k.Size())
		}
		if k.SP != 0 && !k.Contains(k.SP) {
			t.Errorf("%s: stack pointer %v outside %v", tt.name, k.SP, k.Range)
		}
		if tt.guard > 0 {
			check(t, s, tt.name+"'s guard", k.Guard.Lo, expected{KindGuard, nil, false})
		}
	}
	checkUses(t, s, c)
	checkFindings(t, s, c)
	checkFigures(t, s, c)
	checkRuns(t, c)
	out, err := json.Marshal(s)
	var back Space
	if err != nil || json.Unmarshal(out, &back) != nil {
		t.Fatalf("does not read back: %v, %v", err, json.Unmarshal(out, &back))
	}
	if again, _ := json.Marshal(&back); string(again) != string(out) || !reflect.DeepEqual(back.Stacks, s.Stacks) || back.Args != s.Args || back.Env != s.Env {
		t.Error("reads back as another space")
	}
}

// checkUses: a thread's variables and record are on its stack but in no frame, and so is
// what the kernel puts on the first's.
func checkUses(t *testing.T, s *Space, c child) {
	t.Helper()
	want := map[string]Use{"argument": UseArguments, "variable": UseEnvironment, "argv": UseStart, "environ": UseStart, "local": ""}
	for _, name := range []string{"deep", "two_words", "unguarded", "own"} {
		want[name] = ""
		if runtime.GOARCH == "amd64" {
			want[name+":mine"], want[name+":self"] = UseThreadVars, UseThreadRecord
		} else {
			want[name+":mine"] = UseThread
		}
		if k := stackNamed(s, name); k != nil && runtime.GOARCH == "amd64" && k.Record != c.values[name+":self"] {
			t.Errorf("%s: its record is at %v, not %v", name, k.Record, c.values[name+":self"])
		}
	}
	for value, use := range want {
		if got := s.UseOf(c.values[value]); got != use {
			t.Errorf("%s at %v is %q, want %q", value, c.values[value], got, use)
		}
	}
	for _, k := range s.Stacks {
		depth, known := k.Depth()
		if k.SP != 0 && (!known || depth == 0 || depth >= k.Hi.Sub(k.SP)) {
			t.Errorf("%s: %d bytes deep, of %d above its stack pointer", k.Name, depth, k.Hi.Sub(k.SP))
		}
		if k.First && s.UseOf(k.Hi-1) != UseStart {
			t.Error("the first stack's last byte is no start data")
		}
	}
}

func checkFindings(t *testing.T, s *Space, c child) {
	t.Helper()
	want := map[addr.Addr]FindingKind{c.values["wx"]: FindingWX}
	for _, name := range []string{"unguarded", "own"} {
		if k := stackNamed(s, name); k != nil {
			want[k.Lo] = FindingNoGuard
		}
	}
	for _, f := range s.Findings() {
		at := s.Parts[f.Part].Lo
		if f.Text == "" || want[at] != f.Kind && !s.Parts[f.Part].Contains(c.values["wx"]) {
			t.Errorf("unexpected: %+v at %v", f, s.Parts[f.Part].Range)
		}
		delete(want, at)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}

func checkFigures(t *testing.T, s *Space, c child) {
	t.Helper()
	if len(s.Figures) != len(s.Mappings) {
		t.Fatalf("%d figures of %d mappings", len(s.Figures), len(s.Mappings))
	}
	at := func(name string) Figures {
		i, ok := find(s.Mappings, c.values[name])
		if !ok {
			t.Fatalf("%s is not mapped", name)
		}
		return s.Figures[i]
	}
	if f := at("growsdown"); !f.HasFlag("gd") || f.HasFlag("g") {
		t.Errorf("MAP_GROWSDOWN has the flags %q", f.Flags)
	}
	if f := at("deep"); f.RSS < 50*4096 || f.PrivateDirty != f.RSS || f.PSS != f.RSS || f.Anonymous != f.RSS || f.PageSize != 4096 {
		t.Errorf("deep: got %+v", f)
	}
	if f := at("reserved16T"); f.RSS != 0 || f.SharedDirty+f.PrivateDirty != 0 || f.Swap != 0 || f.Huge() != 0 {
		t.Errorf("reserved: got %+v", f)
	}
	if sum := s.Sum(); sum.RSS < sum.PSS || sum.PSS == 0 || sum.RSS > s.Reserved {
		t.Errorf("sum %+v", sum)
	}
}

// checkRuns: of ten pages two are written, next to each other, and one is only read.
func checkRuns(t *testing.T, c child) {
	t.Helper()
	pm, err := OpenPagemap(c.pid)
	if err != nil {
		t.Fatal(err)
	}
	defer pm.Close()
	r := addr.Span(c.values["pages"], 10*4096)
	found, err := pm.Runs(r)
	if err != nil {
		t.Fatal(err)
	}
	at := r.Lo
	for _, run := range found {
		page := int(run.Lo.Sub(r.Lo) / 4096)
		written, read := page == 2, page == 6
		if run.Lo != at || (run.State&PagePresent != 0) != (written || read) || run.State&PageSwapped != 0 {
			t.Errorf("run %v: %v, after %v", run.Range, run.State.Names(), at)
		}
		if written && (run.Size() != 2*4096 || run.State&PageZero != 0) || read && run.Size() != 4096 {
			t.Errorf("run %v: %v", run.Range, run.State.Names())
		}
		at = run.Hi
	}
	if at != r.Hi || len(found) != 5 {
		t.Errorf("the runs %v end at %v", found, at)
	}
	list := runs{next: r.Lo}
	if err := pm.entries(r, &list); err != nil { // as a kernel without PAGEMAP_SCAN gives them
		t.Fatal(err)
	}
	list.end(r.Hi)
	for i, run := range list.list {
		if len(list.list) != len(found) || run.Range != found[i].Range || (run.State^found[i].State)&(PagePresent|PageSwapped) != 0 {
			t.Errorf("entries say %v, the scan %v", list.list, found)
			break
		}
	}
	vast := addr.Span(c.values["reserved16T"], 16<<40)
	switch found, err := pm.Runs(vast); {
	case errors.Is(err, ErrTooManyPages):
	case err != nil, len(found) != 1, found[0] != PageRun{vast, 0}:
		t.Errorf("16 TiB that nobody touched: %v, %v", found, err)
	}
}
