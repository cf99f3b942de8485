package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// PageRuns are the runs of pages of one mapping.
type PageRuns struct {
	Mapping layout.Mapping
	Runs    []layout.PageRun
	Err     error // why they could not be looked at
}

// pagesJSON is a mapping's pages in the JSON form.
type pagesJSON struct {
	addr.Range
	Name  string    `json:"name"`
	Error string    `json:"error,omitempty"`
	Runs  []runJSON `json:"runs"`
}

type runJSON struct {
	addr.Range
	Pages  uint64   `json:"pages"`
	States []string `json:"states"`
}

// pageClass is how a page is drawn: the first whose bits it has.
type pageClass struct {
	letter string
	short  string
	about  string
	bits   layout.PageState // it has all of these
}

// pageClasses from the strongest on; what is none of them is not in memory.
var pageClasses = []pageClass{
	{"g", "guarded", "a guard inside the mapping", layout.PageGuarded},
	{"s", "swapped out", "swapped out", layout.PageSwapped},
	{"0", "of zeros", "the kernel's page of zeros, read but never written", layout.PagePresent | layout.PageZero},
	{"f", "of the file or shared", "in memory, a page of the file or shared", layout.PagePresent | layout.PageFile},
	{"#", "the process's own", "in memory, the process's own", layout.PagePresent},
	{".", "not in memory", "not in memory: never touched, or given back", 0},
}

// mixedPages stands for what is no class of its own.
const mixedPages = "+"

// classOf is the index of a state's class.
func classOf(state layout.PageState) int {
	return slices.IndexFunc(pageClasses, func(c pageClass) bool { return state&c.bits == c.bits })
}

// countWords say how many pages of each class there are.
func countWords(runs []layout.PageRun, page addr.Bytes) string {
	counts := make([]uint64, len(pageClasses))
	all := uint64(0)
	for _, r := range runs {
		n := uint64(r.Size() / page)
		counts[classOf(r.State)] += n
		all += n
	}
	var words []string
	for i, n := range counts {
		if n == all {
			return plural(all, "page") + ", " + pageClasses[i].short
		}
		if n > 0 {
			words = append(words, humanize.Comma(int64(n))+" "+pageClasses[i].short)
		}
	}
	return plural(all, "page") + ": " + strings.Join(words, ", ")
}

// Pages draws which pages of the mappings that the view chooses are in memory: look
// gives a mapping's.
func Pages(s *layout.Space, v MapsView, look func(layout.Mapping) PageRuns) Document {
	model := struct {
		Schema   int         `json:"schema"`
		PID      int         `json:"pid"`
		PageSize addr.Bytes  `json:"page_size"`
		Mappings []pagesJSON `json:"mappings"`
	}{schema, s.PID, s.PageSize, []pagesJSON{}}
	var all []PageRuns
	var kernel []string // what is the kernel's own
	chosen := v.Choice.of(s)
	for _, m := range chosen.Mappings {
		if !s.User().Covers(m.Range) {
			kernel = append(kernel, brief(m.Name))
			continue
		}
		runs := look(m)
		all = append(all, runs)
		entry := pagesJSON{Range: m.Range, Name: strings.ToValidUTF8(m.Name, "\ufffd"), Runs: []runJSON{}}
		if runs.Err != nil {
			entry.Error = runs.Err.Error()
		}
		for _, r := range runs.Runs {
			entry.Runs = append(entry.Runs, runJSON{r.Range, uint64(r.Size() / s.PageSize), append([]string{}, r.State.Names()...)})
		}
		model.Mappings = append(model.Mappings, entry)
	}
	return Document{model, func(p *page) {
		p.mapsHead(s, v.Own)
		p.chosen(s, chosen, v.Choice)
		drawn := ""
		for i := len(all) - 1; i >= 0; i-- {
			drawn += p.pagesOf(s, all[i])
		}
		p.pageLegend(drawn)
		for _, name := range kernel {
			p.blank()
			p.prose(1, p.column(1), name+" is the kernel's: nothing is told of its pages.", faint)
		}
	}}
}

