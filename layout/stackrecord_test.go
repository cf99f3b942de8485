package layout

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// wordsText are these words, one after the other, each of size bytes.
func wordsText(size addr.Bytes, words ...addr.Addr) []byte {
	var text []byte
	for _, w := range words {
		text = append(text, binary.LittleEndian.AppendUint64(nil, uint64(w))[:size]...)
	}
	return text
}

// memoryOf is memory that holds zeros but for some texts; it ends at end.
type memoryOf struct {
	texts map[addr.Addr][]byte
	end   addr.Addr
}

func (m memoryOf) ReadAt(b []byte, off int64) (int, error) {
	at := addr.Addr(off)
	if m.end != 0 && at >= m.end {
		return 0, errFailing
	}
	clear(b)
	if m.end != 0 && at+addr.Addr(len(b)) > m.end {
		b = b[:m.end-at]
	}
	for lo, text := range m.texts {
		if both := addr.Span(lo, addr.Bytes(len(text))).Intersect(addr.Span(at, addr.Bytes(len(b)))); both.Size() > 0 {
			copy(b[both.Lo-at:], text[both.Lo-lo:both.Hi-lo])
		}
	}
	return len(b), nil
}

const stackPerms = Readable | Writable

// anonymous memory with these permissions, in pages.
func anonymousPages(lo, hi addr.Addr, perms Perms) Mapping {
	return Mapping{Range: pages(lo, hi), Perms: perms}
}

// guardText says which stack was found: "0x11000-0x20000 guard 0x10000-0x11000".
func (s Stack) guardText() string {
	text := ""
	if s.Size() > 0 {
		text = s.Range.String()
	}
	if s.Guard.Size() > 0 {
		text += " guard " + s.Guard.String()
	}
	return text
}

