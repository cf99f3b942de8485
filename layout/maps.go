package layout

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sort"
	"strconv"
	"strings"

	"memprobe/layout/addr"
)

// Mapping is one line of a maps file: a span of addresses that the kernel treats
// alike. Name is byte for byte what the line says, whatever those bytes are.
type Mapping struct {
	addr.Range
	Perms  Perms
	Offset addr.Bytes // of the first byte, in the mapped file
	Dev    Dev
	Inode  uint64 // 0: no file behind it
	Name   string // a path, a name of the kernel's such as [stack], or nothing
}

// ErrTorn says that a list of mappings steps back or overlaps itself: it was read
// while the process changed it, and shows a state that never was.
var ErrTorn = errors.New("overlaps the mapping before it: the list changed while it was read")

// ParseError is a line that is not as the kernel writes them.
type ParseError struct {
	Line int    // counted from 1
	Text string // the line
	Err  error  // what is wrong with it
}

func (e *ParseError) Error() string {
	text := e.Text
	if cut := len(text) - longestQuote; cut > 0 {
		return fmt.Sprintf("maps line %d %q and %d bytes more: %v", e.Line, text[:longestQuote], cut, e.Err)
	}
	return fmt.Sprintf("maps line %d %q: %v", e.Line, text, e.Err)
}

func (e *ParseError) Unwrap() error { return e.Err }

const longestQuote = 120 // bytes of a bad line that an error repeats

// ParseMaps reads the text of a maps file. A malformed line ends it with a
// *ParseError. So does a line that overlaps the one before or steps back, as
// ErrTorn, but then the mappings come along, without the lines at fault.
func ParseMaps(text []byte) ([]Mapping, error) {
	r := mapsReader{maps: make([]Mapping, 0, bytes.Count(text, newline)+1)}
	if err := feedAll(&r, text); err != nil {
		return nil, err
	}
	return r.maps, r.torn
}

// mapsReader reads the lines of a maps file.
type mapsReader struct {
	maps    []Mapping
	torn    error
	line    int
	skipped bool // the last line's mapping is not listed, for it contradicts another
}

func (r *mapsReader) read(line []byte) error {
	r.line++
	var above *Mapping
	name := ""
	if len(r.maps) > 0 {
		above = &r.maps[len(r.maps)-1]
		name = above.Name
	}
	m, ok := quickMapping(line, name)
	if !ok {
		var err error
		if m, err = parseMapping(line, name); err != nil {
			return &ParseError{r.line, string(line), err}
		}
	}
	r.skipped = above != nil && !follows(m.Range, above.Range)
	if !r.skipped {
		r.maps = append(roomy(r.maps), m)
	} else if r.torn == nil {
		r.torn = &ParseError{r.line, string(line), ErrTorn}
	}
	return nil
}

// roomy is list with room for another element. It doubles, for a list that grows by
// less leaves more behind; a long one grows more at once, for room that is not used is
// not there either.
func roomy[T any](list []T) []T {
	const long, longer = 4096, 64 << 10
	switch n := len(list); {
	case n < cap(list):
		return list
	case long <= n && n < longer:
		return slices.Grow(list, longer-n)
	}
	return slices.Grow(list, max(len(list), 64))
}

// checkText is the error that ParseMaps would give, but looks at the addresses alone.
func checkText(text []byte) error {
	var last addr.Range
	for n := 1; len(text) > 0; n++ {
		var line []byte
		line, text, _ = bytes.Cut(text, newline)
		field, _, _ := bytes.Cut(line, []byte(" "))
		r, err := parseRange(field)
		if err != nil {
			return &ParseError{n, string(line), err}
		}
		if n > 1 && !follows(r, last) {
			return &ParseError{n, string(line), ErrTorn}
		}
		last = r
	}
	return nil
}

var newline = []byte("\n")

// follows reports whether r lies above q; nothing lies above an end at 2^64.
func follows(r, q addr.Range) bool { return r.Lo >= q.Hi && q.Hi != 0 }

// spanned is a Mapping or a Part.
type spanned interface {
	Contains(a addr.Addr) bool
	last() addr.Addr
}

func (m Mapping) last() addr.Addr { return m.Hi - 1 }
func (p Part) last() addr.Addr    { return p.Hi - 1 }

