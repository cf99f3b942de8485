package report

import (
	"strings"
	"testing"

	"memprobe/probe"
	"memprobe/probe/lesson"
)

func courseGroups() []Group {
	var groups []Group
	for _, g := range lesson.Groups {
		groups = append(groups, Group{g.Title, g.Scenarios})
	}
	return groups
}

// TestScenarioList: below the title of its group each scenario has a line of its own,
// at 80 columns, in the order of teaching.
func TestScenarioList(t *testing.T) {
	var want []string
	for _, g := range lesson.Groups {
		want = append(want, " "+g.Title)
		for _, s := range g.Scenarios {
			want = append(want, "   "+s.Name+strings.Repeat(" ", 16-len(s.Name))+s.Title)
		}
		want = append(want, "")
	}
	got := render(t, "text", Scenarios(courseGroups()), Options{Width: 80})
	if !strings.HasPrefix(got, strings.Join(want, "\n")) {
		t.Errorf("the list is\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	for _, width := range []int{MinWidth, 80} {
		for l := range strings.Lines(render(t, "text", Scenarios(courseGroups()), Options{Width: width})) {
			if n := text(strings.TrimRight(l, "\n")).cells(); n > width {
				t.Errorf("at %d a line has %d cells: %s", width, n, l)
			}
		}
	}
}

// TestNarrowList: a title that does not fit goes on below itself.
func TestNarrowList(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("words ", 20))
	got := render(t, "text", Scenarios([]Group{{"G", []*probe.Scenario{{Name: "name", Title: long}}}}), Options{Width: 80})
	if want := " G\n   name  " + strings.Repeat("words ", 10) + "words\n         words"; !strings.HasPrefix(got, want) {
		t.Errorf("the list is\n%s\nwant\n%s", got, want)
	}
}

// TestAllScenarios: each run stands below a line of its own.
func TestAllScenarios(t *testing.T) {
	var runs []Run
	for _, s := range lesson.All[:2] {
		runs = append(runs, Run{"The stack", fixed(t, s, probe.Options{})})
	}
	got := render(t, "text", AllScenarios(runs), Options{Width: 80})
	_, second, found := strings.Cut(got, "\n\n\n ═══ Scenario 2 of 2 · The stack ═")
	if !strings.HasPrefix(got, " ═══ Scenario 1 of 2 · The stack ═") || !found {
		t.Errorf("it reads\n%s", got)
	}
	_, second, _ = strings.Cut(second, "\n\n")
	if want := render(t, "text", Scenario(runs[1].Trace), Options{Width: 80}); second != want {
		t.Errorf("the second run is not what it is alone:\n%s", second)
	}
	v := decoded(t, AllScenarios(runs), Options{})
	if traces, ok := v["traces"].([]any); !ok || len(traces) != 2 || v["schema"] != 1.0 {
		t.Errorf("as JSON it is %v", v)
	}
	if v := decoded(t, AllScenarios(nil), Options{}); v["traces"] == nil {
		t.Error("the traces of no run are no list")
	}
}
