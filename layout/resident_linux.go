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

// Resident is how many of the ranges' bytes are in memory now, in this process. A
// page that was never touched, or was swapped out, is not.
func Resident(ranges ...addr.Range) (addr.Bytes, error) {
	var sum addr.Bytes
	err := readPagemap(ranges, func(page addr.Range, entry uint64) {
		if entry&pagePresent != 0 {
			sum += page.Size()
		}
	})
	return sum, err
}

// Untouched lists the pages of the ranges, by address, that hold nothing yet: they
// are neither in memory nor swapped out, so they read as zeros. Whoever reads them
// all the same makes the kernel map its page of zeros there, which Resident counts.
func Untouched(ranges ...addr.Range) (map[addr.Addr]bool, error) {
	untouched := map[addr.Addr]bool{}
	size := addr.Bytes(os.Getpagesize())
	err := readPagemap(ranges, func(page addr.Range, entry uint64) {
		if entry&(pagePresent|pageSwapped) == 0 {
			untouched[page.Lo.AlignDown(size)] = true
		}
	})
	return untouched, err
}

// readPagemap calls visit with each page, or piece of one, of this process's
// memory in the ranges, and what the pagemap file says of it.
func readPagemap(ranges []addr.Range, visit func(page addr.Range, entry uint64)) error {
	f, err := openProc("/proc/self/pagemap")
	if err != nil {
		return err
	}
	defer f.Close()
	size := addr.Bytes(os.Getpagesize())
	for _, r := range ranges {
		if err := pagesIn(f, r, size, visit); err != nil {
			return err
		}
	}
	return nil
}

const pagemapBatch = 4096 // entries read at once

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
