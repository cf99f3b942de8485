// Command allocbench compares memprobe's heap and stack with allocators that
// people know: on recorded traces, beside many holes, and against Go's own calls.
// scripts/alloc-bench.sh builds it and calls it.
//
//	allocbench [--quick] [--rounds N] [--only SECTION,...] [--trace NAME] [--traces DIR] [--json FILE]
//
// Contenders take turns in one run, so that a slow moment of the machine hits all
// of them alike, and figures are medians over rounds of such turns. What a loop
// takes without its allocator is taken off, measured in C for what is called from
// C and in Go for what is called from Go. Each is called as its users call it, by
// its concrete name, in a loop of its own.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"memprobe/probe/timing"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program: 0 done, 1 something failed, 2 the command line was wrong.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	machine := timing.Here()
	runtime.GOMAXPROCS(1) // a thread for each contender; Go's collector shares it
	if len(args) == 3 && args[0] == footprintCommand {
		return status(stderr, printFootprint(stdout, args[1], args[2]))
	}
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	temp, err := os.MkdirTemp("", "allocbench-")
	if err != nil {
		return status(stderr, err)
	}
	defer os.RemoveAll(temp)
	return status(stderr, o.bench(ctx, machine, temp, stdout, stderr))
}

// status says what went wrong, if anything did.
func status(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "allocbench:", err)
	return 1
}

// sections are what can be measured, in this order; naive adds the naive list to
// the traces.
var sections = []string{"traces", "naive", "memory", "scale", "stack"}

type options struct {
	sections []string
	plan     plan
	trace    string // one, or all
	traces   string // where they are
	json     string // the file for all figures, if any
}

func (o options) has(section string) bool { return slices.Contains(o.sections, section) }

// parse reads the command line; what is wrong with it is said by then.
func parse(args []string, stderr io.Writer) (options, error) {
	o := options{plan: plan{rounds: 21, passes: 2, turn: 10 * time.Millisecond, naive: 2 * time.Second}}
	set := flag.NewFlagSet("allocbench", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.IntVar(&o.plan.rounds, "rounds", o.plan.rounds, "`N` rounds, 1 at least")
	quick := set.Bool("quick", false, "5 rounds, and less time for the naive list")
	only := set.String("only", strings.Join(sections, ","), "what to measure, separated by commas")
	set.StringVar(&o.trace, "trace", "", "the only `NAME` to replay")
	set.StringVar(&o.traces, "traces", "probe/replay/testdata/traces", "`DIR` of the traces, NAME"+suffix+" each")
	set.StringVar(&o.json, "json", "", "`FILE` for all figures")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	fail := func(format string, args ...any) error {
		err := fmt.Errorf(format, args...)
		fmt.Fprintln(stderr, "allocbench:", err)
		return err
	}
	if set.NArg() > 0 {
		return o, fail("unexpected argument %q", set.Arg(0))
	}
	for _, s := range strings.Split(*only, ",") {
		if !slices.Contains(sections, s) {
			return o, fail("--only %q: it is one of %s, or some of them, separated by commas", s, strings.Join(sections, ", "))
		}
		o.sections = append(o.sections, s)
	}
	if *quick {
		o.plan.rounds, o.plan.naive = min(5, o.plan.rounds), time.Second/2
	}
	if o.plan.rounds < 1 {
		return o, fail("--rounds %d: at least 1", o.plan.rounds)
	}
	return o, nil
}

// figures is all that was measured: what --json writes. Times are nanoseconds per
// operation, sizes bytes, ratios memprobe's figure over the other one's.
type figures struct {
	Machine timing.Machine `json:"machine"`
	Rounds  int            `json:"rounds"`
	Notes   []string       `json:"notes,omitempty"`
	Traces  []*figure      `json:"traces,omitempty"`
	Scale   *scale         `json:"scale,omitempty"`
	Stack   []frames       `json:"stack,omitempty"`
}

// figure is what all contenders did on one trace.
type figure struct {
	Name    string    `json:"name"`
	Ops     int       `json:"operations"`
	Live    uint64    `json:"peak_payload_bytes"`
	Results []*result `json:"contenders"`
}

func (o options) bench(ctx context.Context, machine timing.Machine, temp string, stdout, stderr io.Writer) error {
	if o.json != "" {
		if err := mayWrite(o.json); err != nil {
			return err
		}
	}
	all := &figures{Machine: machine, Rounds: o.plan.rounds}
	var mallocs []malloc
	replayer, err := buildReplayer(ctx, temp)
	switch {
	case errors.Is(err, errNoCompiler):
		all.Notes = append(all.Notes, fmt.Sprintf("C's allocators are left out: %v", err))
	case err != nil:
		return err
	default:
		mallocs, all.Notes = findMallocs(ctx, replayer)
	}
	p := printer{stdout}
	p.begin(all)
	if o.has("traces") || o.has("naive") || o.has("memory") {
		told := len(all.Notes)
		if err := o.benchTraces(ctx, all, temp, mallocs, stderr); err != nil {
			return err
		}
		progress(stderr, "")
		p.notes(all.Notes[told:])
		p.traces(all.Traces)
	}
	if o.has("scale") {
		progress(stderr, "scaling")
		if all.Scale, err = measureScale(ctx, mallocs, holes, o.plan); err != nil {
			return err
		}
		progress(stderr, "")
		p.scale(all.Scale)
	}
	if o.has("stack") {
		progress(stderr, "stack")
		if all.Stack, err = measureStack(ctx, o.plan); err != nil {
			return err
		}
		progress(stderr, "")
		p.stack(all.Stack)
	}
	p.end(all)
	if o.json == "" {
		return nil
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.json, append(text, '\n'), 0o666)
}

// mayWrite fails before anything is measured where the file could not be written.
func mayWrite(file string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	return f.Close()
}

// benchTraces compares on the traces, and then measures footprints, where asked to.
func (o options) benchTraces(ctx context.Context, all *figures, temp string, mallocs []malloc, stderr io.Writer) error {
	files, err := traceFiles(o.traces, o.trace)
	if err != nil {
		return err
	}
	p := o.plan
	p.peers = o.has("traces")
	if !o.has("naive") {
		p.naive = 0
	}
	for _, file := range files {
		t, err := readTrace(file, temp)
		if err != nil {
			return err
		}
		progress(stderr, "trace "+t.name)
		f := &figure{Name: t.name, Ops: t.timed, Live: uint64(t.live)}
		if o.has("traces") || o.has("naive") {
			if f.Results, err = compare(ctx, t, mallocs, p); err != nil {
				return err
			}
		}
		if o.has("memory") {
			err := footprints(ctx, f, t, file, mallocs)
			if errors.Is(err, errUntold) {
				all.Notes = append(all.Notes, err.Error())
				o.sections = without(o.sections, "memory")
			} else if err != nil {
				return err
			}
		}
		all.Traces = append(all.Traces, f)
		if err := errors.Join(t.close(), os.Remove(t.file)); err != nil {
			return err
		}
	}
	return nil
}

func without(all []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == one })
}

// progress says what is measured now, to whoever watches.
func progress(stderr io.Writer, what string) {
	if f, ok := stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintf(f, "\r\x1b[K%s", what)
	}
}
