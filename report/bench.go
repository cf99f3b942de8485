package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"memprobe/probe/timing"
)

// Bench is a measurement: the answer in words, then the figures, then how they
// were measured.
func Bench(r *timing.Result) Document {
	return Document{r, func(p *page) {
		b := &benchText{p, r}
		b.answers()
		b.figures()
		b.notes()
	}}
}

// benchText is a measurement being written.
type benchText struct {
	*page
	*timing.Result
}

// inSentence are the names that a contender has in a sentence, by its short one.
var inSentence = map[string]string{"stack": "memprobe's stack", "heap": "its first-fit heap", "make": "Go's make, zeroing included,"}

func sentenceName(what string) string {
	if name, ok := inSentence[what]; ok {
		return name
	}
	return what
}

// say adds a paragraph after an indent.
func (b *benchText) say(indent int, s string, st style) {
	b.prose(indent, b.column(indent), s, st)
}

// answers asks for each contender that another was compared with it whether that
// one is faster.
func (b *benchText) answers() {
	var asked []string
	for _, t := range b.Timings {
		if t.Ratio == nil || slices.Contains(asked, t.What) {
			continue
		}
		asked = append(asked, t.What)
		b.add(styled(fmt.Sprintf(" Is %s faster than %s here?", sentenceName(t.Ratio.To), sentenceName(t.What)), strong))
		for _, clause := range b.answer(t.What) {
			b.say(3, clause, plain)
		}
	}
	if asked != nil {
		b.blank()
	}
}

// answer says at which sizes what is slower than what it was compared with, at
// which no difference was found, and so on: a clause a line.
func (b *benchText) answer(what string) []string {
	sizes := make(map[timing.Verdict][]timing.Timing)
	for _, t := range b.Timings {
		if t.What == what && t.Ratio != nil {
			sizes[t.Ratio.Verdict] = append(sizes[t.Ratio.Verdict], t)
		}
	}
	clauses := extent("yes, ", sizes[timing.Slower], times)
	clauses = append(clauses, extent(fmt.Sprintf("no, %s is, ", sentenceName(what)), sizes[timing.Faster], timesLess)...)
	for _, t := range sizes[timing.NoDifference] {
		ci := t.Ratio.CI95
		clauses = append(clauses, fmt.Sprintf("no difference found at %s (%s to %s times);", short(t.Size), significant(ci[0]), significant(ci[1])))
	}
	for _, t := range sizes[timing.TooFewRounds] {
		clauses = append(clauses, fmt.Sprintf("too few rounds to tell at %s;", short(t.Size)))
	}
	last := len(clauses) - 1
	clauses[0] = capital(clauses[0])
	clauses[last] = strings.TrimSuffix(clauses[last], ";") + "."
	return clauses
}

// extent is the ratio nearest to 1 and the one farthest from it, with their sizes.
func extent(verdict string, ts []timing.Timing, say func(*timing.Ratio) string) []string {
	if ts == nil {
		return nil
	}
	fromOne := func(t timing.Timing) float64 { return math.Abs(math.Log(t.Ratio.Median)) }
	nearer := func(a, b timing.Timing) int { return cmp.Compare(fromOne(a), fromOne(b)) }
	least, most := slices.MinFunc(ts, nearer), slices.MaxFunc(ts, nearer)
	clause := fmt.Sprintf("%s%s at %s", verdict, say(least.Ratio), short(least.Size))
	if least.Size == most.Size {
		return []string{clause + ";"}
	}
	return []string{clause, fmt.Sprintf("to %s at %s;", say(most.Ratio), short(most.Size))}
}

func times(r *timing.Ratio) string { return timesOf(r.Median, r.CI95[0], r.CI95[1]) }

// timesLess is the ratio the other way round.
func timesLess(r *timing.Ratio) string { return timesOf(1/r.Median, 1/r.CI95[1], 1/r.CI95[0]) }

func timesOf(x, lo, hi float64) string {
	return fmt.Sprintf("%s times (%s to %s)", significant(x), significant(lo), significant(hi))
}

// figures is the table of all timings, a size's first contender on its first row.
func (b *benchText) figures() {
	var rows [][]string
	for i, t := range b.Timings {
		row := []string{short(t.Size), t.What, significant(t.Median), "", ""}
		if i > 0 && b.Timings[i-1].Size == t.Size {
			row[0] = ""
		}
		if t.CI95.Known() {
			row[3] = between(t.CI95)
		}
		if r := t.Ratio; r != nil {
			row[4] = string(r.Verdict)
			if r.Verdict == timing.Slower || r.Verdict == timing.Faster {
				row[4] = fmt.Sprintf("%s (%s)", significant(r.Median), between(r.CI95))
			}
		}
		rows = append(rows, row)
	}
	against := "Ratio"
	for _, t := range b.Timings {
		if t.Ratio != nil {
			against = "Ratio to the " + t.Ratio.To
		}
	}
	b.table([]column{{"Size", true}, {"What", false}, {"ns/op", true}, {"95 % interval", true}, {against, true}}, rows)
}

