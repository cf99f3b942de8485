package main

import (
	"github.com/spf13/cobra"

	"memprobe/layout"
	"memprobe/probe"
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
memprobe can't know is called anonymous.`,
		Example: `  memprobe maps
  memprobe maps --all --width 120
  memprobe maps 1234 --format json`,
		Args: oneArgAtMost,
	}
	cmd.Flags().BoolVar(&all, "all", false, "give every part a row of its own")
	baseFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return s.own(cmd, func(space *layout.Space, _ *probe.Trace) error { return s.write(report.Maps(space, all)) })
		}
		if cmd.Flags().Changed("base") {
			return usagef("--base is for memprobe's own memory, not for process %s", args[0])
		}
		pid, err := parsePID(args[0])
		if err != nil {
			return err
		}
		space, err := layout.Describe(pid, layout.Options{})
		if err != nil {
			return err
		}
		return s.write(report.Maps(space, all))
	}
	return cmd
}