// glibc's record counts where its three words agree with the mappings.
func TestRecordedStack(t *testing.T) {
	const head = 0x1f000 - 0x700 // the list of robust locks
	const at = head + 0x400      // where the words are
	file := Mapping{pages(0x10, 0x11), 0, 0, Dev{8, 1}, 7, "/x"}
	guarded := []Mapping{anonymousPages(0x10, 0x11, 0), anonymousPages(0x11, 0x1f, stackPerms)}
	bare := []Mapping{anonymousPages(0x11, 0x1f, stackPerms)}
	for _, tt := range []struct {
		name  string
		maps  []Mapping
		at    addr.Addr
		words []addr.Addr // start, size, guard
		want  string
	}{
		{"a guard", guarded, at, []addr.Addr{0x10000, 0xf000, 0x1000}, "0x11000-0x1f000 guard 0x10000-0x11000"},
		{"right at the list", guarded, head, []addr.Addr{0x10000, 0xf000, 0x1000}, "0x11000-0x1f000 guard 0x10000-0x11000"},
		{"below the list", guarded, head - recordBelow, []addr.Addr{0x10000, 0xf000, 0x1000}, "0x11000-0x1f000 guard 0x10000-0x11000"},
		{"too far below", guarded, head - recordBelow - 8, []addr.Addr{0x10000, 0xf000, 0x1000}, ""},
		{"not at a word", guarded, at + 4, []addr.Addr{0x10000, 0xf000, 0x1000}, ""},
		{"a larger guard than asked for", guarded, at, []addr.Addr{0x10000, 0xf000, 0}, "0x11000-0x1f000 guard 0x10000-0x11000"},
		{"a smaller one than asked for", guarded, at, []addr.Addr{0x10000, 0xf000, 0x2000}, ""},
		{"no guard was asked for, none is there", bare, at, []addr.Addr{0x11000, 0xe000, 0}, "0x11000-0x1f000"},
		{"no guard was asked for, one lies below", guarded, at, []addr.Addr{0x11000, 0xe000, 0}, "0x11000-0x1f000 guard 0x10000-0x11000"},
		{"of a guard nothing shows", bare, at, []addr.Addr{0x11000, 0xe000, 0x2000}, "0x13000-0x1f000"},
		{"what may be read is no guard", []Mapping{anonymousPages(0x10, 0x11, Readable), bare[0]}, at, []addr.Addr{0x10000, 0xf000, 0x1000}, ""},
		{"nor is what may be executed", []Mapping{anonymousPages(0x10, 0x11, Executable), bare[0]}, at, []addr.Addr{0x10000, 0xf000, 0x1000}, ""},
		{"nor is a file", []Mapping{file, bare[0]}, at, []addr.Addr{0x10000, 0xf000, 0x1000}, ""},
		{"nor is what lies further below", []Mapping{anonymousPages(0xf, 0x10, 0), bare[0]}, at, []addr.Addr{0x11000, 0xe000, 0}, "0x11000-0x1f000"},
		{"a stack that begins where nothing is", bare, at, []addr.Addr{0x10000, 0xf000, 0x1000}, ""},
		{"a stack that ends elsewhere", bare, at, []addr.Addr{0x11000, 0xf000, 0}, ""},
		{"a stack that the list is not on", bare, at, []addr.Addr{0x11000, 0x4000, 0}, ""},
		{"all of it a guard", guarded, at, []addr.Addr{0x10000, 0xf000, 0xf000}, ""},
		{"a guard of no whole page", guarded, at, []addr.Addr{0x10000, 0xf000, 100}, ""},
		{"no stack at all", bare, at, []addr.Addr{0x11000, 0, 0}, ""},
		{"a stack past 2^64", bare, at, []addr.Addr{0x11000, 1<<64 - 0x1000, 0}, ""},
		{"memory that can't be written", []Mapping{anonymousPages(0x11, 0x1f, Readable)}, at, []addr.Addr{0x11000, 0xe000, 0}, ""},
		{"two mappings", []Mapping{guarded[0], anonymousPages(0x11, 0x14, stackPerms), anonymousPages(0x14, 0x1f, stackPerms|Executable)}, at,
			[]addr.Addr{0x10000, 0xf000, 0x1000}, "0x11000-0x1f000 guard 0x10000-0x11000"},
		{"two mappings, and a hole", []Mapping{anonymousPages(0x11, 0x13, stackPerms), anonymousPages(0x14, 0x1f, stackPerms)}, at, []addr.Addr{0x11000, 0xe000, 0}, ""},
		{"two mappings, one of which can't be written", []Mapping{anonymousPages(0x11, 0x14, Readable), anonymousPages(0x14, 0x1f, stackPerms)}, at,
			[]addr.Addr{0x11000, 0xe000, 0}, ""},
		{"a guard of the program's own inside", []Mapping{anonymousPages(0x10, 0x14, 0), anonymousPages(0x14, 0x1f, stackPerms)}, at,
			[]addr.Addr{0x11000, 0xe000, 0}, "0x14000-0x1f000 guard 0x11000-0x14000"},
		{"within pages, below the list", bare, at, []addr.Addr{0x12010, 0xc008, 0}, ""},
		{"within pages", bare, at, []addr.Addr{0x12010, 0xcf00, 0}, "0x12010-0x1ef10"},
		{"within pages, not at a word", bare, at, []addr.Addr{0x12014, 0xcf00, 0}, ""},
		{"within pages, small", []Mapping{anonymousPages(0x10, 0x1f, stackPerms)}, at, []addr.Addr{0x1b010 - 0x110, leastStack - 8, 0}, ""},
		{"within pages, with its end far above the list", []Mapping{anonymousPages(0x11, 0x22, stackPerms)}, at, []addr.Addr{0x12010, 0xef00, 0}, ""},
		{"within pages, just large enough", []Mapping{anonymousPages(0x10, 0x1f, stackPerms)}, at, []addr.Addr{0x1b010 - 0x110, leastStack, 0}, "0x1af00-0x1ef00"},
	} {
		s := &Space{Mappings: tt.maps, PageSize: 0x1000}
		if got := s.recordedStack(head, memoryOf{texts: map[addr.Addr][]byte{tt.at: wordsText(8, tt.words...)}}, nil); got.guardText() != tt.want ||
			tt.want != "" && (got.FoundBy != FoundByRecord || got.Record != head) {
			t.Errorf("%s: got %s, want %s", tt.name, got.guardText(), tt.want)
		}
	}
	s := &Space{Mappings: guarded, PageSize: 0x1000}
	mem := memoryOf{texts: map[addr.Addr][]byte{at: wordsText(8, 0x10000, 0xf000, 0x1000)}}
	for name, head := range map[string]addr.Addr{"at no word": head + 4, "in no mapping": 0x30000, "too far above": at + recordBelow + 8} {
		if got := s.recordedStack(head, mem, nil); got.Size() > 0 {
			t.Errorf("a list %s: got %s", name, got.guardText())
		}
	}
	mem.end = at
	if got := s.recordedStack(head, mem, nil); got.Size() > 0 {
		t.Errorf("the record can't be read: got %s", got.guardText())
	}
	// Ends at those of pages are surer than others, wherever the words are.
	both := memoryOf{texts: map[addr.Addr][]byte{at: wordsText(8, 0x12010, 0xcf00, 0), at + 0x100: wordsText(8, 0x10000, 0xf000, 0x1000)}}
	if got := s.recordedStack(head, both, nil); got.guardText() != "0x11000-0x1f000 guard 0x10000-0x11000" {
		t.Errorf("of two: got %s", got.guardText())
	}
}

