package report

import (
	"fmt"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// foundParts are the parts that something is found about.
func foundParts(s *layout.Space) map[int]bool {
	found := map[int]bool{}
	for _, f := range s.Findings() {
		found[f.Part] = true
	}
	return found
}

// findings tell what whole has that is worth a second look, as far as it was chosen.
func (p *page) findings(whole, chosen *layout.Space) {
	found := whole.Findings()
	if len(found) == 0 {
		return
	}
	shown := map[addr.Range]bool{}
	for _, part := range chosen.Parts {
		shown[part.Range] = true
	}
	first := true
	for _, f := range found {
		part := whole.Parts[f.Part]
		if !shown[part.Range] {
			continue
		}
		if first {
			p.blank()
			p.add(styled(" Worth a second look, marked with !:", strong))
			first = false
		}
		p.prose(3, p.column(3), fmt.Sprintf("%s: %v, %s, %s: %s.", f.Kind, part.Lo, size(part.Size()), escape(part.Label), escape(f.Text)), altered)
	}
}
