package report

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// MapsView says how an address space is shown.
type MapsView struct {
	Choice Choice
	Order  *Order // as a list; nil: beside the textbook's picture
	All    bool   // every part has a row of its own, else neighbours that belong together share one

	Resident bool          // the figures of each mapping, as a list
	Took     time.Duration // how long they took to read; 0: not told

	Changes *Changes // what became of it since another look; nil: not asked
	Own     bool     // it is memprobe's own
	Raw     []byte   // the kernel's own text; nil: made from the mappings
}

// mapsModel is an address space, or what was chosen of it.
type mapsModel struct {
	*layout.Space
	order *Order
	raw   []byte
}

// Maps is an address space beside the textbook's picture, high addresses on top, or
// as a list where the view has an order.
func Maps(whole *layout.Space, v MapsView) Document {
	space := v.Choice.of(whole)
	return Document{mapsModel{space, v.Order, v.Raw}, func(p *page) {
		p.mapsHead(whole, v.Own)
		p.chosen(whole, space, v.Choice)
		if v.Changes != nil {
			p.changed(v.Changes.of(v.Choice, whole), whole, 12)
		}
		switch {
		case len(space.Mappings) == 0:
			return
		case v.Resident && space.Figures != nil:
			p.residentList(space, v)
		case v.Order != nil:
			p.mapsList(space, v)
		default:
			p.mapsColumns()
			d := &mapsDrawing{page: p, all: v.All}
			d.draw(mapRows(space, v))
			p.leftOut(space, d.rows < len(space.Parts))
		}
		p.findings(space)
	}}
}

func (p *page) mapsHead(s *layout.Space, own bool) {
	about := spaceName(s)
	if own {
		about += " (memprobe itself)"
	}
	about += fmt.Sprintf(": %s, %s of addresses", plural(len(s.Mappings), "mapping"), size(s.Reserved))
	if s.ResidentKnown {
		about += ", " + size(s.Resident) + " of them in memory"
	}
	p.prose(1, p.width-2, about, plain)
	if s.Changed && !s.Text { // a saved list's notes say more
		p.prose(1, p.width-2, "The mappings changed each time they were read: this may never have been so at one moment.", altered)
	}
	for _, note := range s.Notes {
		p.prose(1, p.width-2, escape(note), faint)
	}
}

// spaceName says whose address space s is.
func spaceName(s *layout.Space) string {
	if s.Text {
		return "a saved list"
	}
	return fmt.Sprintf("%s, pid %d", escape(s.Comm), s.PID)
}

// chosen says what was chosen of an address space, and where it is nothing why.
func (p *page) chosen(whole, chosen *layout.Space, c Choice) {
	if c.all() {
		return
	}
	p.add(text(fmt.Sprintf(" Chosen: %s, %s in %s.", size(chosenSize(chosen)), plural(len(chosen.Parts), "part"), plural(len(chosen.Mappings), "mapping"))))
	if len(chosen.Mappings) > 0 {
		return
	}
	p.prose(1, p.column(1), "No mapping here has all that was asked for.", plain)
	if !slices.Contains(c.Parts, hyphened(string(layout.SegmentFree))) {
		return
	}
	var largest layout.Gap
	for _, g := range whole.Gaps {
		if g.Segment == layout.SegmentFree && g.Size() > largest.Size() {
			largest = g
		}
	}
	if largest.Size() > 0 {
		p.prose(1, p.column(1), fmt.Sprintf("Free space is what lies unmapped between heap and stack, of which the largest gap, from %v, has %s.", largest.Lo, size(largest.Size())), plain)
	}
}

// chosenSize is what the parts of s have together.
func chosenSize(s *layout.Space) (n addr.Bytes) {
	for _, part := range s.Parts {
		n += part.Size()
	}
	return n
}

func (p *page) mapsColumns() {
	p.blank()
	p.add(join(styled(" TEXTBOOK", strong).padded(1+bookWidth+2), styled("HERE  ", strong), styled("from         size  may  what it is", faint)))
}

// mapRow is a row of the live side: a part, several of one kind, or a gap.
type mapRow struct {
	addr.Range             // from the lowest to the highest part
	size       addr.Bytes  // of the parts alone
	parts      int         // how many, or how many mappings
	mappings   bool        // parts counts mappings
	kind       layout.Kind // empty for a gap
	object     string      // a library that the row is about
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
		short.text = "library " + escape(baseName(r.object))
		return short.words()
	case r.kind == layout.KindFile && !all:
		return baseName(words) // that of a file has a row of its own: its words are its path
	}
	return words
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
		r.text = "library " + escape(r.object)
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

// partText says what a part is.
func partText(s *layout.Space, p layout.Part) string {
	info := p.Kind.Info()
	return partWords(s, &p, &info)
}

