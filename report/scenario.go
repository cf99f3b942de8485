package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/probe"
)

// sideBySide is the width from which the stack stands beside the heap.
const sideBySide = 116

// widest is the width beyond which a drawing gains nothing.
const widest = 132

// Scenario is a whole run: the program, each step, and where it all lies.
func Scenario(t *probe.Trace) Document {
	return Document{model: t, text: func(p *page) {
		p.traceHead(t)
		p.steps(t, 0, lastNumber(t))
		p.traceFoot(t)
	}}
}

// ScenarioStep is step n of a run alone, what it changed included. The trace
// must have that step.
func ScenarioStep(t *probe.Trace, n int) Document {
	only := *t
	only.Steps = t.Steps[n-1 : n]
	return Document{model: &only, text: func(p *page) {
		p.traceHead(t)
		p.step(t, n-1, len(t.Steps))
	}}
}

// ScenarioHeld is a run that is being held: the steps up to now. How many there
// will be is not known yet.
func ScenarioHeld(t *probe.Trace) Document {
	return Document{model: t, text: func(p *page) {
		p.traceHead(t)
		p.steps(t, 0, 0)
	}}
}

// ScenarioResumed is the rest of a run that was held after the first shown
// steps. In JSON it is the whole run.
func ScenarioResumed(t *probe.Trace, shown int) Document {
	return Document{model: t, text: func(p *page) {
		p.steps(t, shown, lastNumber(t))
		p.traceFoot(t)
	}}
}

// lastNumber is the number of the last step; 0 where there is none.
func lastNumber(t *probe.Trace) int {
	if len(t.Steps) == 0 {
		return 0
	}
	return t.Steps[len(t.Steps)-1].N
}

// archNames are the names that a reader knows, by Go's.
var archNames = map[string]string{"amd64": "x86-64"}

func archName(goarch string) string {
	if name, ok := archNames[goarch]; ok {
		return name
	}
	return goarch
}

func (p *page) traceHead(t *probe.Trace) {
	sep := " " + p.glyphs.sep + " "
	about := fmt.Sprintf("%s%spid %d", archName(t.Arch), sep, t.PID)
	p.add(apart(min(p.width, widest)-1, join(text(" "), styled(t.Scenario, strong), text(sep+t.Title)), styled(about, faint))...)
	p.prose(1, p.column(1), "From the lesson "+t.Lesson+".", faint)
	p.prose(1, p.column(1), "Bytes are in hexadecimal, the lowest address first. "+p.glyphs.here+" marks the line that has just run.", faint)
}

func (p *page) traceFoot(t *probe.Trace) {
	p.blank()
	p.prose(1, p.column(1), fmt.Sprintf("The kernel's lines for this memory, from /proc/%d/maps, the highest on top:", t.PID), plain)
	p.blank()
	for _, l := range slices.Backward(t.Memory.Maps) {
		p.add(join(styled("   "+escape(strings.TrimRight(l, " ")), faint).padded(52), text(" "+partOf(t.Memory, l))))
	}
}

// partOf says what of the memory a line of the maps file is.
func partOf(m probe.Memory, mapsLine string) string {
	mappings, err := layout.ParseMaps([]byte(mapsLine + "\n"))
	if err != nil {
		return ""
	}
	switch r := mappings[0].Range; {
	case r.Contains(m.Stack.Hi - 1):
		return "stack, " + size(r.Size())
	case r.Lo == m.Heap.Lo:
		return "heap, " + size(r.Size())
	case r.Overlaps(m.Stack) || r.Overlaps(m.Heap):
		return "reserved, " + size(r.Size())
	}
	return "guard"
}

// steps draws the steps from index first on; total is the number of the last
// step of the run, 0 where that is not known yet.
func (p *page) steps(t *probe.Trace, first, total int) {
	for i := first; i < len(t.Steps); i++ {
		p.step(t, i, total)
	}
}

func (p *page) step(t *probe.Trace, i, total int) {
	s := &t.Steps[i]
	var before *probe.Step
	if i > 0 {
		before = &t.Steps[i-1]
	}
	p.blank()
	p.stepTitle(s, total)
	p.blank()
	p.source(t.Source, s.Line)
	p.blank()
	p.prose(1, p.column(1), s.Text, plain)
	if s.Again {
		p.outside(before, s)
	}
	p.blank()
	p.memory(s, since(before), arrowLanes(t))
	p.happened(t, before, s)
	p.notes(s.Notes)
}

