package mmapheap

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"memprobe/layout/addr"
)

// netsToCombine are all combinations of nets.
func netsToCombine() []Nets {
	var all []Nets
	for i := range 32 {
		n := Nets{Canary: i&1 != 0, Poison: i&2 != 0, Guarded: i&4 != 0, Access: i&8 != 0}
		if i&16 != 0 {
			n.Quarantine = 20_000
		}
		all = append(all, n)
	}
	return all
}

// fromEnv is the number that the environment has under name.
func fromEnv(tb testing.TB, name string, otherwise int) int {
	tb.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return n
}

// model is what a live block must hold.
type model struct {
	at      Pointer
	data    []byte
	written []bool
	stored  map[int]Pointer // the pointers stored by their offset
}

func newModel(at Pointer, n int) *model {
	return &model{at: at, data: make([]byte, n), written: make([]bool, n)}
}

// legalProgram makes random legal operations and compares with models.
type legalProgram struct {
	program
	rng     *rand.Rand
	heap    []*model
	frames  [][]*model
	statics []*model
}

// Whatever a legal program does, no net complains, and memory holds what it
// stored. MEMPROBE_CHECKED_OPS is the number of operations, for all combinations
// of nets together.
func TestNoFalseAlarms(t *testing.T) {
	otherwise := 200_000
	if testing.Short() || emulated(t) {
		otherwise = 20_000
	}
	ops := fromEnv(t, "MEMPROBE_CHECKED_OPS", otherwise)
	combinations := netsToCombine()
	for i, nets := range combinations {
		t.Run(fmt.Sprintf("%+v", nets), func(t *testing.T) {
			region := newRegion(t, Config{Heap: 4 << 20, Stack: 256 << 10, Nets: nets})
			p := &legalProgram{program: program{t, region.Checked()}, rng: rand.New(rand.NewPCG(uint64(i), 9))}
			n := ops / len(combinations)
			for j := range n {
				if err := p.step(); err != nil {
					t.Fatalf("operation %d: %v", j, err)
				}
				if j%(n/4+1) == 0 {
					p.lookAtAll()
				}
			}
			p.lookAtAll()
		})
	}
}

// size is a random one: often small, seldom some pages.
func (p *legalProgram) size() int { return p.rng.IntN(1 << p.rng.IntN(14)) }

// some is a random live block, of any kind.
func (p *legalProgram) some() *model {
	for range 10 {
		kind := p.heap
		switch k := p.rng.IntN(8); {
		case k == 0:
			kind = p.statics
		case k < 4 && len(p.frames) > 0:
			kind = p.frames[p.rng.IntN(len(p.frames))]
		}
		if len(kind) > 0 {
			return kind[p.rng.IntN(len(kind))]
		}
	}
	return nil
}

// step makes one operation.
func (p *legalProgram) step() error {
	switch k := p.rng.IntN(100); {
	case k < 14 && len(p.heap) < 200:
		return p.allocate(k < 4)
	case k < 26:
		return p.release()
	case k < 31:
		return p.resize()
	case k < 37:
		return p.push()
	case k < 43 && len(p.frames) > 0:
		p.frames = p.frames[:len(p.frames)-1]
		return p.Pop()
	case k < 44 && len(p.statics) < 20:
		n := p.rng.IntN(200)
		at, err := p.Static("static", addr.Bytes(n))
		m := newModel(at, n)
		for i := range m.written {
			m.written[i] = true
		}
		p.statics = append(p.statics, m)
		return err
	}
	m := p.some()
	if m == nil {
		return p.allocate(false)
	}
	switch p.rng.IntN(5) {
	case 0, 1:
		return p.storeIn(m)
	case 2, 3:
		return p.loadFrom(m)
	}
	return p.pointers(m)
}

func (p *legalProgram) allocate(zeroed bool) error {
	n := p.size()
	var at Pointer
	var err error
	if zeroed {
		at, err = p.AllocZeroed(1, addr.Bytes(n), "zeroed")
	} else {
		at, err = p.Alloc(addr.Bytes(n), "block")
	}
	if err != nil {
		return unlessFull(err)
	}
	m := newModel(at, n)
	for i := range m.written {
		m.written[i] = zeroed
	}
	p.heap = append(p.heap, m)
	return nil
}

// unlessFull forgives that there is no room.
func unlessFull(err error) error {
	if _, report := errors.AsType[*Report](err); errors.Is(err, ErrNoSpace) && !report {
		return nil
	}
	return err
}

func (p *legalProgram) release() error {
	if len(p.heap) == 0 {
		return p.allocate(false)
	}
	i := p.rng.IntN(len(p.heap))
	m := p.heap[i]
	p.heap = slices.Delete(p.heap, i, i+1)
	return p.Free(m.at)
}

func (p *legalProgram) resize() error {
	if len(p.heap) == 0 {
		return p.allocate(false)
	}
	i := p.rng.IntN(len(p.heap))
	old, n := p.heap[i], p.size()
	at, err := p.Resize(old.at, addr.Bytes(n))
	if err != nil {
		return unlessFull(err)
	}
	m := newModel(at, n)
	copy(m.data, old.data)
	copy(m.written, old.written)
	for off, value := range old.stored {
		if off+int(pointerSize) <= n {
			m.note(off, value)
		}
	}
	p.heap[i] = m
	return nil
}

