package mmapheap

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

// newChecked is a small region behind nets, checked at the end of the test.
func newChecked(tb testing.TB, nets Nets) *Checked {
	tb.Helper()
	return newRegion(tb, Config{Heap: 1 << 20, Stack: 64 << 10, Nets: nets}).Checked()
}

// program drives a checked heap and fails the test where a legal operation does.
type program struct {
	testing.TB
	*Checked
}

func (p program) alloc(n addr.Bytes, owner string) Pointer {
	p.Helper()
	return must(p, second2(p.Alloc(n, owner)))
}

func (p program) local(name string, n addr.Bytes) Pointer {
	p.Helper()
	return p.push(name+"()", Local{name, n})[0]
}

func (p program) push(name string, locals ...Local) []Pointer {
	p.Helper()
	pointers, err := p.Push(name, locals...)
	p.legal(err)
	return pointers
}

func (p program) free(at Pointer) {
	p.Helper()
	p.legal(p.Free(at))
}

func (p program) store(at Pointer, text string) {
	p.Helper()
	p.legal(p.Store(at, []byte(text)))
}

func (p program) load(at Pointer, n int) string {
	p.Helper()
	b := make([]byte, n)
	p.legal(p.Load(at, b))
	return string(b)
}

// smash stores to memory behind the back of every net.
func (p program) smash(at addr.Addr, text string) {
	p.Helper()
	p.legal(p.region.Store(at, []byte(text)))
}

