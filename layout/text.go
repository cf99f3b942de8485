package layout

import (
	"bytes"
	"errors"

	"memprobe/layout/addr"
)

// ErrNoLines says that a text holds no mapping at all.
var ErrNoLines = errors.New("no mappings in it: a maps or smaps text has one line or more")

// DescribeText says what lies where by the text of a maps or an smaps file alone, of
// this machine or another. What the files themselves would tell, sections and
// threads, stays unexplained. The error is a *ParseError, as with ParseMaps, or
// ErrNoLines; one that is ErrTorn is not returned: the space is marked as changed then.
func DescribeText(text []byte) (*Space, error) {
	s := &Space{Text: true}
	var err error
	if cut := withoutReturns(text); len(cut) < len(text) {
		text = cut
		s.Notes = append(s.Notes, "each line ends in a carriage return, as some editors write it: it is cut off")
	}
	if isSmaps(text) {
		s.Mappings, s.Figures, err = ParseSmaps(text)
	} else {
		s.Mappings, err = ParseMaps(text)
	}
	if err != nil && !errors.Is(err, ErrTorn) {
		return nil, err
	}
	if len(s.Mappings) == 0 {
		return nil, ErrNoLines
	}
	if s.Changed = err != nil; s.Changed {
		s.Notes = append(s.Notes, "a line contradicts the one before it and is left out: "+err.Error())
	}
	s.Notes = append(s.Notes, "code, static data and threads' stacks can't be told apart: the files that are mapped were not there to look at; a list that maps --format json writes has them")
	s.PageSize = s.pageSize()
	s.UserBits = bitsOf(s.Mappings, textSizes)
	s.Parts = Classify(s.Mappings, Knowledge{})
	s.measure()
	return s, nil
}

// withoutReturns is text without the carriage returns at its lines' ends, if each has
// one.
func withoutReturns(text []byte) []byte {
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(bytes.TrimSuffix(line, newline), []byte("\r")) {
			return text
		}
	}
	return bytes.TrimSuffix(bytes.ReplaceAll(text, []byte("\r\n"), newline), []byte("\r"))
}

// CheckFirstLine says what is wrong with the first line of a text of which more may
// follow.
func CheckFirstLine(text []byte) error {
	line, _, _ := bytes.Cut(text, newline)
	return new(mapsReader).read(bytes.TrimSuffix(line, []byte("\r")))
}

// textSizes are the sizes that user space has with some kernel or other: in a text
// alone, the stack, which lies close below its end, says which.
var textSizes = []int{32, 39, 42, 47, 48, 52, 56}

// measure adds up what lies in user space and finds the gaps.
func (s *Space) measure() {
	for _, m := range s.Mappings {
		if s.User().Covers(m.Range) {
			s.Reserved += m.Size()
		}
	}
	if s.Figures != nil && !s.ResidentKnown {
		s.Resident, s.ResidentKnown = s.Sum().RSS, true
	}
	s.Gaps = s.gaps()
}

// pageSize is what the addresses allow for: the largest of the sizes that kernels
// have of which each mapping's ends are multiples, or what the figures say.
func (s *Space) pageSize() addr.Bytes {
	var ends addr.Addr
	smallest := addr.Bytes(0)
	for i, m := range s.Mappings {
		ends |= m.Lo | m.Hi
		if i < len(s.Figures) && s.Figures[i].PageSize > 0 && (smallest == 0 || s.Figures[i].PageSize < smallest) {
			smallest = s.Figures[i].PageSize
		}
	}
	if smallest > 0 && smallest&(smallest-1) == 0 {
		return smallest
	}
	for _, size := range []addr.Bytes{64 << 10, 16 << 10} {
		if ends.Aligned(size) && len(s.Mappings) > 8 {
			return size
		}
	}
	return 4 << 10
}
