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

	Thread    *threadJSON `json:"thread,omitempty"`     // on whose stack it lies
	PageState []string    `json:"page_state,omitempty"` // of its page
	Chain     []hopJSON   `json:"chain,omitempty"`      // of pointers, from there
	probe.Found
}

// threadJSON is the thread on whose stack, or whose guard, an address lies.
type threadJSON struct {
	TID     int        `json:"tid"`
	Name    string     `json:"name"`
	Stack   addr.Range `json:"stack"`
	SP      addr.Addr  `json:"sp"`
	FoundBy string     `json:"found_by"`
	Touched addr.Bytes `json:"touched"`
	Guard   addr.Bytes `json:"guard"`
}

type hopJSON struct {
	At    addr.Addr `json:"at"`
	Value addr.Addr `json:"value"`
	Name  string    `json:"name,omitempty"`
	End   string    `json:"end,omitempty"`
}

// Beyond is an address: what a look at the process beyond its mappings gave.
type Beyond struct {
	Page  *layout.PageRun // the run of pages that the address lies in; nil: not looked at
	Chain []Hop           // from the address on
}

// Hop is a word of a chain of pointers: what stands at At leads to the next.
type Hop struct {
	At    addr.Addr
	Value addr.Addr
	End   string // why the chain ends here; empty where it goes on
}

// Where is what lies at an address of s. trace is the run that is going on in
// that process, nil if none is.
func Where(s *layout.Space, a addr.Addr, trace *probe.Trace, beyond Beyond) Document {
	l := locate(s, a, trace)
	if beyond.Page != nil {
		l.PageState = beyond.Page.State.Names()
	}
	for _, h := range beyond.Chain {
		hop := hopJSON{At: h.At, Value: h.Value, End: h.End}
		if to := locate(s, h.Value, trace); to.Place != nil {
			hop.Name = placeName(to)
		}
		l.Chain = append(l.Chain, hop)
	}
	return Document{l, func(p *page) { p.where(s, l, beyond) }}
}

// locate finds what lies at a.
func locate(s *layout.Space, a addr.Addr, trace *probe.Trace) located {
	l := located{Schema: schema, PID: s.PID, Location: s.Where(a)}
	if stack := s.StackAt(a); stack != nil && !stack.First {
		l.Thread = &threadJSON{
			stack.TID, strings.ToValidUTF8(stack.Name, "\ufffd"), stack.Range, stack.SP, string(stack.FoundBy), stack.Touched, stack.Guard.Size(),
		}
	}
	if trace != nil {
		last := &trace.Steps[len(trace.Steps)-1]
		l.Run = fmt.Sprintf("a new run of scenario %s, at step %d", trace.Scenario, last.N)
		l.Found = last.At(a)
	}
	return l
}

// fact is a line of the answer: a name and what it is.
type fact struct{ name, text string }

func (p *page) where(s *layout.Space, l located, beyond Beyond) {
	p.prose(1, p.width-2, l.Addr.String()+" "+headline(l), strong)
	p.blank()
	facts := []fact{{"process", spaceName(s)}}
	if l.Run != "" {
		facts[0].text += ", " + l.Run
	}
	if l.Place != nil {
		facts = append(facts, placeFacts(l)...)
	}
	facts = append(facts, programFacts(l)...)
	facts = append(facts, threadFacts(l)...)
	for _, n := range []struct {
		name string
		to   *layout.Neighbour
	}{{"above", l.Above}, {"below", l.Below}} {
		if n.to != nil {
			facts = append(facts, fact{n.name, fmt.Sprintf("%s away: %s, %v", exactly(n.to.Distance), partText(s, n.to.Part), n.to.Part.Range)})
		}
	}
	if l.Place != nil {
		facts = append(facts, aroundFacts(s, l.Place)...)
	}
	page := fmt.Sprintf("number %#x, byte %d of %d", l.Page, uint64(l.PageOffset), uint64(s.PageSize))
	if beyond.Page != nil {
		page += "; " + pageWords(*beyond.Page, s.PageSize)
	}
	p.facts(append(facts, fact{"page", page}))
	if beyond.Chain != nil {
		p.chain(l)
	}
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

// threadFacts tell on whose stack an address lies.
func threadFacts(l located) []fact {
	t := l.Thread
	if t == nil {
		return nil
	}
	about := fmt.Sprintf("%d %s, whose stack is %v, known by %s", t.TID, escape(t.Name), t.Stack, t.FoundBy)
	switch {
	case t.SP == 0:
	case l.Addr < t.SP:
		about += fmt.Sprintf("; %s below its stack pointer, %v", exactly(t.SP.Sub(l.Addr)), t.SP)
	default:
		about += fmt.Sprintf("; %s above its stack pointer, %v", exactly(l.Addr.Sub(t.SP)), t.SP)
	}
	return []fact{{"thread", about}}
}

// aroundFacts tell the parts next to that of a mapped address, and how far they are
// from that part.
func aroundFacts(s *layout.Space, place *layout.Place) []fact {
	var facts []fact
	i := place.PartIndex
	next := func(name string, to layout.Part, gap addr.Bytes) {
		about := partText(s, to) + ", " + to.Range.String()
		if gap > 0 {
			about = "after a gap of " + size(gap) + ": " + about
		}
		facts = append(facts, fact{name, about})
	}
	if i+1 < len(s.Parts) && s.User().Contains(s.Parts[i+1].Lo) == s.User().Contains(place.Part.Lo) {
		next("above it", s.Parts[i+1], s.Parts[i+1].Lo.Sub(place.Part.Hi))
	}
	if i > 0 {
		next("below it", s.Parts[i-1], place.Part.Lo.Sub(s.Parts[i-1].Hi))
	}
	return facts
}

// pageWords say how things stand with a page.
func pageWords(run layout.PageRun, page addr.Bytes) string {
	words := "in memory"
	switch st := run.State; {
	case st&layout.PageGuarded != 0:
		words = "a guard inside the mapping: never accessible"
	case st&layout.PageSwapped != 0:
		words = "swapped out"
	case st&layout.PagePresent == 0:
		words = "not in memory: this process has not touched it, or it was given back"
	case st&layout.PageZero != 0:
		words = "the kernel's page of zeros: read, never written"
	case st&layout.PageFile != 0:
		words = "in memory, a page of the file"
	default:
		words = "in memory, this process's own"
	}
	if run.State&layout.PageHuge != 0 {
		words += ", part of a huge page"
	}
	return words + fmt.Sprintf(" (as %s from %v)", plural(uint64(run.Size())/uint64(page), "page"), run.Lo)
}

// chain draws a chain of pointers, a line for each.
func (p *page) chain(l located) {
	p.blank()
	p.add(styled(" From there, word by word:", strong))
	for _, h := range l.Chain {
		words := h.Name
		if h.End != "" {
			words = strings.TrimPrefix(words+"; "+h.End, "; ")
		}
		p.listed(join(styled(fmt.Sprintf("   %14v", h.At), faint), styled("  "+p.glyphs.to+" ", pointer), text(fmt.Sprintf("%-18v  ", h.Value))), words)
	}
	if len(l.Chain) == 0 {
		p.add(text("   nothing can be read there"))
	}
}
