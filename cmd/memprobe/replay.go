package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
	"memprobe/probe/replay"
	"memprobe/probe/replay/policies"
	"memprobe/probe/timing"
	"memprobe/report"
)

// newReplay is `memprobe replay`.
func newReplay(s *session) *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:     "replay [TRACE]",
		GroupID: "memory",
		Short:   "Play a recorded allocation trace on the first-fit heap",
		Long: `replay plays the operations of TRACE on memprobe's heap, and says how long they
took, how far the heap had to grow for them, and how it was fragmented.

TRACE is a file in the .rep form of the malloc lab of "Computer Systems", plain
or compressed by gzip; - is the standard input. Its first four lines are numbers
(suggested heap, ids, operations, weight), then there is a line for each
operation: "a ID SIZE", "r ID SIZE" (realloc), "f ID". To resize an id that was
not used before is to allocate it. Operations and blocks are numbered from 0.

First fit is the real heap. The other policies are models without memory, for
comparison: all blocks, holes and resizes follow the same rules, only the hole
that is taken differs. All take the rest of the heap, above the highest block,
only where no hole is large enough.`,
		Example: `  memprobe replay program.rep.gz
  memprobe replay program.rep.gz --policy first,best --plot program.svg
  memprobe replay --ops +100,+200,-0,+50 --step 3 --map
  memprobe replay program.rep.gz --placements`,
		Annotations: map[string]string{partialFormat("csv"): "yes"},
		Args:        oneArgAtMost,
	}
	f.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(cmd, s, args); err != nil {
			return err
		}
		trace, err := f.trace(s, args)
		if err != nil {
			return err
		}
		if err := f.checkStep(trace); err != nil {
			return err
		}
		switch {
		case f.placements:
			return s.replayPlacements(cmd.Context(), trace, &f)
		case f.step != nil:
			return s.replayStep(cmd.Context(), trace, &f)
		}
		return s.replay(cmd.Context(), trace, &f)
	}
	return cmd
}

// replayFlags are the flags of replay, and what they mean.
type replayFlags struct {
	ops, policyNames, heapSize, plot string
	stepAt                           int
	withMap, placements              bool

	policies []policies.Policy
	heap     addr.Bytes // 0: as much as the trace needs
	step     *int       // nil: none
}

func (f *replayFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.ops, "ops", "", "play the `LIST` instead of a trace: +SIZE allocates, -ID frees, ID=SIZE resizes")
	flags.StringVar(&f.policyNames, "policy", policies.First.Name, "where blocks go, side by side: "+strings.Join(policyNames(), ","))
	flags.StringVar(&f.heapSize, "heap", "", "the heap's `SIZE`, such as 64MiB (default: what the trace needs, up to 64GiB)")
	flags.BoolVar(&f.withMap, "map", false, "draw the arena too, at the end or after --step")
	flags.IntVar(&f.stepAt, "step", 0, "show operation `N` alone: its search, and the blocks around")
	flags.StringVar(&f.plot, "plot", "", "draw footprint and fragmentation over time into `FILE`, as SVG")
	flags.BoolVar(&f.placements, "placements", false, "print the operation's number and the block's offset for each allocation and resize")
	// The only error is that of a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("policy", cobra.FixedCompletions(policyNames(), cobra.ShellCompDirectiveNoFileComp))
}

func policyNames() []string {
	var names []string
	for _, p := range policies.All {
		names = append(names, p.Name)
	}
	return names
}

// check finds what does not go together, and reads the values.
func (f *replayFlags) check(cmd *cobra.Command, s *session, args []string) (err error) {
	given := cmd.Flags().Changed
	switch {
	case given("ops") && len(args) > 0:
		return usagef("--ops is played instead of a trace, but there is also %q", args[0])
	case !given("ops") && len(args) == 0:
		return usagef("replay takes a trace: a file, - for the standard input, or --ops LIST")
	case len(args) > 0 && args[0] == "":
		return usagef("replay: the name of the trace is empty")
	case given("plot") && f.plot == "":
		return usagef("--plot: the name of the file is empty")
	case given("plot") && f.plot == s.output:
		return usagef("--plot and --output both name %q; the report would replace the plot", f.plot)
	}
	for _, pair := range [][2]string{{"placements", "step"}, {"placements", "map"}, {"placements", "plot"}, {"step", "plot"}} {
		if given(pair[0]) && given(pair[1]) {
			return usagef("--%s and --%s don't go together", pair[0], pair[1])
		}
	}
	if given("step") {
		f.step = &f.stepAt
		if s.format.Partial {
			return usagef("--step has no %s form", s.format.Name)
		}
	}
	if f.policies, err = parsePolicies(f.policyNames); err != nil {
		return err
	}
	if f.placements && len(f.policies) > 1 {
		return usagef("--placements is for one policy, but --policy names %d", len(f.policies))
	}
	if given("heap") {
		f.heap, err = parseHeap(f.heapSize)
	}
	return err
}

