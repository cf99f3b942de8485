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

// teller makes a report of what was seen of a process.
type teller func(report.Process) report.Document

// inside describes the process that the flags name, has look see it, and writes what
// is told of what look saw.
func (s *session) inside(cmd *cobra.Command, look func(*layout.Space) (teller, error)) error {
	flags := cmd.Flags()
	if flags.Changed("step") && !flags.Changed("scenario") {
		return usagef("--step goes with --scenario: memprobe %s ... --scenario NAME --step N", cmd.Name())
	}
	var doc report.Document
	see := func(space *layout.Space, trace *probe.Trace) error { // while the run stands still
		tell, err := look(space)
		if err == nil {
			doc = withNames(space, trace, tell)
		}
		return err
	}
	var err error
	switch {
	case flags.Changed("pid"):
		doc, err = another(cmd, look)
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

// withNames has tell tell with symbols.
func withNames(space *layout.Space, trace *probe.Trace, tell teller) report.Document {
	symbols := space.Symbols()
	defer symbols.Close()
	return tell(report.Process{Space: space, Trace: trace, Symbols: symbols.At})
}

// another describes the process that --pid names. Where it is stopped it goes on
// before its symbols are looked up, which takes time.
func another(cmd *cobra.Command, look func(*layout.Space) (teller, error)) (doc report.Document, err error) {
	flags := cmd.Flags()
	pid, _ := flags.GetString("pid")
	for _, flag := range []string{"base", "scenario"} {
		if flags.Changed(flag) {
			return doc, usagef("--%s is for memprobe's own memory, not for process %s", flag, pid)
		}
	}
	n, err := parsePID(pid)
	if err != nil {
		return doc, err
	}
	var space *layout.Space
	var tell teller
	stop, _ := flags.GetBool("freeze")
	err = frozenIf(stop, n, func() (err error) {
		if space, err = layout.Describe(n, layout.Options{}); err != nil {
			return err
		}
		tell, err = look(space)
		return err
	})
	if err != nil {
		return doc, err
	}
	return withNames(space, nil, tell), nil
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
