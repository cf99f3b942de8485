package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
	"github.com/google/go-cmp/cmp"

	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/lesson"
)

// testBase is where the tests' scenarios run, so that no address differs between
// two runs, as address space randomisation would have it.
const testBase addr.Addr = 0x10_0000_0000

// fixed is the trace of a scenario with all that a run can't repeat set to
// something: process number, machine, the kernel's figures and lines.
func fixed(t *testing.T, s *probe.Scenario, opts probe.Options) *probe.Trace {
	t.Helper()
	opts.Base = testBase
	trace, err := probe.Run(s, opts)
	if err != nil {
		t.Skipf("a reservation at %v is not to be had here: %v", testBase, err)
	}
	if trace.PageSize != 4096 {
		t.Skipf("the golden files were made with pages of 4096 bytes, here they have %d", trace.PageSize)
	}
	trace.PID, trace.Arch = 4242, "amd64"
	trace.Memory.Maps = []string{
		"1000000000-1000001000 ---p 00000000 00:00 0 ",
		"1000001000-1000002000 rw-p 00000000 00:00 0 ",
		"1000002000-10048ff000 ---p 00000000 00:00 0 ",
		"10048ff000-1004900000 rw-p 00000000 00:00 0 ",
		"1004900000-1004901000 ---p 00000000 00:00 0 ",
	}
	for i := range trace.Steps {
		k := &trace.Steps[i].Kernel // a race detector's faults, or an emulator's, come on top
		k.Faults = k.Resident / int64(trace.PageSize)
	}
	return trace
}

