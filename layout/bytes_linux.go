package layout

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// Content is bytes of a process's memory, as they are there or would be if it used them.
type Content struct {
	Bytes  []byte
	Absent []Absence // by address: what of it is not in the process's memory
}

// Absence is a range of memory that a process has mapped, but not used yet.
type Absence struct {
	addr.Range
	Source Source
	Err    error // why a file can't be read
}

// Source is where the bytes are that a process would find.
type Source string

const (
	FromNowhere Source = "zeros"   // they are zeros
	FromFile    Source = "file"    // the mapped file's
	FromUnknown Source = "unknown" // others may have written there, or the file can't be read: given as zeros
)

// Why nobody can read a page that is mapped, told apart by errors.Is.
var (
	ErrGuarded  = errors.New("the program has made this page a guard inside the mapping: nobody may touch it")
	ErrFileEnds = errors.New("its file ends before this page: there are no bytes behind the mapping")
)

// ReadMemory reads n bytes from a on of s's process, which must still be there, or as
// many as can be read; an error is that of the first: ErrFileEnds, ErrGuarded, or that of
// process_vm_readv(2). What the process has not used is left so: to read it as the process
// does would bring it into its memory. Only where the kernel does not tell what is there
// is all read so.
func (s *Space) ReadMemory(a addr.Addr, n addr.Bytes) (Content, error) {
	r := bytesReader{space: s, from: reach(s.PID)}
	defer r.close()
	var held []PageRun
	if whole := wholePages(addr.Span(a, n)); whole.Lo < whole.Hi {
		if pages, err := OpenPagemap(s.PID); err == nil {
			defer pages.Close()
			held, _ = pages.Runs(whole)
		}
	}
	c := Content{Bytes: make([]byte, n)}
	for done := addr.Bytes(0); done < n; {
		// Page by page, since a piece that can be read in part only may not be read at all.
		at := a.Offset(done)
		piece := c.Bytes[done:][:min(n-done, smallestPage-at.Sub(at.AlignDown(smallestPage)))]
		for len(held) > 0 && held[0].Hi <= at {
			held = held[1:]
		}
		source, err := Source(""), error(nil)
		switch known := len(held) > 0 && held[0].Contains(at); {
		case known && held[0].State == 0:
			source, err = r.absent(piece, at)
		case known && held[0].State&PageGuarded != 0:
			err = ErrGuarded
		}
		if source == "" && err == nil {
			err = r.present(piece, at)
		}
		if err != nil && source == "" {
			if c.Bytes = c.Bytes[:done]; done > 0 {
				err = nil
			}
			return c, err
		}
		if source != "" {
			c.add(Absence{addr.Span(at, addr.Bytes(len(piece))), source, err})
		}
		done += addr.Bytes(len(piece))
	}
	return c, nil
}

// smallestPage is the size of the smallest page of the machines that memprobe runs on.
const smallestPage = 4096

// add adds an absence right above those before, or at some distance.
func (c *Content) add(more Absence) {
	if n := len(c.Absent); n > 0 && c.Absent[n-1].Hi == more.Lo && c.Absent[n-1].Source == more.Source && c.Absent[n-1].Err == more.Err {
		c.Absent[n-1].Hi = more.Hi
		return
	}
	c.Absent = append(c.Absent, more)
}

// bytesReader reads memory, and in its place the file that was mapped.
type bytesReader struct {
	space  *Space
	from   process
	mapped addr.Range // the mapping whose file was read last
	file   io.ReaderAt
	open   io.Closer
	err    error
}

func (r *bytesReader) close() {
	if r.open != nil {
		r.open.Close()
	}
	r.open = nil
}

// present reads what is in memory.
func (r *bytesReader) present(b []byte, at addr.Addr) error {
	local := unix.Iovec{Base: &b[0]}
	local.SetLen(len(b))
	got, err := unix.ProcessVMReadv(r.from.number(), []unix.Iovec{local}, []unix.RemoteIovec{{Base: uintptr(at), Len: len(b)}}, 0)
	if err == nil && got < len(b) {
		err = unix.EFAULT
	}
	return err
}

// absent finds what the process would find at at, which is not in its memory. No source
// and no error says that the kernel alone knows.
func (r *bytesReader) absent(b []byte, at addr.Addr) (Source, error) {
	i, ok := find(r.space.Mappings, at)
	if !ok || r.space.Mappings[i].Perms&Readable == 0 {
		return "", unix.EFAULT
	}
	m := r.space.Mappings[i]
	switch name := m.Name; {
	case m.hasFile() && m.Perms&Shared == 0 && r.space.kindAt(at) == KindAnonymous:
		return FromNowhere, nil
	case name == "[vdso]", m.hasFile():
	case m.Perms&Shared != 0:
		return FromUnknown, errShared
	case name == "", name == "[heap]", strings.HasPrefix(name, "[stack"), strings.HasPrefix(name, "[anon:"):
		return FromNowhere, nil
	default: // the kernel's own
		return "", nil
	}
	if r.mapped != m.Range {
		r.close()
		r.mapped = m.Range
		r.file, r.open, r.err = r.behind(m)
	}
	if r.err != nil {
		return FromUnknown, r.err
	}
	off := at.Sub(m.Lo)
	if m.hasFile() {
		off += m.Offset
	}
	n, err := r.file.ReadAt(b, int64(off))
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return FromUnknown, err
	case n == 0: // the file ends before; to try all the same would bring the pages below into memory
		return "", ErrFileEnds
	}
	return FromFile, nil
}

var errShared = errors.New("others that share it may have written there")

// kindAt is what a is part of; empty where nothing is mapped.
func (s *Space) kindAt(a addr.Addr) Kind {
	if i, ok := find(s.Parts, a); ok {
		return s.Parts[i].Kind
	}
	return ""
}

// behind is what m was mapped from.
func (r *bytesReader) behind(m Mapping) (io.ReaderAt, io.Closer, error) {
	if m.Name == "[vdso]" {
		return r.from.readVDSO(m, r.space.WordSize())
	}
	f, err := r.from.openMapped(m, r.space.Exe)
	if err != nil {
		return nil, nil, fmt.Errorf("its file can't be opened: %w", err)
	}
	return f, f, nil
}
