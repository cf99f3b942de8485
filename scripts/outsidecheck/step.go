package main

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"memprobe/scripts/ask"
)

// scenario holds the scenario after each of its steps, each time in a process of its
// own, and some more to poke at; gdb visits all of them, and then they go on.
func (c *checker) scenario(whole trace) error {
	var stopped []*heldStep
	defer func() {
		for _, h := range stopped {
			h.stop()
		}
	}()
	hold := func(n int) (*heldStep, error) {
		h, err := c.holdStep(whole.Scenario, n)
		if err == nil {
			stopped = append(stopped, h)
		}
		return h, err
	}

	var visits []*visit
	for n := range whole.Steps {
		h, err := hold(n + 1)
		if err != nil {
			return err
		}
		if h.image, err = newImage(h.pid, h.step.shown()); err != nil {
			return err
		}
		visits = append(visits, &h.image.visit)
	}
	pokes := targets(whole)
	c.that(len(pokes) > 0, "scenario %s has nothing to poke at", whole.Scenario)
	for _, p := range pokes {
		h, err := hold(p.n)
		if err != nil {
			return err
		}
		visits = append(visits, &visit{pid: h.pid, writes: []change{p.flip(h.step)}})
	}
	if err := c.gdb(visits...); err != nil {
		return err
	}

	for i, h := range stopped {
		name, check := fmt.Sprintf("%s step %d", whole.Scenario, h.n), func() (string, error) { return c.compare(whole, h) }
		if k := i - len(whole.Steps); k >= 0 {
			name, check = fmt.Sprintf("%s step %d, %s poked", whole.Scenario, h.n, pokes[k].what), func() (string, error) { return c.poked(h, visits[i].writes[0]) }
		}
		if err := c.section(name, check); err != nil {
			return err
		}
	}
	return nil
}

// heldStep is a process that holds after step n.
type heldStep struct {
	*held
	n     int
	trace trace // up to the hold
	step  step  // the one that it holds after
	image *image
	maps  []mapping
}

func (c *checker) holdStep(scenario string, n int) (*heldStep, error) {
	h, err := c.hold(scenario, n, "json")
	if err != nil {
		return nil, err
	}
	s := &heldStep{held: h, n: n}
	s.trace, err = oneLine(h.before)
	if err == nil && len(s.trace.Steps) != n {
		err = fmt.Errorf("held after step %d, the trace has %d", n, len(s.trace.Steps))
	}
	if err == nil {
		s.maps, err = readMaps(h.pid)
	}
	if err != nil {
		h.stop()
		return nil, err
	}
	s.step = s.trace.Steps[n-1]
	return s, nil
}

// compare compares the step with the memory, presses Enter and compares what follows
// with a run that was not held.
func (c *checker) compare(whole trace, h *heldStep) (summary string, err error) {
	t, s := h.trace, h.step
	c.that(t.PID == h.pid, "the trace's pid is %d, the process is %d", t.PID, h.pid)
	c.mappings(t, s, h.maps)
	c.addresses(t, s, h.maps)
	c.landmarks(s, h.maps)
	c.pages(s, h.image)
	for _, x := range s.memory() {
		is := h.image.at(x.span())
		c.that(x.bytes.equal(is), "%s at %v: the trace says %x, gdb reads %x", x.name, x.at, x.bytes, is)
	}
	c.values(s)

	after, message, status, err := h.resume()
	if err != nil {
		return "", err
	}
	c.that(status == 0 && message == "", "exit %d after Enter, stderr %q", status, message)
	rest, err := oneLine(after)
	if err != nil {
		return "", err
	}
	c.goesOn(whole, t, rest, h.n)
	return s.counted() + ": all as traced", nil
}

// item is something that a step shows, with the bytes that it shows of it.
type item struct {
	name  string
	at    address
	bytes hexBytes
}

func (i item) span() span { return from(i.at, uint64(len(i.bytes))) }

// memory is all that a step shows of memory.
func (s step) memory() (all []item) {
	frames := func(frames []frame, how string) {
		for _, f := range frames {
			for _, v := range f.Vars {
				name := how + f.Name + "." + v.Name
				all = append(all, item{name, v.Addr, v.Bytes})
				for _, x := range v.Fields {
					all = append(all, item{name + "." + x.Name, x.Addr, x.Bytes})
				}
			}
		}
	}
	frames(s.Frames, "")
	frames(s.Popped, "popped ")
	for _, b := range s.Heap.Blocks {
		if b.State == "used" {
			all = append(all, item{"block " + b.Addr.String(), b.Addr, b.Bytes})
		}
	}
	for _, l := range s.Landmarks {
		all = append(all, item{l.What, l.Addr, l.Bytes})
	}
	return all
}

