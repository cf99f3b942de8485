package report

import (
	"strings"
	"testing"

	"memprobe/layout"
)

func TestParsePerms(t *testing.T) {
	for _, tt := range []struct{ text, fits, not string }{
		{"wx", "rwxp -wxs", "rw-p r-xp ---p"},
		{"r", "r--p rwxs", "---p --xp"},
		{"r-x", "r-xp r-xs", "rwxp --xp r--p"},
		{"r-xp", "r-xp", "r-xs"},
		{"---", "---p ---s", "r--p"},
		{"rw-s", "rw-s", "rw-p rwxs"},
		{"s", "rw-s ---s", "rw-p"},
		{"p", "rw-p", "rw-s"},
		{"rwxp", "rwxp", "rwxs rw-p"},
	} {
		c, err := ParsePerms(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		for _, list := range []struct {
			perms string
			want  bool
		}{{tt.fits, true}, {tt.not, false}} {
			for _, text := range strings.Fields(list.perms) {
				var p layout.Perms
				if err := p.UnmarshalText([]byte(text)); err != nil {
					t.Fatal(err)
				}
				if c.fits(p) != list.want {
					t.Errorf("--perm %s fits %s: %v", tt.text, text, !list.want)
				}
			}
		}
	}
	for _, text := range []string{"", "q", "x-r", "r-", "r-x-p", "w-r", "rwxq", "sp", "r--q", "-", "--"} {
		if _, err := ParsePerms(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestChoice(t *testing.T) {
	s := testSpace(t)
	perms := func(text string) PermChoice {
		c, err := ParsePerms(text)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, tt := range []struct {
		name   string
		choice Choice
		want   string // the first addresses of the parts
	}{
		{"stack and heap", Choice{Parts: []string{"stack", "heap"}}, "0x500000 0x7ffc00000000"},
		{"code without libraries", Choice{Parts: []string{"code"}}, "0x400000"},
		{"machine code with libraries", Choice{Parts: []string{"text"}}, "0x400000 0x7f0000001000"},
		{"libraries", Choice{Parts: []string{"library"}}, "0x7f0000001000"},
		{"a kind of two words", Choice{Parts: []string{"brk-heap"}}, "0x500000"},
		{"exactly read-only", Choice{Perms: perms("r--")}, "0x7f0000000000 0x7f0000007000"},
		{"executable", Choice{Perms: perms("x")}, "0x400000 0x7f0000001000 0xffffffffff600000"},
		{"large", Choice{Min: 0x21000}, "0x500000 0x7ffc00000000"},
		{"large and stack", Choice{Min: 0x21000, Parts: []string{"stack"}}, "0x7ffc00000000"},
		{"a file's name", Choice{File: "libc*"}, "0x7f0000001000"},
		{"a path", Choice{File: "/lib/*"}, "0x7f0000001000"},
		{"a star stops at a slash", Choice{File: "/*.so"}, ""},
		{"the kernel's name, brackets and all", Choice{File: "[heap]"}, "0x500000"},
		{"no name", Choice{File: "none"}, ""},
	} {
		got := tt.choice.of(s)
		var first []string
		for _, p := range got.Parts {
			first = append(first, p.Lo.String())
			if m := got.Mappings[p.Mapping]; !m.Covers(p.Range) {
				t.Errorf("%s: part %v is not in its mapping %v", tt.name, p.Range, m.Range)
			}
		}
		if strings.Join(first, " ") != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, strings.Join(first, " "), tt.want)
		}
		if len(got.Gaps) != 0 {
			t.Errorf("%s: gaps between what was chosen", tt.name)
		}
	}
}

// TestMapsForms: the list, the table and the kernel's text, of all and of a choice.
func TestMapsForms(t *testing.T) {
	s := testSpace(t)
	order := func(name string) *Order {
		o, err := FindOrder(name)
		if err != nil {
			t.Fatal(err)
		}
		return &o
	}
	bySize := MapsView{Order: order("size")}
	golden(t, "maps.list.80.txt", render(t, "text", Maps(s, bySize), Options{Width: 80}))
	golden(t, "maps.list.160.txt", render(t, "text", Maps(s, MapsView{Order: order("addr"), All: true}), Options{Width: 160}))
	chosen := MapsView{Choice: Choice{Parts: []string{"heap", "stack", "library"}}}
	golden(t, "maps.chosen.80.txt", render(t, "text", Maps(s, chosen), Options{Width: 80}))
	golden(t, "maps.chosen.json", render(t, "json", Maps(s, chosen), Options{}))
	golden(t, "maps.csv", render(t, "csv", Maps(s, bySize), Options{}))

	raw := render(t, "maps", Maps(s, MapsView{}), Options{})
	again, err := layout.ParseMaps([]byte(raw))
	if err != nil || len(again) != len(s.Mappings) {
		t.Fatalf("the kernel's form does not read back: %d mappings, %v", len(again), err)
	}
	for i, m := range again {
		if m != s.Mappings[i] {
			t.Errorf("%v becomes %v", s.Mappings[i], m)
		}
	}
	for l := range strings.Lines(render(t, "maps", Maps(s, MapsView{}), Options{Terminal: true})) {
		for _, r := range strings.TrimSuffix(l, "\n") {
			if needsEscape(r) && r != '\\' {
				t.Errorf("a terminal gets %U", r)
			}
		}
	}
	if got := render(t, "text", Maps(s, MapsView{Choice: Choice{Min: 1 << 40}}), Options{Width: 80}); !strings.Contains(got, "Chosen: 0 bytes, 0 parts in 0 mappings.") {
		t.Errorf("nothing chosen is told as\n%s", got)
	}
}
