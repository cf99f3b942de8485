// Command startup times a program as a whole process, from fork to exit, beside a
// simple one; the two take turns, so that a slow moment of the machine hits both.
// scripts/startup-bench.sh builds them and calls it.
//
//	startup RUNS SIMPLE PROGRAM [ARGUMENTS]
package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// goal is how many times the simple program's time PROGRAM may take.
const goal = 2.0

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the whole program: 0 done, 1 a run failed, 2 the command line was wrong.
func run(args []string, stdout, stderr io.Writer) int {
	runs := 0
	if len(args) >= 3 {
		runs, _ = strconv.Atoi(args[0])
	}
	if runs < 10 {
		fmt.Fprintln(stderr, "usage: startup RUNS SIMPLE PROGRAM [ARGUMENTS]; 10 runs at least")
		return 2
	}
	simple, program := args[1:2], args[2:]
	if err := compare(stdout, runs, simple, program); err != nil {
		fmt.Fprintln(stderr, "startup:", err)
		return 1
	}
	return 0
}

func compare(w io.Writer, runs int, simple, program []string) error {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	var a, b, ratios []float64 // milliseconds, milliseconds, b/a of the same turn
	for i := range runs + 5 {
		x, err := once(null, simple)
		if err != nil {
			return err
		}
		y, err := once(null, program)
		if err != nil {
			return err
		}
		if i >= 5 { // the first turns fill the caches
			a, b, ratios = append(a, x), append(b, y), append(ratios, y/x)
		}
	}
	for _, s := range []struct {
		command []string
		ms      []float64
	}{{simple, a}, {program, b}} {
		name := strings.Join(append([]string{filepath.Base(s.command[0])}, s.command[1:]...), " ")
		fmt.Fprintf(w, "%-28s median %5.2f ms, middle half %5.2f to %5.2f ms, %d runs\n", name, quantile(s.ms, 0.5), quantile(s.ms, 0.25), quantile(s.ms, 0.75), runs)
	}
	lo, hi := medianCI(ratios)
	fmt.Fprintf(w, "ratio                        median %5.2f times, 95 %% sure between %.2f and %.2f, middle half %.2f to %.2f\n",
		quantile(ratios, 0.5), lo, hi, quantile(ratios, 0.25), quantile(ratios, 0.75))
	verdict := "met"
	switch {
	case lo > goal:
		verdict = "missed"
	case hi > goal:
		verdict = "too close to tell"
	}
	fmt.Fprintf(w, "goal                         at most %.0f times: %s\n", goal, verdict)
	return nil
}

// once runs the command and returns the milliseconds that it took.
func once(null *os.File, command []string) (ms float64, err error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = null, os.Stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%v: %w", command, err)
	}
	return float64(time.Since(start)) / float64(time.Millisecond), nil
}

func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

// medianCI is the span of the median by ranks: half of n, give or take 1.96 standard
// deviations of a fair coin thrown n times.
func medianCI(values []float64) (lo, hi float64) {
	sorted := slices.Sorted(slices.Values(values))
	n := float64(len(sorted))
	off := 1.96 * math.Sqrt(n) / 2
	return sorted[max(0, int(n/2-off))], sorted[min(len(sorted)-1, int(math.Ceil(n/2+off)))]
}
