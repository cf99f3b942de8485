package report

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/clipperhouse/displaywidth"

	"memprobe/layout/addr"
	"memprobe/probe/bugs"
	"memprobe/probe/bugs/netcost"
	"memprobe/probe/timing"
)

// studied is what came of the bugs in memory at the tests' base.
func studied(t *testing.T, names ...string) *bugs.Result {
	t.Helper()
	if os.Getpagesize() != 4096 {
		t.Skipf("the golden files were made with pages of 4096 bytes, here they have %d", os.Getpagesize())
	}
	all := bugs.All
	if len(names) > 0 {
		all = nil
	}
	for _, name := range names {
		b, ok := bugs.Find(name)
		if !ok {
			t.Fatalf("no bug %s", name)
		}
		all = append(all, b)
	}
	r, err := bugs.Study(all, bugs.Options{Base: testBase})
	if err != nil {
		t.Skipf("a reservation at %v is not to be had here: %v", testBase, err)
	}
	return r
}

// priced is what the nets would cost on a machine of round numbers.
func priced() *netcost.Result {
	r := &netcost.Result{Blocks: 256, Requested: 256 * 64, Timing: &timing.Measurement{Batch: 15 * time.Millisecond}}
	for i, s := range bugs.Setups {
		times := float64(1 + i*i)
		timed := timed(s.Name, 64, 200*times)
		if i > 0 {
			timed.Ratio = &timing.Ratio{To: bugs.Setups[0].Name, Median: times, CI95: timing.Interval{0.9 * times, 1.1 * times}, Verdict: timing.Slower}
		}
		r.Timing.Timings = append(r.Timing.Timings, timed)
		r.Memory = append(r.Memory, netcost.Memory{Net: s.Name, Arena: addr.Bytes(256 * 70 * (i + 1)), Books: addr.Bytes(256 * 50 * i), Held: addr.Bytes(i) << 18})
	}
	r.Timing.Notes = []string{"9 of 14 rounds: the time was up"}
	return r
}

// bugPictures are the forms of the text that have golden files.
var bugPictures = []struct {
	suffix string
	opts   Options
}{
	{"72.txt", Options{Width: MinWidth}},
	{"80.txt", Options{Width: 80}},
	{"160.txt", Options{Width: 160}},
	{"ascii.txt", Options{Width: 80, ASCII: true}},
	{"color.txt", Options{Width: 80, Color: true}},
}

func TestBugsGolden(t *testing.T) {
	all := studied(t)
	for _, picture := range bugPictures {
		golden(t, "bugs.list."+picture.suffix, render(t, "text", Bugs(all), picture.opts))
		golden(t, "bugs.all."+picture.suffix, render(t, "text", BugTable(all, priced()), picture.opts))
		golden(t, "bugs.one."+picture.suffix, render(t, "text", Bug(studied(t, "double-free-reused"), 32), picture.opts))
	}
	golden(t, "bugs.overflow.80.txt", render(t, "text", Bug(studied(t, "overflow-one"), 32), Options{Width: 80}))
	golden(t, "bugs.leak.80.txt", render(t, "text", Bug(studied(t, "leak-cycle"), 32), Options{Width: 80}))
	golden(t, "bugs.refused.80.txt", render(t, "text", Bug(studied(t, "huge-calloc"), 32), Options{Width: 80}))
	golden(t, "bugs.one.json", render(t, "json", Bug(studied(t, "double-free-reused"), 32), Options{}))
}

