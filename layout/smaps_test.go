package layout

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const smapsText = `00400000-00401000 r-xp 00000000 fe:01 7                                  /prog Rss: 1 kB
Size:                  4 kB
KernelPageSize:       64 kB
Rss:                  12 kB
Pss:                   7 kB
Pss_Dirty:             0 kB
Shared_Clean:          8 kB
Private_Dirty:         4 kB
AnonHugePages:      2048 kB
Private_Hugetlb:    4096 kB
Swap:                 16 kB
THPeligible:           0
ProtectionKey:         0
VmFlags: rd ex mr mw me gd 
7ff000000000-7ff000002000 rw-p 00000000 00:00 0 
Rss:                   8 kB
`

func TestParseSmaps(t *testing.T) {
	maps, figures, err := ParseSmaps([]byte(smapsText))
	if err != nil || len(maps) != 2 || maps[0].Name != "/prog Rss: 1 kB" {
		t.Fatalf("got %v, %v", maps, err)
	}
	want := []Figures{
		{
			RSS: 12 << 10, PSS: 7 << 10, SharedClean: 8 << 10, PrivateDirty: 4 << 10, AnonHuge: 2 << 20, PrivateHugetlb: 4 << 20,
			Swap: 16 << 10, PageSize: 64 << 10, Flags: "rd ex mr mw me gd",
		},
		{RSS: 8 << 10},
	}
	if !reflect.DeepEqual(figures, want) {
		t.Errorf("got\n%+v\nwant\n%+v", figures, want)
	}
	if f := figures[0]; f.Huge() != 6<<20 || !f.HasFlag("gd") || f.HasFlag("rd ex") {
		t.Errorf("got %+v", f)
	}
	for cut := range len(smapsText) { // in two pieces
		var s smapsReader
		lines := feeder{to: &s}
		if err := errors.Join(lines.feed([]byte(smapsText[:cut])), lines.feed([]byte(smapsText[cut:])), lines.end()); err != nil ||
			!reflect.DeepEqual(s.figures, want) || !reflect.DeepEqual(s.maps, maps) {
			t.Fatalf("cut at %d: %v, %+v", cut, err, s.figures)
		}
	}
	if !isSmaps([]byte(smapsText)) || isSmaps([]byte(maps[0].String()+"\n"+maps[1].String()+"\n")) || isSmaps(nil) {
		t.Error("smaps and maps are not told apart")
	}
}

// Figures that are the same to the byte as those before are not read again, but they are
// told: of each mapping, and in a text that goes on in any way.
func TestParseSmapsAlike(t *testing.T) {
	const (
		one = "Rss: 1 kB\nPss: 1 kB\n"
		two = "Rss: 2 kB\n"
	)
	var text strings.Builder
	var want []Figures
	for i, figures := range []string{one, one, two, two, one + two, one, one + two, one + two, one, one, "", "", one, one, two, one, one} {
		fmt.Fprintf(&text, "%x-%x r--p 00000000 00:00 0 \n%s", 0x1000*(i+1), 0x1000*(i+2), figures)
		var f Figures
		if strings.Contains(figures, one) {
			f.RSS, f.PSS = 1<<10, 1<<10
		}
		if strings.HasSuffix(figures, two) {
			f.RSS = 2 << 10
		}
		want = append(want, f)
	}
	if _, got, err := ParseSmaps([]byte(text.String())); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, got\n%+v, want\n%+v", err, got, want)
	}
	torn := "1000-3000 r--p 0 0:0 0 \n" + one + "2000-3000 r--p 0 0:0 0 \n" + two + "3000-4000 r--p 0 0:0 0 \n" + one + two + "4000-5000 r--p 0 0:0 0 \n" + one
	_, got, err := ParseSmaps([]byte(torn))
	if !errors.Is(err, ErrTorn) || !reflect.DeepEqual(got, []Figures{want[0], want[4], want[0]}) {
		t.Errorf("torn: %v, %+v", err, got)
	}
	_, _, err = ParseSmaps([]byte(text.String() + "Rss: x\n"))
	if parse := new(ParseError); !errors.As(err, &parse) || parse.Line != strings.Count(text.String(), "\n")+1 {
		t.Errorf("a bad line: %v", err)
	}
}

