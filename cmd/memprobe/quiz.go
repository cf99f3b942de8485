package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"memprobe/probe"
	"memprobe/probe/lesson"
	"memprobe/report"
)

// seeds is how many seeds a quiz draws from that was given none: few enough to be
// told to somebody else.
const seeds = 1_000_000

// errInterrupted says that somebody pressed Ctrl-C.
var errInterrupted = errors.New("interrupted")

// quiz asks the questions of the scenarios that have some, or reports them where
// nobody is to be asked.
func (s *session) quiz(scenarios []*probe.Scenario, opts probe.Options) error {
	asks := s.format.Name == report.Formats[0].Name
	if asks && s.output != "" {
		return usagef("--quiz asks on standard output, so --output goes with --format json alone")
	}
	if opts.Seed == nil {
		drawn := rand.Uint64N(seeds)
		opts.Seed = &drawn
	}
	var failed failures
	var traces []*probe.Trace
	for _, scenario := range scenarios {
		trace, err := probe.Run(scenario, opts)
		failed.note(scenario, err)
		if err == nil && questions(trace) > 0 {
			traces = append(traces, trace)
		}
	}
	switch {
	case len(traces) == 0 && len(failed.errs) > 0:
		return failed.err()
	case len(traces) == 0:
		return usagef("scenario %s asks nothing; those with questions are %s", scenarios[0].Name, strings.Join(withQuestions(opts), ", "))
	case !asks:
		return errors.Join(s.write(report.Sheet(*opts.Seed, traces)), failed.err())
	}
	name := allScenarios
	if len(scenarios) == 1 {
		name = scenarios[0].Name
	}
	e := examiner{reporter: s.report(), in: bufio.NewReader(s.stdin), again: fmt.Sprintf("memprobe scenario %s --quiz --seed %d", name, *opts.Seed)}
	return errors.Join(e.examine(traces), failed.err())
}

// questions is how many questions a run asks.
func questions(t *probe.Trace) int {
	n := 0
	for _, step := range t.Steps {
		if step.Question != nil {
			n++
		}
	}
	return n
}

// withQuestions are the names of the scenarios that ask something.
func withQuestions(opts probe.Options) []string {
	var names []string
	for _, scenario := range lesson.All {
		if trace, err := probe.Run(scenario, opts); err == nil && questions(trace) > 0 {
			names = append(names, scenario.Name)
		}
	}
	return names
}

// examiner asks on standard output and reads the answers from standard input.
type examiner struct {
	*reporter
	in    *bufio.Reader
	again string // the command that asks the same

	asked, of int // questions
}

// examine goes through the runs until the answers end, and tells the score.
func (e *examiner) examine(traces []*probe.Trace) error {
	scores := make([]report.Score, len(traces))
	for i, t := range traces {
		scores[i] = report.Score{Scenario: t.Scenario, Questions: questions(t)}
		e.of += scores[i].Questions
	}
	ended := e.show(report.QuizIntro(e.of, e.again))
	for i, t := range traces {
		if ended == nil && len(traces) > 1 {
			ended = e.show(report.QuizBanner(i+1, len(traces)))
		}
		if ended == nil {
			ended = e.run(t, &scores[i])
		}
	}
	switch {
	case errors.Is(ended, io.EOF):
		ended = nil
	case ended != nil && !errors.Is(ended, errInterrupted):
		return ended
	}
	return errors.Join(e.show(report.QuizScore(scores)), ended)
}

// run shows the steps of a run, and asks before those that have a question.
func (e *examiner) run(t *probe.Trace, score *report.Score) error {
	if err := e.show(report.QuizHead(t, score.Questions)); err != nil {
		return err
	}
	for i, step := range t.Steps {
		if q := step.Question; q != nil {
			e.asked++
			if err := e.show(report.QuizQuestion(t, i, e.asked, e.of)); err != nil {
				return err
			}
			choice, err := e.answer(len(q.Choices))
			if err != nil {
				return err
			}
			score.Answered++
			if choice == q.Answer {
				score.Right++
			}
			if err := e.show(report.QuizVerdict(t, i, choice)); err != nil {
				return err
			}
			if err := e.pause(); err != nil {
				return err
			}
		}
		if err := e.show(report.QuizStep(t, i)); err != nil {
			return err
		}
	}
	return nil
}