func (p program) legal(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

type result[T any] struct {
	value T
	err   error
}

func second2[T any](value T, err error) result[T] { return result[T]{value, err} }

func must[T any](tb testing.TB, r result[T]) T {
	tb.Helper()
	if r.err != nil {
		tb.Fatal(r.err)
	}
	return r.value
}

// loaded is the error of loading n bytes, stored that of storing some.
func (p program) loaded(at Pointer, n int) error { return p.Load(at, make([]byte, n)) }
func (p program) stored(at Pointer, n int) error {
	return p.Store(at, []byte(strings.Repeat("A", n)))
}

// asReport is the first report that err carries.
func asReport(tb testing.TB, err error) *Report {
	tb.Helper()
	report, ok := errors.AsType[*Report](err)
	if !ok {
		tb.Fatalf("no report: %v", err)
	}
	return report
}

// mistake is a class of mistakes as a program of its own.
type mistake struct {
	number int
	name   string
	// run makes the mistake, and says of which block it is one and which byte is wrong.
	run   func(p program) (of Pointer, wrong addr.Addr, err error)
	class Class
	full  bool // it has a block, a place where that was made, and one where it was freed if it was
	freed bool
}

// mistakes are the classes of memory bugs that the checked heap must name.
var mistakes = []mistake{
	{1, "double free", func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(32, "a")
		p.free(a)
		return a, a.Addr, p.Free(a)
	}, DoubleFree, true, true},
	{2, "double free, interleaved", func(p program) (Pointer, addr.Addr, error) {
		a, b := p.alloc(32, "a"), p.alloc(32, "b")
		p.free(a)
		p.free(b)
		return a, a.Addr, p.Free(a)
	}, DoubleFree, true, true},
	{3, "double free after reuse", func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(32, "a")
		p.free(a)
		p.reuse(a, 32)
		return a, a.Addr, p.Free(a)
	}, DoubleFree, true, true},
	{4, "double free, large", func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(300_000, "a")
		p.free(a)
		return a, a.Addr, p.Free(a)
	}, DoubleFree, true, true},
	{5, "free of an interior address", func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(64, "a")
		return a, a.Addr + 16, p.Free(a.Add(16))
	}, InvalidFree, true, false},
	{6, "free of a misaligned address", func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(64, "a")
		return a, a.Addr + 1, p.Free(a.Add(1))
	}, InvalidFree, true, false},
	{7, "free of a local", func(p program) (Pointer, addr.Addr, error) {
		a := p.local("x", 32)
		return a, a.Addr, p.Free(a)
	}, InvalidFree, true, false},
	{8, "free of a static", func(p program) (Pointer, addr.Addr, error) {
		a := must(p, second2(p.Static("table", 32)))
		return a, a.Addr, p.Free(a)
	}, InvalidFree, true, false},
	{9, "free of foreign memory", func(p program) (Pointer, addr.Addr, error) {
		foreign := newRegion(p, Config{Heap: 1, Stack: 1}).Heap()
		a := mustAlloc(p, foreign, 32)
		return Pointer{}, a, p.Free(Pointer{Addr: a})
	}, InvalidFree, false, false},
	{10, "free of unmapped memory", func(p program) (Pointer, addr.Addr, error) {
		return Pointer{}, 0x1234_5000, p.Free(Pointer{Addr: 0x1234_5000})
	}, InvalidFree, false, false},
	{11, "overflow by 1 into the padding", func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(20, "a")
		return a, a.Addr + 20, p.stored(a, 21)
	}, Overflow, true, false},
	{12, "overflow by 1 past what is usable", func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(32, "a")
		p.alloc(32, "b")
		return a, a.Addr + 32, p.stored(a.Add(32), 1)
	}, Overflow, true, false},
	{13, "overflow by 16", func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(32, "a")
		p.alloc(32, "b")
		return a, a.Addr + 32, p.stored(a, 48)
	}, Overflow, true, false},
	{14, "overread by 1", func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(32, "a")
		p.store(a, strings.Repeat("A", 32))
		return a, a.Addr + 32, p.loaded(a, 33)
	}, Overflow, true, false},
	{15, "underflow by 1", func(p program) (Pointer, addr.Addr, error) {
		p.alloc(32, "a")
		b := p.alloc(32, "b")
		return b, b.Addr - 1, p.stored(b.Add(-1), 1)
	}, Underflow, true, false},
	{16, "overflow far into another live block", func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(32, "a")
		b := p.alloc(1024, "b")
		return a, b.Addr + 512, p.stored(a.Add(int64(b.Addr-a.Addr)+512), 4)
	}, FarOverflow, true, false},
	{17, "use after free, read", func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(32, "a")
		p.store(a, "secret")
		p.free(a)
		return a, a.Addr, p.loaded(a, 6)
	}, UseAfterFree, true, true},
	{18, "use after free, write", func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(32, "a")
		p.free(a)
		return a, a.Addr + 4, p.stored(a.Add(4), 4)
	}, UseAfterFree, true, true},
	{19, "use after free, write, after reuse", func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(32, "a")
		p.free(a)
		p.reuse(a, 32)
		return a, a.Addr, p.stored(a, 4)
	}, UseAfterFree, true, true},
	{20, "use after free, after churn", func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(48, "a")
		p.free(a)
		for i := range 20_000 {
			p.free(p.alloc(addr.Bytes(16+i%64), "churn"))
		}
		p.reuse(a, 48)
		return a, a.Addr, p.loaded(a, 8)
	}, UseAfterFree, true, true},
	{21, "use after realloc", func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(32, "a")
		p.store(a, "kept")
		b := must(p, second2(p.Resize(a, 4096)))
		if got := p.load(b, 4); got != "kept" {
			p.Errorf("resize kept %q", got)
		}
		return a, a.Addr, p.stored(a, 1)
	}, UseAfterResize, true, true},
	{22, "leak of a block", func(p program) (Pointer, addr.Addr, error) {
		at := p.local("pointer", 8)
		a, b := p.alloc(32, "lost"), p.alloc(32, "kept")
		p.legal(p.StorePointer(at, a))
		p.legal(p.StorePointer(at, b))
		return a, a.Addr, onlyLeak(p, 1)
	}, Leak, true, false},
	{23, "leak of a cycle", func(p program) (Pointer, addr.Addr, error) {
		a, b := p.alloc(32, "a"), p.alloc(32, "b")
		p.legal(p.StorePointer(a.Add(8), b))
		p.legal(p.StorePointer(b.Add(8), a))
		return a, a.Addr, onlyLeak(p, 2)
	}, Leak, true, false},
	{24, "realloc of a freed block", func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(32, "a")
		p.free(a)
		return a, a.Addr, second(p.Resize(a, 64))
	}, ResizeAfterFree, true, true},
	{25, "realloc of a foreign address", func(p program) (Pointer, addr.Addr, error) {
		return Pointer{}, 0x1234_5000, second(p.Resize(Pointer{Addr: 0x1234_5000}, 64))
	}, InvalidResize, false, false},
	{26, "use of a block of 0 bytes", func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(0, "nothing")
		return a, a.Addr, p.stored(a, 1)
	}, ZeroSizeUse, true, false},
	{27, "huge calloc", func(p program) (Pointer, addr.Addr, error) {
		return Pointer{}, 0, second(p.AllocZeroed(1<<33, 1<<33, "huge"))
	}, "", false, false},
	{28, "size that wraps", func(p program) (Pointer, addr.Addr, error) {
		n := addr.Bytes(1<<60 + 1)
		a := p.alloc(n*16, "items") // 16 bytes
		return a, a.Addr + 16, p.stored(a.Add(16), 16)
	}, Overflow, true, false},
	{29, "uninitialised read", func(p program) (Pointer, addr.Addr, error) {
		a := p.alloc(32, "a")
		p.store(a, "hello")
		return a, a.Addr + 5, p.loaded(a, 8)
	}, Uninitialised, true, false},
	{30, "stack overflow", func(p program) (Pointer, addr.Addr, error) {
		for {
			if _, err := p.Push("recurse", Local{"buffer", 1000}); err != nil {
				return Pointer{}, p.region.Stack().Range().Lo - 1, err
			}
		}
	}, StackOverflow, false, false},
	{31, "stack buffer overflow", func(p program) (Pointer, addr.Addr, error) {
		locals := p.push("greet", Local{"name", 16}, Local{"admin", 8})
		return locals[0], locals[0].Addr + 16, p.stored(locals[0], 24)
	}, StackBufferOverflow, true, false},
	{32, "dangling stack", func(p program) (Pointer, addr.Addr, error) {
		a := p.local("x", 8)
		p.store(a, "12345678")
		p.legal(p.Pop())
		p.local("y", 8)
		return a, a.Addr, p.loaded(a, 8)
	}, UseAfterReturn, true, true},
}

