package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"memprobe/probe/bugs"
	"memprobe/probe/bugs/netcost"
	"memprobe/probe/timing"
	"memprobe/report"
)

// allBugs is the argument that asks for the whole table.
const allBugs = "all"

// newBugs is `memprobe bugs`.
func newBugs(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "bugs [NAME|all]",
		GroupID: "memory",
		Short:   "Run the classic memory bugs, and see which net catches which",
		Long: `bugs runs small programs that make the classic mistakes with memory: double
frees, overflows, uses after free, leaks and more. They really make them, on
memory of memprobe's own, once under each safety net: who notices, when, and how
much the report says.

Without a name it lists the bugs. With one it shows the program, what each net
makes of it, and the report of checked access. With "all" it shows every bug under
every net in one table, and what the nets cost.`,
		Example: `  memprobe bugs
  memprobe bugs double-free
  memprobe bugs all --format json`,
		Args:              oneArgAtMost,
		ValidArgsFunction: completeBugs,
	}
	baseFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		at, err := base(cmd)
		if err != nil {
			return err
		}
		opts := bugs.Options{Base: at}
		switch {
		case len(args) == 0:
			return s.listBugs(opts)
		case args[0] == allBugs:
			return s.showBugs(cmd.Context(), opts)
		}
		bug, ok := bugs.Find(args[0])
		if !ok {
			return usagef("no bug %q%s", args[0], suggestion(args[0], bugNames()))
		}
		return s.showBug(bug, opts)
	}
	return cmd
}

func bugNames() []string {
	var names []string
	for _, b := range bugs.All {
		names = append(names, b.Name)
	}
	return append(names, allBugs)
}

func completeBugs(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := []string{allBugs + "\tEvery bug under every net"}
	for _, b := range bugs.All {
		names = append(names, b.Name+"\t"+b.Title)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (s *session) listBugs(opts bugs.Options) error {
	result, err := bugs.Study(bugs.All, opts)
	if err != nil {
		return err
	}
	return s.write(report.Bugs(result))
}

func (s *session) showBug(bug *bugs.Bug, opts bugs.Options) error {
	result, err := bugs.Study([]*bugs.Bug{bug}, opts)
	if err != nil {
		return err
	}
	return s.write(report.Bug(result, len(bugs.All)))
}

func (s *session) showBugs(ctx context.Context, opts bugs.Options) error {
	result, err := bugs.Study(bugs.All, opts)
	if err != nil {
		return err
	}
	line := s.progress("timing the nets, round %d of %d")
	timed := timing.Defaults()
	timed.Rounds, timed.Batch, timed.Budget, timed.Limit = 14, 2*time.Millisecond, time.Second, 20*time.Second
	timed.Progress = line.show
	cost, err := netcost.Measure(ctx, bugs.Setups, timed)
	line.clear()
	if err != nil {
		return err
	}
	return s.write(report.BugTable(result, cost))
}
