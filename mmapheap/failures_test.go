package mmapheap

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// refusing is the real kernel, but that its call number at, counted from 1, fails
// with err, and if it is stubborn every one after that, until it relents. It
// remembers what it has mapped.
type refusing struct {
	linux
	size     addr.Bytes // of a page; 0 is the real one
	at       int
	stubborn bool
	err      error
	calls    int
	refusals int
	subject  string // what the last refusal was about
	mapped   map[addr.Addr]addr.Bytes
	ever     [][]byte // all that was mapped at any time
}

func (k *refusing) refuses(format string, args ...any) bool {
	k.calls++
	if k.at == 0 || k.calls < k.at || k.calls > k.at && !k.stubborn {
		return false
	}
	k.refusals++
	k.subject = fmt.Sprintf(format, args...)
	return true
}

func (k *refusing) relent() { k.at = 0 }

func (k *refusing) page() addr.Bytes { return max(k.size, k.linux.page()) }

func (k *refusing) reserve(at addr.Addr, n addr.Bytes) ([]byte, error) {
	if k.refuses("%d bytes", n) {
		return nil, k.err
	}
	mem, err := k.linux.reserve(at, n)
	if err == nil {
		if k.mapped == nil {
			k.mapped = map[addr.Addr]addr.Bytes{}
		}
		k.mapped[addrOf(mem)] = n
		k.ever = append(k.ever, mem)
	}
	return mem, err
}

func (k *refusing) commit(mem []byte) error {
	if k.refuses("%d bytes", len(mem)) {
		return k.err
	}
	return k.linux.commit(mem)
}

func (k *refusing) forbid(mem []byte) error {
	if k.refuses("%d bytes at %v", len(mem), addrOf(mem)) {
		return k.err
	}
	return k.linux.forbid(mem)
}

func (k *refusing) release(mem []byte) error {
	if k.refuses("release %d bytes at %v", len(mem), addrOf(mem)) {
		return k.err
	}
	delete(k.mapped, addrOf(mem))
	return k.linux.release(mem)
}

// giveBack releases what is still mapped.
func (k *refusing) giveBack(t *testing.T) {
	t.Helper()
	for _, mem := range k.ever {
		if k.mapped[addrOf(mem)] != 0 {
			if err := k.release(mem); err != nil {
				t.Error(err)
			}
		}
	}
}

// allGone looks in the maps file for anything that k mapped. Go's runtime may have
// taken such addresses since, but not those at fixedBase, and it leaves no pages
// without permissions.
func (k *refusing) allGone(t *testing.T) {
	t.Helper()
	if len(k.mapped) != 0 {
		t.Errorf("after Release %v is mapped", k.mapped)
	}
	maps := readMaps(t)
	for _, mem := range k.ever {
		m := addr.Span(addrOf(mem), addr.Bytes(len(mem)))
		if perms := permsOf(maps, m); perms != "" && m.Lo == fixedBase || strings.Contains(perms, "---p") {
			t.Errorf("after Release %v is mapped %q", m, perms)
		}
	}
}

// life is the life of a region that makes every kind of call to the kernel: it is
// reserved, its heap and its stack grow to their ends, it is given back.
type life struct {
	t      *testing.T
	k      *refusing
	r      *Region
	live   []owned
	places []addr.Bytes // where each operation led, from the region's start
	errs   []error      // what the refusals became
}

// lead lives on k, whatever it refuses: an operation that fails is made again once
// k relents.
func lead(t *testing.T, k *refusing) *life {
	l := &life{t: t, k: k}
	if !l.begin() {
		return l
	}
	for i := range 24 {
		l.alloc(3000*i%10_000 + 1)
		l.alloc(40)
		l.push(addr.Bytes(5000 + 1000*i))
		if i%3 == 2 {
			l.free(i)
			l.resize(i, 500) // shrinks, or stays
		}
		if i%4 == 3 {
			l.resize(len(l.live)-1, 15_000+2000*i) // grows, in place where it can
			l.resize(i/2, 20_000+3000*i)           // moves, most likely
		}
	}
	l.alloc(int(l.r.Heap().Stats().LargestFree))
	l.push(l.r.Stack().SP().Sub(l.r.Stack().Range().Lo))
	for l.r.Stack().Depth() > 0 {
		if err := l.r.Stack().Pop(); err != nil {
			t.Error(err)
		}
	}
	l.sound()
	l.end()
	return l
}

