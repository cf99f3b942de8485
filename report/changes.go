package report

import (
	"bytes"

	"memprobe/layout/addr"
	"memprobe/probe"
)

// mark is the word that says what is special about a variable or block in a
// step: what changed since the step before, or that its bytes are not to be used.
type mark struct {
	word  string
	style style
}

var (
	isNew     = mark{"new", fresh}
	isChanged = mark{"changed", altered}
)

// stateMarks are the marks of variables that have no value to use.
var stateMarks = map[probe.State]mark{
	probe.Uninitialised: {"not set", faint},
	probe.Moved:         {"moved", gone},
	probe.Dropped:       {"dropped", gone},
}

// changes compares a step with the one before it.
type changes struct {
	vars   map[addr.Addr]probe.Var // of the step before, by address
	blocks map[addr.Addr]probe.Block
	frames map[addr.Addr]string // by end address
}

// since prepares the comparison with the step before, which is nil for the first.
func since(before *probe.Step) changes {
	c := changes{map[addr.Addr]probe.Var{}, map[addr.Addr]probe.Block{}, map[addr.Addr]string{}}
	if before == nil {
		return c
	}
	for _, f := range before.Frames {
		c.frames[f.End] = f.Name
		for _, v := range f.Vars {
			c.vars[v.Addr] = v
		}
	}
	for _, b := range before.Heap.Blocks {
		if b.State == probe.BlockUsed {
			c.blocks[b.Addr] = b
		}
	}
	return c
}

// frame is the mark of a frame.
func (c changes) frame(f probe.Frame) mark {
	if c.frames[f.End] != f.Name {
		return isNew
	}
	return mark{}
}

// variable is the mark of a variable of frame f.
func (c changes) variable(f probe.Frame, v probe.Var) mark {
	if m, ok := stateMarks[v.State]; ok {
		return m
	}
	old, known := c.vars[v.Addr]
	switch {
	case !known, c.frame(f) == isNew, old.Name != v.Name, old.State != probe.Live:
		return isNew
	case !bytes.Equal(old.Bytes, v.Bytes):
		return isChanged
	}
	return mark{}
}

// block is the mark of a used block.
func (c changes) block(b probe.Block) mark {
	old, known := c.blocks[b.Addr]
	switch {
	case !known:
		return isNew
	case old.Requested != b.Requested, !bytes.Equal(old.Bytes, b.Bytes):
		return isChanged
	}
	return mark{}
}
