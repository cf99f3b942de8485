package layout

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
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
	shared := func(m Mapping) Mapping { m.Perms |= Shared; return m }
	noAccess := func(m Mapping) Mapping { m.Perms = 0; return m }
	file := func(lo, hi addr.Addr, page addr.Bytes) Mapping {
		return Mapping{pages(lo, hi), Readable, page * 0x1000, Dev{8, 1}, 7, "/file"}
	}
	inode := func(m Mapping, n uint64) Mapping { m.Inode = n; return m }
	device := func(m Mapping, d Dev) Mapping { m.Dev = d; return m }
	offset := func(m Mapping, n addr.Bytes) Mapping { m.Offset = n; return m }
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
		{"permissions", "permissions [a] 1", list(named(1, 2, "[a]")), list(writable(named(1, 2, "[a]")))},
		{"split by permissions", "permissions [a] 1", list(named(1, 4, "[a]")),
			list(named(1, 2, "[a]"), writable(named(2, 3, "[a]")), named(3, 4, "[a]"))},
		{"and put back", "permissions [a] 1", list(named(1, 2, "[a]"), writable(named(2, 3, "[a]")), named(3, 4, "[a]")),
			list(named(1, 4, "[a]"))},
		{"permissions over a boundary", "permissions [a] 2", list(named(1, 2, "[a]"), named(2, 3, "[a]")), list(writable(named(1, 3, "[a]")))},
		{"from two sets of permissions to a third", "permissions [a] 1, permissions [a] 1", list(named(1, 2, "[a]"), writable(named(2, 3, "[a]"))),
			list(noAccess(named(1, 3, "[a]")))},
		{"cut, but the same", "", list(named(1, 4, "[a]")), list(named(1, 2, "[a]"), named(2, 4, "[a]"))},
		{"a hole", "vanished [a] 1", list(named(1, 9, "[a]")), list(named(1, 4, "[a]"), named(5, 9, "[a]"))},
		{"a hole filled", "appeared [a] 1", list(named(1, 4, "[a]"), named(5, 9, "[a]")), list(named(1, 9, "[a]"))},
		{"a hole taken by another", "appeared [b] 1, vanished [a] 1", list(named(1, 9, "[a]")),
			list(named(1, 4, "[a]"), named(4, 5, "[b]"), named(5, 9, "[a]"))},
		{"grows and gets permissions", "permissions [a] 2, grew [a] 1", list(named(2, 4, "[a]")), list(writable(named(2, 5, "[a]")))},
		{"grows at both ends", "grew [a] 1, grew [a] 2", list(named(2, 4, "[a]")), list(named(1, 6, "[a]"))},
		{"slides", "shrank [a] 1, grew [a] 1", list(named(1, 4, "[a]")), list(named(2, 5, "[a]"))},
		{"one in the place of three", "appeared [d] 6, vanished [a] 1, vanished [b] 2, vanished [c] 3",
			list(named(1, 2, "[a]"), named(2, 4, "[b]"), named(4, 7, "[c]")), list(named(1, 7, "[d]"))},
		{"shared now", "appeared [a] 1, vanished [a] 1", list(named(1, 2, "[a]")), list(shared(named(1, 2, "[a]")))},
		{"a file's later bytes", "appeared file mapping 2, vanished file mapping 2", list(file(1, 3, 0)), list(file(1, 3, 1))},
		{"a file mapped on", "grew file mapping 2", list(file(1, 3, 1)), list(file(1, 5, 1))},
		{"another file of the same name", "appeared file mapping 2, vanished file mapping 2", list(file(1, 3, 1)), list(inode(file(1, 3, 1), 8))},
		{"a file of the same name and number on another device", "appeared file mapping 2, vanished file mapping 2",
			list(file(1, 3, 1)), list(device(file(1, 3, 1), Dev{8, 2}))},
		{"another file behind half of it", "shrank file mapping 1, appeared file mapping 1", list(file(1, 3, 1)), list(file(1, 2, 1), inode(file(2, 3, 2), 8))},
		{"a file goes on with another", "appeared file mapping 2", list(file(1, 3, 1)), list(file(1, 3, 1), inode(file(3, 5, 3), 8))},
		{"other memory without a file, of the same name", "appeared [a] 1, vanished [a] 1", list(inode(named(1, 2, "[a]"), 3)), list(inode(named(1, 2, "[a]"), 4))},
		{"offsets say nothing where no file is", "", list(named(1, 3, "[a]")), list(offset(named(1, 3, "[a]"), 0x5000))},
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
	if want := `[{"kind":"became resident","start":"0x1000","end":"0x9000","part":"[a]","bytes":8192,"before":{"start":"0x1000"`; err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("got %s, %v", out, err)
	}
}

