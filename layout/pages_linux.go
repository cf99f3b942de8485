package layout

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// scanStates are the states that PAGEMAP_SCAN knows, and what they are here.
var scanStates = []struct {
	category uint64
	state    PageState
}{
	{1 << 2, PageFile}, {1 << 3, PagePresent}, {1 << 4, PageSwapped}, {1 << 5, PageZero},
	{1 << 6, PageHuge}, {1 << 7, PageSoftDirty}, {scanGuard, PageGuarded},
}

const (
	scanHeld  = 1<<3 | 1<<4 // in memory, or swapped out
	scanGuard = 1 << 8      // since Linux 6.15
	scanTold  = 1<<2 | 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7
)

// entryStates are the bits of a pagemap entry, and what they are here.
var entryStates = []struct {
	bit   uint64
	state PageState
}{
	{pagePresent, PagePresent}, {pageSwapped, PageSwapped}, {1 << 61, PageFile}, {1 << 58, PageGuarded}, {1 << 55, PageSoftDirty},
}

// mostPages is how many entries of a pagemap are read for one question: 64 GiB of
// small pages. PAGEMAP_SCAN has no such bound, for it steps over what is not there.
const mostPages = 1 << 24

// ErrTooManyPages says that the kernel has no PAGEMAP_SCAN and the range is so large
// that reading an entry for each of its pages would take minutes.
var ErrTooManyPages = errors.New("more than 16 million pages, and this kernel (before Linux 6.7) can't scan them")

// Runs says how the pages of r stand: runs of pages in one state that tile r, whose
// ends are those of pages. PageZero and PageHuge need Linux 6.7; PageGuarded 6.15.
// r must not reach 2^64.
func (p *Pagemap) Runs(r addr.Range) ([]PageRun, error) {
	list := runs{next: r.Lo}
	err := p.scan(r, &list)
	if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // the last from emulators
		list = runs{next: r.Lo}
		err = p.entries(r, &list)
	}
	if err != nil {
		return nil, err
	}
	list.end(r.Hi)
	return list.list, nil
}

const scanBatch = 512 // runs that are asked for at once, if there are as many pages

func (p *Pagemap) scan(r addr.Range, list *runs) error {
	found := make([]scanned, min(scanBatch, uint64(r.Size())/uint64(os.Getpagesize())+1))
	guard := uint64(scanGuard)
	for r.Lo < r.Hi {
		n, next, err := scanPages(p.file, r, scanHeld|guard, scanTold|guard, found)
		if errors.Is(err, unix.EINVAL) && guard != 0 {
			guard = 0
			continue
		}
		if err != nil {
			return err
		}
		for _, f := range found[:n] {
			var state PageState
			for _, s := range scanStates {
				if f.categories&s.category != 0 {
					state |= s.state
				}
			}
			list.put(addr.Range{Lo: addr.Addr(f.start), Hi: addr.Addr(f.end)}, state)
		}
		if next <= r.Lo {
			break
		}
		r.Lo = next
	}
	return nil
}

func (p *Pagemap) entries(r addr.Range, list *runs) error {
	page := addr.Bytes(os.Getpagesize())
	if r.Size()/page > mostPages {
		return ErrTooManyPages
	}
	return pagesIn(p.file, r, page, func(at addr.Range, entry uint64) {
		var state PageState
		for _, s := range entryStates {
			if entry&s.bit != 0 {
				state |= s.state
			}
		}
		if state&(PagePresent|PageSwapped|PageGuarded) == 0 {
			state = 0 // the other bits say nothing of a page that is not there
		}
		list.put(at, state)
	})
}
