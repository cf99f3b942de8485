package report

import (
	"fmt"
	"strings"

	"memprobe/probe"
)

// Run is a run of one scenario among several.
type Run struct {
	Group string // the part of the course that it belongs to
	Trace *probe.Trace
}

// traces is the JSON form of several runs.
type traces struct {
	Schema int   `json:"schema"`
	Traces []any `json:"traces"`
}

// runs is the model of a document about several runs.
type runs []Run

func (all runs) form(o Options) any {
	out := traces{schema, []any{}}
	for _, r := range all {
		out.Traces = append(out.Traces, run{r.Trace, r.Trace}.form(o))
	}
	return out
}

// AllScenarios are whole runs, one after the other.
func AllScenarios(all []Run) Document {
	return Document{runs(all), func(p *page) {
		for i, r := range all {
			if i > 0 {
				p.blank()
				p.blank()
			}
			p.banner(fmt.Sprintf("Scenario %d of %d %s %s", i+1, len(all), p.glyphs.sep, r.Group))
			p.blank()
			Scenario(r.Trace).text(p)
		}
	}}
}

// banner is a line that nothing else looks like, to be found when leafing through.
func (p *page) banner(title string) {
	bar := "═"
	if p.opts.ASCII {
		bar = "="
	}
	head := join(styled(" "+strings.Repeat(bar, 3), faint), styled(" "+title+" ", strong))
	p.add(join(head, styled(strings.Repeat(bar, max(0, min(p.width, widest)-1-head.cells())), faint)))
}
