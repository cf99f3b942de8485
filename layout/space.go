package layout

import (
	"bytes"
	"encoding/json"
	"io"

	"memprobe/layout/addr"
)

// Space is the address space of one process.
type Space struct {
	PID      int
	Comm     string // the process's name, byte for byte
	Exe      string // the path of its program, byte for byte; empty where the kernel won't say
	Arch     string // as Go names it; empty where the program can't be read
	PageSize addr.Bytes
	UserBits int // user space is what lies below 2^UserBits

	Reserved      addr.Bytes // sum of the mappings' sizes
	Resident      addr.Bytes // of these, bytes in memory now, as the kernel counts them
	ResidentKnown bool

	Changed bool     // the list changed each time it was read: it may never have been so at once
	Notes   []string // what could not be looked at, and so stays unexplained
	Text    bool     // made of a maps or smaps text alone: no file, no process could be asked
	Started uint64   // when the process started, in ticks since the machine did; 0 where not known

	Mappings []Mapping // by address
	Figures  []Figures // of each mapping, in their order; nil where they were not asked for
	Parts    []Part    // by address; they tile the mappings
	Gaps     []Gap     // by address; between the mappings, in user space
	Threads  int       // how many threads the process has; 0 where not known
	Stacks   []Stack   // of the threads whose stack is known, by address

	Args, Env addr.Range // the text of the program's arguments and environment, as the kernel tells; empty where it does not

	hasGo   bool       // a Go program is mapped
	unknown []Stack    // of the threads whose stack is not known: their numbers, names and stack pointers
	vars    addr.Bytes // how far below a thread's record the program's variables of the thread begin; 0 where not known
	whole   *Space     // what this one was chosen from; nil: it is whole
}

// Chosen is s without mappings, parts, gaps and figures, to be given those that
// somebody chose of it. What is told about all of s stays.
func (s *Space) Chosen() *Space {
	chosen := *s
	chosen.whole, chosen.Mappings, chosen.Parts, chosen.Gaps, chosen.Figures = s, nil, nil, nil, nil
	return &chosen
}

// Whole is the space that s was chosen from, or s itself where that is all.
func (s *Space) Whole() *Space {
	if s.whole != nil {
		return s.whole
	}
	return s
}

// Gap is a span of addresses without a mapping.
type Gap struct {
	addr.Range
	Segment Segment // free space where it lies between a heap and a stack, else not drawn
}

// User is the range of addresses that a process can have.
func (s *Space) User() addr.Range { return addr.Range{Lo: 0, Hi: 1 << s.UserBits} }

// WordSize is how many bytes a pointer of the process has.
func (s *Space) WordSize() addr.Bytes {
	if s.UserBits <= 32 {
		return 4
	}
	return 8
}

// Word reads a pointer of the process from that many bytes of its memory. The machines
// that memprobe runs on have the lowest byte first.
func Word(b []byte) addr.Addr {
	var a addr.Addr
	for i, digit := range b {
		a |= addr.Addr(digit) << (8 * i)
	}
	return a
}

// gaps finds what no mapping covers. Free space in the textbook's sense lies above
// some part of a heap and below some part of a stack.
func (s *Space) gaps() []Gap {
	var lowestHeap, highestStack addr.Addr
	var kind Kind // of the part before: often of the next as well
	var segment Segment
	for i := range s.Parts {
		p := &s.Parts[i]
		if p.Kind != kind {
			kind, segment = p.Kind, p.Segment()
		}
		switch {
		case segment == SegmentHeap && lowestHeap == 0:
			lowestHeap = p.Lo
		case segment == SegmentStack:
			highestStack = p.Lo
		}
	}
	var gaps []Gap
	between := func(r addr.Range) {
		if r.Lo >= r.Hi {
			return
		}
		g := Gap{r, SegmentNotDrawn}
		if lowestHeap != 0 && lowestHeap < r.Lo && r.Hi <= highestStack {
			g.Segment = SegmentFree
		}
		gaps = append(gaps, g)
	}
	user, end := s.User(), addr.Addr(0)
	for _, m := range s.Mappings {
		if !user.Contains(m.Lo) {
			break
		}
		between(addr.Range{Lo: end, Hi: m.Lo})
		end = m.Hi
	}
	if end != 0 || len(s.Mappings) == 0 {
		between(addr.Range{Lo: end, Hi: user.Hi})
	}
	return gaps
}

