package timing

import "fmt"

// noticeable is the least by which a ratio must differ from 1 to be called a
// difference. Where code and data happen to lie makes two copies of one loop differ
// by as much, round after round, on one day and not on the next: T. Mytkowicz and
// others, "Producing Wrong Data Without Doing Anything Obviously Wrong!", 2009.
const noticeable = 0.02

// mistaken is in how many studies of contenders that do not differ a difference may
// be found somewhere: one in 50.
const mistaken = 0.02

// conclude computes everything that follows from the rounds of timings. Each is
// compared with the timing, at its point, of the contender that to names.
func (m *Measurement) conclude(to func(Timing) string) {
	for i := range m.Timings {
		t := &m.Timings[i]
		t.Median, t.CI95 = medianCI(t.Rounds)
		if !t.CI95.Known() {
			t.warn(tooFew(len(t.Rounds)))
		}
		if base := m.Of(to(*t), t.At); base != nil && base != t {
			t.compare(base)
		}
	}
	m.judge()
}

// compare sets the ratio of t to base, whose rounds were measured beside t's.
func (t *Timing) compare(base *Timing) {
	if len(t.Rounds) != len(base.Rounds) {
		return // one of them was given up
	}
	ratios := make([]float64, len(t.Rounds))
	for i := range ratios {
		if base.Rounds[i] <= 0 {
			t.warn(fmt.Sprintf("%s took no time by this clock: no ratio", base.What))
			return
		}
		ratios[i] = t.Rounds[i] / base.Rounds[i]
	}
	t.Ratio = &Ratio{To: base.What, P: pValue(t.Rounds, base.Rounds)}
	t.Ratio.Median, t.Ratio.CI95 = medianCI(ratios)
}

// judge finds the verdicts, all of them together: the more ratios there are, the
// clearer each must be.
func (m *Measurement) judge() {
	var all []claim
	for i := range m.Timings {
		if t := &m.Timings[i]; t.Ratio != nil {
			all = append(all, claim{t.Ratio, leastP(len(t.Rounds), len(t.Rounds))})
		}
	}
	judge(all)
}

// claim is a ratio that wants a verdict, and the least that its P can be.
type claim struct {
	*Ratio
	least float64
}

// judge passes the verdicts. A difference takes three things: an interval that
// leaves out 1, which compares round with round; a P that is small even for one of so
// many ratios, which compares all rounds of one with all of the other; and a ratio
// that is noticeable.
func judge(all []claim) {
	ps := make([]float64, len(all))
	for i, c := range all {
		ps[i] = c.P
	}
	for i, p := range adjust(ps) {
		c := all[i]
		switch {
		case !c.CI95.Known() || c.least*float64(len(all)) > mistaken:
			c.Verdict = TooFewRounds
		case c.CI95.Contains(1) || p > mistaken:
			c.Verdict = NoDifference
		case c.Median >= 1+noticeable:
			c.Verdict = Slower
		case c.Median <= 1/(1+noticeable):
			c.Verdict = Faster
		default:
			c.Verdict = NoDifference
		}
	}
}

func (t *Timing) note(s string) { t.Notes = append(t.Notes, s) }
func (t *Timing) warn(s string) { t.Warnings = append(t.Warnings, s) }
