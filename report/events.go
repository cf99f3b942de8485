package report

import (
	"bytes"
	"fmt"
	"strings"

	"memprobe/layout/addr"
	"memprobe/probe"
)

// happened says in words what the program and the kernel did in a step.
func (p *page) happened(t *probe.Trace, before, s *probe.Step) {
	names := map[addr.Addr]string{}
	for _, step := range []*probe.Step{before, s} { // frames that were popped, too
		if step == nil {
			continue
		}
		for _, f := range step.Frames {
			for _, v := range f.Vars {
				names[v.Addr] = f.Name + "." + v.Name
			}
		}
	}
	if len(s.Events) > 0 || s.Kernel != (probe.Kernel{}) {
		p.blank()
		p.add(text(" What happened:"))
	}
	for _, e := range s.Events {
		p.prose(3, p.column(3), eventWords(t, e, names), plain)
	}
	if s.Kernel != (probe.Kernel{}) {
		p.prose(3, p.column(3), "the kernel: "+kernelWords(s.Kernel), faint)
	}
}

func eventWords(t *probe.Trace, e probe.Event, names map[addr.Addr]string) string {
	name := func(a addr.Addr) string {
		if n, ok := names[a]; ok {
			return n
		}
		return "block " + a.String()
	}
	switch e.Kind {
	case probe.EventCall:
		return fmt.Sprintf("call: a frame of %s pushed", bytesOf(e.Size))
	case probe.EventReturn:
		return fmt.Sprintf("return: a frame of %s popped", bytesOf(e.Size))
	case probe.EventStore:
		return fmt.Sprintf("%s stored in %s", bytesOf(e.Size), name(e.Addr))
	case probe.EventCopy:
		return fmt.Sprintf("%s copied to %s", name(*e.From), name(e.Addr))
	case probe.EventMove:
		return fmt.Sprintf("%s moved to %s", name(*e.From), name(e.Addr))
	case probe.EventAlloc:
		return fmt.Sprintf("%s allocated at %v (%s)", bytesOf(e.Size), e.Addr, searchWords(e))
	case probe.EventResize:
		if *e.From == e.Addr {
			return fmt.Sprintf("block %v resized in place to %s", e.Addr, bytesOf(e.Size))
		}
		return fmt.Sprintf("block %v resized to %s at %v", *e.From, bytesOf(e.Size), e.Addr)
	case probe.EventFree:
		return fmt.Sprintf("block %v of %s freed", e.Addr, bytesOf(e.Size))
	case probe.EventDrop:
		return name(e.Addr) + " dropped"
	case probe.EventGrow:
		part := "stack"
		if t.Memory.Heap.Contains(e.Addr) {
			part = "heap"
		}
		return fmt.Sprintf("%s more of the %s made accessible, at %v", size(e.Size), part, e.Addr)
	case probe.EventFault:
		return fmt.Sprintf("a fault at %v", e.Addr)
	}
	return ""
}

// passedShown is how many of the free blocks that a search passed are named.
const passedShown = 8

// searchWords is the search that found room for a block: what was looked at, and
// why it was passed.
func searchWords(e probe.Event) string {
	words := plural(len(e.LookedAt), "free block") + " looked at"
	var passed []string
	for _, c := range e.LookedAt {
		if !c.Fits {
			passed = append(passed, fmt.Sprintf("%v is too small by %s", c.Addr, bytesOf(e.Size-c.Size)))
		}
	}
	if more := len(passed) - passedShown; more > 0 {
		passed = append(passed[:passedShown], plural(more, "other")+" too")
	}
	return strings.Join(append([]string{words}, passed...), "; ")
}

func kernelWords(k probe.Kernel) string {
	words := plural(k.Faults, "page fault")
	if k.Faults > 0 {
		words += " (the first touch of a page)"
	}
	switch {
	case k.Resident > 0:
		words += ", " + size(addr.Bytes(k.Resident)) + " more resident, in memory now"
	case k.Resident < 0:
		words += ", " + size(addr.Bytes(-k.Resident)) + " less resident"
	}
	return words
}

// outside says what somebody changed while the run was held.
func (p *page) outside(before, s *probe.Step) {
	c := since(before)
	var words []string
	for _, f := range s.Frames {
		for _, v := range f.Vars {
			if old := c.vars[v.Addr]; !bytes.Equal(old.Bytes, v.Bytes) {
				words = append(words, fmt.Sprintf("%s.%s from %s (%s) to %s (%s)", f.Name, v.Name, old.Value, hexBytes(old.Bytes), v.Value, hexBytes(v.Bytes)))
			}
		}
	}
	for _, b := range s.Heap.Blocks {
		old := c.blocks[b.Addr]
		for i := range b.Bytes {
			if i < len(old.Bytes) && old.Bytes[i] != b.Bytes[i] {
				words = append(words, fmt.Sprintf("byte %v of block %v from %02x to %02x", b.Addr.Offset(addr.Bytes(i)), b.Addr, old.Bytes[i], b.Bytes[i]))
			}
		}
	}
	if len(words) == 0 {
		words = []string{"nothing"}
	}
	p.blank()
	p.prose(1, p.column(1), "Changed from outside: "+strings.Join(words, "; ")+".", altered)
}
