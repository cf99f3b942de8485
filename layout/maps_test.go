package layout

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"memprobe/layout/addr"
)

// fixtures gives each whole maps file in testdata, by name.
func fixtures(t testing.TB) map[string][]byte {
	t.Helper()
	paths, _ := filepath.Glob("testdata/*.maps")
	files := map[string][]byte{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimSuffix(filepath.Base(path), ".maps")] = text
	}
	if len(files) < 11 {
		t.Fatalf("%d maps files in testdata, want 11 or more", len(files))
	}
	return files
}

// text is what the kernel would write for maps.
func text(maps []Mapping) []byte {
	var out []byte
	for _, m := range maps {
		out = append(m.Append(out), '\n')
	}
	return out
}

func TestParseMapsFixtures(t *testing.T) {
	for name, in := range fixtures(t) {
		maps, err := ParseMaps(in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if lines := bytes.Count(in, newline); len(maps) != lines {
			t.Errorf("%s: %d mappings in %d lines", name, len(maps), lines)
		}
		printed := text(maps)
		if name != "qemu-arm64" && !bytes.Equal(printed, in) {
			t.Errorf("%s: prints as\n%s\nwant\n%s", name, printed, in)
		}
		if again, err := ParseMaps(printed); err != nil || !reflect.DeepEqual(again, maps) {
			t.Errorf("%s: parsing what was printed gives %v, %v", name, again, err)
		}
	}
}

func TestParseMapping(t *testing.T) {
	const blanks = "                   "
	tests := []struct {
		name, in string
		want     Mapping
	}{
		{"a file", "00400000-004ad000 r-xp 000ad000 fe:01 9977926" + blanks + " /tmp/m",
			Mapping{addr.Range{Lo: 0x400000, Hi: 0x4ad000}, Readable | Executable, 0xad000, Dev{0xfe, 1}, 9977926, "/tmp/m"}},
		{"no name", "1000-2000 rw-s 00000000 00:00 0 ",
			Mapping{addr.Range{Lo: 0x1000, Hi: 0x2000}, Readable | Writable | Shared, 0, Dev{}, 0, ""}},
		{"no name, trimmed", "1000-2000 ---p 00000000 00:00 0",
			Mapping{addr.Range{Lo: 0x1000, Hi: 0x2000}, 0, 0, Dev{}, 0, ""}},
		{"no name, padded", "1000-2000 ---p 00000000 00:00 0" + blanks,
			Mapping{addr.Range{Lo: 0x1000, Hi: 0x2000}, 0, 0, Dev{}, 0, ""}},
		{"the end at 2^64", "fffffffffffff000-0000000000000000 --xp 00000000 00:00 0 [x]",
			Mapping{addr.Range{Lo: 0xfffffffffffff000, Hi: 0}, Executable, 0, Dev{}, 0, "[x]"}},
		{"vsyscall", "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]",
			Mapping{addr.Range{Lo: 0xffffffffff600000, Hi: 0xffffffffff601000}, Executable, 0, Dev{}, 0, "[vsyscall]"}},
		{"a hostile name", "1000-2000 r--p 0 0:0 7 /a  b\t\x1b[31m\xff\r (deleted) ",
			Mapping{addr.Range{Lo: 0x1000, Hi: 0x2000}, Readable, 0, Dev{}, 7, "/a  b\t\x1b[31m\xff\r (deleted) "}},
		{"a name like a line", "1000-2000 r--p 0 0:0 7 /3000-4000 rwxp 0 0:0 0",
			Mapping{addr.Range{Lo: 0x1000, Hi: 0x2000}, Readable, 0, Dev{}, 7, "/3000-4000 rwxp 0 0:0 0"}},
		{"a name of 1 MiB", "1000-2000 r--p 0 0:0 7 /" + strings.Repeat("x", 1<<20),
			Mapping{addr.Range{Lo: 0x1000, Hi: 0x2000}, Readable, 0, Dev{}, 7, "/" + strings.Repeat("x", 1<<20)}},
	}
	for _, tt := range tests {
		for _, end := range []string{"", "\n"} {
			maps, err := ParseMaps([]byte(tt.in + end))
			if err != nil || len(maps) != 1 || maps[0] != tt.want {
				t.Errorf("%s: got %.200v, %v, want %.200v", tt.name, maps, err, tt.want)
			}
		}
	}
}

func TestParseMapsErrors(t *testing.T) {
	const good = "1000-2000 r--p 00000000 00:00 0 \n"
	tests := []struct{ in, want string }{
		{"", ""},
		{good + "\n", `maps line 2 "": not five fields and a name`},
		{good + good[:20], `maps line 2 "1000-2000 r--p 00000": not five fields and a name`},
		{"1000 r--p 0 0:0 0 ", `maps line 1 "1000 r--p 0 0:0 0 ": addresses: not a number of 1 to 16 lower-case hexadecimal digits`},
		{"1000-2000-3000 r--p 0 0:0 0 ", `maps line 1 "1000-2000-3000 r--p 0 0:0 0 ": addresses: not a number of 1 to 16 lower-case hexadecimal digits`},
		{"A000-B000 r--p 0 0:0 0 ", `maps line 1 "A000-B000 r--p 0 0:0 0 ": addresses: not a number of 1 to 16 lower-case hexadecimal digits`},
		{"00000000000001000-2000 r--p 0 0:0 0 ", `maps line 1 "00000000000001000-2000 r--p 0 0:0 0 ": addresses: not a number of 1 to 16 lower-case hexadecimal digits`},
		{"2000-2000 r--p 0 0:0 0 ", `maps line 1 "2000-2000 r--p 0 0:0 0 ": addresses: the start is not below the end`},
		{"2000-1000 r--p 0 0:0 0 ", `maps line 1 "2000-1000 r--p 0 0:0 0 ": addresses: the start is not below the end`},
		{"0-0 r--p 0 0:0 0 ", `maps line 1 "0-0 r--p 0 0:0 0 ": addresses: the start is not below the end`},
		{"1000-2000 r--  0 0:0 0 ", `maps line 1 "1000-2000 r--  0 0:0 0 ": not permissions such as r-xp`},
		{"1000-2000 r--q 0 0:0 0 ", `maps line 1 "1000-2000 r--q 0 0:0 0 ": not permissions such as r-xp`},
		{"1000-2000 wr-p 0 0:0 0 ", `maps line 1 "1000-2000 wr-p 0 0:0 0 ": not permissions such as r-xp`},
		{"1000-2000 r--p -1 0:0 0 ", `maps line 1 "1000-2000 r--p -1 0:0 0 ": offset: not a number of 1 to 16 lower-case hexadecimal digits`},
		{"1000-2000 r--p 0 00 0 ", `maps line 1 "1000-2000 r--p 0 00 0 ": not a device such as fe:01`},
		{"1000-2000 r--p 0 0:123456789 0 ", `maps line 1 "1000-2000 r--p 0 0:123456789 0 ": not a device such as fe:01`},
		{"1000-2000 r--p 0 0:0 +1 ", `maps line 1 "1000-2000 r--p 0 0:0 +1 ": not a decimal inode`},
		{"1000-2000 r--p 0 0:0 18446744073709551616 ", `maps line 1 "1000-2000 r--p 0 0:0 18446744073709551616 ": not a decimal inode`},
		{"1000-2000\tr--p 0 0:0 0 ", `maps line 1 "1000-2000\tr--p 0 0:0 0 ": addresses: not a number of 1 to 16 lower-case hexadecimal digits`},
		{strings.Repeat("x", 1000), `maps line 1 "` + strings.Repeat("x", longestQuote) + `" and 880 bytes more: not five fields and a name`},
	}
	for _, tt := range tests {
		maps, err := ParseMaps([]byte(tt.in))
		if tt.want == "" {
			if err != nil || len(maps) != 0 {
				t.Errorf("%q: got %v, %v, want nothing", tt.in, maps, err)
			}
			continue
		}
		if err == nil || err.Error() != tt.want || maps != nil {
			t.Errorf("%.80q: got %v, %v, want error %s", tt.in, maps, err, tt.want)
		}
		if errors.Is(err, ErrTorn) {
			t.Errorf("%.80q: a bad line is no torn list", tt.in)
		}
	}
}

func TestParseMapsTorn(t *testing.T) {
	const a = "00001000-00003000 r--p 00000000 00:00 0 \n"
	const b = "00002000-00004000 rw-p 00000000 00:00 0 \n"
	const c = "00003000-00005000 r-xp 00000000 00:00 0 \n"
	const top = "fffffffffffff000-00000000 rw-p 00000000 00:00 0 \n"
	tests := []struct{ name, in, want string }{
		{"overlap", a + b + c, a + c},
		{"step back", c + a, c},
		{"twice", a + a + c, a + c},
		{"above 2^64", top + top, top},
	}
	for _, tt := range tests {
		maps, err := ParseMaps([]byte(tt.in))
		var parse *ParseError
		if !errors.Is(err, ErrTorn) || !errors.As(err, &parse) || parse.Line != 2 {
			t.Errorf("%s: got error %v, want ErrTorn of line 2", tt.name, err)
		}
		if got := string(text(maps)); got != tt.want {
			t.Errorf("%s: got\n%swant\n%s", tt.name, got, tt.want)
		}
	}
}

func TestNewlineInName(t *testing.T) {
	m := Mapping{Range: addr.Range{Lo: 0x1000, Hi: 0x2000}, Inode: 1, Name: "/a\nb"}
	if line := m.String(); !strings.HasSuffix(line, ` /a\012b`) || len(line) != nameColumn+len(`/a\012b`) {
		t.Errorf("got line %q", line)
	}
}

func TestMappingJSON(t *testing.T) {
	maps := []Mapping{
		{addr.Range{Lo: 0x400000, Hi: 0x4ad000}, Readable | Executable, 0xfffffffffffff000, Dev{0xfe, 1}, 1<<64 - 1, "/a\x1b\n\"<b>"},
		{addr.Range{Lo: 0xfffffffffffff000}, Shared, 0, Dev{}, 0, "/bad\xff\xfeutf8"},
	}
	for name, text := range fixtures(t) {
		parsed, err := ParseMaps(text)
		if err != nil {
			t.Fatal(name, err)
		}
		maps = append(maps, parsed...)
	}
	for _, m := range maps {
		out, err := json.Marshal(m)
		var back Mapping
		if err != nil || !utf8.Valid(out) || json.Unmarshal(out, &back) != nil || back != m {
			t.Errorf("%q: marshalled to %q, %v, and back to %q", m, out, err, back)
		}
	}
	want := `{"start":"0xfffffffffffff000","end":"0x0","size":4096,"perms":"---s","offset":"0x0",` +
		`"dev":"00:00","inode":"0","name":"/bad\ufffd\ufffdutf8","name_hex":"2f626164fffe75746638"}`
	if out, _ := json.Marshal(maps[1]); string(out) != want {
		t.Errorf("marshalled to\n%s\nwant\n%s", out, want)
	}
	for _, bad := range []string{`{"name_hex":"zz"}`, `{"perms":"rw"}`, `{"dev":"x"}`, `[]`} {
		if err := json.Unmarshal([]byte(bad), new(Mapping)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

// FuzzMappingJSON: a mapping comes back from JSON as it was.
func FuzzMappingJSON(f *testing.F) {
	for _, file := range fixtures(f) {
		maps, _ := ParseMaps(file)
		for _, m := range maps {
			f.Add(uint64(m.Lo), uint64(m.Hi), uint8(m.Perms), uint64(m.Offset), m.Dev.Major, m.Dev.Minor, m.Inode, m.Name)
		}
	}
	for _, name := range hostileNames {
		f.Add(uint64(0), uint64(1<<12), uint8(0), uint64(1<<63), uint32(1<<31), uint32(0), uint64(1<<63), name)
	}
	f.Fuzz(func(t *testing.T, lo, hi uint64, perms uint8, offset uint64, major, minor uint32, inode uint64, name string) {
		m := Mapping{addr.Range{Lo: addr.Addr(lo), Hi: addr.Addr(hi)}, Perms(perms & 15), addr.Bytes(offset), Dev{major, minor}, inode, name}
		out, err := json.Marshal(m)
		var back Mapping
		if err != nil || !utf8.Valid(out) || json.Unmarshal(out, &back) != nil || back != m {
			t.Fatalf("%q: JSON %q, %v, reads as %q", m, out, err, back)
		}
	})
}

func TestPermsText(t *testing.T) {
	for p := range Perms(1 << len(permLetters)) {
		text := p.String()
		var back Perms
		if err := back.UnmarshalText([]byte(text)); err != nil || back != p {
			t.Errorf("%04b is %q, which is %04b, %v", p, text, back, err)
		}
	}
}

// Whatever is read quickly is read the same slowly.
func TestQuickMapping(t *testing.T) {
	compare := func(line []byte) (ok bool) {
		m, err := parseMapping(line, "")
		got, ok := quickMapping(line, "")
		if ok && (err != nil || got != m) {
			t.Errorf("%q: quick %v, else %v, %v", line, got, m, err)
		}
		return ok
	}
	quick, lines := 0, 0
	for _, file := range fixtures(t) {
		for line := range bytes.Lines(file) {
			line = bytes.TrimSuffix(line, newline)
			lines++
			if compare(line) {
				quick++
			}
			for range 20 { // lines that are nearly right
				const letters = "0123456789abcdefABCDEFgrwxsp-: \t\x00/"
				nearly := slices.Clone(line)
				for range 1 + rand.IntN(2) {
					if at := rand.IntN(min(60, len(nearly))); rand.IntN(2) == 0 {
						nearly[at] = letters[rand.IntN(len(letters))]
					} else {
						nearly = append(nearly[:at], nearly[at+1:]...)
					}
				}
				compare(nearly)
			}
		}
	}
	if lines == 0 || quick < lines*9/10 {
		t.Errorf("%d of %d lines are read quickly", quick, lines)
	}
	const rest = " r-xp 0000a000 fe:01 4711       /lib/a"
	for _, line := range []string{
		"", "1000", "1000-2000", "2000-1000" + rest, "1000-1000" + rest, "f000-0" + rest, "00000000000001000-2000" + rest, "-1000-2000" + rest, "1000-2000 r-xp",
		"1000-2000 r-x", "1000-2000 r-xq 0 0:0 0 ", "1000-2000 r-xp A 0:0 0 ", "1000-2000 r-xp 0 0:000000000 0 ", "1000-2000 r-xp 0 0:0 0",
		"1000-2000 r-xp 0 0:0 x ", "1000-2000 r-xp 0 0:0 18446744073709551616 ", "1000-2000 r-xp 0 0:0  7 ", "1000-2000  r-xp 0 0:0 7 ",
	} {
		if m, ok := quickMapping([]byte(line), ""); ok {
			t.Errorf("%q is %v", line, m)
		}
	}
}

func BenchmarkParseMaps(b *testing.B) {
	var in []byte
	for i := range uint64(65000) {
		lo := addr.Addr(0x7f0000000000 + i*0x2000)
		m := Mapping{addr.Range{Lo: lo, Hi: lo + 0x1000}, Readable, addr.Bytes(i * 0x1000), Dev{0xfe, 0}, 4711, "/usr/lib/x86_64-linux-gnu/libc.so.6"}
		in = append(m.Append(in), '\n')
	}
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := ParseMaps(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	m := Mapping{addr.Range{Lo: 0x7f0000000000, Hi: 0x7f0000001000}, Readable, 0x1000, Dev{0xfe, 0}, 4711, "/usr/lib/x86_64-linux-gnu/libc.so.6"}
	var line []byte
	for b.Loop() {
		line = m.Append(line[:0])
	}
}
