package report

import (
	"strings"

	"memprobe/probe"
)

// schema is the version of the JSON forms that are neither a trace nor an address
// space, which have their own.
const schema = 1

// listed is a scenario in the list of all.
type listed struct {
	Name   string `json:"name"`
	Title  string `json:"title"`
	Lesson string `json:"lesson"`
}

// Scenarios lists the scenarios in the order of teaching.
func Scenarios(all []*probe.Scenario) Document {
	model := struct {
		Schema    int      `json:"schema"`
		Scenarios []listed `json:"scenarios"`
	}{Schema: schema}
	var rows [][]string
	for _, s := range all {
		model.Scenarios = append(model.Scenarios, listed{s.Name, s.Title, s.Lesson})
		rows = append(rows, []string{s.Name, s.Title})
	}
	return Document{model, func(p *page) {
		p.table([]column{{head: "Scenario"}, {head: "What it shows"}}, rows)
		p.blank()
		p.add(text(" Run one:              memprobe scenario " + all[0].Name))
		p.add(text(" One step at a time:   memprobe scenario " + all[0].Name + " --step 1"))
	}}
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
