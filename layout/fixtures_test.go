package layout

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

// tool builds a program with another compiler than Go's and the machine's own for C,
// or skips the test.
func tool(t *testing.T, compiler string, args ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a program")
	}
	if _, err := exec.LookPath(compiler); err != nil {
		t.Skipf("no %s: programs of its making are not tested", compiler)
	}
	exe := filepath.Join(t.TempDir(), "child")
	if out, err := exec.Command(compiler, append(args, "-o", exe)...).CombinedOutput(); err != nil {
		t.Skipf("%s %v does not work here: %v: %.300s", compiler, args, err, out)
	}
	return exe
}

// programs are programs of all kinds, and what their values must lie in. Those in C,
// and the others in Go, are looked at in other tests as well.
var programs = []struct {
	name     string
	build    func(t *testing.T) string
	function string // the name of the function whose address it prints
	arch     string
	values   map[string]expected
}{
	{"C PIE", func(t *testing.T) string { return ccTool(t, "testdata/child.c", "-pie", "-fPIE") }, "main", "", nil},
	{"C", func(t *testing.T) string { return ccTool(t, "testdata/child.c", "-no-pie") }, "main", "", nil},
	{"C static", func(t *testing.T) string { return ccTool(t, "testdata/child.c", "-static", "-no-pie") }, "main", "", nil},
	{"C static PIE", func(t *testing.T) string { return ccTool(t, "testdata/child.c", "-static-pie", "-fPIE") }, "main", "", nil},
	{"C without the hardening", func(t *testing.T) string {
		return ccTool(t, "testdata/child.c", "-no-pie", "-Wl,-z,norelro,-z,noseparate-code")
	}, "main", "", nil},
	{"C with musl", func(t *testing.T) string { return tool(t, "musl-gcc", "-O0", "testdata/child.c", "-static") }, "main", "", map[string]expected{
		"function": {KindText, []string{".text"}, false}, "constant": {KindROData, []string{".rodata"}, false},
		"initialised": {KindData, []string{".data"}, false}, "zeroed": {KindBSS, []string{".bss"}, false},
		"stack": {KindProcessStack, nil, false},
	}},
	{"C for 32 bits", func(t *testing.T) string {
		return tool(t, "gcc", "-m32", "-O1", "-ffreestanding", "-nostdlib", "-static", "-no-pie", "-fno-stack-protector", "testdata/child32.c")
	}, "_start", "386", map[string]expected{
		"function": {KindText, []string{".text"}, false}, "constant": {KindROData, []string{".rodata"}, false},
		"relocated": {KindRelRO, []string{".data.rel.ro"}, false}, "initialised": {KindData, []string{".data"}, false},
		"zeroed": {KindBSS, []string{".bss"}, false}, "heap": {KindBrkHeap, nil, false}, "stack": {KindProcessStack, nil, false},
	}},
	{"Go for 32 bits", func(t *testing.T) string {
		return goTool(t, "testdata/child", []string{"CGO_ENABLED=0", "GOARCH=386"})
	}, "main.main", "386", map[string]expected{
		"function": goValues["function"], "constant": goValues["constant"], "initialised": goValues["initialised"],
		"pointer": goValues["pointer"], "zeroed": goValues["zeroed"],
		"heap": {KindAnonymous, nil, false}, // the heap's arenas are read of 64-bit programs alone
	}},
	{"Go PIE", func(t *testing.T) string {
		return goTool(t, "testdata/child", []string{"CGO_ENABLED=0"}, "-buildmode=pie")
	}, "main.main", "", goValues},
	{"Rust", func(t *testing.T) string { return tool(t, "rustc", "testdata/child.rs") }, "function", "", rustValues},
	{"Rust static", func(t *testing.T) string {
		return tool(t, "rustc", "-C", "target-feature=+crt-static", "testdata/child.rs")
	}, "function", "", rustValues},
}

var rustValues = map[string]expected{
	"function": {KindText, []string{".text"}, false}, "constant": {KindROData, []string{".rodata"}, false},
	"relocated": {KindRelRO, []string{".data.rel.ro"}, false}, "initialised": {KindData, []string{".data"}, false},
	"zeroed": {KindBSS, []string{".bss"}, false}, "heap": {KindBrkHeap, nil, false},
	"stack": {KindProcessStack, nil, false}, "thread": {KindThreadStack, nil, false},
}

// Each section of a program that runs is found where readelf and nm say it is: at the
// address in the file, moved by as much as a function that nm names and the program
// prints. What lies in it is told by its flags.
func TestProgramsAsReadelf(t *testing.T) {
	for _, tt := range programs {
		t.Run(tt.name, func(t *testing.T) {
			c := start(t, tt.build(t))
			s, err := Describe(c.pid, Options{})
			if err != nil {
				t.Fatal(err)
			}
			checkTiled(t, s.Mappings, s.Parts)
			for value, a := range c.values {
				if want, known := tt.values[value]; known {
					check(t, s, value, a, want)
				}
			}
			if tt.arch != "" && (s.Arch != tt.arch || s.UserBits != 32) {
				t.Errorf("%s, %d bits", s.Arch, s.UserBits)
			}
			x := s.Symbols()
			defer x.Close()
			if y, err := x.At(c.values["function"]); err != nil || y.Name != tt.function || y.Offset != 0 {
				t.Errorf("function: got %q+%d, %v, want %s", y.Name, y.Offset, err, tt.function)
			}
			list := nm(t, c.exe)
			i := slices.IndexFunc(list, func(y nmSymbol) bool { return y.name == tt.function })
			if i < 0 {
				t.Fatalf("nm does not know %s", tt.function)
			}
			bias := c.values["function"] - addr.Addr(list[i].value)
			for _, want := range readelf(t, c.exe) {
				for _, at := range []addr.Addr{want.Lo, want.Hi - 1} {
					p := s.Where(at + bias).Place
					if p == nil || p.Section == nil || p.Section.Name != want.name || p.Part.Kind != want.kind || p.Part.Object != c.exe {
						t.Errorf("%v in the file, %v in memory: got %+v, want %s, %s", at, at+bias, p, want.name, want.kind)
					}
				}
			}
		})
	}
}

