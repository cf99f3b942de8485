package bugs

import (
	"fmt"
	"slices"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
	"memprobe/probe/netted"
)

// Options says how to run.
type Options struct {
	Base addr.Addr // where each run's memory is reserved; 0 leaves it to the kernel
}

// Study runs the bugs under every setup.
func Study(all []*Bug, o Options) (*Result, error) {
	r := &Result{Schema: Schema, Setups: Setups}
	for _, b := range all {
		t, err := try(b, o)
		if err != nil {
			return nil, err
		}
		r.Bugs = append(r.Bugs, t)
	}
	r.Sums = sums(r)
	return r, nil
}

// try runs one bug under every setup, and without the statement that is the bug.
func try(b *Bug, o Options) (Trial, error) {
	t := Trial{
		Number: b.Number, Name: b.Name, Group: b.Group, Title: b.Title, About: b.About,
		Source: b.Lines(), Line: b.Line,
	}
	for _, s := range Setups {
		run, err := once(b, s, false, o)
		if err != nil {
			return Trial{}, err
		}
		t.Runs = append(t.Runs, run)
		legal, err := once(b, s, true, o)
		if err != nil {
			return Trial{}, err
		}
		if legal.Noticed {
			t.FalseAlarms = append(t.FalseAlarms, s.Name)
		}
	}
	return t, nil
}

// once runs a bug in a region of its own, which is given back before it returns.
// The error is one of memprobe's own: no memory, say.
func once(b *Bug, s Setup, fixed bool, o Options) (Run, error) {
	region, err := mmapheap.Reserve(mmapheap.Config{Stack: 1 << 20, Base: o.Base, Nets: s.Nets})
	if err != nil {
		return Run{}, fmt.Errorf("bug %s: %w", b.Name, err)
	}
	p := &program{Program: netted.New(region.Checked(), b.Name+".c"), bug: b, fixed: fixed}
	noticed := p.Run(func() { b.run(p) })
	run := p.outcome(s, noticed)
	for _, other := range append(p.also, region) {
		if err := other.Release(); err != nil {
			return run, fmt.Errorf("bug %s: %w", b.Name, err)
		}
	}
	return run, nil
}

// outcome is what came of a run.
func (p *program) outcome(s Setup, noticed error) Run {
	r := Run{Net: s.Name, Refused: p.refused, Damage: p.damaged}
	if noticed == nil {
		return r
	}
	r.Noticed, r.Line, r.Finding = true, p.At(), find(noticed)
	switch r.Line {
	case p.bug.Line:
		r.Moment = AtOnce
	case 0:
		r.Moment = AtEnd
	default:
		r.Moment = Later
	}
	r.Level = r.Finding.level(p.wasFreed())
	r.Blamed = r.Finding.blamed(p.blamed)
	return r
}

// wasFreed reports whether a block that the bug is about was given back before.
func (p *program) wasFreed() bool {
	return slices.ContainsFunc(p.blamed, func(a mmapheap.Pointer) bool { return slices.Contains(p.freed, a) })
}
