package layout

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

var (
	selfText        = fmt.Sprint // any function will do
	selfConstant    = "a constant that lies in rodata"
	selfInitialised = [4]int{1, 2, 3, 4}
	selfZeroed      [1000]int
	selfHeap        = new([64]int)
)

func pointer(v any) addr.Addr { return addr.Addr(reflect.ValueOf(v).Pointer()) }

// loaded is the word at a in this process.
func loaded(t *testing.T, a addr.Addr) addr.Addr {
	t.Helper()
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	var word [8]byte
	if _, err := mem.ReadAt(word[:], int64(a)); err != nil {
		t.Skipf("/proc/self/mem can't be read here: %v", err)
	}
	return addr.Addr(binary.NativeEndian.Uint64(word[:]))
}

func TestDescribeSelf(t *testing.T) {
	// Guards on both sides keep the kernel from merging the page with Go's.
	mem, err := unix.Mmap(-1, 0, 3*os.Getpagesize(), unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	page := os.Getpagesize()
	if err := unix.Mprotect(mem[page:2*page], unix.PROT_READ|unix.PROT_WRITE); err != nil {
		t.Fatal(err)
	}
	whole := addr.Span(pointer(mem), addr.Bytes(len(mem)))
	middle := whole.Lo.Offset(addr.Bytes(page))

	s, err := Describe(0, Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkTiled(t, s.Mappings, s.Parts)
	if s.PID != os.Getpid() || s.Exe == "" || s.Comm == "" || s.Arch == "" || s.UserBits < 39 {
		t.Errorf("got %v", *s)
	}
	selfZeroed[1] = 1
	check(t, s, "function", pointer(selfText), goValues["function"])
	check(t, s, "constant", loaded(t, pointer(&selfConstant)), goValues["constant"])
	check(t, s, "initialised", pointer(&selfInitialised), goValues["initialised"])
	check(t, s, "zeroed", pointer(&selfZeroed), goValues["zeroed"])
	check(t, s, "mapped", middle, goValues["mapped"])
	if m := s.Where(middle).Place.Mapping; !whole.Covers(m.Range) {
		t.Logf("the mapping of a page between guards is %v", m)
	}
	heap := s.Where(pointer(selfHeap)).Place
	switch {
	case heap == nil:
		t.Error("a heap object is not mapped")
	case heap.Part.Kind == KindAnonymous:
		if len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "is a Go program without symbols") {
			t.Errorf("Go's heap is not known, and the notes %q don't say why", s.Notes)
		}
		t.Log("go test leaves debug information out: Go's heap is not known here (go test -c keeps it)")
	case heap.Part.Kind != KindGoHeap:
		t.Errorf("a heap object lies in %+v", heap.Part)
	}
	for _, g := range s.Gaps {
		if place := s.Where(g.Lo).Place; place != nil {
			t.Errorf("gap %v is mapped: %+v", g.Range, *place)
		}
	}
	out, err := json.Marshal(s)
	if err != nil || !strings.HasPrefix(string(out), `{"schema":1,"pid":`) {
		t.Errorf("marshalled to %.100s, %v", out, err)
	}

	s, err = Describe(os.Getpid(), Options{Owned: []Owned{{addr.Range{Lo: whole.Lo, Hi: middle}, KindOwnGuard, "guard"}, {addr.Span(middle, 64), KindOwnHeap, "heap"}}})
	if err != nil {
		t.Fatal(err)
	}
	checkTiled(t, s.Mappings, s.Parts)
	check(t, s, "guard", whole.Lo, expected{KindOwnGuard, nil, false})
	check(t, s, "own heap", middle+63, expected{KindOwnHeap, nil, false})
	check(t, s, "the rest", middle+64, goValues["mapped"])
}

// A program that is mapped but was not loaded has no text; its bytes are a file's.
func TestMappedNotLoaded(t *testing.T) {
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	info, err := exe.Stat()
	if err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(int(exe.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	s, err := Describe(0, Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkTiled(t, s.Mappings, s.Parts)
	middle := pointer(mem) + addr.Addr(len(mem)/2)
	check(t, s, "mapped program", middle, expected{KindFile, nil, false})
	check(t, s, "function", pointer(selfText), goValues["function"])
	if offset := s.Where(middle).Place.FileOffset; offset == nil || *offset != addr.Addr(len(mem)/2) {
		t.Errorf("file offset %v, want %#x", offset, len(mem)/2)
	}
}

func TestResident(t *testing.T) {
	page := addr.Bytes(os.Getpagesize())
	mem, err := unix.Mmap(-1, 0, 8*int(page), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	if err := unix.Madvise(mem, unix.MADV_NOHUGEPAGE); err != nil {
		t.Logf("huge pages stay on: %v", err)
	}
	whole := addr.Span(pointer(mem), addr.Bytes(len(mem)))
	pagemap, err := OpenPagemap(0)
	if err != nil {
		t.Fatal(err)
	}
	defer pagemap.Close()
	look := func(ranges ...addr.Range) Pages {
		pages, err := pagemap.Pages(ranges...)
		if err != nil {
			t.Fatal(err)
		}
		return pages
	}
	resident := func(ranges ...addr.Range) addr.Bytes { return look(ranges...).Resident }
	if n := resident(whole); n != 0 {
		t.Errorf("untouched: %d bytes resident", n)
	}
	if pages := look(whole).Untouched; len(pages) != 8 {
		t.Errorf("untouched pages are %v, want all eight", pages)
	}
	mem[0], mem[3*page] = 1, 1
	if pages := look(whole).Untouched; len(pages) != 6 || pages[whole.Lo] || !pages[whole.Lo.Offset(page)] {
		t.Errorf("after two touches untouched pages are %v", pages)
	}
	second := addr.Span(whole.Lo.Offset(page), page)
	for name, tt := range map[string]struct {
		ranges []addr.Range
		want   addr.Bytes
	}{
		"none":                {nil, 0},
		"empty":               {[]addr.Range{{Lo: whole.Lo, Hi: whole.Lo}}, 0},
		"two pages touched":   {[]addr.Range{whole}, 2 * page},
		"an untouched page":   {[]addr.Range{second}, 0},
		"a block":             {[]addr.Range{addr.Span(whole.Lo+16, 48)}, 48},
		"across pages":        {[]addr.Range{{Lo: whole.Lo + 16, Hi: whole.Lo.Offset(4*page) - 16}}, 2*page - 32},
		"several":             {[]addr.Range{second, addr.Span(whole.Lo, page), addr.Span(whole.Lo.Offset(3*page), page)}, 2 * page},
		"above user space":    {[]addr.Range{{Lo: 0xfffffffffffff000, Hi: 0}}, 0},
		"more than one chunk": {[]addr.Range{{Lo: whole.Lo, Hi: whole.Hi.Offset(2 * pagemapBatch * page)}}, 0},
	} {
		n := resident(tt.ranges...)
		if name == "more than one chunk" { // what lies behind is not ours
			if n < 2*page {
				t.Errorf("%s: %d bytes", name, n)
			}
		} else if n != tt.want {
			t.Errorf("%s: %d bytes, want %d", name, n, tt.want)
		}
	}
}

func TestResidentFailing(t *testing.T) {
	if err := pagesIn(failing{}, pages(1, 2), 0x1000, func(addr.Range, uint64) {}); err != errFailing {
		t.Errorf("got %v", err)
	}
}