// begin reserves the region, at the second attempt if need be.
func (l *life) begin() bool {
	c := Config{Heap: 1 << 20, Stack: 1 << 20, Base: fixedBase}
	var err error
	if l.r, err = reserve(c, l.k); err != nil {
		l.failed("reserve:", err)
		if l.r != nil {
			l.t.Errorf("a region came with the error %v", err)
		}
		l.k.relent()
		for at, n := range l.k.mapped { // only the error knows of it
			if !l.k.stubborn || !strings.Contains(err.Error(), fmt.Sprintf("release %d bytes at %v", n, at)) {
				l.t.Errorf("%d bytes at %v are still mapped, after: %v", n, at, err)
			}
		}
		l.k.giveBack(l.t)
		if l.r, err = reserve(c, l.k); err != nil {
			l.t.Errorf("once the kernel relented: %v", err)
			return false
		}
	}
	return true
}

// end gives the region back, at the second or third attempt if need be.
func (l *life) end() {
	for range 3 {
		err := l.r.Release()
		if err == nil {
			break
		}
		l.failed("release ", err)
		_, errAlloc := l.r.Heap().Alloc(1)
		_, errPush := l.r.Stack().Push(1)
		for call, err := range map[string]error{"alloc": errAlloc, "push": errPush, "check": l.r.Heap().Check()} {
			if !errors.Is(err, ErrReleased) {
				l.t.Errorf("%s after a Release that failed: %v", call, err)
			}
		}
		l.k.relent()
	}
	if err := l.r.Release(); !errors.Is(err, ErrReleased) {
		l.t.Errorf("a last Release: %v", err)
	}
	l.k.allGone(l.t)
}

func (l *life) alloc(n int) {
	var a addr.Addr
	l.do(fmt.Sprintf("alloc %d bytes: ", n), func() (err error) {
		a, err = l.r.Heap().Alloc(addr.Bytes(n))
		return err
	})
	l.own(len(l.live), a, n)
}

func (l *life) resize(i, n int) {
	o := l.live[i]
	var a addr.Addr
	l.do(fmt.Sprintf("resize %v", o.at), func() (err error) {
		a, err = l.r.Heap().Resize(o.at, addr.Bytes(n))
		return err
	})
	o.at = a
	if err := o.intact(l.r.Heap(), min(n, o.size)); err != nil {
		l.t.Errorf("resized to %d bytes: %v", n, err)
	}
	l.own(i, a, n)
}

func (l *life) free(i int) {
	if err := l.r.Heap().Free(l.live[i].at); err != nil {
		l.t.Error(err)
	}
	l.live = slices.Delete(l.live, i, i+1)
}

func (l *life) push(n addr.Bytes) {
	if n > l.r.Stack().SP().Sub(l.r.Stack().Range().Lo) {
		return
	}
	var sp addr.Addr
	l.do(fmt.Sprintf("push %d bytes at ", n), func() (err error) {
		sp, err = l.r.Stack().Push(n)
		return err
	})
	l.places = append(l.places, sp.Sub(l.r.Range().Lo))
	if err := l.r.Store(sp, make([]byte, n)); err != nil {
		l.t.Error(err)
	}
}

// own notes where block i is, and fills it.
func (l *life) own(i int, a addr.Addr, n int) {
	o := owned{a, n, byte(len(l.places))}
	l.live = slices.Replace(l.live, i, min(i+1, len(l.live)), o)
	l.places = append(l.places, a.Sub(l.r.Range().Lo))
	if err := o.fill(l.r.Heap()); err != nil {
		l.t.Error(err)
	}
}

