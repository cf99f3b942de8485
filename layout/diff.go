package layout

import (
	"cmp"
	"encoding/json"
	"slices"

	"memprobe/layout/addr"
)

// ChangeKind is what became of a mapping.
type ChangeKind string

const (
	Appeared     ChangeKind = "appeared"
	Vanished     ChangeKind = "vanished"
	Grew         ChangeKind = "grew"
	Shrank       ChangeKind = "shrank"
	Shifted      ChangeKind = "shifted" // as large as before, but from another address on
	NewPerms     ChangeKind = "permissions"
	MoreInMemory ChangeKind = "became resident" // more of it is in memory
	LessInMemory ChangeKind = "left memory"     // less of it is
)

// Change is what became of one mapping between two looks at a process.
type Change struct {
	Kind   ChangeKind
	Before *Mapping   // nil: it was not there
	After  *Mapping   // nil: it is no more
	Part   string     // what it is: the label of its lowest part
	Bytes  addr.Bytes // by how much; of what appeared or vanished, its size
}

// Diff says what became of each mapping from before to after, by address. What stayed
// as it was is not in it.
func Diff(before, after *Space) []Change {
	d := differ{before: before, after: after, used: make([]bool, len(before.Mappings))}
	matches := make([]int, len(after.Mappings))
	for i := range matches {
		matches[i] = -1
	}
	for _, alike := range []func(old, now Mapping) bool{sameRange, sameEnd, overlapping} { // the surest first
		d.match(matches, alike)
	}
	for i := range after.Mappings {
		d.compare(matches[i], i)
	}
	for i := range before.Mappings {
		if !d.used[i] {
			old := &before.Mappings[i]
			d.changes = append(d.changes, Change{Kind: Vanished, Before: old, Part: before.label(i), Bytes: old.Size()})
		}
	}
	slices.SortStableFunc(d.changes, func(a, b Change) int { return cmp.Compare(a.at(), b.at()) })
	return d.changes
}

func (c Change) at() addr.Addr {
	if c.After != nil {
		return c.After.Lo
	}
	return c.Before.Lo
}

type differ struct {
	before, after *Space
	used          []bool // of before's mappings: what it became is known
	changes       []Change
}

func sameRange(old, now Mapping) bool   { return old.Range == now.Range }
func sameEnd(old, now Mapping) bool     { return old.Lo == now.Lo || old.Hi == now.Hi }
func overlapping(old, now Mapping) bool { return true }

// match pairs those mappings of one file, or name, that overlap and are alike.
func (d *differ) match(matches []int, alike func(old, now Mapping) bool) {
	from := 0
	for i, now := range d.after.Mappings {
		for from < len(d.before.Mappings) && d.before.Mappings[from].last() < now.Lo {
			from++
		}
		for j := from; matches[i] < 0 && j < len(d.before.Mappings) && d.before.Mappings[j].Lo <= now.last(); j++ {
			old := d.before.Mappings[j]
			if !d.used[j] && old.Name == now.Name && old.Dev == now.Dev && old.Inode == now.Inode && alike(old, now) {
				matches[i], d.used[j] = j, true
			}
		}
	}
}

// compare notes what became of mapping old of before, now mapping i of after.
func (d *differ) compare(old, i int) {
	now := &d.after.Mappings[i]
	label := d.after.label(i)
	if old < 0 {
		d.changes = append(d.changes, Change{Kind: Appeared, After: now, Part: label, Bytes: now.Size()})
		return
	}
	was := &d.before.Mappings[old]
	change := func(kind ChangeKind, n addr.Bytes) {
		d.changes = append(d.changes, Change{kind, was, now, label, n})
	}
	switch {
	case now.Size() > was.Size():
		change(Grew, now.Size()-was.Size())
	case now.Size() < was.Size():
		change(Shrank, was.Size()-now.Size())
	case now.Lo != was.Lo:
		change(Shifted, 0)
	}
	if now.Perms != was.Perms {
		change(NewPerms, 0)
	}
	if old < len(d.before.Figures) && i < len(d.after.Figures) {
		in, then := d.after.Figures[i].RSS, d.before.Figures[old].RSS
		switch {
		case in > then:
			change(MoreInMemory, in-then)
		case in < then:
			change(LessInMemory, then-in)
		}
	}
}

// label is what the lowest part of mapping i is called.
func (s *Space) label(i int) string {
	if p, ok := find(s.Parts, s.Mappings[i].Lo); ok {
		return s.Parts[p].Label
	}
	return ""
}

// MarshalJSON writes c's mappings, and its bytes where they say something.
func (c Change) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Kind   ChangeKind `json:"kind"`
		Part   string     `json:"part"`
		Bytes  addr.Bytes `json:"bytes"`
		Before *Mapping   `json:"before,omitempty"`
		After  *Mapping   `json:"after,omitempty"`
	}{c.Kind, c.Part, c.Bytes, c.Before, c.After})
}
