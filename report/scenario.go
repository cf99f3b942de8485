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
	return ofRun(t, t, func(p *page, t *probe.Trace) {
		p.traceHead(t)
		p.steps(t, 0, lastNumber(t))
		p.traceFoot(t)
	})
}

// ScenarioStep is step n of a run alone, what it changed included. The trace
// must have that step.
func ScenarioStep(t *probe.Trace, n int) Document {
	only := *t
	only.Steps = t.Steps[n-1 : n]
	return ofRun(t, &only, func(p *page, t *probe.Trace) {
		p.traceHead(t)
		p.step(t, n-1, len(t.Steps), whole)
	})
}

// ScenarioHeld is a run that is being held: the steps up to now. How many there
// will be is not known yet.
func ScenarioHeld(t *probe.Trace) Document {
	return ofRun(t, t, func(p *page, t *probe.Trace) {
		p.traceHead(t)
		p.steps(t, 0, 0)
	})
}

// ScenarioResumed is the rest of a run that was held after the first shown
// steps. In JSON it is the whole run.
func ScenarioResumed(t *probe.Trace, shown int) Document {
	return ofRun(t, t, func(p *page, t *probe.Trace) {
		p.steps(t, shown, lastNumber(t))
		p.traceFoot(t)
	})
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
	about := archName(t.Arch)
	if !p.opts.Relative {
		about += fmt.Sprintf("%spid %d", sep, t.PID)
	}
	if t.Seed != nil {
		about = fmt.Sprintf("seed %d%s", *t.Seed, sep) + about
	}
	title := wrap(sep+t.Title, p.width-2-width(t.Scenario))
	last := len(title) - 1
	for i, words := range title {
		l := join(styled(" "+t.Scenario, strong), text(words))
		if i > 0 {
			l = join(text(strings.Repeat(" ", 1+width(t.Scenario+sep))), text(words))
		}
		if i < last {
			p.add(l)
			continue
		}
		p.add(apart(min(p.width, widest)-1, l, styled(about, faint))...)
	}
	p.prose(1, p.column(1), "From the lesson "+t.Lesson+".", faint)
	p.prose(1, p.column(1), "Bytes are in hexadecimal, the lowest address first. "+p.glyphs.here+" marks the line that has just run.", faint)
	if p.opts.Relative {
		p.prose(1, p.column(1), relativeNote, faint)
	}
}

func (p *page) traceFoot(t *probe.Trace) {
	if p.opts.Relative { // those lines are full of addresses
		return
	}
	p.blank()
	p.prose(1, p.column(1), fmt.Sprintf("The kernel's lines for this memory, from /proc/%d/maps, the highest on top:", t.PID), plain)
	p.blank()
	for _, l := range slices.Backward(t.Memory.Maps) {
		row, what := styled("   "+escape(strings.TrimRight(l, " ")), faint).padded(52), text(" "+partOf(t, l))
		if row.cells()+what.cells() > p.width {
			p.prose(3, p.column(3), escape(strings.TrimRight(l, " ")), faint)
			row = text("     ")
		}
		p.add(join(row, what))
	}
}

// partOf says what of a run's memory a line of the maps file is.
func partOf(t *probe.Trace, mapsLine string) string {
	mappings, err := layout.ParseMaps([]byte(mapsLine + "\n"))
	if err != nil {
		return ""
	}
	m := t.Memory
	switch r := mappings[0].Range; {
	case r.Contains(m.Stack.Hi - 1):
		return "stack, " + size(r.Size())
	case r.Lo == m.Heap.Lo:
		return "heap, " + size(r.Size())
	case r.Overlaps(m.Stack) || r.Overlaps(m.Heap):
		return "reserved, " + size(r.Size())
	case !r.Overlaps(addr.Range{Lo: m.Base, Hi: m.End}):
		return partOfThread(t, r)
	}
	return "guard"
}

// partOfThread is partOf for what lies beyond the run's own reservation: the memory of a
// thread that has not ended.
func partOfThread(t *probe.Trace, r addr.Range) string {
	for _, thread := range t.Steps[len(t.Steps)-1].Threads {
		if r.Contains(thread.Stack.Hi - 1) {
			return fmt.Sprintf("stack of thread %s, %s", escape(thread.Name), size(r.Size()))
		}
	}
	return "for a thread, " + size(r.Size())
}