// TestDiffResidentOfPieces: what is in memory is compared where both looks know it of the
// same memory; memory that vanished has not left it besides.
func TestDiffResidentOfPieces(t *testing.T) {
	type part struct {
		lo, hi addr.Addr
		perms  Perms
		rss    addr.Bytes
	}
	space := func(parts ...part) *Space {
		s := &Space{}
		for _, p := range parts {
			s.Mappings = append(s.Mappings, Mapping{Range: pages(p.lo, p.hi), Perms: p.perms, Name: "[a]"})
			s.Figures = append(s.Figures, Figures{RSS: p.rss * 0x1000})
		}
		s.Parts = Classify(s.Mappings, Knowledge{})
		return s
	}
	const rw = Readable | Writable
	whole := space(part{0x100, 0x200, rw, 0x100})
	for _, tt := range []struct {
		name, want    string
		before, after *Space
	}{
		{"permissions", "permissions [a] 1", whole, space(part{0x100, 0x180, rw, 0x80}, part{0x180, 0x181, Readable, 1}, part{0x181, 0x200, rw, 0x7f})},
		{"put back", "permissions [a] 1", space(part{0x100, 0x180, rw, 0x80}, part{0x180, 0x181, Readable, 1}, part{0x181, 0x200, rw, 0x7f}), whole},
		{"permissions, and pages given back", "left memory [a] 16, permissions [a] 1", whole,
			space(part{0x100, 0x180, rw, 0x70}, part{0x180, 0x181, Readable, 1}, part{0x181, 0x200, rw, 0x7f})},
		{"a hole", "vanished [a] 1", whole, space(part{0x100, 0x180, rw, 0x80}, part{0x181, 0x200, rw, 0x7f})},
		{"shorter", "shrank [a] 16", whole, space(part{0x100, 0x1f0, rw, 0xf0})},
		{"longer, and used", "grew [a] 16, became resident [a] 8", whole, space(part{0x100, 0x210, rw, 0x108})},
		{"longer, and all was given back", "grew [a] 16, left memory [a] 256", whole, space(part{0x100, 0x210, rw, 0})},
		{"shorter, and used", "shrank [a] 16, became resident [a] 8", space(part{0x100, 0x200, rw, 0}), space(part{0x100, 0x1f0, rw, 8})},
		{"neighbours that stayed two", "became resident [a] 1, left memory [a] 1", space(part{1, 3, rw, 1}, part{3, 5, rw, 1}), space(part{1, 3, rw, 2}, part{3, 5, rw, 0})},
	} {
		if got := said(Diff(tt.before, tt.after)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// pageShown is what one page shows, and may: nothing where it is not mapped.
type pageShown struct {
	name  string
	inode uint64
	at    addr.Addr // of a file
	perms Perms
}

// pageByPage is what each page of maps shows.
func pageByPage(maps []Mapping) map[addr.Addr]pageShown {
	all := map[addr.Addr]pageShown{}
	for _, m := range maps {
		fill(all, m.Range, &m)
	}
	return all
}

func fill(all map[addr.Addr]pageShown, r addr.Range, m *Mapping) {
	for a := r.Lo; a < r.Hi; a += 0x1000 {
		all[a] = pageShown{m.Name, m.Inode, 0, m.Perms}
		if m.Inode != 0 {
			all[a] = pageShown{m.Name, m.Inode, addr.Addr(m.Offset) + a - m.Lo, m.Perms}
		}
	}
}

// randomMaps is a list of a few small mappings that are often alike.
func randomMaps(rng *rand.Rand) (maps []Mapping) {
	for at := addr.Addr(1 + rng.IntN(3)); at < 24; at += addr.Addr(rng.IntN(3) * rng.IntN(2)) {
		m := Mapping{Range: pages(at, at+1+addr.Addr(rng.IntN(6))), Perms: []Perms{Readable, Readable | Writable, Readable | Shared}[rng.IntN(7)/3]}
		switch rng.IntN(4) {
		case 0:
			m.Name, m.Inode, m.Offset = "/file", 7, addr.Bytes(m.Lo)
			if rng.IntN(4) == 0 {
				m.Offset += 0x1000
			}
		case 1:
			m.Name = "[a]"
		}
		maps = append(maps, m)
		at = m.Hi / 0x1000
	}
	return maps
}

// TestDiffApplied: what changed, done to the list before, gives the list after, by page.
func TestDiffApplied(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		before, after := &Space{Mappings: randomMaps(rng)}, &Space{Mappings: randomMaps(rng)}
		changes := Diff(before, after)
		got, want := pageByPage(before.Mappings), pageByPage(after.Mappings)
		sizes := addr.Bytes(0x1000) * addr.Bytes(len(want)-len(got)) // modulo 2^64
		for _, c := range changes {
			if c.Kind != Vanished && c.Kind != Shrank {
				continue
			}
			gone := map[addr.Addr]pageShown{}
			for fill(gone, c.Range, c.Before.from(c.Lo)); len(gone) > 0; {
				for a, m := range gone {
					if got[a] != m {
						t.Fatalf("%v to %v: %v of %v was not there", before.Mappings, after.Mappings, c.Kind, c.Range)
					}
					delete(got, a)
					delete(gone, a)
				}
			}
			sizes += c.Bytes
		}
		for _, c := range changes {
			switch c.Kind {
			case Appeared, Grew:
				for a := c.Lo; a < c.Hi; a += 0x1000 {
					if _, there := got[a]; there {
						t.Fatalf("%v to %v: %v at %v, where there is something", before.Mappings, after.Mappings, c.Kind, a)
					}
				}
				sizes -= c.Bytes
			case NewPerms:
				for a := c.Lo; a < c.Hi; a += 0x1000 {
					if m := got[a]; m.perms != c.Before.Perms || m.perms == c.After.Perms {
						t.Fatalf("%v to %v: %v at %v has %v", before.Mappings, after.Mappings, c, a, m)
					}
				}
			default:
				continue
			}
			fill(got, c.Range, c.After.from(c.Lo))
		}
		if !maps.Equal(got, want) {
			t.Fatalf("%v to %v: by %s one gets %v", before.Mappings, after.Mappings, said(changes), got)
		}
		if sizes != 0 {
			t.Fatalf("%v to %v: %s adds up to %d bytes too much", before.Mappings, after.Mappings, said(changes), int64(-sizes))
		}
	}
}

// from is the piece of m from a on, which lies in it or, where m grew, next to it.
func (m *Mapping) from(a addr.Addr) *Mapping {
	piece := *m
	piece.Offset = addr.Bytes(addr.Addr(m.Offset) + a - m.Lo)
	piece.Lo = a
	return &piece
}

// TestDiffBackwards: the way back is told with the opposite words.
func TestDiffBackwards(t *testing.T) {
	opposite := map[ChangeKind]ChangeKind{
		Appeared: Vanished, Vanished: Appeared, Grew: Shrank, Shrank: Grew, NewPerms: NewPerms, MoreInMemory: LessInMemory, LessInMemory: MoreInMemory,
	}
	told := func(changes []Change, kind func(ChangeKind) ChangeKind) map[string]int {
		all := map[string]int{}
		for _, c := range changes {
			all[fmt.Sprint(kind(c.Kind), c.Range, c.Bytes)]++
		}
		return all
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		a, b := &Space{Mappings: randomMaps(rng)}, &Space{Mappings: randomMaps(rng)}
		there := told(Diff(a, b), func(k ChangeKind) ChangeKind { return k })
		back := told(Diff(b, a), func(k ChangeKind) ChangeKind { return opposite[k] })
		if !maps.Equal(there, back) {
			t.Fatalf("%v to %v: %v, and back %v", a.Mappings, b.Mappings, there, back)
		}
		if same := Diff(a, a); len(same) > 0 {
			t.Fatalf("%v differs from itself: %s", a.Mappings, said(same))
		}
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
		s.Comm, s.Stacks = "a\xffb", []Stack{{Range: pages(1, 4), TID: 7, Name: "\xff", SP: 0x2000, FoundBy: FoundByRecord, Touched: 1, Deepest: 0x1000, Guard: pages(0, 1)}}
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
