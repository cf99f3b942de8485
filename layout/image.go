package layout

import (
	"cmp"
	"debug/elf"
	"slices"
	"strconv"
	"unicode/utf8"

	"memprobe/layout/addr"
)

// Image is an ELF file as a loader laid it out: the program, a library, the loader.
type Image struct {
	Path    string
	Dev     Dev
	Inode   uint64
	Library bool      // not the program itself
	Bias    addr.Addr // what an address of this process is above the file's own
	Spans   []Span    // by address
	Sort    ImageSort
}

// ImageSort is what a file says of its own use.
type ImageSort uint8

const (
	MayBeEither ImageSort = iota // a library, a program linked long ago, a loader
	Interpreted                  // a loader loads it: a program, or a library that can run too
	Program                      // marked as one
)

const mostDynamic = 64 << 10 // bytes of a dynamic section; programs have some hundred

// imageSort goes by the type of f and its dynamic section.
func imageSort(f *elf.File) ImageSort {
	var flags []uint64
	if s := f.SectionByType(elf.SHT_DYNAMIC); s != nil && s.Size <= mostDynamic && s.FileSize <= mostDynamic {
		flags, _ = f.DynValue(elf.DT_FLAGS_1)
	}
	switch {
	case f.Type == elf.ET_EXEC || len(flags) > 0 && elf.DynFlag1(flags[0])&elf.DF_1_PIE != 0:
		return Program
	case slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }):
		return Interpreted
	}
	return MayBeEither
}

// Span is a piece of an image.
type Span struct {
	Section // no name: bytes of no section, between others or up to a whole page
	Kind    Kind
	Zeroed  bool // not in the file: the loader sets it to zero
}

// fileID tells files apart.
type fileID struct {
	dev   Dev
	inode uint64
	name  string
}

func (m Mapping) file() fileID { return fileID{m.Dev, m.Inode, m.Name} }

func (f fileID) matches(m Mapping) bool { return f == m.file() && m.hasFile() }

// images finds where f was loaded, and lays its sections out there. own are the
// mappings of f's file, by address. A file that is mapped but not loaded, as a
// linker maps its input, gives no image. With an error come the images before it.
func (r *elfReader) images(own []Mapping, f *elf.File, page addr.Bytes) ([]Image, error) {
	var loads []elf.ProgHeader // those with bytes in the file
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Filesz > 0 {
			loads = append(loads, p.ProgHeader)
		}
	}
	if len(loads) == 0 {
		return nil, nil
	}
	var images []Image
	tried, sort := map[addr.Addr]bool{}, imageSort(f)
	for _, m := range own {
		bias := m.Lo - addr.Addr(loads[0].Vaddr-loads[0].Off+uint64(m.Offset)) // should m hold the first segment
		if tried[bias] {
			continue
		}
		tried[bias] = true
		if f.Type != elf.ET_DYN && (f.Type != elf.ET_EXEC || bias != 0) || !loadedAt(own, loads, bias, page) {
			continue
		}
		if len(images) == r.places {
			return images, errELFImages
		}
		laid := spans(f, bias, page)
		if len(laid) > r.spans {
			return images, errELFSpans
		}
		r.spans -= len(laid)
		images = append(images, Image{Path: m.Name, Dev: m.Dev, Inode: m.Inode, Bias: bias, Spans: laid, Sort: sort})
	}
	return images, nil
}

// loadedAt reports whether each of a file's segments is mapped at bias as its
// program header asks, and what is code may be executed.
func loadedAt(own []Mapping, loads []elf.ProgHeader, bias addr.Addr, page addr.Bytes) bool {
	for _, load := range loads {
		first := (addr.Addr(load.Vaddr) + bias).AlignDown(page)
		offset := addr.Bytes(load.Off) &^ (page - 1)
		i, ok := find(own, first)
		if !ok || own[i].Offset+first.Sub(own[i].Lo) != offset || load.Flags&elf.PF_X != 0 && own[i].Perms&Executable == 0 {
			return false
		}
	}
	return true
}

