package claims

import (
	"context"

	"memprobe/probe/timing"
)

// Schema is the version of Ledger's JSON form.
const Schema = 1

// Ledger is what came of some claims on a machine.
type Ledger struct {
	Schema   int            `json:"schema"`
	Machine  timing.Machine `json:"machine"`
	Findings []Finding      `json:"claims"`
	Sums     []Sum          `json:"sums"` // by verdict, in the order of Verdicts
}

// Sum is how many claims have a verdict.
type Sum struct {
	Verdict Verdict `json:"verdict"`
	Claims  int     `json:"claims"`
}

// Examine finds out about claims, one after the other. Progress may be nil.
func Examine(ctx context.Context, all []*Claim, progress func(done, of int, what string)) (*Ledger, error) {
	lab := NewLab(ctx)
	ledger := &Ledger{Schema: Schema, Machine: timing.Here()}
	for i, c := range all {
		if progress != nil {
			lab.Progress = func(what string) { progress(i, len(all), what) }
		}
		lab.tell(c.ID)
		ledger.Findings = append(ledger.Findings, c.Find(lab))
	}
	ledger.Sums = sums(ledger.Findings)
	return ledger, lab.Close()
}

func sums(findings []Finding) []Sum {
	var all []Sum
	for _, v := range Verdicts {
		s := Sum{Verdict: v}
		for _, f := range findings {
			if f.Verdict == v {
				s.Claims++
			}
		}
		all = append(all, s)
	}
	return all
}
