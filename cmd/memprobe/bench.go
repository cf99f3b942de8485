package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"memprobe/probe/timing"
	"memprobe/report"
)

// newBench is `memprobe bench`.
func newBench(s *session) *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:     "bench",
		GroupID: "memory",
		Short:   "Time the stack against the heap on this machine",
		Long: `bench says whether the stack is faster than the heap on this machine, at what,
by how much, and how sure that is. It keeps three costs apart: to get bytes and
give them back, to touch their pages for the first time, and to read them. The
whole takes minutes, and --quick less than 10 seconds.

All contenders are timed in each of many rounds, in changing order, so that
whatever slows the machine down slows them alike. A time is a median with its
95 % interval; where two can't be told apart, it says so.

Ctrl-C ends it early, and reports what has been measured by then.`,
		Example: `  memprobe bench --quick
  memprobe bench --only size,access --plot bench.svg
  memprobe bench --save monday.json
  memprobe bench --against monday.json
  memprobe bench --format benchfmt --output new.txt`,
		Annotations: map[string]string{partialFormat("csv"): "yes", partialFormat("benchfmt"): "yes"},
		Args:        noArgs,
	}
	f.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := f.check(cmd, s); err != nil {
			return err
		}
		return s.bench(cmd.Context(), &f)
	}
	return cmd
}

// benchFlags are the flags of bench, and what they mean.
type benchFlags struct {
	quick                     bool
	only, plot, save, against string

	plan timing.Plan
	old  *timing.Result // that of --against; nil: none
}

func (f *benchFlags) add(cmd *cobra.Command) {
	about := "measure these `STUDIES` alone, with commas between:"
	for _, study := range timing.Studies {
		about += fmt.Sprintf("\n  %s: %s", study.Name, study.Question)
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.quick, "quick", false, "fewer points and rounds, in less than 10 seconds")
	flags.StringVar(&f.only, "only", "", about)
	flags.StringVar(&f.plot, "plot", "", "draw the times into `FILE`, as SVG")
	flags.StringVar(&f.save, "save", "", "keep the result in `FILE`, for --against")
	flags.StringVar(&f.against, "against", "", "compare with the result in `FILE`, from --save or --format json")
	// The only error is that of a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("only", completeStudies)
}

func studyNames() []string {
	var names []string
	for _, study := range timing.Studies {
		names = append(names, study.Name)
	}
	return names
}

