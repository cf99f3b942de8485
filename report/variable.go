package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"memprobe/layout/addr"
	"memprobe/probe"
)

// columns is what every variable's row begins with: its name, address and size.
func (d *stackDrawing) columns(name string, a addr.Addr, n addr.Bytes) line {
	return join(
		text(d.name(name, d.label)), text("  "),
		styled(d.p.addr(a), faint).padded(d.address), text("  "),
		text(fmt.Sprintf("%*s", d.size, bytesOf(n))), text("  "),
	)
}

// variable draws a variable: a row that names it, then its fields, where it leads, or
// the rest of its bytes.
func (d *stackDrawing) variable(f probe.Frame, v probe.Var) {
	old, m := d.old(v), d.changes.variable(f, v)
	words := v.Value
	target, leads := leadsTo(v, v.PointsTo)
	switch {
	case leads:
		words = ""
	case d.owns(v):
		words = "owns " + words
	}
	head := d.columns(v.Name+": "+v.Type, v.Addr, v.Size)
	value, end := styled(words, valueStyle(v.State)), styled(m.word, m.style)
	var digits, b line
	if isScalar(v) {
		digits = hexLine(v.Bytes, old.Bytes, m)
		b = join(digits.padded(d.bytes), text("  "))
	}
	fits := func(l line) bool { return head.cells()+l.cells()+1+end.cells() <= d.inside }
	brief := d.inBrief(f, v)
	if stale := d.stale(v); brief && stale != nil && (fits(stale) || !fits(value)) {
		value = stale
	}
	switch {
	case fits(join(b, value)):
		d.row(apart(d.inside, join(head, b, value), end)[0])
	case value[0].text == unknown && fits(b):
		d.row(apart(d.inside, join(head, b), end)[0]) // the mark says as much
	case b != nil && fits(value): // the value where it is looked for, its bytes below
		d.row(apart(d.inside, join(head, value), end)[0])
		d.row(join(text("       "), digits))
	default:
		d.tall(head, value, end, digits)
	}
	switch {
	case leads:
		d.pointerRow(text("       "), v.Bytes, old.Bytes, m, target)
	case isScalar(v), brief:
	case len(v.Fields) == 0, tooMany(v):
		d.bytesRows(v.Bytes, old.Bytes, m)
	default:
		for _, f := range v.Fields {
			d.fieldRows(v, f, old, m)
		}
	}
}

// tall draws a variable whose head, value and mark have no room in one row. bytes are
// those of a scalar, nil for any other.
func (d *stackDrawing) tall(head, value, end, bytes line) {
	indent := text("    ")
	known := value[0].text != unknown // else the mark says as much
	switch first := apart(d.inside, head, end); {
	case len(first) == 1:
		d.row(first[0])
	case !known && bytes == nil:
		d.row(head)
		d.row(first[1])
		return
	default:
		d.row(head)
		if row := apart(d.inside, join(indent, value), end); bytes == nil && len(row) == 1 {
			d.row(row[0])
			return
		}
		d.row(first[1])
	}
	switch {
	case bytes != nil:
		d.fieldRow(text("       "), bytes, value)
	case known:
		for _, part := range wrapHard(value[0].text, d.inside-indent.cells()) {
			d.row(join(indent, styled(part, value[0].style)))
		}
	}
}

// inBrief is true for a variable of which a row says enough: nobody may use its bytes,
// and they are what they were in the step before. The bytes of variables that are not
// set yet are drawn as long as the frame has nothing else.
func (d *stackDrawing) inBrief(f probe.Frame, v probe.Var) bool {
	switch old := d.old(v); {
	case v.State == probe.Live:
		return false
	case v.State == probe.Uninitialised:
		return slices.ContainsFunc(f.Vars, func(v probe.Var) bool { return v.State != probe.Uninitialised })
	case v.State == probe.Popped:
		return d.goneBefore(f) && old.Name == v.Name && bytes.Equal(old.Bytes, v.Bytes)
	default:
		return old.Name == v.Name && old.State == v.State && bytes.Equal(old.Bytes, v.Bytes)
	}
}