// partWords is partText where it is known what the part's kind is.
func partWords(s *layout.Space, p *layout.Part, info *layout.KindInfo) string {
	about := info.Text
	switch {
	case p.Library:
		return libraryWords(s, p, about)
	case p.Kind == layout.KindELF && len(p.Sections) == 0:
		return paddingWords(s, p)
	case p.Kind == layout.KindELF:
		return elfWords(p)
	case p.Kind == layout.KindGoHeap && s.Mappings[p.Mapping].Perms&(layout.Readable|layout.Writable) == 0:
		return "reserved for Go's heap to grow into"
	case p.Kind == layout.KindOwnHeap:
		return about + inUse(s, layout.KindOwnHeap, layout.KindOwnHeapReserve)
	case p.Kind == layout.KindOwnStack:
		return about + inUse(s, layout.KindOwnStack, layout.KindOwnStackReserve)
	case p.Kind == layout.KindThreadStack:
		return "stack of " + escape(p.Label) + stackUse(s, p)
	case p.Kind == layout.KindProcessStack && s.FirstIsElsewhere():
		return escape(p.Label) + ": " + kernelsStack
	case p.Kind == layout.KindProcessStack:
		return escape(p.Label) + ": " + about + stackUse(s, p)
	case p.Kind == layout.KindGuard:
		return escape(p.Label) + ": never accessible"
	case p.Kind == layout.KindFile:
		return escape(p.Object)
	case p.Kind == layout.KindAnonymous, p.Kind == layout.KindReserved:
		return escape(p.Label) // what that means stands below the picture
	case info.Named:
		return escape(p.Label) + ": " + about
	}
	return about
}

// libraryWords say what a part of a library is: the file's name does, but where the file
// begins its whole path.
func libraryWords(s *layout.Space, p *layout.Part, about string) string {
	name := escape(baseName(p.Object))
	switch {
	case p.Kind == layout.KindELF && len(p.Sections) == 0:
		return name + ": " + paddingWords(s, p)
	case p.Kind == layout.KindELF && p.Lo == s.Mappings[p.Mapping].Lo && s.Mappings[p.Mapping].Offset == 0:
		return escape(p.Object) + " " + elfWords(p)
	case p.Kind == layout.KindELF:
		return name + " " + elfWords(p)
	default:
		return name + " " + escape(p.Label) + ": " + about
	}
}

// elfWords say what sections are that are neither code nor data: of many, the first and
// the last.
func elfWords(p *layout.Part) string {
	label := escape(p.Label)
	if n := len(p.Sections); n > 2 {
		label = escape(p.Sections[0].Name) + " to " + escape(p.Sections[n-1].Name)
	}
	return label + ": headers, tables for the loader"
}

// paddingWords say what bytes of no section are.
func paddingWords(s *layout.Space, p *layout.Part) string {
	if p.Size() < s.PageSize && p.Hi.Aligned(s.PageSize) {
		return "padding up to the page's end"
	}
	return "bytes of no section"
}

// kernelsStack is a first stack that no thread runs on any more.
const kernelsStack = "the stack that the kernel made; no thread runs on it"

// stackUse says how much of a stack was ever used, and how much there is before its end.
func stackUse(s *layout.Space, p *layout.Part) string {
	stack := s.StackAt(p.Lo)
	if stack == nil {
		return ""
	}
	left, known := stack.ToGuard()
	switch {
	case !known:
		return ""
	case stack.First && stack.Limit > 0:
		return fmt.Sprintf(", %s touched, may grow to %s", size(stack.Touched), size(stack.Limit))
	case stack.First:
		return fmt.Sprintf(", %s touched", size(stack.Touched))
	case stack.Guard.Size() == 0:
		return fmt.Sprintf(", %s of %s touched, then %s and no guard", size(stack.Touched), size(stack.Size()), leftOf(stack, left))
	}
	return fmt.Sprintf(", %s of %s touched, then %s to the guard", size(stack.Touched), size(stack.Size()), leftOf(stack, left))
}

// leftOf is how much of a stack is left, in KiB where rounded it would seem to be all.
func leftOf(stack *layout.Stack, left addr.Bytes) string {
	if left < stack.Size() && size(left) == size(stack.Size()) && left%1024 == 0 {
		return humanize.Comma(int64(left/1024)) + " KiB"
	}
	return size(left)
}

// inUse says how much of what is set aside for a kind is accessible.
func inUse(s *layout.Space, used, reserve layout.Kind) string {
	var have, all addr.Bytes
	for _, p := range s.Whole().Parts {
		switch p.Kind {
		case used:
			have += p.Size()
			all += p.Size()
		case reserve:
			all += p.Size()
		}
	}
	return fmt.Sprintf(", %s accessible of %s", size(have), size(all))
}

