package layout

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

// nmSymbol is a symbol as nm has it.
type nmSymbol struct {
	name        string
	value, size uint64
}

// nm lists the symbols of file that have an address: the full table's, or where there
// is none the shared ones. It skips the test where there is no nm.
func nm(t *testing.T, file string) (list []nmSymbol) {
	t.Helper()
	if _, err := exec.LookPath("nm"); err != nil {
		t.Skip("no nm: what symbols there are is not checked")
	}
	for _, table := range [][]string{nil, {"-D"}} {
		out, err := exec.Command("nm", append(table, "-f", "sysv", "-S", "--defined-only", "--without-symbol-versions", file)...).Output()
		if err != nil {
			t.Skipf("nm %s: %v", file, err)
		}
		for line := range strings.Lines(string(out)) {
			fields := strings.Split(strings.TrimSuffix(line, "\n"), "|")
			if len(fields) < 7 { // a name may hold the sign
				continue
			}
			n := len(fields)
			name := strings.TrimRight(strings.Join(fields[:n-6], "|"), " ")
			class, kind, section := strings.TrimSpace(fields[n-5]), strings.TrimSpace(fields[n-4]), strings.TrimSpace(fields[n-1])
			code := class == "T" || class == "t" || class == "W" && kind == "NOTYPE"
			if kind != "FUNC" && kind != "OBJECT" && (kind != "NOTYPE" || !code) || section == "*ABS*" || class == "i" {
				continue
			}
			value, err := strconv.ParseUint(strings.TrimSpace(fields[n-6]), 16, 64)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			size, _ := strconv.ParseUint(strings.TrimSpace(fields[n-3]), 16, 64) // empty is 0
			list = append(list, nmSymbol{name, value, size})
		}
		if len(list) > 0 {
			break
		}
	}
	return list
}

// holding are the names of the innermost symbols that hold v.
func holding(list []nmSymbol, v uint64) (names []string) {
	start := uint64(0)
	for _, y := range list {
		if v-y.value < y.size && y.value >= start {
			if y.value > start {
				names, start = nil, y.value
			}
			names = append(names, y.name)
		}
	}
	return names
}

// unversioned is a name without the version that some linkers write behind it, and
// nm leaves out.
func unversioned(name string) string {
	name, _, _ = strings.Cut(name, "@")
	return name
}

// sameAsNM compares the symbols of image, in s, with those of nm: at each symbol's
// start, its last byte and behind it.
func sameAsNM(t *testing.T, s *Space, image Image) (compared int) {
	t.Helper()
	list := nm(t, image.Path)
	x := s.Symbols()
	defer x.Close()
	const most = 6000
	for i := 0; i < len(list) && compared < most; i += 1 + len(list)*3/most {
		y := list[i]
		for _, v := range []uint64{y.value, y.value + max(y.size, 1) - 1, y.value + y.size} {
			want := holding(list, v)
			if s.Where(addr.Addr(v)+image.Bias).Place == nil { // the last of a segment
				continue
			}
			got, err := x.At(addr.Addr(v) + image.Bias)
			compared++
			if len(want) == 0 && err == nil && got.Sized() || len(want) > 0 && (err != nil || !slices.Contains(want, unversioned(got.Name))) {
				t.Errorf("%s at %#x: got %+v, %v, nm has %q", image.Path, v, got, err, want)
			}
			if err == nil && got.Lo.Offset(got.Offset) != addr.Addr(v)+image.Bias {
				t.Errorf("%s at %#x: %+v is not there", image.Path, v, got)
			}
		}
	}
	return compared
}

