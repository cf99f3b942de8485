package probe

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/mmapheap"
	"memprobe/probe/rust"
)

// Machine runs a scenario's program: a stack of frames with variables, a heap,
// and the operations that a compiler would make of the source. It holds where
// variables lie and what the compiler knows of them, never their values: each
// operation reads its operands from memory and writes its result there.
//
// An operation that can't be done (no space, a stack overflow, a pointer that
// somebody overwrote) ends the program, as it would end a real one; Run returns
// the reason. So scenarios need no error handling.
type Machine struct {
	region  *mmapheap.Region // with the heap, and the first thread's stack
	heap    *mmapheap.Shared
	highest addr.Addr // the end of the highest block that there ever was
	*thread           // the one that runs
	threads []*thread
	workers []*Worker // that ever were

	opts    Options
	taken   int // steps
	paused  bool
	numbers map[string]int

	shuffles *rand.Rand // which put the choices of questions in order

	trace  Trace
	next   Step    // what has been said of the step to come
	events []Event // since the last step
	kernel meter
}

// frame is a call in progress, or one that has returned.
type frame struct {
	name  string
	start addr.Addr
	size  addr.Bytes
	vars  []*Local
}

// abort carries the reason why the program can't go on from an operation to Run.
type abort struct{ err error }

// stopped carries an error of Options.Pause to Run.
type stopped struct{ err error }

// must ends the program where err is not nil; doing says what was being done.
func (m *Machine) must(err error, doing string, args ...any) {
	if err == nil {
		return
	}
	if overflow, ok := errors.AsType[*mmapheap.StackError](err); ok && errors.Is(err, mmapheap.ErrStackOverflow) {
		m.event(Event{Kind: EventFault, Addr: overflow.Addr})
	}
	if access, ok := errors.AsType[*mmapheap.AccessError](err); ok {
		m.event(Event{Kind: EventFault, Addr: access.Fault})
	}
	panic(abort{fmt.Errorf(doing+": %w", append(args, err)...)})
}

// event notes what has just been done, with what lay there.
func (m *Machine) event(e Event) {
	if e.Kind != EventCall && e.Kind != EventReturn { // which say whose frame it is
		e.Name, e.Popped = m.nameAt(e.Addr)
	}
	if e.From != nil {
		e.FromName, _ = m.nameAt(*e.From)
	}
	m.events = append(m.events, e)
}

// nameAt is what a frame has at a, and whether that frame has gone.
func (m *Machine) nameAt(a addr.Addr) (name string, popped bool) {
	for _, t := range m.threads {
		if name := nameIn(t.frames, a); name != "" {
			return name, false
		}
		if name := nameIn(t.popped, a); name != "" {
			return name, true
		}
	}
	return "", false
}

// nameIn is nameAt among some frames.
func nameIn(frames []*frame, a addr.Addr) string {
	for _, f := range slices.Backward(frames) { // of many, the newest is asked for most
		if !addr.Span(f.start, f.size).Contains(a) {
			continue
		}
		for _, v := range f.vars {
			switch {
			case v.at == a:
				return f.name + "." + v.name
			case addr.Span(v.at, v.typ.Size()).Contains(a):
				return fmt.Sprintf("%s.%s +%d", f.name, v.name, uint64(a.Sub(v.at)))
			}
		}
		return f.name
	}
	return ""
}

// load reads the n bytes at a.
func (m *Machine) load(a addr.Addr, n addr.Bytes) []byte {
	b := make([]byte, n)
	m.must(m.kernel.count(reading, m.pages(a, n), func() error { return m.memory().Load(a, b) }), "read %d bytes", n)
	return b
}

// peek is load for a snapshot.
func (m *Machine) peek(a addr.Addr, n addr.Bytes) []byte {
	b := make([]byte, n)
	m.must(glance{m}.Load(a, b), "snapshot")
	return b
}

// glance is the memory as a snapshot reads it. The program does not do it, so it must
// cost nothing: what the kernel knows to be zeros, since nobody has touched it, is not
// touched now either.
type glance struct{ *Machine }