// spans lays f's sections out at bias, and what lies between them: the headers, and
// the padding up to whole pages.
func spans(f *elf.File, bias addr.Addr, page addr.Bytes) []Span {
	special := map[elf.ProgType]addr.Range{}
	for _, p := range f.Progs {
		special[p.Type] = addr.Span(addr.Addr(p.Vaddr), addr.Bytes(p.Memsz))
	}
	relro, interp, phdr := special[elf.PT_GNU_RELRO], special[elf.PT_INTERP], special[elf.PT_PHDR]
	relro.Hi = relro.Hi.AlignDown(page) // loaders make whole pages read-only, and leave the last bytes as they are
	var sections, out []Span
	for _, s := range f.Sections {
		if s.Flags&elf.SHF_ALLOC == 0 || s.Size == 0 || s.Type == elf.SHT_NOBITS && s.Flags&elf.SHF_TLS != 0 {
			continue // .tbss has an address, but each thread's copy lies elsewhere
		}
		at := addr.Span(addr.Addr(s.Addr), addr.Bytes(s.Size))
		kind := sectionKind(s)
		piece := func(r addr.Range, kind Kind) {
			sections = append(sections, Span{Section{r, printable(s.Name)}, kind, s.Type == elf.SHT_NOBITS})
		}
		switch {
		case (kind == KindData || kind == KindBSS) && relro.Contains(at.Lo):
			end := min(at.Hi, relro.Hi) // .got.plt may reach beyond it
			piece(addr.Range{Lo: at.Lo, Hi: end}, KindRelRO)
			if end == at.Hi {
				continue
			}
			at.Lo = end
		case at == interp: // the loader's path
			kind = KindELF
		}
		piece(at, kind)
	}
	if phdr.Size() > 0 {
		sections = append(sections, Span{Section{phdr, "program headers"}, KindELF, false})
	}
	slices.SortStableFunc(sections, func(a, b Span) int { return cmp.Compare(a.Lo, b.Lo) })
	for _, p := range loadsOf(f) {
		load := addr.Span(addr.Addr(p.Vaddr), addr.Bytes(p.Memsz))
		var inside []Span
		if p.Off == 0 && p.Filesz > 0 {
			inside = []Span{{Section{addr.Span(load.Lo, headerSize(f)), "ELF header"}, KindELF, false}}
		}
		for len(sections) > 0 && sections[0].Lo < load.Hi {
			if load.Covers(sections[0].Range) {
				inside = append(inside, sections[0])
			}
			sections = sections[1:]
		}
		if len(f.Sections) == 0 {
			inside = append(inside, segmentSpans(p, inside, relro)...)
		}
		whole := addr.Range{Lo: load.Lo.AlignDown(page), Hi: addr.Addr(addr.Bytes(load.Hi).AlignUp(page))}
		fileEnd := whole.Hi // what follows in the file fills the last page
		if p.Memsz > p.Filesz {
			fileEnd = load.Lo + addr.Addr(p.Filesz)
		}
		out = append(out, padded(inside, whole, fileEnd)...)
	}
	for i := range out {
		out[i].Lo += bias
		out[i].Hi += bias
	}
	return out
}

// segmentSpans tell apart by p alone, in a file without a section table, what there is
// behind the headers that lie in p.
func segmentSpans(p elf.ProgHeader, headers []Span, relro addr.Range) (out []Span) {
	load := addr.Span(addr.Addr(p.Vaddr), addr.Bytes(p.Memsz))
	start, fileEnd := load.Lo, load.Lo+addr.Addr(p.Filesz)
	for _, h := range headers {
		start = max(start, h.Hi)
	}
	kind, name := segmentKind(p), "segment "+permsOf(p.Flags).String()[:3]
	cuts := []addr.Addr{start, fileEnd, relro.Lo, relro.Hi, load.Hi}
	slices.Sort(cuts)
	for i, hi := range cuts[1:] {
		piece := Span{Section{addr.Range{Lo: cuts[i], Hi: hi}, name}, kind, cuts[i] >= fileEnd}
		switch {
		case piece.Lo < start || piece.Lo == hi || load.Hi < hi:
			continue
		case kind == KindData && relro.Contains(piece.Lo):
			piece.Kind = KindRelRO
		case piece.Zeroed:
			piece.Kind = KindBSS
		}
		out = append(out, piece)
	}
	return out
}