// musl's record, of five words, and glibc's where no list leads to it lie above the stack
// pointer.
func TestRecordAbove(t *testing.T) {
	const sp, hi = 0x1e000, 0x1f000
	guarded := []Mapping{anonymousPages(0x10, 0x11, 0), anonymousPages(0x11, 0x1f, stackPerms)}
	musl := []addr.Addr{0x10000, 0xf000, 0x1ec00, 0xdc00, 0x1000} // start, size, the stack's top, its size, the guard
	glibc := []addr.Addr{0x10000, 0xf000, 0x1000, 5, 5}
	for _, tt := range []struct {
		name  string
		arch  string
		maps  []Mapping
		at    addr.Addr
		words []addr.Addr
		want  string
	}{
		{"musl", "amd64", guarded, 0x1ed00, musl, "0x11000-0x1f000 guard 0x10000-0x11000"},
		{"musl for 32 bits", "386", guarded, 0x1ed04, musl, "0x11000-0x1f000 guard 0x10000-0x11000"},
		{"glibc", "amd64", guarded, 0x1ed00, glibc, "0x11000-0x1f000 guard 0x10000-0x11000"},
		{"glibc for 32 bits", "arm", guarded, 0x1ed04, glibc, "0x11000-0x1f000 guard 0x10000-0x11000"},
		{"at half a word", "amd64", guarded, 0x1ed04, musl, ""},
		{"below the stack pointer", "amd64", guarded, sp - 0x100, musl, ""},
		{"where the top says that the stack is", "amd64", guarded, 0x1eb00, musl, ""},
		{"of memory of the program's choice", "amd64", []Mapping{anonymousPages(0x11, 0x1f, stackPerms)}, 0x1ed00, []addr.Addr{0, 0xe000, 0x1ec00, 0xdc00, 0}, "0x11000-0x1f000"},
		{"a guard that does not fit", "amd64", guarded, 0x1ed00, []addr.Addr{0x10000, 0xf000, 0x1ec00, 0xdc00, 0x2000}, ""},
		{"a size that does not fit", "amd64", guarded, 0x1ed00, []addr.Addr{0x10000, 0xf000, 0x1ec00, 0xcc00, 0x1000}, ""},
		{"a stack that is elsewhere", "amd64", guarded, 0x1ed00, []addr.Addr{0x20000, 0xf000, 0x2ec00, 0xdc00, 0x1000}, ""},
		{"glibc's, of another stack's end", "amd64", guarded, 0x1ed00, []addr.Addr{0x10000, 0xee00, 0x1000, 5, 5}, ""},
		{"glibc's, of another guard", "amd64", guarded, 0x1ed00, []addr.Addr{0xf000, 0x10000, 0x1000, 5, 5}, ""},
		{"glibc's, without a guard", "amd64", guarded[1:], 0x1ed00, []addr.Addr{0x11000, 0xe000, 0, 5, 5}, ""},
	} {
		size := addr.Bytes(8)
		if tt.arch != "amd64" {
			size = 4
		}
		s := &Space{Mappings: tt.maps, PageSize: 0x1000, Arch: tt.arch}
		got := s.recordAbove(len(tt.maps)-1, sp, memoryOf{texts: map[addr.Addr][]byte{tt.at: wordsText(size, tt.words...)}}, nil)
		if got.guardText() != tt.want || tt.want != "" && (got.Record != tt.at || got.FoundBy != FoundByRecord) {
			t.Errorf("%s: got %s, record at %v, want %s", tt.name, got.guardText(), got.Record, tt.want)
		}
	}
	// In large memory it is looked for at the end, and so far above the stack pointer.
	large := []Mapping{anonymousPages(0x100, 0x101, 0), anonymousPages(0x101, 0x400, stackPerms)}
	for at, want := range map[addr.Addr]bool{0x400000 - recordTop: true, 0x400000 - recordTop - 8: false, 0x200000 + recordSP - 40: true, 0x200000 + recordSP + 8: false} {
		s := &Space{Mappings: large, PageSize: 0x1000, Arch: "amd64"}
		mem := memoryOf{texts: map[addr.Addr][]byte{at: wordsText(8, 0x100000, 0x300000, 0x1000, 5, 5)}}
		if got := s.recordAbove(1, 0x200000, mem, nil); (got.Size() > 0) != want {
			t.Errorf("a record at %v: found %s", at, got.guardText())
		}
	}
}

