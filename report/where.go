package report

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/probe"
)

// Process is a process in which addresses are looked up.
type Process struct {
	Space   *layout.Space
	Trace   *probe.Trace                           // of the run that is going on in it; nil: none
	Symbols func(addr.Addr) (layout.Symbol, error) // as layout's Symbols.At; nil: none are looked up
}

// located is what lies at an address: for an address of the scenario's memory,
// also what its program has there.
type located struct {
	Schema int `json:"schema"`
	PID    int `json:"pid"`
	layout.Location
	NoSymbol string `json:"no_symbol,omitempty"` // why there is none, where there could be one
	Run      string `json:"run,omitempty"`       // what runs there: the scenario and its step

	Bytes     probe.Hex   `json:"bytes,omitempty"`       // the first there; those of its symbol alone where that ends before
	Use       layout.Use  `json:"use,omitempty"`         // what it is for on a stack, where it lies in no frame
	Thread    *threadJSON `json:"thread,omitempty"`      // on whose stack it lies
	PageState []string    `json:"page_state,omitzero"`   // of its page; empty: it is not in memory
	PageRun   *addr.Range `json:"page_run,omitempty"`    // the pages around it that are like that
	Chain     []hopJSON   `json:"chain,omitzero"`        // of pointers, from there
	Fields    []field     `json:"maps_fields,omitempty"` // of its maps line, explained
	probe.Found

	elsewhere bool // no thread runs on the stack that the kernel made
}

// threadJSON is the thread on whose stack, or whose guard, an address lies.
type threadJSON struct {
	TID     int         `json:"tid"`
	Name    string      `json:"name"`
	First   bool        `json:"first"`
	Stack   addr.Range  `json:"stack"`
	SP      addr.Addr   `json:"sp"`
	Depth   *addr.Bytes `json:"depth,omitempty"` // from the stack pointer up to where its frames begin
	FoundBy string      `json:"found_by"`
	Touched *addr.Bytes `json:"touched,omitempty"`  // not there: the pages can't be looked at
	ToGuard *addr.Bytes `json:"to_guard,omitempty"` // from the lowest touched page down to the guard, or to the stack's end
	Guard   addr.Bytes  `json:"guard"`
	Limit   addr.Bytes  `json:"limit,omitempty"`
}

type hopJSON struct {
	At     addr.Addr      `json:"at"`
	Value  *addr.Addr     `json:"value,omitempty"` // not there: it is not known
	Name   string         `json:"name,omitempty"`
	Symbol *layout.Symbol `json:"symbol,omitempty"`
	Text   string         `json:"text,omitempty"` // its bytes in memory, where they are letters and no address
	End    string         `json:"end,omitempty"`

	words, short string // the name for a reader, and where there is little room
}

// Beyond is an address: what a look at the process beyond its mappings gave, and what
// else is told.
type Beyond struct {
	Bytes   []byte          // the first bytes there; nil: they can't be read
	Page    *layout.PageRun // the run of pages that the address lies in; nil: not looked at
	Chain   []Hop           // from the address on; nil: not asked
	Explain bool            // the fields of the maps line
}

// Hop is a word of a chain of pointers: what stands at At leads to the next.
type Hop struct {
	At    addr.Addr
	Value addr.Addr
	End   string // why the chain ends here; empty where it goes on

	Unknown bool // Value is not known
}

// Where is what lies at an address of p.
func Where(p Process, a addr.Addr, beyond Beyond) Document {
	l := p.locate(a)
	l.Bytes = probe.Hex(beyond.Bytes)
	if l.Place != nil && l.Place.Symbol != nil && l.Place.Symbol.Sized() {
		y := l.Place.Symbol
		l.Bytes = l.Bytes[:min(addr.Bytes(len(l.Bytes)), y.Size()-y.Offset)]
	}
	if beyond.Page != nil {
		l.PageState, l.PageRun = append([]string{}, beyond.Page.State.Names()...), &beyond.Page.Range
	}
	if beyond.Chain != nil {
		l.Chain = []hopJSON{}
	}
	for _, h := range beyond.Chain {
		hop := hopJSON{At: h.At, Value: &h.Value, End: h.End}
		if h.Unknown {
			hop.Value = nil
		} else if to := p.locate(h.Value); to.Place != nil {
			hop.Symbol = to.Place.Symbol
			hop.Name, _ = placeName(to, escape)
			hop.words, hop.short = placeName(to, brief)
		} else {
			hop.Text = wordText(h.Value, p.Space.WordSize())
		}
		l.Chain = append(l.Chain, hop)
	}
	if beyond.Explain && l.Place != nil {
		l.Fields = explain(p.Space, l.Place.Mapping)
	}
	return Document{l, func(page *page) { page.where(p.Space, l, beyond) }}
}