const (
	pageColumns     = 48  // characters in a row
	widePageColumns = 96  // and where there is room
	wideForPages    = 116 // from which width on there is

	pageRows = 12 // of a mapping at most; where that is too few a character is several pages
)

// pageLegend says what the letters mean that were drawn.
func (p *page) pageLegend(drawn string) {
	if drawn == "" {
		return
	}
	p.blank()
	for _, c := range pageClasses {
		if strings.Contains(drawn, c.letter) {
			p.add(text(" " + c.letter + " " + c.about))
		}
	}
	if strings.Contains(drawn, mixedPages) {
		p.add(text(" " + mixedPages + " pages of several kinds in one character"))
	}
}

// letters are those that occur in rows.
func letters(rows []string) string {
	var all strings.Builder
	for _, c := range append([]pageClass{{letter: mixedPages}}, pageClasses...) {
		if slices.ContainsFunc(rows, func(row string) bool { return strings.Contains(row, c.letter) }) {
			all.WriteString(c.letter)
		}
	}
	return all.String()
}

// pagesOf draws the pages of one mapping, from low to high address, and gives the letters
// that it drew. Pages that are all alike are told in words alone.
func (p *page) pagesOf(s *layout.Space, runs PageRuns) (drawn string) {
	m := runs.Mapping
	p.blank()
	columns := addr.Bytes(pageColumns)
	if p.width >= wideForPages {
		columns = widePageColumns
	}
	cell := s.PageSize
	for m.Size() > cell*columns*pageRows {
		cell *= 2
	}
	name := m.Name
	if l := s.Where(m.Lo); name == "" && l.Place != nil {
		name = l.Place.Part.Label
		if object := l.Place.Part.Object; object != "" {
			name = baseName(object) + " " + name
		}
	}
	p.listed(join(styled(fmt.Sprintf(" %14v", m.Lo), strong), text(fmt.Sprintf("  %8s  %s  ", short(m.Size()), m.Perms))), brief(name))
	if runs.Err != nil {
		p.prose(3, p.column(3), "Its pages can't be looked at: "+briefWithin(runs.Err.Error()), altered)
		return ""
	}
	about := countWords(runs.Runs, s.PageSize)
	rows := pageLetters(runs, cell, columns)
	drawn = letters(rows)
	if len(drawn) == 1 && drawn != mixedPages {
		p.prose(17, p.column(17), about, faint)
		return ""
	}
	if cell > s.PageSize {
		about += "; a character is " + plural(uint64(cell/s.PageSize), "page")
	}
	p.prose(17, p.column(17), about, faint)
	for i := 0; i < len(rows); i++ {
		p.add(join(styled(fmt.Sprintf(" %14v  ", m.Lo.Offset(addr.Bytes(i)*cell*columns)), faint), text(rows[i])))
		alike := i
		for alike+1 < len(rows) && rows[alike+1] == rows[i] {
			alike++
		}
		if n := alike - i; n > 1 { // one more row takes no more room than telling of it
			p.add(styled(fmt.Sprintf("%17sand %s like that", "", plural(n, "row")), faint))
			i = alike
		}
	}
	return drawn
}

// pageLetters are the rows of a mapping's picture.
func pageLetters(runs PageRuns, cell, columns addr.Bytes) []string {
	m := runs.Mapping
	var rows []string
	var row strings.Builder
	next := 0 // of runs: the first that may reach into the cell
	for at := m.Lo; at.Sub(m.Lo) < m.Size(); at = at.Offset(cell) {
		for next < len(runs.Runs) && runs.Runs[next].Hi <= at {
			next++
		}
		letter := ""
		for i := next; i < len(runs.Runs) && runs.Runs[i].Lo < at.Offset(cell); i++ {
			if l := pageClasses[classOf(runs.Runs[i].State)].letter; letter == "" {
				letter = l
			} else if letter != l {
				letter = mixedPages
			}
		}
		row.WriteString(letter)
		if addr.Bytes(row.Len()) == columns {
			rows = append(rows, row.String())
			row.Reset()
		}
	}
	if row.Len() > 0 {
		rows = append(rows, row.String())
	}
	return rows
}
