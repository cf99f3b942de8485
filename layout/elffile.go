package layout

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// elfReader reads the ELF files of a process. Anybody may have written them, and who
// looks at a process may be root, so it refuses what would take memory or time without
// a bound.
type elfReader struct {
	segments uint64 // of a file, at most
	sections uint64 // of a file, at most
	places   int    // where a file was loaded, at most

	// What all files together may still have.
	entries uint64 // segments and sections
	names   uint64 // bytes of sections' names
	spans   int    // pieces of images
	symbols uint64 // bytes of tables of symbols
	search  int64  // bytes of symbols' names that are searched
	debug   uint64 // bytes of debug information
	looks   uint64 // what is looked at there, again and again: bytes, and more for each entry
	memory  uint64 // what is read of the process's memory: a page each, or less
	areas   int    // of a runtime
}

// newELFReader reads files as linkers write them. Programs have some dozens of sections
// and a dozen segments; the C library loads a file 16 times at most, each in a namespace
// of its own; large Go programs have 60 MB of debug information, browsers some hundred
// thousand symbols of 24 bytes. A terabyte of Go's heap has 16 thousand arenas.
func newELFReader() *elfReader {
	return &elfReader{
		segments: 256, sections: 16 << 10, places: 16,
		entries: 1 << 18, names: 4 << 20, spans: 1 << 18, symbols: 128 << 20,
		search: 256 << 20, debug: 128 << 20, looks: 128 << 20, memory: 1 << 20, areas: 1 << 18,
	}
}

var (
	errNotELF      = errors.New("not an ELF file")
	errELFHeader   = errors.New("damaged ELF file: its header is not as it should be")
	errELFNames    = errors.New("damaged ELF file: the names of its sections are not where they should be")
	errELFOverlap  = errors.New("damaged ELF file: its segments overlap each other")
	errELFImages   = errors.New("it is mapped more often than a program loads a file: the rest of these places is not explained")
	errELFSpans    = errors.New("the files of this process have too many sections: no more are read")
	errELFTooGreat = errors.New("larger than a linker makes it")
)

// tooGreat says that a file has n of what, more than most.
func tooGreat(what string, n, most uint64) error {
	return fmt.Errorf("%d %s, %d at most are read: %w", n, what, most, errELFTooGreat)
}

// open reads file's header, the tables of its segments and of its sections, and the
// sections' names.
func (r *elfReader) open(file io.ReaderAt) (*elf.File, error) {
	var ident [elf.EI_NIDENT]byte
	if n, err := file.ReadAt(ident[:], 0); n < len(ident) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if string(ident[:len(elf.ELFMAG)]) != elf.ELFMAG {
		return nil, errNotELF
	}
	kept := &keptFile{file: file}
	err := errELFHeader
	switch elf.Class(ident[elf.EI_CLASS]) {
	case elf.ELFCLASS32:
		err = checkTables(r, kept, elf.Data(ident[elf.EI_DATA]), func(h elf.Header32) tables {
			return tables{
				table{uint64(h.Phoff), uint64(h.Phnum), uint64(h.Phentsize)}, table{uint64(h.Shoff), uint64(h.Shnum), uint64(h.Shentsize)}, uint32(h.Shstrndx),
			}
		}, func(s elf.Section32) elf.Section64 {
			return elf.Section64{Name: s.Name, Flags: uint64(s.Flags), Off: uint64(s.Off), Size: uint64(s.Size), Link: s.Link}
		})
	case elf.ELFCLASS64:
		err = checkTables(r, kept, elf.Data(ident[elf.EI_DATA]), func(h elf.Header64) tables {
			return tables{
				table{h.Phoff, uint64(h.Phnum), uint64(h.Phentsize)}, table{h.Shoff, uint64(h.Shnum), uint64(h.Shentsize)}, uint32(h.Shstrndx),
			}
		}, func(s elf.Section64) elf.Section64 { return s })
	}
	if err != nil {
		return nil, err
	}
	f, err := elf.NewFile(kept)
	if err != nil {
		return nil, err
	}
	return f, checkLoads(f)
}

// tables is what an ELF header says of its file's tables.
type tables struct {
	segments, sections table
	names              uint32 // the number of the section that has the sections' names
}

type table struct{ offset, entries, size uint64 }

