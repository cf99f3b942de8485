package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"memprobe/probe/timing"
)

// headlines answer the first question for each of the three costs, in a sentence or
// two. A study that was not measured has no answer.
var headlines = []struct {
	name   string
	answer func(*page, *timing.Result) string
}{
	{costNames[timing.Allocate], gettingBytes},
	{costNames[timing.Touch], touchingBytes},
	{costNames[timing.Access], readingBytes},
}

// headlines adds the answers.
func (p *page) headlines(r *timing.Result) {
	var facts []fact
	for _, h := range headlines {
		if answer := h.answer(p, r); answer != "" {
			facts = append(facts, fact{h.name, answer})
		}
	}
	if facts != nil {
		p.add(styled(" Is the stack faster here?", strong))
		p.named(facts)
		p.blank()
	}
}

// usual is the size that the first answer is about.
const usual = 64

// gettingBytes compares an allocation of the usual size with a frame.
func gettingBytes(p *page, r *timing.Result) string {
	s := r.Study("size")
	if s == nil {
		return ""
	}
	t := nearest(timingsOf(s, "heap"), usual)
	if t == nil {
		return ""
	}
	answer := fmt.Sprintf("%s, for %s: memprobe's heap %s its stack", answerOf(t), placeOn(s.Axis, t.At), comparedWith(t.Ratio))
	if made := s.Of("make", t.At); made != nil && made.Ratio != nil {
		answer += "; Go's make " + comparedWith(made.Ratio) + " it"
	}
	return sentence(answer)
}

// touchingBytes compares the first write to pages of the heap with one to pages of
// the stack, and with later ones.
func touchingBytes(p *page, r *timing.Result) string {
	s := r.Study("touch")
	if s == nil {
		return ""
	}
	heap := rated(timingsOf(s, "heap, first"))
	if heap == nil {
		return ""
	}
	answer := overall(s, heap, "the first write to a page of the heap and to one of the stack")
	if first := nearest(timingsOf(s, "stack, first"), usual); first != nil {
		if again := s.Of(first.Ratio.To, first.At); again != nil {
			answer += fmt.Sprintf(". Both pay for it: the first write takes %s, the next one %s", p.time(first.Median), p.time(again.Median))
		}
	}
	return sentence(answer)
}

// readingBytes compares data in the heap with data on the stack, and tells what
// pointers add.
func readingBytes(_ *page, r *timing.Result) string {
	s := r.Study("access")
	if s == nil {
		return ""
	}
	heap := rated(timingsOf(s, "heap, in place"))
	if heap == nil {
		return ""
	}
	answer := overall(s, heap, "an array on the heap and one on the stack")
	if list := rated(timingsOf(s, "list, shuffled")); list != nil {
		first, last := list[0], list[len(list)-1]
		answer += fmt.Sprintf(". At %s a list in shuffled order %s the array", placeOn(s.Axis, first.At), comparedWith(first.Ratio))
		if last != first {
			answer += fmt.Sprintf("; at %s it %s that", placeOn(s.Axis, last.At), comparedWith(last.Ratio))
		}
	}
	return sentence(answer)
}

// overall is an answer about two things at several points.
func overall(s *timing.StudyResult, ts []*timing.Timing, between string) string {
	answer := answerOf(ts...)
	first, last := ts[0], ts[len(ts)-1]
	if slices.ContainsFunc(ts, func(t *timing.Timing) bool { return t.Ratio.Verdict != timing.NoDifference }) {
		return fmt.Sprintf("%s, of %s: on the heap %s", answer, between, extents(s, ts))
	}
	where := "at " + placeOn(s.Axis, first.At)
	if first != last {
		where = "from " + placeOn(s.Axis, first.At) + " to " + placeOn(s.Axis, last.At)
	}
	return fmt.Sprintf("%s between %s, %s", answer, between, where)
}

// rated are the timings that have a ratio; nil if none has.
func rated(ts []*timing.Timing) []*timing.Timing {
	var have []*timing.Timing
	for _, t := range ts {
		if t.Ratio != nil {
			have = append(have, t)
		}
	}
	return have
}

// nearest is the timing with a ratio whose point is the nearest to at; nil if there
// is none.
func nearest(ts []*timing.Timing, at int) *timing.Timing {
	var best *timing.Timing
	far := func(t *timing.Timing) float64 { return math.Abs(math.Log(float64(t.At) / float64(at))) }
	for _, t := range rated(ts) {
		if best == nil || far(t) < far(best) {
			best = t
		}
	}
	return best
}