func TestSymbolsSameAsNM(t *testing.T) {
	for name, build := range map[string]func(*testing.T) string{
		"C PIE":      func(t *testing.T) string { return ccTool(t, "testdata/child.c", "-pie", "-fPIE") },
		"C static":   func(t *testing.T) string { return ccTool(t, "testdata/child.c", "-static") },
		"C stripped": func(t *testing.T) string { return ccTool(t, "testdata/child.c", "-s") },
		"Go":         func(t *testing.T) string { return goTool(t, "testdata/child", []string{"CGO_ENABLED=0"}) },
		"Go PIE": func(t *testing.T) string {
			return goTool(t, "testdata/child", []string{"CGO_ENABLED=0"}, "-buildmode=pie")
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t, build(t))
			s, err := Describe(c.pid, Options{})
			if err != nil {
				t.Fatal(err)
			}
			compared := 0
			for _, image := range s.explain(process{c.pid}).Images {
				compared += sameAsNM(t, s, image)
			}
			t.Logf("%d addresses compared", compared)
			if compared == 0 && name != "C stripped" {
				t.Error("nothing was compared")
			}
		})
	}
}

// What gdb says of addresses of a running process, memprobe says.
func TestSymbolsSameAsGDB(t *testing.T) {
	if _, err := exec.LookPath("gdb"); err != nil {
		t.Skip("no gdb: what it says of addresses is not compared")
	}
	c := start(t, ccTool(t, "testdata/child.c", "-pie", "-fPIE"))
	s, err := Describe(c.pid, Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := s.Symbols()
	defer x.Close()
	type asked struct {
		symbol Symbol
		at     addr.Addr
	}
	var all []asked
	script := filepath.Join(t.TempDir(), "script")
	var text strings.Builder
	for _, p := range s.Parts {
		for at := p.Lo; (p.Kind == KindText || p.Kind == KindData) && at < p.Hi && p.Hi != 0; at += 331 {
			if y, err := x.At(at); err == nil && y.Sized() {
				all = append(all, asked{y, at})
				fmt.Fprintf(&text, "info symbol %v\n", at)
			}
		}
	}
	if err := os.WriteFile(script, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("gdb", "-nx", "-q", "-batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off",
		"-p", strconv.Itoa(c.pid), "-ex", "echo begin\\n", "-x", script).Output()
	_, answers, begun := strings.Cut(string(out), "begin\n")
	lines := strings.Split(answers, "\n")
	if err != nil || !begun || len(lines) < len(all) {
		t.Skipf("gdb does not answer here: %v, %.300q", err, out)
	}
	same := 0
	for i, a := range all {
		if strings.HasPrefix(lines[i], "No symbol matches") { // gdb does not know of it, or takes it for padding
			continue
		}
		name, rest, _ := strings.Cut(lines[i], " ")
		offset := uint64(0)
		if plus, ok := strings.CutPrefix(rest, "+ "); ok {
			digits, _, _ := strings.Cut(plus, " ")
			offset, _ = strconv.ParseUint(digits, 10, 64)
		}
		if uint64(a.symbol.Offset) != offset { // the same start; of its names each has its own
			t.Errorf("%v: got %s+%d, gdb says %s", a.at, a.symbol.Name, a.symbol.Offset, lines[i])
			continue
		}
		if name == a.symbol.Name {
			same++
		}
	}
	t.Logf("%d addresses: the same start, %d with the same name", len(all), same)
	if same < len(all)/2 {
		t.Errorf("of %d addresses only %d have gdb's name", len(all), same)
	}
}

func TestSymbolsOfVDSO(t *testing.T) {
	s, err := Describe(0, Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := s.Symbols()
	defer x.Close()
	i := slices.IndexFunc(s.Parts, func(p Part) bool { return p.Kind == KindVDSO })
	if i < 0 {
		t.Skip("no vdso here")
	}
	names := map[string]bool{}
	for at := s.Parts[i].Lo; at < s.Parts[i].Hi; at += 16 {
		y, err := x.At(at)
		if err == nil && y.Sized() {
			names[strings.TrimLeft(y.Name, "_")] = true
			if y.Object != "[vdso]" || y.Table != ".dynsym" || !y.Contains(at) {
				t.Errorf("%v: got %+v", at, y)
			}
		} else if errors.Is(err, ErrPermission) {
			t.Skip(err)
		}
	}
	if !names["vdso_clock_gettime"] && !names["kernel_clock_gettime"] {
		t.Errorf("no clock among %v", names)
	}
}

func TestNoSymbol(t *testing.T) {
	c := start(t, ccTool(t, "testdata/child.c", "-pie", "-fPIE", "-s"))
	s, err := Describe(c.pid, Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := s.Symbols()
	defer x.Close()
	for value, want := range map[string]error{"function": ErrStripped, "zeroed": ErrStripped, "heap": ErrNoELF, "stack": ErrNoELF, "nowhere": ErrNoELF} {
		if y, err := x.At(c.values[value]); !errors.Is(err, want) {
			t.Errorf("%s: got %+v, %v, want %v", value, y, err, want)
		}
	}
	text, err := DescribeText(text(s.Mappings))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := text.Symbols().At(c.values["function"]); !errors.Is(err, ErrNoELF) {
		t.Errorf("of a text: got %v", err)
	}
	s.Started++ // another process has the number
	if _, err := s.Symbols().At(c.values["function"]); !errors.Is(err, ErrNoProcess) {
		t.Errorf("of another process: got %v", err)
	}
}

// fakeTable is a table of symbols of a file with code at 0x1000 and data at 0x2000.
func fakeTable(entries ...symbolEntry) (*elf.File, symbolTable) {
	f := &elf.File{Sections: []*elf.Section{
		{},
		{SectionHeader: elf.SectionHeader{Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Addr: 0x1000, Size: 0x1000}},
		{SectionHeader: elf.SectionHeader{Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Addr: 0x2000, Size: 0x1000}},
	}}
	return f, symbolTable{".symtab", entries, strings.NewReader("\x00a\x00_b\x00__c\x00d")}
}

func TestFindSymbol(t *testing.T) {
	const a, b, c, cut = 1, 3, 6, 10
	global, weak := uint16(elf.STB_GLOBAL)<<4, uint16(elf.STB_WEAK)<<4
	for _, tt := range []struct {
		name    string
		entries []symbolEntry
		v       uint64
		want    string // name, offset, size
		err     error
	}{
		{"its last byte", []symbolEntry{{0x1000, 16, a, 1, 0}}, 0x100f, "a+15 of 16", nil},
		{"behind it", []symbolEntry{{0x1000, 16, a, 1, 0}}, 0x1010, "", ErrNoSymbol},
		{"in another section", []symbolEntry{{0x1ff0, 0x1000, a, 1, 0}}, 0x2000, "", ErrNoSymbol},
		{"cut at the section's end", []symbolEntry{{0x1ff0, 0x1000, a, 1, 0}}, 0x1fff, "a+15 of 16", nil},
		{"a size past 2^64", []symbolEntry{{0x1ff0, 1<<64 - 1, a, 1, 0}}, 0x1fff, "a+15 of 16", nil},
		{"the innermost", []symbolEntry{{0x1000, 64, a, 1, 0}, {0x1010, 16, b, 1, 0}}, 0x1018, "_b+8 of 16", nil},
		{"behind the innermost", []symbolEntry{{0x1010, 16, b, 1, 0}, {0x1000, 64, a, 1, 0}}, 0x1020, "a+32 of 64", nil},
		{"global before weak", []symbolEntry{{0x1000, 16, a, 1, weak}, {0x1000, 16, b, 1, global}}, 0x1000, "_b+0 of 16", nil},
		{"weak before local", []symbolEntry{{0x1000, 16, a, 1, 0}, {0x1000, 16, b, 1, weak}}, 0x1000, "_b+0 of 16", nil},
		{"fewest underscores", []symbolEntry{{0x1000, 16, c, 1, weak}, {0x1000, 16, b, 1, weak}}, 0x1000, "_b+0 of 16", nil},
		{"a name that the file cuts", []symbolEntry{{0x1000, 16, cut, 1, 0}}, 0x1000, "", ErrNoSymbol},
		{"a name outside the file", []symbolEntry{{0x1000, 16, 1 << 31, 1, 0}}, 0x1000, "", ErrNoSymbol},
		{"behind one without a size", []symbolEntry{{0x1000, 0, a, 1, 0}}, 0x1004, "a+4 of 0", nil},
		{"at one without a size", []symbolEntry{{0x1000, 0, a, 1, 0}}, 0x1000, "a+0 of 0", nil},
		{"another lies between", []symbolEntry{{0x1000, 0, a, 1, 0}, {0x1004, 4, b, 1, 0}}, 0x100c, "", ErrNoSymbol},
		{"one that is longer ended since", []symbolEntry{{0x1000, 16, a, 1, 0}, {0x1004, 0, b, 1, 0}}, 0x1010, "", ErrNoSymbol},
		{"inside, behind a label", []symbolEntry{{0x1000, 16, a, 1, 0}, {0x1004, 0, b, 1, 0}}, 0x1008, "a+8 of 16", nil},
		{"nothing below", []symbolEntry{{0x1010, 0, a, 1, 0}}, 0x1004, "", ErrNoSymbol},
		{"in no section", []symbolEntry{{0x1000, 16, a, 1, 0}}, 0x4000, "", ErrNoSymbol},
	} {
		f, table := fakeTable(tt.entries...)
		y, err := findSymbol(f, []symbolTable{table}, tt.v)
		got := ""
		if err == nil {
			got = fmt.Sprintf("%s+%d of %d", y.Name, y.Offset, y.Size())
		}
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: got %q, %v, want %q, %v", tt.name, got, err, tt.want, tt.err)
		}
	}
}

// A file in whose table of symbols each byte in turn is wrong, or in the table of its
// sections, is searched or refused.
func TestDamagedSymbols(t *testing.T) {
	exe := ccTool(t, "testdata/child.c", "-pie", "-fPIE")
	image, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	spans := []addr.Range{addr.Span(0, 64)}
	sections := f.ByteOrder.Uint64(image[0x28:])
	spans = append(spans, addr.Span(addr.Addr(sections), addr.Bytes(64*len(f.Sections))))
	for _, s := range f.Sections {
		if s.Type == elf.SHT_SYMTAB || s.Type == elf.SHT_DYNSYM || s.Name == ".strtab" {
			spans = append(spans, addr.Span(addr.Addr(s.Offset), addr.Bytes(min(s.Size, 600))))
		}
	}
	found := 0
	for _, span := range spans {
		for at := span.Lo; at < span.Hi; at++ {
			for _, to := range []byte{0, 0xff, image[at] ^ 0x80} {
				x := (&Space{}).Symbols()
				damaged := patched{image, int(at), to}
				y, err := x.in(fileID{}, 0x1000+addr.Addr(f.Entry), func() symbolFile {
					return newELFReader().readSymbols(damaged, func(*elf.File) ([]Image, error) {
						return []Image{{Bias: 0x1000, Spans: []Span{{Section: Section{Range: addr.Span(0, 1<<40)}}}}}, nil
					})
				})
				if err == nil && y.Name != "" {
					found++
				}
			}
		}
	}
	if found == 0 {
		t.Error("no symbol was found in any")
	}
}

func TestSymbolJSON(t *testing.T) {
	y := Symbol{Range: addr.Span(0x1000, 16), Name: "a\xff", Object: "/x", Offset: 4, Table: ".symtab"}
	out, err := json.Marshal(y)
	if want := `{"start":"0x1000","end":"0x1010","size":16,"name":"a\ufffd","name_hex":"61ff","object":"/x","offset":4,"table":".symtab"}`; err != nil || string(out) != want {
		t.Errorf("got %s, %v", out, err)
	}
}

func BenchmarkSymbols(b *testing.B) {
	s, err := Describe(0, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		x := s.Symbols()
		x.At(pointer(selfText))
		x.Close()
	}
}
