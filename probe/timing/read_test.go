package timing

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// measured is a result of a machine whose clock only moves when a contender works; the
// heap takes heap times as long as the stack.
func measured(t *testing.T, rounds int, heap time.Duration) *Result {
	t.Helper()
	tr := &trial{machine: newMachine()}
	s := tr.study("size", false, 8, 16)
	s.Contenders = func(_ *Setup, at int) ([]Contender, error) {
		return []Contender{
			tr.contender("stack", at, each(200, 202, 198, 204, 196, 201, 199, 203)),
			tr.contender("heap", at, each(200*heap, 203*heap, 198*heap, 202*heap, 199*heap)),
		}, nil
	}
	p := tr.plan(s, tr.study("live", true, 1))
	p.Rounds = rounds
	r, err := Run(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	r.Notes, r.Load.Waiting, r.Load.Steal = nil, nil, nil
	return r
}

func written(t *testing.T, r *Result) string {
	t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestReadBack reads what was written, unknown intervals included.
func TestReadBack(t *testing.T) {
	for _, rounds := range []int{10, 2} {
		want := measured(t, rounds, 3)
		got, err := Read(strings.NewReader(written(t, want) + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d rounds, - written, + read:\n%s", rounds, diff)
		}
		if known := got.Studies[0].Timings[0].CI95.Known(); known != (rounds == 10) {
			t.Errorf("%d rounds: interval %v", rounds, got.Studies[0].Timings[0].CI95)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	good := written(t, measured(t, 10, 3))
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "read timings: the file is empty"},
		{"a part", good[:len(good)/2], "read timings: the file ends in the middle"},
		{"two", good + good, "more behind the result"},
		{"something else", `{"a": 1}`, "not a result of `memprobe bench`"},
		{"a trace", `{"schema": 2}`, "not a result of `memprobe bench`"},
		{"a list", `[]`, "read timings: json"},
		{"text", `hello`, "invalid character"},
		{"another schema", strings.Replace(good, `"schema":2`, `"schema":1`, 1), "the result has schema 1, and this memprobe reads 2"},
		{"an unknown field", strings.Replace(good, `"quick"`, `"quickly"`, 1), `unknown field "quickly"`},
		{"a study twice", strings.Replace(good, `"name":"live"`, `"name":"size"`, 1), `the name "size" is empty, or not the only one`},
		{"no name", strings.Replace(good, `"name":"live"`, `"name":""`, 1), `the name "" is empty`},
		{"a timing twice", strings.Replace(good, `"what":"heap","at":16`, `"what":"heap","at":8`, 1), `"heap" at 8 is there twice`},
		{"a point of 0", strings.Replace(good, `"what":"heap","at":16`, `"what":"heap","at":0`, 1), "not above 0"},
		{"a negative round", strings.Replace(good, `"rounds":[200,`, `"rounds":[-200,`, 1), "a round of -200 ns"},
		{"no rounds", strings.Replace(good, `"rounds":[`, `"rounds":[],"notes":["`, 1), "read timings"},
		{"a median of other rounds", strings.Replace(good, `"rounds":[200,`, `"rounds":[900,`, 1), "not those of the rounds"},
		{"an interval of three", strings.Replace(good, `"ci95":[`, `"ci95":[0,`, 1), "not a low and a high end"},
		{"a p of 2", strings.Replace(good, `"p":`, `"p":2,"p":2`, 1), "with p 2"},
	} {
		r, err := Read(strings.NewReader(tt.text))
		if r != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, %v; want %q", tt.name, r, err, tt.want)
		}
	}
}

// FuzzRead has whatever passes be one that can be written, read and compared.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		`{"schema":2,"studies":[]}`,
		`{"schema":2,"studies":[{"name":"a","timings":[{"what":"s","at":1,"iterations":1,"rounds":[1],"median":1,"ci95":null}]}]}`,
		`{"schema":2,"studies":[{"name":"a","timings":[{"what":"s","at":1,"iterations":1,"rounds":[0,0,0,0,0,0],"median":0,"ci95":[0,0]}]}]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Read(bytes.NewReader(data)); err != nil {
			t.Errorf("what was read can't be read again: %v", err)
		}
		if _, err := json.Marshal(Compare(r, r)); err != nil {
			t.Errorf("compared with itself: %v", err)
		}
	})
}

func TestCompare(t *testing.T) {
	old, now := measured(t, 10, 3), measured(t, 10, 6)
	c := Compare(old, now)
	if len(c.Studies) != 2 || c.Studies[0].Name != "size" || c.Old.Machine.Kernel != "6.1" || c.Schema != Schema || len(c.Notes) != 0 {
		t.Fatalf("%+v", c)
	}
	for i, want := range []struct {
		place   Place
		ratio   float64
		verdict Verdict
	}{
		{Place{"stack", 8}, 1, NoDifference}, {Place{"heap", 8}, 2, Slower},
		{Place{"stack", 16}, 1, NoDifference}, {Place{"heap", 16}, 2, Slower},
	} {
		got := c.Studies[0].Pairs[i]
		if got.Place != want.place || got.Ratio.Median != want.ratio || got.Ratio.Verdict != want.verdict || !got.Ratio.CI95.Contains(want.ratio) {
			t.Errorf("%+v, want %v, %v times, %s", got, want.place, want.ratio, want.verdict)
		}
		if o, n := old.Studies[0].Timings[i], now.Studies[0].Timings[i]; got.Old != o.Median || got.New != n.Median ||
			math.Abs(got.Ratio.CI95[0]-n.CI95[0]/o.CI95[1]) > 1e-12 || math.Abs(got.Ratio.CI95[1]-n.CI95[1]/o.CI95[0]) > 1e-12 {
			t.Errorf("%+v of %v and %v", got, o, n)
		}
	}
	if got := Compare(now, old).Studies[0].Pairs[1].Ratio; got.Verdict != Faster || got.Median != 0.5 {
		t.Errorf("the other way round: %+v", got)
	}
}

// TestCompareOnly says what is in one of the results alone.
func TestCompareOnly(t *testing.T) {
	old, now := measured(t, 10, 3), measured(t, 10, 3)
	old.Studies[1].Name, old.Quick, old.Machine.Go = "gone", true, "go1.25"
	old.Studies[0].Timings[1].What = "heap before"
	now.Studies[0].Timings = now.Studies[0].Timings[:3]
	c := Compare(old, now)
	want := StudyComparison{OnlyOld: []Place{{"heap before", 8}, {"heap", 16}}, OnlyNew: []Place{{"heap", 8}}}
	if diff := cmp.Diff(want.OnlyOld, c.Studies[0].OnlyOld) + cmp.Diff(want.OnlyNew, c.Studies[0].OnlyNew); diff != "" {
		t.Error(diff)
	}
	if len(c.Studies[0].Pairs) != 2 || len(c.Notes) != 2 || len(c.OnlyOld) != 1 || c.OnlyOld[0] != "gone" || len(c.OnlyNew) != 1 || c.OnlyNew[0] != "live" {
		t.Errorf("%+v", c)
	}
}

// TestCompareFewRounds claims nothing.
func TestCompareFewRounds(t *testing.T) {
	c := Compare(measured(t, 3, 3), measured(t, 3, 9))
	for _, p := range c.Studies[0].Pairs {
		if p.Ratio.Verdict != TooFewRounds || p.Ratio.CI95.Known() {
			t.Errorf("%+v", p)
		}
	}
}
