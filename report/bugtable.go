package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"memprobe/layout/addr"
	"memprobe/probe/bugs"
	"memprobe/probe/bugs/netcost"
	"memprobe/probe/timing"
)

// BugTable is every bug under every net, the columns counted, what the nets cost,
// and what they can't do.
func BugTable(r *bugs.Result, cost *netcost.Result) Document {
	model := struct {
		*bugs.Result
		Cost *netcost.Result `json:"cost"`
	}{r, cost}
	return Document{model, func(p *page) {
		b := &bugTable{p, r}
		p.ran(len(r.Bugs))
		b.blank()
		b.matrix()
		b.blank()
		b.counted()
		b.blank()
		b.keys()
		b.blank()
		b.setups(r.Setups)
		b.blank()
		b.escapes()
		b.blank()
		b.costs(cost)
	}}
}

// bugTable is the table being written.
type bugTable struct {
	*page
	*bugs.Result
}

// Widths of the table's columns.
const (
	cellWidth  = 7
	wideTable  = 2 + 3 + nameWidth + 6*cellWidth + 6 // with the bugs' numbers
	classTable = wideTable + 25                      // and what access calls them
)

// row is a line of the table.
func (b *bugTable) row(number int, name line, cells []line, class string) {
	l := text(" ")
	if b.width >= wideTable {
		n := "   "
		if number != 0 {
			n = fmt.Sprintf("%02d ", number)
		}
		l = join(l, styled(n, faint))
	}
	l = join(l, name.padded(nameWidth))
	for _, c := range cells {
		l = join(l, c.padded(cellWidth))
	}
	if b.width >= classTable {
		l = join(l, styled(class, faint))
	}
	b.add(l)
}

func (b *bugTable) matrix() {
	var heads []line
	for _, s := range b.Setups {
		heads = append(heads, styled(s.Short, strong))
	}
	b.row(0, styled("bug", strong), heads, "what access calls it")
	group := ""
	for _, t := range b.Bugs {
		if t.Group != group {
			group = t.Group
			b.add(styled(" "+group, faint))
		}
		var cells []line
		class := ""
		for _, run := range t.Runs {
			cells = append(cells, cell(run))
			if run.Finding != nil {
				class = run.Finding.Class
			}
		}
		b.row(t.Number, text(t.Name), cells, class)
	}
}

// cell is a run in six letters at most.
func cell(r bugs.Run) line {
	switch {
	case r.Refused != "":
		return styled("ok", fresh)
	case r.Blamed == bugs.WrongBlock:
		return styled("wrong", altered)
	case r.Noticed && r.Moment == bugs.AtOnce:
		return styled(fmt.Sprintf("%d%snow", r.Level, anyway(r)), fresh)
	case r.Noticed:
		return styled(fmt.Sprintf("%d%slate", r.Level, anyway(r)), altered)
	case len(r.Damage) > 0:
		return styled("harm", gone)
	}
	return styled("-", gone)
}

// anyway tells what would have been noticed without the net from the rest.
func anyway(r bugs.Run) string {
	if r.ByNet() {
		return " "
	}
	return "*"
}

// counted is the sums of the columns.
func (b *bugTable) counted() {
	for _, sum := range []struct {
		name string
		of   func(bugs.Sum) int
	}{
		{"found", bugs.Sum.Found},
		{"  by the net itself", func(s bugs.Sum) int { return s.ByNet }},
		{"  with all details", func(s bugs.Sum) int { return s.Full }},
		{"  at the statement", func(s bugs.Sum) int { return s.AtOnce }},
		{"  about a wrong block", func(s bugs.Sum) int { return s.Wrong }},
		{"silent", func(s bugs.Sum) int { return s.Silent }},
		{"  with harm seen", func(s bugs.Sum) int { return s.Damaged }},
	} {
		var cells []line
		for _, s := range b.Sums {
			cells = append(cells, text(strconv.Itoa(sum.of(s))))
		}
		b.row(0, text(sum.name), cells, "")
	}
}

// keys says what the cells mean.
func (b *bugTable) keys() {
	for _, key := range [][2]string{
		{"now", "noticed at the statement that is wrong, before or as it does harm"},
		{"late", "noticed at a later statement, or by a look at all blocks at the end"},
		{"1 to 5", "how much is told: 1 that it failed, 2 the class of mistake, 3 the address, 4 in what and how large, 5 whose it was, where allocated, where freed"},
		{"*", "not by this net: by what every heap here has, a look at each address that is given back, and a guard page below the stack"},
		{"wrong", "noticed, but what is told is about the wrong block: somebody innocent is blamed"},
		{"harm", "nobody noticed, but the program saw the damage: another's text read or overwritten"},
		{"-", "nobody noticed anything"},
		{"ok", "no block can be that large; the heap says so, and that is all it should do"},
	} {
		word := styled(" "+key[0], strong)
		for _, l := range wrap(key[1], b.column(11)) {
			b.add(join(word.padded(11), text(l)))
			word = nil
		}
	}
}