func (p *page) stepTitle(s *probe.Step, total int) {
	number := "Step " + strconv.Itoa(s.N)
	if total != 0 {
		number += " of " + strconv.Itoa(total)
	}
	if s.Again {
		number = fmt.Sprintf("Step %d again", s.N)
	}
	title := join(styled(" "+number, current), text(" "+p.glyphs.sep+" "), styled(s.Title, strong))
	rule := p.glyphs.lines[left|right]
	p.add(join(title, styled(" "+strings.Repeat(rule, max(0, min(p.width, widest)-2-title.cells())), faint)))
}

// source lists the program with the line that has just run marked.
func (p *page) source(lines []string, at int) {
	for i, l := range lines {
		row, st := "   "+fmt.Sprintf("%3d  ", i+1)+l, plain
		if i+1 == at {
			row, st = " "+p.glyphs.here+" "+fmt.Sprintf("%3d  ", i+1)+l, current
		}
		p.add(styled(row, st))
	}
}

// memory draws the stack and the heap: side by side with arrows where there is
// room, else one over the other.
func (p *page) memory(s *probe.Step, c changes, lanes int) {
	stackTitle := "STACK " + p.glyphs.growsDown + " grows down, high addresses on top"
	heapTitle := "HEAP " + p.glyphs.growsUp + " grows up"
	if p.width < sideBySide {
		stack := p.drawStack(s, c, p.width-2, nil)
		heap := p.drawHeap(s, c, p.width-2, nil)
		p.add(styled(" "+stackTitle, strong))
		p.add(indented(stack.lines)...)
		p.blank()
		p.add(styled(" "+heapTitle, strong))
		p.add(indented(heap.lines)...)
		return
	}
	const heapWidth = 42
	drawable := blocksOf(s)
	gutter := 6 + 2*lanes
	stackWidth := min(p.width, widest) - 1 - gutter - heapWidth
	stack := p.drawStack(s, c, stackWidth, drawable)
	heap := p.drawHeap(s, c, heapWidth, stack.arrows)
	p.add(join(styled(" "+stackTitle, strong).padded(1+stackWidth+gutter), styled(heapTitle, strong)))
	p.add(indented(p.connect(stack, heap, stackWidth, gutter))...)
}

func indented(lines []line) []line {
	out := make([]line, len(lines))
	for i, l := range lines {
		out[i] = join(text(" "), l)
	}
	return out
}

// blocksOf is the set of used blocks by address.
func blocksOf(s *probe.Step) map[addr.Addr]bool {
	blocks := map[addr.Addr]bool{}
	for _, b := range s.Heap.Blocks {
		if b.State == probe.BlockUsed {
			blocks[b.Addr] = true
		}
	}
	return blocks
}

// arrowLanes is how many arrows the fullest step of a run has: as many lanes
// stand between stack and heap in each, so that nothing moves from step to step.
func arrowLanes(t *probe.Trace) int {
	lanes := 0
	for i := range t.Steps {
		blocks, arrows := blocksOf(&t.Steps[i]), 0
		for _, f := range t.Steps[i].Frames {
			for _, v := range f.Vars {
				for _, field := range v.Fields {
					if target, ok := leadsTo(v, field); ok && blocks[target] {
						arrows++
					}
				}
			}
		}
		lanes = max(lanes, arrows)
	}
	return lanes
}

// leadsTo is where a field of v points, if v is live and it does.
func leadsTo(v probe.Var, f probe.Field) (addr.Addr, bool) {
	if f.PointsTo == nil || v.State != probe.Live {
		return 0, false
	}
	return *f.PointsTo, true
}

// notes sets what the lesson says beside what is there.
func (p *page) notes(notes []probe.Note) {
	if len(notes) > 0 {
		p.blank()
		p.add(text(" Where the lesson's picture differs from this memory:"))
	}
	for _, n := range notes {
		p.blank()
		p.add(join(styled(" Lesson  ", faint), text(n.Lesson)))
		p.add(join(styled(" Here    ", faint), styled(n.Here, strong)))
		p.prose(9, p.column(9), n.Why, faint)
	}
}
