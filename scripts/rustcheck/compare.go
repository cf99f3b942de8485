package main

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"memprobe/scripts/ask"
)

// real is what is known of a real program while its lines are read.
type real struct {
	vars   []placed          // that there are, in the order in which they came
	gone   []placed          // that there were, the last one first
	blocks map[address]block // by address, those that were freed too
	heap   []request
	ends   []int // ids of the variables whose block ended
	stops  []stop

	unsafe bool // it was stopped before unsafe code
}

// placed is a registered variable.
type placed struct {
	id          int
	at          address
	size, align uint64
	bytes       hexBytes
	value       string // empty where it was not told
}

// block is a real block, and where the trace's lies that was requested in its turn.
type block struct {
	size   uint64
	traced address
}

// request is a request of memory, of the trace or of the real program.
type request struct {
	kind      string // alloc, resize, free, or refused: an alloc that failed
	addr, old address
	size      uint64
}

func (r request) String() string {
	return fmt.Sprintf("%s of %d bytes at %v", r.kind, r.size, r.addr)
}

// stop is a line at which the real program told its variables.
type stop struct {
	line   int
	vars   []placed
	gone   []placed
	blocks map[address]block
}

// ran compares a run of the real program with the trace.
func (p *program) ran(all []told) (summary string, differences []string) {
	r, err := p.read(all)
	if err != nil {
		return "", []string{err.Error()}
	}
	end := "to its end"
	if r.unsafe {
		end = "up to its unsafe code"
	}
	if p.trace.threaded() {
		return "runs " + end, nil
	}
	differences = p.requests(r)
	if len(differences) > 0 {
		return "", differences // pointers could not be told from each other
	}
	stopped, found, different := p.steps(r)
	if stopped == 0 && !r.unsafe && len(different) == 0 {
		different = append(different, "no step stops at a line behind which a statement can follow, so nothing was compared")
	}
	drops, dropped := p.drops(r)
	differences = slices.Concat(different, dropped)

	summary = fmt.Sprintf("%s: %d of %s, %s, %s of memory", end, stopped, ask.Plural(len(p.trace.Steps), "step"),
		ask.Plural(found.values, "live value"), ask.Plural(min(len(p.traced()), len(r.heap)), "request"))
	for _, v := range slices.Sorted(maps.Keys(found.capacities)) {
		summary += fmt.Sprintf("; capacities of %s %s", v, words(found.capacities[v]))
	}
	if len(drops) > 0 {
		summary += "; drops " + words(drops)
	}
	return summary, differences
}

func words[T any](all []T) string { return strings.Trim(fmt.Sprint(all), "[]") }

