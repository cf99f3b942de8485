package mmapheap

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// refusing is the real kernel, but that its call number at, counted from 1, fails
// with err; it remembers what it has mapped.
type refusing struct {
	linux
	size   addr.Bytes // of a page; 0 is the real one
	at     int
	calls  int
	err    error
	mapped map[addr.Addr]addr.Bytes
}

func (k *refusing) refuses() bool {
	k.calls++
	return k.calls == k.at
}

func (k *refusing) page() addr.Bytes { return max(k.size, k.linux.page()) }

func (k *refusing) reserve(at addr.Addr, n addr.Bytes) ([]byte, error) {
	if k.refuses() {
		return nil, k.err
	}
	mem, err := k.linux.reserve(at, n)
	if err == nil {
		k.mapped[addrOf(mem)] = n
	}
	return mem, err
}

func (k *refusing) commit(mem []byte) error {
	if k.refuses() {
		return k.err
	}
	return k.linux.commit(mem)
}

func (k *refusing) release(mem []byte) error {
	if k.refuses() {
		return k.err
	}
	delete(k.mapped, addrOf(mem))
	return k.linux.release(mem)
}

// Each call to the kernel fails in turn, in a life of a region that makes all of
// them: the operation reports it and has changed nothing, the rest works, and at
// the end everything is given back.
func TestEveryRefusalIsClean(t *testing.T) {
	for _, reason := range []error{unix.ENOMEM, unix.EPERM} {
		for at := 1; ; at++ {
			k := &refusing{at: at, err: reason, mapped: map[addr.Addr]addr.Bytes{}}
			refusals := live(t, k)
			if len(k.mapped) != 0 {
				t.Errorf("call %d refused: %v is still mapped", at, k.mapped)
			}
			if k.calls < at {
				if at < 10 {
					t.Errorf("a life of a region makes %d calls only", k.calls)
				}
				break
			}
			// A step that is larger than needed may fail for want of memory.
			if len(refusals) > 1 || len(refusals) == 0 && reason != unix.ENOMEM {
				t.Errorf("call %d refused: %d errors: %v", at, len(refusals), refusals)
			}
			for _, err := range refusals {
				if !errors.Is(err, reason) {
					t.Errorf("call %d refused: %v does not say why", at, err)
				}
			}
		}
	}
}

// live is the life of a region; it returns the errors that it met.
func live(t *testing.T, k *refusing) (errs []error) {
	t.Helper()
	r, err := reserve(Config{Heap: 128 << 10, Stack: 128 << 10}, k)
	if err != nil {
		if r != nil {
			t.Errorf("a region came with the error %v", err)
		}
		return []error{err}
	}
	unchanged := func(before Stats, sp addr.Addr, err error) {
		t.Helper()
		if err == nil {
			return
		}
		errs = append(errs, err)
		if now := r.Heap().Stats(); now != before || r.Stack().SP() != sp {
			t.Errorf("%v, but %+v became %+v, SP %v became %v", err, before, now, sp, r.Stack().SP())
		}
	}
	grown := addr.Addr(0)
	for i := range 10 {
		stats, sp := r.Heap().Stats(), r.Stack().SP()
		_, err := r.Heap().Alloc(3000)
		unchanged(stats, sp, err)
		stats = r.Heap().Stats()
		_, err = r.Stack().Push(5000)
		unchanged(stats, sp, err)
		if err := errors.Join(r.Heap().Check(), r.Stack().Check()); err != nil {
			t.Errorf("round %d: %v", i, err)
		}
	}
	for i := range 5 {
		stats, sp := r.Heap().Stats(), r.Stack().SP()
		a, err := grown, error(nil)
		if size := addr.Bytes(9000 * (i + 1)); grown == 0 {
			a, err = r.Heap().Alloc(size)
		} else {
			a, err = r.Heap().Resize(grown, size)
		}
		unchanged(stats, sp, err)
		if err == nil {
			grown = a
		}
	}
	for range 3 { // a region that could not be released can be tried again
		err := r.Release()
		if err == nil {
			break
		}
		errs = append(errs, err)
		if _, err := r.Heap().Alloc(1); !errors.Is(err, ErrReleased) {
			t.Errorf("alloc after a Release that failed: %v", err)
		}
	}
	if err := r.Release(); !errors.Is(err, ErrReleased) {
		t.Errorf("a last Release: %v", err)
	}
	return errs
}

func TestARefusedStepIsTriedSmaller(t *testing.T) {
	k := &refusing{err: unix.ENOMEM, mapped: map[addr.Addr]addr.Bytes{}}
	r, err := reserve(Config{Heap: 1 << 20}, k)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	page := k.page()
	mustAlloc(t, r.Heap(), 8*page)
	k.at = k.calls + 1
	mustAlloc(t, r.Heap(), 1)
	if got, want := r.Heap().Committed(), 9*page; got != want {
		t.Errorf("%d bytes are committed, want %d", got, want)
	}
	mustAlloc(t, r.Heap(), page)
	if got, want := r.Heap().Committed(), (9*page + 9*page/2).AlignUp(page); got != want {
		t.Errorf("%d bytes are committed, want %d", got, want)
	}
}

// The kernel of another machine may have larger pages.
func TestLargePages(t *testing.T) {
	k := &refusing{size: 64 << 10, mapped: map[addr.Addr]addr.Bytes{}}
	r, err := reserve(Config{Heap: 1, Stack: 100 << 10}, k)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	if heap, stack := r.Heap().Range(), r.Stack().Range(); heap.Size() != 64<<10 || stack.Size() != 128<<10 || heap.Lo != r.Range().Lo+64<<10 {
		t.Errorf("the heap is %v, the stack %v in %v", heap, stack, r.Range())
	}
	for _, p := range r.Parts() {
		if p.Size()%(64<<10) != 0 {
			t.Errorf("%v %v", p.Kind, p.Range)
		}
	}
	a := mustAlloc(t, r.Heap(), 64<<10)
	if err := errors.Join(r.Store(a+64<<10-1, []byte{1}), second(r.Stack().Push(1)), r.Heap().Check(), r.Stack().Check()); err != nil {
		t.Error(err)
	}
	if r.Stack().Committed() != 64<<10 {
		t.Errorf("%d bytes of stack are committed", r.Stack().Committed())
	}
}

// misplacing is a kernel that puts every mapping where it likes.
type misplacing struct{ *refusing }

func (k misplacing) reserve(_ addr.Addr, n addr.Bytes) ([]byte, error) {
	return k.refusing.reserve(0, n)
}

func TestAMisplacedReservationIsGivenBack(t *testing.T) {
	for refused := range 2 { // the second time it can't be given back
		k := &refusing{at: 2 * refused, err: unix.ENOMEM, mapped: map[addr.Addr]addr.Bytes{}}
		_, err := reserve(Config{Base: fixedBase}, misplacing{k})
		if !errors.Is(err, ErrOccupied) || errors.Is(err, unix.ENOMEM) != (refused == 1) || len(k.mapped) != refused {
			t.Errorf("%v, with %v still mapped", err, k.mapped)
		}
		for at, n := range k.mapped {
			if !strings.Contains(err.Error(), at.String()) {
				t.Errorf("%v does not name %v, %d bytes", err, at, n)
			}
		}
	}
}
