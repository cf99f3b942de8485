package layout

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

const guardInstall = 102 // MADV_GUARD_INSTALL, Linux 6.13

// smallPages are n pages of this process, mapped for the test, without huge ones.
func smallPages(t *testing.T, fd, n, flags int) []byte {
	t.Helper()
	mem := mapped(t, fd, n*os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, flags)
	_ = unix.Madvise(mem, unix.MADV_NOHUGEPAGE) // where there are none
	return mem
}

// onlyIn is list without the states that are not among these.
func onlyIn(list []PageRun, states PageState) []PageRun {
	var out runs
	for _, r := range list {
		out.next = r.Lo
		out.put(r.Range, r.State&states)
	}
	return out.list
}

// A kernel without PAGEMAP_SCAN tells of each page what the scan tells of many at once.
func TestEntriesAsTheScan(t *testing.T) {
	pm, err := OpenPagemap(0)
	if err != nil {
		t.Fatal(err)
	}
	defer pm.Close()
	page := os.Getpagesize()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, make([]byte, 64*page), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	// some touches some of mem's pages: reads them, writes to them, gives them back.
	some := func(mem []byte) []byte {
		read := byte(0)
		for at := 0; at < len(mem); at += page {
			switch rng.IntN(4) {
			case 0:
				mem[at+rng.IntN(page)] = 1
			case 1:
				read |= mem[at]
			case 2:
				mem[at] = 1
				unix.Madvise(mem[at:at+page], unix.MADV_DONTNEED)
			}
		}
		if read > 1 {
			t.Fatal("nobody wrote that")
		}
		return mem
	}
	every := smallPages(t, -1, 3*scanBatch, unix.MAP_PRIVATE|unix.MAP_ANON) // more runs than one question has room for
	for at := 0; at < len(every); at += 2 * page {
		every[at] = 1
	}
	guards := some(smallPages(t, -1, 64, unix.MAP_PRIVATE|unix.MAP_ANON))
	_, _, err = scanPages(pm.file, addr.Span(pointer(guards), addr.Bytes(page)), scanGuard, scanGuard, make([]scanned, 1))
	guarded := unix.Madvise(guards[3*page:7*page], guardInstall) == nil && err == nil // Linux 6.15
	for name, mem := range map[string][]byte{
		"anonymous": some(smallPages(t, -1, 64, unix.MAP_PRIVATE|unix.MAP_ANON)), "shared": some(smallPages(t, -1, 64, unix.MAP_SHARED|unix.MAP_ANON)),
		"a file's": some(smallPages(t, int(f.Fd()), 64, unix.MAP_SHARED)), "copies of a file's": some(smallPages(t, int(f.Fd()), 64, unix.MAP_PRIVATE)),
		"every other": every, "guards": guards, "one page": every[page : 2*page], "untouched": smallPages(t, -1, 5*pagemapBatch, unix.MAP_PRIVATE|unix.MAP_ANON),
	} {
		r := addr.Span(pointer(mem), addr.Bytes(len(mem)))
		scan, entries := runs{next: r.Lo}, runs{next: r.Lo}
		for range 10 { // until nothing was swapped out meanwhile
			before := scan.list
			scan, entries = runs{next: r.Lo}, runs{next: r.Lo}
			if err := pm.entries(r, &entries); err != nil {
				t.Fatal(name, err)
			}
			if err := pm.scan(r, &scan); err != nil {
				t.Skipf("no PAGEMAP_SCAN here (Linux 6.7): %v", err)
			}
			scan.end(r.Hi)
			entries.end(r.Hi)
			if slices.Equal(before, scan.list) {
				break
			}
		}
		told := PagePresent | PageSwapped | PageFile | PageSoftDirty | PageGuarded // by both
		if got, want := onlyIn(entries.list, told), onlyIn(scan.list, told); !slices.Equal(got, want) {
			t.Errorf("%s: %d runs and %d: entries say %v, the scan %v", name, len(got), len(want), got, want)
		}
		if all, err := pm.Runs(r); err != nil || !slices.Equal(all, scan.list) {
			t.Errorf("%s: Runs says %v, %v, the scan %v", name, all, err, scan.list)
		}
		at := r.Lo
		for _, run := range scan.list {
			if run.Lo != at || run.Size() == 0 {
				t.Errorf("%s: %v begins where %v ended", name, run, at)
			}
			at = run.Hi
		}
		switch present := scan.list[0].State & PagePresent; {
		case at != r.Hi:
			t.Errorf("%s: ends at %v, not %v", name, at, r.Hi)
		case name == "every other" && (len(scan.list) != 3*scanBatch || present == 0), name == "untouched" && (len(scan.list) != 1 || present != 0):
			t.Errorf("%s: %d runs", name, len(scan.list))
		case name == "guards" && guarded && !slices.ContainsFunc(scan.list, func(run PageRun) bool {
			return run.State&PageGuarded != 0 && run.Range == addr.Span(r.Lo.Offset(addr.Bytes(3*page)), addr.Bytes(4*page))
		}):
			t.Errorf("the guards are not among %v", scan.list)
		}
	}
}