// stale is the address that still stands in a handle that nobody may use.
func (d *stackDrawing) stale(v probe.Var) line {
	if v.State == probe.Uninitialised {
		return nil
	}
	for _, f := range v.Fields {
		if f.PointsTo != nil {
			return styled(f.Name+" "+d.p.addr(*f.PointsTo), faint)
		}
	}
	return nil
}

// unknown is the value of a variable that has none.
const unknown = "?"

// name is a name in a column of n cells: padded, or, where it is longer, drawn in
// rows of its own above.
func (d *stackDrawing) name(s string, n int) string {
	if width(s) <= n {
		return s + strings.Repeat(" ", n-width(s))
	}
	for _, part := range broken(s, d.inside) {
		d.row(text(part))
	}
	return strings.Repeat(" ", n)
}

// owns is true for a variable whose value lies in a block that it points to.
func (d *stackDrawing) owns(v probe.Var) bool {
	return slices.ContainsFunc(v.Fields, func(f probe.Field) bool {
		target, leads := leadsTo(v, f.PointsTo)
		b, used := usedBlock(d.step, target)
		return leads && used && b.Addr == target
	})
}

func valueStyle(s probe.State) style {
	if s == probe.Live {
		return strong
	}
	return faint
}

// tooMany is true for an array of more elements than are worth a row each.
func tooMany(v probe.Var) bool {
	return len(v.Fields) > 8 && !slices.ContainsFunc(v.Fields, func(f probe.Field) bool { return f.PointsTo != nil })
}

// fieldRows draws a field: offset, name, bytes, value or arrow.
func (d *stackDrawing) fieldRows(v probe.Var, f probe.Field, old probe.Var, m mark) {
	offset := f.Addr.Sub(v.Addr)
	var before []byte
	if end := int(offset) + len(f.Bytes); end <= len(old.Bytes) {
		before = old.Bytes[offset:end]
	}
	label := join(styled(offsetLabel(int(offset)), faint), text(d.name(f.Name, d.field)), text("  "))
	target, leads := leadsTo(v, f.PointsTo)
	switch {
	case leads:
		d.pointerRow(label, f.Bytes, before, m, target)
	case len(f.Bytes) <= wordSize:
		d.fieldRow(label, hexLine(f.Bytes, before, m).padded(len(hexBytes(make([]byte, wordSize)))), styled(f.Value, valueStyle(v.State)))
	default:
		d.fieldRow(label, nil, styled(f.Value, valueStyle(v.State)))
		d.bytesRows(f.Bytes, before, m)
	}
}

// offsetLabel is how far into a variable a row's bytes lie.
func offsetLabel(n int) string { return fmt.Sprintf("%5s  ", fmt.Sprintf("+%d", n)) }

// pointerRow draws bytes that are an address, and what lies there: at the end of an
// arrow where there is room for one, else in words.
func (d *stackDrawing) pointerRow(label line, b, old []byte, m mark, target addr.Addr) {
	g := d.p.glyphs
	row := join(label, hexLine(b, old, m))
	there := d.p.spot(d.step, d.thread, target)
	if there.block == 0 || len(d.arrows) == d.room {
		d.fieldRow(label, hexLine(b, old, m), styled(g.dot+" "+g.to+" "+there.words, pointer))
		return
	}
	shown := d.p.addr(target)
	if off := past(there.block, target); off != "" {
		shown += ", the block" + off
	}
	if row.cells()+2+width(shown)+1+2 <= d.inside {
		row = join(row, text("  "), styled(shown, pointer))
	}
	d.arrows = append(d.arrows, arrow{len(d.lines), there.block})
	row = join(row.padded(d.inside-1), styled(g.dot+g.lines[left|right], pointer))
	d.lines = append(d.lines, join(text(d.wall+" "), row, styled(g.lines[up|down|left|right], pointer)))
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
		for _, part := range wrapHard(v.text, d.inside-7) {
			d.row(join(text("       "), styled(part, v.style)))
		}
	}
}

// bytesRows draws bytes that take several rows, with their offsets.
func (d *stackDrawing) bytesRows(b, old []byte, m mark) {
	for _, r := range byteRows(b, old, wordSize) {
		if r.hidden != "" {
			d.row(styled("       "+r.hidden, faint))
			continue
		}
		d.row(join(styled(offsetLabel(r.lo), faint), hexLine(b[r.lo:r.hi], r.old, m)))
	}
}
