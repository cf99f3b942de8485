package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"memprobe/layout/addr"
	"memprobe/probe"
)

// arrow is a pointer that is drawn as one: from a row of the stack's drawing to
// a block.
type arrow struct {
	row int
	to  addr.Addr
}

// drawing is one column of a step's picture.
type drawing struct {
	lines  []line
	arrows []arrow           // out of a drawing of the stack
	rows   map[addr.Addr]int // where arrows meet the blocks, in a drawing of the heap
}

// stackDrawing draws frames into boxes of one width.
type stackDrawing struct {
	drawing
	changes
	p      *page
	inside int    // cells between the borders, a blank at each end not counted
	room   int    // how many arrows there may be; where there is none, a label says where to
	thread string // the one whose stack is being drawn
	wall   string // the border at both ends of a row
	faded  bool   // what is being drawn has gone

	label, address, size, bytes, field int // widths of columns
}

// drawStack draws the frames of a step, the oldest on top, so many cells wide, each
// thread's under a title of its own.
func (p *page) drawStack(c changes, cells, arrows int) drawing {
	d := &stackDrawing{changes: c, p: p, inside: cells - 4, room: arrows, wall: p.glyphs.lines[up|down]}
	d.measure()
	if len(c.step.Threads) == 0 {
		d.stack(c.step.SP)
	}
	for i, t := range c.step.Threads {
		if i > 0 {
			d.lines = append(d.lines, nil)
		}
		d.thread = t.Name
		d.threadTitle(t)
		d.stack(t.SP)
	}
	return d.drawing
}

// The widest columns; a longer name has a row of its own.
const (
	maxLabel = 24
	maxField = 16
)

// roomForValue is what a row should have for a value and a mark, or the bytes before
// them stand where they end.
const roomForValue = 14

// measure finds the columns' widths over all frames, so that they stand in line.
func (d *stackDrawing) measure() {
	d.label = len("(padding)")
	for _, f := range slices.Concat(d.step.Frames, d.step.Popped) {
		d.address = max(d.address, width(d.p.addr(f.Start)))
		d.size = max(d.size, len(bytesOf(f.Padding)))
		for _, v := range f.Vars {
			d.label = max(d.label, width(v.Name+": "+v.Type))
			d.address = max(d.address, width(d.p.addr(v.Addr)), width(d.p.addr(v.Addr.Offset(v.Size))))
			d.size = max(d.size, len(bytesOf(v.Size)))
			if isScalar(v) {
				d.bytes = max(d.bytes, len(hexBytes(v.Bytes)))
			}
			for _, field := range v.Fields {
				d.field = max(d.field, width(field.Name))
			}
		}
	}
	d.label, d.field = min(d.label, maxLabel), min(d.field, maxField)
	d.label = min(d.label, max(len("(padding)"), d.inside-d.address-d.size-6))
	if d.label+d.address+d.size+d.bytes+8+roomForValue > d.inside {
		d.bytes = 0
	}
}

// isScalar is true for what is shown in one row: no fields, a word at most, and
// nothing that it leads to.
func isScalar(v probe.Var) bool {
	return len(v.Fields) == 0 && len(v.Bytes) <= wordSize && len(targets(v)) == 0
}

// wordSize is how many bytes stand in a row beside a name.
const wordSize = 8

// threadTitle tells whose stack comes.
func (d *stackDrawing) threadTitle(t probe.Thread) {
	about := ""
	if !d.p.opts.Relative { // no two runs have the same
		about = fmt.Sprintf(", id %d", t.ID)
	}
	if t.SP == d.step.SP {
		about += ", runs now"
	}
	where := fmt.Sprintf("stack %s to %s, %s", d.p.addr(t.Stack.Lo), d.p.addr(t.Stack.Hi), size(t.Stack.Size()))
	d.lines = append(d.lines, apart(d.inside+4, join(text("Thread "), styled(escape(t.Name), strong), text(about)), styled(where, faint))...)
}

// stack draws the frames of one thread, and below its stack pointer what is left of
// those that have gone.
func (d *stackDrawing) stack(sp addr.Addr) {
	first := true
	for _, f := range d.step.Frames {
		if f.Thread != d.thread {
			continue
		}
		d.title(f, first)
		if first = false; f.Calls > 0 {
			d.folded(f)
			continue
		}
		d.frame(f)
	}
	at := "sp " + d.p.addr(sp)
	if first {
		d.lines = append(d.lines, join(text("no frames, "), styled(at, current), text(" "+d.p.glyphs.sp)))
	} else {
		g := d.p.glyphs
		d.border(g.lines[left|right], g.lines[up|right], nil, join(text(" "), styled(at, current), text(" ")), g.sp)
	}
	d.left()
}

