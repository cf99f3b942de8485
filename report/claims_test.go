package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/clipperhouse/displaywidth"

	"memprobe/probe/claims"
	"memprobe/probe/timing"
)

// ledgerOf is a ledger with each verdict, each kind of value, and text from outside.
func ledgerOf() *claims.Ledger {
	finding := func(id string, lesson claims.Lesson, where, words string, v claims.Verdict, why string, e ...claims.Item) claims.Finding {
		return claims.Finding{
			ID: id, Lesson: lesson, Where: where, Words: words, Test: "It is looked at while the program runs.", ByHand: []string{"memprobe scenario string --step 2", "cat /proc/self/maps"},
			Judgement: claims.Judgement{Verdict: v, Why: why}, Evidence: append(claims.Evidence{}, e...),
		}
	}
	item := func(name string, v claims.Value, from string) claims.Item {
		return claims.Item{Name: name, Value: v, From: from}
	}
	return &claims.Ledger{
		Schema:  claims.Schema,
		Machine: timing.Machine{Arch: "amd64", CPU: "A Processor (R) of 3.0 GHz", Cores: 2, Kernel: "6.18.0", Go: "go1.26.8", Page: 4096, Caches: []timing.Cache{}, Mitigations: []timing.Mitigation{}},
		Findings: []claims.Finding{
			finding("string-24", claims.StackVsHeap, "Heap Allocation (picture)", "lives on the stack (24 bytes on 64-bit).", claims.Holds, "Three fields of 8 bytes, in main's frame.",
				item("s", claims.Size(24), "scenario string, step 2"), item("s is at", claims.Address(0x7f2a_0000_1000), "scenario string, step 2"), item("that is on the stack", claims.YesNo(true), "the reservation")),
			finding("frame-97", claims.StackVsHeap, "main's Stack Frame (picture)", "Total: ~97 bytes on the stack", claims.InPart,
				"The values are 97 bytes. The frame has 112: each value starts at a multiple of its alignment, and the frame ends at a multiple of 16.",
				item("the seven sizes together", claims.Size(97), "scenario stack-types, step 4"), item("a Vec<i32> | a *mut u8", claims.Text("Vec<i32> | *mut u8"), "the `program`")),
			finding("heap-slower", claims.StackVsHeap, "Heap properties", "Slower: the allocator must search for a free block", claims.Holds, "A block of 64 bytes takes 13.8 times as long as a frame.",
				item("a block of 64 bytes, to a frame", claims.Figure{Median: 13.8, CI95: timing.Interval{13.1, 14.4}, Unit: "times", Verdict: timing.Slower}, "timed, size, 64 B"),
				item("Go's make", claims.Figure{Median: 31, CI95: timing.Interval{math.Inf(-1), math.Inf(1)}, Unit: "ns"}, "timed, size, 64 B")),
			finding("y-42", claims.Ownership2, "Heap Allocation Code Example", "The variable y has the value 42", claims.DoesNotHold, "y is 34, as the lesson's program says.",
				item("y", claims.Text("34"), "scenario box, step 3"), item("steps", claims.Count(1234), "all scenarios with one stack, whose names are so many that this does not fit beside it")),
			finding("outside", claims.Ownership2, "Heap Memory", "What a file is called, it may say.", claims.Untold, "open /tmp/\x1b[31m\u202ered: no such file",
				item("a name", claims.Text("\x1b[31m| <b>_red_</b> \u202e"), "/proc/self/maps"), claims.Item{Name: "nothing", From: "getrlimit(2)", Missing: errors.New("refused \x07").Error()}),
			finding("none", claims.Ownership2, "Heap Memory", "There is nothing to be seen.", claims.Untold, "nothing was found out"),
		},
		Sums: []claims.Sum{{Verdict: claims.Holds, Claims: 2}, {Verdict: claims.InPart, Claims: 1}, {Verdict: claims.DoesNotHold, Claims: 1}, {Verdict: claims.Untold, Claims: 2}},
	}
}

// alone is the ledger of one claim.
func alone(n int) *claims.Ledger {
	l := ledgerOf()
	f := l.Findings[n]
	l.Findings = []claims.Finding{f}
	l.Sums = []claims.Sum{{Verdict: f.Verdict, Claims: 1}}
	return l
}

