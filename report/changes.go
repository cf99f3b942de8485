package report

import (
	"bytes"
	"fmt"
	"slices"

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
	isBehind  = mark{"block changed", altered} // a handle whose own bytes did not
	isPopped  = mark{"popped", gone}
	isMoved   = mark{"moved", fresh} // a block that is at another address now
	isGrown   = mark{"grown in place", altered}
	isShrunk  = mark{"shrunk in place", altered}
	newOwner  = mark{"new owner", altered}
	noOwner   = mark{"owner gone", gone}
)

// stateMarks are the marks of variables that have no value to use.
var stateMarks = map[probe.State]mark{
	probe.Uninitialised: {"not set", faint},
	probe.Moved:         {"moved", gone},
	probe.Dropped:       {"dropped", gone},
	probe.Popped:        {},
}

// changes compares a step with the one before it.
type changes struct {
	step   *probe.Step
	before *probe.Step // nil for the first

	vars    map[addr.Addr]probe.Var // of the step before, by address
	popped  map[addr.Addr]probe.Var // likewise, of frames that had gone
	blocks  map[addr.Addr]probe.Block
	frames  map[addr.Addr]string    // by end address
	called  map[addr.Range]bool     // frames pushed in this step
	made    map[addr.Addr]bool      // blocks allocated in it
	resized map[addr.Addr]addr.Addr // blocks resized in it, to where they were before
}

// since prepares the comparison of s with the step before, which is nil for the first.
func since(before, s *probe.Step) changes {
	c := changes{
		step: s, before: before,
		vars: map[addr.Addr]probe.Var{}, popped: map[addr.Addr]probe.Var{}, blocks: map[addr.Addr]probe.Block{}, frames: map[addr.Addr]string{},
		called: map[addr.Range]bool{}, made: map[addr.Addr]bool{}, resized: map[addr.Addr]addr.Addr{},
	}
	for _, e := range s.Events {
		switch e.Kind {
		case probe.EventCall:
			c.called[addr.Span(e.Addr, e.Size)] = true
		case probe.EventAlloc:
			c.made[e.Addr] = true
			delete(c.resized, e.Addr)
		case probe.EventFree:
			delete(c.made, e.Addr)
			delete(c.resized, e.Addr)
		case probe.EventResize:
			c.resize(*e.From, e.Addr)
		}
	}
	if before == nil {
		return c
	}
	for _, f := range before.Frames {
		c.frames[f.End] = f.Name
		for _, v := range f.Vars {
			c.vars[v.Addr] = v
		}
	}
	for _, f := range before.Popped {
		for _, v := range f.Vars {
			c.popped[v.Addr] = v
		}
	}
	for _, b := range before.Heap.Blocks {
		if b.State == probe.BlockUsed {
			c.blocks[b.Addr] = b
		}
	}
	return c
}

// resize notes that a block is at another address, or of another size. One that was
// made in this step stays new wherever it goes.
func (c changes) resize(from, to addr.Addr) {
	if c.made[from] {
		delete(c.made, from)
		c.made[to] = true
		return
	}
	origin, again := c.resized[from]
	if !again {
		origin = from
	}
	delete(c.resized, from)
	c.resized[to] = origin
}

// frame is the mark of a frame.
func (c changes) frame(f probe.Frame) mark {
	if c.frames[f.End] != f.Name || c.called[addr.Range{Lo: f.Start, Hi: f.End}] {
		return isNew
	}
	return mark{}
}

// gone is the mark of a frame that has been popped: whether it was in this step.
func (c changes) gone(f probe.Frame) mark {
	if c.goneBefore(f) {
		return mark{"popped earlier", faint}
	}
	return isPopped
}

// goneBefore is true for a popped frame that was popped in the step before, and that
// no call has pushed again since.
func (c changes) goneBefore(f probe.Frame) bool {
	return c.before != nil && !c.called[addr.Range{Lo: f.Start, Hi: f.End}] && slices.ContainsFunc(c.before.Popped, func(was probe.Frame) bool {
		return was.Name == f.Name && was.Start == f.Start && was.End == f.End
	})
}