// pagemapOf is a pagemap with these entries, on a kernel that can't scan it.
func pagemapOf(t *testing.T, entries ...uint64) *Pagemap {
	t.Helper()
	var text []byte
	for _, e := range entries {
		text = binary.NativeEndian.AppendUint64(text, e)
	}
	name := filepath.Join(t.TempDir(), "pagemap")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	pm, err := openProc(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pm.Close() })
	return &Pagemap{pm}
}

func TestRunsOfEntries(t *testing.T) {
	const present, swapped, file, guard, dirty = 1 << 63, 1 << 62, 1 << 61, 1 << 58, 1 << 55
	page := addr.Bytes(os.Getpagesize())
	pm := pagemapOf(t, 0, 0, present, present|7, present|file, file|dirty, dirty, swapped, swapped|guard, present|dirty, present|1<<57, 0)
	in := func(lo, hi addr.Bytes) addr.Range {
		return addr.Range{Lo: addr.Addr(lo * page), Hi: addr.Addr(hi * page)}
	}
	want := []PageRun{
		{in(1, 2), 0}, {in(2, 4), PagePresent}, {in(4, 5), PagePresent | PageFile}, {in(5, 7), 0}, {in(7, 8), PageSwapped}, {in(8, 9), PageSwapped | PageGuarded},
		{in(9, 10), PagePresent | PageSoftDirty}, {in(10, 11), PagePresent}, {in(11, 20), 0},
	}
	if got, err := pm.Runs(in(1, 20)); err != nil || !slices.Equal(got, want) { // the file ends at 12, as it does where user space ends
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if got, err := pm.Runs(in(5, 5)); err != nil || len(got) > 0 {
		t.Errorf("of no page: got %v, %v", got, err)
	}
	of, err := pm.Pages(addr.Range{Lo: in(2, 3).Lo + 8, Hi: in(5, 6).Lo + 8}, in(7, 9))
	if wantUntouched := (map[addr.Addr]bool{in(5, 6).Lo: true}); err != nil || of.Resident != 3*page-8 || len(of.Untouched) != 1 || !of.Untouched[in(5, 6).Lo] {
		t.Errorf("got %d bytes in memory, %v untouched, %v, want %d, %v", of.Resident, of.Untouched, err, 3*page-8, wantUntouched)
	}
	many := make([]uint64, 2*pagemapBatch+10)
	for i := range many {
		many[i] = present * uint64(i/3%2)
	}
	pm = pagemapOf(t, many...)
	got, err := pm.Runs(in(0, addr.Bytes(len(many))))
	if err != nil || len(got) != (len(many)+2)/3 {
		t.Errorf("of %d pages in turn: %d runs, %v", len(many), len(got), err)
	}
	for i, run := range got {
		if run.Lo != in(addr.Bytes(3*i), 0).Lo || (run.State != 0) != (i%2 == 1) {
			t.Fatalf("run %d is %v", i, run)
		}
	}
}

// As many entries as would take minutes are not read; a scan steps over what is not there.
func TestMostPages(t *testing.T) {
	page := addr.Bytes(os.Getpagesize())
	pm := pagemapOf(t, 0)
	for n, want := range map[addr.Bytes]error{mostPages: nil, mostPages + 1: ErrTooManyPages, 1 << 35: ErrTooManyPages} {
		got, err := pm.Runs(addr.Span(0, n*page))
		if err != want || want == nil && !slices.Equal(got, []PageRun{{addr.Span(0, n*page), 0}}) || want != nil && got != nil {
			t.Errorf("%d pages: got %v, %v, want %v", n, got, err, want)
		}
	}
	if text := ErrTooManyPages.Error(); !strings.Contains(text, "16 million") || mostPages != 16<<20 {
		t.Errorf("%q, of %d", text, mostPages)
	}
	own, err := OpenPagemap(0)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if _, err := own.Runs(addr.Span(0x10000, page)); err != nil {
		t.Errorf("a page where nothing is: %v", err)
	}
	closed := pagemapOf(t, 0)
	closed.Close()
	if got, err := closed.Runs(addr.Span(0, page)); err == nil || errors.Is(err, ErrTooManyPages) {
		t.Errorf("a pagemap that is closed: %v, %v", got, err)
	}
}

func TestPageStateNames(t *testing.T) {
	all := PagePresent | PageSwapped | PageFile | PageZero | PageHuge | PageSoftDirty | PageGuarded
	if got := strings.Join(all.Names(), " "); got != "present swapped file zero huge soft-dirty guard" {
		t.Errorf("got %s", got)
	}
	if got := (PagePresent | PageHuge).Names(); !slices.Equal(got, []string{"present", "huge"}) || PageState(0).Names() != nil {
		t.Errorf("got %q", got)
	}
}