func render(t *testing.T, format string, d Document, o Options) string {
	t.Helper()
	f, err := FindFormat(format)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.Write(&b, d, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// pictures are the forms of the text that have golden files.
var pictures = []struct {
	suffix string
	opts   Options
}{
	{"80.txt", Options{Width: 80}},
	{"120.txt", Options{Width: 120}},
	{"ascii.txt", Options{Width: 80, ASCII: true}},
	{"color.txt", Options{Width: 120, Color: true}},
}

func TestScenarioGolden(t *testing.T) {
	for _, s := range lesson.All {
		d := Scenario(fixed(t, s, probe.Options{}))
		for _, picture := range pictures {
			golden(t, s.Name+"."+picture.suffix, render(t, "text", d, picture.opts))
		}
		golden(t, s.Name+".json", render(t, "json", d, Options{}))
	}
}

// TestHeldGolden: what a reader sees who changes "hello" into "Jello" at a hold.
func TestHeldGolden(t *testing.T) {
	trace := fixed(t, lesson.String, probe.Options{PauseAt: 2, Pause: func(*probe.Machine) error { return nil }})
	again := &trace.Steps[2]
	block := &again.Heap.Blocks[0]
	block.Bytes = append(probe.Hex{'J'}, block.Bytes[1:]...)
	again.Frames[0].Vars[0].Value = `"Jello"`
	golden(t, "string.held.80.txt", render(t, "text", ScenarioResumed(trace, 2), Options{Width: 80}))
}

// TestJSONRoundTrip: a trace that was read back is the same trace.
func TestJSONRoundTrip(t *testing.T) {
	for _, s := range lesson.All {
		trace := fixed(t, s, probe.Options{})
		line := render(t, "json", Scenario(trace), Options{Line: true})
		if strings.Count(line, "\n") != 1 {
			t.Errorf("%s: the trace on one line has %d line ends", s.Name, strings.Count(line, "\n"))
		}
		var back probe.Trace
		if err := json.Unmarshal([]byte(line), &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(trace, &back); diff != "" {
			t.Errorf("%s: written and read back (- written, + read):\n%s", s.Name, diff)
		}
	}
}

// longAddress is an address as it stands in the tests' traces.
var longAddress = regexp.MustCompile(`0x10[0-9a-f]{8}\b`)

// TestPicturesFit: at every width no line is longer than asked, every frame and
// block shows its address whole, and every box is closed.
func TestPicturesFit(t *testing.T) {
	for _, s := range lesson.All {
		trace := fixed(t, s, probe.Options{})
		for width := MinWidth; width <= 210; width++ {
			for _, ascii := range []bool{false, true} {
				got := render(t, "text", Scenario(trace), Options{Width: width, ASCII: ascii})
				for l := range strings.Lines(got) {
					if n := displaywidth.String(strings.TrimRight(l, "\n")); n > width {
						t.Fatalf("%s at %d: a line has %d cells:\n%s", s.Name, width, n, l)
					}
				}
				checkBoxes(t, fmt.Sprintf("%s at %d", s.Name, width), got, ascii)
				shown := longAddress.FindAllString(got, -1)
				for _, step := range trace.Steps {
					for _, f := range step.Frames {
						contains(t, shown, f.End.String())
						for _, v := range f.Vars {
							contains(t, shown, v.Addr.String())
						}
					}
				}
			}
		}
	}
}

func contains(t *testing.T, shown []string, address string) {
	t.Helper()
	for _, a := range shown {
		if a == address {
			return
		}
	}
	t.Errorf("address %s is not shown whole", address)
}

// checkBoxes looks, in Unicode pictures, that each corner and border is met by
// its neighbours: a cell that a line leaves downward has one below that it comes
// from upward.
func checkBoxes(t *testing.T, name, picture string, ascii bool) {
	t.Helper()
	if ascii {
		return
	}
	const goesDown, comesUp = "│┌┐├┤┬┼", "│└┘├┤┴┼"
	lines := strings.Split(picture, "\n")
	for y := 0; y+1 < len(lines); y++ {
		below := []rune(lines[y+1])
		for x, r := range []rune(lines[y]) {
			if !strings.ContainsRune(goesDown, r) {
				continue
			}
			if x >= len(below) || !strings.ContainsRune(comesUp+"▶◀", below[x]) {
				t.Errorf("%s: the line at column %d of\n%s\nends above\n%s", name, x, lines[y], lines[y+1])
				return
			}
		}
	}
}

// TestArrows: pointers to several blocks, in an order that makes their arrows
// cross rows, each end at their own block.
func TestArrows(t *testing.T) {
	block := func(i int) addr.Addr { return testBase + addr.Addr(0x1000+i*0x20) }
	var step probe.Step
	f := probe.Frame{Name: "main", Start: testBase + 0x4000, End: testBase + 0x4100}
	for i, to := range []int{2, 0, 1} { // from the lowest variable up
		at := f.Start + addr.Addr(i*8)
		target := block(to)
		f.Vars = append(f.Vars, probe.Var{
			Name: string(rune('a' + i)), Type: "Box<i32>", Addr: at, Size: 8, Align: 8, Bytes: make(probe.Hex, 8), Value: "5", State: probe.Live,
			Fields: []probe.Field{{Name: "ptr", Type: "*mut i32", Addr: at, Size: 8, Bytes: make(probe.Hex, 8), Value: target.String(), PointsTo: &target}},
		})
		step.Heap.Blocks = append(step.Heap.Blocks, probe.Block{Addr: block(i), Size: 32, Requested: 20, State: probe.BlockUsed, Bytes: make(probe.Hex, 20)})
	}
	step.Frames = []probe.Frame{f}
	step.SP = f.Start
	trace := &probe.Trace{Scenario: "arrows", Source: []string{"fn main() {}"}, Steps: []probe.Step{step}}
	trace.Steps[0].N, trace.Steps[0].Line = 1, 1
	d := Scenario(trace)
	golden(t, "arrows.120.txt", render(t, "text", d, Options{Width: 120}))
	golden(t, "arrows.ascii.txt", render(t, "text", d, Options{Width: 120, ASCII: true}))
	checkBoxes(t, "arrows", render(t, "text", d, Options{Width: 120}), false)
}

// TestWideValues: values and types that no column was made for stay whole.
func TestWideValues(t *testing.T) {
	wide := strings.Repeat("long ", 60)
	v := probe.Var{Name: "text", Type: "HashMap<String, Vec<Option<Box<i128>>>>", Addr: testBase, Size: 40, Align: 8, Bytes: make(probe.Hex, 40), Value: `"` + wide + `"`, State: probe.Live}
	v.Fields = []probe.Field{{Name: "a_name_of_a_field_that_is_long.ptr", Type: "u128", Addr: testBase, Size: 16, Bytes: make(probe.Hex, 16), Value: "170141183460469231731687303715884105728"}}
	trace := &probe.Trace{Scenario: "wide", Source: []string{"fn main() {}"}, Steps: []probe.Step{{N: 1, Line: 1, SP: testBase, Frames: []probe.Frame{{Name: "main", Start: testBase, End: testBase + 48, Vars: []probe.Var{v}}}}}}
	for _, width := range []int{MinWidth, 80, 120, 160} {
		got := render(t, "text", Scenario(trace), Options{Width: width})
		for l := range strings.Lines(got) {
			if n := displaywidth.String(strings.TrimRight(l, "\n")); n > width {
				t.Errorf("at %d a line has %d cells:\n%s", width, n, l)
			}
		}
		checkBoxes(t, fmt.Sprintf("wide at %d", width), got, false)
		var digits strings.Builder
		for _, r := range got {
			if r >= '0' && r <= '9' {
				digits.WriteRune(r)
			}
		}
		if !strings.Contains(digits.String(), "170141183460469231731687303715884105728") {
			t.Errorf("at %d the number is cut:\n%s", width, got)
		}
	}
}

// TestColorOnlyRepeats: without its escape sequences a coloured picture is the
// plain one.
func TestColorOnlyRepeats(t *testing.T) {
	sgr := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for _, s := range lesson.All {
		d := Scenario(fixed(t, s, probe.Options{}))
		colored := render(t, "text", d, Options{Width: 120, Color: true})
		if plain := render(t, "text", d, Options{Width: 120}); sgr.ReplaceAllString(colored, "") != plain {
			t.Errorf("%s: colour changes more than colour", s.Name)
		}
	}
}

func TestASCIIOnly(t *testing.T) {
	for _, s := range lesson.All {
		got := render(t, "text", Scenario(fixed(t, s, probe.Options{})), Options{Width: 120, ASCII: true})
		for _, r := range got {
			if r > 0x7e {
				t.Errorf("%s: %q in an ASCII picture", s.Name, r)
				break
			}
		}
	}
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "/bin/cat", "a\x1b[31mb", `\x1b`, "\\", "\n", `\012`, "\u202e", "\u009b", "\xff", "\ufffd", "é", "\u00a0"} {
		f.Add(s, s+"x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		ea, eb := escape(a), escape(b)
		if !utf8.ValidString(ea) {
			t.Fatalf("escape(%q) = %q is not UTF-8", a, ea)
		}
		for _, r := range ea {
			if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u00a0' || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
				t.Fatalf("escape(%q) = %q lets %U through", a, ea, r)
			}
		}
		if a != b && ea == eb {
			t.Fatalf("escape(%q) = escape(%q) = %q", a, b, ea)
		}
	})
}

func TestUnits(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{size(0), "0 bytes"}, {size(1), "1 byte"}, {size(1023), "1,023 bytes"}, {size(4096), "4 KiB"}, {size(64 << 20), "64 MiB"}, {size(5000), "4.9 KiB"},
		{exactly(16), "16 bytes"}, {exactly(4096), "4 KiB (4,096 bytes)"}, {exactly(1<<64 - 1), "16 EiB (18,446,744,073,709,551,615 bytes)"},
		{plural(1, "part"), "1 part"}, {plural(1200, "part"), "1,200 parts"}, {hexBytes([]byte{0, 255}), "00 ff"}, {chars([]byte("hi\x00")), "hi."}, {chars([]byte{0, 1}), ""},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