// read takes in what a program told. The requests of the real program and of the
// trace are paired as they come, so that each real block has the trace's address.
func (p *program) read(all []told) (*real, error) {
	r := &real{blocks: map[address]block{}}
	traced := p.traced()
	for _, t := range all {
		var err error
		switch t.kind {
		case "alloc", "realloc", "free", "refused":
			q := request{kind: strings.Replace(t.kind, "realloc", "resize", 1)}
			if t.kind == "realloc" {
				err = t.of(&q.old, &q.addr, &q.size)
			} else {
				err = t.of(&q.addr, &q.size)
			}
			if n := len(r.heap); n < len(traced) && (t.kind == "alloc" || t.kind == "realloc") {
				r.blocks[q.addr] = block{q.size, traced[n].addr}
			}
			r.heap = append(r.heap, q)
		case "var":
			var v placed
			err = t.of(&v.id, &v.at, &v.size, &v.align)
			r.vars = append(r.vars, v)
		case "end":
			var id int
			err = t.of(&id)
			r.ends = append(r.ends, id)
			for i, v := range slices.Backward(r.vars) {
				if v.id == id {
					r.gone = slices.Insert(r.gone, 0, v)
					r.vars = slices.Delete(r.vars, i, i+1)
					break
				}
			}
		case "stopped":
			r.unsafe = true
		case "step":
			s := stop{vars: slices.Clone(r.vars), gone: slices.Clone(r.gone), blocks: maps.Clone(r.blocks)}
			err = t.of(&s.line)
			r.stops = append(r.stops, s)
		case "is":
			s := &r.stops[len(r.stops)-1]
			var id int
			var b hexBytes
			if err = t.of(&id, &b); err != nil {
				break
			}
			for i := range s.vars { // they are told in the order in which they came
				if v := &s.vars[i]; v.id == id && v.bytes == nil {
					v.bytes = b
					if len(t.words) > 2 {
						v.value = t.words[2]
					}
					break
				}
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

// traced are the trace's requests.
func (p *program) traced() (all []request) {
	for _, s := range p.trace.Steps {
		for _, e := range s.Events {
			q := request{kind: e.Kind, addr: e.Addr, size: e.Size}
			if e.refused() {
				all = append(all, request{kind: "refused", size: e.Size})
			}
			switch e.Kind {
			case "resize":
				q.old = *e.From
				fallthrough
			case "alloc", "free":
				all = append(all, q)
			}
		}
	}
	return all
}

// requests compares what was asked of the heap: how much, and what was freed in which
// order. After the last step the real program may go on.
func (p *program) requests(r *real) (differences []string) {
	blocks := map[address]address{} // the trace's for each real one
	for i, want := range p.traced() {
		if i >= len(r.heap) && r.unsafe {
			return nil
		}
		if i >= len(r.heap) {
			return []string{fmt.Sprintf("request %d of memory is: %v; the real program has no more", i+1, want)}
		}
		is := r.heap[i]
		same := is.kind == want.kind && is.size == want.size
		switch {
		case is.kind == "refused":
		case is.kind == "free":
			same = same && blocks[is.addr] == want.addr
			delete(blocks, is.addr)
		case is.kind == "resize":
			same = same && blocks[is.old] == want.old
			delete(blocks, is.old)
			fallthrough
		default:
			blocks[is.addr] = want.addr
		}
		if !same {
			return []string{fmt.Sprintf("request %d of memory is: %v; in Rust: %v", i+1, want, is)}
		}
	}
	return nil
}

// found is what the steps showed.
type found struct {
	values     int
	capacities map[string][]uint64 // by variable, without repetition
}

// steps compares each step with the real program's variables when it had run the
// same line. A line may run more often than the trace stops there, and a step may
// stop in the midst of it.
func (p *program) steps(r *real) (stopped int, all found, differences []string) {
	all.capacities = map[string][]uint64{}
	from := 0
	for _, s := range p.trace.Steps {
		if !p.stops[s.Line] {
			continue
		}
		var first []string
		at := -1
		for i := from; i < len(r.stops) && at < 0; i++ {
			if r.stops[i].line != s.Line {
				continue
			}
			different := p.step(s, r.stops[i])
			if len(different) == 0 {
				at = i
			} else if first == nil {
				first = different
			}
		}
		if at < 0 && first == nil && r.unsafe {
			continue // that would come later
		}
		if at < 0 {
			if first == nil {
				first = []string{fmt.Sprintf("step %d stops at line %d, which the real program does not run then", s.N, s.Line)}
			}
			differences = append(differences, first...)
			continue
		}
		from = at
		stopped++
		all.add(p, s)
	}
	return stopped, all, differences
}

// add counts what was equal in a step.
func (f *found) add(p *program, s step) {
	for _, fr := range s.Frames {
		for _, v := range fr.Vars {
			if v.State != "live" || p.id(name{fr.Name, v.Name}) == 0 {
				continue
			}
			f.values++
			for _, x := range v.Fields {
				if x.Name != "cap" && !strings.HasSuffix(x.Name, ".cap") {
					continue
				}
				key := v.Name + strings.TrimSuffix(strings.TrimSuffix(x.Name, "cap"), ".")
				if n := x.Bytes.number(); len(f.capacities[key]) == 0 || f.capacities[key][len(f.capacities[key])-1] != n {
					f.capacities[key] = append(f.capacities[key], n)
				}
			}
		}
	}
}

// step compares the live variables of a step with those at a stop.
func (p *program) step(s step, at stop) (differences []string) {
	pairs := p.pair(s, at)
	for i, v := range pairs {
		differ := func(format string, args ...any) {
			differences = append(differences, fmt.Sprintf("step %d: %v ", s.N, v.name)+fmt.Sprintf(format, args...))
		}
		if v.real == nil {
			if v.traced.State == "live" {
				differ("is live, in Rust it has no value at line %d", s.Line)
			}
			continue
		}
		if v.traced.Size != v.real.size || v.traced.Align != v.real.align {
			differ("has %d bytes aligned to %d, in Rust %d aligned to %d", v.traced.Size, v.traced.Align, v.real.size, v.real.align)
			continue
		}
		if v.traced.State != "live" {
			continue
		}
		for _, x := range v.traced.parts() {
			offset := uint64(x.Addr - v.traced.Addr)
			is := v.real.bytes[offset:][:x.Size]
			if pointer(x.Type) {
				if to := p.translate(address(is.number()), s, at, pairs); !slices.Contains(to, address(x.Bytes.number())) {
					differ("%s points to %#x, in Rust to %#x, which is %v in the trace", x.Name, x.Bytes.number(), is.number(), to)
				}
			} else if !bytes.Equal(is, x.Bytes) {
				differ("%s at +%d is %s, in Rust %s", x.Name, offset, short(fmt.Sprintf("%x", x.Bytes)), short(fmt.Sprintf("%x", is)))
			}
		}
		if v.real.value != "" && !strings.ContainsAny(v.traced.Type, "*&") && !printed(v.traced.Value, v.real.value) {
			differ("is %s, in Rust %s", short(v.traced.Value), short(v.real.value))
		}
		if v.traced.State == "live" && i > 0 && pairs[i-1].real != nil && pairs[i-1].frame == v.frame {
			before := pairs[i-1]
			if (before.traced.Addr < v.traced.Addr) != (before.real.at < v.real.at) {
				differ("lies at %v and %v at %v, in Rust at %v and %v", v.traced.Addr, before.name, before.traced.Addr, v.real.at, before.real.at)
			}
		}
	}
	return differences
}

// pair is a variable of a step and the same one of the real program; real is nil
// where that has none, or not yet.
type pair struct {
	name   name
	frame  int
	traced variable
	real   *placed
}

// pair finds the variables of a step among those of a stop. Of several calls of one
// function, the oldest are the same ones.
func (p *program) pair(s step, at stop) (pairs []pair) {
	taken := map[int]int{}
	for i, f := range s.Frames {
		for _, v := range f.Vars {
			n := name{f.Name, v.Name}
			id, skip := p.id(n), taken[p.id(n)]
			if id == 0 {
				continue // of a function of the library's
			}
			found := pair{name: n, frame: i, traced: v}
			for j := range at.vars {
				if at.vars[j].id != id {
					continue
				}
				if skip == 0 {
					found.real = &at.vars[j]
					taken[id]++
					break
				}
				skip--
			}
			pairs = append(pairs, found)
		}
	}
	return pairs
}

var (
	alike = regexp.MustCompile(`^\[([^,;]+); (\d+)\]$`)      // equal elements, as Rust's source can have them
	cut   = regexp.MustCompile(`^(.*)\.\.\. \d+ in all\]?$`) // too many to be shown
)

// printed tells whether a value that the trace shows is the one that {:?} printed.
func printed(traced, real string) bool {
	if m := cut.FindStringSubmatch(traced); m != nil {
		return strings.HasPrefix(real, m[1])
	}
	if m := alike.FindStringSubmatch(traced); m != nil {
		n, err := strconv.Atoi(m[2])
		return err == nil && n > 0 && n < 1<<16 && real == "["+m[1]+strings.Repeat(", "+m[1], n-1)+"]"
	}
	return traced == real
}

// short is s, cut where it would fill the screen.
func short(s string) string {
	const most = 300
	if len(s) > most {
		s = s[:most] + "..."
	}
	return s
}

// translate is where the trace has what the real program has at a, or had: the place
// of a variable that has gone may be another one's by now, in the trace or in Rust.
// What belongs to nothing stays as it is, such as the address that a String without a
// block has.
func (p *program) translate(a address, s step, at stop, pairs []pair) (to []address) {
	for _, v := range pairs {
		if v.real != nil && v.real.at <= a && a < v.real.at+address(v.real.size) {
			to = append(to, v.traced.Addr+(a-v.real.at))
		}
	}
	for start, b := range at.blocks {
		if start <= a && a < start+address(b.size) {
			to = append(to, b.traced+(a-start))
		}
	}
	for _, v := range at.gone {
		if v.at <= a && a < v.at+address(v.size) {
			if traced, ok := p.last(v.id, s.N); ok {
				to = append(to, traced+(a-v.at))
				break
			}
		}
	}
	if len(to) == 0 && a < 1<<12 {
		to = append(to, a)
	}
	return to
}

// last is where the trace had a variable last, up to step n.
func (p *program) last(id, n int) (at address, ok bool) {
	for _, s := range p.trace.Steps {
		if s.N > n {
			break
		}
		for _, f := range s.Frames {
			for _, v := range f.Vars {
				if p.id(name{f.Name, v.Name}) == id {
					at, ok = v.Addr, true
				}
			}
		}
	}
	return at, ok
}

// drops compares in which order variables were dropped at the ends of their blocks.
// Of what the program drops by name, the order of the frees tells.
func (p *program) drops(r *real) (order, differences []string) {
	dropped := map[string]bool{}
	var before []frame
	for _, s := range p.trace.Steps {
		frames := slices.Concat(s.Frames, s.Popped, before)
		before = s.Frames
		for _, e := range s.Events {
			if e.Kind != "drop" {
				continue
			}
			n, ok := owner(frames, e.Addr)
			if !ok {
				differences = append(differences, fmt.Sprintf("step %d: what was dropped at %v is no variable of it", s.N, e.Addr))
			}
			if p.id(n) > 0 && !strings.Contains(p.listing.code, "drop("+n.variable+")") {
				order = append(order, n.String())
				dropped[n.String()] = true
			}
		}
	}
	var is []string
	for _, id := range r.ends {
		if n := p.vars[id-1].String(); dropped[n] {
			is = append(is, n)
		}
	}
	if len(is) > len(order) {
		is = is[:len(order)] // after the last step
	}
	if r.unsafe {
		order = order[:len(is)]
	}
	if !slices.Equal(order, is) {
		differences = append(differences, fmt.Sprintf("dropped are %v in this order, in Rust %v", order, is))
	}
	return order, differences
}

func owner(frames []frame, a address) (name, bool) {
	for _, f := range frames {
		for _, v := range f.Vars {
			if v.Addr == a && v.State != "live" {
				return name{f.Name, v.Name}, true
			}
		}
	}
	for _, f := range frames {
		for _, v := range f.Vars {
			if v.Addr == a {
				return name{f.Name, v.Name}, true
			}
		}
	}
	return name{}, false
}
