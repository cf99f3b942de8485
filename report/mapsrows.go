package report

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// mapRow is a row of the live side: a part, several of one kind, or a gap.
type mapRow struct {
	addr.Range             // from the lowest to the highest part
	size       addr.Bytes  // of the parts alone
	parts      int         // how many, or how many mappings
	mappings   bool        // parts counts mappings
	kind       layout.Kind // empty for a gap
	object     string      // a library that the row is about
	file       string      // a mapped file, of no library, that has the row for itself
	segment    layout.Segment
	perms      string // of the mappings; "mix" where they differ
	text       string
	found      bool            // there is a finding about it
	figures    *layout.Figures // nil: not known
}

func gapRow(r addr.Range, words string) mapRow {
	return mapRow{Range: r, size: r.Size(), text: words}
}

// padding is true for bytes of no section beside sections in one page: they have a row
// only where every part has one.
func padding(s *layout.Space, p *layout.Part) bool {
	return p.Kind == layout.KindELF && len(p.Sections) == 0 && p.Size() < s.PageSize
}

// mapRows are the rows for s, from high to low address. A row does not outlive its turn.
func mapRows(s *layout.Space, v MapsView) iter.Seq[*mapRow] {
	return func(yield func(*mapRow) bool) {
		out := folder{all: v.All, yield: yield}
		chosen := !v.Choice.all()
		gaps := s.Gaps
		found := foundParts(s)
		user := s.User()
		var info layout.KindInfo // of the part before: often of the next as well
		for i := len(s.Parts) - 1; i >= 0 && !out.ended; i-- {
			part := &s.Parts[i]
			if user.Contains(part.Lo) && i+1 < len(s.Parts) && !user.Contains(s.Parts[i+1].Lo) {
				out.add(gapRow(addr.Range{Lo: user.Hi, Hi: s.Parts[i+1].Lo}, "the kernel's, or no addresses"))
			}
			for len(gaps) > 0 && gaps[len(gaps)-1].Lo >= part.Hi && part.Hi != 0 {
				out.add(freeOrNot(s, gaps[len(gaps)-1], i))
				gaps = gaps[:len(gaps)-1]
			}
			if chosen && i+1 < len(s.Parts) && user.Contains(s.Parts[i+1].Lo) && s.Parts[i+1].Lo-part.Hi >= addr.Addr(s.PageSize) {
				out.add(gapRow(addr.Range{Lo: part.Hi, Hi: s.Parts[i+1].Lo}, "not chosen"))
			}
			if !v.All && !part.Library && padding(s, part) {
				continue
			}
			if info.Kind != part.Kind {
				info = part.Kind.Info()
			}
			row := rowOf(s, part, &info)
			row.found = len(found) > 0 && found[i]
			out.add(row)
		}
		for i := len(gaps) - 1; i >= 0; i-- {
			out.add(gapRow(gaps[i].Range, "unmapped"))
		}
		out.flush()
	}
}

// freeOrNot is the row of a gap above part i. Where the heap grows into it, or the first
// thread's stack does, it is the textbook's free space.
func freeOrNot(s *layout.Space, g layout.Gap, i int) mapRow {
	row := gapRow(g.Range, "unmapped")
	if g.Segment != layout.SegmentFree {
		return row
	}
	below := &s.Parts[i]
	if below.Segment() == layout.SegmentHeap || i+1 < len(s.Parts) && s.Parts[i+1].Kind == layout.KindProcessStack {
		row.segment = layout.SegmentFree
	}
	return row
}

// rowOf is the row of one part, of a kind about which info is.
func rowOf(s *layout.Space, part *layout.Part, info *layout.KindInfo) mapRow {
	row := mapRow{
		Range: part.Range, size: part.Size(), parts: 1, kind: part.Kind, segment: info.Segment,
		perms: s.Mappings[part.Mapping].Perms.String()[:3], text: partWords(s, part, info),
	}
	if part.Library {
		row.object, row.segment = part.Object, layout.SegmentNotDrawn
	} else if part.Kind == layout.KindFile {
		row.file = part.Object
	}
	return row
}

