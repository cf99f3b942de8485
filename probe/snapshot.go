package probe

import (
	"memprobe/layout/addr"
	"memprobe/mmapheap"
	"memprobe/probe/rust"
)

// unknown is the value of a variable whose bytes nobody may use.
const unknown = "?"

// Step takes a snapshot: it reads every variable and block from memory, as they
// are now. line is the line of the source that has just run, from 1; title and
// text are the caption; notes set what the lesson says beside what is there.
func (m *Machine) Step(line int, title, text string, notes ...Note) {
	m.taken++
	m.snapshot(Step{N: m.taken, Title: title, Text: text, Line: line, Notes: notes})
	if m.opts.Pause != nil && m.opts.PauseAt == m.taken {
		m.pause()
	}
}

// pause lets the outside look at the memory, and change it, and takes the last
// step once more.
func (m *Machine) pause() {
	m.paused = true
	m.must(m.readMaps(), "read its mappings")
	if err := m.opts.Pause(m); err != nil {
		panic(stopped{err})
	}
	again := m.trace.Steps[len(m.trace.Steps)-1]
	again.Again = true
	m.snapshot(again)
}

// snapshot fills in what is read from memory and appends the step.
func (m *Machine) snapshot(s Step) {
	s.Kernel = m.kernel.since(m.accessible()) // before the snapshot touches anything itself
	s.SP = m.stack.SP()
	s.Frames = make([]Frame, len(m.frames))
	owners := map[addr.Addr]string{}
	for i, f := range m.frames {
		s.Frames[i] = m.readFrame(f, i == len(m.frames)-1, owners)
	}
	s.Heap = m.readHeap(owners)
	s.Events, m.events = append([]Event{}, m.events...), nil
	m.trace.Steps = append(m.trace.Steps, s)
}

// readFrame reads a frame's variables, and adds to owners the blocks that the
// live ones own.
func (m *Machine) readFrame(f *frame, active bool, owners map[addr.Addr]string) Frame {
	out := Frame{Name: f.name, Start: f.start, End: f.start.Offset(f.size), Active: active, Padding: f.size, Vars: make([]Var, len(f.vars))}
	for i, v := range f.vars {
		out.Padding -= v.typ.Size()
		b := m.peek(v.at, v.typ.Size())
		out.Vars[i] = m.readVar(v, b)
		if v.state == Live {
			// What can't be read has no owner; the variable's value says why.
			_ = rust.EachOwned(f.name+"."+v.name, v.typ, b, m.region, func(path string, block addr.Addr) error {
				owners[block] = path
				return nil
			})
		}
	}
	return out
}

func (m *Machine) readVar(v *Local, b []byte) Var {
	out := Var{
		Name: v.name, Type: v.typ.Name(), Addr: v.at, Size: v.typ.Size(), Align: v.typ.Align(),
		Bytes: b, Value: unknown, State: v.state, Fields: []Field{},
	}
	if v.state == Live {
		out.Value = v.typ.Format(b, m.region)
	}
	for _, leaf := range rust.Leaves(v.typ) {
		part := b[leaf.Offset:][:leaf.Type.Size()]
		f := Field{Name: leaf.Name, Type: leaf.Type.Name(), Addr: v.at.Offset(leaf.Offset), Size: leaf.Type.Size(), Bytes: part, Value: unknown}
		if v.state != Uninitialised {
			f.Value = leaf.Type.Format(part, m.region)
			f.PointsTo = m.target(leaf.Type, part)
		}
		out.Fields = append(out.Fields, f)
	}
	return out
}

// target is the address in b where t is a pointer and memory of ours lies there.
func (m *Machine) target(t rust.Type, b []byte) *addr.Addr {
	p, ok := t.(rust.Pointer)
	if !ok {
		return nil
	}
	a := p.Decode(b)
	if heap, stack := m.accessible(); heap.Contains(a) || stack.Contains(a) {
		return &a
	}
	return nil
}

func (m *Machine) readHeap(owners map[addr.Addr]string) Heap {
	var h Heap
	for b := range m.heap.Blocks() {
		block := Block{Addr: b.Addr, Size: b.Size, State: BlockFree, Bytes: Hex{}}
		if b.State == mmapheap.Used {
			block.State, block.Requested, block.Owner = BlockUsed, b.Requested, owners[b.Addr]
			block.Bytes = m.peek(b.Addr, b.Requested)
			h.Used += b.Size
		} else {
			h.Free += b.Size
		}
		h.Blocks = append(h.Blocks, block)
	}
	return h
}