// checkStep finds a step that is none of the trace's.
func (f *replayFlags) checkStep(t *replay.Trace) error {
	switch {
	case f.step == nil || 0 <= *f.step && *f.step < len(t.Ops):
		return nil
	case len(t.Ops) == 0:
		return usagef("--step %d: the trace has no operations", *f.step)
	}
	return usagef("--step %d: the trace has operations 0 to %d", *f.step, len(t.Ops)-1)
}

func parsePolicies(list string) ([]policies.Policy, error) {
	var all []policies.Policy
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(policies.All, func(p policies.Policy) bool { return p.Name == name })
		if i < 0 {
			return nil, usagef("--policy: no policy %q%s", name, suggestion(name, policyNames()))
		}
		if slices.ContainsFunc(all, func(p policies.Policy) bool { return p.Name == name }) {
			return nil, usagef("--policy: %s is there twice", name)
		}
		all = append(all, policies.All[i])
	}
	return all, nil
}

func parseHeap(text string) (addr.Bytes, error) {
	n, err := parseSize(text)
	if err != nil {
		return 0, usagef("--heap %q: %w", text, err)
	}
	if n == 0 || n > replay.MaxSize {
		return 0, usagef("--heap %s: from 1 byte to %d", text, replay.MaxSize)
	}
	return n, nil
}

// trace reads what is to be played.
func (f *replayFlags) trace(s *session, args []string) (*replay.Trace, error) {
	if len(args) == 0 {
		t, err := replay.ParseOps(f.ops)
		if err != nil {
			return nil, usagef("--ops: %w", err)
		}
		t.Name = "--ops"
		return t, nil
	}
	if args[0] == "-" {
		return replay.Read("(standard input)", s.stdin)
	}
	file, err := os.Open(args[0])
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", args[0], reason(err))
	}
	defer file.Close()
	return replay.Read(args[0], readReason{file})
}

// readReason reads with errors that don't say the file's name again.
type readReason struct{ io.Reader }

func (r readReason) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	return n, reason(err)
}

func (f *replayFlags) options() replay.Options {
	return replay.Options{Policies: f.policies, Heap: f.heap, Memory: physicalMemory(), Map: f.withMap, Now: timing.Monotonic()}
}

func (s *session) replay(ctx context.Context, trace *replay.Trace, f *replayFlags) error {
	line := s.progress("replayed %d of %d operations, all passes together")
	options := f.options()
	options.Progress = line.show
	var played *replay.Report
	err := interruptible(ctx, func(ctx context.Context) (err error) {
		defer line.clear()
		played, err = replay.Play(ctx, trace, options)
		return err
	})
	if err != nil {
		return err
	}
	if f.plot != "" {
		if err := writeFile(f.plot, report.PlotReplay(played)); err != nil {
			return err
		}
	}
	return s.write(report.Replay(played))
}

func (s *session) replayStep(ctx context.Context, trace *replay.Trace, f *replayFlags) error {
	var states []*replay.State
	for _, p := range f.policies {
		err := interruptible(ctx, func(ctx context.Context) error {
			state, err := replay.Look(ctx, trace, p, *f.step, f.options())
			states = append(states, state)
			return err
		})
		if err != nil {
			return err
		}
	}
	return s.write(report.ReplayState(states))
}

func (s *session) replayPlacements(ctx context.Context, trace *replay.Trace, f *replayFlags) error {
	var all []replay.Placement
	err := interruptible(ctx, func(ctx context.Context) (err error) {
		all, err = replay.Placements(ctx, trace, f.policies[0], f.options())
		return err
	})
	if err != nil {
		return err
	}
	return s.write(report.Placements(trace.Name, f.policies[0].Name, all))
}

// interruptible calls work with a context that ends with the first signal that
// ends programs. That signal has its usual effect once work has returned, and so
// has given its memory back and cleared the terminal. Work must not write: whoever
// reads may be slow for ever.
func interruptible(parent context.Context, work func(context.Context) error) error {
	ctx, stop := signal.NotifyContext(parent, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	deliver := deferSignals()
	err := work(ctx)
	stop()
	deliver()
	return err
}

// physicalMemory is how much memory this machine has; 0 if the kernel does not say.
func physicalMemory() addr.Bytes {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return addr.Bytes(uint64(info.Totalram) * uint64(info.Unit))
}