// find is the index of the element of list, which is by address, that contains a,
// else of the first above a.
func find[T spanned](list []T, a addr.Addr) (i int, ok bool) {
	i = sort.Search(len(list), func(i int) bool { return a <= list[i].last() })
	return i, i < len(list) && list[i].Contains(a)
}

var (
	errFields = errors.New("not five fields and a name")
	errHex    = errors.New("not a number of 1 to 16 lower-case hexadecimal digits")
	errEmpty  = errors.New("the start is not below the end")
	errPerms  = errors.New("not permissions such as r-xp")
	errDev    = errors.New("not a device such as fe:01")
	errInode  = errors.New("not a decimal inode")
)

// parseMapping cuts five fields off line; the rest, spaces and all, is the name. A
// name that is the same as the one above shares its memory.
func parseMapping(line []byte, above string) (m Mapping, err error) {
	var fields [5][]byte // range, permissions, offset, device, inode
	for i := range fields {
		end := bytes.IndexByte(line, ' ')
		if end < 0 && i < len(fields)-1 {
			return m, errFields
		}
		if end < 0 {
			fields[i], line = line, nil
			break
		}
		fields[i], line = line[:end], line[end+1:]
	}
	for len(line) > 0 && line[0] == ' ' { // the kernel pads; no name of its own starts with a blank
		line = line[1:]
	}
	if m.Name = above; string(line) != above {
		m.Name = string(line)
	}
	if m.Range, err = parseRange(fields[0]); err != nil {
		return m, fmt.Errorf("addresses: %w", err)
	}
	if err = m.Perms.UnmarshalText(fields[1]); err != nil {
		return m, err
	}
	offset, ok := parseHex(fields[2], 16)
	if !ok {
		return m, fmt.Errorf("offset: %w", errHex)
	}
	m.Offset = addr.Bytes(offset)
	if err = m.Dev.UnmarshalText(fields[3]); err != nil {
		return m, err
	}
	m.Inode, err = strconv.ParseUint(string(fields[4]), 10, 64)
	if err != nil {
		return m, errInode
	}
	return m, nil
}

// quickMapping is parseMapping in one pass, for lines as the kernel writes most; ok is
// false for any other, right or wrong.
func quickMapping(line []byte, above string) (m Mapping, ok bool) {
	lo, line, okLo := quickHex(line, 16, '-')
	hi, line, okHi := quickHex(line, 16, ' ')
	if !okLo || !okHi || lo >= hi || len(line) < 5 || line[4] != ' ' || m.Perms.UnmarshalText(line[:4]) != nil {
		return m, false
	}
	offset, line, okOffset := quickHex(line[5:], 16, ' ')
	major, line, okMajor := quickHex(line, 8, ':')
	minor, line, okMinor := quickHex(line, 8, ' ')
	if !okOffset || !okMajor || !okMinor {
		return m, false
	}
	digits := 0
	for digits < len(line) && digits < 19 && '0' <= line[digits] && line[digits] <= '9' {
		m.Inode = m.Inode*10 + uint64(line[digits]-'0')
		digits++
	}
	if digits == 0 || digits == len(line) || line[digits] != ' ' {
		return m, false
	}
	for line = line[digits:]; len(line) > 0 && line[0] == ' '; {
		line = line[1:]
	}
	if m.Name = above; string(line) != above {
		m.Name = string(line)
	}
	m.Range = addr.Range{Lo: addr.Addr(lo), Hi: addr.Addr(hi)}
	m.Offset, m.Dev = addr.Bytes(offset), Dev{uint32(major), uint32(minor)}
	return m, true
}

