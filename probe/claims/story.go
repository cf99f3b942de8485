package claims

import (
	"fmt"

	"memprobe/layout/addr"
	"memprobe/probe"
)

// lost carries why evidence is not to be had from a Gather to the lab.
type lost struct{ reason string }

func lose(format string, args ...any) { panic(lost{fmt.Sprintf(format, args...)}) }

// story is a run of a scenario, to be asked for what happened in it. What is asked
// for and did not happen ends the gathering.
type story struct{ *probe.Trace }

// step is step n; the last one for 0.
func (s story) step(n int) step {
	if n == 0 {
		n = len(s.Steps)
	}
	if n < 1 || n > len(s.Steps) {
		lose("scenario %s has no step %d", s.Scenario, n)
	}
	return step{&s.Steps[n-1], s.Trace}
}

// from is the whole run, as the source of an item.
func (s story) from() string { return "scenario " + s.Scenario }

// events are those of a kind, of all steps in order.
func (s story) events(kind probe.Kind) []probe.Event {
	var all []probe.Event
	for i := range s.Steps {
		for _, e := range s.Steps[i].Events {
			if e.Kind == kind {
				all = append(all, e)
			}
		}
	}
	return all
}

type step struct {
	*probe.Step
	trace *probe.Trace
}

// from is the step as the source of an item.
func (s step) from() string { return fmt.Sprintf("scenario %s, step %d", s.trace.Scenario, s.N) }

// frame is the newest frame of a function.
func (s step) frame(name string) frame {
	for i := len(s.Frames) - 1; i >= 0; i-- {
		if s.Frames[i].Name == name {
			return frame{&s.Frames[i], s}
		}
	}
	lose("%s has no frame of %s", s.from(), name)
	return frame{}
}

// popped is the frame of a function that has gone and left its bytes.
func (s step) popped(name string) frame {
	for i := range s.Popped {
		if s.Popped[i].Name == name {
			return frame{&s.Popped[i], s}
		}
	}
	lose("%s has no popped frame of %s", s.from(), name)
	return frame{}
}

// block is the block at an address.
func (s step) block(a addr.Addr) probe.Block {
	for _, b := range s.Heap.Blocks {
		if b.Addr == a {
			return b
		}
	}
	lose("%s has no block at %v", s.from(), a)
	return probe.Block{}
}

// used are the blocks in use.
func (s step) used() []probe.Block {
	var used []probe.Block
	for _, b := range s.Heap.Blocks {
		if b.State == probe.BlockUsed {
			used = append(used, b)
		}
	}
	return used
}

// event is the first event of a kind in the step.
func (s step) event(kind probe.Kind) probe.Event {
	for _, e := range s.Events {
		if e.Kind == kind {
			return e
		}
	}
	lose("%s has no event %q", s.from(), kind)
	return probe.Event{}
}

type frame struct {
	*probe.Frame
	in step
}

// size is that of the frame, padding included.
func (f frame) size() addr.Bytes { return f.End.Sub(f.Start) }

// v is a variable of the frame.
func (f frame) v(name string) variable {
	for i := range f.Vars {
		if f.Vars[i].Name == name {
			return variable{&f.Vars[i], f}
		}
	}
	lose("%s: %s has no variable %s", f.in.from(), f.Name, name)
	return variable{}
}

type variable struct {
	*probe.Var
	in frame
}

// field is a part of the variable that has a name.
func (v variable) field(name string) probe.Field {
	for _, f := range v.Fields {
		if f.Name == name {
			return f
		}
	}
	lose("%s: %s has no field %s", v.in.in.from(), v.Name, name)
	return probe.Field{}
}

// pointer is the address that the variable holds, or a field of it.
func (v variable) pointer() addr.Addr {
	if v.PointsTo != nil {
		return *v.PointsTo
	}
	for _, f := range v.Fields {
		if f.PointsTo != nil {
			return *f.PointsTo
		}
	}
	lose("%s: %s does not lead into the program's memory", v.in.in.from(), v.Name)
	return 0
}

// owned is the block that the variable's pointer leads to.
func (v variable) owned() probe.Block { return v.in.in.block(v.pointer()) }