// mapsDrawing draws the textbook's picture beside the live rows.
type mapsDrawing struct {
	*page
	all  bool // every part has a row of its own
	rows int  // of parts
}

// draw draws band after band: rows that play one segment, with what lies between
// them.
func (d *mapsDrawing) draw(rows iter.Seq[*mapRow]) {
	d.bookTop()
	band := layout.Segment("")
	for r := range rows {
		if r.kind != "" {
			d.rows++
		}
		if r.segment != "" && r.segment != layout.SegmentNotDrawn && r.segment != band {
			if band != "" {
				d.bookRule()
			}
			band = r.segment
			d.drawRow(r, d.rowTitle(r), strong)
			continue
		}
		d.drawRow(r, d.rowTitle(r), faint)
	}
	d.bookBottom()
}

// rowTitle is what the textbook's side says beside a row: the segment that it plays,
// with the way that it grows.
func (d *mapsDrawing) rowTitle(r *mapRow) string {
	switch {
	case r.segment == "":
		return ""
	case r.kind == layout.KindGoHeap: // its arenas lie where the runtime wants them
		return bookTitle(r.segment)
	}
	return d.bandTitle(r.segment)
}

// drawRow draws one row, its text in as many lines as it needs.
func (d *mapsDrawing) drawRow(r *mapRow, book string, st style) {
	const indent = 14 + 2 + 8 + 2 + 3 + 2
	textWidth := d.width - 1 - bookWidth - 2 - indent - 1
	d.putBook(book, st)
	if r.kind == "" {
		dots := strings.Repeat(d.glyphs.sep, 3)
		words := dots + " " + size(r.size) + " " + r.text + " " + dots
		d.put(blanks(min(16, max(0, d.width-1-bookWidth-2-1-width(words)))), plain)
		d.put(words, faint)
		d.end()
		return
	}
	var digits [18]byte
	from := string(r.Lo.Append(digits[:0]))
	sized := short(r.size)
	d.putLeft(from, 14, faint)
	d.putRight(sized, sizeCells(from, sized), plain)
	d.put("  ", plain)
	d.put(r.perms, faint)
	d.put(r.mark(), altered)
	longer := max(14, len(from)) + sizeCells(from, sized) - 24
	words := plain
	if r.segment == layout.SegmentNotDrawn {
		words = faint
	}
	cells := max(textWidth-max(0, longer), 16)
	for i, s := range d.wrapHard(r.wordsIn(cells, d.all), cells) {
		if i > 0 {
			d.putBook("", plain)
			d.put(blanks(indent), plain)
		}
		d.put(s, words)
		d.end()
	}
}

// wrapHard wraps between words and, where a word is longer than a line, inside it.
func wrapHard(s string, n int) []string {
	if s != "" && width(s) <= n {
		return []string{s}
	}
	var lines []string
	for _, l := range wrap(s, n) {
		if width(l) <= n {
			lines = append(lines, l)
			continue
		}
		lines = append(lines, broken(l, n)...)
	}
	if len(lines) == 0 {
		return []string{""}
	}
	return lines
}

// leftOut tells in a line each what the textbook does not draw.
func (p *page) leftOut(s *layout.Space, folded bool) {
	type total struct {
		parts int
		size  addr.Bytes
	}
	totals := map[layout.Kind]*total{}
	var last layout.Kind // of the part before: often of the next as well
	var sum *total       // nil: the textbook draws it
	for i := range s.Parts {
		part := &s.Parts[i]
		kind := part.Kind
		if part.Library {
			kind = "library"
		}
		if i == 0 || kind != last {
			last, sum = kind, nil
			if part.Library || part.Segment() == layout.SegmentNotDrawn {
				if totals[kind] == nil {
					totals[kind] = &total{}
				}
				sum = totals[kind]
			}
		}
		if sum != nil {
			sum.parts++
			sum.size += part.Size()
		}
	}
	kinds := append([]layout.KindInfo{{Kind: "library", Text: "code and data of the libraries"}}, layout.Kinds...)
	p.blank()
	p.add(text(" r: may be read, w: written, x: run as code; mix: not all parts alike"))
	p.blank()
	if len(totals) > 0 {
		p.add(styled(" What the textbook leaves out:", strong))
	}
	for _, info := range kinds {
		if t := totals[info.Kind]; t != nil {
			words := wrap(info.Text, p.width-26)
			p.add(text(fmt.Sprintf("   %8s in %-9s  %s", short(t.size), plural(t.parts, "part"), words[0])))
			for _, more := range words[1:] {
				p.add(text(strings.Repeat(" ", 25) + more))
			}
		}
	}
	if folded {
		p.add(styled(" With --all every part has a row of its own.", faint))
	}
}
