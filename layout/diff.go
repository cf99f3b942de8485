package layout

import (
	"cmp"
	"encoding/json"
	"iter"
	"math"
	"slices"

	"memprobe/layout/addr"
)

// ChangeKind is what became of some memory.
type ChangeKind string

const (
	Appeared     ChangeKind = "appeared"
	Vanished     ChangeKind = "vanished"
	Grew         ChangeKind = "grew"   // what appeared continues a mapping at its start or end
	Shrank       ChangeKind = "shrank" // what vanished was the start or end of a mapping
	NewPerms     ChangeKind = "permissions"
	MoreInMemory ChangeKind = "became resident" // more of it is in memory
	LessInMemory ChangeKind = "left memory"     // less of it is
)

// Change is what became of some memory between two looks at a process.
type Change struct {
	Kind       ChangeKind
	addr.Range            // what appeared, vanished, has other permissions; of a mapping that grew or shrank, the piece
	Before     *Mapping   // the mapping that it is of, the lowest of several; nil: it was not there
	After      *Mapping   // nil: it is no more
	Part       string     // what it is: the label of its lowest part
	Bytes      addr.Bytes // the range's size; of what became resident or left memory, by how much
}

// Diff says what became of the memory of each mapping from before to after, by address.
// What stayed as it was is not in it, however the kernel cuts it into mappings.
func Diff(before, after *Space) []Change {
	d := differ{before: before, after: after, newest: map[ChangeKind]int{}}
	for p := range pieces(before.Mappings, after.Mappings) {
		d.compare(p)
	}
	for i := range d.changes {
		d.atEnd(&d.changes[i])
	}
	if len(before.Figures) > 0 && len(after.Figures) > 0 {
		d.compareResident()
	}
	slices.SortStableFunc(d.changes, func(a, b Change) int { return cmp.Compare(a.Whole().Lo, b.Whole().Lo) })
	return d.changes
}

// Whole is what c is about: all of a mapping that grew or shrank, else c's range.
func (c Change) Whole() addr.Range {
	if c.Kind == Grew || c.Kind == Shrank {
		return c.After.Range
	}
	return c.Range
}

// piece is a range that each of two lists has in one mapping, or in none.
type piece struct {
	addr.Range
	old, now int // index of the mapping; -1: none
}

func (p piece) last() addr.Addr { return p.Hi - 1 }

// pieces cuts two lists of mappings at all boundaries of both.
func pieces(before, after []Mapping) iter.Seq[piece] {
	return func(yield func(piece) bool) {
		var at addr.Addr
		for i, j := 0, 0; i < len(before) || j < len(after); {
			lo, last := addr.Addr(math.MaxUint64), addr.Addr(math.MaxUint64)
			if i < len(before) {
				lo = max(at, before[i].Lo)
			}
			if j < len(after) {
				lo = min(lo, max(at, after[j].Lo))
			}
			in := func(list []Mapping, i int) int {
				switch {
				case i == len(list):
					return -1
				case list[i].Lo > lo:
					last = min(last, list[i].Lo-1)
					return -1
				}
				last = min(last, list[i].last())
				return i
			}
			p := piece{old: in(before, i), now: in(after, j)}
			p.Range = addr.Range{Lo: lo, Hi: last + 1}
			if !yield(p) {
				return
			}
			if p.old >= 0 && before[i].last() == last {
				i++
			}
			if p.now >= 0 && after[j].last() == last {
				j++
			}
			at = last + 1
		}
	}
}

type differ struct {
	before, after *Space
	kept          []piece // memory that is still the same, by address
	changes       []Change
	newest        map[ChangeKind]int // index of the last change of each kind
}

// sameMemory reports whether where old and now overlap they show the same: the same
// bytes of one file, or what has the same name.
func sameMemory(old, now *Mapping) bool {
	return old.Name == now.Name && old.Dev == now.Dev && old.Inode == now.Inode && (old.Perms^now.Perms)&Shared == 0 &&
		(old.Inode == 0 || addr.Addr(old.Offset)-old.Lo == addr.Addr(now.Offset)-now.Lo)
}

