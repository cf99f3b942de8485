package report

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"

	"memprobe/layout/addr"
	"memprobe/probe/replay"
)

// replayed is a trace played with one policy.
type replayed struct {
	Schema int `json:"schema"`
	replay.Summary
	replay.Run
}

// compared is a trace played with several.
type compared struct {
	Schema int `json:"schema"`
	replay.Summary
	Policies []replay.Run `json:"policies"`
}

// Replay is what came of a trace: the figures of one policy and their course, or
// several policies side by side.
func Replay(r *replay.Report) Document {
	if len(r.Runs) == 1 {
		model := replayed{schema, r.Summary, r.Runs[0]}
		return Document{model, func(p *page) {
			p.replayHead(&r.Summary, policyName(&r.Runs[0]))
			p.replayFacts(model)
			p.course(r.Runs[0].Course)
			p.replayNotes(r.Runs)
			p.arenas(r)
		}}
	}
	return Document{compared{schema, r.Summary, r.Runs}, func(p *page) {
		p.replayHead(&r.Summary, fmt.Sprintf("%d policies", len(r.Runs)))
		p.sideBySide(r)
		p.replayNotes(r.Runs)
		p.arenas(r)
	}}
}

func (r replayed) records() iter.Seq[[]string] { return runRecords(r.Summary, []replay.Run{r.Run}) }
func (c compared) records() iter.Seq[[]string] { return runRecords(c.Summary, c.Policies) }

// runRecords is a row for each run.
func runRecords(s replay.Summary, runs []replay.Run) iter.Seq[[]string] {
	rows := [][]string{{
		"trace", "policy", "model", "ops", "ns_per_op", "peak_live", "high_water", "metadata", "utilization", "utilization_metadata",
		"resident", "resizes_moved", "search_mean", "search_median", "search_p90", "search_longest", "internal_mean", "external_mean",
	}}
	fraction := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	for _, r := range runs {
		rows = append(rows, []string{
			escape(s.Name), r.Policy, strconv.FormatBool(r.Model), strconv.Itoa(s.Ops), fraction(r.NSPerOp), count(s.PeakLive), count(r.HighWater),
			optional(r.Metadata, count), fraction(r.Utilization), optional(r.WithBooks, fraction), optional(r.Resident, count), strconv.Itoa(r.Moved),
			fraction(r.Searches.Mean), strconv.Itoa(r.Searches.Median), strconv.Itoa(r.Searches.P90), strconv.Itoa(r.Searches.Longest),
			fraction(r.Mean.Internal), fraction(r.Mean.External),
		})
	}
	return slices.Values(rows)
}

// optional is a value as form writes it; nothing where it is not known.
func optional[T any](v *T, form func(T) string) string {
	if v == nil {
		return ""
	}
	return form(*v)
}

func count(n addr.Bytes) string { return strconv.FormatUint(uint64(n), 10) }

// policyName is what a run was on, in a title.
func policyName(r *replay.Run) string {
	if r.Model {
		return "a model of " + r.Policy + " fit"
	}
	return "memprobe's heap, first fit"
}

// replayHead says what was played, and on what.
func (p *page) replayHead(s *replay.Summary, on string) {
	p.prose(1, p.width-2, fmt.Sprintf("%s on %s", escape(s.Name), on), strong)
	p.prose(1, p.column(1), fmt.Sprintf("%s: %s, %s, %s", plural(s.Ops, "operation"),
		plural(s.Allocs, "allocation"), plural(s.Resizes, "resize"), plural(s.Frees, "free")), plain)
	p.blank()
}