// shown are the addresses of that.
func (s step) shown() (spans []span) {
	for _, x := range s.memory() {
		spans = append(spans, x.span())
	}
	return spans
}

// counted says how much a step shows.
func (s step) counted() string {
	var vars, fields, popped, blocks int
	for _, f := range s.Frames {
		vars += len(f.Vars)
		for _, v := range f.Vars {
			fields += len(v.Fields)
		}
	}
	for _, f := range s.Popped {
		popped += len(f.Vars)
	}
	for _, b := range s.Heap.Blocks {
		if b.State == "used" {
			blocks++
		}
	}
	text := fmt.Sprintf("%s, %s, %s", ask.Plural(vars, "variable"), ask.Plural(fields, "field"), ask.Plural(blocks, "block"))
	if popped > 0 {
		text += fmt.Sprintf(", %d popped", popped)
	}
	if n := len(s.Threads); n > 0 {
		text += ", " + ask.Plural(n, "thread")
	}
	if n := len(s.Landmarks); n > 0 {
		text += ", " + ask.Plural(n, "landmark")
	}
	return text
}

// mappings: memprobe's lines are the kernel's for the reservation and for the threads'
// stacks, the reservation has no gap, and nothing in it is accessible but parts of the
// stack and the heap.
func (c *checker) mappings(t trace, s step, maps []mapping) {
	var lines []string
	whole := span{t.Memory.Base, t.Memory.End}
	at := whole.Start
	for _, m := range maps {
		own := m.overlaps(whole)
		for _, thread := range s.Threads {
			own = own || m.overlaps(thread.Stack)
		}
		if own {
			lines = append(lines, m.line)
		}
		if !m.overlaps(whole) {
			continue
		}
		c.that(m.Start <= at, "nothing is mapped at %v, inside the reservation", at)
		at = m.End
		inside := t.Memory.Stack.contains(m.span) || t.Memory.Heap.contains(m.span)
		c.that(m.perms == "---p" || m.perms == "rw-p" && inside, "%q is accessible outside of stack and heap", m.line)
	}
	c.that(at >= whole.End, "nothing is mapped at %v, inside the reservation", at)
	if len(s.Threads) == 0 {
		c.that(reflect.DeepEqual(t.Memory.Maps, lines), "memory.maps is\n    %s\n  /proc/%d/maps has\n    %s",
			strings.Join(t.Memory.Maps, "\n    "), t.PID, strings.Join(lines, "\n    "))
		return
	}
	// A thread's reservation is larger than its stack: there are guards around it.
	for _, line := range lines {
		c.that(slices.Contains(t.Memory.Maps, line), "memory.maps lacks %q", line)
	}
	seen := map[string]bool{}
	for _, line := range t.Memory.Maps {
		c.that(slices.ContainsFunc(maps, func(m mapping) bool { return m.line == line }), "memory.maps has %q, /proc/%d/maps does not", line, t.PID)
		c.that(!seen[line], "memory.maps has %q twice", line)
		seen[line] = true
	}
}

// landmarks: each lies in the mapping that the step names.
func (c *checker) landmarks(s step, maps []mapping) {
	above := ^address(0)
	for _, l := range s.Landmarks {
		i := slices.IndexFunc(maps, func(m mapping) bool { return m.contains(from(l.Addr, 1)) })
		line := ""
		if i >= 0 {
			line = maps[i].line
		}
		c.that(l.Mapping == line, "%s at %v is in %q, the step says %q", l.What, l.Addr, line, l.Mapping)
		c.that(l.Addr < above, "%s at %v is not below %v", l.What, l.Addr, above)
		above = l.Addr
	}
}

// pages: of each page that a large block has bytes in, the kernel says the same from
// outside.
func (c *checker) pages(s step, m *image) {
	for _, b := range s.Heap.Blocks {
		if b.State != "used" || m.unknown {
			continue
		}
		p := b.payload()
		first := p.Start &^ (pageSize - 1)
		n := int((p.End - first + pageSize - 1) / pageSize)
		c.that(len(b.Touched) == n || len(b.Touched) == 0 && b.Requested <= uint64(pageSize), "block %v of %d bytes lies in %d pages, the step tells of %d", b.Addr, b.Requested, n, len(b.Touched))
		for i, touched := range b.Touched {
			page := first + address(i)*pageSize
			c.that(touched == m.pages[page], "page %v of block %v: touched %v, the kernel says %v", page, b.Addr, touched, m.pages[page])
		}
	}
}

