package report

import (
	"fmt"
	"strings"

	"memprobe/probe/timing"
)

// Bench is a measurement: the answers in words, then study by study the figures,
// then what it was measured on.
func Bench(r *timing.Result) Document {
	return Document{benched{r}, func(p *page) {
		p.headlines(r)
		p.care(r.Notes)
		p.benchKey(r)
		for i := range r.Studies {
			b := &benchText{p, &r.Studies[i]}
			if i == 0 || r.Studies[i-1].Cost != b.Cost {
				p.cost(b.Cost)
			}
			b.head()
			b.answers()
			b.blank()
			b.figures()
			b.notes()
			b.blank()
		}
		p.benchMachine(r)
	}}
}

// benched is the model of a measurement.
type benched struct{ *timing.Result }

// benchText is a study being written.
type benchText struct {
	*page
	*timing.StudyResult
}

// care says what makes a reader trust the figures less.
func (p *page) care(notes []string) {
	if len(notes) == 0 {
		return
	}
	p.prose(1, p.column(1), "Read with care: "+escape(strings.Join(notes, "; "))+".", altered)
	p.blank()
}

// benchKey says how the tables are to be read.
func (p *page) benchKey(r *timing.Result) {
	if len(r.Studies) == 0 {
		return
	}
	p.prose(1, p.column(1), "A time is that of one operation, the median of all rounds, with its 95 % interval. \"Times\" says how "+
		"many times as long it takes, the median of the ratios round by round; \"no diff.\" that no difference was found, which does not prove that there is none. "+
		"One takes 2 % or more, and has to be clear even among all ratios of its study: an interval that leaves out 1 is not enough. "+
		"A letter leads to a doubt below the table.", faint)
	p.blank()
}

// costNames are the costs in words.
var costNames = map[timing.Cost]string{timing.Allocate: "getting bytes", timing.Touch: "touching them", timing.Access: "reading them"}

// cost is the heading over the studies of a cost.
func (p *page) cost(c timing.Cost) {
	title := " What it costs: " + costNames[c] + " "
	p.add(join(styled(title, strong), styled(strings.Repeat(p.glyphs.lines[left|right], max(0, p.width-1-width(title))), faint)))
	p.blank()
}

// head is the study's heading.
func (b *benchText) head() {
	b.add(join(styled(" "+b.Name, current), styled(" "+b.glyphs.sep+" "+b.Title, strong)))
	b.prose(1, b.column(1), b.Question, plain)
	b.blank()
}

// notes says what an operation is, what the contenders do and how they were timed.
func (b *benchText) notes() {
	b.blank()
	facts := []fact{{"operation", b.Operation + "."}}
	for _, what := range b.contenders() {
		facts = append(facts, fact{what, b.about(what)})
	}
	how := fmt.Sprintf("%s, each contender once in each, in changing order, for %s at least; by the %s.", b.rounds(), b.time(float64(b.Batch)), b.Clock)
	for _, n := range alikeTogether(b.Notes) {
		how += " " + sentence(n.text())
	}
	b.named(append(facts, fact{"rounds", how}))
}

// rounds is how many there were, those of contenders that were given up left out.
func (b *benchText) rounds() string {
	fewest, most := 0, 0
	for i := range b.Timings {
		n := len(b.Timings[i].Rounds)
		if n > 1 && (fewest == 0 || n < fewest) {
			fewest = n
		}
		most = max(most, n)
	}
	if fewest == 0 || fewest == most {
		return plural(most, "round")
	}
	return fmt.Sprintf("%d to %d rounds", fewest, most)
}

// contenders are the names in the order of the table.
func (b *benchText) contenders() []string { return contendersOf(b.Timings) }

// about is what a contender does, and the notes that hold at each of its points; a
// note that holds at some of them comes with those.
func (b *benchText) about(what string) string {
	ts := b.of(what)
	s := ts[0].About + "."
	var said []string
	for _, t := range ts {
		for _, n := range t.Notes {
			n = strings.TrimSuffix(n, ".")
			where := ""
			if !always(ts, n) {
				where = "At " + b.place(t.At) + ": "
			}
			if note := where + n; !contains(said, note) {
				said = append(said, note)
				s += " " + sentence(note)
			}
		}
	}
	return s
}

// always reports whether each of ts has the note.
func always(ts []*timing.Timing, note string) bool {
	for _, t := range ts {
		if !contains(t.Notes, note) {
			return false
		}
	}
	return true
}

// benchMachine is what was measured on, and with which clocks.
func (p *page) benchMachine(r *timing.Result) {
	p.add(styled(" Measured on", strong))
	facts := append(p.machine(r.Machine), fact{"clocks", p.clocks(r.Clocks)})
	p.named(append(facts, fact{"took", p.time(float64(r.Took))}))
}

// machine is what of a machine matters here.
func (p *page) machine(m timing.Machine) []fact {
	cpu := archName(m.Arch)
	if m.CPU != "" {
		cpu = m.CPU + ", " + cpu
	}
	cpu += ", " + plural(m.Cores, "core")
	if m.MHz > 0 {
		cpu += fmt.Sprintf(", %.0f MHz at the start", m.MHz)
	}
	if m.MaxMHz > 0 {
		cpu += fmt.Sprintf(" of %.0f at most", m.MaxMHz)
	}
	if m.Governor != "" {
		cpu += ", governor " + m.Governor
	}
	if m.Virtual {
		cpu += "; a virtual machine"
	}
	facts := []fact{{"processor", escape(cpu)}}
	if m.Memory > 0 {
		memory := short(m.Memory) + ", in pages of " + short(m.Page)
		if m.HugePages != "" {
			memory += "; huge pages: " + m.HugePages
		}
		facts = append(facts, fact{"memory", escape(memory)})
	}
	facts = append(facts, fact{"system", escape(fmt.Sprintf("Linux %s, %s", m.Kernel, m.Go))})
	if len(m.Caches) > 0 {
		var all []string
		for _, c := range m.Caches {
			text := fmt.Sprintf("level %d %s", c.Level, short(c.Size))
			if c.Shared > 1 {
				text += fmt.Sprintf(", shared by %d cores", c.Shared)
			}
			all = append(all, text)
		}
		facts = append(facts, fact{"caches", strings.Join(all, "; ")})
	}
	if len(m.Mitigations) > 0 {
		facts = append(facts, fact{"weaknesses", escape(mitigations(m.Mitigations))})
	}
	return facts
}

// mitigations says which weaknesses of the processor the kernel works around.
func mitigations(all []timing.Mitigation) string {
	var active, open []string
	for _, m := range all {
		if m.Active {
			active = append(active, m.Name)
		} else {
			open = append(open, m.Name)
		}
	}
	s := ""
	if active != nil {
		s = "worked around, which may cost time: " + strings.Join(active, ", ")
	}
	if open != nil {
		if s != "" {
			s += "; "
		}
		s += "left open: " + strings.Join(open, ", ")
	}
	return s
}

// clocks says how fine the clocks are.
func (p *page) clocks(all []timing.Clock) string {
	var parts []string
	for _, c := range all {
		step := "stood still"
		if c.Step > 0 {
			step = "moves in steps of " + p.time(float64(c.Step))
		}
		parts = append(parts, fmt.Sprintf("%s: %s and takes %s to read", c.Kind, step, p.time(float64(c.Cost))))
	}
	return sentence(strings.Join(parts, "; "))
}