// mark is what stands between a row's permissions and its words.
func (r *mapRow) mark() string {
	if r.found {
		return "! "
	}
	return "  "
}

// words say what the row is, and how many parts or mappings it tells of.
func (r *mapRow) words() string {
	switch {
	case r.parts <= 1:
		return r.text
	case r.mappings:
		return fmt.Sprintf("%s (%d mappings)", r.text, r.parts)
	}
	return fmt.Sprintf("%s (%d parts)", r.text, r.parts)
}

// wordsIn are r's words in that many cells: where those of a library's row, or of a mapped
// file's, don't fit, the file's name alone stands for the path. A row of its own keeps a
// path if all do.
func (r *mapRow) wordsIn(cells int, all bool) string {
	words := r.words()
	switch {
	case width(words) <= cells:
		return words
	case r.object != "" && r.parts > 1:
		short := *r
		short.text = "library " + brief(baseName(r.object))
		return short.words()
	case r.file != "" && !all:
		return strings.Replace(words, brief(r.file), brief(baseName(r.file)), 1)
	}
	return words
}

// rowWords are what one row is, in lines. A row is often what the one above was.
type rowWords struct {
	row   mapRow
	cells int
	all   bool
	lines []string
}

// wordLines are wordsIn in lines of that many cells.
func (p *page) wordLines(r *mapRow, cells int, all bool) []string {
	w := &p.rowWords
	if w.lines == nil || w.row.text != r.text || w.row.object != r.object || w.row.file != r.file || w.row.kind != r.kind || w.row.parts != r.parts || w.row.mappings != r.mappings || w.cells != cells || w.all != all {
		*w = rowWords{*r, cells, all, wrapHard(r.wordsIn(cells, all), cells)}
	}
	return w.lines
}

// folder makes one row of those that belong together: of one library, or of one kind.
type folder struct {
	all   bool      // it folds nothing
	held  [2]mapRow // a row that others may join, and a gap below it
	n     int       // of held
	yield func(*mapRow) bool
	ended bool // nobody wants more rows
}

// add adds a row to the one above where both belong together; a gap between them is
// left out.
func (f *folder) add(row mapRow) {
	above := &f.held[0]
	switch {
	case f.all:
		*above = row
		f.n = 1
		f.flush()
	case f.n > 0 && row.kind != "" && above.joins(&row):
		above.take(&row)
		f.n = 1
	case f.n == 1 && row.kind == "":
		f.held[1] = row
		f.n = 2
	default:
		f.flush()
		f.held[0] = row
		f.n = 1
	}
}

// flush hands on the rows that are held.
func (f *folder) flush() {
	for i := range f.n {
		f.ended = f.ended || !f.yield(&f.held[i])
	}
	f.n = 0
}

// take makes a row below one with r.
func (r *mapRow) take(below *mapRow) {
	r.Lo = below.Lo
	r.size += below.size
	r.parts++
	r.found = r.found || below.found
	if r.perms != below.perms {
		r.perms = "mix"
	}
	switch {
	case r.object != "":
		r.text = "library " + brief(r.object)
	case r.segment == layout.SegmentNotDrawn:
		r.text = r.kind.Info().Text
	}
}

// joins is true for rows that are told of as one.
func (r *mapRow) joins(below *mapRow) bool {
	if r.object != "" || below.object != "" {
		return r.object == below.object
	}
	if r.segment != layout.SegmentNotDrawn && r.perms != below.perms {
		return false
	}
	return r.kind == below.kind && !slices.Contains(ownRow, r.kind)
}

// ownRow are the kinds whose parts have a row each: a reader may look for one of them.
var ownRow = []layout.Kind{
	layout.KindOwnGuard, layout.KindGuard, layout.KindThreadStack, layout.KindAnonymous, layout.KindReserved,
	layout.KindFile, layout.KindMemfd, layout.KindSysV, layout.KindShared,
}
