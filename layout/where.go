package layout

import "memprobe/layout/addr"

// State says what an address is good for.
type State string

const (
	Mapped       State = "mapped"
	Unmapped     State = "unmapped"      // in user space, but nothing is there
	KernelHalf   State = "kernel half"   // the kernel's own half of the address space
	NonCanonical State = "non-canonical" // between the halves: the processor refuses it
)

// Location is what an address is.
type Location struct {
	Addr       addr.Addr  `json:"addr"`
	State      State      `json:"state"`
	Page       uint64     `json:"page"`        // its number, counted from address 0
	PageOffset addr.Bytes `json:"page_offset"` // from the page's start
	Place      *Place     `json:"place,omitempty"`
	Below      *Neighbour `json:"below,omitempty"` // the next part downward,
	Above      *Neighbour `json:"above,omitempty"` // and upward; nil where there is none in the same half of the address space
}

// Place is where in its mapping and part a mapped address lies.
type Place struct {
	Mapping     Mapping     `json:"mapping"`
	Part        Part        `json:"part"`
	PartIndex   int         `json:"part_index"`
	Section     *Section    `json:"section,omitempty"`     // of the ELF file, the one that holds the address
	FileOffset  *addr.Addr  `json:"file_offset,omitempty"` // in the mapped file; nil: the byte is not from it
	FromMapping addr.Bytes  `json:"from_mapping_start"`
	ToMapping   addr.Bytes  `json:"to_mapping_end"`
	FromPart    addr.Bytes  `json:"from_part_start"`
	ToPart      addr.Bytes  `json:"to_part_end"`
	FromSection *addr.Bytes `json:"from_section_start,omitempty"`
	Symbol      *Symbol     `json:"symbol,omitempty"` // for the caller to set: Where opens no file, Symbols.At does
}

// Neighbour is the next part to that of an address, or to an address that is not mapped.
type Neighbour struct {
	Part      Part       `json:"part"`
	PartIndex int        `json:"part_index"`
	Distance  addr.Bytes `json:"distance"` // from the address to the part's nearest byte
}

// Where says what a is.
func (s *Space) Where(a addr.Addr) Location {
	page := a.AlignDown(s.PageSize)
	loc := Location{Addr: a, State: s.state(a), Page: uint64(a) / uint64(s.PageSize), PageOffset: a.Sub(page)}
	i, mapped := find(s.Parts, a)
	next := i
	if mapped {
		next = i + 1
		loc.State, loc.Place = Mapped, s.place(a, i)
	} else if loc.State == NonCanonical { // nothing is near what is no address
		return loc
	}
	inUser := s.User().Contains(a)
	if i > 0 && s.User().Contains(s.Parts[i-1].Lo) == inUser {
		below := s.Parts[i-1]
		loc.Below = &Neighbour{below, i - 1, a.Sub(below.Hi - 1)}
	}
	if next < len(s.Parts) && s.User().Contains(s.Parts[next].Lo) == inUser {
		above := s.Parts[next]
		loc.Above = &Neighbour{above, next, above.Lo.Sub(a)}
	}
	return loc
}

// state goes by a's bits alone. The kernel's half mirrors user space at the top.
func (s *Space) state(a addr.Addr) State {
	half := addr.Addr(1) << s.UserBits
	switch {
	case a < half:
		return Unmapped
	case a >= -half:
		return KernelHalf
	}
	return NonCanonical
}

func (s *Space) place(a addr.Addr, i int) *Place {
	part := s.Parts[i]
	m := s.Mappings[part.Mapping]
	p := &Place{
		Mapping: m, Part: part, PartIndex: i,
		FromMapping: a.Sub(m.Lo), ToMapping: m.Hi.Sub(a),
		FromPart: a.Sub(part.Lo), ToPart: part.Hi.Sub(a),
	}
	if offset, ok := s.FileOffset(&part, a); ok {
		p.FileOffset = &offset
	}
	for _, section := range part.Sections {
		if section.Contains(a) {
			from := a.Sub(section.Lo)
			p.Section, p.FromSection = &section, &from
		}
	}
	return p
}

// FileOffset is where in its mapped file the byte at a, in part p, was; ok is false
// where no file had it.
func (s *Space) FileOffset(p *Part, a addr.Addr) (offset addr.Addr, ok bool) {
	m := &s.Mappings[p.Mapping]
	if p.Zeroed || !m.hasFile() {
		return 0, false
	}
	return addr.Addr(m.Offset).Offset(a.Sub(m.Lo)), true
}
