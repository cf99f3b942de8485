package report

import (
	"fmt"
	"slices"
	"strings"

	"memprobe/layout/addr"
	"memprobe/probe"
)

// eventsTold is how many events of a step are told one by one. Of more, those of a kind
// are told together.
const eventsTold = 12

// foldable are the kinds of events of which many in a step say little more than one.
var foldable = map[probe.Kind]bool{probe.EventStore: true, probe.EventAlloc: true, probe.EventDrop: true, probe.EventFree: true}

// folded are a step's events in groups, in the order of each group's first event. What
// is made does not share a group with what is made after something has ended, nor does
// the last search, if it is worth drawing, with any other event.
func folded(events []probe.Event) [][]probe.Event {
	type key struct {
		kind  probe.Kind
		named bool
	}
	var groups [][]probe.Event
	at := map[key]int{}
	ending := false
	last := lastSearch(events)
	for i, e := range events {
		ends := e.Kind == probe.EventDrop || e.Kind == probe.EventFree
		if ends != ending || i == last {
			clear(at)
			ending = ends
		}
		k := key{e.Kind, e.Name != ""}
		group, known := at[k]
		if known && i != last && foldable[e.Kind] && e.Times == 0 && !e.Popped && len(events) > eventsTold {
			groups[group] = append(groups[group], e)
			continue
		}
		if i != last {
			at[k] = len(groups)
		}
		groups = append(groups, []probe.Event{e})
	}
	return groups
}

// lastSearch is which of the events is the last search that is worth drawing, or -1.
func lastSearch(events []probe.Event) int {
	for i, e := range slices.Backward(events) {
		if searched(e) {
			return i
		}
	}
	return -1
}

// group is a group of events in a line.
func (t *telling) group(events []probe.Event) string {
	if len(events) == 1 {
		return t.words(events[0])
	}
	sum := probe.Event{Kind: events[0].Kind, Addr: events[0].Addr, Times: len(events)}
	var names []string
	for _, e := range events {
		sum.Addr = min(sum.Addr, e.Addr)
		sum.Size += e.Size
		if name := t.name(e.Name, e.Addr); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	switch sum.Kind {
	case probe.EventDrop:
		return enumerated(names) + " dropped"
	case probe.EventStore:
		return bytesOf(sum.Size) + " stored in " + t.places(events, names)
	}
	return t.sum(sum)
}

// places are where several stores went to.
func (t *telling) places(events []probe.Event, names []string) string {
	if events[0].Name != "" {
		return enumerated(names)
	}
	blocks := map[addr.Addr]bool{}
	for _, e := range events {
		blocks[t.blockOf(e.Addr)] = true
	}
	return plural(len(blocks), "block")
}

// blockOf is where the block begins that a lies in, or lay in for a part of the step.
func (t *telling) blockOf(a addr.Addr) addr.Addr {
	if b, used := usedBlock(t.step, a); used {
		return b.Addr
	}
	for _, e := range t.step.Events {
		if e.Kind == probe.EventAlloc && addr.Span(e.Addr, e.Size).Contains(a) {
			return e.Addr
		}
	}
	return a
}

// namesListed is how many names stand in a list of them.
const namesListed = 10

// enumerated is a, b and c.
func enumerated(names []string) string {
	last := len(names) - 1
	switch {
	case last == 0:
		return names[0]
	case len(names) > namesListed:
		return fmt.Sprintf("%s and %s", strings.Join(names[:namesListed], ", "), plural(len(names)-namesListed, "other"))
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
