package report

import (
	"fmt"

	"memprobe/layout"
)

// foundParts are the parts that something is found about.
func foundParts(s *layout.Space) map[int]bool {
	found := map[int]bool{}
	for _, f := range s.Findings() {
		found[f.Part] = true
	}
	return found
}

// findings tell what s has that is worth a second look.
func (p *page) findings(s *layout.Space) {
	for i, f := range s.Findings() {
		if i == 0 {
			p.blank()
			p.add(styled(" Worth a second look, marked with !:", strong))
		}
		part := s.Parts[f.Part]
		about := briefWithin(f.Text)
		if f.Free > 0 {
			about += fmt.Sprintf(" (%s)", size(f.Free))
		}
		p.prose(3, p.column(3), fmt.Sprintf("%s: %v, %s, %s: %s.", f.Kind, part.Lo, size(part.Size()), brief(part.Label), about), altered)
	}
}
