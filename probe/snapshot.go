package probe

import (
	"slices"

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
	s := m.next
	s.N, s.Line, s.Title, s.Text, s.Notes = m.taken, line, m.withNumbers(title), m.withNumbers(text), notes
	m.next = Step{}
	m.snapshot(s)
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
	again.Landmarks = m.readAgain(again.Landmarks)
	m.snapshot(again)
}

// snapshot fills in what is read from memory and appends the step.
func (m *Machine) snapshot(s Step) {
	s.Kernel = m.kernel.since(m.accessible()) // before the snapshot touches anything itself
	s.SP = m.stack.SP()
	owners := map[addr.Addr]string{}
	s.Frames, s.Popped, s.Threads = []Frame{}, nil, nil
	for _, t := range m.threads {
		s.Frames = append(s.Frames, m.readFrames(t, owners)...)
		for _, f := range slices.Backward(t.popped) {
			s.Popped = append(s.Popped, m.readPopped(f, m.threadName(t)))
		}
		if len(m.threads) > 1 {
			s.Threads = append(s.Threads, Thread{Name: t.name, ID: t.id, Stack: t.stack.Range(), SP: t.stack.SP()})
		}
	}
	s.Heap = m.readHeap(owners)
	s.Events, m.events = append([]Event{}, m.events...), nil
	m.trace.Steps = append(m.trace.Steps, s)
}

// threadName is what the frames of t say of their thread: nothing while there is
// but one.
func (m *Machine) threadName(t *thread) string {
	if len(m.threads) == 1 {
		return ""
	}
	return t.name
}

// Of a long row of calls of one function, told are so many at each end.
const told = 2

// readFrames reads the frames of a thread. Of a function that calls itself again and
// again, only the first and the last frames are told apart.
func (m *Machine) readFrames(t *thread, owners map[addr.Addr]string) []Frame {
	var out []Frame
	for i := 0; i < len(t.frames); {
		run := 1
		for i+run < len(t.frames) && t.frames[i+run].name == t.frames[i].name {
			run++
		}
		for j := i; j < i+run; j++ {
			f := t.frames[j]
			if hidden := run - 2*told; hidden > 1 && j == i+told {
				last := t.frames[j+hidden-1]
				out = append(out, Frame{Name: f.name, Calls: hidden, Start: last.start, End: f.start.Offset(f.size), Thread: m.threadName(t), Vars: []Var{}})
				j += hidden - 1
				continue
			}
			read := m.readFrame(f, owners)
			read.Thread, read.Active = m.threadName(t), t == m.thread && j == len(t.frames)-1
			out = append(out, read)
		}
		i += run
	}
	return out
}

// readFrame reads a frame's variables, and adds to owners the blocks that the
// live ones own.
func (m *Machine) readFrame(f *frame, owners map[addr.Addr]string) Frame {
	out := Frame{Name: f.name, Start: f.start, End: f.start.Offset(f.size), Padding: f.size, Vars: make([]Var, len(f.vars))}
	for i, v := range f.vars {
		out.Padding -= v.typ.Size()
		b := m.peek(v.at, v.typ.Size())
		out.Vars[i] = m.readVar(v, b)
		if v.state == Live {
			// What can't be read has no owner; the variable's value says why.
			_ = rust.EachOwned(f.name+"."+v.name, v.typ, b, glance{m}, func(path string, block addr.Addr) error {
				owners[block] = path
				return nil
			})
		}
	}
	return out
}

// readPopped reads what a frame that has gone left behind. A number is shown as what
// its bytes are now; what a handle would own is nobody's.
func (m *Machine) readPopped(f *frame, thread string) Frame {
	left := *f
	left.vars = make([]*Local, len(f.vars))
	for i, v := range f.vars {
		gone := *v
		gone.state = Popped
		left.vars[i] = &gone
	}
	out := m.readFrame(&left, nil)
	out.Thread = thread
	return out
}

// maxFields is how many fields of a variable are told apart. A longer array has its
// bytes alone.
const maxFields = 64

func (m *Machine) readVar(v *Local, b []byte) Var {
	out := Var{
		Name: v.name, Type: v.typ.Name(), Addr: v.at, Size: v.typ.Size(), Align: v.typ.Align(),
		Bytes: b, Value: unknown, State: v.state, Fields: []Field{},
	}
	if v.state == Live || v.state == Popped && v.typ.Copy() {
		out.Value = v.typ.Format(b, glance{m})
	}
	if v.state != Uninitialised {
		out.PointsTo = m.target(v.typ, b)
	}
	leaves := rust.Leaves(v.typ)
	if len(leaves) > maxFields {
		leaves = nil
	}
	for _, leaf := range leaves {
		part := b[leaf.Offset:][:leaf.Type.Size()]
		f := Field{Name: leaf.Name, Type: leaf.Type.Name(), Addr: v.at.Offset(leaf.Offset), Size: leaf.Type.Size(), Bytes: part, Value: unknown}
		if v.state != Uninitialised {
			f.Value = leaf.Type.Format(part, glance{m})
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
	for _, r := range m.accessible() {
		if r.Contains(a) {
			return &a
		}
	}
	return nil
}

func (m *Machine) readHeap(owners map[addr.Addr]string) Heap {
	var h Heap
	for _, b := range m.heap.Blocks() {
		block := Block{Addr: b.Addr, Size: b.Size, State: BlockFree, Bytes: Hex{}}
		if b.State == mmapheap.Used {
			block.State, block.Requested, block.Owner = BlockUsed, b.Requested, owners[b.Addr]
			block.Bytes = m.peek(b.Addr, b.Requested)
			block.Touched = m.touched(b.Addr, b.Requested)
			h.Used += b.Size
		} else {
			h.Free += b.Size
		}
		h.Blocks = append(h.Blocks, block)
	}
	return h
}

// touched says which of the pages of a block hold something; nothing for a block of
// up to a page, and where the kernel does not tell.
func (m *Machine) touched(a addr.Addr, n addr.Bytes) []bool {
	if n <= m.trace.PageSize || m.kernel.untouched == nil {
		return nil
	}
	var touched []bool
	for _, page := range m.pages(a, n) {
		touched = append(touched, !m.kernel.untouched[page])
	}
	return touched
}
