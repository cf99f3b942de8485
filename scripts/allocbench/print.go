package main

import (
	"fmt"
	"io"
	"slices"
)

// printer writes the figures for a terminal of 80 columns.
type printer struct{ w io.Writer }

func (p printer) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

func (p printer) begin(f *figures) {
	m := f.Machine
	p.line("%s, %d cores, Linux %s, %s; %d rounds", m.Arch, m.Cores, m.Kernel, m.Go, f.Rounds)
	p.notes(f.Notes)
}

func (p printer) notes(notes []string) {
	for _, note := range notes {
		p.line("%s", note)
	}
}

// across is how many traces a table has side by side.
const across = 6

// tableRow is a row of a table: a contender's cell for each trace, and what they come to.
type tableRow struct {
	title, name string
	cell        func(*figure, *result) string
	ends        [2]string // geomean and worst; empty where they mean nothing
}

// traces has a row a contender and a column a trace.
func (p printer) traces(all []*figure) {
	if timed := named(all[0], func(r *result) bool { return len(r.Rounds) > 0 }); len(timed) > 0 {
		var times, against []tableRow
		for i, name := range timed {
			times = append(times, tableRow{title: name, name: name,
				cell: func(f *figure, r *result) string { return number(r.NsOp) + f.mark(r) }})
			if i > 0 {
				most, _ := worst(all, name)
				against = append(against, tableRow{name, name,
					func(f *figure, r *result) string { return number(r.Ratio) + f.mark(r) },
					[2]string{number(median(byRound(all, own, name))), number(most)}})
			}
		}
		p.line("\nTime: nanoseconds per operation, the loop's taken off")
		p.table(all, times)
		p.cuts(all)
		p.line("\nRatios: memprobe's time over the other's")
		p.table(all, against)
	}
	if measured := named(all[0], func(r *result) bool { return r.Foot > 0 }); len(measured) > 0 {
		rows := []tableRow{useRow(all, "computed", "memprobe", func(r *result) float64 { return r.Own.Use })}
		for _, name := range measured {
			rows = append(rows, useRow(all, name, name, func(r *result) float64 { return r.Use }))
		}
		p.line("\nMemory: payload at its peak over resident footprint, all of each block written")
		p.table(all, rows)
		p.line("  computed: memprobe's payload over its high water and metadata")
	}
}

// useRow is how much of its footprint a contender's payload is.
func useRow(all []*figure, title, name string, of func(*result) float64) tableRow {
	uses := values(all, name, of)
	return tableRow{title, name, func(_ *figure, r *result) string { return number(of(r)) },
		[2]string{number(geomean(uses)), number(slices.Min(uses))}}
}

// named are the contenders whose results have what is asked for.
func named(f *figure, has func(*result) bool) []string {
	var names []string
	for _, r := range f.Results {
		if has(r) {
			names = append(names, r.Name)
		}
	}
	return names
}

// table writes the rows, as many traces side by side as fit.
func (p printer) table(all []*figure, rows []tableRow) {
	for len(all) > 0 {
		some := all[:min(across, len(all))]
		all = all[len(some):]
		ends := len(all) == 0 && rows[0].ends[0] != ""
		head := fmt.Sprintf("  %-9s", "")
		for _, f := range some {
			head += fmt.Sprintf(" %7.7s", f.Name)
		}
		if ends {
			head += fmt.Sprintf(" %8s %8s", "geomean", "worst")
		}
		p.line("%s", head)
		for _, r := range rows {
			text := fmt.Sprintf("  %-9s", r.title)
			for _, f := range some {
				text += fmt.Sprintf(" %7s", r.cell(f, f.of(r.name)))
			}
			if ends {
				text += fmt.Sprintf(" %8s %8s", r.ends[0], r.ends[1])
			}
			p.line("%s", text)
		}
	}
}

// mark is a star where the naive list was cut off.
func (f *figure) mark(r *result) string {
	if r.Ops < f.Ops {
		return "*"
	}
	return ""
}

func (p printer) cuts(all []*figure) {
	for _, f := range all {
		for _, r := range f.Results {
			if r.Ops > 0 && r.Ops < f.Ops {
				p.line("  * %.12s: %s was stopped after %d of %d operations", f.Name, r.Name, r.Ops, f.Ops)
			}
		}
	}
}

