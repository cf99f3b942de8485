// Command mapsbench times memprobe maps as a whole process on a process with many
// mappings, beside cat and pmap, all taking turns. scripts/maps-bench.sh calls it.
//
//	mapsbench ROUNDS MAPPINGS MEMPROBE   the table
//	mapsbench hold MAPPINGS              the process they look at
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the whole program: 0 done, 1 a run failed, 2 the command line was wrong.
func run(args []string, stdout, stderr io.Writer) int {
	err := errUsage
	switch {
	case len(args) == 2 && args[0] == "hold":
		if n := count(args[1]); n > 0 {
			err = hold(n)
		}
	case len(args) == 3:
		if rounds, n := count(args[0]), count(args[1]); rounds > 0 && n > 0 {
			err = table(stdout, rounds, n, args[2])
		}
	}
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprintln(stderr, "usage: mapsbench ROUNDS MAPPINGS MEMPROBE")
		return 2
	case err != nil:
		fmt.Fprintln(stderr, "mapsbench:", err)
		return 1
	}
	return 0
}

var errUsage = errors.New("wrong usage")

func count(arg string) int {
	n, _ := strconv.Atoi(arg)
	return n
}

// hold maps the first page of a file n times, touches it, and waits until its standard
// input ends. Neighbours of the same offset don't merge.
func hold(n int) error {
	page := os.Getpagesize()
	f, err := os.CreateTemp("", "a-library-of-an-ordinary-name.so.6-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := f.Truncate(int64(page)); err != nil {
		return err
	}
	sum := 0
	for i := range n {
		mem, err := syscall.Mmap(int(f.Fd()), 0, page, syscall.PROT_READ, syscall.MAP_PRIVATE)
		if err != nil {
			return fmt.Errorf("mapping %d of %d: %w; see /proc/sys/vm/max_map_count", i, n, err)
		}
		sum += int(mem[0])
	}
	fmt.Println("ready", sum)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// contender is a command line that is timed, held against another.
type contender struct {
	name    string
	args    []string
	against int     // index of the contender it is compared with
	goal    float64 // times that one's time at most; 0 is none
}

type result struct {
	ms   []float64
	peak int64 // KiB in memory at most
}

func table(w io.Writer, rounds, n int, memprobe string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	held := exec.Command(self, "hold", strconv.Itoa(n))
	held.Stderr = os.Stderr
	in, err := held.StdinPipe()
	if err != nil {
		return err
	}
	out, err := held.StdoutPipe()
	if err != nil {
		return err
	}
	if err := held.Start(); err != nil {
		return err
	}
	defer func() { in.Close(); held.Wait() }()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return fmt.Errorf("the process to look at did not start: %w", err)
	}
	pid := strconv.Itoa(held.Process.Pid)
	contenders := []contender{
		{"cat maps", []string{"cat", "/proc/" + pid + "/maps"}, 0, 0},
		{"memprobe maps --format maps", []string{memprobe, "maps", pid, "--format", "maps"}, 0, 1.6},
		{"memprobe maps", []string{memprobe, "maps", pid}, 0, 2.5},
		{"memprobe maps --all", []string{memprobe, "maps", pid, "--all"}, 0, 2.5},
		{"memprobe maps --sort size", []string{memprobe, "maps", pid, "--sort", "size"}, 0, 2.5},
		{"pmap", []string{"pmap", pid}, 0, 0},
		{"cat smaps", []string{"cat", "/proc/" + pid + "/smaps"}, 6, 0},
		{"memprobe maps --resident --all", []string{memprobe, "maps", pid, "--resident", "--all"}, 6, 1.3},
		{"pmap -x", []string{"pmap", "-x", pid}, 6, 0},
	}
	results := make([]result, len(contenders))
	for i := range rounds + 1 { // the first warms up
		for c, one := range contenders {
			if _, err := exec.LookPath(one.args[0]); err != nil {
				continue
			}
			ms, peak, err := once(one.args)
			if err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
			if i > 0 {
				results[c].ms = append(results[c].ms, ms)
				results[c].peak = max(results[c].peak, peak)
			}
		}
	}
	print(w, rounds, n, contenders, results)
	return nil
}

// once runs args with a file as its output.
func once(args []string) (ms float64, peak int64, err error) {
	f, err := os.Create(filepath.Join(os.TempDir(), "mapsbench-"+strconv.Itoa(os.Getpid())))
	if err != nil {
		return 0, 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = f, os.Stderr
	start := time.Now()
	err = cmd.Run()
	ms = float64(time.Since(start).Microseconds()) / 1000
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		peak = usage.Maxrss
	}
	if size, statErr := f.Stat(); err == nil && statErr == nil && size.Size() == 0 {
		err = errors.New("printed nothing")
	}
	return ms, peak, err
}

func print(w io.Writer, rounds, n int, contenders []contender, results []result) {
	fmt.Fprintf(w, "A process with %d mappings of a file; whole processes, output to a file; median and least of %d rounds in turns.\n\n", n, rounds)
	fmt.Fprintf(w, "%-32s %9s %9s %9s  %s\n", "", "median", "least", "peak", "to cat (goal)")
	for i, c := range contenders {
		r := results[i]
		if len(r.ms) == 0 {
			fmt.Fprintf(w, "%-32s is not here\n", c.name)
			continue
		}
		against := results[c.against]
		slices.Sort(r.ms)
		slices.Sort(against.ms)
		ratio := fmt.Sprintf("%.2f", r.ms[len(r.ms)/2]/against.ms[len(against.ms)/2])
		if c.goal > 0 {
			ratio += fmt.Sprintf(" (%.1f at most)", c.goal)
		}
		fmt.Fprintf(w, "%-32s %6.1f ms %6.1f ms %5.1f MiB  %s\n", c.name, r.ms[len(r.ms)/2], r.ms[0], float64(r.peak)/1024, ratio)
	}
}
