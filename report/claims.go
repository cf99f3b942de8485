package report

import (
	"fmt"
	"slices"
	"strings"

	"memprobe/probe/claims"
)

// ledger is the model of a document about claims.
type ledger struct{ *claims.Ledger }

// Claims are the lessons' claims, each with its verdict and why.
func Claims(l *claims.Ledger) Document {
	return Document{ledger{l}, func(p *page) {
		p.prose(1, p.column(1), fmt.Sprintf("%s of the two lessons, each held against this machine just now.", capital(plural(len(l.Findings), "claim"))), plain)
		p.prose(1, p.column(1), summed(l.Sums), strong)
		var lesson claims.Lesson
		where := ""
		for _, f := range l.Findings {
			if f.Lesson != lesson {
				lesson, where = f.Lesson, ""
				p.blank()
				p.banner(escape(string(lesson)))
			}
			if f.Where != where {
				where = f.Where
				p.blank()
				p.add(styled(" "+escape(where), strong))
			}
			p.listedClaim(f)
		}
		p.blank()
		p.prose(1, p.column(1), summed(l.Sums), strong)
		p.refuted(l.Findings)
		p.blank()
		p.hints([]fact{
			{"One of them", "memprobe claims --id " + example(l.Findings)},
			{"As a page", "memprobe claims --format md --output claims.md"},
		})
	}}
}

// refuted names the claims that do not hold, and those that can't be told.
func (p *page) refuted(findings []claims.Finding) {
	for _, of := range []struct {
		verdict claims.Verdict
		words   string
	}{{claims.DoesNotHold, "Do not hold here: "}, {claims.Untold, "Can't be told here: "}} {
		var ids []string
		for _, f := range findings {
			if f.Verdict == of.verdict {
				ids = append(ids, escape(f.ID))
			}
		}
		if ids != nil {
			p.prose(1, p.column(1), of.words+strings.Join(ids, ", ")+".", plain)
		}
	}
}

// example is a claim whose verdict asks for a look at its evidence.
func example(findings []claims.Finding) string {
	for _, f := range findings {
		if f.Verdict == claims.DoesNotHold {
			return f.ID
		}
	}
	return findings[0].ID
}

// widestVerdict is the cells of the widest verdict.
var widestVerdict = func() int {
	most := 0
	for _, v := range claims.Verdicts {
		most = max(most, width(string(v)))
	}
	return most
}()

// verdictStyles repeat the verdicts in colour.
var verdictStyles = map[claims.Verdict]style{claims.Holds: fresh, claims.InPart: altered, claims.DoesNotHold: gone, claims.Untold: faint}

// listedClaim is a claim in the ledger: the verdict, its name, the lesson's words, and
// why.
func (p *page) listedClaim(f claims.Finding) {
	indent := 1 + widestVerdict + 2
	verdict := join(text(" "), styled(string(f.Verdict), verdictStyles[f.Verdict]))
	words := fmt.Sprintf("%s: %s", escape(f.ID), inQuotes(f.Words))
	for i, l := range wrap(words, p.column(indent)) {
		row := text(l)
		if id, rest, cut := strings.Cut(l, ":"); i == 0 && cut && id == escape(f.ID) {
			row = join(styled(id, pointer), text(":"+rest))
		}
		p.add(join(verdict.padded(indent), row))
		verdict = nil
	}
	p.prose(indent+2, p.column(indent+2), escape(f.Why), faint)
}

// inQuotes is what a lesson says.
func inQuotes(words string) string { return `"` + escape(words) + `"` }

// summed says how many claims have which verdict: 31 hold, 9 hold in part.
func summed(sums []claims.Sum) string {
	plurals := map[claims.Verdict]string{claims.Holds: "hold", claims.InPart: "hold in part", claims.DoesNotHold: "do not hold here", claims.Untold: "can't be told here"}
	var parts []string
	for _, s := range sums {
		words := plurals[s.Verdict]
		switch s.Claims {
		case 0:
			continue
		case 1:
			words = string(s.Verdict)
		}
		parts = append(parts, fmt.Sprintf("%d %s", s.Claims, words))
	}
	return strings.Join(parts, ", ") + "."
}

// Claim is one claim, the only one of l, with all of its evidence.
func Claim(l *claims.Ledger) Document {
	f := l.Findings[0]
	return Document{ledger{l}, func(p *page) {
		head := join(text(" "), styled(escape(f.ID), strong), text(" "+p.glyphs.sep+" "), styled(string(f.Verdict), verdictStyles[f.Verdict]))
		p.add(apart(min(p.width, widest)-1, head, styled(escape(string(f.Lesson)), faint))...)
		p.blank()
		p.prose(1, p.column(1), inQuotes(f.Words), plain)
		p.prose(3, p.column(3), escape(f.Where), faint)
		p.blank()
		p.prose(1, p.column(1), escape(f.Why), strong)
		p.blank()
		p.add(styled(" How it is tested", strong))
		p.prose(3, p.column(3), escape(f.Test), plain)
		p.blank()
		p.add(styled(" The evidence", strong))
		p.evidence(f.Evidence)
		p.blank()
		p.add(styled(" By hand", strong))
		for _, command := range f.ByHand {
			p.add(text("   " + escape(command))) // in one piece, to be copied
		}
	}}
}

// evidence lists items: what, its value, who says so.
func (p *page) evidence(items claims.Evidence) {
	if len(items) == 0 {
		p.prose(3, p.column(3), "None was to be had.", plain)
		return
	}
	for _, i := range items {
		line, from := text("   "+escape(i.Name)+": "+escape(said(i))), styled(escape(i.From), faint)
		if across := min(p.width, legible) - 1; line.cells()+2+from.cells() <= across {
			p.add(apart(across, line, from)...)
			continue
		}
		p.prose(3, p.column(3), escape(i.Name)+": "+escape(said(i)), plain)
		p.prose(7, p.column(7), escape(i.From), faint)
	}
}

// said is an item's value, or why there is none; it is not escaped.
func said(i claims.Item) string {
	if i.Value == nil {
		return "not to be had: " + i.Missing
	}
	return i.Value.String()
}

// byLesson cuts findings where the lesson changes.
func byLesson(findings []claims.Finding) [][]claims.Finding {
	var all [][]claims.Finding
	for len(findings) > 0 {
		n := slices.IndexFunc(findings, func(f claims.Finding) bool { return f.Lesson != findings[0].Lesson })
		if n < 0 {
			n = len(findings)
		}
		all, findings = append(all, findings[:n]), findings[n:]
	}
	return all
}
