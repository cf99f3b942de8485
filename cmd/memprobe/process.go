package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"memprobe/layout"
	"memprobe/probe"
	"memprobe/probe/lesson"
)

// own describes memprobe's own address space, with a text on its heap, to look.
func (s *session) own(cmd *cobra.Command, look func(*layout.Space, *probe.Trace) error) error {
	at, err := base(cmd)
	if err != nil {
		return err
	}
	return lesson.Live(at, func(m *probe.Machine) error {
		space, err := layout.Describe(0, layout.Options{Owned: m.Owned()})
		if err != nil {
			return err
		}
		return look(space, m.Trace())
	})
}

// parsePID takes decimal digits only: pmap reads 010 as 8.
func parsePID(arg string) (int, error) {
	n, err := strconv.ParseUint(arg, 10, 31)
	if err != nil || n == 0 || arg[0] == '0' || arg[0] == '+' {
		return 0, usagef("pid %q: not a process number such as 1234", arg)
	}
	return int(n), nil
}
