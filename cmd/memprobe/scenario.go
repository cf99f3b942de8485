package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"memprobe/probe"
	"memprobe/probe/lesson"
	"memprobe/report"
)

// allScenarios is the argument that asks for every scenario.
const allScenarios = "all"

// newScenario is `memprobe scenario`.
func newScenario(s *session) *cobra.Command {
	var step, hold int
	var quiz bool
	cmd := &cobra.Command{
		Use:     "scenario [NAME|all]",
		GroupID: "lessons",
		Short:   "Run a lesson's program on real memory, step by step",
		Long: `scenario runs one of the lessons' programs on memory of its own and shows each
step: the source, the stack, the heap, and what changed. Without a name it lists
the scenarios, with "all" it runs every one, each on memory of its own.

What is shown was read from the memory. With --hold it stays in place for other
programs to look at: gdb -p PID reads the same bytes at the same addresses, and
what gdb changes there is what the program goes on with. In JSON a held run is
two lines: the steps so far, and after Enter the whole. With --output the file has
the steps so far while memprobe waits, and all of them at the end.

--seed gives a program other numbers than the lesson's, always the same ones for
the same seed. --quiz asks before a step what it will show, says whether the
answer is right, and why; it draws a seed of its own unless it is given one. Its
JSON form asks nothing: it has the questions and their answers, for a class.

--relative tells addresses by where they lie, as heap+0x40 and stack-0x18, and
leaves out what differs from run to run: two runs then print the same.`,
		Example: `  memprobe scenario string
  memprobe scenario frames --step 2
  memprobe scenario box --base 0x7e2a00000000 --format json
  memprobe scenario alloc --quiz
  memprobe scenario all --quiz --seed 4711 --format json
  memprobe scenario all --relative > all.txt`,
		Args:              oneArgAtMost,
		ValidArgsFunction: completeScenarios,
	}
	cmd.Flags().IntVar(&step, "step", 0, "show step `N` alone")
	cmd.Flags().IntVar(&hold, "hold", 0, "stop after step `N` (0: the last), keep the memory in place, go on at Enter")
	cmd.Flags().String("seed", "", "draw the program's numbers from seed `N` (default: the lesson's numbers)")
	cmd.Flags().BoolVar(&quiz, "quiz", false, "ask before each step that has a question, and count what was right")
	cmd.Flags().BoolVar(&s.relative, "relative", false, "tell addresses by where they lie, as heap+0x40, so that runs can be compared")
	baseFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := fitting(cmd, args); err != nil {
			return err
		}
		if len(args) == 0 {
			return s.write(report.Scenarios(groupsOf(lesson.Groups)))
		}
		at, err := base(cmd)
		if err != nil {
			return err
		}
		number, err := seed(cmd)
		if err != nil {
			return err
		}
		opts := probe.Options{Base: at, Seed: number}
		if args[0] == allScenarios {
			if quiz {
				return s.quiz(lesson.All, opts)
			}
			return s.showAll(lesson.Groups, opts)
		}
		scenario, ok := lesson.Find(args[0])
		if !ok {
			return usagef("no scenario %q%s", args[0], suggestion(args[0], scenarioNames()))
		}
		switch {
		case quiz:
			return s.quiz([]*probe.Scenario{scenario}, opts)
		case cmd.Flags().Changed("hold"):
			opts.PauseAt, opts.Last = hold, true
			return s.holdScenario(scenario, opts)
		case cmd.Flags().Changed("step"):
			opts.Last = true
			return s.showStep(scenario, opts, step)
		}
		opts.Last = true
		return s.showScenario(scenario, opts)
	}
	return cmd
}

// unfit are flags that don't go together, or not with all scenarios, and why.
var unfit = []struct{ flag, with, why string }{
	{"step", "hold", "--hold shows all steps up to its own"},
	{"step", "quiz", "a quiz goes through all steps"},
	{"hold", "quiz", "both wait for what is typed"},
	{"step", allScenarios, "it shows a step of one scenario; name that"},
	{"hold", allScenarios, "it keeps the memory of one scenario in place; name that"},
}

// fitting refuses flags that make no sense beside the others, or without a name.
func fitting(cmd *cobra.Command, args []string) error {
	changed := cmd.Flags().Changed
	if len(args) == 0 {
		for _, flag := range []string{"step", "hold", "base", "seed", "quiz", "relative"} {
			if changed(flag) {
				return usagef("--%s goes with a scenario's name, or %s: memprobe scenario NAME --%s", flag, allScenarios, flag)
			}
		}
		return nil
	}
	for _, u := range unfit {
		switch {
		case !changed(u.flag):
		case u.with == allScenarios && args[0] == allScenarios:
			return usagef("--%s and %s don't go together: %s", u.flag, u.with, u.why)
		case u.with != allScenarios && changed(u.with):
			return usagef("--%s and --%s don't go together: %s", u.flag, u.with, u.why)
		}
	}
	return nil
}

