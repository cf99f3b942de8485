package replay

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"memprobe/layout/addr"
)

// header are the lines that a trace begins with, a number each.
var header = [...]string{"suggested heap", "number of ids", "number of operations", "weight"}

// Read reads a trace in the text form of the malloc lab of Bryant and O'Hallaron's
// "Computer Systems" (.rep), as it is or compressed by gzip:
//
//	20000      the suggested size of the heap, which nobody has to heed
//	2          how many ids: each is below that
//	4          how many operations follow
//	1          a weight, which is of no use here
//	a 0 512    allocates 512 bytes; the block is known as 0 from now on
//	a 1 128
//	r 0 640    resizes block 0
//	f 1        frees block 1, whose id may be given to another one
//
// Blank lines, blanks at a line's ends and CRLF are all the same. An id may be
// given to another block once its own is freed. Resizing an id that there never was
// allocates, since the lab's driver hands a null pointer to realloc there; resizing
// to 0 bytes does not free, but leaves a block of none. What that driver takes for
// granted is checked: a block that is freed twice, or resized when freed, and a
// header whose numbers are not those of the trace, are refused. So is "f -1", which
// some versions of the driver take for free(NULL).
//
// An error names the line. Memory is taken for what was read, not for what the
// header claims.
func Read(name string, r io.Reader) (*Trace, error) {
	p := &parser{b: builder{trace: Trace{Name: name}}}
	if err := p.read(r); err != nil {
		return nil, fmt.Errorf("trace %s: %w", name, err)
	}
	return &p.b.trace, nil
}

// parser is a trace being read.
type parser struct {
	in     *bufio.Reader
	b      builder
	line   int // the number of the current line
	fields int // of the header that were read
	ops    int // how many the header promises
}

// longest is how long a line may be, in bytes.
const longest = 4096

func (p *parser) read(r io.Reader) error {
	p.in = bufio.NewReaderSize(r, longest)
	if magic, _ := p.in.Peek(2); string(magic) == "\x1f\x8b" {
		z, err := gzip.NewReader(p.in)
		if err != nil {
			return fmt.Errorf("line 1: %w", readError(err))
		}
		p.in = bufio.NewReaderSize(z, longest)
	}
	for {
		text, err := p.in.ReadSlice('\n')
		if err != nil && err != io.EOF {
			return fmt.Errorf("line %d: %w", p.line+1, readError(err))
		}
		if len(text) > 0 {
			p.line++
			if err := p.parse(bytes.TrimSpace(text)); err != nil {
				return fmt.Errorf("line %d %s: %w", p.line, quoted(text), err)
			}
		}
		if err == io.EOF {
			return p.end()
		}
	}
}

// readError says what cuts a trace off.
func readError(err error) error {
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return fmt.Errorf("more than %d bytes in a line", longest)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("the gzip file is cut off here")
	case errors.Is(err, gzip.ErrHeader):
		return errors.New("what follows the gzip file here is none of it")
	case errors.As(err, new(flate.CorruptInputError)):
		return errors.New("the gzip file is damaged here")
	case errors.Is(err, gzip.ErrChecksum):
		return errors.New("the gzip file is damaged: its checksum is not that of its content")
	}
	return err
}

// quoted is a line for a message, or as much of it as one wants to see there.
func quoted(text []byte) string {
	const enough = 40
	text = bytes.TrimSpace(text)
	if len(text) > enough {
		return strconv.Quote(string(text[:enough])) + "..."
	}
	return strconv.Quote(string(text))
}

// end says what is missing at the end.
func (p *parser) end() error {
	switch n := len(p.b.trace.Ops); {
	case p.fields < len(header):
		return fmt.Errorf("line %d: the trace ends where the %s should be", p.line+1, header[p.fields])
	case n < p.ops:
		return fmt.Errorf("line %d: the trace ends after %d of the %d operations that its header promises", p.line+1, n, p.ops)
	}
	return nil
}

// parse reads a line without blanks at its ends.
func (p *parser) parse(text []byte) error {
	switch {
	case len(text) == 0:
		return nil
	case p.fields < len(header):
		return p.parseHeader(text)
	case len(p.b.trace.Ops) == p.ops:
		return fmt.Errorf("the header promises %d operations, and here is more", p.ops)
	}
	return p.parseOp(text)
}