// quickHex reads 1 to most digits and the byte behind them.
func quickHex(text []byte, most int, end byte) (n uint64, rest []byte, ok bool) {
	for i, c := range text {
		switch {
		case '0' <= c && c <= '9':
			n = n<<4 | uint64(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | uint64(c-'a'+10)
		default:
			return n, text[i+1:], c == end && 0 < i && i <= most
		}
	}
	return 0, nil, false
}

// parseRange reads START-END; an END of 0 is 2^64.
func parseRange(field []byte) (addr.Range, error) {
	start, end, _ := bytes.Cut(field, []byte("-"))
	lo, okLo := parseHex(start, 16)
	hi, okHi := parseHex(end, 16)
	switch {
	case !okLo || !okHi:
		return addr.Range{}, errHex
	case lo > hi-1 || lo == hi: // hi-1 is the last address, so that 0 stands for 2^64
		return addr.Range{}, errEmpty
	}
	return addr.Range{Lo: addr.Addr(lo), Hi: addr.Addr(hi)}, nil
}

// parseHex reads 1 to most digits; unlike strconv it takes neither signs nor capitals.
func parseHex(digits []byte, most int) (n uint64, ok bool) {
	for _, c := range digits {
		switch {
		case '0' <= c && c <= '9':
			n = n<<4 | uint64(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, 0 < len(digits) && len(digits) <= most
}

const nameColumn = 73 // where the kernel starts the name, unless the fields are longer

// String is the kernel's line for m, without the newline.
func (m Mapping) String() string { return string(m.Append(nil)) }

// Append appends the kernel's line for m, without the newline. A newline in the
// name becomes \012, as the kernel writes it.
func (m Mapping) Append(line []byte) []byte {
	start := len(line)
	line = append(appendHex(line, uint64(m.Lo), 8), '-')
	line = append(appendHex(line, uint64(m.Hi), 8), ' ')
	line = append(line, m.Perms.String()...)
	line = append(appendHex(append(line, ' '), uint64(m.Offset), 8), ' ')
	line = append(appendHex(line, uint64(m.Dev.Major), 2), ':')
	line = append(appendHex(line, uint64(m.Dev.Minor), 2), ' ')
	line = append(strconv.AppendUint(line, m.Inode, 10), ' ')
	if m.Name == "" {
		return line
	}
	line = append(line, ' ')
	for len(line)-start < nameColumn {
		line = append(line, ' ')
	}
	if strings.IndexByte(m.Name, '\n') < 0 {
		return append(line, m.Name...)
	}
	return append(line, strings.ReplaceAll(m.Name, "\n", `\012`)...)
}

// appendHex appends n in hexadecimal, with zeros in front up to width digits.
func appendHex(line []byte, n uint64, width int) []byte {
	for digits := max(width, (bits.Len64(n)+3)/4); digits > 0; digits-- {
		line = append(line, "0123456789abcdef"[n>>(4*(digits-1))&0xf])
	}
	return line
}

// Perms is what a process may do with a mapping, and whether others see it.
type Perms uint8

const (
	Readable Perms = 1 << iota
	Writable
	Executable
	Shared // else private: a write copies the page first
)

// permLetters holds the letter of each bit, set and clear, in the order of a maps line.
var permLetters = [4][2]byte{{'r', '-'}, {'w', '-'}, {'x', '-'}, {'s', 'p'}}

// String is p as a maps line writes it, such as r-xp.
func (p Perms) String() string { return permTexts[4*(p&0xf):][:4] }

// permTexts are the texts of all permissions, by their bits.
const permTexts = "---pr--p-w-prw-p--xpr-xp-wxprwxp" +
	"---sr--s-w-srw-s--xsr-xs-wxsrwxs"

// MarshalText writes p as String does.
func (p Perms) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *Perms) UnmarshalText(text []byte) error {
	if len(text) != len(permLetters) {
		return errPerms
	}
	*p = 0
	for i, letters := range permLetters {
		switch text[i] {
		case letters[0]:
			*p |= 1 << i
		case letters[1]:
		default:
			return errPerms
		}
	}
	return nil
}

// Dev is the device that holds a mapped file.
type Dev struct{ Major, Minor uint32 }

// String is d as a maps line writes it, such as fe:01.
func (d Dev) String() string { return fmt.Sprintf("%02x:%02x", d.Major, d.Minor) }

// MarshalText writes d as String does.
func (d Dev) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Dev) UnmarshalText(text []byte) error {
	major, minor, _ := bytes.Cut(text, []byte(":"))
	hi, okHi := parseHex(major, 8)
	lo, okLo := parseHex(minor, 8)
	if !okHi || !okLo {
		return errDev
	}
	*d = Dev{uint32(hi), uint32(lo)}
	return nil
}