// answerOf says whether what ts were compared with is faster, where that can be told.
func answerOf(ts ...*timing.Timing) string {
	told := timing.TooFewRounds
	for _, t := range ts {
		switch v := t.Ratio.Verdict; {
		case v == timing.TooFewRounds || v == told:
		case told == timing.TooFewRounds:
			told = v
		default:
			return "in part"
		}
	}
	return map[timing.Verdict]string{
		timing.Slower: "yes", timing.Faster: "no", timing.NoDifference: "no difference found", timing.TooFewRounds: "too few rounds to tell",
	}[told]
}

// comparedWith is a ratio as a verb, for the name of what it was compared with to
// follow.
func comparedWith(r *timing.Ratio) string {
	switch r.Verdict {
	case timing.Slower:
		return fmt.Sprintf("takes %s times%s as long as", multiple(r.Median), inBrackets(r.CI95, " to "))
	case timing.Faster:
		return fmt.Sprintf("is %s times%s as fast as", multiple(1/r.Median), inBrackets(inverse(r.CI95), " to "))
	case timing.NoDifference:
		return "is not found to differ from"
	}
	return "has too few rounds beside"
}

// inverse is the interval of 1 over what ci is of.
func inverse(ci timing.Interval) timing.Interval { return timing.Interval{1 / ci[1], 1 / ci[0]} }

// answers says for each contender how its time changes along the axis, and how it
// compares.
func (b *benchText) answers() {
	var facts []fact
	for _, what := range b.contenders() {
		ts := b.of(what)
		text := b.growth(ts)
		if compared := rated(ts); compared != nil {
			text += fmt.Sprintf("; beside %s: %s", compared[0].Ratio.To, extents(b.StudyResult, compared))
		}
		facts = append(facts, fact{what, text})
	}
	b.named(facts)
}

// growth is the time at the first point and at the last, and whether they differ.
func (b *benchText) growth(ts []*timing.Timing) string {
	first, last := ts[0], ts[len(ts)-1]
	text := fmt.Sprintf("%s at %s", b.time(first.Median), b.place(first.At))
	if first == last {
		return text
	}
	text += fmt.Sprintf(", %s at %s", b.time(last.Median), b.place(last.At))
	switch {
	case !first.CI95.Known() || !last.CI95.Known():
		return text
	case multiple(last.Median/first.Median) == multiple(1):
	case first.CI95[1] < last.CI95[0] || last.CI95[1] < first.CI95[0]:
		return text + fmt.Sprintf(", %s times as long", multiple(last.Median/first.Median))
	}
	return text + ", no change found"
}

// extents says at which points ts, which have ratios, are slower, at which no
// difference was found, and so on.
func extents(s *timing.StudyResult, ts []*timing.Timing) string {
	var seen []timing.Verdict
	var clauses []string
	for _, t := range ts {
		if v := t.Ratio.Verdict; !slices.Contains(seen, v) {
			seen = append(seen, v)
			clauses = append(clauses, extent(s.Axis, ts, v))
		}
	}
	return strings.Join(clauses, ", ")
}

// extent is how far apart, and at which points, those with that verdict are.
func extent(axis timing.Axis, ts []*timing.Timing, v timing.Verdict) string {
	var which []int
	var ratios []float64
	for i, t := range ts {
		if t.Ratio.Verdict == v {
			which, ratios = append(which, i), append(ratios, t.Ratio.Median)
		}
	}
	lo, hi := slices.Min(ratios), slices.Max(ratios)
	text := map[timing.Verdict]string{
		timing.Slower: multipleRange(lo, hi) + " times as long", timing.Faster: multipleRange(1/hi, 1/lo) + " times as fast",
		timing.NoDifference: "no difference found", timing.TooFewRounds: "too few rounds to tell",
	}[v]
	return text + " " + whichPoints(axis, ts, which)
}

// multipleRange is a range of ratios.
func multipleRange(lo, hi float64) string {
	if multiple(lo) == multiple(hi) {
		return multiple(lo)
	}
	return multiple(lo) + " to " + multiple(hi)
}

// whichPoints names those points of ts, in the order of the axis: runs of neighbours
// by their ends.
func whichPoints(axis timing.Axis, ts []*timing.Timing, which []int) string {
	name := func(i int) string { return placeOn(axis, ts[i].At) }
	var runs []string
	for begin := 0; begin < len(which); {
		end := begin
		for end+1 < len(which) && which[end+1] == which[end]+1 {
			end++
		}
		switch first, last := which[begin], which[end]; {
		case first == last:
			runs = append(runs, "at "+name(first))
		case first == 0 && last == len(ts)-1:
			return "throughout"
		case first == 0:
			runs = append(runs, "up to "+name(last))
		case last == len(ts)-1:
			runs = append(runs, "from "+name(first)+" on")
		default:
			runs = append(runs, "from "+name(first)+" to "+name(last))
		}
		begin = end + 1
	}
	return strings.Join(runs, " and ")
}