// number has three digits that count.
func number(x float64) string {
	switch {
	case x >= 99.95:
		return fmt.Sprintf("%.0f", x)
	case x >= 9.995:
		return fmt.Sprintf("%.1f", x)
	case x >= 0.0995:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.4f", x)
}

func values(all []*figure, name string, of func(*result) float64) []float64 {
	var xs []float64
	for _, f := range all {
		xs = append(xs, of(f.of(name)))
	}
	return xs
}

// worst is the largest ratio to a contender, and on which trace.
func worst(all []*figure, name string) (most float64, trace string) {
	for _, f := range all {
		if r := f.of(name); r.Ratio > most {
			most, trace = r.Ratio, f.Name
		}
	}
	return most, trace
}

func (p printer) scale(s *scale) {
	p.line("\nScaling: nanoseconds per operation beside N free blocks of 32 bytes")
	head := fmt.Sprintf("  %-11s", "N")
	for _, n := range s.Holes {
		head += fmt.Sprintf(" %9d", n)
	}
	p.line("%s %10s", head, "10^6/10^3")
	for _, w := range works {
		p.line("  %s: %s", w.name, w.about)
		var rows []*row
		for _, r := range s.Rows {
			if r.Work == w.name {
				rows = append(rows, r)
				p.line("    %-9s%s %10s", r.Name, cells(r.NsOp), number(r.Growth))
			}
		}
		if len(rows) == 2 {
			var times []float64
			for h := range s.Holes {
				times = append(times, ratio(rows[0].Rounds[h], rows[1].Rounds[h]))
			}
			p.line("    %-9s%s", "ratio", cells(times))
		}
	}
}

func cells(xs []float64) (text string) {
	for _, x := range xs {
		text += fmt.Sprintf(" %9s", number(x))
	}
	return text
}

func (p printer) stack(all []frames) {
	p.line("\nStack: nanoseconds a frame: two words stored, one read; a Go call also zeroes it")
	p.line("  %9s %10s %7s %10s %7s %10s", "bytes", "Enter", "ratio", "Push", "ratio", "Go call")
	for _, f := range all {
		p.line("  %9d %10s %7s %10s %7s %10s", f.Size, number(f.EnteredNs), number(f.Ratio), number(f.PushedNs), number(f.PushedRatio), number(f.CallNs))
	}
}

// end says in a line each what the traces come to.
func (p printer) end(f *figures) {
	if len(f.Traces) == 0 {
		return
	}
	if names := named(f.Traces[0], func(r *result) bool { return len(r.Rounds) > 0 && r.Name != own && r.Name != ownRounded }); len(names) > 0 {
		p.line("\nIn short: memprobe's time over the other's, as geomean over the traces; and that")
		p.line("of a Rounded heap, which forgets the sizes asked for, as malloc does")
		p.line("  %-8s %8s %7s", "", own, ownRounded)
		for _, name := range names {
			p.verdict(f.Traces, name)
		}
	}
	use := func(r *result) float64 { return r.Use }
	for i, name := range named(f.Traces[0], func(r *result) bool { return r.Use > 0 }) {
		if i == 0 {
			p.line("\nIn short: payload over footprint, as geomean over the traces")
		}
		if i < 2 {
			p.line("  %-9s %5s", name, number(geomean(values(f.Traces, name, use))))
		}
	}
}

// verdict is the geomean for both heaps, with half of the rounds in the span beside
// the first.
func (p printer) verdict(all []*figure, name string) {
	rounds := byRound(all, own, name)
	lo, hi := middle(rounds)
	most, trace := worst(all, name)
	p.line("  %-8s %8s %7s  half the rounds %s-%s; worst %s, %.12s", name, number(median(rounds)),
		number(median(byRound(all, ownRounded, name))), number(lo), number(hi), number(most), trace)
}

// byRound is the geomean over the traces of one's time over the other's, for each
// round.
func byRound(all []*figure, one, other string) []float64 {
	var rounds []float64
	for i := range all[0].of(other).Rounds {
		var ratios []float64
		for _, f := range all {
			ratios = append(ratios, f.of(one).Rounds[i]/f.of(other).Rounds[i])
		}
		rounds = append(rounds, geomean(ratios))
	}
	return rounds
}
