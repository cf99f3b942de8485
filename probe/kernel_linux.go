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
	faults   int64 // since the last step
	resident addr.Bytes
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

// untouched lists the pages of the given memory that nobody has touched. Where the
// kernel does not tell, there are none.
func (k *meter) untouched(heap, stack addr.Range) map[addr.Addr]bool {
	pages, err := layout.Untouched(heap, stack)
	if err != nil {
		return nil
	}
	return pages
}

// since is what changed in the given memory since the last call. Where the
// kernel does not tell which pages are resident, that part of it is 0.
func (k *meter) since(heap, stack addr.Range) Kernel {
	var resident addr.Bytes
	if n, err := layout.Resident(heap, stack); err == nil {
		resident = n
	}
	change := Kernel{Resident: int64(resident) - int64(k.resident), Faults: k.faults}
	k.resident, k.faults = resident, 0
	return change
}
