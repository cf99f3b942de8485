package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"memprobe/probe"
	"memprobe/probe/lesson"
	"memprobe/report"
)

// TestQuizKnowsItsAnswers: who types the answers of the sheet has all of them right,
// for several seeds, and each scenario but those that say so asks something.
func TestQuizKnowsItsAnswers(t *testing.T) {
	for _, seed := range []string{"0", "7", "4711"} {
		sheet := output(t, "", "scenario", "all", "--quiz", "--seed", seed, "--format", "json")
		var questions struct {
			Scenarios []struct {
				Scenario  string
				Questions []struct{ Answer int }
			}
		}
		if err := json.Unmarshal([]byte(sheet), &questions); err != nil {
			t.Fatal(err)
		}
		if len(questions.Scenarios) != len(lesson.All) {
			t.Errorf("%d of %d scenarios ask something", len(questions.Scenarios), len(lesson.All))
		}
		var answers, wrong strings.Builder
		n := 0
		for _, s := range questions.Scenarios {
			for _, q := range s.Questions {
				fmt.Fprintln(&answers, q.Answer+1)
				if q.Answer == 0 {
					fmt.Fprintln(&wrong, "b")
				} else {
					fmt.Fprintln(&wrong, "a")
				}
				n++
			}
		}
		for typed, want := range map[string]string{answers.String(): fmt.Sprintf(" %d of %d right.\n", n, n), wrong.String(): fmt.Sprintf(" 0 of %d right.\n", n)} {
			if got := output(t, typed, "scenario", "all", "--quiz", "--seed", seed); !strings.HasSuffix(got, want) {
				t.Errorf("seed %s: the end is %q, want %q", seed, got[max(0, len(got)-200):], want)
			}
		}
	}
}

// TestQuizAnswersSpread: with one seed for all scenarios the right answers stand in all
// places, none of which most of them have.
func TestQuizAnswersSpread(t *testing.T) {
	for _, seed := range []string{"1", "2", "3", "4711"} {
		var sheet struct {
			Scenarios []struct{ Questions []struct{ Answer int } }
		}
		if err := json.Unmarshal([]byte(output(t, "", "scenario", "all", "--quiz", "--seed", seed, "--format", "json")), &sheet); err != nil {
			t.Fatal(err)
		}
		at, of := map[int]int{}, 0
		for _, s := range sheet.Scenarios {
			for _, q := range s.Questions {
				at[q.Answer]++
				of++
			}
		}
		for place := range 3 {
			if at[place] < of/8 || at[place] > of*5/9 {
				t.Errorf("seed %s: place %d has %d of %d right answers", seed, place, at[place], of)
			}
		}
	}
}

// output is what memprobe writes to standard output, given that input.
func output(t *testing.T, input string, args ...string) string {
	t.Helper()
	cmd := exec.Command("memprobe", args...)
	cmd.Stdin = strings.NewReader(input)
	got, err := cmd.Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		t.Fatalf("%v: %v: %s", args, err, exit.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

// TestQuizInterrupted: Ctrl-C at a question ends the quiz with the score so far, and
// with the exit code by which shells know it.
func TestQuizInterrupted(t *testing.T) {
	cmd := exec.Command("memprobe", "scenario", "vec-grow", "--quiz", "--seed", "1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, stdout := piped(t, cmd)
	readUntil(t, stdout, "Your answer, 1 to ")
	if _, err := io.WriteString(stdin, "1\n"); err != nil {
		t.Fatal(err)
	}
	readUntil(t, stdout, "Question 2 of 2")
	readUntil(t, stdout, "Your answer, 1 to ")
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(stdout)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(rest), " of 1 right, 1 question not answered.\n") {
		t.Errorf("the end is %q", rest)
	}
	exit := new(exec.ExitError)
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
		t.Errorf("the exit is %v", err)
	}
	if stderr.Len() > 0 {
		t.Errorf("stderr has %q", stderr.String())
	}
}

// readUntil reads r up to the end of a text.
func readUntil(t *testing.T, r io.Reader, text string) {
	t.Helper()
	var got []byte
	for b := make([]byte, 1); !bytes.HasSuffix(got, []byte(text)); got = append(got, b[0]) {
		if _, err := io.ReadFull(r, b); err != nil {
			t.Fatalf("%v before %q", err, text)
		}
	}
}

// TestQuizWithoutQuestions: a scenario that asks nothing says which do.
func TestQuizWithoutQuestions(t *testing.T) {
	var stdout bytes.Buffer
	s := &session{stdin: strings.NewReader(""), stdout: &stdout, format: report.Formats[0]}
	err := s.quiz([]*probe.Scenario{{Name: "silent", Run: func(m *probe.Machine) { m.Call("main"); m.Step(1, "t", "x"); m.Return() }}}, probe.Options{})
	if !errors.As(err, new(usageError)) || !strings.Contains(err.Error(), "scenario silent asks nothing; those with questions are layout, lifo, ") {
		t.Errorf("the error is %v", err)
	}
	if stdout.Len() > 0 {
		t.Errorf("it printed %q", stdout.String())
	}
}

// TestAllGoOn: a scenario that fails leaves the others to run, in the quiz as well, and
// is named at the end.
func TestAllGoOn(t *testing.T) {
	ask := func(m *probe.Machine) {
		m.Call("main")
		m.Step(1, "begin", "x")
		m.Ask("Which?", "So.", "this", "that")
		m.Step(1, "end", "x")
		m.Return()
	}
	groups := []lesson.Group{{Title: "Both", Scenarios: []*probe.Scenario{
		{Name: "first", Source: "fn main() {}\n", Run: ask},
		{Name: "broken", Source: "fn main() {}\n", Heap: 1 << 60, Run: ask},
		{Name: "last", Source: "fn main() {}\n", Run: ask},
	}}}
	var stdout bytes.Buffer
	s := &session{stdin: strings.NewReader("1\n1\n"), stdout: &stdout, format: report.Formats[0], width: 80, color: "never"}
	for name, run := range map[string]func() error{
		"all":  func() error { return s.showAll(groups, probe.Options{}) },
		"quiz": func() error { return s.quiz(groups[0].Scenarios, probe.Options{}) },
	} {
		stdout.Reset()
		err := run()
		if err == nil || !strings.Contains(err.Error(), "scenario broken: ") || !strings.HasSuffix(err.Error(), "1 of 3 scenarios failed: broken") || errors.As(err, new(usageError)) {
			t.Errorf("%s: the error is %v", name, err)
		}
		if got := stdout.String(); !strings.Contains(got, " first ") || !strings.Contains(got, " last ") || strings.Count(got, "Step 2 of 2") != 2 {
			t.Errorf("%s printed\n%s", name, got)
		}
	}
}
