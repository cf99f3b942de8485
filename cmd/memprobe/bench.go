package main

import (
	"github.com/spf13/cobra"

	"memprobe/probe/timing"
	"memprobe/report"
)

// newBench is `memprobe bench`.
func newBench(s *session) *cobra.Command {
	return &cobra.Command{
		Use:     "bench",
		GroupID: "memory",
		Short:   "Time the stack against the heap on this machine",
		Long: `bench times what it takes to get bytes and to give them back: a frame on
memprobe's stack, a block of its first-fit heap, a slice of Go's heap with the
collector that takes it back. It takes 10 seconds at most.

All of them are timed in each of many rounds, in changing order, so that whatever
slows the machine down slows them alike. A figure is a median with its 95 %
interval; where two can't be told apart, it says so.`,
		Example: `  memprobe bench
  memprobe bench --format json --output bench.json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			line := s.progress("timing, round %d of %d")
			opts := timing.Defaults()
			opts.Progress = line.show
			result, err := timing.StackAndHeap(cmd.Context(), opts)
			line.clear()
			if err != nil {
				return err
			}
			return s.write(report.Bench(result))
		},
	}
}
