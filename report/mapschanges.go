package report

import (
	"fmt"
	"strings"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// Changes are what became of an address space between two looks at it.
type Changes struct {
	Since  string // what the earlier look is called
	Before *layout.Space
	List   []layout.Change
}

// of is what of c is about mappings that were chosen, before or after.
func (c Changes) of(choice Choice, after *layout.Space) Changes {
	if choice.all() {
		return c
	}
	then, now := choice.ranges(c.Before), choice.ranges(after)
	chosen := c
	chosen.List = nil
	for _, change := range c.List {
		if change.Before != nil && then[change.Before.Range] || change.After != nil && now[change.After.Range] {
			chosen.List = append(chosen.List, change)
		}
	}
	return chosen
}

// ranges are those of the mappings of s that are chosen.
func (c Choice) ranges(s *layout.Space) map[addr.Range]bool {
	ranges := map[addr.Range]bool{}
	for _, m := range c.of(s).Mappings {
		ranges[m.Range] = true
	}
	return ranges
}

// changesModel is the JSON form of what changed.
type changesModel struct {
	Schema        int             `json:"schema"`
	PID           int             `json:"pid"`
	SameProcess   bool            `json:"same_process"`
	Executed      bool            `json:"executed"` // the process has run a program since
	ProgramThen   programJSON     `json:"program_before"`
	ProgramNow    programJSON     `json:"program_after"`
	MappingsThen  int             `json:"mappings_before"`
	MappingsNow   int             `json:"mappings_after"`
	ReservedThen  addr.Bytes      `json:"reserved_before"`
	ReservedNow   addr.Bytes      `json:"reserved_after"`
	ResidentThen  *addr.Bytes     `json:"resident_before,omitempty"`
	ResidentNow   *addr.Bytes     `json:"resident_after,omitempty"`
	Compared      bool            `json:"resident_compared"` // mapping by mapping
	ChangesListed []layout.Change `json:"changes"`
}

// programJSON is what a process runs.
type programJSON struct {
	Comm string `json:"comm"`
	Exe  string `json:"exe"`
}

func programOf(s *layout.Space) programJSON {
	return programJSON{strings.ToValidUTF8(s.Comm, "\ufffd"), strings.ToValidUTF8(s.Exe, "\ufffd")}
}

// changeMarks are what stands before a change.
var changeMarks = map[layout.ChangeKind]struct {
	mark  string
	style style
}{
	layout.Appeared: {"+", fresh}, layout.Vanished: {"-", gone}, layout.Grew: {">", fresh}, layout.Shrank: {"<", gone},
	layout.NewPerms: {"~", altered}, layout.MoreInMemory: {"#", fresh}, layout.LessInMemory: {".", gone},
}

// MapsChanged is what became of a process's mappings, as far as they are chosen: a line
// for each change, from high to low address.
func MapsChanged(after *layout.Space, c Changes, choice Choice) Document {
	c = c.of(choice, after)
	same := c.sameProcess(after)
	model := changesModel{
		Schema: schema, PID: after.PID, SameProcess: same, Executed: c.executed(after),
		ProgramThen: programOf(c.Before), ProgramNow: programOf(after),
		MappingsThen: len(c.Before.Mappings), MappingsNow: len(after.Mappings),
		ReservedThen: c.Before.Reserved, ReservedNow: after.Reserved, Compared: c.resident(after), ChangesListed: []layout.Change{},
	}
	if c.Before.ResidentKnown && after.ResidentKnown {
		model.ResidentThen, model.ResidentNow = &c.Before.Resident, &after.Resident
	}
	model.ChangesListed = append(model.ChangesListed, c.List...)
	return Document{model, func(p *page) {
		p.mapsHead(after, false)
		if !same {
			p.prose(1, p.column(1), fmt.Sprintf("What was looked at before is another process: %s.", spaceName(c.Before)), altered)
		}
		p.changed(c, after, 0)
	}}
}

func (c Changes) sameProcess(after *layout.Space) bool {
	return c.Before.PID == after.PID && c.Before.Started == after.Started
}

// executed is true where the same process has run a program since.
func (c Changes) executed(after *layout.Space) bool {
	return c.sameProcess(after) && layout.Executed(c.Before, after)
}

// executedWords say what a process ran, and what it runs. Its mappings are all new.
func executedWords(before, after *layout.Space) string {
	named := func(s *layout.Space) string {
		if s.Exe == "" {
			return brief(s.Comm)
		}
		return fmt.Sprintf("%s (%s)", brief(s.Comm), brief(s.Exe))
	}
	then, now := named(before), named(after)
	if then == now {
		return "The process has started its program anew since (exec): " + now + "."
	}
	return "The process runs another program since (exec): " + now + ". Before it was " + then + "."
}

// resident is true where it is known of each mapping how much is in memory, before and
// after.
func (c Changes) resident(after *layout.Space) bool {
	return c.Before.Figures != nil && after.Figures != nil
}

// changed lists the changes, in that many lines where it is not 0, and tells what was
// not compared.
func (p *page) changed(c Changes, after *layout.Space, lines int) {
	p.blank()
	if c.executed(after) {
		p.prose(1, p.column(1), executedWords(c.Before, after), altered)
	}
	if len(c.List) > 0 {
		p.changeList(c, lines)
	}
	known := c.Before.ResidentKnown && after.ResidentKnown
	switch {
	case c.resident(after) && len(c.List) > 0:
	case c.resident(after):
		p.prose(1, p.column(1), "Nothing has changed since "+brief(c.Since)+".", plain)
	case len(c.List) == 0 && known && c.Before.Resident == after.Resident:
		p.prose(1, p.column(1), "No mapping has changed since "+brief(c.Since)+", nor how much is in memory in all.", plain)
	default:
		words := ""
		if len(c.List) == 0 {
			words = "No mapping has changed since " + brief(c.Since) + ". "
		}
		if known {
			words += "In memory in all: " + residentWords(c.Before.Resident, after.Resident) + ". "
		}
		p.prose(1, p.column(1), words+"With --resident at both looks it is told of each mapping.", plain)
	}
}

// residentWords say how much was in memory and how much is.
func residentWords(then, now addr.Bytes) string {
	words := size(then)
	switch {
	case now == then:
		return words + ", as before"
	case size(now) != size(then):
		return words + ", now " + size(now)
	case now > then:
		return words + ", now " + size(now-then) + " more"
	}
	return words + ", now " + size(then-now) + " less"
}

// changeList lists the changes, in that many lines where it is not 0.
func (p *page) changeList(c Changes, lines int) {
	p.add(styled(fmt.Sprintf(" %s since %s:", plural(len(c.List), "change"), brief(c.Since)), strong))
	first := p.lines
	for i := len(c.List) - 1; i >= 0; i-- {
		if lines > 0 && p.lines-first >= lines {
			p.add(styled(fmt.Sprintf("   and %s more", plural(i+1, "change")), faint))
			return
		}
		change := c.List[i]
		m := change.After
		if m == nil {
			m = change.Before
		}
		sign, whole := changeMarks[change.Kind], change.Whole()
		p.listed(join(
			styled(" "+sign.mark+" ", sign.style), styled(fmt.Sprintf("%14v", whole.Lo), faint), text(fmt.Sprintf("  %8s", short(whole.Size()))),
			styled("  "+m.Perms.String()[:3], faint), text("  "),
		), changeWords(change))
	}
}

// changeWords say what happened, and to what.
func changeWords(c layout.Change) string {
	words := string(c.Kind)
	switch c.Kind {
	case layout.Grew, layout.Shrank:
		if c.Lo < max(c.Before.Lo, c.After.Lo) {
			words += " at its start"
		}
		words += " by " + size(c.Bytes)
	case layout.MoreInMemory, layout.LessInMemory:
		words = size(c.Bytes) + " " + words
	case layout.NewPerms:
		words = "was " + c.Before.Perms.String()[:3]
	}
	return words + ": " + brief(c.Part)
}
