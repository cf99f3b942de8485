package layout

import "memprobe/layout/addr"

// PageState is what the kernel tells of a page, as a set of bits. A page without any
// was never touched, or was given back.
type PageState uint16

const (
	PagePresent   PageState = 1 << iota // in memory
	PageSwapped                         // swapped out
	PageFile                            // a file's, or shared memory's; present without it is the process's own copy
	PageZero                            // the kernel's page of zeros: read, but never written
	PageHuge                            // part of a huge page
	PageSoftDirty                       // written since the process started, or since its soft-dirty bits were cleared
	PageGuarded                         // a guard inside the mapping (MADV_GUARD_INSTALL): never accessible
)

// pageStateNames are the words for the bits, in their order.
var pageStateNames = []string{"present", "swapped", "file", "zero", "huge", "soft-dirty", "guard"}

// Names are the words for the bits of p; none for a page without any.
func (p PageState) Names() []string {
	var names []string
	for i, name := range pageStateNames {
		if p&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// PageRun is a run of pages in one state.
type PageRun struct {
	addr.Range
	State PageState
}

// runs collects pages as runs that tile a range.
type runs struct {
	list []PageRun
	next addr.Addr // where the next run starts
}

// put adds pages in one state at r, which lies at or above all before.
func (l *runs) put(r addr.Range, state PageState) {
	if l.next != r.Lo {
		l.join(PageRun{addr.Range{Lo: l.next, Hi: r.Lo}, 0})
	}
	l.join(PageRun{r, state})
	l.next = r.Hi
}

// end fills up to hi.
func (l *runs) end(hi addr.Addr) {
	if l.next != hi {
		l.join(PageRun{addr.Range{Lo: l.next, Hi: hi}, 0})
		l.next = hi
	}
}

func (l *runs) join(r PageRun) {
	if n := len(l.list); n > 0 && l.list[n-1].State == r.State && l.list[n-1].Hi == r.Lo {
		l.list[n-1].Hi = r.Hi
		return
	}
	l.list = append(l.list, r)
}
