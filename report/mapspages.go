package report

import (
	"fmt"
	"strings"

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
	about  string
	bits   layout.PageState // it has all of these
}

// pageClasses from the strongest on; what is none of them is not in memory.
var pageClasses = []pageClass{
	{"g", "a guard inside the mapping", layout.PageGuarded},
	{"s", "swapped out", layout.PageSwapped},
	{"0", "the kernel's page of zeros, read but never written", layout.PagePresent | layout.PageZero},
	{"f", "in memory, a page of the file or shared", layout.PagePresent | layout.PageFile},
	{"#", "in memory, the process's own", layout.PagePresent},
}

// emptyPage and mixedPages stand for what is no class of its own.
const (
	emptyPage  = "."
	mixedPages = "+"
)

func letterOf(state layout.PageState) string {
	for _, c := range pageClasses {
		if state&c.bits == c.bits {
			return c.letter
		}
	}
	return emptyPage
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
	for _, m := range v.Choice.of(s).Mappings {
		if !s.User().Covers(m.Range) {
			continue // the kernel's own, of which it tells nothing
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
		p.mapsHead(s)
		for i := len(all) - 1; i >= 0; i-- {
			p.pagesOf(s, all[i])
		}
		p.blank()
		for _, c := range pageClasses {
			p.add(text(" " + c.letter + " " + c.about))
		}
		p.add(text(" " + emptyPage + " not in memory: never touched, or given back"))
		p.add(text(" " + mixedPages + " pages of several kinds in one character"))
	}}
}

const (
	pageColumns = 48 // characters in a row
	pageRows    = 12 // of a mapping at most; where that is too few a character is several pages
)

// pagesOf draws the pages of one mapping, from low to high address.
func (p *page) pagesOf(s *layout.Space, runs PageRuns) {
	m := runs.Mapping
	p.blank()
	cell := s.PageSize
	for m.Size() > cell*pageColumns*pageRows {
		cell *= 2
	}
	name := m.Name
	if l := s.Where(m.Lo); name == "" && l.Place != nil {
		name = l.Place.Part.Label
	}
	p.listed(join(styled(fmt.Sprintf(" %14v", m.Lo), strong), text(fmt.Sprintf("  %8s  %s  ", size(m.Size()), m.Perms))),
		plural(uint64(cell/s.PageSize), "page")+" a character: "+escape(name))
	if runs.Err != nil {
		p.prose(3, p.column(3), "Its pages can't be looked at: "+escape(runs.Err.Error()), altered)
		return
	}
	var row strings.Builder
	next := 0 // of runs: the first that may reach into the cell
	flush := func(lo addr.Addr) {
		p.add(join(styled(fmt.Sprintf(" %14v  ", lo), faint), text(row.String())))
		row.Reset()
	}
	start := m.Lo
	for at := m.Lo; at.Sub(m.Lo) < m.Size(); at = at.Offset(cell) {
		for next < len(runs.Runs) && runs.Runs[next].Hi <= at {
			next++
		}
		letter := ""
		for i := next; i < len(runs.Runs) && runs.Runs[i].Lo < at.Offset(cell); i++ {
			if l := letterOf(runs.Runs[i].State); letter == "" {
				letter = l
			} else if letter != l {
				letter = mixedPages
			}
		}
		row.WriteString(letter)
		if at.Sub(start)/cell == pageColumns-1 {
			flush(start)
			start = at.Offset(cell)
		}
	}
	if row.Len() > 0 {
		flush(start)
	}
}