// variable is the mark of a variable of frame f. What became of it in this step is
// told apart from what it was before.
func (c changes) variable(f probe.Frame, v probe.Var) mark {
	old, known := c.vars[v.Addr]
	if v.State == probe.Popped && !known {
		old, known = c.popped[v.Addr]
	}
	known = known && old.Name == v.Name && c.frame(f) != isNew
	if m, ok := stateMarks[v.State]; ok {
		switch {
		case v.State == probe.Popped && old.Name == v.Name && !bytes.Equal(old.Bytes, v.Bytes):
			return isChanged
		case v.State != probe.Popped && v.State != probe.Uninitialised && known && old.State == v.State:
			return mark{m.word + " earlier", faint}
		}
		return m
	}
	switch {
	case !known, old.State != probe.Live:
		return isNew
	case !bytes.Equal(old.Bytes, v.Bytes):
		return isChanged
	case old.Value != v.Value:
		return isBehind
	}
	return mark{}
}

// old is what stood where v is, in the step before.
func (c changes) old(v probe.Var) probe.Var {
	if old, ok := c.vars[v.Addr]; ok {
		return old
	}
	return c.popped[v.Addr]
}

// block is the mark of a used block, and what it was in the step before; of a new one,
// the first block whose place it has.
func (c changes) block(b probe.Block) (mark, probe.Block) {
	if from, ok := c.resized[b.Addr]; ok && from != b.Addr {
		return isMoved, c.blocks[from]
	}
	old, known := c.blocks[b.Addr]
	switch {
	case !known, c.made[b.Addr]:
		if was := c.freed(addr.Span(b.Addr, b.Size)); was != nil {
			return isNew, was[0]
		}
		return isNew, probe.Block{}
	case old.Requested < b.Requested:
		return isGrown, old
	case old.Requested > b.Requested:
		return isShrunk, old
	case old.Owner != b.Owner && b.Owner == "":
		return noOwner, old
	case old.Owner != b.Owner:
		return newOwner, old
	case !bytes.Equal(old.Bytes, b.Bytes):
		return isChanged, old
	}
	return mark{}, old
}

// was says what a block with that mark was before, where that is worth a word.
func was(p *page, m mark, old probe.Block) string {
	switch m {
	case isMoved:
		return fmt.Sprintf("was at %s, with %s", p.addr(old.Addr), bytesOf(old.Requested))
	case isGrown, isShrunk:
		return "had " + bytesOf(old.Requested)
	case noOwner, newOwner:
		if old.Owner != "" {
			return "was " + escape(old.Owner) + "'s"
		}
	case isNew:
		if old.Addr != 0 {
			return "reuses the place of " + blockWords(p, old)
		}
	}
	return ""
}

// bytesBefore are the bytes that a block had in the step before, if it is the same block.
func (c changes) bytesBefore(b probe.Block) []byte {
	if c.made[b.Addr] || c.resized[b.Addr] != 0 && c.resized[b.Addr] != b.Addr {
		return nil
	}
	return c.blocks[b.Addr].Bytes
}

// freed are the blocks that were in use in the step before and that the given free
// memory now has in it, wholly or in part.
func (c changes) freed(free addr.Range) []probe.Block {
	if c.before == nil {
		return nil
	}
	var was []probe.Block
	for _, old := range c.before.Heap.Blocks {
		if old.State == probe.BlockUsed && addr.Span(old.Addr, old.Size).Overlaps(free) {
			was = append(was, old)
		}
	}
	return was
}

// blockWords tells of a block that has gone.
func blockWords(p *page, b probe.Block) string {
	words := p.addr(b.Addr) + ", " + bytesOf(b.Requested)
	if owner := ofWhom(b); owner != "" {
		words += " " + owner
	}
	return words
}

// ofWhom names the owner of a block, if it had one.
func ofWhom(b probe.Block) string {
	if b.Owner == "" {
		return ""
	}
	return "of " + escape(b.Owner)
}