// locate finds what lies at a.
func (p Process) locate(a addr.Addr) located {
	l := located{Schema: schema, PID: p.Space.PID, Location: p.Space.Where(a), elsewhere: p.Space.FirstIsElsewhere()}
	if p.Trace != nil {
		last := &p.Trace.Steps[len(p.Trace.Steps)-1]
		l.Run = fmt.Sprintf("a new run of scenario %s, at step %d", p.Trace.Scenario, last.N)
		l.Found = last.At(a)
	}
	if l.Place == nil {
		return l
	}
	if stack := p.Space.StackAt(a); stack != nil {
		l.Thread = threadOf(stack)
	}
	l.Use = p.Space.UseOf(a)
	if p.Symbols == nil {
		return l
	}
	switch symbol, err := p.Symbols(a); {
	case err == nil:
		l.Place.Symbol = &symbol
	case !errors.Is(err, layout.ErrNoELF):
		l.NoSymbol = err.Error()
	}
	return l
}

func threadOf(stack *layout.Stack) *threadJSON {
	t := &threadJSON{
		TID: stack.TID, Name: strings.ToValidUTF8(stack.Name, "\ufffd"), First: stack.First, Stack: stack.Range, SP: stack.SP,
		FoundBy: string(stack.FoundBy), Guard: stack.Guard.Size(), Limit: stack.Limit,
	}
	if below, known := stack.ToGuard(); known {
		t.Touched, t.ToGuard = &stack.Touched, &below
	}
	if depth, known := stack.Depth(); known {
		t.Depth = &depth
	}
	return t
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
	if len(l.Bytes) > 0 {
		facts = append(facts, fact{"bytes", bytesWords(l.Bytes[:min(len(l.Bytes), p.bytesShown())])})
	}
	facts = append(facts, programFacts(l)...)
	facts = append(facts, useFacts(s, l)...)
	facts = append(facts, threadFacts(l)...)
	facts = append(facts, aroundFacts(s, l)...)
	page := fmt.Sprintf("number %#x, byte %d of %d", l.Page, uint64(l.PageOffset), uint64(s.PageSize))
	if beyond.Page != nil {
		page += "; " + pageWords(*beyond.Page, l.Place.Part.Kind, s.PageSize)
	} else if l.Place != nil {
		page += "; whether it is in memory is not known"
	}
	p.facts(append(facts, fact{"page", page}))
	if l.Fields != nil {
		p.blank()
		p.add(styled(" The mapping's line in /proc/PID/maps, field by field:", strong))
		p.fields(l.Fields)
	}
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
	case l.Use != "":
		return "is in: " + useText(l)
	case l.Place != nil && l.Thread != nil && !l.Thread.First && l.Place.Part.Kind == layout.KindThreadStack:
		return "is in: the stack of " + l.Thread.title()
	case l.Place != nil && l.Thread != nil && l.Place.Part.Kind == layout.KindGuard:
		return "is in: the guard below the stack of " + l.Thread.title() + ": never accessible"
	case l.Place != nil && l.Place.Symbol != nil && l.Place.Symbol.Sized():
		y := l.Place.Symbol
		at := "the start of"
		if y.Offset > 0 {
			at = bytesOf(y.Offset) + " into"
		}
		return fmt.Sprintf("is %s %s: %s", at, brief(y.Name), l.Place.Part.Kind.Info().Text)
	case l.Place != nil && l.elsewhere && l.Place.Part.Kind == layout.KindProcessStack:
		return "is in: " + kernelsStack
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
	return strings.TrimSpace(strings.TrimSpace(m.String()) + " " + brief(name))
}

func segmentWords(s layout.Segment) string {
	if s == layout.SegmentNotDrawn {
		return "none that textbooks draw"
	}
	return string(s)
}

// chain draws a chain of pointers, a line for each.
func (p *page) chain(l located) {
	p.blank()
	p.add(styled(" From there, word by word:", strong))
	for _, h := range l.Chain {
		words, short := h.words, h.short
		if h.Text != "" {
			words = "as text " + strconv.Quote(h.Text)
			short = words
		}
		if h.End != "" {
			words, short = strings.TrimPrefix(words+"; "+h.End, "; "), strings.TrimPrefix(short+"; "+h.End, "; ")
		}
		value := "?"
		if h.Value != nil {
			value = h.Value.String()
		}
		p.listedShort(join(styled(fmt.Sprintf("   %14v", h.At), faint), styled("  "+p.glyphs.to+" ", pointer), text(fmt.Sprintf("%-18s  ", value))), words, short)
	}
	if len(l.Chain) == 0 {
		p.add(text("   nothing can be read there"))
	}
}