// do makes a call to which the kernel may say no. Then it has changed nothing, and
// succeeds once the kernel relents.
func (l *life) do(op string, call func() error) {
	l.t.Helper()
	before := l.shown()
	err := call()
	if err == nil {
		return
	}
	l.failed(op, err)
	if after := l.shown(); !reflect.DeepEqual(before, after) {
		l.t.Errorf("%v, but\n%+v became\n%+v", err, before, after)
	}
	l.sound()
	l.k.relent()
	if err := call(); err != nil {
		l.t.Errorf("once the kernel relented: %v", err)
	}
}

// failed notes an error, which says what was done, to what, and what the kernel's
// reason was.
func (l *life) failed(op string, err error) {
	l.t.Helper()
	l.errs = append(l.errs, err)
	if text := err.Error(); !strings.HasPrefix(text, op) || !strings.Contains(text, l.k.subject) ||
		!strings.Contains(text, l.k.err.Error()) || !errors.Is(err, l.k.err) {
		l.t.Errorf("%q does not say %q, %q and %q", text, op, l.k.subject, l.k.err)
	}
}

// shown is all that a region shows of itself.
type shown struct {
	Blocks []Block
	Stats  Stats
	Parts  []Part
	SP     addr.Addr
	Frames []addr.Range
}

func (l *life) shown() shown {
	h, s := l.r.Heap(), l.r.Stack()
	return shown{slices.Collect(h.Blocks()), h.Stats(), l.r.Parts(), s.SP(), slices.Collect(s.Frames())}
}

// sound looks for anything that is not as it should be: invariants, payloads,
// permissions.
func (l *life) sound() {
	l.t.Helper()
	if err := errors.Join(l.r.Heap().Check(), l.r.Stack().Check()); err != nil {
		l.t.Error(err)
	}
	for _, o := range l.live {
		if err := o.intact(l.r.Heap(), o.size); err != nil {
			l.t.Error(err)
		}
	}
	maps := readMaps(l.t)
	for _, p := range l.r.Parts() {
		perms := "---p"
		switch p.Kind {
		case HeapPart, StackPart, Bookkeeping:
			perms = "rw-p"
		}
		if got := permsOf(maps, p.Range); got != perms {
			l.t.Errorf("%v %v is mapped %q, want %q", p.Kind, p.Range, got, perms)
		}
	}
}

// Each call to the kernel fails in turn, in a life of a region that makes all of
// them: the operation reports it and has changed nothing, the life goes on as one
// that knew no refusal, and at the end everything is given back.
func TestEveryRefusalIsClean(t *testing.T) {
	undisturbed := lead(t, &refusing{})
	if undisturbed.k.calls < 25 {
		t.Errorf("a life of a region makes %d calls only", undisturbed.k.calls)
	}
	met := map[string]bool{}
	for _, reason := range []error{unix.ENOMEM, unix.EPERM} {
		for _, stubborn := range []bool{false, true} {
			for at := 1; ; at++ {
				k := &refusing{at: at, stubborn: stubborn, err: reason}
				l := lead(t, k)
				meets(met, l.errs)
				if k.refusals == 0 {
					if at <= undisturbed.k.calls {
						t.Errorf("%v: call %d was never made", reason, at)
					}
					break
				}
				// A step that is larger than needed is made smaller for want of memory, so one
				// refusal may go unseen. A Release that fails meets one for each mapping.
				unseen := reason == unix.ENOMEM && !stubborn
				if len(l.errs) > 1 || len(l.errs) == 0 && !unseen {
					t.Errorf("%v from call %d on (stubborn: %v): %d errors: %v", reason, at, stubborn, len(l.errs), l.errs)
				}
				if !slices.Equal(l.places, undisturbed.places) {
					t.Errorf("%v at call %d (stubborn: %v): blocks and frames lie elsewhere than without", reason, at, stubborn)
				}
				if t.Failed() {
					t.FailNow() // one N tells as much as all
				}
			}
		}
	}
	for _, op := range []string{"reserve", "alloc", "resize", "push", "release"} {
		if !met[op] {
			t.Errorf("no %s met a refusal", op)
		}
	}
}

