package probe

import (
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
}

// start begins to measure.
func (k *meter) start() { k.pagemap, _ = layout.OpenPagemap() }

// stop ends what start began.
func (k *meter) stop() error {
	if k.pagemap == nil {
		return nil
	}
	return k.pagemap.Close()
}

// count runs an access and adds the page faults that it caused.
func (k *meter) count(access func() error) error {
	before := minorFaults()
	err := access()
	k.faults += minorFaults() - before
	return err
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