// A guard is known by the marks on its pages as well.
func TestMarkedGuard(t *testing.T) {
	const present, guard = 1 << 63, 1<<62 | 1<<58
	page := addr.Bytes(os.Getpagesize())
	at := func(n addr.Bytes) addr.Addr { return addr.Addr(n * page) }
	s := &Space{Mappings: []Mapping{{Range: addr.Range{Lo: at(2), Hi: at(12)}, Perms: stackPerms}}, PageSize: page}
	block := addr.Range{Lo: at(2), Hi: at(12)}
	for _, tt := range []struct {
		name      string
		entries   []uint64 // from page 2
		guard     addr.Bytes
		lo, below addr.Bytes // where the stack begins, and so much of it is guard
	}{
		{"marked as asked for", []uint64{guard, guard, present}, 2 * page, 4, 2},
		{"more is marked", []uint64{guard, guard, guard, present}, 2 * page, 5, 3},
		{"less is marked", []uint64{guard, present}, 2 * page, 4, 0},
		{"marked, though none was asked for", []uint64{guard, present}, 0, 3, 1},
		{"marked further up", []uint64{0, guard, present}, 0, 2, 0},
		{"nothing is marked", nil, 0, 2, 0},
	} {
		pm := pagemapOf(t, append([]uint64{0, 0}, tt.entries...)...)
		got := s.agreed(0, at(11), block, tt.guard, pm)
		if got.Range != (addr.Range{Lo: at(tt.lo), Hi: at(12)}) || got.Guard.Size() != tt.below*page || tt.below > 0 && got.Guard.Lo != block.Lo {
			t.Errorf("%s: got %s", tt.name, got.guardText())
		}
	}
	within := addr.Range{Lo: block.Lo + 16, Hi: block.Hi} // the rest of the page is somebody else's
	if got := pagemapOf(t, 0, 0, guard, present).guardAt(within); got.Size() > 0 {
		t.Errorf("a marked page that is not the stack's alone: got %v", got)
	}
	if got := (*Pagemap)(nil).guardAt(block); got.Size() > 0 {
		t.Errorf("without a pagemap: got %v", got)
	}
}