// segmentKind is the kind of p's bytes in the file. One that may only be read has
// tables for the loader where the file begins in it, else constants.
func segmentKind(p elf.ProgHeader) Kind {
	switch {
	case p.Flags&elf.PF_X != 0:
		return KindText
	case p.Flags&elf.PF_W != 0:
		return KindData
	case p.Off == 0 || p.Flags&elf.PF_R == 0:
		return KindELF
	}
	return KindROData
}

// permsOf are the permissions that a loader gives a segment.
func permsOf(flags elf.ProgFlag) (p Perms) {
	for flag, perm := range map[elf.ProgFlag]Perms{elf.PF_R: Readable, elf.PF_W: Writable, elf.PF_X: Executable} {
		if flags&flag != 0 {
			p |= perm
		}
	}
	return p
}

// padded fills what the spans leave of whole. Bytes between two spans of one kind
// count with them; fileEnd is where the file's bytes end and zeroed ones begin.
func padded(inside []Span, whole addr.Range, fileEnd addr.Addr) []Span {
	slices.SortStableFunc(inside, func(a, b Span) int { return cmp.Compare(a.Lo, b.Lo) })
	out := make([]Span, 0, len(inside)+2)
	fill := func(from, to addr.Addr, kind Kind) {
		for _, piece := range []addr.Range{{Lo: from, Hi: min(to, fileEnd)}, {Lo: max(from, fileEnd), Hi: to}} {
			if piece.Lo < piece.Hi {
				out = append(out, Span{Section{piece, ""}, kind, piece.Lo >= fileEnd})
			}
		}
	}
	end, before := whole.Lo, KindELF
	for _, s := range inside {
		kind := KindELF
		if s.Kind == before {
			kind = before
		}
		fill(end, s.Lo, kind)
		out = append(out, s)
		end, before = s.Hi, s.Kind
	}
	fill(end, whole.Hi, KindELF)
	return out
}

// headerSize is the size of the header that opens f.
func headerSize(f *elf.File) addr.Bytes {
	if f.Class == elf.ELFCLASS32 {
		return 52
	}
	return 64
}

// sectionKind goes by what the section table says of s, not by its name.
func sectionKind(s *elf.Section) Kind {
	switch {
	case s.Flags&elf.SHF_EXECINSTR != 0:
		return KindText
	case s.Type == elf.SHT_NOBITS:
		return KindBSS
	case s.Flags&elf.SHF_WRITE != 0:
		return KindData
	case s.Type == elf.SHT_PROGBITS:
		return KindROData
	}
	return KindELF // symbols, relocations, hashes, notes
}

// printable is a section's name with what is not UTF-8 escaped.
func printable(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	quoted := strconv.Quote(name)
	return quoted[1 : len(quoted)-1]
}

// imageClaims turns images into claims on the mappings of their files and, for what
// is zeroed, on the anonymous memory behind them.
func imageClaims(images []Image) []claim {
	var claims []claim
	for _, img := range images {
		for _, s := range img.Spans {
			c := claim{
				Part: Part{Range: s.Range, Kind: s.Kind, Label: s.Name, Object: img.Path, Library: img.Library, Zeroed: s.Zeroed},
				file: fileID{img.Dev, img.Inode, img.Path},
			}
			if s.Name == "" {
				c.Label = "no section"
			} else {
				c.Sections = []Section{s.Section}
			}
			claims = append(claims, c)
		}
	}
	return claims
}