func TestClaimsGolden(t *testing.T) {
	for _, picture := range bugPictures {
		golden(t, "claims."+picture.suffix, render(t, "text", Claims(ledgerOf()), picture.opts))
	}
	golden(t, "claims.md", render(t, "md", Claims(ledgerOf()), Options{}))
	golden(t, "claims.json", render(t, "json", Claims(ledgerOf()), Options{}))
	golden(t, "claims.one.80.txt", render(t, "text", Claim(alone(3)), Options{Width: 80}))
	golden(t, "claims.one.160.txt", render(t, "text", Claim(alone(3)), Options{Width: 160}))
	golden(t, "claims.outside.ascii.txt", render(t, "text", Claim(alone(4)), Options{Width: 80, ASCII: true}))
	golden(t, "claims.one.md", render(t, "md", Claim(alone(1)), Options{}))
}

// TestClaimsFit: no line is longer than asked for but a command line, which is to be
// copied; colour adds nothing but colour, and no control character comes through.
func TestClaimsFit(t *testing.T) {
	sgr := regexp.MustCompile("\x1b\\[[0-9;]*m")
	documents := []Document{Claims(ledgerOf())}
	for i := range ledgerOf().Findings {
		documents = append(documents, Claim(alone(i)))
	}
	for i, d := range documents {
		for _, width := range []int{MinWidth, 80, 120, 160} {
			plain := render(t, "text", d, Options{Width: width})
			for l := range strings.Lines(plain) {
				if got := displaywidth.String(strings.TrimRight(l, "\n")); got > width {
					t.Errorf("document %d at %d: %d cells in %q", i, width, got, l)
				}
			}
			if strings.ContainsAny(plain, "\x1b\x07\u202e") {
				t.Errorf("document %d at %d: a control character", i, width)
			}
			if colored := render(t, "text", d, Options{Width: width, Color: true}); sgr.ReplaceAllString(colored, "") != plain {
				t.Errorf("document %d at %d: colour changes more than colour", i, width)
			}
		}
		for _, r := range render(t, "text", d, Options{Width: 80, ASCII: true}) {
			if r > 0x7e {
				t.Errorf("document %d: %q in ASCII", i, r)
				break
			}
		}
	}
}

// TestClaimsMarkdown: a table has as many cells in each row, whatever is in them, and
// each link has its heading.
func TestClaimsMarkdown(t *testing.T) {
	text := render(t, "md", Claims(ledgerOf()), Options{})
	if strings.ContainsAny(text, "\x1b\x07\u202e") || strings.Contains(text, "<b>") {
		t.Error("text from outside comes through as it is")
	}
	cells := 0
	bar := regexp.MustCompile(`(^|[^\\])\|`)
	for l := range strings.Lines(text) {
		if !strings.HasPrefix(l, "|") {
			cells = 0
			continue
		}
		n := len(bar.FindAllString(l, -1))
		if cells != 0 && n != cells {
			t.Errorf("%d bars, not %d, in %q", n, cells, l)
		}
		cells = n
	}
	for _, f := range ledgerOf().Findings {
		if !strings.Contains(text, "](#"+f.ID+")") || !strings.Contains(text, "\n### "+f.ID+"\n") {
			t.Errorf("%s: a link, or its heading, is missing", f.ID)
		}
	}
	find, err := FindFormat("md")
	if err != nil {
		t.Fatal(err)
	}
	if err := find.Write(&bytes.Buffer{}, Version(Build{}), Options{}); err == nil {
		t.Error("a version in Markdown")
	}
}

// TestClaimsJSON reads back what a program would.
func TestClaimsJSON(t *testing.T) {
	var got struct {
		Schema int
		Claims []struct {
			ID, Lesson, Where, Words, Test, Verdict, Why string
			ByHand                                       []string `json:"by_hand"`
			Evidence                                     []struct {
				Name, Kind, Shown, From, Missing string
				Value                            any
			}
		}
		Sums []struct {
			Verdict string
			Claims  int
		}
	}
	if err := json.Unmarshal([]byte(render(t, "json", Claims(ledgerOf()), Options{})), &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != 1 || len(got.Claims) != 6 || len(got.Sums) != 4 {
		t.Fatalf("%+v", got)
	}
	first := got.Claims[0]
	if first.ID != "string-24" || first.Verdict != "holds" || len(first.ByHand) != 2 || first.Evidence[0].Value != 24.0 || first.Evidence[1].Value != "0x7f2a00001000" || first.Evidence[2].Value != true {
		t.Errorf("%+v", first)
	}
	if figure := got.Claims[2].Evidence[1]; figure.Kind != "figure" || figure.Value.(map[string]any)["ci95"] != nil || figure.Value.(map[string]any)["median"] != 31.0 {
		t.Errorf("%+v", figure)
	}
	if lost := got.Claims[4].Evidence[1]; lost.Value != nil || lost.Missing != "refused \x07" {
		t.Errorf("%+v", lost)
	}
	if none := got.Claims[5]; none.Evidence == nil || len(none.Evidence) != 0 {
		t.Errorf("%+v", none)
	}
}
