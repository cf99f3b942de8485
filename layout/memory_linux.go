package layout

import (
	"errors"
	"io"
	"os"
	"strconv"

	"memprobe/layout/addr"
)

// memory is what a process has in memory or swapped out. To read a page that was never
// touched would make the kernel map its page of zeros there, and the process would not
// be as it was: such pages are not read. They and what is not mapped read as zeros, so
// a zero here tells nothing.
type memory struct {
	file  *os.File
	pages *Pagemap
}

// openMemory opens p's memory. Whoever does closes it.
func (p process) openMemory() (*memory, error) {
	file, err := openProc(p.file("mem"))
	if err != nil {
		return nil, err
	}
	pages, err := openProc(p.file("pagemap"))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &memory{file, &Pagemap{pages}}, nil
}

// Close ends the use of m.
func (m *memory) Close() error { return errors.Join(m.file.Close(), m.pages.Close()) }

// ReadAt reads the memory at address off.
func (m *memory) ReadAt(b []byte, off int64) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	r := addr.Span(addr.Addr(off), addr.Bytes(len(b)))
	runs, err := m.pages.Runs(wholePages(r))
	if err != nil {
		return 0, err
	}
	clear(b)
	for _, run := range runs {
		if !run.held() {
			continue
		}
		piece := run.Intersect(r)
		from := piece.Lo.Sub(r.Lo)
		if n, err := m.file.ReadAt(b[from:from+piece.Size()], int64(piece.Lo)); err != nil {
			return int(from) + n, err
		}
	}
	return len(b), nil
}

// holds reports whether all of r can be read.
func (m *memory) holds(r addr.Range) bool {
	runs, err := m.pages.Runs(wholePages(r))
	for _, run := range runs {
		if !run.held() {
			return false
		}
	}
	return err == nil
}

// held reports whether the pages of r hold something: the kernel marks guards as it
// marks what is swapped out.
func (r PageRun) held() bool {
	return r.State&(PagePresent|PageSwapped) != 0 && r.State&PageGuarded == 0
}

// wholePages is r up to the ends of the pages that it lies in.
func wholePages(r addr.Range) addr.Range {
	page := addr.Bytes(os.Getpagesize())
	return addr.Range{Lo: r.Lo.AlignDown(page), Hi: addr.Addr(addr.Bytes(r.Hi).AlignUp(page))}
}

// errNotInMemory says that to read would change the process.
var errNotInMemory = errors.New("the process has not used it yet: to read it would bring it into its memory")

// readVDSO gives the kernel's library, which p has mapped as m, from p's memory. What p
// has not used of it is as in this process, if that is for programs of as many bits.
func (p process) readVDSO(m Mapping, wordSize addr.Bytes) (image io.ReaderAt, close io.Closer, err error) {
	mem, err := p.openMemory()
	if err != nil {
		return nil, nil, err
	}
	if mem.holds(m.Range) {
		return io.NewSectionReader(mem, int64(m.Lo), int64(m.Size())), mem, nil
	}
	mem.Close()
	own, err := Read(0)
	if err != nil {
		return nil, nil, err
	}
	for _, q := range own {
		if q.Name != m.Name || q.Size() != m.Size() || wordSize != strconv.IntSize/8 {
			continue
		}
		file, err := openProc(process{}.file("mem"))
		if err != nil {
			return nil, nil, err
		}
		return io.NewSectionReader(file, int64(q.Lo), int64(q.Size())), file, nil
	}
	return nil, nil, errNotInMemory
}
