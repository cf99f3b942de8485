package layout

import (
	"fmt"

	"memprobe/layout/addr"
)

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
			found = append(found, Finding{f.Kind, i, f.Text})
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
			found = append(found, Finding{FindingExecStack, i, "bytes on this stack can be run as code"})
		case perms&(Writable|Executable) == Writable|Executable:
			found = append(found, Finding{FindingWX, i, "bytes written here can be run as code"})
		}
		if p.Kind != KindThreadStack {
			continue
		}
		stack := s.StackAt(p.Lo)
		if stack == nil || stack.First || stack.Guard.Size() > 0 || p.Lo != stack.Lo {
			continue
		}
		found = append(found, Finding{FindingNoGuard, i, s.below(i)})
	}
	return found
}

// below says what a stack without a guard, part i, runs into.
func (s *Space) below(i int) string {
	p := s.Parts[i]
	if i > 0 && s.Parts[i-1].Hi == p.Lo {
		return fmt.Sprintf("an overflow writes into what lies right below: %s", s.Parts[i-1].Label)
	}
	if i > 0 {
		gap := addr.Bytes(p.Lo - s.Parts[i-1].Hi)
		return fmt.Sprintf("nothing is mapped for %d bytes below, but nothing keeps them free", gap)
	}
	return "nothing is mapped below, but nothing keeps it free"
}
