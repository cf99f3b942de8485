package mmapheap

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"memprobe/layout/addr"
)

// Whatever bits of the arena flip, in payloads, canaries and freed memory, the
// checked heap neither crashes nor hangs, reports at most damage, and writes nothing
// outside the arena. MEMPROBE_FLIPS is how many bits flip, for all combinations
// of nets together.
func TestFlippedBitsDoNoHarm(t *testing.T) {
	otherwise := 5_000
	if testing.Short() || emulated(t) {
		otherwise = 1_000
	}
	flips := fromEnv(t, "MEMPROBE_FLIPS", otherwise)
	combinations := netsToCombine()
	for i, nets := range combinations {
		region := newRegion(t, Config{Heap: 1 << 20, Stack: 64 << 10, Nets: nets})
		p := &legalProgram{program: program{t, region.Checked()}, rng: rand.New(rand.NewPCG(uint64(i), 10))}
		p.legal(p.push())
		p.legal(second(p.Static("static", 100)))
		p.frames = nil // from here on the heap's blocks alone are used
		for range 100 {
			p.legal(p.allocate(false))
		}
		outside := p.outsideTheArena()
		for batch := range flips/len(combinations)/20 + 1 {
			begin := processorTime(t)
			for range 20 {
				p.flip()
				for range 3 {
					p.damagedStep()
				}
			}
			err := p.Check()
			for _, one := range leaves(err) {
				if _, ok := one.(*Report); !ok {
					t.Fatalf("%+v, batch %d: %v", nets, batch, one)
				}
			}
			p.Leaks()
			if took := processorTime(t) - begin; took > time.Second && !emulated(t) {
				t.Errorf("%+v, batch %d: took %v", nets, batch, took)
			}
			if !bytes.Equal(p.outsideTheArena(), outside) {
				t.Fatalf("%+v, batch %d: memory outside the arena changed", nets, batch)
			}
		}
	}
}

// outsideTheArena is the accessible memory of the stack and of the statics.
func (p *legalProgram) outsideTheArena() []byte {
	return slices.Concat(p.memory(p.region.stack.accessible()), p.memory(p.Checked.statics.accessible()))
}

// flip flips a bit of the arena, unless its page can't be written.
func (p *legalProgram) flip() {
	p.Helper()
	open := p.region.heap.accessible()
	at := open.Lo + addr.Addr(p.rng.Uint64N(uint64(open.Size())))
	var b [1]byte
	err := p.region.Load(at, b[:])
	if err == nil {
		b[0] ^= 1 << p.rng.IntN(8)
		err = p.region.Store(at, b[:])
	}
	if err != nil && !errors.Is(err, ErrGuard) {
		p.Fatal(err)
	}
}

// damagedStep makes one operation on the heap, which may find damage; it does not
// look at contents.
func (p *legalProgram) damagedStep() {
	p.Helper()
	var err error
	i := 0
	if len(p.heap) > 0 {
		i = p.rng.IntN(len(p.heap))
	}
	switch k := p.rng.IntN(6); {
	case len(p.heap) < 80 || k == 0 && len(p.heap) < 120:
		err = p.allocate(p.rng.IntN(2) == 0)
	case k == 1:
		if err = p.Free(p.heap[i].at); err == nil {
			p.heap = slices.Delete(p.heap, i, i+1)
		}
	case k == 2:
		err = p.resize()
	case k == 3:
		lo, hi := p.span(p.heap[i])
		err = p.Load(p.heap[i].at.Add(int64(lo)), make([]byte, hi-lo))
	case len(p.heap[i].data) >= int(pointerSize):
		if err = p.StorePointer(p.heap[i].at, p.heap[p.rng.IntN(len(p.heap))].at); err == nil {
			p.flip()
			_, err = p.LoadPointer(p.heap[i].at)
		}
	}
	if _, ok := errors.AsType[*Report](err); err != nil && !ok {
		p.Fatal(err)
	}
}

// leaves are the errors that err joins, reports whole.
func leaves(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, leaves(one)...)
	}
	return all
}