// title draws the upper border of a frame, which is the lower one of the frame
// above it.
func (d *stackDrawing) title(f probe.Frame, first bool) {
	g := d.p.glyphs.lines
	l, r := g[up|down|right], g[up|down|left]
	if first {
		l, r = g[down|right], g[down|left]
	}
	about := ", " + bytesOf(f.End.Sub(f.Start))
	st := strong
	switch m := d.changes.frame(f); {
	case f.Calls > 0:
		about = ", again and again"
	case m != (mark{}):
		st = m.style
		about += ", " + m.word
	}
	d.border(g[left|right], l, join(text(" "), styled(f.Name, st), text(about+" ")), text(" below "+d.p.addr(f.End)+" "), r)
}

// folded draws a row for many frames of one function.
func (d *stackDrawing) folded(f probe.Frame) {
	words := fmt.Sprintf("%s of %s, %s to %s, %s", plural(f.Calls, "more frame"), f.Name, d.p.addr(f.Start), d.p.addr(f.End), size(f.End.Sub(f.Start)))
	for _, l := range wrap(words, d.inside) {
		d.row(styled(l, faint))
	}
}

// frame draws a frame's variables, the highest on top, with the padding between.
func (d *stackDrawing) frame(f probe.Frame) {
	vars := slices.SortedFunc(slices.Values(f.Vars), func(v, w probe.Var) int { return cmp.Compare(w.Addr, v.Addr) })
	above := f.End
	for _, v := range vars {
		d.padding(addr.Range{Lo: v.Addr.Offset(v.Size), Hi: above})
		d.variable(f, v)
		above = v.Addr
	}
	d.padding(addr.Range{Lo: f.Start, Hi: above})
}

// padding draws bytes that belong to no variable.
func (d *stackDrawing) padding(r addr.Range) {
	if r.Lo < r.Hi {
		d.row(fade(d.columns("(padding)", r.Lo, r.Size())))
	}
}

// left draws the popped frames of the thread whose bytes are still there, in borders
// that are not whole.
func (d *stackDrawing) left() {
	g := d.p.glyphs
	d.wall, d.faded = g.post, true
	any := false
	for _, f := range d.step.Popped {
		if f.Thread != d.thread {
			continue
		}
		any = true
		m := d.gone(f)
		end := styled(" below "+d.p.addr(f.End)+" ", faint)
		title := join(text(" "), styled(f.Name+", "+m.word, m.style), styled(": its bytes are still there ", faint))
		if !d.fits(title, end) {
			title = join(text(" "), styled(f.Name+", "+m.word+" ", m.style))
		}
		d.border(g.dash, g.post, title, end, g.post)
		d.frame(f)
	}
	if any {
		d.border(g.dash, g.post, nil, nil, g.post)
	}
	d.wall, d.faded = g.lines[up|down], false
}

// fits is true for texts near both ends of a border that leave something of it.
func (d *stackDrawing) fits(near, far line) bool { return near.cells()+far.cells()+3 <= d.inside+4 }

// border draws a border with a text near each end; where there is no room for both, the
// first one has a row of its own.
func (d *stackDrawing) border(rule, l string, near, far line, r string) {
	if d.fits(near, far) {
		d.lines = append(d.lines, border(rule, d.inside+4, l, near, far, r))
		return
	}
	d.lines = append(d.lines, border(rule, d.inside+4, l, nil, far, r))
	for _, s := range near {
		for _, part := range wrapHard(strings.TrimSpace(s.text), d.inside) {
			d.row(styled(part, s.style))
		}
	}
}

// border is a horizontal border, width cells wide, with texts near its ends.
func border(rule string, width int, l string, near, far line, r string) line {
	return join(text(l), near, text(strings.Repeat(rule, max(0, width-2-near.cells()-far.cells()))), far, text(r))
}

// row draws one row between the borders.
func (d *stackDrawing) row(l line) {
	if d.faded {
		l = fade(l)
	}
	d.lines = append(d.lines, join(text(d.wall+" "), l.padded(d.inside), text(" "+d.wall)))
}

// fade is l without what makes it look alive.
func fade(l line) line {
	out := slices.Clone(l)
	for i := range out {
		if out[i].style == plain || out[i].style == strong {
			out[i].style = faint
		}
	}
	return out
}