// addresses: each lies in what it is said to lie in, and that is accessible.
func (c *checker) addresses(t trace, s step, maps []mapping) {
	heap := t.Memory.Heap
	threads := s.Threads
	if len(threads) == 0 {
		threads = []thread{{Stack: t.Memory.Stack, SP: s.SP}}
	}
	told := 0
	for _, thread := range threads {
		told += c.stack(s, thread, maps)
	}
	c.that(told == len(s.Frames)+len(s.Popped), "%d of %d frames belong to a thread", told, len(s.Frames)+len(s.Popped))
	c.that(s.Threads == nil || threads[0].Stack == t.Memory.Stack, "the first thread's stack is %v, memory says %v", threads[0].Stack, t.Memory.Stack)
	for _, thread := range s.Threads {
		_, err := os.Stat(fmt.Sprintf("/proc/%d/task/%d", t.PID, thread.ID))
		c.that(err == nil, "thread %s is %d: %v", thread.Name, thread.ID, err)
	}

	at, used, free := heap.Start, uint64(0), uint64(0)
	for _, b := range s.Heap.Blocks {
		c.that(b.Addr == at && b.Size > 0, "block %v does not start where the one before ends, at %v", b.span(), at)
		at = b.span().End
		switch b.State {
		case "used":
			used += b.Size
			c.that(b.Requested <= b.Size && uint64(len(b.Bytes)) == b.Requested, "block %v: %d bytes shown, %d requested, %d set aside", b.Addr, len(b.Bytes), b.Requested, b.Size)
			c.that(heap.contains(b.span()) && accessible(maps, b.span()), "block %v is not in the accessible part of the heap %v", b.span(), heap)
		case "free":
			free += b.Size
			c.that(heap.contains(b.span()), "free block %v is not in the heap %v", b.span(), heap)
		default:
			c.that(false, "block %v is %q", b.Addr, b.State)
		}
	}
	c.that(at == heap.End, "the blocks end at %v, the heap at %v", at, heap.End)
	c.that(used == s.Heap.Used && free == s.Heap.Free, "used %d, free %d; the blocks add up to %d, %d", s.Heap.Used, s.Heap.Free, used, free)
}

// stack: a thread's frames lie in its stack, each below the one before; those that have
// gone lie below the stack pointer. It returns how many there are.
func (c *checker) stack(s step, thread thread, maps []mapping) (frames int) {
	newest := thread.Stack.End
	for _, f := range s.Frames {
		if f.Thread != thread.Name {
			continue
		}
		frames++
		c.that(thread.Stack.contains(f.span()) && accessible(maps, f.span()), "frame %s %v is not in the accessible part of the stack %v", f.Name, f.span(), thread.Stack)
		c.that(f.End <= newest, "frame %s %v is not below %v", f.Name, f.span(), newest)
		newest = f.Start
		if f.Active {
			c.that(s.SP == f.Start, "sp is %v, the active frame starts at %v", s.SP, f.Start)
		}
		if f.Calls > 0 {
			c.that(len(f.Vars) == 0 && uint64(f.End-f.Start)%f.Calls == 0, "%d frames of %s in %d bytes, with %d variables", f.Calls, f.Name, f.End-f.Start, len(f.Vars))
			continue
		}
		c.variables(f)
		for _, v := range f.Vars {
			if p := v.PointsTo; p != nil {
				c.that(accessible(maps, from(*p, 1)), "%s.%s points to %v, which is not accessible", f.Name, v.Name, *p)
				c.that(uint64(*p) == v.Bytes.number(), "%s.%s points to %v, its bytes are %x", f.Name, v.Name, *p, v.Bytes)
			}
			for _, x := range v.Fields {
				if p := x.PointsTo; p != nil {
					c.that(accessible(maps, from(*p, 1)), "%s.%s.%s points to %v, which is not accessible", f.Name, v.Name, x.Name, *p)
					c.that(uint64(*p) == x.Bytes.number(), "%s.%s.%s points to %v, its bytes are %x", f.Name, v.Name, x.Name, *p, x.Bytes)
				}
			}
		}
	}
	c.that(thread.SP == newest, "sp is %v, the newest frame starts at %v", thread.SP, newest)
	for _, f := range s.Popped {
		if f.Thread != thread.Name {
			continue
		}
		frames++
		c.that(thread.Stack.contains(f.span()) && accessible(maps, f.span()) && f.End <= thread.SP, "popped frame %s %v is not in the stack %v below %v", f.Name, f.span(), thread.Stack, thread.SP)
		c.variables(f)
	}
	return frames
}