// Of a stack are touched what is in memory or swapped out, but the kernel's zeros and
// guards; the page that it begins in the middle of may be somebody else's.
func TestLookAtStack(t *testing.T) {
	const present, swapped, guard = 1 << 63, 1 << 62, 1<<62 | 1<<58
	page := addr.Bytes(os.Getpagesize())
	pm := pagemapOf(t, present, present, 0, guard, present, 0, swapped, present, present)
	for _, tt := range []struct {
		lo, hi           addr.Bytes // in bytes
		touched, deepest addr.Bytes
	}{
		{2 * page, 8 * page, 3 * page, 4 * page},
		{4*page + 8, 8 * page, 2 * page, 6 * page},
		{2 * page, 7*page + 100, 2*page + 100, 4 * page},
		{2 * page, 4 * page, 0, 4 * page},
		{0, 2 * page, 2 * page, 0},
	} {
		s := Stack{Range: addr.Range{Lo: addr.Addr(tt.lo), Hi: addr.Addr(tt.hi)}}
		s.look(pm)
		if s.Touched != tt.touched || s.Deepest != addr.Addr(tt.deepest) {
			t.Errorf("%v: %d bytes touched, the deepest at %v, want %d, %#x", s.Range, s.Touched, s.Deepest, tt.touched, tt.deepest)
		}
		if left, known := s.ToGuard(); known != (tt.deepest != 0) || known && left != tt.deepest-tt.lo {
			t.Errorf("%v: %d bytes left, %v", s.Range, left, known)
		}
	}
	s := Stack{Range: addr.Range{Lo: 0x1000, Hi: 0x9000}}
	s.look(nil)
	if _, known := s.ToGuard(); known || s.Touched != 0 {
		t.Errorf("without a pagemap: %d bytes touched, %v", s.Touched, known)
	}
}

// A page of a stack that was read but never written is the kernel's page of zeros: no
// frame was there.
func TestLookAtStackThatWasRead(t *testing.T) {
	page := os.Getpagesize()
	mem := smallPages(t, -1, 4, unix.MAP_PRIVATE|unix.MAP_ANON)
	mem[3*page] = 1
	if mem[page] != 0 {
		t.Fatal("new memory is not zero")
	}
	pm, err := OpenPagemap(0)
	if err != nil {
		t.Skip(err)
	}
	defer pm.Close()
	s := Stack{Range: addr.Span(pointer(mem), addr.Bytes(len(mem)))}
	if runs, err := pm.Runs(s.Range); err != nil || runs[1].State&PageZero == 0 {
		t.Skipf("this kernel does not tell which pages are zeros: %v, %v", runs, err)
	}
	if s.look(pm); s.Touched != addr.Bytes(page) || s.Deepest != s.Hi-addr.Addr(page) {
		t.Errorf("%d bytes touched, the deepest at %v of %v", s.Touched, s.Deepest, s.Range)
	}
}