// compare notes what became of a piece.
func (d *differ) compare(p piece) {
	var was, is *Mapping
	if p.old >= 0 {
		was = &d.before.Mappings[p.old]
	}
	if p.now >= 0 {
		is = &d.after.Mappings[p.now]
	}
	if was != nil && is != nil && sameMemory(was, is) {
		d.kept = append(d.kept, p)
		if was.Perms != is.Perms {
			d.note(Change{Kind: NewPerms, Range: p.Range, Before: was, After: is, Part: d.after.label(p.Lo)})
		}
		return
	}
	if is != nil {
		d.note(Change{Kind: Appeared, Range: p.Range, After: is, Part: d.after.label(p.Lo)})
	}
	if was != nil {
		d.note(Change{Kind: Vanished, Range: p.Range, Before: was, Part: d.before.label(p.Lo)})
	}
}

// note adds c, or lengthens the change that it continues.
func (d *differ) note(c Change) {
	if i, any := d.newest[c.Kind]; any && c.continues(&d.changes[i]) {
		d.changes[i].Hi = c.Hi
		d.changes[i].Bytes = d.changes[i].Size()
		return
	}
	c.Bytes = c.Size()
	d.newest[c.Kind] = len(d.changes)
	d.changes = append(d.changes, c)
}

// continues reports whether c is what last is, and goes on where it ends.
func (c *Change) continues(last *Change) bool {
	if c.Kind != last.Kind || c.Lo != last.Hi {
		return false
	}
	if c.Kind == NewPerms {
		return (c.Before == last.Before || c.After == last.After) && c.Before.Perms == last.Before.Perms && c.After.Perms == last.After.Perms
	}
	return c.Before == last.Before && c.After == last.After
}

// atEnd makes of what appeared or vanished at one end of a mapping, most of which
// stayed, that it grew or shrank. What fills a hole, or leaves one, is at no end.
func (d *differ) atEnd(c *Change) {
	if c.Kind != Appeared && c.Kind != Vanished {
		return
	}
	var found []piece
	for _, beside := range []addr.Addr{c.Lo - 1, c.Hi} {
		i, ok := find(d.kept, beside)
		if ok && (c.Kind == Appeared && c.After == &d.after.Mappings[d.kept[i].now] || c.Kind == Vanished && c.Before == &d.before.Mappings[d.kept[i].old]) {
			found = append(found, d.kept[i])
		}
	}
	if len(found) != 1 {
		return
	}
	c.Kind = map[ChangeKind]ChangeKind{Appeared: Grew, Vanished: Shrank}[c.Kind]
	c.Before, c.After = &d.before.Mappings[found[0].old], &d.after.Mappings[found[0].now]
	c.Part = d.after.label(c.After.Lo)
}

// compareResident compares how much is in memory, of as few mappings at once as hold
// the same. What vanished took its pages along, so only where nothing did, less in
// memory says that some of what is still there left it.
func (d *differ) compareResident() {
	for from, to := 0, 0; from < len(d.kept); from = to {
		first, last := d.kept[from], d.kept[from]
		then, now := d.before.Figures[first.old].RSS, d.after.Figures[first.now].RSS
		size, kept := d.before.Mappings[first.old].Size(), first.Size()
		for to = from + 1; to < len(d.kept); to++ {
			next := d.kept[to]
			if next.old != last.old && next.now != last.now {
				break
			}
			if next.old != last.old {
				then += d.before.Figures[next.old].RSS
				size += d.before.Mappings[next.old].Size()
			}
			if next.now != last.now {
				now += d.after.Figures[next.now].RSS
			}
			kept += next.Size()
			last = next
		}
		was, is := &d.before.Mappings[first.old], &d.after.Mappings[first.now]
		c := Change{
			Kind: MoreInMemory, Range: addr.Range{Lo: is.Lo, Hi: d.after.Mappings[last.now].Hi},
			Before: was, After: is, Part: d.after.label(is.Lo), Bytes: now - then,
		}
		if now < then {
			c.Kind, c.Bytes = LessInMemory, then-now
		}
		if now > then || now < then && kept == size {
			d.changes = append(d.changes, c)
		}
	}
}

// label is what the part at a is called.
func (s *Space) label(a addr.Addr) string {
	if p, ok := find(s.Parts, a); ok {
		return s.Parts[p].Label
	}
	return ""
}

// MarshalJSON writes c's range and mappings, and its bytes where they say something.
func (c Change) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Kind ChangeKind `json:"kind"`
		addr.Range
		Part   string     `json:"part"`
		Bytes  addr.Bytes `json:"bytes"`
		Before *Mapping   `json:"before,omitempty"`
		After  *Mapping   `json:"after,omitempty"`
	}{c.Kind, c.Range, c.Part, c.Bytes, c.Before, c.After})
}
