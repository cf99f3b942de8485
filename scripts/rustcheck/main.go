// Command rustcheck compares what memprobe says of the scenarios' programs with what
// real Rust programs do: the scenarios' own listings, compiled by rustc.
//
//	go run ./scripts/rustcheck MEMPROBE
//
// Each listing must compile as it is. Of the types that the trace names, rustc tells
// sizes, alignments and the offsets of fields. Then the listing runs with what
// testdata/check.rs adds to it, which tells its requests of memory, the end of each
// variable, and the bytes of all variables after the lines that the steps stop at; all
// of that has to be what the trace has, with addresses translated. It is stopped before
// unsafe code runs, since nobody can say what that does. A program that the trace lets
// end in a fault has to overflow its stack; one with threads only has to run.
//
// It imports nothing of memprobe: what it expects, it takes from
// `memprobe scenario NAME --format json`. scripts/rust-check.sh builds the binary and
// calls it.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"memprobe/scripts/ask"
)

// limit is how long one memprobe, one rustc or one program may take.
const limit = 2 * time.Minute

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the whole program: 0 all is equal, or there is no rustc; 1 something differs;
// 2 the command line was wrong.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 {
		fmt.Fprintln(stderr, "usage: rustcheck MEMPROBE")
		return 2
	}
	rustc, version, err := findRustc()
	if errors.Is(err, errNoRustc) {
		fmt.Fprintln(stdout, "rustcheck: skipped, nothing was compared:", err)
		return 0
	}
	temp, tempErr := os.MkdirTemp("", "rustcheck-")
	if err := errors.Join(err, tempErr); err != nil {
		fmt.Fprintln(stderr, "rustcheck:", err)
		return 1
	}
	defer os.RemoveAll(temp)
	fmt.Fprintln(stdout, version)

	c := &checker{memprobe: args[0], rustc: rustc, temp: temp, out: stdout}
	if err := c.all(); err != nil {
		fmt.Fprintln(stderr, "rustcheck:", err)
		return 1
	}
	if c.failed > 0 {
		fmt.Fprintf(stdout, "%s failed, %d as in Rust\n", ask.Plural(c.failed, "check"), c.passed)
		return 1
	}
	fmt.Fprintf(stdout, "%s as in Rust\n", ask.Plural(c.passed, "check"))
	return 0
}

// checker runs the checks and counts them.
type checker struct {
	memprobe, rustc string // the programs
	temp            string // a directory for what is compiled
	out             io.Writer
	passed, failed  int
}

// line says in one line how a check went, and above it what differs.
func (c *checker) line(name, summary string, differences []string) {
	if len(differences) == 0 {
		c.passed++
		fmt.Fprintf(c.out, "ok %s: %s\n", name, summary)
		return
	}
	c.failed++
	for _, d := range differences {
		fmt.Fprintf(c.out, "  DIFFERENT: %s\n", d)
	}
	fmt.Fprintf(c.out, "NOT ok %s: %s above\n", name, ask.Plural(len(differences), "difference"))
}

// all compiles all listings and compares all programs.
func (c *checker) all() error {
	traces, err := c.traces()
	if err != nil {
		return err
	}
	programs := make([]*program, 0, len(traces))
	for _, t := range traces {
		differences, err := c.compiles(t)
		if err != nil {
			return err
		}
		c.line(t.Scenario, "its listing compiles", differences)
		if len(differences) > 0 {
			continue // it would stop all others, too
		}
		p, differences := newProgram(t)
		if len(differences) > 0 {
			c.line(t.Scenario, "", differences)
			continue
		}
		programs = append(programs, p)
	}
	binary, err := c.build(programs)
	if err != nil {
		return err
	}
	for _, p := range programs {
		if err := c.compare(binary, p); err != nil {
			return fmt.Errorf("%s: %w", p.trace.Scenario, err)
		}
	}
	return nil
}

// compare runs what one scenario's program was made into and compares.
func (c *checker) compare(binary string, p *program) error {
	types, err := c.runChecked(binary, p.trace.Scenario, "layouts", 0)
	if err != nil {
		return err
	}
	c.line(p.trace.Scenario, p.typesSummary(), p.layouts(types))
	if p.trace.faults() {
		summary, differences, err := c.overflows(binary, p)
		if err != nil {
			return err
		}
		c.line(p.trace.Scenario, summary, differences)
		return nil
	}
	events, err := c.runChecked(binary, p.trace.Scenario, "run", p.refused())
	if err != nil {
		return err
	}
	summary, differences := p.ran(events)
	c.line(p.trace.Scenario, summary, differences)
	return nil
}

// traces runs every scenario that memprobe lists.
func (c *checker) traces() ([]*trace, error) {
	var list struct {
		Groups []struct{ Scenarios []struct{ Name string } }
	}
	if err := ask.JSON(c.memprobe, limit, &list, "scenario", "--format", "json"); err != nil {
		return nil, err
	}
	var traces []*trace
	for _, group := range list.Groups {
		for _, s := range group.Scenarios {
			t := new(trace)
			if err := ask.JSON(c.memprobe, limit, t, "scenario", s.Name, "--format", "json"); err != nil {
				return nil, err
			}
			if len(t.Steps) == 0 {
				return nil, fmt.Errorf("scenario %s has no steps", s.Name)
			}
			traces = append(traces, t)
		}
	}
	if len(traces) == 0 {
		return nil, errors.New("memprobe scenario lists no scenario")
	}
	return traces, nil
}
