package report

import (
	"fmt"
	"strings"

	"memprobe/probe"
)

// schema is the version of the JSON forms that are neither a trace nor an address
// space, which have their own.
const schema = 1

// Group is a part of the course.
type Group struct {
	Title     string
	Scenarios []*probe.Scenario
}

// listedGroup is a group in the list of scenarios.
type listedGroup struct {
	Title     string   `json:"title"`
	Scenarios []listed `json:"scenarios"`
}

// listed is a scenario in that list.
type listed struct {
	Name   string `json:"name"`
	Title  string `json:"title"`
	Lesson string `json:"lesson"`
}

// Scenarios lists the scenarios by group, in the order of teaching.
func Scenarios(groups []Group) Document {
	model := struct {
		Schema int           `json:"schema"`
		Groups []listedGroup `json:"groups"`
	}{Schema: schema}
	longest, first := 0, ""
	for _, g := range groups {
		row := listedGroup{Title: g.Title, Scenarios: []listed{}}
		for _, s := range g.Scenarios {
			row.Scenarios = append(row.Scenarios, listed{s.Name, s.Title, s.Lesson})
			longest = max(longest, width(s.Name))
			if first == "" {
				first = s.Name
			}
		}
		model.Groups = append(model.Groups, row)
	}
	return Document{model, func(p *page) {
		for _, g := range groups {
			p.add(styled(" "+g.Title, strong))
			for _, s := range g.Scenarios {
				for i, row := range wrap(s.Title, p.column(longest+5)) {
					name := s.Name
					if i > 0 {
						name = ""
					}
					p.add(join(text("   "), styled(name, pointer).padded(longest+2), text(row)))
				}
			}
			p.blank()
		}
		p.hints([]fact{
			{"Run one", "memprobe scenario " + first},
			{"One step alone", "memprobe scenario " + first + " --step 1"},
			{"Be asked", "memprobe scenario " + first + " --quiz"},
			{"Run them all", "memprobe scenario all"},
		})
	}}
}

// hints adds commands that a reader may type next, each with what it does.
func (p *page) hints(hints []fact) {
	for _, h := range hints {
		p.add(text(fmt.Sprintf(" %-16s %s", h.name+":", h.text)))
	}
}

// Build says which memprobe this is.
type Build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // the commit that it was built from
	Modified bool   `json:"modified,omitempty"` // with changes that are in no commit
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

// Version is b in a line.
func Version(b Build) Document {
	return Document{b, func(p *page) {
		words := []string{"memprobe", b.Version}
		if b.Revision != "" {
			words = append(words, b.Revision)
		}
		if b.Modified {
			words = append(words, "modified")
		}
		p.add(text(strings.Join(append(words, b.Go, b.OS+"/"+b.Arch), " ")))
	}}
}
