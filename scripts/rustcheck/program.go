package main

import (
	"fmt"
	"slices"
	"strings"
)

// program is a scenario's listing with what is added to it, so that it tells what it
// does.
type program struct {
	trace   *trace
	listing listing
	vars    []name       // those that are registered; their ids count from 1
	stops   map[int]bool // the lines of Source behind which it tells its variables
	added   []addition
}

// name is a variable's: that of its function, and its own.
type name struct{ function, variable string }

func (n name) String() string { return n.function + "." + n.variable }

// addition is code to be inserted.
type addition struct {
	at   int // in the listing's text
	rust string
}

// newProgram adds to the trace's listing. The trace's variables have to be in it.
func newProgram(t *trace) (p *program, differences []string) {
	p = &program{trace: t, listing: newListing(t.Source), stops: map[int]bool{}}
	if p.trace.faults() {
		return p, nil
	}
	for _, at := range p.listing.unsafeBlocks() {
		p.added = append(p.added, addition{at, " crate::check::stop();"})
	}
	if p.trace.threaded() {
		return p, nil // what several threads do comes in no certain order
	}
	functions := map[string]function{}
	for _, f := range p.listing.functions() {
		functions[f.name] = f
	}
	for _, s := range t.Steps {
		for _, f := range s.Frames {
			for _, v := range f.Vars {
				n := name{f.Name, v.Name}
				_, own := functions[f.Name]
				if slices.Contains(p.vars, n) || !own && p.listing.calls(f.Name) {
					continue // a function of the library's has its variables for itself
				}
				at, ok := p.listing.has(functions[f.Name], v.Name)
				if !own || !ok {
					differences = append(differences, fmt.Sprintf("step %d has a variable %v, the listing has none", s.N, n))
					continue
				}
				p.vars = append(p.vars, n)
				p.added = append(p.added, addition{at, fmt.Sprintf(" let __%d = crate::var!(%[1]d, %s);", p.id(n), v.Name)})
			}
		}
	}
	for _, s := range t.Steps {
		if p.stops[s.Line] {
			continue
		}
		for _, f := range functions {
			if at, ok := p.listing.lineEnd(f, s.Line); ok {
				p.stops[s.Line] = true
				p.added = append(p.added, addition{at, fmt.Sprintf(" crate::check::step(%d, &%v);", s.Line, p.liveAt(s.Line))})
			}
		}
	}
	return p, differences
}

// id is what the variable is called by in what the program tells; 0: it isn't there.
func (p *program) id(n name) int { return slices.Index(p.vars, n) + 1 }

// refused are the trace's allocations that the heap had no block for, a bit for each,
// the lowest for the first allocation.
func (p *program) refused() (refused uint64) {
	n := 0
	for _, q := range p.traced() {
		switch q.kind {
		case "refused":
			refused |= 1 << n
			fallthrough
		case "alloc":
			n++
		}
	}
	return refused
}

// ids prints as a Rust array.
type ids []int

func (i ids) String() string { return strings.ReplaceAll(fmt.Sprint([]int(i)), " ", ", ") }

// liveAt are the variables that are live in all steps that stop at a line.
func (p *program) liveAt(line int) (live ids) {
	first := true
	for _, s := range p.trace.Steps {
		if s.Line != line {
			continue
		}
		var now ids
		for _, f := range s.Frames {
			for _, v := range f.Vars {
				if id := p.id(name{f.Name, v.Name}); id > 0 && v.State == "live" && !slices.Contains(now, id) {
					now = append(now, id)
				}
			}
		}
		if first {
			live, first = now, false
		}
		live = slices.DeleteFunc(live, func(id int) bool { return !slices.Contains(now, id) })
	}
	return live
}

// module is what the program is called in Rust.
func (p *program) module() string { return "s_" + strings.ReplaceAll(p.trace.Scenario, "-", "_") }

// rust is the program's module. Its lines have the numbers that they have in the
// listing.
func (p *program) rust() string {
	slices.SortStableFunc(p.added, func(a, b addition) int { return a.at - b.at })
	var out strings.Builder
	done := 0
	for _, a := range p.added {
		out.WriteString(p.listing.text[done:a.at] + a.rust)
		done = a.at
	}
	out.WriteString(p.listing.text[done:])
	fmt.Fprintf(&out, "\npub mod checked {\n    use super::*;\n    %s\n", strings.Join(p.listing.innerStructs(), "\n    "))
	fmt.Fprintf(&out, "    pub fn run() { super::main(); }\n    pub fn layouts() {\n%s    }\n}\n", p.askLayouts())
	return out.String()
}