// parseHeader reads the next line of the header.
func (p *parser) parseHeader(text []byte) error {
	n, err := number(text)
	if err != nil {
		return fmt.Errorf("bad header: the %s is %w", header[p.fields], err)
	}
	p.fields++
	switch t := &p.b.trace; p.fields {
	case 1:
		t.Heap = addr.Bytes(n)
	case 2:
		if n > MaxOps {
			return fmt.Errorf("bad header: the limit is %d ids", MaxOps)
		}
		t.IDs = int(n)
	case 3:
		if n > MaxOps {
			return fmt.Errorf("bad header: the limit is %d operations", MaxOps)
		}
		if p.ops = int(n); p.ops < t.IDs {
			return fmt.Errorf("bad header: %d operations can't use %d ids", p.ops, t.IDs)
		}
	}
	return nil
}

var kinds = map[byte]Kind{'a': Alloc, 'r': Resize, 'f': Free}

// parseOp reads an operation.
func (p *parser) parseOp(text []byte) error {
	kind, known := kinds[text[0]]
	word, rest := cut(text)
	if !known || len(word) != 1 {
		return errors.New(`no operation begins so: it is "a ID SIZE", "r ID SIZE" or "f ID"`)
	}
	word, rest = cut(rest)
	id, err := number(word)
	if err != nil {
		return fmt.Errorf("the id is %w", err)
	}
	if id >= uint64(p.b.trace.IDs) {
		return fmt.Errorf("%w: the header promises %d, from 0 on", ErrUnknownID, p.b.trace.IDs)
	}
	size := uint64(0)
	if kind != Free {
		word, rest = cut(rest)
		if size, err = number(word); err != nil {
			return fmt.Errorf("the size is %w", err)
		}
	}
	if len(rest) != 0 {
		return errors.New("there is more in the line than the operation")
	}
	return p.b.add(Op{kind, uint32(id), addr.Bytes(size)})
}

// cut is the first word of text, and what follows it.
func cut(text []byte) (word, rest []byte) {
	i := 0
	for i < len(text) && text[i] != ' ' && text[i] != '\t' {
		i++
	}
	return text[:i], bytes.TrimLeft(text[i:], " \t")
}

// number reads a whole number. One of more than 64 bits is as large as 64 bits
// can be: whoever asks has a limit below that.
func number(word []byte) (uint64, error) {
	if len(word) == 0 {
		return 0, errors.New("missing")
	}
	n := uint64(0)
	for _, c := range word {
		if c < '0' || c > '9' {
			return 0, errors.New("not a whole number, 0 or more")
		}
		if n > (1<<64-1-9)/10 {
			n = (1<<64 - 1 - 9) / 10 // stays there
		}
		n = 10*n + uint64(c-'0')
	}
	return n, nil
}

// ParseOps reads operations from a list such as "+10,+20,-0,1=32": +SIZE allocates
// that many bytes, and the blocks' ids count up from 0 in this order; -ID frees;
// ID=SIZE resizes. Blanks around the commas don't matter. An error names the
// operation, counted from 0.
func ParseOps(list string) (*Trace, error) {
	b := builder{trace: Trace{Name: "the list"}}
	for i, item := range strings.Split(list, ",") {
		item = strings.TrimSpace(item)
		if len(b.trace.Ops) == MaxOps {
			return nil, fmt.Errorf("operation %d: the limit is %d operations", i, MaxOps)
		}
		op, err := parseItem(item, b.trace.IDs)
		if err == nil {
			if op.Kind == Alloc {
				b.trace.IDs++
			}
			err = b.add(op)
		}
		if err != nil {
			return nil, fmt.Errorf("operation %d %s: %w", i, quoted([]byte(item)), err)
		}
	}
	return &b.trace, nil
}

// parseItem reads an operation of a list, of which ids blocks are known.
func parseItem(item string, ids int) (Op, error) {
	op := Op{Kind: Alloc, ID: uint32(ids)}
	id, size := "", ""
	switch before, after, resize := strings.Cut(item, "="); {
	case strings.HasPrefix(item, "+"):
		size = item[1:]
	case strings.HasPrefix(item, "-"):
		op.Kind, id = Free, item[1:]
	case resize:
		op.Kind, id, size = Resize, before, after
	default:
		return Op{}, errors.New(`it is +SIZE to allocate, -ID to free or ID=SIZE to resize, such as "+10,+20,-0,1=32"`)
	}
	if op.Kind != Alloc {
		n, err := number([]byte(id))
		if err != nil {
			return Op{}, fmt.Errorf("the id is %w", err)
		}
		if n >= uint64(ids) {
			return Op{}, fmt.Errorf("%w: blocks allocated so far: %d, and ids count from 0", ErrUnknownID, ids)
		}
		op.ID = uint32(n)
	}
	if op.Kind != Free {
		n, err := number([]byte(size))
		if err != nil {
			return Op{}, fmt.Errorf("the size is %w", err)
		}
		op.Size = addr.Bytes(n)
	}
	return op, nil
}
