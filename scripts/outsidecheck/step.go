package main

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// heldStep holds the scenario after step n, compares that step with the memory,
// presses Enter and compares what follows with a run that was not held.
func (c *checker) heldStep(whole trace, n int) (summary string, err error) {
	h, err := c.hold(whole.Scenario, n, "json")
	if err != nil {
		return "", err
	}
	defer h.stop()
	t, err := oneLine(h.before)
	if err != nil {
		return "", err
	}
	c.that(t.PID == h.pid, "the trace's pid is %d, the process is %d", t.PID, h.pid)
	if len(t.Steps) != n {
		return "", fmt.Errorf("held after step %d, the trace has %d", n, len(t.Steps))
	}
	maps, err := readMaps(h.pid)
	if err != nil {
		return "", err
	}
	s := t.Steps[n-1]
	c.mappings(t, maps)
	c.addresses(t, s, maps)
	summary, err = c.bytesOf(h.pid, s)
	if err != nil {
		return "", err
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
	c.goesOn(whole, t, rest, n)
	return fmt.Sprintf("%s, %s: all as traced", summary, plural(len(t.Memory.Maps), "mapping")), nil
}

// mappings: memprobe's lines are the kernel's, they cover the reservation without a
// gap, and nothing in it is accessible but parts of the stack and the heap.
func (c *checker) mappings(t trace, maps []mapping) {
	var lines []string
	whole := span{t.Memory.Base, t.Memory.End}
	at := whole.Start
	for _, m := range maps {
		if !m.overlaps(whole) {
			continue
		}
		lines = append(lines, m.line)
		c.that(m.Start <= at, "nothing is mapped at %v, inside the reservation", at)
		at = m.End
		inside := t.Memory.Stack.contains(m.span) || t.Memory.Heap.contains(m.span)
		c.that(m.perms == "---p" || m.perms == "rw-p" && inside, "%q is accessible outside of stack and heap", m.line)
	}
	c.that(at >= whole.End, "nothing is mapped at %v, inside the reservation", at)
	c.that(reflect.DeepEqual(t.Memory.Maps, lines), "memory.maps is\n    %s\n  /proc/%d/maps has\n    %s",
		strings.Join(t.Memory.Maps, "\n    "), t.PID, strings.Join(lines, "\n    "))
}

// addresses: each lies in what it is said to lie in, and that is accessible.
func (c *checker) addresses(t trace, s step, maps []mapping) {
	stack, heap := t.Memory.Stack, t.Memory.Heap
	newest := stack.End
	for _, f := range s.Frames {
		c.that(stack.contains(f.span()) && accessible(maps, f.span()), "frame %s %v is not in the accessible part of the stack %v", f.Name, f.span(), stack)
		c.that(f.End <= newest, "frame %s %v is not below %v", f.Name, f.span(), newest)
		newest = f.Start
		c.variables(f)
		for _, v := range f.Vars {
			for _, x := range v.Fields {
				if p := x.PointsTo; p != nil {
					c.that(accessible(maps, from(*p, 1)), "%s.%s.%s points to %v, which is not accessible", f.Name, v.Name, x.Name, *p)
				}
			}
		}
	}
	c.that(s.SP == newest, "sp is %v, the newest frame starts at %v", s.SP, newest)

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

// bytesOf compares all bytes of the step with those that gdb reads.
func (c *checker) bytesOf(pid int, s step) (summary string, err error) {
	var areas []area
	var names []string
	var want []hexBytes
	add := func(name string, a address, size uint64, b hexBytes) {
		areas, names, want = append(areas, area{a, size}), append(names, name), append(want, b)
	}
	var vars, fields, blocks int
	for _, f := range s.Frames {
		for _, v := range f.Vars {
			vars++
			add(f.Name+"."+v.Name, v.Addr, v.Size, v.Bytes)
			for _, x := range v.Fields {
				fields++
				add(f.Name+"."+v.Name+"."+x.Name, x.Addr, x.Size, x.Bytes)
			}
		}
	}
	for _, b := range s.Heap.Blocks {
		if b.State == "used" {
			blocks++
			add("block "+b.Addr.String(), b.Addr, b.Requested, b.Bytes)
		}
	}
	read, err := c.gdbRead(pid, areas)
	if err != nil {
		return "", err
	}
	for i := range areas {
		c.that(want[i].equal(read[i]), "%s at %v: the trace says %x, gdb reads %x", names[i], areas[i].addr, want[i], read[i])
	}
	return fmt.Sprintf("%s, %s, %s", plural(vars, "variable"), plural(fields, "field"), plural(blocks, "block")), nil
}

// values works out from the bytes, which gdb has confirmed, what the step shows of
// integers, pointers and Strings.
func (c *checker) values(s step) {
	for _, f := range s.Frames {
		for _, v := range f.Vars {
			if v.State != "live" {
				continue
			}
			if want, ok := integer(v.Type, v.Bytes); ok {
				c.that(v.Value == want, "%s.%s shows %s, its bytes are %s", f.Name, v.Name, v.Value, want)
			}
			for _, x := range v.Fields {
				if want, ok := integer(x.Type, x.Bytes); ok {
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
