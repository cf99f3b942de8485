package report

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// TestBriefNames: a name of a KiB is whole, a longer one ends in how much is left out.
func TestBriefNames(t *testing.T) {
	a := func(n int) string { return strings.Repeat("a", n) }
	for _, tt := range []struct{ what, name, want string }{
		{"nothing", "", ""},
		{"1,023 bytes", a(1023), a(1023)},
		{"1,024 bytes", a(1024), a(1024)},
		{"1,024 bytes that all need an escape", strings.Repeat("\x1b", 1024), strings.Repeat(`\x1b`, 1024)},
		{"1,025 bytes", a(1025), a(1024) + "... and 1 byte more"},
		{"70,000 bytes", a(70000), a(1024) + "... and 68,976 bytes more"},
		{"a control at the cut", a(1023) + "\x1b[2J", a(1023) + `\x1b... and 3 bytes more`},
		{"a control behind the cut", a(1024) + "\x1b[2J", a(1024) + "... and 4 bytes more"},
		{"a backslash at the cut", a(1023) + `\012`, a(1023) + `\\... and 3 bytes more`},
		{"two bytes across the cut", a(1023) + "éb", a(1023) + "... and 3 bytes more"},
		{"two bytes before the cut", a(1022) + "éb", a(1022) + "é... and 1 byte more"},
		{"three bytes across the cut", a(1022) + "表b", a(1022) + "... and 4 bytes more"},
		{"four bytes across the cut", a(1021) + "\U0001f600", a(1021) + "... and 4 bytes more"},
		{"right to left across the cut", a(1022) + "\u202etxt", a(1022) + "... and 6 bytes more"},
		{"half a character at the cut", a(1023) + "\xc3a", a(1023) + `\xc3... and 1 byte more`},
		{"ends without a start", a(1020) + "\x80\x80\x80\x80\x80\x80", a(1020) + `\x80\x80\x80\x80... and 2 bytes more`},
	} {
		if got := brief(tt.name); got != tt.want {
			t.Errorf("%s: got ...%q, want ...%q", tt.what, got[max(0, len(got)-50):], tt.want[max(0, len(tt.want)-50):])
		}
	}
}

// TestBriefIsABeginning: what is shown of a name is the escaped beginning of it, to a
// character's end.
func TestBriefIsABeginning(t *testing.T) {
	letters := []string{"a", "é", "表", "\U0001f600", "\x1b", "\\", "\xff", "\x80", "\xe8\xa1", "\u202e", " "}
	for range 500 {
		var b strings.Builder
		for n := 1015 + rand.IntN(20); b.Len() < n; {
			b.WriteString(letters[rand.IntN(len(letters))])
		}
		name := b.String()
		cut := len(name)
		for at := range name { // where characters begin
			if len(name) > mostOfName && at <= mostOfName {
				cut = at
			}
		}
		want := escape(name)
		if cut < len(name) {
			want = escape(name[:cut]) + "... and " + plural(len(name)-cut, "byte") + " more"
		}
		if got := brief(name); got != want {
			t.Fatalf("%q: got ...%q, want ...%q", name[1000:], got[len(got)-60:], want[len(want)-60:])
		}
	}
}

// TestBriefWithin: words behind a long name stay, and nothing is said to be left out that
// is not.
func TestBriefWithin(t *testing.T) {
	for n := 1; n < 1400; n++ {
		for _, letter := range []string{"a", "表"} {
			words := strings.Repeat(letter, n/len(letter)) + ": no reason"
			got := briefWithin(words)
			if len(words) <= mostOfName+256 && got != words {
				t.Fatalf("%d bytes: got %q", len(words), got)
			}
			if !strings.HasSuffix(got, ": no reason") || !utf8.ValidString(got) {
				t.Fatalf("%d bytes: got %q", len(words), got)
			}
			if start, rest, cut := strings.Cut(got, "... and "); cut {
				var more int
				if _, err := fmt.Sscanf(rest, "%d byte", &more); err != nil {
					t.Fatal(err)
				}
				_, end, _ := strings.Cut(rest, " ... ")
				if len(start)+more+len(end) != len(words) || more == 0 {
					t.Fatalf("%d bytes: %d shown, %d said to be more, then %d", len(words), len(start), more, len(end))
				}
			}
		}
	}
}

