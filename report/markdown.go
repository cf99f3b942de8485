package report

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"memprobe/probe/claims"
	"memprobe/probe/timing"
)

// markdowner is a model that is a page of Markdown, too.
type markdowner interface{ markdown() string }

// writeMarkdown writes the document's model as GitHub Flavored Markdown.
func writeMarkdown(w io.Writer, d Document, _ Options) error {
	m, ok := d.model.(markdowner)
	if !ok {
		return errors.New("this report has no md form")
	}
	_, err := io.WriteString(w, m.markdown())
	return err
}

// inMarkdown is a text of any kind that Markdown shows as it is, in a paragraph or in
// a table's cell.
func inMarkdown(s string) string {
	var b strings.Builder
	for _, r := range escape(s) {
		if strings.ContainsRune("\\`*_{}[]<>#|~&$", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// inCode is text that Markdown shows as it is in a block of code.
func inCode(s string) string { return strings.ReplaceAll(escape(s), "```", "` ` `") }

// markdownRow is a row of a table.
func markdownRow(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// markdown is a table of the claims by lesson, then each of them with its evidence;
// the latter alone where there is but one.
func (l ledger) markdown() string {
	var b strings.Builder
	if len(l.Findings) == 1 {
		finding(l.Findings[0]).write(&b, "#")
		fmt.Fprintf(&b, "%s\n", onMachine(l.Machine))
		return b.String()
	}
	fmt.Fprintf(&b, "# What the lessons say, and what is so here\n\n%s\n\n%s\n", inMarkdown(summed(l.Sums)), onMachine(l.Machine))
	for _, lesson := range byLesson(l.Findings) {
		fmt.Fprintf(&b, "\n## %s\n\n", inMarkdown(string(lesson[0].Lesson)))
		b.WriteString(markdownRow("Claim", "The lesson says", "Verdict", "Why"))
		b.WriteString(markdownRow("---", "---", "---", "---"))
		for _, f := range lesson {
			b.WriteString(markdownRow(fmt.Sprintf("[%s](#%s)", inMarkdown(f.ID), f.ID), inMarkdown(f.Words), inMarkdown(string(f.Verdict)), inMarkdown(f.Why)))
		}
	}
	b.WriteString("\n## The evidence\n")
	for _, f := range l.Findings {
		b.WriteByte('\n')
		finding(f).write(&b, "###")
	}
	return b.String()
}

// finding is a claim being written.
type finding claims.Finding

// write writes a claim with its evidence under a heading of that level.
func (f finding) write(b *strings.Builder, level string) {
	fmt.Fprintf(b, "%s %s\n\n> %s\n\n%s, %s\n\n**%s:** %s\n\n%s\n\n", level, inMarkdown(f.ID), inMarkdown(f.Words),
		inMarkdown(string(f.Lesson)), inMarkdown(f.Where), inMarkdown(string(f.Verdict)), inMarkdown(f.Why), inMarkdown(f.Test))
	if len(f.Evidence) > 0 {
		b.WriteString(markdownRow("Evidence", "Value", "From"))
		b.WriteString(markdownRow("---", "---", "---"))
		for _, i := range f.Evidence {
			b.WriteString(markdownRow(inMarkdown(i.Name), inMarkdown(said(i)), inMarkdown(i.From)))
		}
		b.WriteByte('\n')
	}
	b.WriteString("```sh\n")
	for _, command := range f.ByHand {
		b.WriteString(inCode(command) + "\n")
	}
	b.WriteString("```\n")
}

// onMachine says what the claims were held against.
func onMachine(m timing.Machine) string {
	words := []string{m.Arch}
	if m.CPU != "" {
		words = append(words, m.CPU)
	}
	if m.Kernel != "" {
		words = append(words, "Linux "+m.Kernel)
	}
	return inMarkdown(strings.Join(append(words, plural(m.Cores, "core"), m.Go), ", "))
}