// readSection is a section as readelf has it.
type readSection struct {
	addr.Range
	name string
	kind Kind
}

// readelf lists the sections of file that are in memory, or skips the test where there
// is no readelf.
func readelf(t *testing.T, file string) (list []readSection) {
	t.Helper()
	if _, err := exec.LookPath("readelf"); err != nil {
		t.Skip("no readelf: where sections lie is not compared")
	}
	output := func(flag string) []string {
		out, err := exec.Command("readelf", flag, file).Output()
		if err != nil {
			t.Skipf("readelf %s: %v", file, err)
		}
		return strings.Split(string(out), "\n")
	}
	number := func(text string) uint64 {
		n, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	special := map[string]addr.Range{}
	for _, line := range output("-lW") {
		if f := strings.Fields(line); len(f) >= 6 && (f[0] == "GNU_RELRO" || f[0] == "INTERP") { // type, offset, address, physical, in file, in memory
			special[f[0]] = addr.Span(addr.Addr(number(f[2])), addr.Bytes(number(f[5])))
		}
	}
	for _, line := range output("-SW") {
		_, line, ok := strings.Cut(line, "]")
		f := strings.Fields(line)
		if !ok || len(f) < 10 || f[1] == "Type" { // name, type, address, offset, size, entry size, flags, link, info, alignment
			continue
		}
		flags, relro := f[6], special["GNU_RELRO"]
		relro.Hi = relro.Hi.AlignDown(addr.Bytes(os.Getpagesize())) // loaders make whole pages read-only
		r := readSection{addr.Span(addr.Addr(number(f[2])), addr.Bytes(number(f[4]))), f[0], KindELF}
		switch {
		case !strings.Contains(flags, "A") || r.Size() == 0 || f[1] == "NOBITS" && strings.Contains(flags, "T"):
			continue
		case strings.Contains(flags, "X"):
			r.kind = KindText
		case strings.Contains(flags, "W") && relro.Covers(r.Range):
			r.kind = KindRelRO
		case strings.Contains(flags, "W") && relro.Contains(r.Lo): // .got.plt may reach beyond it
			list = append(list, readSection{addr.Range{Lo: r.Lo, Hi: relro.Hi}, r.name, KindRelRO})
			r.Lo, r.kind = relro.Hi, KindData
		case f[1] == "NOBITS":
			r.kind = KindBSS
		case strings.Contains(flags, "W"):
			r.kind = KindData
		case f[1] == "PROGBITS" && r.Range != special["INTERP"]:
			r.kind = KindROData
		}
		list = append(list, r)
	}
	if len(list) < 3 {
		t.Fatalf("readelf tells of %d sections of %s", len(list), file)
	}
	return list
}

// A 32-bit process has a vdso of its own.
func TestSymbolsOfA32BitVDSO(t *testing.T) {
	c := start(t, tool(t, "gcc", "-m32", "-O1", "-ffreestanding", "-nostdlib", "-static", "-no-pie", "-fno-stack-protector", "testdata/child32.c"))
	s, err := Describe(c.pid, Options{})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(s.Parts, func(p Part) bool { return p.Kind == KindVDSO })
	if i < 0 {
		t.Skip("no vdso")
	}
	vdso := s.Parts[i].Range
	unused := s.Symbols()
	defer unused.Close()
	if _, err := unused.At(vdso.Lo); !errors.Is(err, errNotInMemory) && !errors.Is(err, ErrPermission) {
		t.Errorf("it was not used yet: got %v", err)
	}
	mem, err := openProc(process{c.pid}.file("mem"))
	if err != nil {
		t.Skip(err)
	}
	defer mem.Close()
	if _, err := mem.ReadAt(make([]byte, vdso.Size()), int64(vdso.Lo)); err != nil { // brings it into the process's memory
		t.Skip(err)
	}
	x := s.Symbols()
	defer x.Close()
	var names []string
	for at := s.Parts[i].Lo; at < s.Parts[i].Hi; at += 4 {
		if y, err := x.At(at); err == nil && !slices.Contains(names, y.Name) {
			names = append(names, y.Name)
		} else if errors.Is(err, ErrPermission) {
			t.Skip(err)
		}
	}
	if !slices.Contains(names, "__kernel_vsyscall") {
		t.Errorf("got %q", names)
	}
}

func TestNotesOf32BitGo(t *testing.T) {
	c := start(t, goTool(t, "testdata/idle", []string{"CGO_ENABLED=0", "GOARCH=386"}))
	s, err := Describe(c.pid, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "is a 32-bit Go program: its runtime's records are not read") {
		t.Errorf("notes %q", s.Notes)
	}
}