// Load fills b with the bytes from a on.
func (g glance) Load(a addr.Addr, b []byte) error {
	clear(b)
	if end := a.Offset(addr.Bytes(len(b))); end < a {
		return g.memory().Load(a, b) // which says why not
	}
	for _, page := range g.pages(a, addr.Bytes(len(b))) {
		if g.kernel.untouched[page] {
			continue
		}
		done := max(page, a).Sub(a)
		left := g.trace.PageSize - a.Offset(done).Sub(page)
		if err := g.memory().Load(a.Offset(done), b[done:][:min(left, addr.Bytes(len(b))-done)]); err != nil {
			return err
		}
	}
	return nil
}

// pages are the addresses of the pages that n bytes from a on lie in.
func (m *Machine) pages(a addr.Addr, n addr.Bytes) []addr.Addr {
	var pages []addr.Addr
	for page := a.AlignDown(m.trace.PageSize); page < a.Offset(n); page = page.Offset(m.trace.PageSize) {
		pages = append(pages, page)
		if page.Offset(m.trace.PageSize) < page { // the last page of the address space
			break
		}
	}
	return pages
}

// store writes b at a.
func (m *Machine) store(a addr.Addr, b []byte) {
	m.must(m.kernel.count(writing, m.pages(a, addr.Bytes(len(b))), func() error { return m.memory().Store(a, b) }), "write %d bytes", len(b))
}

// growing runs an operation that may commit memory, and notes what it committed.
func (m *Machine) growing(op func()) {
	heap, stack := m.heapInUse(), m.inUse()
	op()
	if now := m.heapInUse(); now.Hi != heap.Hi {
		m.event(Event{Kind: EventGrow, Addr: heap.Hi, Size: now.Hi.Sub(heap.Hi)})
	}
	if now := m.inUse(); now.Lo != stack.Lo {
		m.event(Event{Kind: EventGrow, Addr: now.Lo, Size: stack.Lo.Sub(now.Lo)})
	}
}

// heapInUse is what may be read and written of the heap.
func (m *Machine) heapInUse() addr.Range { return addr.Span(m.heap.Range().Lo, m.heap.Committed()) }

// accessible is all that may be read and written.
func (m *Machine) accessible() []addr.Range {
	ranges := []addr.Range{m.heapInUse()}
	for _, t := range m.threads {
		ranges = append(ranges, t.inUse())
	}
	return ranges
}

// Call pushes a frame for the function with the given parameters and locals, and
// passes the parameters. The last variable declared lies at the high end, each one
// aligned to its type. So does rustc 1.95 without optimisation, where all of them
// are used as memory; it promises no order.
func (m *Machine) Call(function string, vars ...*Local) {
	values := make([][]byte, len(vars)) // read before the push, as in registers
	for i, v := range vars {
		if v.arg != nil {
			values[i] = v.arg.bytes(m)
		}
	}
	var size addr.Bytes
	depth := make([]addr.Bytes, len(vars)) // from the frame's end down to the variable
	for i := len(vars) - 1; i >= 0; i-- {
		size = (size + vars[i].typ.Size()).AlignUp(vars[i].typ.Align())
		depth[i] = size
	}

	end := m.stack.SP()
	m.growing(func() {
		_, err := m.stack.Push(size)
		m.must(err, "call %s", function)
	})
	f := &frame{name: function, start: m.stack.SP(), size: end.Sub(m.stack.SP()), vars: vars}
	m.frames, m.popped = append(m.frames, f), nil
	m.event(Event{Kind: EventCall, Addr: f.start, Size: f.size, Name: f.name})
	for i, v := range vars {
		v.at = end - addr.Addr(depth[i])
		if v.arg != nil {
			v.arg.pass(m, v, values[i])
		}
	}
}

// Return ends the running function: its variables are dropped, the last one
// declared first, and its frame is popped.
func (m *Machine) Return() {
	m.DropLocals()
	m.pop()
}

// ReturnTo ends the running function with the value of one of its variables,
// which the caller's variable dst receives.
func (m *Machine) ReturnTo(dst, value *Local) {
	b := m.use(value)
	if !value.typ.Copy() {
		value.state = Moved // out of the function: not to be dropped with its frame
	}
	m.DropLocals()
	m.pop()
	m.give(dst, value, b)
}