// steps draws the steps from index first on; total is the number of the last
// step of the run, 0 where that is not known yet.
func (p *page) steps(t *probe.Trace, first, total int) {
	for i := first; i < len(t.Steps); i++ {
		p.step(t, i, total, excerptOf(i))
	}
}

func (p *page) step(t *probe.Trace, i, total int, lines excerpt) {
	s := &t.Steps[i]
	var before *probe.Step
	if i > 0 {
		before = &t.Steps[i-1]
	}
	p.blank()
	p.stepTitle(s, total)
	p.blank()
	p.source(t.Source, s.Line, lines)
	p.blank()
	p.prose(1, p.column(1), s.Text, plain)
	if s.Again {
		p.outside(before, s)
	}
	p.blank()
	c := since(before, s)
	if s.Landmarks != nil {
		p.landmarks(c)
	}
	p.memory(t, c)
	p.figures(s.Facts)
	p.stopped(s.Stopped)
	p.happened(t, c)
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
	before := join(styled(" "+number, current), text(" "+p.glyphs.sep+" "))
	for _, words := range wrapHard(s.Title, p.width-1-before.cells()) {
		l := join(before, styled(words, strong))
		rule := p.glyphs.lines[left|right]
		p.add(join(l, styled(" "+strings.Repeat(rule, max(0, min(p.width, widest)-2-l.cells())), faint)))
		before = text(strings.Repeat(" ", before.cells()))
	}
}

// memory draws the stack and the heap: side by side with arrows where there is
// room, else one over the other. A strip and a car park have the whole width.
func (p *page) memory(t *probe.Trace, c changes) {
	stackTitle := "STACK " + p.glyphs.growsDown + " grows down, high addresses on top"
	heapTitle := "HEAP " + p.glyphs.growsUp + " grows up"
	wide := p.width >= sideBySide && t.View != probe.ViewParking
	if t.View == probe.ViewMap && wide {
		p.strip(t, c)
	}
	if wide {
		heapWidth := heapWidth(t)
		lanes := p.arrowLanes(t)
		gutter := 6 + 2*lanes
		stackWidth := min(p.width, widest) - 1 - gutter - heapWidth
		stack := p.drawStack(c, stackWidth, lanes)
		heap := p.drawHeap(c, heapWidth, stack.arrows)
		p.add(join(styled(" "+stackTitle, strong).padded(1+stackWidth+gutter), styled(heapTitle, strong)))
		p.add(indented(p.connect(stack, heap, stackWidth, gutter))...)
		return
	}
	cells := min(p.width, widest) - 2
	p.add(styled(" "+stackTitle, strong))
	p.add(indented(p.drawStack(c, cells, 0).lines)...)
	p.blank()
	switch t.View {
	case probe.ViewParking:
		p.parking(t, c)
		return
	case probe.ViewMap:
		p.strip(t, c)
	}
	p.add(styled(" "+heapTitle, strong))
	p.add(indented(p.drawHeap(c, cells, nil).lines)...)
}

// heapWidth is how wide the heap's drawing is beside the stack's: less where a run never
// has a block.
func heapWidth(t *probe.Trace) int {
	for i := range t.Steps {
		if usedExtent(t, &t.Steps[i]) > 0 {
			return 42
		}
	}
	return 34
}

func indented(lines []line) []line {
	out := make([]line, len(lines))
	for i, l := range lines {
		out[i] = join(text(" "), l)
	}
	return out
}

// maxLanes is how many arrows a step has at most on a page so wide; where more pointers
// lead to blocks, the others have labels.
func maxLanes(width int) int { return 4 + (min(width, widest)-sideBySide)/4 }

// arrowLanes is how many arrows the fullest step of a run has: as many lanes
// stand between stack and heap in each, so that nothing moves from step to step.
func (p *page) arrowLanes(t *probe.Trace) int {
	lanes := 0
	for i := range t.Steps {
		arrows := 0
		for _, f := range t.Steps[i].Frames {
			for _, v := range f.Vars {
				for _, target := range targets(v) {
					if _, used := usedBlock(&t.Steps[i], target); used {
						arrows++
					}
				}
			}
		}
		lanes = max(lanes, arrows)
	}
	return min(lanes, maxLanes(p.width))
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
