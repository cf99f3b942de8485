package report

import (
	"fmt"
	"slices"
	"strings"

	"memprobe/layout/addr"
	"memprobe/probe"
)

const (
	granule    addr.Bytes = 16 // what blocks are a multiple of
	stripRow              = 64 // cells in a row
	stripCells            = 4 * stripRow
)

// strip draws all of the heap to scale, low addresses first, a cell for so many bytes.
// The same stretch is drawn in every step of a run.
func (p *page) strip(t *probe.Trace, c changes) {
	heap := t.Memory.Heap
	extent, whole := stripExtent(t)
	unit := granule
	for unit*stripCells < extent {
		unit *= 2
	}
	m := newHeapMap(c, heap.Lo, unit, int((extent+unit-1)/unit))
	title := fmt.Sprintf(", to scale, %s to %s, %s", p.addr(heap.Lo), p.addr(heap.Lo.Offset(extent)), size(extent))
	p.add(join(styled(" HEAP", strong), text(title)))
	if !whole {
		p.explain(fmt.Sprintf("From there on it is free, up to %s.", p.addr(heap.Hi)))
	}
	k := p.glyphs.cells
	p.explain(fmt.Sprintf("A cell is %s: %s in use (neighbours in two shades), %s new, %s freed in this step, %s free.", bytesOf(unit), strings.Join(k.used[:], " "), k.new, k.freed, k.free))
	if len(m.order()) > 0 {
		p.explain("Numbers: where the search looked, in its order.")
	}

	label := 0
	for i := 0; i < len(m.cells); i += 32 {
		label = max(label, width(p.addr(heap.Lo.Offset(addr.Bytes(i)*unit))))
	}
	perRow := stripRow
	if 1+label+1+perRow > p.width {
		perRow /= 2
	}
	drawn := m.rowsUntilFree(perRow)
	for lo := 0; lo < drawn; lo += perRow {
		hi := min(lo+perRow, len(m.cells))
		row := styled(" "+p.addr(heap.Lo.Offset(addr.Bytes(lo)*unit)), faint).padded(1 + label + 1)
		for _, cell := range m.cells[lo:hi] {
			row = append(row, m.draw(k, cell))
		}
		end := " " + p.addr(heap.Lo.Offset(addr.Bytes(hi)*unit))
		if row.cells()+width(end) <= p.width && 1+label+1+perRow+1+label <= p.width {
			row = append(row, span{end, faint})
		}
		p.add(row)
		if names := strings.TrimRight(m.names(lo, hi), " "); names != "" {
			p.add(text(strings.Repeat(" ", 1+label+1) + names))
		}
	}
	if drawn < len(m.cells) {
		from := addr.Bytes(drawn) * unit
		p.add(styled(fmt.Sprintf(" %s %s more, all free", p.addr(heap.Lo.Offset(from)), bytesOf(extent-from)), faint))
	}
	p.blank()
}

// rowsUntilFree is how many cells have to be drawn, in rows of so many: up to the last
// row that is not wholly free, or where a search looked. One row there is always.
func (m *heapMap) rowsUntilFree(perRow int) int {
	last := 0
	for i, c := range m.cells {
		if c != cellFree {
			last = i
		}
	}
	for _, a := range m.order() {
		last = max(last, m.cell(a))
	}
	return min((last/perRow+1)*perRow, len(m.cells))
}

// stripExtent is how much of the heap a strip draws: all of it where a cell can stand
// for a granule, else what the run ever has in use.
func stripExtent(t *probe.Trace) (n addr.Bytes, whole bool) {
	if all := t.Memory.Heap.Size(); all <= granule*stripCells {
		return all, true
	}
	n = granule * stripRow
	for i := range t.Steps {
		n = max(n, usedExtent(t, &t.Steps[i]))
	}
	return min(n, t.Memory.Heap.Size()), false
}

// usedExtent is how far up the heap's highest used block ends in a step.
func usedExtent(t *probe.Trace, s *probe.Step) addr.Bytes {
	var n addr.Bytes
	for _, b := range s.Heap.Blocks {
		if b.State == probe.BlockUsed {
			n = max(n, b.Addr.Offset(b.Size).Sub(t.Memory.Heap.Lo))
		}
	}
	return n
}

// cellState is what a cell of a map shows; where several hold, the highest.
type cellState uint8

const (
	cellFree cellState = iota
	cellUsed
	cellUsedNext // the same, of every other block
	cellFreed
	cellNew
)

// heapMap is a heap in cells of so many bytes.
type heapMap struct {
	changes
	lo    addr.Addr
	unit  addr.Bytes
	cells []cellState
}

func newHeapMap(c changes, lo addr.Addr, unit addr.Bytes, n int) *heapMap {
	m := &heapMap{changes: c, lo: lo, unit: unit, cells: make([]cellState, n)}
	shade := cellUsed
	for _, b := range c.step.Heap.Blocks {
		r := addr.Span(b.Addr, b.Size)
		if b.State == probe.BlockFree {
			for _, was := range c.freed(r) {
				m.fill(addr.Span(was.Addr, was.Size).Intersect(r), cellFreed)
			}
			shade = cellUsed
			continue
		}
		mark, _ := c.block(b)
		if mark == isNew || mark == isMoved {
			m.fill(r, cellNew)
		} else {
			m.fill(r, shade)
		}
		shade = cellUsed + cellUsedNext - shade
	}
	return m
}

// fill sets the cells that r has bytes in.
func (m *heapMap) fill(r addr.Range, state cellState) {
	if r.Lo >= r.Hi {
		return
	}
	first, last := m.cell(r.Lo), m.cell(r.Hi-1)
	for i := first; i <= last && i < len(m.cells); i++ {
		m.cells[i] = max(m.cells[i], state)
	}
}

func (m *heapMap) cell(a addr.Addr) int { return int(a.Sub(m.lo) / m.unit) }

func (*heapMap) draw(k mapCells, c cellState) span {
	switch c {
	case cellUsed:
		return span{k.used[0], plain}
	case cellUsedNext:
		return span{k.used[1], plain}
	case cellFreed:
		return span{k.freed, gone}
	case cellNew:
		return span{k.new, fresh}
	}
	return span{k.free, faint}
}

// names is a row of text below the cells [lo, hi): the names of the blocks that have
// room for one, and which free blocks the search looked at.
func (m *heapMap) names(lo, hi int) string {
	row := []rune(strings.Repeat(" ", hi-lo))
	order := m.order()
	for _, b := range m.step.Heap.Blocks {
		name := shortName(m.step, b)
		if i := slices.Index(order, b.Addr); b.State == probe.BlockFree {
			if name = ""; i >= 0 {
				name = fmt.Sprint(i + 1)
			}
		}
		first := m.cell(b.Addr)
		cells := min(m.cell(b.Addr.Offset(b.Size-1))+1, hi) - first
		if first >= lo && first < hi && width(name) == len([]rune(name)) && len([]rune(name)) <= cells {
			copy(row[first-lo:], []rune(name))
		}
	}
	return string(row)
}

// order are the blocks at which the last search of the step looked, first to last, where
// it was about more than one.
func (m *heapMap) order() []addr.Addr {
	var order []addr.Addr
	for _, e := range m.step.Events {
		if searched(e) {
			order = nil
			for _, c := range e.LookedAt {
				order = append(order, c.Addr)
			}
		}
	}
	return order
}