// meets notes which operations the errors are of, by their first words.
func meets(met map[string]bool, errs []error) {
	for _, err := range errs {
		op, _, _ := strings.Cut(err.Error(), " ")
		met[strings.TrimSuffix(op, ":")] = true
	}
}

func TestARefusedStepIsTriedSmaller(t *testing.T) {
	k := &refusing{err: unix.ENOMEM}
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
	k := &refusing{size: 64 << 10}
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
		k := &refusing{at: 2 * refused, err: unix.ENOMEM}
		_, err := reserve(Config{Base: fixedBase}, misplacing{k})
		if !errors.Is(err, ErrOccupied) || errors.Is(err, unix.ENOMEM) != (refused == 1) || len(k.mapped) != refused {
			t.Errorf("%v, with %v still mapped", err, k.mapped)
		}
		for at, n := range k.mapped {
			if !strings.Contains(err.Error(), at.String()) {
				t.Errorf("%v does not name %v, %d bytes", err, at, n)
			}
		}
		k.giveBack(t)
	}
}

// The same refusals from the real kernel: under a limit, memory that is reserved
// already can't be committed, and none can be reserved.
func TestTheKernelsOwnRefusals(t *testing.T) {
	if emulated(t) {
		t.Skip("the emulator does not keep to limits on memory")
	}
	if !inItsOwnProcess(t) {
		return
	}
	r := newRegion(t, Config{Heap: 1 << 20, Stack: 1 << 20})
	h, s := r.Heap(), r.Stack()
	o := owned{mustAlloc(t, h, 100), 100, 1}
	if err := errors.Join(o.fill(h), second(s.Push(100))); err != nil {
		t.Fatal(err)
	}
	runtime.GC() // leaves Go's heap room for what happens under the limit
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	blocks, stats, sp := slices.Collect(h.Blocks()), h.Stats(), s.SP()
	page := uint64(os.Getpagesize())

	var errAlloc, errResize, errPush, errReserve error
	withLimit(t, unix.RLIMIT_DATA, page, func() {
		_, errAlloc = h.Alloc(300_000)
		_, errResize = h.Resize(o.at, 300_000)
		_, errPush = s.Push(300_000)
	})
	withLimit(t, unix.RLIMIT_AS, page, func() { _, errReserve = Reserve(Config{}) })
	for op, err := range map[string]error{"alloc 300000 bytes: commit ": errAlloc, "resize " + o.at.String(): errResize, "push 300000 bytes": errPush, "reserve: ": errReserve} {
		if !errors.Is(err, unix.ENOMEM) || !strings.HasPrefix(err.Error(), op) || !strings.Contains(err.Error(), "cannot allocate memory") {
			t.Errorf("%s: %v", op, err)
		}
	}
	if errReserve != nil && !strings.Contains(errReserve.Error(), "ulimit -v") {
		t.Errorf("%v does not say what to look at", errReserve)
	}
	if !slices.Equal(blocks, slices.Collect(h.Blocks())) || h.Stats() != stats || s.SP() != sp {
		t.Errorf("%v, %+v became %v, %+v", blocks, stats, slices.Collect(h.Blocks()), h.Stats())
	}
	if err := errors.Join(h.Check(), s.Check(), o.intact(h, o.size)); err != nil {
		t.Error(err)
	}
	if err := errors.Join(second(h.Resize(o.at, 300_000)), second(h.Alloc(300_000)), second(s.Push(300_000))); err != nil {
		t.Errorf("without the limit: %v", err)
	}
}