// userBits is how many bits the addresses of user space have: on amd64 47, or 56
// where the processor's page tables have five levels. On arm64 the kernel's
// configuration decides, and the mappings tell, for the highest lie just below the end.
func userBits(arch string, maps []Mapping, fiveLevels bool) int {
	sizes, known := userSizes[arch]
	if !known {
		sizes = userSizes[""]
	}
	if arch == "amd64" && fiveLevels {
		sizes = sizes[1:]
	}
	return bitsOf(maps, sizes)
}

// bitsOf is the smallest of sizes, in bits, that holds all mappings but the kernel's own.
func bitsOf(maps []Mapping, sizes []int) int {
	bits := sizes[0]
	for _, m := range maps {
		for _, size := range sizes {
			if m.Hi-1 < 1<<size {
				bits = max(bits, size)
				break
			}
		}
	}
	return bits
}

// userSizes are the sizes that user space can have, in bits; "" is any other machine.
var userSizes = map[string][]int{
	"amd64": {47, 56},
	"arm64": {39, 42, 47, 48, 52},
	"386":   {32},
	"arm":   {32},
	"":      {47, 56, 63},
}

type spaceJSON struct {
	Schema   int         `json:"schema"`
	PID      int         `json:"pid"`
	Comm     string      `json:"comm"`
	CommHex  string      `json:"comm_hex,omitempty"`
	Exe      string      `json:"exe"`
	ExeHex   string      `json:"exe_hex,omitempty"`
	Arch     string      `json:"arch"`
	PageSize addr.Bytes  `json:"page_size"`
	UserBits int         `json:"user_bits"`
	Reserved addr.Bytes  `json:"reserved"`
	Resident *addr.Bytes `json:"resident,omitempty"`
	Changed  bool        `json:"changed_while_reading"`
	Notes    []string    `json:"notes"`
	Mappings []Mapping   `json:"mappings"`
	Parts    []Part      `json:"parts"`
	Gaps     []Gap       `json:"gaps"`
	Chosen   bool        `json:"chosen,omitempty"` // some of the mappings and parts alone
	Text     bool        `json:"text_alone,omitempty"`
	Started  uint64      `json:"started,omitempty,string"`
	Figures  []Figures   `json:"figures,omitzero"` // in the order of the mappings
	Threads  int         `json:"threads,omitempty"`
	Stacks   []Stack     `json:"stacks"`
	Args     *addr.Range `json:"arguments,omitempty"`
	Env      *addr.Range `json:"environment,omitempty"`
	Findings []Finding   `json:"findings"`
}

// MarshalJSON is the text that WriteJSON writes.
func (s *Space) MarshalJSON() ([]byte, error) {
	var text bytes.Buffer
	err := s.WriteJSON(&text)
	return text.Bytes(), err
}

