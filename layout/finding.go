package layout

import "memprobe/layout/addr"

// FindingKind is a weakness that an address space shows.
type FindingKind string

const (
	FindingWX        FindingKind = "writable and executable" // who can write there can run what they wrote
	FindingExecStack FindingKind = "executable stack"
	FindingNoGuard   FindingKind = "missing guard" // a stack that overflows runs into other memory
)

// Finding is a weakness and where it is.
type Finding struct {
	Kind FindingKind `json:"kind"`
	Part int         `json:"part"` // index into Space.Parts
	Text string      `json:"text"` // in words

	Free addr.Bytes `json:"free_below,omitempty"` // where a guard is missing: how far nothing is mapped right below
}

// Findings are s's weaknesses, by address. What was chosen of a space is judged by the
// whole: what lies below a stack need not have been chosen.
func (s *Space) Findings() []Finding {
	if s.whole == nil {
		return s.findings()
	}
	var found []Finding
	for _, f := range s.whole.Findings() {
		at := s.whole.Parts[f.Part].Range
		if i, ok := find(s.Parts, at.Lo); ok && s.Parts[i].Range == at {
			f.Part = i
			found = append(found, f)
		}
	}
	return found
}

func (s *Space) findings() []Finding {
	var found []Finding
	for i := range s.Parts {
		p := &s.Parts[i]
		perms := s.Mappings[p.Mapping].Perms
		switch {
		case perms&Executable != 0 && p.Segment() == SegmentStack:
			found = append(found, Finding{Kind: FindingExecStack, Part: i, Text: "bytes on this stack can be run as code"})
		case perms&(Writable|Executable) == Writable|Executable:
			found = append(found, Finding{Kind: FindingWX, Part: i, Text: "bytes written here can be run as code"})
		}
		if p.Kind != KindThreadStack {
			continue
		}
		stack := s.StackAt(p.Lo)
		if stack == nil || stack.First || stack.Guard.Size() > 0 || p.Lo != stack.Lo {
			continue
		}
		found = append(found, s.noGuard(i))
	}
	return found
}

// noGuard says what a stack without a guard, part i, runs into.
func (s *Space) noGuard(i int) Finding {
	p := s.Parts[i]
	f := Finding{Kind: FindingNoGuard, Part: i, Text: "nothing is mapped right below, but nothing keeps that free"}
	switch {
	case i == 0:
		f.Free = addr.Bytes(p.Lo)
	case s.Parts[i-1].Hi < p.Lo:
		f.Free = p.Lo.Sub(s.Parts[i-1].Hi)
	default:
		f.Text = "an overflow writes into what lies right below: " + s.Parts[i-1].Label
	}
	return f
}
