package layout

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

// said is what changes say, in units of pages: "grew heap 2".
func said(changes []Change) string {
	var out []string
	for _, c := range changes {
		out = append(out, fmt.Sprintf("%s %s %d", c.Kind, c.Part, c.Bytes/0x1000))
	}
	return strings.Join(out, ", ")
}

func TestDiff(t *testing.T) {
	named := func(lo, hi addr.Addr, name string) Mapping {
		return Mapping{Range: pages(lo, hi), Perms: Readable, Name: name}
	}
	writable := func(m Mapping) Mapping { m.Perms |= Writable; return m }
	list := func(maps ...Mapping) []Mapping { return maps }
	for _, tt := range []struct {
		name, want    string
		before, after []Mapping
	}{
		{"nothing", "", list(named(1, 2, "[heap]")), list(named(1, 2, "[heap]"))},
		{"the heap grows up", "grew [heap] 2", list(named(1, 2, "[heap]")), list(named(1, 4, "[heap]"))},
		{"the stack grows down", "grew [stack] 1", list(named(8, 9, "[stack]")), list(named(7, 9, "[stack]"))},
		{"shrinks", "shrank [heap] 1", list(named(1, 3, "[heap]")), list(named(1, 2, "[heap]"))},
		{"both at once", "vanished [a] 1, appeared [b] 2", list(named(1, 2, "[a]")), list(named(4, 6, "[b]"))},
		{"in another's place", "appeared [b] 1, vanished [a] 1", list(named(1, 2, "[a]")), list(named(1, 2, "[b]"))},
		{"permissions", "permissions [a] 0", list(named(1, 2, "[a]")), list(writable(named(1, 2, "[a]")))},
		{"split by permissions", "shrank [a] 2, appeared [a] 1, appeared [a] 1", list(named(1, 4, "[a]")),
			list(named(1, 2, "[a]"), writable(named(2, 3, "[a]")), named(3, 4, "[a]"))},
		{"shifted", "shifted [a] 0", list(named(1, 4, "[a]")), list(named(2, 5, "[a]"))},
		{"the one that stayed keeps its name", "appeared [a] 1", list(named(2, 3, "[a]")), list(named(1, 2, "[a]"), named(2, 3, "[a]"))},
		{"from nothing", "appeared [a] 1", nil, list(named(1, 2, "[a]"))},
		{"to nothing", "vanished [a] 1", list(named(1, 2, "[a]")), nil},
		{"at the top", "grew [a] 1", list(Mapping{Range: addr.Range{Lo: 0xfffffffffffff000}, Name: "[a]"}),
			list(Mapping{Range: addr.Range{Lo: 0xffffffffffffe000}, Name: "[a]"})},
	} {
		before := &Space{Mappings: tt.before, Parts: Classify(tt.before, Knowledge{})}
		after := &Space{Mappings: tt.after, Parts: Classify(tt.after, Knowledge{})}
		if got := said(Diff(before, after)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestDiffResident(t *testing.T) {
	maps := []Mapping{{Range: pages(1, 9), Name: "[a]"}, {Range: pages(10, 12), Name: "[b]"}}
	at := func(rss ...addr.Bytes) *Space {
		s := &Space{Mappings: maps, Parts: Classify(maps, Knowledge{})}
		for _, n := range rss {
			s.Figures = append(s.Figures, Figures{RSS: n * 0x1000})
		}
		return s
	}
	for _, tt := range []struct {
		before, after *Space
		want          string
	}{
		{at(1, 2), at(3, 1), "became resident [a] 2, left memory [b] 1"},
		{at(1, 2), at(1, 2), ""},
		{at(), at(1, 2), ""},
		{at(1, 2), at(), ""},
	} {
		if got := said(Diff(tt.before, tt.after)); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	out, err := json.Marshal(Diff(at(1, 2), at(3, 2)))
	if want := `[{"kind":"became resident","part":"[a]","bytes":8192,"before":{"start":"0x1000"`; err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("got %s, %v", out, err)
	}
}

// snapshots are spaces of all sorts, as JSON.
func snapshots(t testing.TB) [][]byte {
	var all [][]byte
	for name, text := range fixtures(t) {
		s, err := DescribeText(text)
		if err != nil {
			t.Fatal(name, err)
		}
		s.Comm, s.Stacks = "a\xffb", []Stack{{Range: pages(1, 4), TID: 7, Name: "\xff", SP: 0x2000, FoundBy: FoundBySP, Touched: 1, Deepest: 0x1000, Guard: pages(0, 1)}}
		out, err := json.Marshal(s)
		if err != nil {
			t.Fatal(name, err)
		}
		var back Space
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatal(name, err)
		}
		back.hasGo = s.hasGo
		if again, _ := json.Marshal(&back); string(again) != string(out) || back.Comm != s.Comm || !reflect.DeepEqual(back.Stacks, s.Stacks) ||
			!reflect.DeepEqual(back.Mappings, s.Mappings) || !reflect.DeepEqual(back.Parts, s.Parts) {
			t.Errorf("%s: read back as another space", name)
		}
		if changes := Diff(s, &back); len(changes) > 0 {
			t.Errorf("%s: differs from itself: %s", name, said(changes))
		}
		all = append(all, out)
	}
	return all
}

func TestSnapshots(t *testing.T) { snapshots(t) }

func TestSnapshotErrors(t *testing.T) {
	maps := `{"start":"0x1000","end":"0x2000","perms":"r--p","offset":"0x0","dev":"00:00","inode":"0","name":""}`
	part := `{"start":"0x1000","end":"0x2000","kind":"anonymous","label":"anonymous","mapping":0}`
	snapshot := func(head, mappings, parts string) string {
		return `{"schema":1,"page_size":4096,"user_bits":47,` + head + `"mappings":[` + mappings + `],"parts":[` + parts + `]}`
	}
	var s Space
	if err := json.Unmarshal([]byte(snapshot("", maps, part)), &s); err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]error{
		`{}`:                        ErrNoSnapshot,
		`{"schema":1}`:              ErrNoSnapshot,
		`{"schema":1,"mappings":3}`: ErrNoSnapshot,
		`{"schema":2,"mappings":[],"parts":[],"page_size":4096,"user_bits":47}`:         errSchema,
		`{"schema":1,"mappings":[],"parts":[],"page_size":4095,"user_bits":47}`:         errUser,
		`{"schema":1,"mappings":[],"parts":[],"page_size":4096,"user_bits":64}`:         errUser,
		snapshot(`"chosen":true,`, maps, part):                                          errChosen,
		snapshot(`"figures":[{},{}],`, maps, part):                                      errCounts,
		snapshot("", maps+","+maps, part):                                               errOrder,
		snapshot("", maps, ""):                                                          errTiles,
		snapshot("", maps, part+","+part):                                               errTiles,
		snapshot("", maps, strings.Replace(part, `"mapping":0`, `"mapping":1`, 1)):      errTiles,
		snapshot("", maps, strings.Replace(part, `"end":"0x2000"`, `"end":"0x0"`, 1)):   errTiles,
		snapshot("", strings.Replace(maps, `"end":"0x2000"`, `"end":"0x800"`, 1), part): errOrder,
	} {
		if err := json.Unmarshal([]byte(in), new(Space)); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", in, err, want)
		}
	}
}

// FuzzSnapshot: what reads back can be looked at, whatever it says, and written again.
func FuzzSnapshot(f *testing.F) {
	for _, text := range snapshots(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var s Space
		if json.Unmarshal(in, &s) != nil {
			return
		}
		for _, p := range s.Parts {
			if s.Where(p.Lo).Place == nil {
				t.Fatalf("%v is not found", p.Range)
			}
		}
		s.Compare()
		s.Sum()
		if changes := Diff(&s, &s); len(changes) > 0 {
			t.Fatalf("differs from itself: %s", said(changes))
		}
		out, err := json.Marshal(&s)
		if err != nil || json.Unmarshal(out, new(Space)) != nil {
			t.Fatalf("written as %q, %v", out, err)
		}
	})
}