// escapes says what the raw nets miss, from what they missed.
func (b *bugTable) escapes() {
	raw := 0 // the last setup without access has all nets that there are for raw addresses
	for i, s := range b.Setups {
		if s.Raw() {
			raw = i
		}
	}
	var silent, late, now, wrong, refused []string
	for _, t := range b.Bugs {
		switch run := t.Runs[raw]; {
		case run.Silent():
			silent = append(silent, t.Name)
		case run.Refused != "":
			refused = append(refused, t.Name)
		case run.Blamed == bugs.WrongBlock:
			wrong = append(wrong, t.Name)
		case run.Moment == bugs.AtOnce:
			now = append(now, t.Name)
		case run.Noticed:
			late = append(late, t.Name)
		}
	}
	b.add(styled(" What raw pointers escape", strong))
	for _, s := range []struct {
		about string
		names []string
	}{
		{fmt.Sprintf("With all raw nets together %s unnoticed", goes(len(silent))), silent},
		{fmt.Sprintf("%s blamed on the wrong block", are(len(wrong))), wrong},
		{fmt.Sprintf("%s noticed when the harm is done, not when it is being done", are(len(late))), late},
		{fmt.Sprintf("%s noticed at the statement", are(len(now))), now},
		{fmt.Sprintf("%s refused, as it should be", are(len(refused))), refused},
	} {
		b.prose(1, b.column(1), s.about+": "+cmp.Or(strings.Join(s.names, ", "), "none")+".", plain)
	}
	b.prose(1, b.column(1), fmt.Sprintf("Access finds %d of %d because it is told which block each pointer was made for, and because every load and "+
		"store asks it. The raw addresses of a C program carry no block: there, its column can't be had from a heap alone. A tool that watches all of a "+
		"program, not its heap alone, finds some of the unnoticed too: lost blocks, reads of what was never written, locals that are gone.",
		b.Sums[len(b.Sums)-1].Found(), len(b.Bugs)), plain)
}

func goes(n int) string {
	if n == 1 {
		return "1 bug goes"
	}
	return fmt.Sprintf("%d bugs go", n)
}

func are(n int) string {
	if n == 1 {
		return "1 is"
	}
	return fmt.Sprintf("%d are", n)
}

// costs is what the nets take of a legal program.
func (b *bugTable) costs(c *netcost.Result) {
	b.add(styled(" What the nets cost a legal program", strong))
	blocks := addr.Bytes(c.Blocks)
	b.prose(1, b.column(1), fmt.Sprintf("It keeps %s of %d bytes on average. An operation frees one, allocates another, writes all of it and reads all of it.",
		plural(c.Blocks, "block"), c.Requested/blocks), plain)
	var rows [][]string
	for i, t := range c.Timing.Timings {
		m := c.Memory[i]
		ratio := ""
		if t.Ratio != nil {
			ratio = significant(t.Ratio.Median)
			if t.Ratio.CI95.Known() {
				ratio += " (" + between(t.Ratio.CI95) + ")"
			}
		}
		rows = append(rows, []string{
			t.What, significant(t.Median), ratio,
			humanize.Comma(int64(m.Arena / blocks)), humanize.Comma(int64(m.Books / blocks)), short(m.Held),
		})
	}
	b.table([]column{{"Net", false}, {"ns/op", true}, {"Times no net", true}, {"Arena", true}, {"Books", true}, {"Held", true}}, rows)
	b.prose(1, b.column(1), "Arena: bytes of the heap set aside for a block. Books: bytes kept about it in Go's heap. Held: bytes of the heap still set aside "+
		"when all blocks are freed. Any net keeps books of each block, its number, its owner, where it was allocated and freed: so the "+
		"reports are full, and even a single net has the cost of the books.", faint)
	b.prose(1, b.column(1), fmt.Sprintf("%s, every net once in each, in changing order, for %s at least. Figures are medians, with 95 %% intervals of the "+
		"ratios; all are those of this run.", plural(len(c.Timing.Timings[0].Rounds), "round"), duration(c.Timing.Batch)), faint)
	for _, n := range costNotes(c.Timing) {
		b.prose(1, b.column(1), n, faint)
	}
}

// costNotes are the notes of a measurement, with whom they are about.
func costNotes(r *timing.Measurement) []string {
	var notes []string
	for _, n := range r.Notes {
		notes = append(notes, sentence(n))
	}
	for _, t := range r.Timings {
		for _, n := range slices.Concat(t.Notes, t.Warnings) {
			notes = append(notes, fmt.Sprintf("%s: %s.", t.What, n))
		}
	}
	return notes
}
