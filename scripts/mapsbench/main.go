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
		fmt.Fprintln(stderr, "usage: mapsbench ROUNDS MAPPINGS MEMPROBE, or mapsbench hold MAPPINGS")
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
	against string  // name of the contender it is compared with
	goal    float64 // times that one's time at most; 0 is none
}

// contenders are the command lines for the process pid.
func contenders(memprobe, pid string) []contender {
	const maps, smaps = "cat maps", "cat smaps"
	return []contender{
		{maps, []string{"cat", "/proc/" + pid + "/maps"}, maps, 0},
		{"memprobe maps --format maps", []string{memprobe, "maps", pid, "--format", "maps"}, maps, 1.6},
		{"memprobe maps", []string{memprobe, "maps", pid}, maps, 2.5},
		{"memprobe maps --all", []string{memprobe, "maps", pid, "--all"}, maps, 2.5},
		{"memprobe maps --sort size", []string{memprobe, "maps", pid, "--sort", "size"}, maps, 2.5},
		{"pmap", []string{"pmap", pid}, maps, 0},
		{smaps, []string{"cat", "/proc/" + pid + "/smaps"}, smaps, 0},
		{"memprobe maps --resident --all", []string{memprobe, "maps", pid, "--resident", "--all"}, smaps, 1.3},
		{"pmap -x", []string{"pmap", "-x", pid}, smaps, 0},
	}
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
	all := contenders(memprobe, strconv.Itoa(held.Process.Pid))
	results := map[string]*result{}
	for i := range rounds + 1 { // the first warms up
		for _, one := range all {
			if _, err := exec.LookPath(one.args[0]); err != nil && one.args[0] != memprobe {
				continue // cat and pmap may be left out
			}
			ms, peak, err := once(one.args)
			if err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
			if i == 0 {
				results[one.name] = &result{}
				continue
			}
			r := results[one.name]
			r.ms = append(r.ms, ms)
			r.peak = max(r.peak, peak)
		}
	}
	fmt.Fprintf(w, "A process with %d mappings of a file; whole processes, output to a file; median and least of %d rounds in turns.\n\n", n, rounds)
	rows(w, all, results)
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
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	err = cmd.Wait()
	ms = float64(time.Since(start).Microseconds()) / 1000
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		peak = usage.Maxrss
	}
	if size, statErr := f.Stat(); err == nil && statErr == nil && size.Size() == 0 {
		err = errors.New("printed nothing")
	}
	return ms, peak, err
}

// median is the one in the middle, of sorted times.
func (r result) median() float64 { return r.ms[len(r.ms)/2] }

// rows writes a line for each contender; results has none of what is not here.
func rows(w io.Writer, all []contender, results map[string]*result) {
	for _, r := range results {
		slices.Sort(r.ms)
	}
	fmt.Fprintf(w, "%-32s %9s %9s %9s  %s\n", "", "median", "least", "peak", "to cat (goal)")
	for _, c := range all {
		r, here := results[c.name]
		if !here {
			fmt.Fprintf(w, "%-32s is not here\n", c.name)
			continue
		}
		fmt.Fprintf(w, "%-32s %6.1f ms %6.1f ms %5.1f MiB", c.name, r.median(), r.ms[0], float64(r.peak)/1024)
		if against, here := results[c.against]; here {
			fmt.Fprintf(w, "  %.2f", r.median()/against.median())
			if c.goal > 0 {
				fmt.Fprintf(w, " (%.1f at most)", c.goal)
			}
		}
		fmt.Fprintln(w)
	}
}
