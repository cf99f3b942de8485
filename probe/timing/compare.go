package timing

// Comparison holds two results against each other: two machines, or one on two days.
type Comparison struct {
	Schema  int               `json:"schema"`
	Old     Side              `json:"old"`
	New     Side              `json:"new"`
	Notes   []string          `json:"notes,omitempty"`
	Studies []StudyComparison `json:"studies"` // those that both have, in the order of the new one
	OnlyOld []string          `json:"only_old,omitempty"`
	OnlyNew []string          `json:"only_new,omitempty"` // names of studies
}

// Side is where one of the results comes from.
type Side struct {
	Machine Machine `json:"machine"`
	Quick   bool    `json:"quick"`
	LoopNs  float64 `json:"loop_ns"` // of the fixed work of Load

	Notes []string `json:"notes,omitempty"` // of the result
}

// StudyComparison holds two results of a study against each other.
type StudyComparison struct {
	Name    string  `json:"name"`
	Title   string  `json:"title"`
	Axis    Axis    `json:"axis"`
	Pairs   []Pair  `json:"pairs"` // in the order of the new result
	OnlyOld []Place `json:"only_old,omitempty"`
	OnlyNew []Place `json:"only_new,omitempty"`
}

// Place names a timing of a study.
type Place struct {
	What string `json:"what"`
	At   int    `json:"at"`
}

// Pair is a timing that both results have.
type Pair struct {
	Place
	Old float64 `json:"old"` // medians
	New float64 `json:"new"`
	// Ratio is new to old, above 1 where it is slower now; To is empty. Rounds of two
	// runs have no partners, so it is the medians' ratio, and its interval runs from the
	// low end of the new one over the high end of the old one to the reverse: a wide
	// one, which is right more often than 95 times in 100.
	Ratio Ratio `json:"ratio"`

	least float64 // that Ratio.P can be for as many rounds
}

// Compare compares what two results have in common. The verdicts are those of all
// pairs together, by the same three conditions as within a result.
func Compare(old, new *Result) Comparison {
	c := Comparison{Schema: Schema, Old: old.side(), New: new.side()}
	if old.Quick != new.Quick {
		c.Notes = append(c.Notes, "one of the results is a quick one, which has fewer points and rounds")
	}
	if old.Machine.Go != new.Machine.Go {
		c.Notes = append(c.Notes, "the two were built with different versions of Go: "+old.Machine.Go+" and "+new.Machine.Go)
	}
	var all []claim
	for i := range new.Studies {
		s := &new.Studies[i]
		before := old.Study(s.Name)
		if before == nil {
			c.OnlyNew = append(c.OnlyNew, s.Name)
			continue
		}
		c.Studies = append(c.Studies, compareStudies(before, s))
	}
	for i := range old.Studies {
		if s := &old.Studies[i]; new.Study(s.Name) == nil {
			c.OnlyOld = append(c.OnlyOld, s.Name)
		}
	}
	for i := range c.Studies {
		for k := range c.Studies[i].Pairs {
			p := &c.Studies[i].Pairs[k]
			all = append(all, claim{&p.Ratio, p.least})
		}
	}
	judge(all)
	return c
}

func (r *Result) side() Side { return Side{r.Machine, r.Quick, r.Load.LoopNs, r.Notes} }

func compareStudies(old, new *StudyResult) StudyComparison {
	c := StudyComparison{Name: new.Name, Title: new.Title, Axis: new.Axis}
	for i := range new.Timings {
		t := &new.Timings[i]
		place := Place{t.What, t.At}
		before := old.Of(t.What, t.At)
		if before == nil {
			c.OnlyNew = append(c.OnlyNew, place)
			continue
		}
		c.Pairs = append(c.Pairs, Pair{place, before.Median, t.Median, between(before, t), leastP(len(before.Rounds), len(t.Rounds))})
	}
	for _, t := range old.Timings {
		if new.Of(t.What, t.At) == nil {
			c.OnlyOld = append(c.OnlyOld, Place{t.What, t.At})
		}
	}
	return c
}

// between is the ratio of two timings that were not measured together.
func between(old, new *Timing) Ratio {
	r := Ratio{CI95: unknown(), P: pValue(new.Rounds, old.Rounds)}
	if old.Median > 0 {
		r.Median = new.Median / old.Median
	}
	if old.CI95.Known() && new.CI95.Known() && old.CI95[0] > 0 {
		r.CI95 = Interval{new.CI95[0] / old.CI95[1], new.CI95[1] / old.CI95[0]}
	}
	return r
}