// TestBugsFit: no line is longer than asked for, colour adds nothing but colour, and
// ASCII has no other character.
func TestBugsFit(t *testing.T) {
	sgr := regexp.MustCompile("\x1b\\[[0-9;]*m")
	all := studied(t)
	documents := []Document{Bugs(all), BugTable(all, priced())}
	for _, b := range bugs.All {
		documents = append(documents, Bug(studied(t, b.Name), len(bugs.All)))
	}
	for i, d := range documents {
		for _, width := range []int{MinWidth, 79, 80, 100, 129, 130, 160} {
			plain := render(t, "text", d, Options{Width: width})
			for l := range strings.Lines(plain) {
				if got := displaywidth.String(strings.TrimRight(l, "\n")); got > width {
					t.Errorf("document %d at %d: %d cells in %q", i, width, got, l)
				}
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

// TestBugsOddities: what no net of ours does, and a report must not hide.
func TestBugsOddities(t *testing.T) {
	r := studied(t, "overflow-one", "overread-one")
	missed, odd := &r.Bugs[0], &r.Bugs[1]
	for i := range missed.Runs {
		missed.Runs[i] = bugs.Run{Net: missed.Runs[i].Net}
	}
	odd.FalseAlarms = []string{"canary", "access"}
	last := &odd.Runs[len(odd.Runs)-1]
	last.Finding, last.Level, last.Blamed = &bugs.Finding{Error: "C3: a bit is missing"}, bugs.Stopped, bugs.NoBlock
	list := render(t, "text", Bugs(r), Options{Width: 80})
	one := render(t, "text", Bug(&bugs.Result{Setups: r.Setups, Bugs: r.Bugs[1:], Sums: r.Sums}, 32), Options{Width: 80})
	for want, in := range map[string]string{
		"never noticed": list,
		"yet\n there was an alarm under canary, access.":            one,
		"What was told under access: C3: a bit is missing":          one,
		"│ access     │ at once, line 4 │ a failure  │ none  │":     one,
		"With all raw nets together 1 bug goes unnoticed: overflow": render(t, "text", BugTable(r, priced()), Options{Width: 80}),
	} {
		if !strings.Contains(in, want) {
			t.Errorf("there is no %q in\n%s", want, in)
		}
	}
}

// TestBugsJSON reads back what a program would.
func TestBugsJSON(t *testing.T) {
	var got struct {
		Schema int
		Nets   []struct{ Name, About string }
		Bugs   []struct {
			Number int
			Name   string
			Source []string
			Line   int
			Runs   []struct {
				Net, Moment, Blamed string
				Noticed             bool
				Line, Level         int
				Damage              []string
				Finding             *struct {
					By, Class, Access, Addr, Byte, Error string
					Offset, Size                         int
					Block                                *struct {
						Number           int
						Kind, Owner      string
						Start            string
						Requested        int
						Live             bool
						Allocated, Freed *struct {
							Func, File string
							Line       int
						}
					}
				}
			}
		}
		Sums []struct {
			Net                                     string
			Noticed, Full, Refused, Silent, Damaged int
			AtOnce                                  int `json:"at_once"`
			ByNet                                   int `json:"by_net"`
			WrongBlock                              int `json:"wrong_block"`
		}
		Cost struct {
			Blocks int
			Timing struct {
				Timings []struct{ What string }
			}
			Memory []struct {
				Net                string
				Arena, Books, Held int
			}
		}
	}
	if err := json.Unmarshal([]byte(render(t, "json", BugTable(studied(t), priced()), Options{})), &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != 1 || len(got.Nets) != 7 || len(got.Bugs) != 32 || len(got.Sums) != 7 || len(got.Cost.Memory) != 7 || len(got.Cost.Timing.Timings) != 7 {
		t.Fatalf("schema %d, %d nets, %d bugs, %d sums", got.Schema, len(got.Nets), len(got.Bugs), len(got.Sums))
	}
	if s := got.Sums[6]; s.Net != "access" || s.Noticed != 31 || s.Refused != 1 || s.Full != 27 || s.AtOnce != 29 || s.ByNet != 27 || s.Silent+s.Damaged+s.WrongBlock != 0 {
		t.Errorf("access: %+v", s)
	}
	last := got.Bugs[2].Runs[6]
	if last.Net != "access" || !last.Noticed || last.Moment != "at once" || last.Line != 5 || last.Level != 5 || last.Blamed != "right" {
		t.Errorf("double-free-reused under access: %+v", last)
	}
	f := last.Finding
	if f.Class != "double free" || f.Access != "free" || f.Addr != f.Block.Start || f.Block.Start != "0x1000001000" || f.Block.Owner != "a" || f.Block.Kind != "heap" ||
		f.Block.Requested != 24 || f.Block.Live || f.Block.Allocated.Line != 1 || f.Block.Freed.Line != 2 || f.Block.Freed.File != "double-free-reused.c" {
		t.Errorf("its finding: %+v, block %+v", f, f.Block)
	}
	if none := got.Bugs[2].Runs[0]; none.Net != "no net" || none.Moment != "later" || len(none.Damage) != 1 {
		t.Errorf("double-free-reused without a net: %+v", none)
	}
}