// longNames is a process whose files, parts, sections, threads and notes have names of
// 70,000 bytes.
func longNames(t *testing.T) (s *layout.Space, name string) {
	t.Helper()
	name = "/lib/" + strings.Repeat("\x1b/表\xff", 69700/6) + "/"
	const file = "/base.so"
	name += strings.Repeat("b", 70000-len(name)-len(file)) + file
	s = residentSpace(t)
	for i := range s.Mappings {
		if s.Mappings[i].Inode != 0 {
			s.Mappings[i].Name = name
		}
	}
	s.Mappings[8].Name, s.Mappings[9].Name = "[anon:"+name+"]", "[anon:"+name+"]"
	for i := range s.Parts {
		p := &s.Parts[i]
		if p.Object != "" {
			p.Object = name
		}
		p.Label = name
		if p.Kind == layout.KindText || p.Kind == layout.KindData {
			p.Sections = []layout.Section{{Range: p.Range, Name: name}}
		}
	}
	for i := range s.Stacks {
		s.Stacks[i].Name = name
	}
	s.Comm, s.Exe, s.Notes = name, name, []string{name + ": its sections are not known"}
	return s, name
}

// TestLongNamesInReports: what is for a reader shows the beginning of a long name, what
// is for a program every byte.
func TestLongNamesInReports(t *testing.T) {
	s, name := longNames(t)
	later, _ := longNames(t)
	later.Mappings, later.Parts, later.Figures = later.Mappings[1:11], slices.Clone(later.Parts[1:11]), later.Figures[1:11]
	for i := range later.Parts {
		later.Parts[i].Mapping--
	}
	changes := Changes{name, s, layout.Diff(s, later)}
	symbols := func(a addr.Addr) (layout.Symbol, error) {
		y, err := testSymbols(a)
		if err == nil {
			y.Name, y.Object = name, name
		} else {
			err = fmt.Errorf("%s: %w", name, err)
		}
		return y, err
	}
	proc := Process{Space: s, Symbols: symbols}
	memory := Memory{Addr: s.Parts[10].Lo, Bytes: []byte{0x10, 0x10, 0x40, 0, 0, 0, 0, 0, 0x10, 0, 0x50, 0, 0, 0, 0, 0}, Asked: 16}
	beyond := Beyond{Explain: true, Chain: []Hop{{At: 0x401010, Value: 0x402008}, {At: 0x402008, Value: 0x500008}}}
	words := func(report string) string { return strings.Join(strings.Fields(report), " ") }
	bySize := MapsView{Order: &Orders[1]}
	for what, d := range map[string]Document{
		"maps": Maps(s, MapsView{}), "maps --all": Maps(s, MapsView{All: true}), "maps --sort": Maps(s, bySize),
		"maps --resident": Maps(s, MapsView{Resident: true}), "maps --resident --all": Maps(s, MapsView{Resident: true, All: true}),
		"maps --watch": Maps(later, MapsView{Changes: &changes}), "maps --since": MapsChanged(later, changes, Choice{}),
		"maps --explain": Explain(s, MapsView{}), "maps --pages": Pages(s, MapsView{}, testPages), "read": Dump(proc, memory),
		"where in code": Where(proc, 0x401010, beyond), "where in a file": Where(proc, 0x7f0000000010, beyond), "where in a library": Where(proc, 0x7f0000001010, beyond),
		"where on a stack": Where(proc, 0x7f0000004810, beyond), "where between": Where(proc, 0x600000, Beyond{}),
	} {
		got := render(t, "text", d, Options{Width: 160})
		noRawText(t, what, got)
		if !strings.Contains(words(got), "... and 68,976 bytes more") || len(got) > len(name) {
			t.Errorf("%s: %d bytes, or no name is cut", what, len(got))
		}
	}
	if got := render(t, "text", Maps(s, MapsView{}), Options{Width: 160}); !strings.Contains(words(got), ": its sections are not known") || !strings.Contains(got, "r--  base.so\n") {
		t.Errorf("the reason behind a name, or a file's own name, is lost in\n%s", got)
	}

	csvName := escape(name)
	for form, want := range map[string]string{"csv": csvName, "maps": name} {
		if got := render(t, form, Maps(s, MapsView{}), Options{}); !strings.Contains(got, want) || strings.Contains(got, "bytes more") {
			t.Errorf("%s has not every byte", form)
		}
	}
	read, err := new(layout.Space), error(nil)
	if err = read.UnmarshalJSON([]byte(render(t, "json", Maps(s, MapsView{}), Options{}))); err != nil || read.Mappings[0].Name != name || read.Parts[3].Object != name || read.Comm != name {
		t.Errorf("JSON has not every byte: %v", err)
	}
	for what, d := range map[string]Document{"where": Where(proc, 0x401010, beyond), "read": Dump(proc, memory), "--explain": Explain(s, MapsView{}), "--since": MapsChanged(later, changes, Choice{}), "--pages": Pages(s, MapsView{}, testPages)} {
		got := render(t, "json", d, Options{})
		if strings.Contains(got, "bytes more") || !strings.Contains(got, strings.Repeat("b", 4)) {
			t.Errorf("%s: JSON has names that are cut", what)
		}
	}
}
