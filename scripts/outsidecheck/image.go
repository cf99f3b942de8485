package main

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
)

// image is a process's memory as it is seen from outside: what gdb reads where there
// is something, and what the kernel says of the pages that nobody has touched. Those
// hold zeros, and gdb leaves them alone: to read them would be to touch them.
type image struct {
	visit
	pages   map[address]bool // whether a page holds something
	unknown bool             // the kernel does not tell: all are read
}

var pageSize = address(os.Getpagesize())

// newImage asks the kernel for the pages of the given spans.
func newImage(pid int, spans []span) (*image, error) {
	m := &image{visit: visit{pid: pid}, pages: map[address]bool{}}
	pagemap, err := os.Open(fmt.Sprintf("/proc/%d/pagemap", pid))
	if err != nil {
		m.unknown = true
	} else {
		defer pagemap.Close()
	}
	for _, s := range spans {
		for page := s.Start &^ (pageSize - 1); page < s.End && !m.unknown; page += pageSize {
			if _, known := m.pages[page]; known {
				continue
			}
			var entry [8]byte
			if _, err := pagemap.ReadAt(entry[:], int64(page/pageSize)*8); err != nil {
				return nil, fmt.Errorf("pagemap of %v: %w", page, err)
			}
			const present, swapped = 1 << 63, 1 << 62
			m.pages[page] = binary.LittleEndian.Uint64(entry[:])&(present|swapped) != 0
		}
	}
	m.areas = merged(m.touched(spans))
	return m, nil
}

// touched are the parts of the spans in pages that hold something.
func (m *image) touched(spans []span) (parts []span) {
	for _, s := range spans {
		for at := s.Start; at < s.End; {
			page := at &^ (pageSize - 1)
			end := min(s.End, page+pageSize)
			if m.holds(page) {
				parts = append(parts, span{at, end})
			}
			at = end
		}
	}
	return parts
}

func (m *image) holds(page address) bool { return m.unknown || m.pages[page] }

// merged are the spans by address; those that touch or overlap are one.
func merged(spans []span) (all []span) {
	slices.SortFunc(spans, func(s, t span) int { return cmp.Compare(s.Start, t.Start) })
	for _, s := range spans {
		if n := len(all); n > 0 && s.Start <= all[n-1].End {
			all[n-1].End = max(all[n-1].End, s.End)
		} else {
			all = append(all, s)
		}
	}
	return all
}

// at is what stands in s: what gdb has read, and zeros where nobody has touched.
func (m *image) at(s span) hexBytes {
	b := make(hexBytes, s.End-s.Start)
	for i, a := range m.areas {
		if part := (span{max(a.Start, s.Start), min(a.End, s.End)}); part.Start < part.End {
			copy(b[part.Start-s.Start:], m.read[i][part.Start-a.Start:part.End-a.Start])
		}
	}
	return b
}