// between is an interval in little room.
func between(ci timing.Interval) string { return significant(ci[0]) + "-" + significant(ci[1]) }

// notes says what the contenders do, how they were timed, and what else a reader
// must know.
func (b *benchText) notes() {
	b.blank()
	b.legend()
	b.blank()
	b.say(1, fmt.Sprintf("%s, each contender once in each, in changing order, for %s at least. Figures are medians; "+
		"a ratio is the median of the ratios round by round; the intervals are those of this run.", plural(b.rounds(), "round"), duration(b.Batch)), faint)
	for _, s := range b.Notes {
		b.say(1, sentence(s), faint)
	}
	for _, s := range b.exceptions() {
		b.say(1, s, faint)
	}
	b.say(1, b.collections(), faint)
	m := b.Machine
	b.say(1, fmt.Sprintf("%s, %s, Linux %s, %s. The clock moves in steps of %s and takes %s to read.",
		archName(m.Arch), plural(m.Cores, "core"), escape(m.Kernel), escape(m.Go), duration(b.Clock.Step), duration(b.Clock.Cost)), faint)
}

// legend says what the contenders do, the names in a column of their own.
func (b *benchText) legend() {
	names := 0
	for _, what := range b.contenders() {
		names = max(names, len(what))
	}
	indent := 1 + names + 2
	for _, what := range b.contenders() {
		name := styled(" "+what, strong)
		for _, l := range wrap(b.about(what), min(b.width, legible)-indent-1) {
			b.add(join(name.padded(indent), text(l)))
			name = nil
		}
	}
}

// rounds is how many there were.
func (b *benchText) rounds() int {
	if len(b.Timings) == 0 {
		return 0
	}
	return len(b.Timings[0].Rounds)
}

// contenders are the names in the order of the table.
func (b *benchText) contenders() []string {
	var names []string
	for _, t := range b.Timings {
		if !slices.Contains(names, t.What) {
			names = append(names, t.What)
		}
	}
	return names
}

// sizesOf are the timings of a contender.
func (b *benchText) sizesOf(what string) []timing.Timing {
	var ts []timing.Timing
	for _, t := range b.Timings {
		if t.What == what {
			ts = append(ts, t)
		}
	}
	return ts
}

// about is what a contender does, and the notes that hold at each of its sizes.
func (b *benchText) about(what string) string {
	ts := b.sizesOf(what)
	s := sentence(ts[0].About)
	for _, n := range ts[0].Notes {
		if always(ts, n) {
			s += " " + sentence(n)
		}
	}
	return s
}

// always reports whether each of ts has the note.
func always(ts []timing.Timing, note string) bool {
	return !slices.ContainsFunc(ts, func(t timing.Timing) bool { return !slices.Contains(t.Notes, note) })
}

// exceptions are the notes that hold at some sizes of a contender alone.
func (b *benchText) exceptions() []string {
	var notes []string
	for _, t := range b.Timings {
		for _, n := range t.Notes {
			if !always(b.sizesOf(t.What), n) {
				notes = append(notes, fmt.Sprintf("%s, %s: %s", t.What, short(t.Size), sentence(n)))
			}
		}
	}
	return notes
}

// collections says how often Go's collector ran in whose rounds.
func (b *benchText) collections() string {
	var parts []string
	for _, what := range b.contenders() {
		var n uint64
		for _, t := range b.sizesOf(what) {
			n += t.Collections
		}
		parts = append(parts, fmt.Sprintf("%s %s", what, humanize.Comma(int64(n))))
	}
	return "Go's collections in their rounds: " + strings.Join(parts, ", ") + "."
}

// sentence is s with a capital and a full stop.
func sentence(s string) string { return capital(s) + "." }

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// duration is d in nanoseconds, or in milliseconds from one on.
func duration(d time.Duration) string {
	if d < time.Millisecond {
		return humanize.Comma(d.Nanoseconds()) + " ns"
	}
	return humanize.Ftoa(float64(d)/1e6) + " ms"
}

// significant is x, which is not negative, with three digits at least; 0.000 is
// less than half a thousandth.
func significant(x float64) string {
	switch {
	case x >= 999.5:
		return humanize.Comma(int64(math.Round(x)))
	case x >= 99.95:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case x >= 9.995:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case x >= 0.9995:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
	return strconv.FormatFloat(x, 'f', 3, 64)
}
