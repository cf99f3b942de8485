package probe

import (
	"maps"

	"golang.org/x/sys/unix"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// meter asks the kernel what a program's accesses cost: page faults from
// getrusage(2) around each access, so that the Go runtime's own are not counted,
// and resident pages from /proc/self/pagemap.
type meter struct {
	pagemap  *layout.Pagemap // nil where the kernel does not let us look
	faults   int64           // since the last step
	resident addr.Bytes

	untouched map[addr.Addr]bool // the pages that held nothing yet, at the last step

	touched map[addr.Addr]access // what the program has done to each page
}

// access is what a program does to a page. A page can fault once for each of them:
// one that was only read is the kernel's page of zeros, until it is written.
type access uint8

const (
	reading access = 1 + iota
	writing
)

// start begins to measure.
func (k *meter) start() { k.pagemap, _ = layout.OpenPagemap(0) }

// stop ends what start began.
func (k *meter) stop() error {
	if k.pagemap == nil {
		return nil
	}
	return k.pagemap.Close()
}

// count runs an access to some pages and adds the page faults that it caused: one for
// a page at most, and none for one that was accessed in this way before. What the
// thread had beyond that, the Go runtime did meanwhile.
func (k *meter) count(kind access, pages []addr.Addr, do func() error) error {
	before := minorFaults()
	err := do()
	k.add(minorFaults()-before, kind, pages)
	return err
}

// add counts the page faults of an access to some pages, as far as they are those of
// its first touch of a page.
func (k *meter) add(faults int64, kind access, pages []addr.Addr) {
	if k.touched == nil {
		k.touched = map[addr.Addr]access{}
	}
	var first int64
	for _, page := range pages {
		if k.touched[page] < kind {
			first++
			k.touched[page] = kind
		}
	}
	k.faults += min(faults, first)
}

// forget drops what is known of memory that goes back to the kernel.
func (k *meter) forget(r addr.Range) {
	maps.DeleteFunc(k.touched, func(page addr.Addr, _ access) bool { return r.Contains(page) })
}

// minorFaults is the number of page faults of this thread that needed no disk.
func minorFaults() int64 {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &usage); err != nil {
		return 0 // only an invalid argument is refused, and this one is not
	}
	return usage.Minflt
}

// since is what changed in the given memory since the last call. Where the
// kernel does not tell which pages are resident, that part of it is 0, and no page
// is known to be untouched.
func (k *meter) since(accessible []addr.Range) Kernel {
	var pages layout.Pages
	if k.pagemap != nil {
		if seen, err := k.pagemap.Pages(accessible...); err == nil {
			pages = seen
		}
	}
	change := Kernel{Resident: int64(pages.Resident) - int64(k.resident), Faults: k.faults}
	k.resident, k.untouched, k.faults = pages.Resident, pages.Untouched, 0
	return change
}
