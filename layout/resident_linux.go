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
	pagePresent  = 1 << 63 // in such an entry: the page is in memory, not swapped out
)

// Resident is how many of the ranges' bytes are in memory now, in this process. A
// page that was never touched, or was swapped out, is not.
func Resident(ranges ...addr.Range) (addr.Bytes, error) {
	f, err := openProc("/proc/self/pagemap")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	page := addr.Bytes(os.Getpagesize())
	var sum addr.Bytes
	for _, r := range ranges {
		n, err := residentIn(f, r, page)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

const pagemapChunk = 4096 // entries read at once

func residentIn(pagemap io.ReaderAt, r addr.Range, page addr.Bytes) (sum addr.Bytes, err error) {
	if r.Size() == 0 {
		return 0, nil
	}
	next, last := addr.Bytes(r.Lo)/page, addr.Bytes(r.Hi-1)/page // page numbers
	buf := make([]byte, pagemapEntry*min(pagemapChunk, last-next+1))
	for next <= last && err == nil {
		var n int
		want := buf[:min(addr.Bytes(len(buf)), pagemapEntry*(last-next+1))]
		n, err = pagemap.ReadAt(want, int64(next*pagemapEntry))
		for entries := want[:n]; len(entries) >= pagemapEntry; entries = entries[pagemapEntry:] {
			if binary.NativeEndian.Uint64(entries)&pagePresent != 0 {
				sum += addr.Span(addr.Addr(next*page), page).Intersect(r).Size()
			}
			next++
		}
	}
	if errors.Is(err, io.EOF) { // the file ends where user space does
		err = nil
	}
	return sum, err
}
