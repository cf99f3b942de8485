// Command outsidecheck proves from outside that what memprobe shows is what stands
// in its memory. It holds every scenario at every step, reads with gdb each byte
// that the trace names, and looks up in /proc/PID/maps each address and in
// /proc/PID/pagemap each page; of every scenario it changes bytes and sees the program
// go on with them.
//
//	go run ./scripts/outsidecheck MEMPROBE
//
// It imports nothing of memprobe: the trace is decoded, the maps are parsed and the
// values are worked out here once more. scripts/outside-check.sh builds the binary
// and calls it.
package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"memprobe/scripts/ask"
)

// limit is how long one memprobe or one gdb may take.
const limit = 2 * time.Minute

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the whole program: 0 all is as traced, 1 something is not, 2 the command
// line was wrong.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 {
		fmt.Fprintln(stderr, "usage: outsidecheck MEMPROBE")
		return 2
	}
	if _, err := exec.LookPath("gdb"); err != nil {
		fmt.Fprintln(stderr, "outsidecheck: needs gdb (Debian: apt-get install gdb)")
		return 1
	}
	temp, err := os.MkdirTemp("", "outsidecheck-")
	if err != nil {
		fmt.Fprintln(stderr, "outsidecheck:", err)
		return 1
	}
	defer os.RemoveAll(temp)

	c := &checker{memprobe: args[0], temp: temp, out: stdout}
	if err := c.all(); err != nil {
		fmt.Fprintln(stderr, "outsidecheck:", err)
		return 1
	}
	if c.failed > 0 {
		fmt.Fprintf(stdout, "%s failed, %d passed\n", ask.Plural(c.failed, "check"), c.passed)
		return 1
	}
	fmt.Fprintf(stdout, "%d checks passed\n", c.passed)
	return 0
}

// checker runs the checks and counts them.
type checker struct {
	memprobe       string // the program
	temp           string // a directory for output and gdb's commands
	out            io.Writer
	passed, failed int
	holds          int // how many processes were held
}

// that counts one check; what differs is said at once.
func (c *checker) that(ok bool, format string, args ...any) {
	if ok {
		c.passed++
		return
	}
	c.failed++
	fmt.Fprintf(c.out, "  DIFFERENT: "+format+"\n", args...)
}

// section runs check and says in one line how it went.
func (c *checker) section(name string, check func() (summary string, err error)) error {
	before := c.failed
	summary, err := check()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if c.failed > before {
		summary = fmt.Sprintf("NOT as expected, %s above", ask.Plural(c.failed-before, "difference"))
	}
	fmt.Fprintf(c.out, "%s: %s\n", name, summary)
	return nil
}

// all holds every scenario at every step, then pokes.
func (c *checker) all() error {
	var list struct {
		Groups []struct{ Scenarios []struct{ Name string } }
	}
	if err := ask.JSON(c.memprobe, limit, &list, "scenario", "--format", "json"); err != nil {
		return err
	}
	found := 0
	for _, group := range list.Groups {
		for _, s := range group.Scenarios {
			found++
			var whole trace
			if err := ask.JSON(c.memprobe, limit, &whole, "scenario", s.Name, "--format", "json"); err != nil {
				return err
			}
			c.that(len(whole.Steps) > 0, "scenario %s has no steps", s.Name)
			if err := c.scenario(whole); err != nil {
				return fmt.Errorf("scenario %s: %w", s.Name, err)
			}
		}
	}
	c.that(found > 0, "memprobe scenario lists no scenario")
	return c.pokes()
}
