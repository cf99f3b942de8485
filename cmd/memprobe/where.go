package main

import (
	"github.com/spf13/cobra"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/report"
)

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
		Example: `  memprobe where 0x7e2a00001000 --base 0x7e2a00000000
  memprobe where 0x7ffc2b1d8a10 --pid 1234`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("where takes one address, such as 0x7e2a00001000, but got %d", len(args))
			}
			return nil
		},
	}
	pid := cmd.Flags().String("pid", "", "an address of process `PID`")
	baseFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a, err := addr.Parse(args[0])
		if err != nil {
			return usageError{err}
		}
		if *pid != "" && cmd.Flags().Changed("base") {
			return usagef("--base is for memprobe's own memory, not for process %s", *pid)
		}
		if !cmd.Flags().Changed("pid") {
			return s.own(cmd, func(space *layout.Space, trace *probe.Trace) error {
				return s.write(report.Where(space, a, trace))
			})
		}
		n, err := parsePID(*pid)
		if err != nil {
			return err
		}
		space, err := layout.Describe(n, layout.Options{})
		if err != nil {
			return err
		}
		return s.write(report.Where(space, a, nil))
	}
	return cmd
}