func (m *Machine) pop() {
	f := m.running()
	m.must(m.stack.Pop(), "return from %s", f.name)
	m.frames, m.popped = m.frames[:len(m.frames)-1], append(m.popped, f)
	m.event(Event{Kind: EventReturn, Addr: f.start, Size: f.size, Name: f.name})
}

func (m *Machine) running() *frame { return m.frames[len(m.frames)-1] }

// DropLocals drops the variables of the running function, the last one declared
// first, as at the end of its block. The frame stays.
func (m *Machine) DropLocals() {
	for m.DropNext() != "" {
	}
}

// DropNext drops the one variable that DropLocals would drop first, and returns its
// name: "" where the running function has none left whose end frees anything.
func (m *Machine) DropNext() string {
	vars := m.running().vars
	for i := len(vars) - 1; i >= 0; i-- {
		if v := vars[i]; v.state == Live && rust.NeedsDrop(v.typ) {
			m.Drop(v)
			return v.name
		}
	}
	return ""
}

// Drop ends the life of a variable's value and frees the blocks that it owns.
// Nothing happens to a variable that is not live, nor to one that owns nothing
// by its type.
func (m *Machine) Drop(v *Local) {
	if v.state != Live || !rust.NeedsDrop(v.typ) {
		return
	}
	m.event(Event{Kind: EventDrop, Addr: v.at, Size: v.typ.Size()})
	b := m.load(v.at, v.typ.Size())
	m.must(rust.EachOwned(v.name, v.typ, b, m.memory(), func(path string, block addr.Addr) error {
		b, err := m.heap.Block(block)
		if err == nil {
			err = m.heap.Free(block)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		m.event(Event{Kind: EventFree, Addr: block, Size: b.Requested})
		return nil
	}), "drop %s", v.name)
	v.state = Dropped
}

// Assign copies or moves src to dst, as `let dst = src` does: the value of a Copy
// type stays usable in src, another one's new owner is dst alone.
func (m *Machine) Assign(dst, src *Local) { m.give(dst, src, m.use(src)) }

// use reads a variable that the program uses as a value.
func (m *Machine) use(v *Local) []byte {
	if v.state != Live {
		panic(fmt.Sprintf("probe: the scenario uses %s, which is %s", v.name, v.state))
	}
	return m.load(v.at, v.typ.Size())
}

// give stores in dst the bytes that were read from src.
func (m *Machine) give(dst, src *Local, b []byte) {
	m.store(dst.at, b)
	dst.state = Live
	kind := EventCopy
	if !src.typ.Copy() {
		kind, src.state = EventMove, Moved
	}
	from := src.at
	m.event(Event{Kind: kind, Addr: dst.at, Size: dst.typ.Size(), From: &from})
}

// Owned lists the parts of the machine's memory, for whoever classifies this
// process's mappings: memprobe knows what they are, since it mapped them.
func (m *Machine) Owned() []layout.Owned {
	var owned []layout.Owned
	for _, region := range m.memory() {
		for _, p := range region.Parts() {
			owned = append(owned, layout.Owned{Range: p.Range, Kind: ownedKinds[p.Kind], Name: p.Kind.String()})
		}
	}
	return owned
}

// ownedKinds are layout's kinds for mmapheap's.
var ownedKinds = map[mmapheap.PartKind]layout.Kind{
	mmapheap.Guard:        layout.KindOwnGuard,
	mmapheap.HeapPart:     layout.KindOwnHeap,
	mmapheap.HeapReserve:  layout.KindOwnHeapReserve,
	mmapheap.FreeSpace:    layout.KindOwnFree,
	mmapheap.StackPart:    layout.KindOwnStack,
	mmapheap.StackReserve: layout.KindOwnStackReserve,
	mmapheap.Bookkeeping:  layout.KindOwnBookkeeping,
}

// Trace is what the run has left so far.
func (m *Machine) Trace() *Trace { return &m.trace }
