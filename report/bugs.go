package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"memprobe/probe/bugs"
)

// Bugs lists the bugs that were run, with the nets that noticed each.
func Bugs(r *bugs.Result) Document {
	return Document{r, func(p *page) {
		p.ran(len(r.Bugs))
		group := ""
		for _, t := range r.Bugs {
			if t.Group != group {
				group = t.Group
				p.blank()
				p.add(styled(" "+group, strong))
			}
			p.listedBug(t)
		}
		p.blank()
		p.setups(r.Setups)
		p.blank()
		p.add(text(" One of them, with its program:        memprobe bugs " + r.Bugs[0].Name))
		p.add(text(" All of them, and what the nets cost:  memprobe bugs all"))
	}}
}

// ran says what the report is about.
func (p *page) ran(n int) {
	p.prose(1, p.column(1), fmt.Sprintf("%s, each a small program that really makes the mistake, on memory of memprobe's own. "+
		"They were run just now, once under each net.", plural(n, "classic memory bug")), plain)
}

// Widths of the list's columns, and that from which the nets stand beside a bug's
// title.
const (
	nameWidth   = 22
	titleWidth  = 48
	besideTitle = 120
)

// listedBug is a bug and the nets that noticed it.
func (p *page) listedBug(t bugs.Trial) {
	row := join(text("   "), text(t.Name).padded(nameWidth), text(t.Title))
	indent := 3 + nameWidth
	if p.width >= besideTitle {
		indent += titleWidth
		row = row.padded(indent)
	} else {
		p.add(row)
		row = nil
	}
	for _, l := range wrap(caughtBy(t), p.width-indent-1) {
		p.add(join(row.padded(indent), text(l)))
		row = nil
	}
}

// verdicts are what may come of a bug under a net, in the order of the list.
var verdicts = []struct {
	words string
	holds func(bugs.Run) bool
}{
	{"refused", func(r bugs.Run) bool { return r.Refused != "" }},
	{"at once", func(r bugs.Run) bool { return r.Moment == bugs.AtOnce && r.Blamed != bugs.WrongBlock }},
	{"later", func(r bugs.Run) bool { return r.Moment == bugs.Later && r.Blamed != bugs.WrongBlock }},
	{"at the end", func(r bugs.Run) bool { return r.Moment == bugs.AtEnd && r.Blamed != bugs.WrongBlock }},
	{"blamed on the wrong block", func(r bugs.Run) bool { return r.Blamed == bugs.WrongBlock }},
}

// caughtBy says in words when which nets noticed a bug.
func caughtBy(t bugs.Trial) string {
	var parts []string
	for _, v := range verdicts {
		var nets []string
		for _, run := range t.Runs {
			if v.holds(run) {
				nets = append(nets, run.Net)
			}
		}
		switch len(nets) {
		case 0:
		case len(t.Runs):
			parts = append(parts, v.words+" under every net, and with none")
		default:
			parts = append(parts, v.words+" under "+strings.Join(nets, ", "))
		}
	}
	if parts == nil {
		return "never noticed"
	}
	return strings.Join(parts, "; ")
}

// setups says what each net does, the names in a column of their own.
func (p *page) setups(all []bugs.Setup) {
	names := 0
	for _, s := range all {
		names = max(names, len(s.Name))
	}
	indent := 1 + names + 2
	for _, s := range all {
		name := styled(" "+s.Name, strong)
		for _, l := range wrap(sentence(s.About), p.column(indent)) {
			p.add(join(name.padded(indent), text(l)))
			name = nil
		}
	}
}

// Bug is the study of one bug, which is the only one in r, of as many as there are:
// the program, what each net made of it, and the report of the last setup.
func Bug(r *bugs.Result, of int) Document {
	t := r.Bugs[0]
	return Document{r, func(p *page) {
		number := fmt.Sprintf("bug %d of %d", t.Number, of)
		sep := " " + p.glyphs.sep + " "
		p.add(apart(min(p.width, widest)-1, join(text(" "), styled(t.Name, strong), text(sep+t.Title)), styled(number, faint))...)
		p.prose(1, p.column(1), t.About, plain)
		p.blank()
		p.source(t.Source, t.Line, whole)
		p.blank()
		p.prose(1, p.column(1), p.glyphs.here+marked(t), faint)
		p.blank()
		p.outcomes(t)
		p.harm(t)
		p.told(t)
	}}
}

