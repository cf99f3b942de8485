package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"memprobe/probe"
	"memprobe/probe/lesson"
	"memprobe/report"
)

// newScenario is `memprobe scenario`.
func newScenario(s *session) *cobra.Command {
	var step, hold int
	cmd := &cobra.Command{
		Use:     "scenario [NAME]",
		GroupID: "lessons",
		Short:   "Run a lesson's program on real memory, step by step",
		Long: `scenario runs one of the lessons' programs on memory of its own and shows each
step: the source, the stack, the heap, and what changed. Without a name it
lists the scenarios.

What is shown was read from the memory. With --hold it stays in place for other
programs to look at: gdb -p PID reads the same bytes at the same addresses, and
what gdb changes there is what the program goes on with. In JSON a held run is
two lines: the steps so far, and after Enter the whole. With --output the file has
the steps so far while memprobe waits, and all of them at the end.`,
		Example: `  memprobe scenario string
  memprobe scenario frames --step 2
  memprobe scenario box --base 0x7e2a00000000 --format json`,
		Args:              oneArgAtMost,
		ValidArgsFunction: completeScenarios,
	}
	cmd.Flags().IntVar(&step, "step", 0, "show step `N` alone")
	cmd.Flags().IntVar(&hold, "hold", 0, "stop after step `N` (0: the last), keep the memory in place, go on at Enter")
	baseFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			for _, flag := range []string{"step", "hold", "base"} {
				if cmd.Flags().Changed(flag) {
					return usagef("--%s goes with a scenario's name: %s", flag, strings.Join(scenarioNames(), ", "))
				}
			}
			return s.write(report.Scenarios(lesson.All))
		}
		scenario, ok := lesson.Find(args[0])
		if !ok {
			return usagef("no scenario %q%s", args[0], suggestion(args[0], scenarioNames()))
		}
		at, err := base(cmd)
		if err != nil {
			return err
		}
		opts := probe.Options{Base: at, Last: true}
		switch {
		case cmd.Flags().Changed("hold") && cmd.Flags().Changed("step"):
			return usagef("--step and --hold don't go together: --hold shows all steps up to its own")
		case cmd.Flags().Changed("hold"):
			opts.PauseAt = hold
			return s.holdScenario(scenario, opts)
		case cmd.Flags().Changed("step"):
			return s.showStep(scenario, opts, step)
		}
		return s.showScenario(scenario, opts)
	}
	return cmd
}

func scenarioNames() []string {
	var names []string
	for _, s := range lesson.All {
		names = append(names, s.Name)
	}
	return names
}

func completeScenarios(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, s := range lesson.All {
		names = append(names, s.Name+"\t"+s.Title)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
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
