package report

import (
	"fmt"
	"slices"
	"strings"

	"memprobe/layout/addr"
	"memprobe/probe"
)

const (
	parkingRow = 16 // spaces in a row, of a granule each
	spaceWidth = 4  // cells of a space, with one of its walls
)

// reserved is the sign on a block whose address nobody has yet.
const reserved = "reserved"

// parking draws the heap as a car park: a row of spaces for so many granules, a car for
// each block. It is exact: a car takes as many spaces as its block has granules, and its
// ticket is the block's address.
func (p *page) parking(t *probe.Trace, c changes) {
	rows := 1
	for i := range t.Steps {
		rows = max(rows, int((usedExtent(t, &t.Steps[i])+parkingRow*granule-1)/(parkingRow*granule)))
	}
	all := int(t.Memory.Heap.Size() / granule)
	d := &parkingDrawing{heapMap: newHeapMap(c, t.Memory.Heap.Lo, granule, min(rows*parkingRow, all)), p: p}
	p.add(styled(" CAR PARK: the heap", strong))
	p.explain(fmt.Sprintf("A space is %s, a car is a block, its ticket is the block's address. A car with %s has just been parked; where there is %s, one has just left.",
		bytesOf(granule), d.body(true), d.tracks()))
	drawn := d.rowsUntilFree(parkingRow)
	for lo := 0; lo < drawn; lo += parkingRow {
		d.row(lo, min(lo+parkingRow, drawn))
	}
	if more := all - drawn; more > 0 {
		p.prose(1, p.column(1), fmt.Sprintf("%s more, all free, from %s on.", plural(more, "space"), p.addr(d.at(drawn))), faint)
	}
	d.tickets()
	d.attendant()
}

// parkingDrawing draws one step's car park.
type parkingDrawing struct {
	*heapMap
	p *page
}

// body is a piece of a car, tracks are what one leaves.
func (d *parkingDrawing) body(isNew bool) string {
	if isNew {
		return "="
	}
	return d.p.glyphs.lines[left|right]
}

func (d *parkingDrawing) tracks() string { return strings.Repeat(d.p.glyphs.dash, spaceWidth-1) }

// row draws the spaces [lo, hi): four lines, under the address of the first.
func (d *parkingDrawing) row(lo, hi int) {
	g := d.p.glyphs.lines
	d.p.add(styled("   "+d.p.addr(d.at(lo)), faint))
	walls := make([]bool, hi-lo+1) // to the left of each space, and at the end
	for i := range walls {
		walls[i] = lo+i == hi || i == 0 || !d.together(lo+i-1, lo+i)
	}
	d.p.add(d.edge(walls, g[down|right], g[left|right|down], g[down|left]))
	for level := range 2 {
		l := text("   ")
		for i := lo; i < hi; {
			end := i + 1
			for end < hi && !walls[end-lo] {
				end++
			}
			l = append(l, span{text: g[up|down]})
			l = append(l, d.space(i, end, level))
			i = end
		}
		d.p.add(append(l, span{text: g[up|down]}))
	}
	d.p.add(d.edge(walls, g[up|right], g[left|right|up], g[up|left]))
	if marks := strings.TrimRight(d.marks(lo, hi), " "); marks != "" {
		d.p.add(styled("   "+marks, current))
	}
}

func (d *parkingDrawing) at(cell int) addr.Addr { return d.lo.Offset(addr.Bytes(cell) * granule) }

// edge draws the upper or lower border of a row, joined to its walls.
func (d *parkingDrawing) edge(walls []bool, first, wall, last string) line {
	rule := d.p.glyphs.lines[left|right]
	var b strings.Builder
	b.WriteString("   " + first)
	for i := 1; i < len(walls); i++ {
		b.WriteString(strings.Repeat(rule, spaceWidth-1))
		switch {
		case i == len(walls)-1:
			b.WriteString(last)
		case walls[i]:
			b.WriteString(wall)
		default:
			b.WriteString(rule)
		}
	}
	return text(b.String())
}

// together is true for two neighbouring spaces that one car stands on.
func (d *parkingDrawing) together(i, j int) bool {
	b, used := usedBlock(d.step, d.at(i))
	return used && addr.Span(b.Addr, b.Size).Contains(d.at(j))
}

// space draws what stands on the spaces [lo, hi): a level of a car, or nothing. A car
// that goes on in the next row has no end in this one.
func (d *parkingDrawing) space(lo, hi, level int) span {
	inside := (hi-lo)*spaceWidth - 1
	b, used := usedBlock(d.step, d.at(lo))
	if !used {
		if d.cells[lo] == cellFreed && level == 1 {
			return span{d.tracks(), gone}
		}
		return span{text: strings.Repeat(" ", inside)}
	}
	isNew := d.cells[lo] == cellNew
	st := plain
	if isNew {
		st = fresh
	}
	starts, ends := d.cell(b.Addr) == lo, d.cell(b.Addr.Offset(b.Size-1)) == hi-1
	if level == 0 {
		return span{d.roof(b, inside, starts, ends, d.body(isNew)), st}
	}
	return span{d.wheels(inside, starts, ends, d.body(isNew)), st}
}