// completeStudies completes the last name of a list.
func completeStudies(_ *cobra.Command, _ []string, list string) ([]string, cobra.ShellCompDirective) {
	begin := list[:strings.LastIndexByte(list, ',')+1]
	var all []string
	for _, study := range timing.Studies {
		if !slices.Contains(strings.Split(begin, ","), study.Name) {
			all = append(all, begin+study.Name+"\t"+study.Title)
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// check finds what is wrong or does not go together before time is spent, and reads
// the values.
func (f *benchFlags) check(cmd *cobra.Command, s *session) error {
	given := cmd.Flags().Changed
	files := []struct{ flag, name string }{{"save", f.save}, {"plot", f.plot}, {"output", s.output}}
	for i, file := range files {
		if !given(file.flag) {
			continue
		}
		if file.name == "" {
			return usagef("--%s: the name of the file is empty", file.flag)
		}
		for _, other := range files[:i] {
			if given(other.flag) && filepath.Clean(other.name) == filepath.Clean(file.name) {
				return usagef("--%s and --%s both name %q; one would replace the other", other.flag, file.flag, file.name)
			}
		}
	}
	switch {
	case given("against") && f.against == "":
		return usagef("--against: the name of the file is empty")
	case given("against") && s.format.Name == "benchfmt":
		return usagef("--against has no benchfmt form; benchstat compares two such files itself")
	}
	f.plan = timing.FullPlan()
	if f.quick {
		f.plan = timing.QuickPlan()
	}
	if given("only") {
		studies, err := parseStudies(f.only)
		if err != nil {
			return err
		}
		f.plan.Studies = studies
	}
	for _, file := range files {
		if given(file.flag) {
			if err := writable(file.name); err != nil {
				return err
			}
		}
	}
	if !given("output") {
		if err := checkOpen(s.stdout); err != nil {
			return err
		}
	}
	return f.readOld()
}

// parseStudies finds the studies of a list; they stay in their own order.
func parseStudies(list string) ([]*timing.Study, error) {
	names := strings.Split(list, ",")
	for i, name := range names {
		if !slices.Contains(studyNames(), name) {
			return nil, usagef("--only: no study %q%s", name, suggestion(name, studyNames()))
		}
		if slices.Contains(names[:i], name) {
			return nil, usagef("--only: %s is there twice", name)
		}
	}
	return slices.DeleteFunc(slices.Clone(timing.Studies), func(s *timing.Study) bool { return !slices.Contains(names, s.Name) }), nil
}

// mostOld bounds the file of --against: a full result has a few hundred KiB.
const mostOld = 64 << 20

// readOld reads the result of --against.
func (f *benchFlags) readOld() error {
	if f.against == "" {
		return nil
	}
	file, err := os.Open(f.against)
	if err != nil {
		return fmt.Errorf("read %s: %w", f.against, reason(err))
	}
	defer file.Close()
	if f.old, err = timing.Read(io.LimitReader(readReason{file}, mostOld)); err != nil {
		return fmt.Errorf("--against %s: %w", f.against, err)
	}
	return nil
}

// bench measures, keeps and draws the result where that is asked for, and reports.
func (s *session) bench(ctx context.Context, f *benchFlags) error {
	result, err := s.measure(ctx, f)
	stopped := errors.Is(err, context.Canceled)
	if result == nil {
		if stopped {
			fmt.Fprintln(s.stderr, "memprobe: stopped before anything was measured")
			return errInterrupted
		}
		return err
	}
	if stopped {
		err = nil
		if f.save != "" {
			fmt.Fprintf(s.stderr, "memprobe: stopped; %s is left as it was, for not all was measured\n", report.Printable(f.save))
		}
	}
	if f.save != "" && err == nil && !stopped {
		err = errors.Join(err, saveResult(f.save, result))
	}
	if f.plot != "" {
		err = errors.Join(err, writeFile(f.plot, report.PlotBench(result)))
	}
	document := report.Bench(result)
	if f.old != nil {
		document = report.BenchComparison(timing.Compare(f.old, result))
	}
	err = errors.Join(err, s.write(document))
	if err == nil && stopped {
		return errInterrupted
	}
	return err
}

// twice is how soon after a signal another one is thought to be the same: who stops a
// group of processes, as timeout(1) does, may reach one of them twice.
const twice = 300 * time.Millisecond

// measure runs the plan, and says on a terminal how far it is. The first signal that
// ends programs ends the measuring, a second one the program.
func (s *session) measure(ctx context.Context, f *benchFlags) (*timing.Result, error) {
	ctx, stop := signal.NotifyContext(ctx, unix.SIGINT, unix.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() {
		time.Sleep(twice)
		stop()
	})
	line := s.progress("")
	defer line.clear()
	if !f.quick {
		fmt.Fprintf(s.stderr, "This takes about %s; with --quick, less than 10 seconds.\n", span(f.plan.Limit))
	}
	f.plan.Progress = func(study *timing.Study, done float64, left time.Duration) {
		line.put(fmt.Sprintf("timing %s: %.0f %% of all, %s left", study.Name, 100*done, span(left)))
	}
	return timing.Run(ctx, f.plan)
}

// span is a time to wait.
func span(d time.Duration) string {
	switch {
	case d >= 90*time.Second:
		return fmt.Sprintf("%.0f minutes", d.Minutes())
	case d >= time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return "1 s"
}

// saveResult keeps a result for --against.
func saveResult(name string, r *timing.Result) error {
	format, err := report.FindFormat("json")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := format.Write(&b, report.Bench(r), report.Options{}); err != nil {
		return err
	}
	return writeFile(name, b.Bytes())
}

// writable finds out whether writeFile could write the file, before minutes have
// passed; it leaves nothing behind.
func writable(name string) error {
	err := tryToWrite(name)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, reason(err))
	}
	return nil
}

func tryToWrite(name string) error {
	name, opened := linked(name)
	info, err := os.Stat(name)
	switch {
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return err
	case err == nil && info.IsDir():
		return errors.New("is a directory; name a file in it")
	case err == nil && (opened || !info.Mode().IsRegular()):
		return nil
	}
	f, err := createBeside(name, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
