package probe

import "memprobe/layout/addr"

// Found is what a program has at an address; what it has not there is empty.
type Found struct {
	Frame    string `json:"frame,omitempty"`
	Variable string `json:"variable,omitempty"`
	Field    string `json:"field,omitempty"`
	Block    *Block `json:"block,omitempty"`
}

// At finds what lies at a in a step.
func (s *Step) At(a addr.Addr) Found {
	var found Found
	for _, f := range s.Frames {
		if !(addr.Range{Lo: f.Start, Hi: f.End}).Contains(a) {
			continue
		}
		found.Frame = f.Name
		for _, v := range f.Vars {
			if !addr.Span(v.Addr, v.Size).Contains(a) {
				continue
			}
			found.Variable = v.Name
			for _, field := range v.Fields {
				if addr.Span(field.Addr, field.Size).Contains(a) {
					found.Field = field.Name
				}
			}
		}
	}
	for _, b := range s.Heap.Blocks {
		if addr.Span(b.Addr, b.Size).Contains(a) {
			found.Block = &b
		}
	}
	return found
}