// variables: they lie in their frame, aligned, apart from each other, and padding
// is the rest; fields lie in their variable.
func (c *checker) variables(f frame) {
	rest := uint64(f.End - f.Start)
	for i, v := range f.Vars {
		name := f.Name + "." + v.Name
		c.that(f.span().contains(v.span()), "%s %v is not in its frame %v", name, v.span(), f.span())
		c.that(v.Align > 0 && uint64(v.Addr)%v.Align == 0, "%s at %v is not aligned to %d", name, v.Addr, v.Align)
		for _, other := range f.Vars[:i] {
			c.that(!v.span().overlaps(other.span()), "%s %v overlaps %s %v", name, v.span(), other.Name, other.span())
		}
		for _, x := range v.Fields {
			c.that(v.span().contains(from(x.Addr, x.Size)), "%s.%s is not in its variable", name, x.Name)
		}
		rest -= v.Size
	}
	c.that(rest == f.Padding, "frame %s says %d bytes of padding, %d are left", f.Name, f.Padding, rest)
}

// values works out from the bytes, which gdb has confirmed, what the step shows of
// numbers, pointers and Strings.
func (c *checker) values(s step) {
	for _, f := range s.Frames {
		for _, v := range f.Vars {
			if v.State != "live" {
				continue
			}
			if want, ok := decoded(v.Type, v.Bytes); ok {
				c.that(v.Value == want, "%s.%s shows %s, its bytes are %s", f.Name, v.Name, v.Value, want)
			}
			for _, x := range v.Fields {
				if want, ok := decoded(x.Type, x.Bytes); ok {
					c.that(x.Value == want, "%s.%s.%s shows %s, its bytes are %s", f.Name, v.Name, x.Name, x.Value, want)
				}
			}
			if v.Type == "String" {
				c.text(f.Name+"."+v.Name, v, s)
			}
		}
	}
}

// text: a live String's three words lead to a block of its capacity, and the first
// len bytes there are its text.
func (c *checker) text(name string, v variable, s step) {
	capacity, length := v.field("cap").Bytes.number(), v.field("len").Bytes.number()
	if capacity == 0 {
		c.that(v.Value == `""`, "%s has no capacity, yet shows %s", name, v.Value)
		return
	}
	b, ok := s.usedBlock(address(v.field("ptr").Bytes.number()))
	if !ok || b.Requested != capacity || length > capacity {
		c.that(false, "%s: ptr %v leads to no block of %d bytes that holds %d", name, v.field("ptr").Value, capacity, length)
		return
	}
	shown, err := strconv.Unquote(v.Value)
	c.that(err == nil && shown == string(b.Bytes[:length]), "%s shows %s, its block holds %q", name, v.Value, b.Bytes[:length])
}

// goesOn: after Enter come the steps so far, the held step again with the same
// bytes, and the steps that the program takes when nobody holds it.
func (c *checker) goesOn(whole, before, after trace, n int) {
	if len(after.Steps) != len(whole.Steps)+1 {
		c.that(false, "%d steps after Enter, not %d and one again", len(after.Steps), len(whole.Steps))
		return
	}
	c.that(reflect.DeepEqual(before.Steps, after.Steps[:n]), "the steps before the hold have changed")
	last, again := before.Steps[n-1], after.Steps[n]
	c.that(again.Again && again.N == n, "after the hold comes step %d, again: %v", again.N, again.Again)
	c.that(reflect.DeepEqual(last.Frames, again.Frames) && reflect.DeepEqual(last.Heap, again.Heap) && last.SP == again.SP,
		"step %d again is not what it was", n)
	for i, s := range after.Steps[n+1:] {
		as := whole.Steps[n+i]
		c.that(s.N == as.N && s.Title == as.Title && !s.Again, "after step %d again comes step %d, %q; without a hold it is step %d, %q", n, s.N, s.Title, as.N, as.Title)
	}
}