func TestParseSmapsErrors(t *testing.T) {
	const head = "1000-2000 r--p 00000000 00:00 0 \n"
	for in, want := range map[string]string{
		"Rss: 1 kB\n":                          `maps line 1 "Rss: 1 kB": a figure before the first mapping`,
		head + "Rss: kB\n":                     `maps line 2 "Rss: kB": not a field such as "Rss: 12 kB"`,
		head + "Rss: 12 MB":                    `maps line 2 "Rss: 12 MB": not a field such as "Rss: 12 kB"`,
		head + "Rss: 99999999999999999 kB":     `maps line 2 "Rss: 99999999999999999 kB": not a field such as "Rss: 12 kB"`,
		head + "Rss\n":                         `maps line 2 "Rss": not a field such as "Rss: 12 kB"`,
		head + "\n":                            `maps line 2 "": not five fields and a name`,
		head + "Rss: 1 kB\n" + "3000-x r--p\n": `maps line 3 "3000-x r--p": not five fields and a name`,
	} {
		if _, _, err := ParseSmaps([]byte(in)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", in, err, want)
		}
	}
	maps, figures, err := ParseSmaps([]byte(head + "Rss: 4 kB\n" + head + "Rss: 8 kB\n"))
	if !errors.Is(err, ErrTorn) || len(maps) != 1 || len(figures) != 1 || figures[0].RSS != 4096 {
		t.Errorf("a mapping twice: %v, %+v, %v", maps, figures, err)
	}
}

// The figures of this process, mapping for mapping those of the mappings.
func TestReadSmaps(t *testing.T) {
	for _, pid := range []int{0, os.Getppid()} {
		maps, figures, err := ReadSmaps(pid)
		if errors.Is(err, ErrPermission) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		resident := false
		for i, f := range figures {
			resident = resident || f.RSS > 0 && f.PSS <= f.RSS
			if f.RSS > maps[i].Size() {
				t.Errorf("%v: %d bytes in memory", maps[i], f.RSS)
			}
		}
		if len(maps) == 0 || len(maps) != len(figures) || !resident {
			t.Errorf("process %d: %d mappings, %d figures", pid, len(maps), len(figures))
		}
	}
}

func TestDescribeText(t *testing.T) {
	for name, want := range map[string]struct {
		bits int
		page int
	}{
		"pie": {47, 4096}, "static": {47, 4096}, "arm64-48bit": {48, 4096}, "arm64-39bit": {39, 4096},
		"arm64-52bit": {52, 64 << 10}, "arm64-64k": {48, 64 << 10}, "i386": {32, 4096},
	} {
		text, err := os.ReadFile("testdata/" + name + ".maps")
		if err != nil {
			t.Fatal(err)
		}
		s, err := DescribeText(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkTiled(t, s.Mappings, s.Parts)
		if s.UserBits != want.bits || int(s.PageSize) != want.page || !s.Text || s.Reserved == 0 || len(s.Gaps) == 0 {
			t.Errorf("%s: %d bits, pages of %d, %d reserved", name, s.UserBits, s.PageSize, s.Reserved)
		}
	}
	s, err := DescribeText([]byte(smapsText))
	if err != nil || s.Resident != 20<<10 || !s.ResidentKnown || len(s.Figures) != 2 {
		t.Errorf("smaps: got %+v, %v", s, err)
	}
	torn := strings.Repeat("1000-2000 r--p 00000000 00:00 0 \n", 2)
	if s, err := DescribeText([]byte(torn)); err != nil || !s.Changed || len(s.Mappings) != 1 {
		t.Errorf("torn: got %+v, %v", s, err)
	}
	for in, want := range map[string]error{"": ErrNoLines, "\n": errFields, "hello": errFields} {
		if _, err := DescribeText([]byte(in)); !errors.Is(err, want) {
			t.Errorf("%q: got %v", in, err)
		}
	}
}

// FuzzSmaps: an accepted text has figures for each mapping, however it is cut.
func FuzzSmaps(f *testing.F) {
	f.Add([]byte(smapsText), 100)
	f.Add([]byte("1000-2000 r--p 0 0:0 0 \nRss: 1 kB\n"), 30)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		maps, figures, err := ParseSmaps(in)
		if len(maps) != len(figures) || err != nil && !errors.Is(err, ErrTorn) && maps != nil {
			t.Fatalf("%d mappings, %d figures, %v", len(maps), len(figures), err)
		}
		cut = max(0, min(cut, len(in)))
		var s smapsReader
		lines := feeder{to: &s}
		pieces := lines.feed(in[:cut])
		if pieces == nil {
			pieces = errors.Join(lines.feed(in[cut:]), lines.end())
		}
		if (pieces == nil) != (err == nil || errors.Is(err, ErrTorn)) {
			t.Fatalf("whole: %v, in pieces: %v", err, pieces)
		}
		if pieces == nil && !slices.Equal(s.figures, figures) {
			t.Fatalf("whole: %+v, in pieces: %+v", figures, s.figures)
		}
		if space, err := DescribeText(in); err == nil {
			checkTiled(t, space.Mappings, space.Parts)
		}
	})
}

func BenchmarkParseSmaps(b *testing.B) {
	in := []byte(smapsText)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, _, err := ParseSmaps(in); err != nil {
			b.Fatal(err)
		}
	}
}