// seed is the number that --seed names; nil if it was not given.
func seed(cmd *cobra.Command) (*uint64, error) {
	flag := cmd.Flags().Lookup("seed")
	if !flag.Changed {
		return nil, nil
	}
	text := flag.Value.String()
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != text {
		return nil, usagef("--seed %q: not a decimal number from 0 to 18446744073709551615, such as 4711", text)
	}
	return &n, nil
}

func groupsOf(groups []lesson.Group) []report.Group {
	var out []report.Group
	for _, g := range groups {
		out = append(out, report.Group{Title: g.Title, Scenarios: g.Scenarios})
	}
	return out
}

func scenarioNames() []string {
	var names []string
	for _, s := range lesson.All {
		names = append(names, s.Name)
	}
	return append(names, allScenarios)
}

func completeScenarios(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, s := range lesson.All {
		names = append(names, s.Name+"\t"+s.Title)
	}
	return append(names, allScenarios+"\tEvery scenario, one after the other"), cobra.ShellCompDirectiveNoFileComp
}

func (s *session) showScenario(scenario *probe.Scenario, opts probe.Options) error {
	trace, err := probe.Run(scenario, opts)
	if err != nil {
		return err
	}
	return s.write(report.Scenario(trace))
}

func (s *session) showStep(scenario *probe.Scenario, opts probe.Options, step int) error {
	trace, err := probe.Run(scenario, opts)
	if err != nil {
		return err
	}
	if step < 1 || step > len(trace.Steps) {
		return usagef("--step %d: %w", step, &probe.StepError{Scenario: scenario.Name, Step: step, Steps: len(trace.Steps)})
	}
	return s.write(report.ScenarioStep(trace, step))
}

// showAll runs every scenario, also where one of them fails.
func (s *session) showAll(groups []lesson.Group, opts probe.Options) error {
	var runs []report.Run
	var failed failures
	for _, g := range groups {
		for _, scenario := range g.Scenarios {
			trace, err := probe.Run(scenario, opts)
			failed.note(scenario, err)
			if trace != nil && len(trace.Steps) > 0 {
				runs = append(runs, report.Run{Group: g.Title, Trace: trace})
			}
		}
	}
	if len(runs) == 0 {
		return failed.err()
	}
	return errors.Join(s.write(report.AllScenarios(runs)), failed.err())
}

// failures collects which of several scenarios failed, and why.
type failures struct {
	of    int // scenarios that were run
	names []string
	errs  []error
}

func (f *failures) note(scenario *probe.Scenario, err error) {
	f.of++
	if err != nil {
		f.names, f.errs = append(f.names, scenario.Name), append(f.errs, err)
	}
}

func (f *failures) err() error {
	if len(f.errs) == f.of || len(f.errs) == 0 {
		return errors.Join(f.errs...)
	}
	return errors.Join(append(f.errs, fmt.Errorf("%d of %d scenarios failed: %s", len(f.errs), f.of, strings.Join(f.names, ", ")))...)
}

// holdScenario shows the steps up to the pause, waits for a line on stdin, and
// shows the rest. A run that fails after the pause, because somebody changed a
// pointer, say, still shows the steps that it took.
func (s *session) holdScenario(scenario *probe.Scenario, opts probe.Options) error {
	out := s.report()
	out.opts.Line = true
	shown := 0
	opts.Pause = func(m *probe.Machine) error {
		trace := m.Trace()
		shown = len(trace.Steps)
		if err := out.add(report.ScenarioHeld(trace)); err != nil {
			return err
		}
		if err := out.flush(); err != nil {
			return err
		}
		fmt.Fprintf(s.stderr, "pid %d holds after step %d; Enter goes on\n", trace.PID, shown)
		return waitForLine(s.stdin)
	}
	trace, runErr := probe.Run(scenario, opts)
	if noStep := new(probe.StepError); errors.As(runErr, &noStep) {
		return usageError{fmt.Errorf("--hold %d: %w", opts.PauseAt, runErr)}
	}
	if shown == 0 || len(trace.Steps) == shown {
		return runErr
	}
	if runErr != nil && s.output != "" {
		return runErr
	}
	if err := out.add(report.ScenarioResumed(trace, shown)); err != nil {
		return err
	}
	return errors.Join(out.flush(), runErr)
}

// waitForLine returns after a line, or the end, of r. Go would answer the quit
// key with the state of its goroutines; here it ends the run.
func waitForLine(r io.Reader) error {
	quit := make(chan os.Signal, 1)
	signal.Notify(quit, unix.SIGQUIT)
	defer signal.Stop(quit)
	line := make(chan error, 1)
	go func() {
		for in := bufio.NewReader(r); ; {
			if _, err := in.ReadSlice('\n'); err != bufio.ErrBufferFull {
				line <- err
				return
			}
		}
	}()
	select {
	case err := <-line:
		if err != nil && err != io.EOF {
			return fmt.Errorf("wait for Enter: %w", reason(err))
		}
		return nil
	case <-quit:
		return errors.New("wait for Enter: quit")
	}
}