// show writes a document at once, as wide as the terminal is by now.
func (e *examiner) show(d report.Document) error {
	e.opts.Width = e.columns()
	if err := e.add(d); err != nil {
		return err
	}
	return e.flush()
}

// say writes a text as it is.
func (e *examiner) say(words string) error {
	e.text.Write([]byte(words))
	return e.flush()
}

// answer reads which of n choices is taken, from 0. It asks again until it gets one;
// the end of the input is io.EOF.
func (e *examiner) answer(n int) (choice int, err error) {
	if e.typed() && !e.seen() {
		fmt.Fprintf(e.stderr, "question %d of %d waits for an answer, 1 to %d\n", e.asked, e.of, n)
	}
	for {
		line, err := e.ask(fmt.Sprintf(" Your answer, 1 to %d: ", n))
		if err != nil {
			return 0, err
		}
		if choice, ok := chosen(line, n); ok {
			return choice, nil
		}
		if line != "" {
			if err := e.say(fmt.Sprintf(" That is none of them: type a number from 1 to %d, or its letter.\n", n)); err != nil {
				return 0, err
			}
		}
	}
}

// pause lets somebody at a terminal read a verdict before the step pushes it away.
func (e *examiner) pause() error {
	if !e.typed() || !e.seen() {
		return nil
	}
	_, err := e.ask("\n Enter shows the step: ")
	return err
}

// typed reports whether somebody types the answers, and seen whether they see what is
// asked.
func (e *examiner) typed() bool { _, ok := toTerminal(e.stdin); return ok }
func (e *examiner) seen() bool  { _, ok := toTerminal(e.stdout); return ok }

// ask writes a prompt and reads a line. Ctrl-C ends the wait, and so does the quit key,
// which Go would answer with the state of its goroutines.
func (e *examiner) ask(prompt string) (line string, err error) {
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, unix.SIGINT, unix.SIGQUIT)
	defer signal.Stop(ends)
	if err := e.say(prompt); err != nil {
		return "", err
	}
	line, err = readAnswer(e.in, ends)
	switch {
	case err != nil:
		return "", errors.Join(e.say("\n"), err)
	case !e.typed(): // a terminal shows what is typed; here nothing would
		shown := report.Printable(line)
		if e.ascii {
			shown = report.PrintableASCII(line)
		}
		return line, e.say(shown + "\n")
	}
	return line, nil
}

// chosen is the choice, from 0, that somebody means who types its number, from 1, or
// its letter.
func chosen(line string, n int) (choice int, ok bool) {
	line = strings.ToLower(strings.TrimRight(line, ".)"))
	for i := range n {
		if line == strconv.Itoa(i+1) || line == string(rune('a'+i)) {
			return i, true
		}
	}
	return 0, false
}

// longestAnswer is how much of a line is looked at, in bytes.
const longestAnswer = 64

// readTrimmed reads a line, or the rest of the input, without the blanks around it.
// What is longer than an answer can be is cut.
func readTrimmed(in *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part[:min(len(part), longestAnswer-len(line))]...)
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(line) > 0:
			err = nil
		}
		return strings.TrimSpace(string(line)), err
	}
}

// readAnswer waits for a line, without the blanks around it, or for one of the signals.
func readAnswer(in *bufio.Reader, ends <-chan os.Signal) (string, error) {
	type read struct {
		line string
		err  error
	}
	line := make(chan read, 1)
	go func() {
		text, err := readTrimmed(in)
		line <- read{text, err}
	}()
	select {
	case got := <-line:
		if got.err != nil && got.err != io.EOF {
			return "", fmt.Errorf("read the answer: %w", reason(got.err))
		}
		return got.line, got.err
	case <-ends:
		return "", errInterrupted
	}
}
