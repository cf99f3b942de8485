package report

import (
	"strings"
	"testing"

	"github.com/clipperhouse/displaywidth"

	"memprobe/probe"
	"memprobe/probe/lesson"
)

// TestQuestionsHideTheirAnswer: for every scenario, what a reader has seen when a
// question comes holds nothing of the step that answers it.
func TestQuestionsHideTheirAnswer(t *testing.T) {
	for _, s := range lesson.All {
		trace := fixed(t, s, probe.Options{})
		for i, step := range trace.Steps {
			if step.Question == nil {
				continue
			}
			var seen strings.Builder
			seen.WriteString(render(t, "text", QuizHead(trace, 1), Options{Width: 200}))
			for j := range i {
				seen.WriteString(render(t, "text", QuizStep(trace, j), Options{Width: 200}))
			}
			asked := render(t, "text", QuizQuestion(trace, i, 1, 1), Options{Width: 200})
			for what, hidden := range map[string]string{"title": step.Title, "text": step.Text, "reason": step.Question.Why, "the scenario's title": trace.Title} {
				first := wrap(hidden, 60)[0]
				if strings.Contains(asked, first) || strings.Contains(seen.String(), first) {
					t.Errorf("%s, step %d: its %s is told before the question: %s", s.Name, step.N, what, first)
				}
			}
			for _, c := range step.Question.Choices {
				if !strings.Contains(asked, c) {
					t.Errorf("%s, step %d: the choice %q is not offered in\n%s", s.Name, step.N, c, asked)
				}
			}
		}
	}
}

// TestQuizFits: questions, verdicts and scores keep to their width, also where words
// are long, and to ASCII.
func TestQuizFits(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("word ", 60))
	trace := &probe.Trace{Scenario: "s", Steps: []probe.Step{{N: 1, Question: &probe.Question{Text: long, Choices: []string{long, "no"}, Answer: 1, Why: long}}}}
	for _, d := range []Document{
		QuizIntro(1, "memprobe scenario s --quiz --seed 1"), QuizHead(trace, 1), QuizBanner(1, 2), QuizQuestion(trace, 0, 1, 1), QuizVerdict(trace, 0, 0), QuizVerdict(trace, 0, 1),
		QuizScore([]Score{{"s", 2, 1, 1}, {"t", 1, 1, 0}}),
	} {
		for _, width := range []int{MinWidth, 80, 200} {
			for _, ascii := range []bool{false, true} {
				got := render(t, "text", d, Options{Width: width, ASCII: ascii})
				for l := range strings.Lines(got) {
					if n := displaywidth.String(strings.TrimRight(l, "\n")); n > width {
						t.Errorf("at %d a line has %d cells: %s", width, n, l)
					}
				}
				if ascii && strings.ContainsFunc(got, func(r rune) bool { return r > 0x7e }) {
					t.Errorf("not ASCII:\n%s", got)
				}
			}
		}
	}
}

// TestQuizWords: the verdicts and the scores.
func TestQuizWords(t *testing.T) {
	trace := &probe.Trace{Steps: []probe.Step{{Question: &probe.Question{Text: "t", Choices: []string{"a", "b"}, Answer: 1, Why: "so"}}}}
	for _, tt := range []struct {
		d    Document
		want string
	}{
		{QuizVerdict(trace, 0, 1), "\n Right.\n so\n"},
		{QuizVerdict(trace, 0, 0), "\n Wrong. The answer is 2: b\n so\n"},
		{QuizScore([]Score{{"s", 2, 2, 1}}), "\n\n 1 of 2 right.\n"},
		{QuizScore([]Score{{"s", 2, 1, 1}, {"t", 3, 0, 0}}), "─\n\n 1 of 1 right, 4 questions not answered.\n"},
		{QuizScore([]Score{{"s", 1, 1, 1}, {"t", 2, 2, 1}}), " s        │ 1 of 1 │\n │ t        │ 1 of 2 │\n ╰──────────┴────────╯\n\n 2 of 3 right.\n"},
	} {
		if got := render(t, "text", tt.d, Options{Width: 80}); !strings.HasSuffix(got, tt.want) {
			t.Errorf("it reads %q, want %q", got, tt.want)
		}
	}
}

// TestSheet: all questions with their answers, none of them twice.
func TestSheet(t *testing.T) {
	trace := fixed(t, lesson.String, probe.Options{})
	v := decoded(t, Sheet(18446744073709551615, []*probe.Trace{trace}), Options{})
	of := v["scenarios"].([]any)[0].(map[string]any)
	q := of["questions"].([]any)[0].(map[string]any)
	want := trace.Steps[1].Question
	if of["scenario"] != "string" || len(of["source"].([]any)) != 3 || len(of["questions"].([]any)) != 1 ||
		q["step"] != 2.0 || q["text"] != want.Text || q["why"] != want.Why || int(q["answer"].(float64)) != want.Answer || len(q["choices"].([]any)) != len(want.Choices) {
		t.Errorf("the sheet is %v", v)
	}
	if got := render(t, "json", Sheet(18446744073709551615, nil), Options{Line: true}); got != `{"schema":1,"seed":18446744073709551615,"scenarios":[]}`+"\n" {
		t.Errorf("an empty sheet is %s", got)
	}
}