// replayFacts are the figures of a single run.
func (p *page) replayFacts(r replayed) {
	facts := []fact{
		{"peak live", fmt.Sprintf("%s requested at once%s", exactly(r.PeakLive), afterOp(r.PeakLiveOp))},
		{"high water", exactly(r.HighWater) + " of the arena were ever in use"},
	}
	if r.Metadata != nil {
		facts = append(facts, fact{"metadata", exactly(*r.Metadata) + " of bookkeeping for that"})
	}
	if r.HighWater > 0 {
		text := percent(r.Utilization) + " is peak live / high water"
		if r.WithBooks != nil {
			text += "; " + percent(*r.WithBooks) + " with the metadata"
		}
		facts = append(facts, fact{"utilization", text})
	}
	if r.Resident != nil && r.Books != nil {
		facts = append(facts, fact{"resident", fmt.Sprintf("%s of the heap and %s of the bookkeeping are in memory, says the kernel, "+
			"once every page of every block is written", size(*r.Resident), size(*r.Books))})
	}
	if r.Resizes > 0 {
		facts = append(facts, fact{"resizes", fmt.Sprintf("%s of %s took another place", humanize.Comma(int64(r.Moved)), humanize.Comma(int64(r.Resizes)))})
	}
	if r.Searches.Counted > 0 {
		facts = append(facts, fact{"searches", searches(r.Searches)})
	}
	if r.Passes > 0 {
		facts = append(facts, fact{"time", timeOf(r)})
	}
	p.named(facts)
}

// afterOp says after which operation something was, if after any.
func afterOp(i int) string {
	if i < 0 {
		return ""
	}
	return ", after operation " + humanize.Comma(int64(i))
}

func searches(s replay.Searches) string {
	text := fmt.Sprintf("an allocation looks at %s on average; median %s, 9 of 10 at most %s, longest %s", freeBlocks(s.Mean),
		humanize.Comma(int64(s.Median)), humanize.Comma(int64(s.P90)), humanize.Comma(int64(s.Longest)))
	if s.Counted < s.Of {
		return text + "; " + sampled(s)
	}
	return text
}

// sampled says that not all searches were counted.
func sampled(s replay.Searches) string {
	return fmt.Sprintf("a sample of %s of %s", humanize.Comma(int64(s.Counted)), humanize.Comma(int64(s.Of)))
}

func freeBlocks(mean float64) string {
	if mean == 1 {
		return "1 free block"
	}
	return significant(mean) + " free blocks"
}

func timeOf(r replayed) string {
	all := time.Duration(r.NSPerOp * float64(r.Ops))
	if all >= time.Millisecond {
		all = all.Round(10 * time.Microsecond)
	}
	text := fmt.Sprintf("%s ns an operation, %s in all", significant(r.NSPerOp), duration(all))
	if r.Passes == 1 {
		return text + ", in one pass"
	}
	return text + fmt.Sprintf(": the median of %s passes; the loop's own %s ns are taken off", humanize.Comma(int64(r.Passes)), significant(r.LoopNSPerOp))
}

// percent is a share with a digit after the point.
func percent(x float64) string { return strconv.FormatFloat(100*x, 'f', 1, 64) + " %" }

// named adds facts, their names in a column that is as wide as the longest.
func (p *page) named(facts []fact) {
	names := 0
	for _, f := range facts {
		names = max(names, len(f.name))
	}
	for _, f := range facts {
		name := f.name
		for _, row := range wrap(f.text, p.column(names+5)) {
			p.add(join(styled(fmt.Sprintf("   %-*s  ", names, name), faint), text(row)))
			name = ""
		}
	}
}

// courseRows is how many points of a course a table has.
const courseRows = 10

// course is how a run went, in a few points.
func (p *page) course(all []replay.Point) {
	var rows [][]string
	for i := range min(len(all), courseRows) {
		at := all[(i+1)*len(all)/min(len(all), courseRows)-1]
		rows = append(rows, []string{
			humanize.Comma(int64(at.Op)), size(at.Live), size(at.HighWater), size(at.LargestHole), percent(at.Internal), percent(at.External),
		})
	}
	if rows == nil {
		return
	}
	p.blank()
	p.table([]column{{"Op", true}, {"Live", true}, {"High water", true}, {"Max hole", true}, {"Internal", true}, {"External", true}}, rows)
}

