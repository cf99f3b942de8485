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
	p      *page
	inside int                // cells between the borders, a blank at each end not counted
	blocks map[addr.Addr]bool // to which an arrow may lead; nil: a label says where to
	step   *probe.Step

	label, size, bytes, field int // widths of columns
}

// drawStack draws the frames of a step, the oldest on top, width cells wide.
func (p *page) drawStack(s *probe.Step, c changes, width int, blocks map[addr.Addr]bool) drawing {
	d := &stackDrawing{p: p, inside: width - 4, blocks: blocks, step: s}
	d.measure()
	if len(s.Frames) == 0 {
		d.lines = append(d.lines, text(fmt.Sprintf("no frames, sp %v %s", s.SP, p.glyphs.sp)))
	}
	for i, f := range s.Frames {
		d.title(f, i == 0, c.frame(f))
		d.frame(f, c)
	}
	if len(s.Frames) > 0 {
		d.bottom()
	}
	return d.drawing
}

// measure finds the columns' widths over all frames, so that they stand in line.
func (d *stackDrawing) measure() {
	d.label = len("(padding)")
	for _, f := range d.step.Frames {
		for _, v := range f.Vars {
			d.label = max(d.label, text(v.Name+": "+v.Type).cells())
			d.size = max(d.size, len(bytesOf(v.Size)))
			if isScalar(v) {
				d.bytes = max(d.bytes, len(hexBytes(v.Bytes)))
			}
			for _, field := range v.Fields {
				d.field = max(d.field, text(field.Name).cells())
			}
		}
	}
	d.label, d.field = min(d.label, maxLabel), min(d.field, maxField)
}

// The widest columns; a longer name has a row of its own.
const (
	maxLabel = 24
	maxField = 16
)

// isScalar is true for what is shown in one row: no fields, a word at most.
func isScalar(v probe.Var) bool { return len(v.Fields) == 0 && len(v.Bytes) <= wordSize }

// wordSize is how many bytes stand in a row beside a name.
const wordSize = 8

// title draws the upper border of a frame, which is the lower one of the frame
// above it.
func (d *stackDrawing) title(f probe.Frame, first bool, m mark) {
	g := d.p.glyphs.lines
	l, r := g[up|down|right], g[up|down|left]
	if first {
		l, r = g[down|right], g[down|left]
	}
	about := ", " + bytesOf(f.End.Sub(f.Start))
	st := strong
	if m != (mark{}) {
		st = m.style
		about += ", " + m.word
	}
	d.border(l, join(text(" "), styled(f.Name, st), text(about+" ")), text(" below "+f.End.String()+" "), r)
}

// frame draws a frame's variables, the highest on top, with the padding between.
func (d *stackDrawing) frame(f probe.Frame, c changes) {
	vars := slices.SortedFunc(slices.Values(f.Vars), func(v, w probe.Var) int { return cmp.Compare(w.Addr, v.Addr) })
	above := f.End
	for _, v := range vars {
		d.padding(addr.Range{Lo: v.Addr.Offset(v.Size), Hi: above})
		d.variable(v, c.vars[v.Addr], c.variable(f, v))
		above = v.Addr
	}
	d.padding(addr.Range{Lo: f.Start, Hi: above})
}

// padding draws bytes that belong to no variable.
func (d *stackDrawing) padding(r addr.Range) {
	if r.Lo < r.Hi {
		d.row(join(styled("(padding)", faint).padded(d.label), text("  "), styled(r.Lo.String(), faint), text("  "), styled(fmt.Sprintf("%*s", d.size, bytesOf(r.Size())), faint)))
	}
}

func (d *stackDrawing) bottom() {
	g := d.p.glyphs
	d.border(g.lines[up|right], nil, join(text(" "), styled(fmt.Sprintf("sp %v", d.step.SP), current), text(" ")), g.sp)
}

// border draws a border with a text near each end.
func (d *stackDrawing) border(l string, near, far line, r string) {
	d.lines = append(d.lines, border(d.p.glyphs, d.inside+4, l, near, far, r))
}

// border is a horizontal border, width cells wide, with texts near its ends.
func border(g glyphs, width int, l string, near, far line, r string) line {
	rule := strings.Repeat(g.lines[left|right], max(0, width-2-near.cells()-far.cells()))
	return join(text(l), near, text(rule), far, text(r))
}

// row draws one row between the borders.
func (d *stackDrawing) row(l line) {
	v := d.p.glyphs.lines[up|down]
	d.lines = append(d.lines, join(text(v+" "), l.padded(d.inside), text(" "+v)))
}

// variable draws a variable: a row that names it, then its fields or the rest of
// its bytes. old is what stood there in the step before.
func (d *stackDrawing) variable(v, old probe.Var, m mark) {
	head := join(
		d.name(v.Name+": "+v.Type, d.label), text("  "),
		styled(v.Addr.String(), faint), text("  "),
		text(fmt.Sprintf("%*s", d.size, bytesOf(v.Size))), text("  "),
	)
	if isScalar(v) {
		head = join(head, hexLine(v.Bytes, old.Bytes, m).padded(d.bytes), text("  "))
	}
	words := v.Value
	if d.owns(v) {
		words = "owns " + words
	}
	value := styled(words, valueStyle(v.State))
	markSpan := styled(m.word, m.style)
	if head.cells()+value.cells()+1+markSpan.cells() <= d.inside {
		d.row(apart(d.inside, join(head, value), markSpan)[0])
	} else {
		for _, l := range apart(d.inside, head, markSpan) {
			d.row(l)
		}
		for _, part := range broken(words, d.inside-4) {
			d.row(join(text("    "), styled(part, valueStyle(v.State))))
		}
	}
	switch {
	case isScalar(v):
	case len(v.Fields) == 0, d.tooMany(v):
		d.bytesRows(v.Bytes, old.Bytes, m)
	default:
		for _, f := range v.Fields {
			d.fieldRows(v, f, old, m)
		}
	}
}

