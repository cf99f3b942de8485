package report

import (
	"fmt"
	"strings"

	"memprobe/probe/timing"
)

// comparedTimings is the model of a comparison.
type comparedTimings struct{ timing.Comparison }

// BenchComparison is what of two measurements is different: how many timings, then
// study by study each of them, then what the two were measured on.
func BenchComparison(c timing.Comparison) Document {
	return Document{comparedTimings{c}, func(p *page) {
		p.changes(c)
		p.care(c.Notes)
		for i := range c.Studies {
			p.comparison(&c.Studies[i])
		}
		p.onlyIn("Studies of the old result alone", escaped(c.OnlyOld))
		p.onlyIn("Studies of the new result alone", escaped(c.OnlyNew))
		if len(c.OnlyOld)+len(c.OnlyNew) > 0 {
			p.blank()
		}
		p.side("The old result", c.Old)
		p.blank()
		p.side("The new result", c.New)
	}}
}

// changes counts the verdicts.
func (p *page) changes(c timing.Comparison) {
	count, pairs := make(map[timing.Verdict]int), 0
	for _, s := range c.Studies {
		for _, pair := range s.Pairs {
			count[pair.Ratio.Verdict]++
			pairs++
		}
	}
	p.add(styled(" Is it faster than it was?", strong))
	if pairs == 0 {
		p.prose(3, p.column(3), "Can't be told: the two results have no timing in common.", plain)
		p.blank()
		return
	}
	text := fmt.Sprintf("%s in both: %d slower now, %d faster; no difference found for %d", plural(pairs, "timing"),
		count[timing.Slower], count[timing.Faster], count[timing.NoDifference])
	if n := count[timing.TooFewRounds]; n > 0 {
		text += fmt.Sprintf("; too few rounds for %d", n)
	}
	p.prose(3, p.column(3), text+".", plain)
	if c.Old.LoopNs > 0 && c.New.LoopNs > 0 {
		p.prose(3, p.column(3), fmt.Sprintf("The machine itself: a step of the same fixed work took %s then and takes %s now.", p.time(c.Old.LoopNs), p.time(c.New.LoopNs)), plain)
	}
	p.blank()
}

// comparison is the table of a study.
func (p *page) comparison(s *timing.StudyComparison) {
	p.add(join(styled(" "+escape(s.Name), current), styled(" "+p.glyphs.sep+" "+escape(s.Title), strong)))
	if len(s.Pairs) > 0 {
		p.grid(p.pairColumns(s))
	}
	for _, only := range []struct {
		where  string
		places []timing.Place
	}{{"Only in the old result", s.OnlyOld}, {"Only in the new result", s.OnlyNew}} {
		var names []string
		for _, place := range only.places {
			names = append(names, fmt.Sprintf("%s at %s", escape(place.What), placeOn(s.Axis, place.At)))
		}
		p.onlyIn(only.where, names)
	}
	p.blank()
}

// pairColumns are the columns of that table.
func (p *page) pairColumns(s *timing.StudyComparison) []gridColumn {
	column := func(head string, right bool, cell func(timing.Pair) string) gridColumn {
		return columnOf(head, right, len(s.Pairs), func(i int) line { return text(cell(s.Pairs[i])) })
	}
	point := func(i int) line {
		if i > 0 && s.Pairs[i-1].At == s.Pairs[i].At {
			return nil
		}
		return styled(pointOn(s.Axis, s.Pairs[i].At), strong)
	}
	return []gridColumn{
		columnOf(axisHead(s.Axis), true, len(s.Pairs), point),
		column("", false, func(pair timing.Pair) string { return escape(pair.What) }),
		column("Old", true, func(pair timing.Pair) string { return p.time(pair.Old) }),
		column("New", true, func(pair timing.Pair) string { return p.time(pair.New) }),
		column("New / old", true, func(pair timing.Pair) string { return multiple(pair.Ratio.Median) + inBrackets(pair.Ratio.CI95, "-") }),
		column("p", true, func(pair timing.Pair) string { return probability(pair.Ratio.P) }),
		column("Verdict", false, func(pair timing.Pair) string { return shortVerdict(pair.Ratio.Verdict) }),
	}
}

// shortVerdict is a verdict in little room.
func shortVerdict(v timing.Verdict) string {
	switch v {
	case timing.NoDifference:
		return "no diff."
	case timing.TooFewRounds:
		return "few rounds"
	}
	return string(v)
}

// escaped are names from outside.
func escaped(names []string) []string {
	var all []string
	for _, name := range names {
		all = append(all, escape(name))
	}
	return all
}

// onlyIn adds a line with the names, which are fit to be shown, if there are any.
func (p *page) onlyIn(where string, names []string) {
	if len(names) > 0 {
		p.prose(3, p.column(3), where+": "+strings.Join(names, ", ")+".", faint)
	}
}

// side is the machine of a result.
func (p *page) side(title string, s timing.Side) {
	run := "a full run"
	if s.Quick {
		run = "a quick run"
	}
	p.add(styled(" "+title+", "+run, strong))
	facts := p.machine(s.Machine)
	if len(s.Notes) > 0 {
		facts = append(facts, fact{"doubts", sentence(escape(strings.Join(s.Notes, "; ")))})
	}
	p.named(facts)
}
