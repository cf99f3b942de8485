package report

import (
	"fmt"
	"strings"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/probe"
)

// located is what lies at an address: for an address of the scenario's memory,
// also what its program has there.
type located struct {
	Schema int `json:"schema"`
	PID    int `json:"pid"`
	layout.Location
	Run string `json:"run,omitempty"` // what runs there: the scenario and its step
	probe.Found
}

// Where is what lies at an address of s. trace is the run that is going on in
// that process, nil if none is.
func Where(s *layout.Space, a addr.Addr, trace *probe.Trace) Document {
	l := located{Schema: schema, PID: s.PID, Location: s.Where(a)}
	if trace != nil {
		last := &trace.Steps[len(trace.Steps)-1]
		l.Run = fmt.Sprintf("a new run of scenario %s, at step %d", trace.Scenario, last.N)
		l.Found = last.At(a)
	}
	return Document{l, func(p *page) { p.where(s, l) }}
}

// fact is a line of the answer: a name and what it is.
type fact struct{ name, text string }

func (p *page) where(s *layout.Space, l located) {
	p.prose(1, p.width-2, l.Addr.String()+" "+headline(l), strong)
	p.blank()
	facts := []fact{{"process", fmt.Sprintf("%s, pid %d", escape(s.Comm), s.PID)}}
	if l.Run != "" {
		facts[0].text += ", " + l.Run
	}
	if l.Place != nil {
		facts = append(facts, placeFacts(l)...)
	}
	facts = append(facts, programFacts(l)...)
	for _, n := range []struct {
		name string
		to   *layout.Neighbour
	}{{"above", l.Above}, {"below", l.Below}} {
		if n.to != nil {
			facts = append(facts, fact{n.name, fmt.Sprintf("%s away: %s, %v", exactly(n.to.Distance), partText(s, n.to.Part), n.to.Part.Range)})
		}
	}
	facts = append(facts, fact{"page", fmt.Sprintf("number %#x, byte %d of %d", l.Page, uint64(l.PageOffset), uint64(s.PageSize))})
	p.facts(facts)
	if l.Place == nil && l.Run != "" && l.State == layout.Unmapped {
		p.blank()
		p.prose(1, p.width-2, "Addresses change from run to run. For the same ones each time give --base to both commands; "+
			"for an address of a program that is running, --pid.", faint)
	}
}

// facts adds a line for each fact, or more where it is long.
func (p *page) facts(facts []fact) {
	for _, f := range facts {
		for i, row := range wrapHard(f.text, p.width-14) {
			name := f.name
			if i > 0 {
				name = ""
			}
			p.add(join(styled(fmt.Sprintf("   %-9s ", name), faint), text(row)))
		}
	}
}

// headline answers in a few words.
func headline(l located) string {
	switch {
	case l.Variable != "":
		return fmt.Sprintf("is in %s, a variable on the stack", dotted(l.Frame, l.Variable, l.Field))
	case l.Block != nil && l.Block.State == probe.BlockFree:
		return "is in a free block of the heap"
	case l.Block != nil && l.Addr.Sub(l.Block.Addr) >= l.Block.Requested:
		return "is in a block of the heap, behind the bytes that were asked for"
	case l.Block != nil:
		return fmt.Sprintf("is byte %d of a block of the heap, owned by %s", uint64(l.Addr.Sub(l.Block.Addr)), orNobody(l.Block.Owner))
	case l.Frame != "":
		return "is padding in the frame of " + l.Frame
	case l.Place != nil:
		return "is in: " + l.Place.Part.Kind.Info().Text
	case l.State == layout.NonCanonical:
		return "is no address: its upper bits are not all alike"
	case l.State == layout.KernelHalf:
		return "is in the kernel's half of the address space"
	}
	return "is not mapped"
}

func orNobody(owner string) string {
	if owner == "" {
		return "nobody"
	}
	return owner
}

// dotted joins the names that are not empty.
func dotted(names ...string) string {
	var parts []string
	for _, n := range names {
		if n != "" {
			parts = append(parts, n)
		}
	}
	return strings.Join(parts, ".")
}

// mapsLine is a mapping as the maps file has it, without the blanks that stand
// there before a name.
func mapsLine(m layout.Mapping) string {
	name := m.Name
	m.Name = ""
	return strings.TrimSpace(strings.TrimSpace(m.String()) + " " + escape(name))
}

func segmentWords(s layout.Segment) string {
	if s == layout.SegmentNotDrawn {
		return "none that textbooks draw"
	}
	return string(s)
}

func placeFacts(l located) []fact {
	place := l.Place
	facts := []fact{
		{"segment", segmentWords(place.Part.Segment())},
		{"part", fmt.Sprintf("%s, %v, %s: %s from its start, %s to its end", escape(place.Part.Label), place.Part.Range, size(place.Part.Size()), exactly(place.FromPart), exactly(place.ToPart))},
	}
	if place.Section != nil {
		facts = append(facts, fact{"section", fmt.Sprintf("%s+%#x", escape(place.Section.Name), uint64(*place.FromSection))})
	}
	if place.Part.Object != "" {
		facts = append(facts, fact{"file", escape(place.Part.Object)})
	}
	if place.FileOffset != nil && place.Part.Kind != layout.KindBSS {
		facts = append(facts, fact{"in file", fmt.Sprintf("offset %v", *place.FileOffset)})
	}
	return append(facts,
		fact{"mapping", mapsLine(place.Mapping)},
		fact{"offset", fmt.Sprintf("%s from the mapping's start, %s to its end", exactly(place.FromMapping), exactly(place.ToMapping))},
	)
}

// programFacts tell what the running program has there.
func programFacts(l located) []fact {
	var facts []fact
	if l.Frame != "" {
		facts = append(facts, fact{"frame", l.Frame})
	}
	if l.Variable != "" {
		facts = append(facts, fact{"variable", dotted(l.Variable, l.Field)})
	}
	if b := l.Block; b != nil {
		about := fmt.Sprintf("%v, %s, free", b.Addr, exactly(b.Size))
		if b.State == probe.BlockUsed {
			about = fmt.Sprintf("%v, %s asked for, %d set aside, owner %s", b.Addr, bytesOf(b.Requested), uint64(b.Size), orNobody(b.Owner))
		}
		facts = append(facts, fact{"block", about})
	}
	return facts
}