// reuse allocates until a block covers the address of one that was freed.
func (p program) reuse(freed Pointer, n addr.Bytes) Pointer {
	p.Helper()
	for range 100_000 {
		a := p.alloc(n, "the next owner")
		if a.Addr == freed.Addr {
			return a
		}
		p.free(a)
	}
	p.Fatalf("the address %v was never used again", freed.Addr)
	return Pointer{}
}

// onlyLeak is the first of n leaks.
func onlyLeak(p program, n int) error {
	leaks := p.Leaks()
	if len(leaks) != n {
		p.Fatalf("%d leaks: %v", len(leaks), leaks)
	}
	return leaks[0]
}

func TestEveryMistakeIsNamed(t *testing.T) {
	if len(mistakes) != 32 {
		t.Fatalf("%d classes", len(mistakes))
	}
	full := 0
	for _, nets := range []Nets{{Access: true}, CheckedNets(), CheckedNets().or(Nets{Guarded: true})} {
		for i, m := range mistakes {
			if m.number != i+1 {
				t.Errorf("class %d is in place %d", m.number, i+1)
			}
			t.Run(fmt.Sprintf("%+v/%02d %s", nets, m.number, m.name), func(t *testing.T) {
				p := program{t, newChecked(t, nets)}
				of, wrong, err := m.run(p)
				if m.class == "" {
					if !errors.Is(err, ErrNoSpace) {
						t.Error(err)
					}
					return
				}
				report := asReport(t, err)
				if report.Class != m.class || report.Block != of.Block || report.Byte != wrong {
					t.Errorf("got class %q, block %d, byte %v; want %q, %d, %v\n%s", report.Class, report.Block, report.Byte, m.class, of.Block, wrong, report.Text())
				}
				has := func(s Site) bool {
					return strings.HasPrefix(s.Func, "memprobe/mmapheap.") && strings.HasSuffix(s.File, "_test.go") && s.Line > 0
				}
				if complete := report.Block != 0 && has(report.Allocated) && has(report.Freed) == m.freed; complete != m.full {
					t.Errorf("a full report: %v, want %v: %+v", complete, m.full, report)
				}
				if !has(report.Here) {
					t.Errorf("it happened at %v", report.Here)
				}
				if m.full {
					full++
				}
				if err := p.Check(); err != nil {
					t.Errorf("the mistake did damage: %v", err)
				}
				if testing.Verbose() && nets == CheckedNets() {
					t.Logf("%v\n%s", report, report.Text())
				}
			})
		}
	}
	if full != 27*3 {
		t.Errorf("%d full reports in 3 rounds, want 27 in each", full)
	}
}
