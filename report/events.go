package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"memprobe/layout/addr"
	"memprobe/probe"
)

// telling puts a step's events into words.
type telling struct {
	changes
	p *page
	t *probe.Trace
}

// happened says in words what the program and the kernel did in a step.
func (p *page) happened(t *probe.Trace, c changes) {
	s, tell := c.step, &telling{changes: c, p: p, t: t}
	threads := tell.threads()
	if len(s.Events) > 0 || threads != nil || s.Kernel != (probe.Kernel{}) {
		p.blank()
		p.add(text(" What happened:"))
	}
	for _, words := range threads {
		p.prose(3, p.column(3), words, plain)
	}
	for _, group := range folded(s.Events) {
		p.prose(3, p.column(3), tell.group(group), plain)
		if e := group[0]; len(group) == 1 && len(e.LookedAt) > 1 {
			tell.search(e)
		}
	}
	if s.Kernel != (probe.Kernel{}) {
		p.prose(3, p.column(3), "the kernel: "+kernelWords(s.Kernel), faint)
	}
}

// function names the function that a call or a return is about, where that is known, and
// its thread, if that is not the first one.
func (t *telling) function(e probe.Event, before string) string {
	if e.Name == "" {
		return ""
	}
	for _, s := range []*probe.Step{t.step, t.before} {
		if s == nil {
			continue
		}
		for i, thread := range s.Threads {
			if i > 0 && thread.Stack.Contains(e.Addr) {
				return before + e.Name + " in thread " + escape(thread.Name)
			}
		}
	}
	return before + e.Name
}

// threads tells of threads that have come or gone.
func (t *telling) threads() []string {
	var words []string
	was := map[string]bool{}
	if t.before != nil {
		for _, thread := range t.before.Threads {
			was[thread.Name] = true
		}
	}
	for i, thread := range t.step.Threads {
		if i > 0 && !was[thread.Name] {
			words = append(words, fmt.Sprintf("thread %s started, with a stack of %s", escape(thread.Name), size(thread.Stack.Size())))
		}
	}
	if t.before != nil {
		for i, thread := range t.before.Threads {
			if i > 0 && !slices.ContainsFunc(t.step.Threads, func(now probe.Thread) bool { return now.Name == thread.Name }) {
				words = append(words, fmt.Sprintf("thread %s ended, and its stack at %s went back to the kernel", escape(thread.Name), t.p.addr(thread.Stack.Lo)))
			}
		}
	}
	return words
}

// name is what lay at a at the time: a variable, a frame, a block.
func (t *telling) name(name string, a addr.Addr) string {
	switch {
	case strings.Contains(name, "."):
		return name
	case name != "":
		return "the frame of " + name
	}
	for _, s := range []*probe.Step{t.step, t.before} {
		if s == nil {
			continue
		}
		if b, used := usedBlock(s, a); used {
			return "block " + t.p.addr(b.Addr) + past(b.Addr, a)
		}
	}
	if t.t.Memory.Heap.Contains(a) {
		return "block " + t.p.addr(a)
	}
	return t.p.addr(a)
}

// popped says so where an event was about a frame that had gone.
func popped(e probe.Event) string {
	if e.Popped {
		return ", which is popped"
	}
	return ""
}

// words is an event in a line.
func (t *telling) words(e probe.Event) string {
	if e.Times > 1 {
		return t.sum(e)
	}
	at := t.p.addr(e.Addr)
	switch e.Kind {
	case probe.EventCall:
		return fmt.Sprintf("call%s: a frame of %s pushed", t.function(e, " of "), bytesOf(e.Size))
	case probe.EventReturn:
		return fmt.Sprintf("return%s: a frame of %s popped", t.function(e, " from "), bytesOf(e.Size))
	case probe.EventStore:
		return fmt.Sprintf("%s stored in %s%s%s", bytesOf(e.Size), t.name(e.Name, e.Addr), popped(e), t.pastEnd(e))
	case probe.EventLoad:
		return fmt.Sprintf("%s read from %s%s%s", bytesOf(e.Size), t.name(e.Name, e.Addr), popped(e), t.through(e))
	case probe.EventCopy:
		return fmt.Sprintf("%s copied to %s", t.name(e.FromName, *e.From), t.name(e.Name, e.Addr))
	case probe.EventMove:
		return fmt.Sprintf("%s moved to %s", t.name(e.FromName, *e.From), t.name(e.Name, e.Addr))
	case probe.EventAlloc:
		return fmt.Sprintf("%s allocated at %s%s", bytesOf(e.Size), at, searchEnd(e))
	case probe.EventSearch:
		return fmt.Sprintf("first fit looks for %s%s", bytesOf(e.Size), searchEnd(e))
	case probe.EventResize:
		if *e.From == e.Addr {
			return fmt.Sprintf("block %s resized in place to %s", at, bytesOf(e.Size))
		}
		return fmt.Sprintf("block %s resized to %s at %s%s", t.p.addr(*e.From), bytesOf(e.Size), at, searchEnd(e))
	case probe.EventFree:
		return fmt.Sprintf("block %s of %s freed", at, bytesOf(e.Size))
	case probe.EventRefused:
		return fmt.Sprintf("the heap refuses to free %s: no block in use begins there", at)
	case probe.EventDrop:
		return t.name(e.Name, e.Addr) + " dropped"
	case probe.EventGrow:
		return fmt.Sprintf("%s more of the %s made accessible, at %s", size(e.Size), t.part(e.Addr), at)
	case probe.EventFault:
		return fmt.Sprintf("a fault at %s%s", at, t.guard(e.Addr))
	}
	return ""
}