// sideBySide compares the policies: the memory that they take, then the effort.
func (p *page) sideBySide(r *replay.Report) {
	p.named([]fact{{"peak live", exactly(r.PeakLive) + " requested at once" + afterOp(r.PeakLiveOp)}})
	p.blank()
	var memory, effort [][]string
	for _, run := range r.Runs {
		memory = append(memory, []string{
			run.Policy, bytesOf(run.HighWater), percent(run.Utilization), percent(run.Mean.External), humanize.Comma(int64(run.Moved)),
		})
		ns := significant(run.NSPerOp)
		if run.Model {
			ns = "(" + ns + ")"
		}
		s := run.Searches
		effort = append(effort, []string{
			run.Policy, significant(s.Mean), humanize.Comma(int64(s.Median)), humanize.Comma(int64(s.P90)), humanize.Comma(int64(s.Longest)), ns,
		})
	}
	p.table([]column{{"Policy", false}, {"High water", true}, {"Utilization", true}, {"External", true}, {"Moved", true}}, memory)
	p.blank()
	p.prose(1, p.column(1), "Free blocks that an allocation looks at, and the time of an operation:", plain)
	p.table([]column{{"Policy", false}, {"Mean", true}, {"Median", true}, {"9 of 10", true}, {"Longest", true}, {"ns/op", true}}, effort)
	p.blank()
	var legend []fact
	for _, run := range r.Runs {
		legend = append(legend, fact{run.Policy, run.About})
	}
	p.named(append(legend,
		fact{"Utilization", "peak live / high water"},
		fact{"External", "external fragmentation, on average over the run"},
		fact{"Moved", "resizes that took another place"},
		fact{"ns/op", "in brackets the time of a model, which says nothing of such a heap"}))
}

// replayNotes says how it was measured, and what else a reader must know.
func (p *page) replayNotes(runs []replay.Run) {
	p.blank()
	notes := "Internal fragmentation is 1 - requested / block bytes, external 1 - largest hole / all free bytes below high water. Operations count from 0."
	if len(runs) > 1 {
		notes = "External fragmentation is 1 - largest hole / all free bytes below high water."
		for _, r := range runs {
			if r.Searches.Counted < r.Searches.Of {
				notes += fmt.Sprintf(" The searches of %s fit are %s.", r.Policy, sampled(r.Searches))
			}
		}
	}
	p.prose(1, p.column(1), notes, faint)
	for _, r := range runs {
		for _, n := range r.Notes {
			p.prose(1, p.column(1), capital(r.Policy)+" fit: "+escape(n)+".", faint)
		}
	}
}

// arenas draws the arena of each run that has noted it.
func (p *page) arenas(r *replay.Report) {
	for _, run := range r.Runs {
		if run.Arena == nil {
			continue
		}
		p.blank()
		title := "The arena at the end"
		if len(r.Runs) > 1 {
			title += " with " + run.Policy + " fit"
		}
		p.arena(title, run.Arena)
	}
}

// offset is a place in the arena, as long as the longest of them.
func offset(n, longest addr.Bytes) string {
	digits := len(strconv.FormatUint(uint64(longest), 16))
	return fmt.Sprintf("+0x%0*x", digits, uint64(n))
}

// placed is the list of placements.
type placed struct {
	Schema     int                `json:"schema"`
	Trace      string             `json:"trace"`
	Policy     string             `json:"policy"`
	Placements []replay.Placement `json:"placements"`
}

// Placements is where each block went: a line with the number of the operation and
// the offset from the arena's start, both decimal.
func Placements(trace, policy string, all []replay.Placement) Document {
	model := placed{schema, trace, policy, all}
	if all == nil {
		model.Placements = []replay.Placement{}
	}
	return Document{model, func(p *page) {
		for _, at := range all {
			p.add(text(strconv.Itoa(at.Op) + " " + count(at.Offset)))
		}
	}}
}

func (m placed) records() iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		more := yield([]string{"index", "offset"})
		for i := 0; more && i < len(m.Placements); i++ {
			more = yield([]string{strconv.Itoa(m.Placements[i].Op), count(m.Placements[i].Offset)})
		}
	}
}