// name is a name in a column of n cells: padded, or, where it is longer, drawn in
// rows of its own above.
func (d *stackDrawing) name(s string, n int) line {
	if text(s).cells() <= n {
		return text(s).padded(n)
	}
	for _, part := range broken(s, d.inside) {
		d.row(text(part))
	}
	return text("").padded(n)
}

// owns is true for a variable whose value lies in a block that it points to.
func (d *stackDrawing) owns(v probe.Var) bool {
	return slices.ContainsFunc(v.Fields, func(f probe.Field) bool {
		target, leads := leadsTo(v, f)
		return leads && blocksOf(d.step)[target]
	})
}

func valueStyle(s probe.State) style {
	if s == probe.Live {
		return strong
	}
	return faint
}

// tooMany is true for an array of more elements than are worth a row each.
func (d *stackDrawing) tooMany(v probe.Var) bool {
	return len(v.Fields) > 8 && !slices.ContainsFunc(v.Fields, func(f probe.Field) bool { return f.PointsTo != nil })
}

// fieldRows draws a field: offset, name, bytes, value or arrow.
func (d *stackDrawing) fieldRows(v probe.Var, f probe.Field, old probe.Var, m mark) {
	offset := f.Addr.Sub(v.Addr)
	var before []byte
	if end := int(offset) + len(f.Bytes); end <= len(old.Bytes) {
		before = old.Bytes[offset:end]
	}
	label := join(styled(fmt.Sprintf("%5s", fmt.Sprintf("+%d", offset)), faint), text("  "), d.name(f.Name, d.field), text("  "))
	target, leads := leadsTo(v, f)
	switch {
	case leads && d.blocks[target]:
		row := join(label, hexLine(f.Bytes, before, m), text("  "), styled(f.Value, pointer), text(" "))
		g := d.p.glyphs
		row = join(row.padded(d.inside-1), styled(g.dot+g.lines[left|right], pointer))
		d.arrows = append(d.arrows, arrow{len(d.lines), target})
		d.lines = append(d.lines, join(text(g.lines[up|down]+" "), row, styled(g.lines[up|down|left|right], pointer)))
	case leads:
		g := d.p.glyphs
		d.fieldRow(label, hexLine(f.Bytes, before, m), styled(g.dot+" "+g.to+" "+d.place(target), pointer))
	case len(f.Bytes) <= wordSize:
		d.fieldRow(label, hexLine(f.Bytes, before, m).padded(len(hexBytes(make([]byte, wordSize)))), styled(f.Value, valueStyle(v.State)))
	default:
		d.fieldRow(label, nil, styled(f.Value, valueStyle(v.State)))
		d.bytesRows(f.Bytes, before, m)
	}
}

// fieldRow draws a field's row, or two where the value needs one of its own.
func (d *stackDrawing) fieldRow(label, bytes, value line) {
	row := join(label, bytes, text("  "))
	if row.cells()+value.cells() <= d.inside {
		d.row(join(row, value))
		return
	}
	d.row(join(label, bytes))
	for _, v := range value {
		for _, part := range broken(v.text, d.inside-7) {
			d.row(join(text("       "), styled(part, v.style)))
		}
	}
}

// place names what lies at a: a block, a variable, or just the address.
func (d *stackDrawing) place(a addr.Addr) string {
	if blocksOf(d.step)[a] {
		return "block " + a.String()
	}
	for _, f := range d.step.Frames {
		for _, v := range f.Vars {
			if addr.Span(v.Addr, v.Size).Contains(a) {
				return fmt.Sprintf("%s.%s %v", f.Name, v.Name, a)
			}
		}
	}
	return a.String()
}

// bytesRows draws bytes that take several rows, with their offsets.
func (d *stackDrawing) bytesRows(b, old []byte, m mark) {
	for i := 0; i < len(b); i += wordSize {
		end := min(i+wordSize, len(b))
		var before []byte
		if end <= len(old) {
			before = old[i:end]
		}
		d.row(join(styled(fmt.Sprintf("%5s", fmt.Sprintf("+%d", i)), faint), text("  "), hexLine(b[i:end], before, m)))
	}
}

// hexLine is bytes as digits, those that differ from old ones in the colour of a
// change.
func hexLine(b, old []byte, m mark) line {
	if m != isChanged || len(old) != len(b) {
		return text(hexBytes(b))
	}
	var l line
	for i := range b {
		st := plain
		if b[i] != old[i] {
			st = altered
		}
		if i > 0 {
			l = append(l, span{text: " "})
		}
		l = append(l, span{hexBytes(b[i : i+1]), st})
	}
	return l
}

// broken is s in pieces of at most n cells.
func broken(s string, n int) []string {
	var parts []string
	var part strings.Builder
	for _, r := range s {
		if part.Len() > 0 && text(part.String()+string(r)).cells() > n {
			parts = append(parts, part.String())
			part.Reset()
		}
		part.WriteRune(r)
	}
	return append(parts, part.String())
}
