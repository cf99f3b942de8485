package layout

import (
	"bytes"
	"errors"

	"memprobe/layout/addr"
)

var (
	errField    = errors.New("not a field such as \"Rss: 12 kB\"")
	errNoHeader = errors.New("a figure before the first mapping")
)

// ParseSmaps reads the text of an smaps file: a line of maps, then a line for each
// figure, again and again. Figures that it does not know are passed over. Errors are
// those of ParseMaps; the figures are in the order of the mappings.
func ParseSmaps(text []byte) ([]Mapping, []Figures, error) {
	var s smapsReader
	if err := feedAll(&s, text); err != nil {
		return nil, nil, err
	}
	return s.maps, s.figures, s.torn
}

// isSmaps reports whether text, which starts with a maps line, goes on with figures.
func isSmaps(text []byte) bool {
	_, rest, _ := bytes.Cut(text, newline)
	second, _, _ := bytes.Cut(rest, newline)
	return isFigure(second)
}

// smapsReader reads the lines of an smaps file.
type smapsReader struct {
	mapsReader
	figures []Figures
	order   []field // of the figures' lines, as the mapping before had them
	next    int     // index into order

	block []byte // the last figures' lines
	lines int    // of block
	of    int    // index of the mapping that block is about
	fresh bool   // the last line was a mapping
}

// field is what a figure's line starts with, and how to reach the figure.
type field struct {
	start string // such as "Rss:"
	of    func(*Figures) *addr.Bytes
}

func (s *smapsReader) read(line []byte) error {
	if !isFigure(line) {
		s.next = 0
		err := s.mapsReader.read(line)
		s.fresh = len(s.maps) > len(s.figures)
		if s.fresh {
			s.figures = append(roomy(s.figures), Figures{})
		}
		return err
	}
	s.line++
	switch {
	case len(s.maps) == 0:
		return &ParseError{s.line, string(line), errNoHeader}
	case s.skipped:
		return nil
	case !s.readFigure(line, &s.figures[len(s.figures)-1]):
		return &ParseError{s.line, string(line), errField}
	}
	if s.fresh {
		s.block, s.lines, s.of, s.fresh = s.block[:0], 0, len(s.figures)-1, false
	}
	s.block = append(append(s.block, line...), '\n')
	s.lines++
	return nil
}

// skip is for figures that are the same to the byte as those before: many mappings of a
// process are alike.
func (s *smapsReader) skip(text []byte) int {
	n := len(s.block)
	if !s.fresh || n == 0 || len(text) <= n || isFigure(text[n:]) || !bytes.HasPrefix(text, s.block) {
		return 0
	}
	s.figures[len(s.figures)-1] = s.figures[s.of]
	s.line += s.lines
	s.fresh = false
	return n
}

// isFigure tells a figure's line, which starts with a capital, from a mapping's.
func isFigure(line []byte) bool { return len(line) > 0 && 'A' <= line[0] && line[0] <= 'Z' }

const flagsStart = "VmFlags:"

// readFigure reads a line such as "Rss:   12 kB" into f. The kernel writes the same
// figures in the same order for each mapping, so what the line starts with is
// compared with what came here before.
func (s *smapsReader) readFigure(line []byte, f *Figures) bool {
	if s.next >= len(s.order) || !startsWith(line, s.order[s.next].start) {
		colon := bytes.IndexByte(line, ':')
		if colon < 0 {
			return false
		}
		start := string(line[:colon+1])
		s.order = append(s.order[:s.next], field{start, figureNamed(start)})
	}
	known := s.order[s.next]
	s.next++
	value := line[len(known.start):]
	if known.of == nil { // one of another kernel's, or the flags
		if known.start == flagsStart {
			f.Flags = s.flags(bytes.Trim(value, " "))
		}
		return true
	}
	n, ok := kilobytes(value)
	*known.of(f) = n
	return ok
}

// flags is text; where the mapping above has the same flags it shares their memory.
func (s *smapsReader) flags(text []byte) string {
	if n := len(s.figures); n > 1 && s.figures[n-2].Flags == string(text) {
		return s.figures[n-2].Flags
	}
	return string(text)
}

func startsWith(line []byte, start string) bool {
	return len(line) >= len(start) && string(line[:len(start)]) == start
}

// kilobytes reads a value such as "   12 kB".
func kilobytes(value []byte) (addr.Bytes, bool) {
	const unit, most = " kB", 16
	digits := len(value) - len(unit)
	if digits < 1 || string(value[digits:]) != unit {
		return 0, false
	}
	n, at := uint64(0), 0
	for at < digits && value[at] == ' ' {
		at++
	}
	if at == digits || digits-at > most {
		return 0, false
	}
	for _, c := range value[at:digits] {
		if c < '0' || '9' < c {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return addr.Bytes(n) << 10, true
}

// figureNames are smaps's names, each with a colon, and the figures.
var figureNames = []field{
	{"Rss:", func(f *Figures) *addr.Bytes { return &f.RSS }},
	{"Pss:", func(f *Figures) *addr.Bytes { return &f.PSS }},
	{"Shared_Clean:", func(f *Figures) *addr.Bytes { return &f.SharedClean }},
	{"Shared_Dirty:", func(f *Figures) *addr.Bytes { return &f.SharedDirty }},
	{"Private_Clean:", func(f *Figures) *addr.Bytes { return &f.PrivateClean }},
	{"Private_Dirty:", func(f *Figures) *addr.Bytes { return &f.PrivateDirty }},
	{"Referenced:", func(f *Figures) *addr.Bytes { return &f.Referenced }},
	{"Anonymous:", func(f *Figures) *addr.Bytes { return &f.Anonymous }},
	{"LazyFree:", func(f *Figures) *addr.Bytes { return &f.LazyFree }},
	{"AnonHugePages:", func(f *Figures) *addr.Bytes { return &f.AnonHuge }},
	{"ShmemPmdMapped:", func(f *Figures) *addr.Bytes { return &f.ShmemHuge }},
	{"FilePmdMapped:", func(f *Figures) *addr.Bytes { return &f.FileHuge }},
	{"Shared_Hugetlb:", func(f *Figures) *addr.Bytes { return &f.SharedHugetlb }},
	{"Private_Hugetlb:", func(f *Figures) *addr.Bytes { return &f.PrivateHugetlb }},
	{"Swap:", func(f *Figures) *addr.Bytes { return &f.Swap }},
	{"SwapPss:", func(f *Figures) *addr.Bytes { return &f.SwapPSS }},
	{"Locked:", func(f *Figures) *addr.Bytes { return &f.Locked }},
	{"KernelPageSize:", func(f *Figures) *addr.Bytes { return &f.PageSize }},
}

// figureNamed reaches the figure whose line starts so; nil is none.
func figureNamed(start string) func(*Figures) *addr.Bytes {
	for _, f := range figureNames {
		if f.start == start {
			return f.of
		}
	}
	return nil
}