// checkTables keeps the tables of the file and the names of its sections, unless they
// are too great. Header and Section are those of the file's class.
func checkTables[Header, Section any](r *elfReader, k *keptFile, data elf.Data, tablesOf func(Header) tables, wide func(Section) elf.Section64) error {
	var order binary.ByteOrder = binary.LittleEndian
	if data == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	var header Header
	text, err := k.keep(0, uint64(binary.Size(header)))
	if err != nil {
		return err
	}
	if _, err := binary.Decode(text, order, &header); err != nil {
		return err
	}
	t := tablesOf(header)
	if t.segments.entries > r.segments {
		return tooGreat("segments", t.segments.entries, r.segments)
	}
	if _, err := k.keep(t.segments.offset, t.segments.entries*t.segments.size); err != nil {
		return err
	}
	if t.sections.offset == 0 {
		return nil
	}
	entry := uint64(binary.Size(*new(Section)))
	section := func(text []byte) (elf.Section64, error) {
		var s Section
		_, err := binary.Decode(text, order, &s)
		return wide(s), err
	}
	if t.sections.entries == 0 { // the first entry has the number, if there are very many
		text, err := k.keep(t.sections.offset, entry)
		if err != nil {
			return err
		}
		first, err := section(text)
		if err != nil {
			return err
		}
		t.sections.entries = first.Size
		if t.names == uint32(elf.SHN_XINDEX) {
			t.names = first.Link
		}
	}
	if t.sections.entries > r.sections {
		return tooGreat("sections", t.sections.entries, r.sections)
	}
	if sum := t.segments.entries + t.sections.entries; sum > r.entries {
		return tooGreat("more segments and sections", sum, r.entries)
	}
	r.entries -= t.segments.entries + t.sections.entries
	if t.sections.size != entry || uint64(t.names) >= t.sections.entries {
		return errELFHeader
	}
	text, err = k.keep(t.sections.offset, t.sections.entries*entry)
	if err != nil || t.names == 0 {
		return err
	}
	names, err := section(text[uint64(t.names)*entry:])
	if err != nil {
		return err
	}
	if elf.SectionFlag(names.Flags)&elf.SHF_COMPRESSED != 0 {
		return errELFNames
	}
	if names.Size > r.names {
		return tooGreat("bytes of sections' names", names.Size, r.names)
	}
	all, err := k.keep(names.Off, names.Size)
	if err != nil {
		return errELFNames
	}
	sum := uint64(0) // sections may share a name, but debug/elf makes a string for each
	for ; len(text) > 0; text = text[entry:] {
		name := uint64(order.Uint32(text)) // the first field of an entry
		if name >= uint64(len(all)) {
			return errELFNames
		}
		length := bytes.IndexByte(all[name:], 0)
		if length < 0 {
			return errELFNames
		}
		if sum += uint64(length); sum > r.names {
			return tooGreat("bytes of sections' names and more", sum, r.names)
		}
	}
	r.names -= sum
	return nil
}

// checkLoads refuses segments that overlap: a section would lie in each of them.
func checkLoads(f *elf.File) error {
	loads := loadsOf(f)
	for i, p := range loads {
		if p.Vaddr+p.Memsz < p.Vaddr || i > 0 && p.Vaddr < loads[i-1].Vaddr+loads[i-1].Memsz {
			return errELFOverlap
		}
	}
	return nil
}

// loadsOf are f's segments that have memory, by address.
func loadsOf(f *elf.File) (loads []elf.ProgHeader) {
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Memsz > 0 {
			loads = append(loads, p.ProgHeader)
		}
	}
	slices.SortStableFunc(loads, func(a, b elf.ProgHeader) int { return cmp.Compare(a.Vaddr, b.Vaddr) })
	return loads
}

// keptFile is a file of which some spans have been read already, and stay as they were
// then: who writes the file at the same time can't change what was looked at.
type keptFile struct {
	file io.ReaderAt
	kept []keptSpan
}

type keptSpan struct {
	offset int64
	text   []byte
}

// keep reads n bytes at offset, and keeps them.
func (k *keptFile) keep(offset, n uint64) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if int64(offset) < 0 || int64(offset+n) < int64(offset) {
		return nil, errELFHeader
	}
	text := make([]byte, n)
	if _, err := k.ReadAt(text, int64(offset)); err != nil {
		return nil, err
	}
	k.kept = append(k.kept, keptSpan{int64(offset), text})
	return text, nil
}

func (k *keptFile) ReadAt(buf []byte, offset int64) (int, error) {
	for _, s := range k.kept {
		if from := offset - s.offset; from >= 0 && from <= int64(len(s.text)) && int64(len(buf)) <= int64(len(s.text))-from {
			return copy(buf, s.text[from:]), nil
		}
	}
	return k.file.ReadAt(buf, offset)
}

// lazySection is a section, whose bytes may be compressed, that is read as far as was
// asked for.
type lazySection struct {
	from io.Reader
	left *uint64 // bytes that may still be read
	text []byte
	err  error // why it ends, before or where it should
}

// lazy is section s, of which nothing has been read. What it says of its size may be a
// lie, and does not count.
func (r *elfReader) lazy(s *elf.Section) *lazySection {
	return &lazySection{from: s.Open(), left: &r.debug}
}

// upTo is what the section has of its first n bytes.
func (l *lazySection) upTo(n uint64) []byte {
	for have := uint64(len(l.text)); have < n && l.err == nil; have = uint64(len(l.text)) {
		piece := min(n-have, pieceSize, *l.left)
		if piece == 0 {
			l.err = fmt.Errorf("more debug information than is read: %w", errELFTooGreat)
			break
		}
		l.text = slices.Grow(l.text, int(piece))
		var got int
		got, l.err = readFull(l.from, l.text[have:have+piece])
		l.text = l.text[:have+uint64(got)]
		*l.left -= uint64(got)
	}
	return l.text[:min(n, uint64(len(l.text)))]
}
