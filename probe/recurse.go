package probe

import (
	"errors"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

// Recurse runs call, with 1, 2, 3 and so on, until the stack has no room for another
// frame: the page below it refuses the touch. It returns how many calls were made and
// the address that the kernel reported. Of what the calls did, the events keep sums.
func (m *Machine) Recurse(call func(n int)) (calls int, fault addr.Addr) {
	before := m.events
	m.events = nil
	for {
		overflow := overflowOf(func() { call(calls + 1) })
		if overflow != nil {
			m.events = append(before, summed(m.events)...)
			return calls, overflow.Addr
		}
		calls++
	}
}

// overflowOf runs do and returns the overflow that it ended with, if it did.
func overflowOf(do func()) (overflow *mmapheap.StackError) {
	defer func() {
		switch why := recover().(type) {
		case nil:
		case abort:
			if !errors.Is(why.err, mmapheap.ErrStackOverflow) {
				panic(why)
			}
			overflow, _ = errors.AsType[*mmapheap.StackError](why.err)
		default:
			panic(why)
		}
	}()
	do()
	return nil
}

// summed is one event for each kind that there is, in the order in which they came
// first; a fault stays as it is, at the end.
func summed(events []Event) []Event {
	var sums, faults []Event
	at := map[Kind]int{}
	for _, e := range events {
		if e.Kind == EventFault {
			faults = append(faults, e)
			continue
		}
		i, ok := at[e.Kind]
		if !ok {
			i = len(sums)
			at[e.Kind] = i
			sums = append(sums, Event{Kind: e.Kind, Addr: e.Addr, Name: e.Name})
		}
		if sums[i].Name != e.Name {
			sums[i].Name = ""
		}
		sums[i].Addr = min(sums[i].Addr, e.Addr)
		sums[i].Size += e.Size
		sums[i].Times++
	}
	return append(sums, faults...)
}