func (p *legalProgram) push() error {
	var locals []Local
	var frame []*model
	for range p.rng.IntN(5) {
		locals = append(locals, Local{"local", addr.Bytes(p.rng.IntN(100))})
	}
	pointers, err := p.Push("frame", locals...)
	if errors.Is(err, ErrStackOverflow) && len(p.frames) > 100 {
		return nil
	}
	if err != nil {
		return err
	}
	for i, at := range pointers {
		frame = append(frame, newModel(at, int(locals[i].Size)))
	}
	p.frames = append(p.frames, frame)
	return nil
}

// span is a random one in a block.
func (p *legalProgram) span(m *model) (lo, hi int) {
	lo = p.rng.IntN(len(m.data) + 1)
	hi = lo + p.rng.IntN(len(m.data)-lo+1)
	if p.rng.IntN(4) == 0 {
		lo, hi = 0, len(m.data)
	}
	return lo, hi
}

func (p *legalProgram) storeIn(m *model) error {
	lo, hi := p.span(m)
	for i := lo; i < hi; i++ {
		m.data[i], m.written[i] = byte(p.rng.Uint32()), true
	}
	m.forget(lo, hi)
	return p.Store(m.at.Add(int64(lo)), m.data[lo:hi])
}

func (p *legalProgram) loadFrom(m *model) error {
	lo, hi := p.span(m)
	if i := slices.Index(m.written[lo:hi], false); i >= 0 {
		hi = lo + i
	}
	got := make([]byte, hi-lo)
	if err := p.Load(m.at.Add(int64(lo)), got); err != nil {
		return err
	}
	if !bytes.Equal(got, m.data[lo:hi]) {
		return fmt.Errorf("bytes %d to %d of %v are %x, want %x", lo, hi, m.at, got, m.data[lo:hi])
	}
	return nil
}

// pointers stores a pointer and loads another one.
func (p *legalProgram) pointers(m *model) error {
	if len(m.data) < int(pointerSize) {
		return p.storeIn(m)
	}
	if to := p.some(); to != nil {
		off := p.rng.IntN(len(m.data) - int(pointerSize) + 1)
		value := to.at.Add(int64(p.rng.IntN(len(to.data) + 1)))
		if err := p.StorePointer(m.at.Add(int64(off)), value); err != nil {
			return err
		}
		got := make([]byte, pointerSize)
		if err := p.Load(m.at.Add(int64(off)), got); err != nil {
			return err
		}
		copy(m.data[off:], got)
		for i := range got {
			m.written[off+i] = true
		}
		m.forget(off, off+int(pointerSize))
		m.note(off, value)
	}
	for off, want := range m.stored {
		if !p.nets.Access {
			want.Block = 0
		}
		got, err := p.LoadPointer(m.at.Add(int64(off)))
		if err == nil && got != want {
			err = fmt.Errorf("the pointer at %d of %v is %v, want %v", off, m.at, got, want)
		}
		return err
	}
	return nil
}

func (m *model) note(off int, value Pointer) {
	if m.stored == nil {
		m.stored = map[int]Pointer{}
	}
	m.stored[off] = value
}

// forget forgets the pointers that a store from lo up to hi has changed.
func (m *model) forget(lo, hi int) {
	for off := range m.stored {
		if off < hi && off+int(pointerSize) > lo {
			delete(m.stored, off)
		}
	}
}

// lookAtAll compares all that is live, and checks that no two blocks overlap.
func (p *legalProgram) lookAtAll() {
	p.Helper()
	if err := p.Check(); err != nil {
		p.Fatal(err)
	}
	all := slices.Concat(p.heap, p.statics, slices.Concat(p.frames...))
	reachable := slices.ContainsFunc(p.Leaks(), func(r *Report) bool {
		return !slices.ContainsFunc(p.heap, func(m *model) bool { return m.at.Block == r.Block })
	})
	if reachable {
		p.Fatal("a leak was reported that is no live block")
	}
	for _, m := range all {
		got := make([]byte, len(m.data))
		if !p.nets.Access {
			if err := p.Load(m.at, got); err != nil {
				p.Fatal(err)
			}
		} else if len(got) > 0 {
			copy(got, p.memory(addr.Span(m.at.Addr, addr.Bytes(len(got)))))
		}
		for i, written := range m.written {
			if written && got[i] != m.data[i] {
				p.Fatalf("byte %d of %v is %#x, want %#x", i, m.at, got[i], m.data[i])
			}
		}
	}
	slices.SortFunc(all, func(a, b *model) int { return int(int64(a.at.Addr - b.at.Addr)) })
	end := addr.Addr(0)
	for _, m := range all {
		if m.at.Addr < end {
			p.Fatalf("the block at %v begins before %v", m.at, end)
		}
		end = m.at.Addr + addr.Addr(len(m.data))
	}
}
