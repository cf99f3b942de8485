package layout

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"

	"memprobe/layout/addr"
)

// Symbols tells the symbols of a process, of the files that it has mapped. It keeps
// those open that were needed. It is for one goroutine.
type Symbols struct {
	space  *Space
	groups [][]Mapping
	reader *elfReader
	files  map[fileID]*symbolFile
	open   []io.Closer
}

// symbolFile is an ELF file that is mapped, or what stood in the way of reading it.
type symbolFile struct {
	elf    *elf.File
	images []Image
	tables []symbolTable
	err    error
}

// Symbols looks for the symbols of s's process, which must still be there. Whoever
// asks closes them.
func (s *Space) Symbols() *Symbols {
	return &Symbols{space: s, groups: executables(s.Mappings), reader: newELFReader(), files: map[fileID]*symbolFile{}}
}

// Close closes the files.
func (x *Symbols) Close() error {
	var errs []error
	for _, f := range x.open {
		errs = append(errs, f.Close())
	}
	x.open, x.files = nil, map[fileID]*symbolFile{}
	return errors.Join(errs...)
}

// At is the symbol that holds a. The error is ErrNoELF, ErrStripped or ErrNoSymbol
// where there is none, else it says why the file can't be read.
func (x *Symbols) At(a addr.Addr) (Symbol, error) {
	i, ok := find(x.space.Parts, a)
	if !ok || x.space.Text {
		return Symbol{}, ErrNoELF
	}
	part := x.space.Parts[i]
	m := x.space.Mappings[part.Mapping]
	if part.Kind == KindVDSO {
		return x.in(fileID{name: m.Name}, a, func() symbolFile { return x.readVDSO(m) })
	}
	err := ErrNoELF
	for _, own := range x.groups {
		if own[0].Name != part.Object || m.hasFile() && own[0].file() != m.file() {
			continue
		}
		var found Symbol
		found, err = x.in(own[0].file(), a, func() symbolFile { return x.readMapped(own) })
		if !errors.Is(err, ErrNoELF) {
			return found, err
		}
	}
	return Symbol{}, err
}

// in is the symbol at a in one file, which read reads the first time.
func (x *Symbols) in(id fileID, a addr.Addr, read func() symbolFile) (y Symbol, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			y, err = Symbol{}, fmt.Errorf("damaged ELF file: %v", cause)
		}
	}()
	f := x.files[id]
	if f == nil {
		f = &symbolFile{err: errors.New("damaged ELF file")} // stays so if debug/elf, which trusts its input, panics
		x.files[id] = f
		*f = read()
	}
	if f.err != nil {
		return Symbol{}, f.err
	}
	for _, image := range f.images {
		if !image.contains(a) {
			continue
		}
		y, err := findSymbol(f.elf, f.tables, uint64(a-image.Bias))
		y.Lo, y.Hi, y.Object = y.Lo+image.Bias, y.Hi+image.Bias, id.name
		return y, err
	}
	return Symbol{}, ErrNoELF
}

func (img Image) contains(a addr.Addr) bool {
	for _, s := range img.Spans {
		if s.Contains(a) {
			return true
		}
	}
	return false
}

// readMapped reads the file that own are the mappings of.
func (x *Symbols) readMapped(own []Mapping) symbolFile {
	pid := x.space.PID
	if x.space.Started != 0 && (process{pid}).identity().started != x.space.Started {
		return symbolFile{err: failed(pid, ErrNoProcess)}
	}
	file, err := reach(pid).openMapped(own[0], x.space.Exe)
	if err != nil {
		return symbolFile{err: err}
	}
	x.open = append(x.open, file)
	return x.reader.readSymbols(file, func(f *elf.File) ([]Image, error) { return x.reader.images(own, f, x.space.PageSize) })
}

// readVDSO reads the kernel's library, which is no file.
func (x *Symbols) readVDSO(m Mapping) symbolFile {
	image, open, err := reach(x.space.PID).readVDSO(m, x.space.WordSize())
	if err != nil {
		return symbolFile{err: reason(err)}
	}
	x.open = append(x.open, open)
	return x.reader.readSymbols(image, func(f *elf.File) ([]Image, error) {
		for _, p := range f.Progs {
			if p.Type == elf.PT_LOAD && p.Off == 0 {
				bias := m.Lo - addr.Addr(p.Vaddr)
				return []Image{{Path: m.Name, Library: true, Bias: bias, Spans: spans(f, bias, x.space.PageSize)}}, nil
			}
		}
		return nil, nil
	})
}

// readSymbols reads the tables of an ELF file, and has place say where it was loaded.
func (r *elfReader) readSymbols(file io.ReaderAt, place func(*elf.File) ([]Image, error)) symbolFile {
	f, err := r.open(file)
	switch {
	case errors.Is(err, os.ErrPermission):
		return symbolFile{err: reason(err)}
	case err == errNotELF:
		return symbolFile{err: ErrNoELF}
	case err != nil:
		return symbolFile{err: err}
	}
	tables, err := r.symbolTables(f)
	if err != nil {
		return symbolFile{err: err}
	}
	images, err := place(f)
	if len(images) > 0 { // of the others there is a note
		err = nil
	}
	return symbolFile{elf: f, images: images, tables: tables, err: err}
}