// The first thread's stack is the kernel's, unless it runs on one that it brought along.
func TestFirstStack(t *testing.T) {
	kernels := Mapping{Range: pages(0x70, 0x80), Perms: stackPerms, Name: "[stack]"}
	own := Stack{Range: pages(0x10, 0x20), FoundBy: FoundByRecord}
	for _, tt := range []struct {
		name  string
		maps  []Mapping
		sp    addr.Addr
		own   Stack
		first bool
	}{
		{"on the kernel's", []Mapping{kernels}, 0x71000, Stack{}, true},
		{"on the kernel's, with a record elsewhere", []Mapping{kernels}, 0x71000, own, true},
		{"nobody knows where", []Mapping{kernels}, 0, Stack{}, true},
		{"nobody knows where, with a record", []Mapping{kernels}, 0, own, false},
		{"on its own", []Mapping{kernels}, 0x11000, own, false},
		{"on neither", []Mapping{kernels}, 0x41000, own, true},
		{"there is none of the kernel's", nil, 0x71000, own, false},
	} {
		s := &Space{Mappings: append([]Mapping{anonymousPages(0x10, 0x20, stackPerms)}, tt.maps...)}
		got := s.firstStack(thread{process{0}, os.Getpid()}, tt.sp, tt.own)
		if got.First != tt.first || tt.first && (got.Range != kernels.Range || got.FoundBy != FoundByKernel || got.Limit != process{0}.stackLimit()) || !tt.first && got != tt.own {
			t.Errorf("%s: got %+v", tt.name, got)
		}
	}
}

// What is not known is told in a note: how many, and of some where they run.
func TestKeepStacks(t *testing.T) {
	maps := []Mapping{anonymousPages(0x10, 0x20, stackPerms), anonymousPages(0x20, 0x30, stackPerms), {Range: pages(0x30, 0x40), Perms: stackPerms, Name: "[heap]"}}
	stacks := []Stack{{Range: pages(0x10, 0x18), TID: 1}, {Range: pages(0x20, 0x30), TID: 2}, {Range: pages(0x50, 0x60), TID: 3}}
	known := Knowledge{Stacks: stacks[:1], Runtime: []Owned{{pages(0x20, 0x30), KindGoHeap, "Go: heap"}}}
	unknown := func(n int, sp addr.Addr) (list []Stack) {
		for i := range n {
			list = append(list, Stack{TID: 10 + i, Name: "w", SP: sp + addr.Addr(0x10*i)*min(sp, 1)})
		}
		return list
	}
	for _, tt := range []struct {
		name    string
		unknown []Stack
		hasGo   bool
		want    string
	}{
		{"all are known", nil, false, ""},
		{"of Go's no more is said", unknown(2, 0x5000), true, ""},
		{"one", unknown(1, 0x5000), false, "of 9 threads, the stacks of 1 are not told apart: nothing vouches for where they begin and end; by its stack pointer thread 10 w is at 0x5000"},
		{"four", unknown(4, 0x5000), false, "thread 13 w is at 0x5030"},
		{"six", unknown(6, 0x5000), false, "thread 13 w is at 0x5030 and so on, 2 more"},
		{"no stack pointers", unknown(3, 0), false, "of 9 threads, the stacks of 3 are not told apart: the kernel tells no stack pointer, and no record of the C library can be read"},
	} {
		s := &Space{Mappings: maps, Parts: Classify(maps, known), Stacks: slices.Clone(stacks), unknown: tt.unknown, hasGo: tt.hasGo, Threads: 9}
		s.keepStacks()
		if len(s.Stacks) != 1 || s.Stacks[0].TID != 1 {
			t.Errorf("%s: kept %+v", tt.name, s.Stacks)
		}
		note := strings.Join(s.Notes, "; ")
		if !strings.HasSuffix(note, tt.want) || (note == "") != (tt.want == "") || strings.Count(note, "thread 1") > 4 {
			t.Errorf("%s: got %q, want %q", tt.name, note, tt.want)
		}
	}
}

