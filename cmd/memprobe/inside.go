package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"memprobe/layout"
	"memprobe/probe"
	"memprobe/probe/lesson"
	"memprobe/report"
)

// insideFlags adds the flags that say which process an address is of.
func insideFlags(cmd *cobra.Command) {
	cmd.Flags().String("pid", "", "an address of process `PID`")
	cmd.Flags().Bool("freeze", false, "with --pid: stop the process while it is read")
	cmd.Flags().String("scenario", "", "an address of memprobe while it runs scenario `NAME` (default: string)")
	cmd.Flags().Int("step", 0, "with --scenario: at step `N` (default: the last)")
	completeList(cmd, "scenario", scenarioNames()[:len(scenarioNames())-1])
	baseFlag(cmd)
}

// inside describes the process that the flags name, has look see it, and writes what
// look makes of it. A process that is stopped meanwhile goes on before that: who
// reads the report may be slow.
func (s *session) inside(cmd *cobra.Command, look func(report.Process) (report.Document, error)) error {
	flags := cmd.Flags()
	if flags.Changed("step") && !flags.Changed("scenario") {
		return usagef("--step goes with --scenario: memprobe %s ... --scenario NAME --step N", cmd.Name())
	}
	var doc report.Document
	see := func(space *layout.Space, trace *probe.Trace) (err error) {
		symbols := space.Symbols()
		defer symbols.Close()
		doc, err = look(report.Process{Space: space, Trace: trace, Symbols: symbols.At})
		return err
	}
	var err error
	switch {
	case flags.Changed("pid"):
		err = another(cmd, see)
	case flags.Changed("freeze"):
		err = usagef("--freeze is for another process: memprobe %s ... --pid PID --freeze", cmd.Name())
	case flags.Changed("scenario"):
		err = during(cmd, see)
	default:
		err = own(cmd, func(mine []layout.Owned) (*layout.Space, error) {
			return layout.Describe(0, layout.Options{Owned: mine})
		}, see)
	}
	if err != nil {
		return err
	}
	return s.write(doc)
}

// another describes the process that --pid names.
func another(cmd *cobra.Command, see func(*layout.Space, *probe.Trace) error) error {
	flags := cmd.Flags()
	pid, _ := flags.GetString("pid")
	for _, flag := range []string{"base", "scenario"} {
		if flags.Changed(flag) {
			return usagef("--%s is for memprobe's own memory, not for process %s", flag, pid)
		}
	}
	n, err := parsePID(pid)
	if err != nil {
		return err
	}
	stop, _ := flags.GetBool("freeze")
	return frozenIf(stop, n, func() error {
		space, err := layout.Describe(n, layout.Options{})
		if err != nil {
			return err
		}
		return see(space, nil)
	})
}

// during runs the scenario that --scenario names as far as --step says.
func during(cmd *cobra.Command, see func(*layout.Space, *probe.Trace) error) error {
	name, _ := cmd.Flags().GetString("scenario")
	step, _ := cmd.Flags().GetInt("step")
	scenario, ok := lesson.Find(name)
	if !ok {
		return usagef("no scenario %q%s", name, suggestion(name, scenarioNames()[:len(scenarioNames())-1]))
	}
	if cmd.Flags().Changed("step") && step < 1 {
		return usagef("--step %d: the first step is 1", step)
	}
	at, err := base(cmd)
	if err != nil {
		return err
	}
	_, err = probe.Run(scenario, probe.Options{Base: at, PauseAt: step, Pause: func(m *probe.Machine) error {
		space, err := layout.Describe(0, layout.Options{Owned: m.Owned()})
		if err != nil {
			return err
		}
		return see(space, m.Trace())
	}})
	if noStep := new(probe.StepError); errors.As(err, &noStep) {
		return usageError{fmt.Errorf("--step %d: %w", step, err)}
	}
	return err
}

// own has memprobe's own address space, with a text on its heap, described, and see
// look at it.
func own(cmd *cobra.Command, describe func([]layout.Owned) (*layout.Space, error), see func(*layout.Space, *probe.Trace) error) error {
	at, err := base(cmd)
	if err != nil {
		return err
	}
	return lesson.Live(at, func(m *probe.Machine) error {
		space, err := describe(m.Owned())
		if err != nil {
			return err
		}
		return see(space, m.Trace())
	})
}
