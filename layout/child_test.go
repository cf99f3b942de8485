package layout

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"memprobe/layout/addr"
)

// child is a program of testdata, running.
type child struct {
	pid    int
	exe    string
	values map[string]addr.Addr // where the values lie that it printed
}

// goTool builds the program in dir, or skips the test.
func goTool(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a program")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(self, "-test.run=^$").Run(); err != nil {
		t.Skipf("can't run a program for %s here: %v", runtime.GOARCH, err)
	}
	exe := filepath.Join(t.TempDir(), "child")
	cmd := exec.Command("go", append(append([]string{"build", "-o", exe}, args...), ".")...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("go build %v does not work here: %v: %.200s", args, err, out)
	}
	return exe
}

// start runs exe until the test ends, or skips the test.
func start(t *testing.T, exe string, args ...string) child {
	t.Helper()
	cmd, in, out := piped(t, exe, args...)
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	c := child{cmd.Process.Pid, exe, map[string]addr.Addr{}}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		name, digits, _ := strings.Cut(lines.Text(), " ")
		if name == "end" {
			c.skipIfEmulated(t)
			return c
		}
		a, err := addr.Parse(digits)
		if err != nil {
			t.Fatal(err)
		}
		c.values[name] = a
	}
	t.Skipf("%s does not run here", exe)
	return c
}

// piped starts exe with its input and its output at hand, or skips the test.
func piped(t *testing.T, exe string, args ...string) (*exec.Cmd, io.WriteCloser, io.Reader) {
	t.Helper()
	cmd := exec.Command(exe, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("can't run a program for %s here: %v", runtime.GOARCH, err)
	}
	return cmd, in, out
}

// until waits for a condition, a minute at most: it is there to end a test that hangs.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after a minute still not so: %s", what)
		}
	}
}

// skipIfEmulated skips the test where the kernel runs an emulator in the child's
// place: /proc tells of that one's memory then.
func (c child) skipIfEmulated(t *testing.T) {
	t.Helper()
	running, err := os.Readlink(reach(c.pid).file("exe"))
	if err != nil {
		t.Fatal(err)
	}
	if running != c.exe && strings.TrimSuffix(running, " (deleted)") != c.exe {
		t.Skipf("%s runs %s: /proc shows the emulator's memory", running, c.exe)
	}
}

// expected is what a value's part must be; of the sections one must hold it.
type expected struct {
	kind     Kind
	sections []string
	library  bool
}

func check(t *testing.T, s *Space, name string, a addr.Addr, want expected) {
	t.Helper()
	p := s.Where(a).Place
	if p == nil {
		t.Errorf("%s at %v: not mapped", name, a)
		return
	}
	section := ""
	if p.Section != nil {
		section = p.Section.Name
	}
	found := len(want.sections) == 0 && section == ""
	for _, w := range want.sections {
		found = found || section == w
	}
	if p.Part.Kind != want.kind || !found || p.Part.Library != want.library {
		t.Errorf("%s at %v: in section %q of %+v, want %+v", name, a, section, p.Part, want)
	}
}

// goValues is where the values of testdata/child must lie.
var goValues = map[string]expected{
	"function":      {KindText, []string{".text"}, false},
	"constant":      {KindROData, []string{".rodata", ".data.rel.ro"}, false},
	"initialised":   {KindData, []string{".data", ".noptrdata"}, false},
	"pointer":       {KindData, []string{".data"}, false},
	"zeroed":        {KindBSS, []string{".bss", ".noptrbss"}, false},
	"heap":          {KindGoHeap, nil, false},
	"mapped":        {KindAnonymous, nil, false},
	"c_initialised": {KindData, []string{".data"}, false},
	"c_zeroed":      {KindBSS, []string{".bss"}, false},
	"c_heap":        {KindBrkHeap, nil, false},
	"c_library":     {KindText, []string{".text"}, true},
	"c_stack":       {KindProcessStack, nil, false},
	"c_thread":      {KindThreadStack, nil, false},
}

