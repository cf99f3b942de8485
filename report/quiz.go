package report

import (
	"fmt"
	"strings"

	"memprobe/probe"
)

// Sheet is the questions and answers of some runs, for whoever asks them elsewhere.
// In JSON, an answer is which of the choices it is, from 0.
func Sheet(seed uint64, all []*probe.Trace) Document { return Document{model: sheet{seed, all}} }

type sheet struct {
	seed uint64
	runs []*probe.Trace
}

// sheetModel is the JSON form of a sheet.
type sheetModel struct {
	Schema    int              `json:"schema"`
	Seed      uint64           `json:"seed"`
	Scenarios []sheetQuestions `json:"scenarios"`
}

type sheetQuestions struct {
	Scenario  string          `json:"scenario"`
	Title     string          `json:"title"`
	Source    []string        `json:"source"` // with this seed's numbers
	Questions []sheetQuestion `json:"questions"`
}

type sheetQuestion struct {
	Step int `json:"step"` // the one that answers it
	*probe.Question
}

func (s sheet) form(o Options) any {
	m := sheetModel{Schema: schema, Seed: s.seed, Scenarios: []sheetQuestions{}}
	for _, t := range s.runs {
		if o.Relative {
			t = placesOf(t).trace(t)
		}
		of := sheetQuestions{Scenario: t.Scenario, Title: t.Title, Source: t.Source, Questions: []sheetQuestion{}}
		for _, step := range t.Steps {
			if step.Question != nil {
				of.Questions = append(of.Questions, sheetQuestion{step.N, step.Question})
			}
		}
		m.Scenarios = append(m.Scenarios, of)
	}
	return m
}

// The quiz on a terminal: a run step by step, and before each step that has a question
// the question.

// QuizIntro says how many questions come and how to answer them; again is the command
// that asks the same ones.
func QuizIntro(questions int, again string) Document {
	return Document{text: func(p *page) {
		p.prose(1, p.column(1), plural(questions, "question")+", each asked before the step that answers it. Type the number of an answer, or its letter. "+
			"For the same questions again, with the same numbers:", plain)
		p.add(text("   " + again))
	}}
}

// QuizHead introduces a run. Its title is not told: it may well answer a question.
func QuizHead(t *probe.Trace, questions int) Document {
	untold := *t
	untold.Title = "a quiz of " + plural(questions, "question")
	return ofRun(&untold, &untold, func(p *page, t *probe.Trace) {
		p.blank()
		p.traceHead(t)
	})
}

// QuizBanner sets the run that follows apart from what came before: it is number i of n.
func QuizBanner(i, n int) Document {
	return Document{text: func(p *page) {
		p.blank()
		p.blank()
		p.banner(fmt.Sprintf("Scenario %d of %d", i, n))
	}}
}

// QuizStep is step i of a run, from 0.
func QuizStep(t *probe.Trace, i int) Document {
	return ofRun(t, t, func(p *page, t *probe.Trace) { p.step(t, i, lastNumber(t), excerptOf(i)) })
}

// QuizQuestion asks what step i of a run answers; it is number k of n.
func QuizQuestion(t *probe.Trace, i, k, n int) Document {
	return ofRun(t, t, func(p *page, t *probe.Trace) {
		q := t.Steps[i].Question
		p.blank()
		p.add(p.heading(styled(fmt.Sprintf(" Question %d of %d", k, n), current)))
		p.blank()
		p.prose(1, p.column(1), q.Text, strong)
		p.blank()
		for c, choice := range q.Choices {
			for row, l := range wrap(choice, p.column(8)) {
				label := fmt.Sprintf("%4d %c", c+1, 'a'+rune(c))
				if row > 0 {
					label = ""
				}
				p.add(join(styled(fmt.Sprintf("%-8s", label), pointer), text(l)))
			}
		}
		p.blank()
	})
}

// heading is a line of the page's width that begins with a title.
func (p *page) heading(title line) line {
	rule := strings.Repeat(p.glyphs.lines[left|right], max(0, min(p.width, widest)-2-title.cells()))
	return join(title, styled(" "+rule, faint))
}

// QuizVerdict says whether a choice, from 0, answers the question of step i, and why.
func QuizVerdict(t *probe.Trace, i, choice int) Document {
	return ofRun(t, t, func(p *page, t *probe.Trace) {
		q := t.Steps[i].Question
		p.blank()
		words, st := "Right.", fresh
		if choice != q.Answer {
			words, st = fmt.Sprintf("Wrong. The answer is %d: %s", q.Answer+1, q.Choices[q.Answer]), gone
		}
		p.prose(1, p.column(1), words, st)
		p.prose(1, p.column(1), q.Why, plain)
	})
}

// Score is how somebody did with the questions of one scenario.
type Score struct {
	Scenario                   string
	Questions, Answered, Right int
}

// QuizScore is the end of a quiz: a table where several scenarios were answered.
func QuizScore(scores []Score) Document {
	var all Score
	var rows [][]string
	for _, s := range scores {
		all.Questions += s.Questions
		all.Answered += s.Answered
		all.Right += s.Right
		if s.Answered > 0 {
			rows = append(rows, []string{s.Scenario, fmt.Sprintf("%d of %d", s.Right, s.Answered)})
		}
	}
	words := fmt.Sprintf("%d of %d right", all.Right, all.Answered)
	if left := all.Questions - all.Answered; left > 0 {
		words += ", " + plural(left, "question") + " not answered"
	}
	return Document{text: func(p *page) {
		p.blank()
		p.add(p.heading(styled(" Score", current)))
		p.blank()
		if len(rows) > 1 {
			p.table([]column{{head: "Scenario"}, {"Right", true}}, rows)
			p.blank()
		}
		p.add(styled(" "+words+".", strong))
	}}
}
