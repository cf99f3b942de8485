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
	if err := s.feed(text); err != nil {
		return nil, nil, err
	}
	if err := s.end(); err != nil {
		return nil, nil, err
	}
	return s.maps, s.figures, s.torn
}

// IsSmaps reports whether text, which starts with a maps line, goes on with figures.
func IsSmaps(text []byte) bool {
	_, rest, _ := bytes.Cut(text, newline)
	second, _, _ := bytes.Cut(rest, newline)
	return isFigure(second)
}

// smapsReader reads smaps text that comes in pieces.
type smapsReader struct {
	maps    []Mapping
	figures []Figures
	torn    error
	skip    bool // the figures are of a mapping that is not listed, for it contradicts another
	line    int
	rest    []byte // the start of a line whose end has not come
}

// feed reads the whole lines of text and keeps what is left for the next time.
func (s *smapsReader) feed(text []byte) error {
	if len(s.rest) > 0 {
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			s.rest = append(s.rest, text...)
			return nil
		}
		line := append(s.rest, text[:end]...)
		s.rest, text = nil, text[end+1:]
		if err := s.read(line); err != nil {
			return err
		}
	}
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			s.rest = append([]byte(nil), text...)
			return nil
		}
		if err := s.read(text[:end]); err != nil {
			return err
		}
		text = text[end+1:]
	}
	return nil
}

// end reads a last line that no newline ends.
func (s *smapsReader) end() error {
	if len(s.rest) == 0 {
		return nil
	}
	line := s.rest
	s.rest = nil
	return s.read(line)
}

func (s *smapsReader) read(line []byte) error {
	s.line++
	if isFigure(line) {
		if len(s.maps) == 0 {
			return &ParseError{s.line, string(line), errNoHeader}
		}
		if s.skip {
			return nil
		}
		if !s.figures[len(s.figures)-1].read(line) {
			return &ParseError{s.line, string(line), errField}
		}
		return nil
	}
	m, err := parseMapping(line)
	if err != nil {
		return &ParseError{s.line, string(line), err}
	}
	s.skip = len(s.maps) > 0 && !follows(m.Range, s.maps[len(s.maps)-1].Range)
	if s.skip {
		if s.torn == nil {
			s.torn = &ParseError{s.line, string(line), ErrTorn}
		}
		return nil
	}
	s.maps = append(s.maps, m)
	s.figures = append(s.figures, Figures{})
	return nil
}

// isFigure tells a figure's line, which starts with a capital, from a mapping's.
func isFigure(line []byte) bool { return len(line) > 0 && 'A' <= line[0] && line[0] <= 'Z' }

// read reads a line such as "Rss:   12 kB".
func (f *Figures) read(line []byte) bool {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return false
	}
	name, value := line[:colon], line[colon+1:]
	for len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	if string(name) == "VmFlags" {
		f.Flags = string(bytes.TrimRight(value, " "))
		return true
	}
	figure := f.named(name)
	if figure == nil { // one of another kernel's
		return true
	}
	n, digits := uint64(0), 0
	for digits < len(value) && '0' <= value[digits] && value[digits] <= '9' && digits < 16 {
		n = n*10 + uint64(value[digits]-'0')
		digits++
	}
	if digits == 0 || string(value[digits:]) != " kB" {
		return false
	}
	*figure = addr.Bytes(n) << 10
	return true
}

// named is the figure with smaps's name for it, or nil.
func (f *Figures) named(name []byte) *addr.Bytes {
	switch string(name) {
	case "Rss":
		return &f.RSS
	case "Pss":
		return &f.PSS
	case "Shared_Clean":
		return &f.SharedClean
	case "Shared_Dirty":
		return &f.SharedDirty
	case "Private_Clean":
		return &f.PrivateClean
	case "Private_Dirty":
		return &f.PrivateDirty
	case "Referenced":
		return &f.Referenced
	case "Anonymous":
		return &f.Anonymous
	case "LazyFree":
		return &f.LazyFree
	case "AnonHugePages":
		return &f.AnonHuge
	case "ShmemPmdMapped":
		return &f.ShmemHuge
	case "FilePmdMapped":
		return &f.FileHuge
	case "Shared_Hugetlb":
		return &f.SharedHugetlb
	case "Private_Hugetlb":
		return &f.PrivateHugetlb
	case "Swap":
		return &f.Swap
	case "SwapPss":
		return &f.SwapPSS
	case "Locked":
		return &f.Locked
	case "KernelPageSize":
		return &f.PageSize
	}
	return nil
}
