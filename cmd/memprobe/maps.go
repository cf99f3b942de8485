package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/lesson"
	"memprobe/report"
)

// newMaps is `memprobe maps`.
func newMaps(s *session) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "maps [PID]",
		GroupID: "memory",
		Short:   "Show an address space beside the textbook's",
		Long: `maps draws the textbook's picture of a process's memory and, beside it, the
mappings that play each part: high addresses on top, gaps with their size. It
shows memprobe itself, with a text on its own heap, or the process PID.

Sections come from the ELF files, Go's areas from its runtime's own records. What
nobody can know is called anonymous.`,
		Example: `  memprobe maps
  memprobe maps --all --width 120
  memprobe maps 1234 --format json`,
		Args: oneArgAtMost,
	}
	cmd.Flags().BoolVar(&all, "all", false, "show every part, and how much of each mapping it is")
	base := baseFlag(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return s.own(*base, func(space *layout.Space, _ *probe.Trace) error { return s.write(report.Maps(space, all)) })
		}
		if *base != "" {
			return usagef("--base is for memprobe's own memory, not for process %s", args[0])
		}
		pid, err := parsePID(args[0])
		if err != nil {
			return err
		}
		space, err := layout.Describe(pid, nil)
		if err != nil {
			return err
		}
		return s.write(report.Maps(space, all))
	}
	return cmd
}

// own describes memprobe's own address space, with a text on its heap, to look.
func (s *session) own(base string, look func(*layout.Space, *probe.Trace) error) error {
	at, err := parseBase(base)
	if err != nil {
		return err
	}
	return lesson.Live(at, func(m *probe.Machine) error {
		space, err := layout.Describe(0, m.Owned())
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

// newWhere is `memprobe where`.
func newWhere(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "where ADDR",
		GroupID: "memory",
		Short:   "Tell what an address is",
		Long: `where tells what lies at an address: the textbook's segment, the mapping, the
offset in it and the distance to its ends; where nothing is mapped, the
neighbours. ADDR is hexadecimal, with or without 0x.

Without --pid it is an address of memprobe itself, while its text "hello" is on
its heap; --base says where that memory lies.`,
		Example: `  memprobe where 0x7f2a00001000 --base 0x7f2a00000000
  memprobe where 0x7ffc2b1d8a10 --pid 1234`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("where takes one address, such as 0x7f2a00001000, but got %d", len(args))
			}
			return nil
		},
	}
	pid := cmd.Flags().String("pid", "", "an address of process `PID`")
	base := baseFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a, err := addr.Parse(args[0])
		if err != nil {
			return usageError{err}
		}
		if *pid != "" && *base != "" {
			return usagef("--base is for memprobe's own memory, not for process %s", *pid)
		}
		if !cmd.Flags().Changed("pid") {
			return s.own(*base, func(space *layout.Space, trace *probe.Trace) error {
				return s.write(report.Where(space, a, trace))
			})
		}
		n, err := parsePID(*pid)
		if err != nil {
			return err
		}
		space, err := layout.Describe(n, nil)
		if err != nil {
			return err
		}
		return s.write(report.Where(space, a, nil))
	}
	return cmd
}