// roof is the upper level of a car, with its name where there is room.
func (d *parkingDrawing) roof(b probe.Block, inside int, starts, ends bool, body string) string {
	front, back := body, body
	if starts {
		front = d.corner("╭", "/")
	}
	if ends {
		back = d.corner("╮", `\`)
	}
	room := inside - 2
	name := ""
	if starts {
		name = d.name(b, room)
	}
	before := (room - width(name)) / 2
	return front + strings.Repeat(body, before) + name + strings.Repeat(body, room-width(name)-before) + back
}

// wheels is the lower level of a car.
func (d *parkingDrawing) wheels(inside int, starts, ends bool, body string) string {
	cells := slices.Repeat([]string{body}, inside)
	at := 0
	if inside > spaceWidth-1 {
		at = 1
		if starts {
			cells[0] = d.corner("╰", `\`)
		}
		if ends {
			cells[inside-1] = d.corner("╯", "/")
		}
	}
	if starts {
		cells[at] = "o"
	}
	if ends {
		cells[inside-1-at] = "o"
	}
	return strings.Join(cells, "")
}

func (d *parkingDrawing) corner(drawn, ascii string) string {
	if d.p.opts.ASCII {
		return ascii
	}
	return drawn
}

// name is what stands on a car: its block's name, or the start of it, in n cells.
func (d *parkingDrawing) name(b probe.Block, n int) string {
	name := shortName(d.step, b)
	if name == "" {
		name = reserved
	}
	if width(name) <= n {
		return name
	}
	return broken(name, n)[0]
}

// marks are the numbers of the spaces that the attendant looked at, below them.
func (d *parkingDrawing) marks(lo, hi int) string {
	row := []rune(strings.Repeat(" ", (hi-lo)*spaceWidth+1))
	for i, a := range d.order() {
		if cell := d.cell(a); cell >= lo && cell < hi {
			copy(row[(cell-lo)*spaceWidth+1:], []rune(fmt.Sprintf("^%d", i+1)))
		}
	}
	return string(row)
}

// shownContent is how many bytes of a block its ticket tells.
const shownContent = 4

// tickets lists the cars.
func (d *parkingDrawing) tickets() {
	heads := []string{"car", "ticket", "spaces", "asked for", "in it"}
	var rows [][]line
	for _, b := range d.step.Heap.Blocks {
		if b.State != probe.BlockUsed {
			continue
		}
		name := shortName(d.step, b)
		if name == "" {
			name = reserved
		}
		m, old := d.block(b)
		content := text(hexBytes(b.Bytes[:min(len(b.Bytes), shownContent)]))
		if len(b.Bytes) > shownContent {
			content = join(content, text(" ..."))
		}
		rows = append(rows, []line{
			text(name), styled(d.p.addr(b.Addr), pointer), text(fmt.Sprint(uint64(b.Size / granule))), text(bytesOf(b.Requested)),
			content, styled(m.word, m.style), styled(was(d.p, m, old), m.style),
		})
	}
	for _, b := range d.step.Heap.Blocks {
		if b.State == probe.BlockUsed {
			continue
		}
		for _, left := range d.freed(addr.Span(b.Addr, b.Size)) {
			rows = append(rows, []line{
				styled("(left)", gone), styled(d.p.addr(left.Addr), faint), text(fmt.Sprint(uint64(left.Size / granule))), text(bytesOf(left.Requested)),
				nil, styled(ofWhom(left), gone),
			})
		}
	}
	if rows != nil {
		d.p.blank()
		d.p.columns(heads, rows)
	}
}

// attendant tells of the search in spaces.
func (d *parkingDrawing) attendant() {
	for _, e := range d.step.Events {
		if !searched(e) {
			continue
		}
		d.p.blank()
		need := spaces(e.Size)
		d.p.prose(1, d.p.column(1), fmt.Sprintf("The attendant looks for %s, for %s:", plural(need, "space"), bytesOf(e.Size)), plain)
		for i, c := range e.LookedAt {
			words := "enough, the first that is"
			if !c.Fits {
				words = plural(need-spaces(c.Size), "space") + " too few"
			}
			d.p.prose(3, d.p.column(3), fmt.Sprintf("%d. %s: %s free, %s", i+1, d.p.addr(c.Addr), plural(spaces(c.Size), "space"), words), plain)
		}
	}
}

// spaces is how many granules n bytes need.
func spaces(n addr.Bytes) int { return int(max(n, 1).AlignUp(granule) / granule) }
