package layout

import (
	"encoding/binary"
	"errors"
	"io"
	"os"

	"memprobe/layout/addr"
)

const (
	pagemapEntry = 8       // bytes in /proc/PID/pagemap for each page
	pagePresent  = 1 << 63 // in such an entry: the page is in memory
	pageSwapped  = 1 << 62 // or swapped out
)

// Pagemap is what the kernel tells of a process's pages.
type Pagemap struct{ file *os.File }

// OpenPagemap opens the pagemap of process pid, 0 being this one. Whoever does
// closes it. The errors are those of Read.
func OpenPagemap(pid int) (*Pagemap, error) {
	return living(pid, process.openPagemap)
}

func (p process) openPagemap() (*Pagemap, error) {
	f, err := openProc(p.file("pagemap"))
	if err != nil {
		return nil, reason(err)
	}
	return &Pagemap{f}, nil
}

// Close ends the use of p.
func (p *Pagemap) Close() error { return p.file.Close() }

// Pages says how things stand with some pages.
type Pages struct {
	// Resident is how many of the bytes are in memory. Those of a page that was never
	// touched, or was swapped out, are not.
	Resident addr.Bytes

	// Untouched are the pages, by address, that hold nothing yet: they are neither in
	// memory nor swapped out, so they read as zeros. Whoever reads them all the same
	// makes the kernel map its page of zeros there, which then counts as resident.
	Untouched map[addr.Addr]bool
}

// Pages looks at the pages that the ranges lie in.
func (p *Pagemap) Pages(ranges ...addr.Range) (Pages, error) {
	pages := Pages{Untouched: map[addr.Addr]bool{}}
	size := addr.Bytes(os.Getpagesize())
	for _, r := range ranges {
		err := pagesIn(p.file, r, size, func(page addr.Range, entry uint64) {
			if entry&pagePresent != 0 {
				pages.Resident += page.Size()
			}
			if entry&(pagePresent|pageSwapped) == 0 {
				pages.Untouched[page.Lo.AlignDown(size)] = true
			}
		})
		if err != nil {
			return Pages{}, err
		}
	}
	return pages, nil
}

const pagemapBatch = 4096 // entries read at once

// pagesIn calls visit with each page of r, or the piece of it that lies in r, and
// its entry.
func pagesIn(pagemap io.ReaderAt, r addr.Range, page addr.Bytes, visit func(addr.Range, uint64)) (err error) {
	if r.Size() == 0 {
		return nil
	}
	next, last := addr.Bytes(r.Lo)/page, addr.Bytes(r.Hi-1)/page // page numbers
	buf := make([]byte, pagemapEntry*min(pagemapBatch, last-next+1))
	for next <= last && err == nil {
		var n int
		want := buf[:min(addr.Bytes(len(buf)), pagemapEntry*(last-next+1))]
		n, err = pagemap.ReadAt(want, int64(next*pagemapEntry))
		for entries := want[:n]; len(entries) >= pagemapEntry; entries = entries[pagemapEntry:] {
			visit(addr.Span(addr.Addr(next*page), page).Intersect(r), binary.NativeEndian.Uint64(entries))
			next++
		}
	}
	if errors.Is(err, io.EOF) { // the file ends where user space does
		err = nil
	}
	return err
}