// A record on amd64 begins where its first word and its third lead to it; below lie the
// thread's variables.
func TestFindVars(t *testing.T) {
	stack := Stack{Range: pages(0x11, 0x1f), Record: 0x1e8e0}
	self := func(at addr.Addr) []byte { return wordsText(8, at, 7, at) }
	for _, tt := range []struct {
		name   string
		arch   string
		texts  map[addr.Addr][]byte
		vars   addr.Bytes
		record addr.Addr
		want   addr.Range
	}{
		{"a record", "amd64", map[addr.Addr][]byte{0x1e600: self(0x1e600)}, 0x80, 0x1e600, addr.Range{Lo: 0x1e580, Hi: 0x1e600}},
		{"no variables", "amd64", map[addr.Addr][]byte{0x1e600: self(0x1e600)}, 0, 0x1e600, addr.Range{}},
		{"not on the stack", "amd64", map[addr.Addr][]byte{0x1e600: self(0x1e600)}, 0xe000, 0x1e600, addr.Range{}},
		{"two of them", "amd64", map[addr.Addr][]byte{0x1e600: self(0x1e600), 0x1e700: self(0x1e700)}, 0x80, 0x1e8e0, addr.Range{}},
		{"at no such address", "amd64", map[addr.Addr][]byte{0x1e608: self(0x1e608)}, 0x80, 0x1e8e0, addr.Range{}},
		{"it leads elsewhere", "amd64", map[addr.Addr][]byte{0x1e600: self(0x1e700)}, 0x80, 0x1e8e0, addr.Range{}},
		{"the words differ", "amd64", map[addr.Addr][]byte{0x1e600: wordsText(8, 0x1e600, 7, 0x1e608)}, 0x80, 0x1e8e0, addr.Range{}},
		{"too far below", "amd64", map[addr.Addr][]byte{0x1e000: self(0x1e000)}, 0x80, 0x1e8e0, addr.Range{}},
		{"another machine", "arm64", map[addr.Addr][]byte{0x1e600: self(0x1e600)}, 0x80, 0x1e8e0, addr.Range{}},
	} {
		s, got := &Space{Arch: tt.arch, vars: tt.vars}, stack
		s.findVars(&got, memoryOf{texts: tt.texts})
		if got.Record != tt.record || got.Vars != tt.want {
			t.Errorf("%s: record at %v, variables in %v, want %v, %v", tt.name, got.Record, got.Vars, tt.record, tt.want)
		}
	}
}

// Only pages that hold something are read; what lies between reads as zeros.
func TestMemoryOfPages(t *testing.T) {
	const present, swapped, guard = 1 << 63, 1 << 62, 1<<62 | 1<<58
	page := os.Getpagesize()
	pm := pagemapOf(t, 0, present, 0, swapped, guard, present)
	name := fmt.Sprintf("%s/mem", t.TempDir())
	text := bytes.Repeat([]byte{7}, 5*page+page/2) // in the middle of the last the memory ends
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := openProc(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	mem := &memory{file, pm}
	got := bytes.Repeat([]byte{9}, 4*page)
	n, err := mem.ReadAt(got, int64(page/2))
	want := make([]byte, 4*page)
	for i := range want {
		if at := (i + page/2) / page; at == 1 || at == 3 {
			want[i] = 7
		}
	}
	if n != len(got) || err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d, %v, or others", n, len(got), err)
	}
	if n, err := mem.ReadAt(nil, 0); n != 0 || err != nil {
		t.Errorf("no bytes: %d, %v", n, err)
	}
	if n, err := mem.ReadAt(make([]byte, 2*page), int64(4*page)); n != page+page/2 || err == nil {
		t.Errorf("where the memory ends: %d bytes, %v", n, err)
	}
	for _, tt := range []struct {
		lo, hi addr.Bytes
		want   bool
	}{{1, 2, true}, {3, 4, true}, {1, 3, false}, {0, 2, false}, {4, 5, false}, {5, 6, true}, {5, 7, false}} {
		if got := mem.holds(addr.Range{Lo: addr.Addr(tt.lo)*addr.Addr(page) + 8, Hi: addr.Addr(tt.hi)*addr.Addr(page) - 8}); got != tt.want {
			t.Errorf("pages %d to %d: held %v", tt.lo, tt.hi, got)
		}
	}
	pm.Close()
	if _, err := mem.ReadAt(got, 0); err == nil || mem.holds(addr.Span(addr.Addr(page), 8)) {
		t.Errorf("without a pagemap: %v", err)
	}
}