// WriteJSON writes s with its schema's number; UnmarshalJSON reads it back. Names that are not UTF-8 come in
// hexadecimal as well. The long lists are written element by element: as a whole their text takes far more memory than s.
func (s *Space) WriteJSON(w io.Writer) error {
	j := spaceJSON{
		Schema: schema, PID: s.PID, Comm: s.Comm, CommHex: hexUnlessUTF8(s.Comm), Exe: s.Exe, ExeHex: hexUnlessUTF8(s.Exe),
		Arch: s.Arch, PageSize: s.PageSize, UserBits: s.UserBits, Reserved: s.Reserved, Changed: s.Changed,
		Notes: orEmpty(s.Notes), Mappings: []Mapping{}, Parts: []Part{}, Gaps: []Gap{},
		Chosen: s.whole != nil, Text: s.Text, Started: s.Started, Threads: s.Threads, Stacks: orEmpty(s.Stacks),
		Args: unlessEmpty(s.Args), Env: unlessEmpty(s.Env), Findings: orEmpty(s.Findings()),
	}
	if s.ResidentKnown {
		j.Resident = &s.Resident
	}
	if len(s.Figures) > 0 {
		j.Figures = []Figures{}
	}
	rest, err := json.Marshal(j)
	if err != nil {
		return err
	}
	for _, list := range []struct {
		start string // which no text in JSON has: its quotes bear a backslash
		write func(io.Writer) error
	}{
		{`"mappings":[`, func(w io.Writer) error { return writeList(w, s.Mappings, Mapping.form) }},
		{`"parts":[`, func(w io.Writer) error { return writeList(w, s.Parts, Part.form) }},
		{`"gaps":[`, func(w io.Writer) error { return writeList(w, s.Gaps, Gap.form) }},
		{`"figures":[`, func(w io.Writer) error { return writeList(w, s.Figures, func(f Figures) Figures { return f }) }},
	} {
		at := bytes.Index(rest, []byte(list.start))
		if at < 0 {
			continue // no figures
		}
		at += len(list.start)
		if _, err := w.Write(rest[:at]); err != nil {
			return err
		}
		if err := list.write(w); err != nil {
			return err
		}
		rest = rest[at:]
	}
	_, err = w.Write(rest)
	return err
}

// writeList writes the forms of all that is in list, with commas between.
func writeList[T, Form any](w io.Writer, list []T, form func(T) Form) error {
	var text bytes.Buffer
	var f Form // one for all: its address is what the encoder gets
	enc := json.NewEncoder(&text)
	for i, one := range list {
		if f = form(one); i > 0 {
			text.WriteByte(',')
		}
		if err := enc.Encode(&f); err != nil {
			return err
		}
		if _, err := w.Write(text.Bytes()[:text.Len()-1]); err != nil { // the encoder ends a line
			return err
		}
		text.Reset()
	}
	return nil
}

// unlessEmpty is r, or nil, which JSON can leave out.
func unlessEmpty(r addr.Range) *addr.Range {
	if r.Size() == 0 {
		return nil
	}
	return &r
}

// orEmpty is list, as [] in JSON where there is nothing in it.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

type partJSON struct {
	addr.Range
	Size      addr.Bytes `json:"size"`
	Kind      Kind       `json:"kind"`
	Segment   Segment    `json:"segment"`
	Label     string     `json:"label"`
	LabelHex  string     `json:"label_hex,omitempty"`
	Sections  []Section  `json:"sections,omitempty"`
	Object    string     `json:"object,omitempty"`
	ObjectHex string     `json:"object_hex,omitempty"`
	Library   bool       `json:"library,omitempty"`
	Zeroed    bool       `json:"zeroed,omitempty"`
	Mapping   int        `json:"mapping"`
}

// form is p with its size and segment, its object as Mapping its name.
func (p Part) form() partJSON {
	return partJSON{
		p.Range, p.Size(), p.Kind, p.Segment(), p.Label, hexUnlessUTF8(p.Label), p.Sections, p.Object, hexUnlessUTF8(p.Object), p.Library, p.Zeroed, p.Mapping,
	}
}

// MarshalJSON writes p's form.
func (p Part) MarshalJSON() ([]byte, error) { return json.Marshal(p.form()) }

type gapJSON struct {
	addr.Range
	Size    addr.Bytes `json:"size"`
	Segment Segment    `json:"segment"`
}

// form is g with its size.
func (g Gap) form() gapJSON { return gapJSON{g.Range, g.Size(), g.Segment} }

// MarshalJSON writes g's form.
func (g Gap) MarshalJSON() ([]byte, error) { return json.Marshal(g.form()) }