func TestGoChild(t *testing.T) {
	noCgo, cgo := []string{"CGO_ENABLED=0"}, []string{"CGO_ENABLED=1"}
	for _, tt := range []struct {
		name      string
		env, args []string
	}{
		{"static", noCgo, nil},
		{"pie", noCgo, []string{"-buildmode=pie"}},
		{"cgo", cgo, nil},
		{"cgo-pie", cgo, []string{"-buildmode=pie"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			exe := goTool(t, "testdata/child", tt.env, tt.args...)
			c := start(t, exe)
			s, err := Describe(c.pid, Options{})
			if err != nil {
				t.Fatal(err)
			}
			checkTiled(t, s.Mappings, s.Parts)
			if s.PID != c.pid || s.Exe != exe || s.Comm != "child" || s.Arch != runtime.GOARCH || s.Changed || len(s.Notes) > 0 ||
				!s.ResidentKnown || s.Resident == 0 || s.Resident > s.Reserved {
				t.Errorf("got %v", *s)
			}
			for name, a := range c.values {
				check(t, s, name, a, goValues[name])
			}
			for _, p := range s.Parts { // without a loader nothing stays unexplained
				if tt.name == "static" && p.Kind == KindAnonymous && !near(p.Range, c.values["mapped"]) {
					t.Errorf("not explained: %v of %v", p.Range, s.Mappings[p.Mapping])
				}
			}
		})
	}
}

// near reports whether r is a's page or one beside it.
func near(r addr.Range, a addr.Addr) bool {
	page := addr.Addr(os.Getpagesize())
	return addr.Range{Lo: a.AlignDown(addr.Bytes(page)) - page, Hi: a.AlignDown(addr.Bytes(page)) + 2*page}.Covers(r)
}

func TestStrippedGoChild(t *testing.T) {
	for _, flags := range []string{"-w", "-s -w"} { // without debug information; without symbols too
		exe := goTool(t, "testdata/child", []string{"CGO_ENABLED=0"}, "-ldflags="+flags)
		c := start(t, exe)
		s, err := Describe(c.pid, Options{})
		if err != nil {
			t.Fatal(err)
		}
		checkTiled(t, s.Mappings, s.Parts)
		check(t, s, "heap", c.values["heap"], expected{KindAnonymous, nil, false})
		check(t, s, "function", c.values["function"], goValues["function"])
	}
}

func TestDeletedGoChild(t *testing.T) {
	exe := goTool(t, "testdata/child", []string{"CGO_ENABLED=0"})
	odd := filepath.Join(t.TempDir(), "a  b\n\x1b\xff (deleted)")
	if err := os.Rename(exe, odd); err != nil {
		t.Fatal(err)
	}
	c := start(t, odd)
	for _, gone := range []bool{false, true} {
		want := odd
		if gone {
			if err := os.Remove(odd); err != nil {
				t.Fatal(err)
			}
			want += " (deleted)"
		}
		s, err := Describe(c.pid, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if s.Exe != want || s.Mappings[0].Name != want {
			t.Errorf("program %q, mapped %q, want %q", s.Exe, s.Mappings[0].Name, want)
		}
		check(t, s, "function", c.values["function"], goValues["function"])
	}
}

func TestCChild(t *testing.T) {
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("no cc: programs in C are not tested")
	}
	values := map[string]expected{
		"function":    {KindText, []string{".text"}, false},
		"constant":    {KindROData, []string{".rodata"}, false},
		"relocated":   {KindRelRO, []string{".data.rel.ro"}, false},
		"initialised": {KindData, []string{".data"}, false},
		"zeroed":      {KindBSS, []string{".bss"}, false},
		"heap":        {KindBrkHeap, nil, false},
		"stack":       {KindProcessStack, nil, false},
		"thread":      {KindAnonymous, nil, false}, // .tbss has an address in the file, but none here
	}
	for name, flags := range map[string][]string{
		"pie": {"-pie", "-fPIE"}, "no-pie": {"-no-pie"}, "static": {"-static", "-no-pie"}, "static-pie": {"-static-pie", "-fPIE"},
	} {
		t.Run(name, func(t *testing.T) {
			exe := filepath.Join(t.TempDir(), "child")
			args := append(flags, "-O0", "-o", exe, "testdata/child.c")
			if out, err := exec.Command("cc", args...).CombinedOutput(); err != nil {
				t.Skipf("cc %v does not work here: %v: %.200s", args, err, out)
			}
			c := start(t, exe)
			s, err := Describe(c.pid, Options{})
			if err != nil {
				t.Fatal(err)
			}
			checkTiled(t, s.Mappings, s.Parts)
			for value, a := range c.values {
				want := values[value]
				if value == "thread" && strings.HasPrefix(name, "static") {
					want = expected{KindBrkHeap, nil, false}
				}
				check(t, s, value, a, want)
			}
			for _, p := range s.Parts { // each library, and the loader, is an image
				if p.Kind == KindFile {
					t.Errorf("not explained: %v", s.Mappings[p.Mapping])
				}
			}
		})
	}
}
