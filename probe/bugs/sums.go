package bugs

// Sum is a setup's column, counted.
type Sum struct {
	Net     string `json:"net"`
	Noticed int    `json:"noticed"`
	ByNet   int    `json:"by_net"`  // by one of the setup's nets
	Full    int    `json:"full"`    // with the full report, about the right block
	AtOnce  int    `json:"at_once"` // at the statement that is wrong
	Refused int    `json:"refused"` // as it should be
	Damaged int    `json:"damaged"` // nobody noticed, though the program saw the damage
	Silent  int    `json:"silent"`  // nobody noticed, damage seen or not
	Wrong   int    `json:"wrong_block"`
}

// Found is how many bugs did not pass in silence.
func (s Sum) Found() int { return s.Noticed + s.Refused }

// sums counts the columns.
func sums(r *Result) []Sum {
	all := make([]Sum, len(r.Setups))
	for i, setup := range r.Setups {
		s := Sum{Net: setup.Name}
		for _, t := range r.Bugs {
			s.add(t.Runs[i])
		}
		all[i] = s
	}
	return all
}

func (s *Sum) add(r Run) {
	switch {
	case r.Noticed:
		s.Noticed++
	case r.Refused != "":
		s.Refused++
	default:
		s.Silent++
		if len(r.Damage) > 0 {
			s.Damaged++
		}
	}
	if r.ByNet() {
		s.ByNet++
	}
	if r.Level == Full && r.Blamed != WrongBlock {
		s.Full++
	}
	if r.Moment == AtOnce {
		s.AtOnce++
	}
	if r.Blamed == WrongBlock {
		s.Wrong++
	}
}
