package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
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
		t.Run(s.Name, func(t *testing.T) {
			d := Scenario(fixed(t, s, probe.Options{}))
			for _, picture := range pictures {
				if picture.opts.Color && !slices.Contains(inColor, s) {
					continue
				}
				golden(t, s.Name+"."+picture.suffix, render(t, "text", d, picture.opts))
			}
			golden(t, s.Name+".json", render(t, "json", d, Options{}))
		})
	}
}

// inColor are the scenarios of which there is a golden file in colour, too: TestColorOnlyRepeats
// is there for the others.
var inColor = []*probe.Scenario{lesson.Frames, lesson.String, lesson.Box}

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
		if !reflect.DeepEqual(trace, &back) {
			t.Errorf("%s: written and read back (- written, + read):\n%s", s.Name, cmp.Diff(trace, &back))
		}
	}
}

// anAddress is an address as a picture shows it.
var anAddress = regexp.MustCompile(`0x[0-9a-f]+\b`)

// TestPicturesFit: at every width no line is longer than asked, every frame, variable,
// block, thread and landmark shows its address whole, and every box is closed. The
// memory lies where the kernel likes, so that addresses are as long as they get.
func TestPicturesFit(t *testing.T) {
	for i, s := range lesson.All {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			trace, err := probe.Run(s, probe.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, width := range []int{72, 80, 100, 115, 116, 120, 200} {
				checkPicture(t, trace, Options{Width: width})
			}
			for width := MinWidth + i%9; width <= 210; width += 9 { // each width for some of the scenarios
				checkPicture(t, trace, Options{Width: width})
			}
			for _, width := range []int{72, 120} {
				checkPicture(t, trace, Options{Width: width, ASCII: true})
			}
			for seed := range uint64(min(5, 5*len(s.Numbers))) {
				other, err := probe.Run(s, probe.Options{Seed: &seed})
				if err != nil {
					t.Fatal(err)
				}
				checkPicture(t, other, Options{Width: 72})
				checkPicture(t, other, Options{Width: 116})
			}
		})
	}
}

// checkPicture draws a run and looks at what must be so of every picture.
func checkPicture(t *testing.T, trace *probe.Trace, o Options) {
	t.Helper()
	name := fmt.Sprintf("%s at %d", trace.Scenario, o.Width)
	got := render(t, "text", Scenario(trace), o)
	for l := range strings.Lines(got) {
		if n := displaywidth.String(strings.TrimRight(l, "\n")); n > o.Width {
			t.Errorf("%s: a line has %d cells:\n%s", name, n, l)
		}
	}
	if !o.ASCII {
		checkBoxes(t, name, got)
	}
	shown := map[string]bool{}
	for _, a := range anAddress.FindAllString(got, -1) {
		shown[a] = true
	}
	for a, what := range addresses(trace) {
		if !shown[a.String()] {
			t.Errorf("%s: %v, of %s, is not shown whole", name, a, what)
		}
	}
}

// addresses are those that a picture of a run has to show, and whose they are.
func addresses(trace *probe.Trace) map[addr.Addr]string {
	all := map[addr.Addr]string{}
	for _, step := range trace.Steps {
		for _, f := range slices.Concat(step.Frames, step.Popped) {
			all[f.End] = "the end of frame " + f.Name
			for _, v := range f.Vars {
				all[v.Addr] = v.Name
			}
		}
		for _, b := range step.Heap.Blocks {
			if b.State == probe.BlockUsed {
				all[b.Addr] = "a block"
			}
		}
		for _, thread := range step.Threads {
			all[thread.Stack.Lo], all[thread.SP] = "a thread's stack", "a stack pointer"
		}
		for _, l := range step.Landmarks {
			all[l.Addr] = l.What
		}
		all[step.SP] = "the stack pointer"
	}
	return all
}

// checkBoxes looks, in Unicode pictures, that each corner and border is met by
// its neighbours: a cell that a line leaves downward has one below that it comes
// from upward.
func checkBoxes(t *testing.T, name, picture string) {
	t.Helper()
	const goesDown, comesUp = "│┌┐├┤┬┼╭╮", "│└┘├┤┴┼╰╯o"
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
	checkBoxes(t, "arrows", render(t, "text", d, Options{Width: 120}))
}

// TestWideValues: values and types that no column was made for stay whole.
func TestWideValues(t *testing.T) {
	wide := strings.Repeat("long ", 60)
	v := probe.Var{Name: "text", Type: "HashMap<String, Vec<Option<Box<i128>>>>", Addr: testBase, Size: 40, Align: 8, Bytes: make(probe.Hex, 40), Value: `"` + wide + `"`, State: probe.Live}
	v.Fields = []probe.Field{{Name: "a_name_of_a_field_that_is_long.ptr", Type: "u128", Addr: testBase, Size: 16, Bytes: make(probe.Hex, 16), Value: "170141183460469231731687303715884105728"}}
	trace := &probe.Trace{Scenario: "wide", Source: []string{"fn main() {}"}, Steps: []probe.Step{{N: 1, Line: 1, SP: testBase, Frames: []probe.Frame{{Name: strings.Repeat("a_long_name_", 7), Start: testBase, End: testBase + 48, Vars: []probe.Var{v}}}}}}
	for _, width := range []int{MinWidth, 80, 120, 160} {
		got := render(t, "text", Scenario(trace), Options{Width: width})
		for l := range strings.Lines(got) {
			if n := displaywidth.String(strings.TrimRight(l, "\n")); n > width {
				t.Errorf("at %d a line has %d cells:\n%s", width, n, l)
			}
		}
		checkBoxes(t, fmt.Sprintf("wide at %d", width), got)
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

// TestOtherForms: without its escape sequences a coloured picture is the plain one, and
// an ASCII picture has no character but those.
func TestOtherForms(t *testing.T) {
	sgr := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for _, s := range lesson.All {
		trace, err := probe.Run(s, probe.Options{})
		if err != nil {
			t.Fatal(err)
		}
		d := Scenario(trace)
		colored := render(t, "text", d, Options{Width: 120, Color: true})
		if plain := render(t, "text", d, Options{Width: 120}); sgr.ReplaceAllString(colored, "") != plain {
			t.Errorf("%s: colour changes more than colour", s.Name)
		}
		for _, r := range render(t, "text", d, Options{Width: 120, ASCII: true}) {
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
		{plural(1, "part"), "1 part"}, {plural(1200, "part"), "1,200 parts"}, {hexBytes([]byte{0, 255}), "00 ff"}, {chars([]byte("hi \x00")), "hi ."}, {fmt.Sprint(isText([]byte("\x00hi")), isText([]byte("*\x00*")), isText(nil)), "true false false"}, {chars([]byte{0, 1}), ""},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