// pastEnd says how far a store ran past the end of its block, if it did.
func (t *telling) pastEnd(e probe.Event) string {
	b, used := usedBlock(t.step, e.Addr)
	end := b.Addr.Offset(b.Requested)
	if stored := e.Addr.Offset(e.Size); used && stored > end {
		return ", " + bytesOf(stored.Sub(max(end, e.Addr))) + " of it past its end"
	}
	return ""
}

// sums are what many events of one kind come to.
var sums = map[probe.Kind]string{
	probe.EventCall:   "%s calls: frames of %s pushed, down to %s",
	probe.EventReturn: "%s returns: frames of %s popped, down to %s",
	probe.EventStore:  "%s times something stored, %s in all, down to %s",
	probe.EventGrow:   "%s times more memory made accessible, %s in all, down to %s",
	probe.EventAlloc:  "%s blocks allocated, %s in all, the lowest at %s",
	probe.EventFree:   "%s blocks freed, %s in all, the lowest at %s",
}

func (t *telling) sum(e probe.Event) string {
	form, ok := sums[e.Kind]
	if !ok {
		form = "%s times " + string(e.Kind) + ", %s in all, down to %s"
	}
	times := strings.TrimSuffix(plural(e.Times, ""), " s")
	form = strings.Replace(form, "calls:", "calls"+t.function(e, " of ")+":", 1)
	return fmt.Sprintf(form, times, exactly(e.Size), t.p.addr(e.Addr))
}

// through names the pointer that was followed.
func (t *telling) through(e probe.Event) string {
	if e.From == nil {
		return ""
	}
	return ", where " + t.name(e.FromName, *e.From) + " points"
}

// part is the part of memory that grew.
func (t *telling) part(a addr.Addr) string {
	if t.t.Memory.Heap.Contains(a) {
		return "heap"
	}
	for i, thread := range t.step.Threads {
		if i > 0 && thread.Stack.Contains(a) {
			return "stack of thread " + escape(thread.Name)
		}
	}
	return "stack"
}

// guard says which guard page a lies in, if it does.
func (t *telling) guard(a addr.Addr) string {
	below := func(r addr.Range) bool { return a < r.Lo && r.Lo.Sub(a) <= t.t.PageSize }
	if below(t.t.Memory.Stack) {
		return ", in the guard page below the stack"
	}
	for _, thread := range t.step.Threads {
		if below(thread.Stack) {
			return ", in the guard page below the stack of thread " + escape(thread.Name)
		}
	}
	return ""
}

// searched is true for a search that is worth drawing: of more than the one free block
// that it took, or for the search's own sake.
func searched(e probe.Event) bool { return len(e.LookedAt) > 1 || e.Kind == probe.EventSearch }

// searchEnd is what stands behind an event that searched.
func searchEnd(e probe.Event) string {
	switch {
	case len(e.LookedAt) > 1:
		return ":"
	case len(e.LookedAt) == 0 && e.Kind == probe.EventSearch:
		return ": there is no free block"
	case len(e.LookedAt) == 0:
		return ""
	}
	if c := e.LookedAt[0]; !c.Fits {
		return fmt.Sprintf(" (1 free block looked at, too small by %s)", bytesOf(e.Size-min(c.Size, e.Size)))
	}
	return " (1 free block looked at)"
}

// passedShown is how many of the free blocks that a search passed are told of.
const passedShown = 8

// search tells of each free block that a search looked at.
func (t *telling) search(e probe.Event) {
	for i, c := range e.LookedAt {
		last := len(e.LookedAt) - 1
		if i >= passedShown && i < last {
			if i == passedShown {
				t.p.prose(6, t.p.column(6), plural(last-i, "other")+", too small", plain)
			}
			continue
		}
		t.p.prose(6, t.p.column(6), fmt.Sprintf("%d. %s, %s: %s", i+1, t.p.addr(c.Addr), freeSize(c.Size), candidateWords(e, c)), plain)
	}
	if last := len(e.LookedAt) - 1; !e.LookedAt[last].Fits {
		t.p.prose(6, t.p.column(6), "none fits", plain)
	}
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
	c := since(before, s)
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
				words = append(words, fmt.Sprintf("byte %s of block %s from %02x to %02x", p.addr(b.Addr.Offset(addr.Bytes(i))), p.addr(b.Addr), old.Bytes[i], b.Bytes[i]))
			}
		}
	}
	if len(words) == 0 {
		words = []string{"nothing"}
	}
	p.blank()
	p.prose(1, p.column(1), "Changed from outside: "+strings.Join(words, "; ")+".", altered)
}
