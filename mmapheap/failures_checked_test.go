package mmapheap

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// guardedLife is the life of a region whose heap blocks have guard pages, so that
// the kernel is asked at every turn.
type guardedLife struct {
	t    *testing.T
	k    *refusing
	r    *Region
	live []guardedBlock
	errs []error
}

type guardedBlock struct {
	p    Pointer
	want []byte
}

// leadGuarded lives on k, whatever it refuses: an operation that fails is made
// again once k relents.
func leadGuarded(t *testing.T, k *refusing) *guardedLife {
	l := &guardedLife{t: t, k: k}
	c := Config{Heap: 1 << 20, Stack: 1 << 20, Nets: Nets{Canary: true, Poison: true, Guarded: true, Access: true, Quarantine: 24 << 10}}
	var err error
	l.do("reserve: ", func() error {
		l.r, err = reserve(c, k)
		return err
	})
	if l.r == nil {
		t.Fatal("no region")
	}
	for i := range 9 {
		l.alloc(3000*i%10_000 + 1)
		l.alloc(0)
		if i%2 == 1 {
			l.free(i / 2)
			l.resize(i/3, 4000*i)
		}
		if i%4 == 3 {
			l.push(6000 * i)
			l.static(5000)
		}
	}
	for l.r.Stack().Depth() > 0 {
		l.do("pop", l.r.Checked().Pop)
	}
	l.live = slices.DeleteFunc(l.live, func(b guardedBlock) bool { return !l.r.Heap().Range().Contains(b.p.Addr) })
	for len(l.live) > 0 {
		l.free(len(l.live) / 2)
	}
	l.sound()
	l.do("release ", l.r.Release)
	k.giveBack(t) // what the first of two attempts at Reserve could not
	k.allGone(t)
	return l
}

// do makes a call to which the kernel may say no. Then no block has come or gone,
// nothing is damaged, and it succeeds once the kernel relents.
func (l *guardedLife) do(op string, call func() error) {
	l.t.Helper()
	before := l.liveBlocks()
	err := call()
	if err == nil {
		return
	}
	l.errs = append(l.errs, err)
	if text := err.Error(); !strings.HasPrefix(text, op) || !strings.Contains(text, l.k.subject) || !errors.Is(err, l.k.err) {
		l.t.Errorf("%q does not say %q, %q and %q", text, op, l.k.subject, l.k.err)
	}
	if report, ok := errors.AsType[*Report](err); ok {
		l.t.Errorf("the kernel's refusal is blamed on the program: %v", report)
	}
	if l.r != nil && l.r.Range().Size() > 0 {
		if after := l.liveBlocks(); !slices.Equal(before, after) {
			l.t.Errorf("%v, but %v became %v", err, before, after)
		}
		l.sound()
	}
	l.k.relent()
	if err := call(); err != nil {
		l.t.Errorf("once the kernel relented: %v", err)
	}
}

// liveBlocks are the live blocks that the checked heap knows.
func (l *guardedLife) liveBlocks() []addr.Range {
	if l.r == nil {
		return nil
	}
	return program{l.t, l.r.Checked()}.live()
}

// sound looks for damage: to the bookkeeping, to what is written, to guard pages.
func (l *guardedLife) sound() {
	l.t.Helper()
	c := l.r.Checked()
	if err := c.Check(); err != nil {
		l.t.Error(err)
	}
	for _, b := range l.live {
		got := make([]byte, len(b.want))
		if err := c.Load(b.p, got); err != nil || !bytes.Equal(got, b.want) {
			l.t.Errorf("the %d bytes at %v changed: %v", len(got), b.p.Addr, err)
		}
	}
	maps := readMaps(l.t)
	page := addr.Addr(l.k.page())
	for _, b := range l.live {
		if !l.r.Heap().Range().Contains(b.p.Addr) {
			continue
		}
		end := b.p.Addr.Offset(addr.Bytes(len(b.want)))
		if perms := permsOf(maps, addr.Range{Lo: end, Hi: end + page}); perms != "---p" {
			l.t.Errorf("behind the block at %v is mapped %q", b.p.Addr, perms)
		}
	}
}

func (l *guardedLife) own(p Pointer, n int) {
	b := guardedBlock{p, bytes.Repeat([]byte{byte(p.Block)}, n)}
	if err := l.r.Checked().Store(p, b.want); err != nil {
		l.t.Error(err)
	}
	l.live = append(l.live, b)
}

func (l *guardedLife) alloc(n int) {
	var p Pointer
	l.do(fmt.Sprintf("alloc %d bytes", n), func() (err error) {
		before := slices.Collect(l.r.Heap().Blocks())
		p, err = l.r.Checked().Alloc(addr.Bytes(n), "a")
		if after := slices.Collect(l.r.Heap().Blocks()); err != nil && !slices.Equal(before, after) {
			l.t.Errorf("%v, but of the heap %v became %v", err, before, after)
		}
		return err
	})
	l.own(p, n)
}

func (l *guardedLife) resize(i, n int) {
	old := l.live[i]
	var p Pointer
	l.do("resize ", func() (err error) {
		p, err = l.r.Checked().Resize(old.p, addr.Bytes(n))
		return err
	})
	kept := make([]byte, min(n, len(old.want)))
	if err := l.r.Checked().Load(p, kept); err != nil || !bytes.Equal(kept, old.want[:len(kept)]) {
		l.t.Errorf("resized to %d bytes: %v", n, err)
	}
	l.live = slices.Delete(l.live, i, i+1)
	l.own(p, n)
}

func (l *guardedLife) free(i int) {
	p := l.live[i].p
	l.do(fmt.Sprintf("free %v", p.Addr), func() error { return l.r.Checked().Free(p) })
	l.live = slices.Delete(l.live, i, i+1)
}

func (l *guardedLife) push(n int) {
	var locals []Pointer
	l.do("push ", func() (err error) {
		locals, err = l.r.Checked().Push("f", Local{"a", addr.Bytes(n)}, Local{"b", 8})
		return err
	})
	for _, p := range locals[1:] {
		l.own(p, 8)
	}
}

func (l *guardedLife) static(n int) {
	var p Pointer
	l.do(`static "s"`, func() (err error) {
		p, err = l.r.Checked().Static("s", addr.Bytes(n))
		return err
	})
	l.own(p, n)
}

// Each call to the kernel fails in turn: for memory, for guard pages, for what takes
// the permissions from a freed block.
func TestEveryRefusalIsCleanWithGuardPages(t *testing.T) {
	calls, met := 0, map[string]bool{}
	for _, reason := range []error{unix.ENOMEM, unix.EPERM} {
		for _, stubborn := range []bool{false, true} {
			for at := 1; ; at++ {
				k := &refusing{at: at, stubborn: stubborn, err: reason}
				l := leadGuarded(t, k)
				meets(met, l.errs)
				if k.refusals == 0 {
					calls = max(calls, k.calls)
					break
				}
				if unseen := reason == unix.ENOMEM && !stubborn; len(l.errs) > 1 || len(l.errs) == 0 && !unseen {
					t.Errorf("%v from call %d on (stubborn: %v): %d errors: %v", reason, at, stubborn, len(l.errs), l.errs)
				}
				if t.Failed() {
					t.Fatalf("%v at call %d (stubborn: %v)", reason, at, stubborn)
				}
			}
		}
	}
	if calls < 60 {
		t.Errorf("such a life makes %d calls only", calls)
	}
	for _, op := range []string{"reserve", "alloc", "resize", "free", "push", "static", "release"} {
		if !met[op] {
			t.Errorf("no %s met a refusal", op)
		}
	}
}