// marked says what the marked statement is.
func marked(t bugs.Trial) string {
	if !slices.ContainsFunc(t.Runs, func(r bugs.Run) bool { return r.Refused == "" }) {
		return " marks the statement that is refused, as it should be under every net."
	}
	return " marks the statement that is wrong. " + legal(t)
}

// legal says what became of the program without its bug.
func legal(t bugs.Trial) string {
	if len(t.FalseAlarms) == 0 {
		return "Without it the program is legal, and ran without an alarm under every net."
	}
	return "Without it the program is legal; yet there was an alarm under " + strings.Join(t.FalseAlarms, ", ") + "."
}

// outcomes is the table of what each net made of the bug.
func (p *page) outcomes(t bugs.Trial) {
	heads := []column{{head: "Net"}, {head: "Noticed"}, {head: "It tells"}, {head: "Block"}, {head: "By"}}
	if p.width < 80 {
		heads = heads[:4]
	}
	var rows [][]string
	for _, run := range t.Runs {
		row := []string{run.Net, when(run), levelNames[run.Level], string(run.Blamed), ""}
		if run.Noticed {
			row[4] = run.Finding.By
		}
		rows = append(rows, row[:len(heads)])
	}
	p.table(heads, rows)
}

// levelNames are the levels in words.
var levelNames = [...]string{
	bugs.Nothing: "", bugs.Stopped: "a failure", bugs.Named: "class",
	bugs.Located: "class, place", bugs.Sized: "class, place, size", bugs.Full: "everything",
}

// when says when a bug was noticed.
func when(r bugs.Run) string {
	switch {
	case r.Refused != "":
		return "refused"
	case !r.Noticed && len(r.Damage) > 0:
		return "no; harm seen"
	case !r.Noticed:
		return "no"
	case r.Line == 0:
		return string(r.Moment)
	}
	return fmt.Sprintf("%s, line %d", r.Moment, r.Line)
}

// harm is what the program saw of the damage that it did.
func (p *page) harm(t bugs.Trial) {
	var said sayings
	for _, run := range t.Runs {
		for _, d := range run.Damage {
			said.add(run.Net, d)
		}
	}
	p.said("The harm that the program saw", said, altered)
}

// told is what was told, in a line under each net, and whole under the last.
func (p *page) told(t bugs.Trial) {
	last := t.Runs[len(t.Runs)-1].Finding
	var said sayings
	for i, run := range t.Runs {
		switch {
		case run.Refused != "":
			said.add(run.Net, run.Refused)
		case run.Noticed && i < len(t.Runs)-1:
			said.add(run.Net, run.Finding.Error)
		}
	}
	p.said("What was told", said, plain)
	if last == nil {
		return
	}
	p.blank()
	p.add(styled(fmt.Sprintf(" What was told under %s: %s", t.Runs[len(t.Runs)-1].Net, cmp.Or(last.Class, last.Error)), strong))
	for _, l := range last.Report {
		p.add(indented(reportLine(l.Label, l.Text, p.column(1)))...)
	}
}

// saying is a text and the nets under which it was said.
type saying struct {
	text string
	nets []string
}

// sayings are texts in the order in which they were first said.
type sayings []saying

func (s *sayings) add(net, text string) {
	i := slices.IndexFunc(*s, func(said saying) bool { return said.text == text })
	if i < 0 {
		i = len(*s)
		*s = append(*s, saying{text: text})
	}
	(*s)[i].nets = append((*s)[i].nets, net)
}

// said adds sayings under a heading.
func (p *page) said(heading string, all sayings, st style) {
	if all != nil {
		p.blank()
		p.add(styled(" "+heading, strong))
	}
	for _, s := range all {
		p.labelled("   "+p.glyphs.sep+" ", fmt.Sprintf("%s (%s)", s.text, strings.Join(s.nets, ", ")), st)
	}
}

// labelled adds a label and a text that is wrapped behind it.
func (p *page) labelled(label, s string, st style) {
	for _, l := range wrap(s, p.column(width(label))) {
		p.add(join(text(label), styled(l, st)))
		label = strings.Repeat(" ", width(label))
	}
}
