package report

import (
	"fmt"
	"slices"

	"github.com/dustin/go-humanize"

	"memprobe/layout/addr"
	"memprobe/probe/replay"
	"memprobe/probe/replay/policies"
)

// looked is a state with the version of its form.
type looked struct {
	Schema int `json:"schema"`
	*replay.State
}

// lookedSeveral is the same operation with several policies.
type lookedSeveral struct {
	Schema   int             `json:"schema"`
	Policies []*replay.State `json:"policies"`
}

// ReplayState is one operation of a trace with each of some policies: the search
// that it made and what lies around its block.
func ReplayState(states []*replay.State) Document {
	var model any = lookedSeveral{schema, states}
	if len(states) == 1 {
		model = looked{schema, states[0]}
	}
	return Document{model, func(p *page) {
		for i, s := range states {
			if i > 0 {
				p.blank()
			}
			p.state(s)
		}
	}}
}

func (p *page) state(s *replay.State) {
	p.prose(1, p.width-2, fmt.Sprintf("%s on %s, operation %s of 0 to %s", escape(s.Name),
		policyName(&replay.Run{Policy: s.Policy, Model: s.Model}), humanize.Comma(int64(s.Index)), humanize.Comma(int64(s.Ops-1))), strong)
	p.prose(1, p.column(1), sentence(deed(s)), plain)
	if s.Search != nil {
		p.blank()
		p.search(s)
	}
	p.blank()
	p.near(s)
	at := s.Point
	p.blank()
	p.prose(1, p.column(1), fmt.Sprintf("In use: %s requested, in %s of blocks, high water is %s. Fragmentation: internal %s, external %s.",
		bytesOf(at.Live), bytesOf(at.Used), bytesOf(at.HighWater), percent(at.Internal), percent(at.External)), plain)
	if s.Arena != nil {
		p.blank()
		p.arena("The arena now", s.Arena)
	}
}

// summand is a size in a list of blocks: exact, so that it leads from one offset to
// the next, unless it is too long for a column.
func summand(n addr.Bytes) string {
	if n < 100_000 {
		return bytesOf(n)
	}
	return size(n)
}

// longestOffset is the largest offset of a picture.
func longestOffset(s *replay.State) addr.Bytes { return s.Point.HighWater }

// deed says what an operation did.
func deed(s *replay.State) string {
	at := func(n *addr.Bytes) string { return offset(*n, longestOffset(s)) }
	switch {
	case s.Kind == replay.Alloc:
		return fmt.Sprintf("allocate %s: block %d, at %s", exactly(s.Size), s.ID, at(s.To))
	case s.Kind == replay.Free:
		return fmt.Sprintf("free block %d, %s at %s", s.ID, exactly(s.Size), at(s.From))
	case s.Moved():
		return fmt.Sprintf("resize block %d to %s: from %s to %s", s.ID, exactly(s.Size), at(s.From), at(s.To))
	}
	return fmt.Sprintf("resize block %d to %s: it stays at %s", s.ID, exactly(s.Size), at(s.To))
}

// search is the list of free blocks that were looked at.
func (p *page) search(s *replay.State) {
	p.prose(1, p.column(1), fmt.Sprintf("The search looked at %s:", plural(s.Search.Looked, "free block")), strong)
	var rows [][]string
	row := func(n int, c policies.Candidate) {
		rows = append(rows, []string{humanize.Comma(int64(n)), offset(c.Offset, longestOffset(s)), summand(c.Size), verdict(s, c)})
	}
	for i, c := range s.Search.First {
		row(i+1, c)
	}
	first := s.Search.Looked - len(s.Search.Last)
	if between := first - len(s.Search.First); between > 0 {
		rows = append(rows, []string{"", "", "", fmt.Sprintf("(%s more)", humanize.Comma(int64(between)))})
	}
	for i, c := range s.Search.Last {
		row(first+i+1, c)
	}
	p.table([]column{{"", true}, {"Free block", false}, {"Size", true}, {"", false}}, rows)
	if t := s.Search.Taken; t != nil && !slices.Contains(s.Search.First, *t) && !slices.Contains(s.Search.Last, *t) {
		p.prose(1, p.column(1), fmt.Sprintf("Taken: %s, %s.", offset(t.Offset, longestOffset(s)), bytesOf(t.Size)), plain)
	}
}

// verdict is why a free block was passed, or that it was taken.
func verdict(s *replay.State, c policies.Candidate) string {
	rest := ""
	if c.Offset+c.Size > longestOffset(s) {
		rest = ", the rest of the arena"
	}
	switch {
	case c.Taken:
		return "taken" + rest
	case c.Fits:
		return "fits, passed" + rest
	}
	return fmt.Sprintf("too small by %s%s", bytesOf(s.Size-c.Size), rest)
}

// near is the blocks around the operation's.
func (p *page) near(s *replay.State) {
	p.prose(1, p.column(1), "Around it, by address:", strong)
	longest := longestOffset(s)
	var rows [][]string
	if s.Below > 0 {
		rows = append(rows, []string{"", "", "", fmt.Sprintf("(%s below)", plural(s.Below, "block"))})
	}
	for _, b := range s.Near {
		what := "free"
		if b.Used && b.ID != nil {
			what = fmt.Sprintf("block %d, %s requested", *b.ID, bytesOf(b.Requested))
		}
		if !b.Used && b.Offset+b.Size > longest {
			what = "free, the rest of the arena"
		}
		here := ""
		if s.To != nil && b.Offset == *s.To || s.To == nil && b.Offset <= *s.From && *s.From < b.Offset+b.Size {
			here = p.glyphs.here
		}
		rows = append(rows, []string{here, offset(b.Offset, longest), summand(b.Size), what})
	}
	if s.Above > 0 {
		rows = append(rows, []string{"", "", "", fmt.Sprintf("(%s above)", plural(s.Above, "block"))})
	}
	p.table([]column{{"", false}, {"Offset", false}, {"Size", true}, {"", false}}, rows)
}
