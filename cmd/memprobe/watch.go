package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"memprobe/layout"
	"memprobe/report"
)

// showSince compares the target with a snapshot. Without a target it is the
// snapshot's own process.
func (s *session) showSince(cmd *cobra.Command, t *target, view report.MapsView, file string) error {
	text, err := readSaved(file, nil, beginsSnapshot)
	if err != nil {
		return fmt.Errorf("read %s: %w", oneLine(file), err)
	}
	before, err := snapshot(text)
	if err != nil {
		return fmt.Errorf("read %s: %w", oneLine(file), err)
	}
	t.options.Resident = t.options.Resident || before.Figures != nil && t.file == ""
	if t.pid == 0 && t.argv == nil && t.file == "" && !cmd.Flags().Changed("base") {
		t.pid = before.PID
	}
	return t.look(s, cmd, func(after *layout.Space) (report.Document, error) {
		return report.MapsChanged(after, report.Changes{Since: file, Before: before, List: layout.Diff(before, after)}, view.Choice), nil
	})
}

// snapshot reads what maps --format json wrote. Unlike a list it leaves much to collect
// as it is read.
func snapshot(text []byte) (*layout.Space, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	space := new(layout.Space)
	return space, space.UnmarshalJSON(text)
}

// parseInterval reads 2s, 500ms or a number of seconds.
func parseInterval(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if seconds, numErr := strconv.ParseFloat(text, 64); numErr == nil {
		d, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil || d < 10*time.Millisecond || d > 24*time.Hour {
		return 0, usagef("--watch %q: not a time from 10ms to 24h, such as 2s", text)
	}
	return d, nil
}

// watch looks at the target again and again until Ctrl-C, or until it ends.
func (s *session) watch(cmd *cobra.Command, t *target, view report.MapsView, interval string) error {
	every, err := parseInterval(interval)
	if err != nil {
		return err
	}
	if t.pid == 0 {
		return usagef("--watch is for another process: memprobe maps PID --watch")
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGINT, unix.SIGTERM)
	defer signal.Stop(stop)
	return s.watchUntil(stop, t, view, every)
}

// watchUntil watches until a signal comes, or until the target ends.
func (s *session) watchUntil(stop <-chan os.Signal, t *target, view report.MapsView, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	fd, terminal := toTerminal(s.stdout)
	var before *layout.Space
	for {
		space, err := t.describeLiving()
		if hasEnded(before, space, err) {
			fmt.Fprintf(s.stderr, "process %d has ended\n", t.pid)
			return nil
		}
		if err != nil {
			return err
		}
		if before != nil {
			view.Changes = &report.Changes{Since: "the last look, " + every.String() + " ago", Before: before, List: layout.Diff(before, space)}
		}
		before, view.Took = space, t.took
		out := s.report()
		out.opts.Line = true
		if err := out.add(report.Maps(space, view)); err != nil {
			return err
		}
		switch {
		case terminal && s.format.Name == "text":
			out.redraw(fd)
		case s.format.Name != "json": // whose blocks are lines
			out.text.Write([]byte("\n"))
		}
		select {
		case sig := <-stop: // while it looked: nothing is drawn any more
			return s.stopped(sig)
		default:
		}
		s.tellIfChanged(space)
		if err := s.flushUntil(stop, out); err != nil {
			return err
		}
		select {
		case sig := <-stop:
			return s.stopped(sig)
		case <-tick.C:
		}
	}
}

// flushUntil writes a look, which lasts as long as nobody reads it, unless a signal comes.
func (s *session) flushUntil(stop <-chan os.Signal, out *reporter) error {
	flushed := make(chan error, 1)
	go func() { flushed <- out.flush() }()
	select {
	case err := <-flushed:
		return err
	case sig := <-stop:
		select {
		case err := <-flushed:
			return cmp.Or(err, s.stopped(sig))
		case <-time.After(graceTime):
			return ended(sig)
		}
	}
}

// graceTime is how long a look that is being written has to get through when a signal
// ends watching.
const graceTime = 300 * time.Millisecond

// ended is what a signal makes of watching.
func ended(sig os.Signal) error {
	if sig == unix.SIGTERM {
		return errors.New("terminated")
	}
	return errInterrupted
}

// describeLiving describes a process, again where it ran another program meanwhile: with
// some luck it does not the next time.
func (t *target) describeLiving() (space *layout.Space, err error) {
	for range 10 {
		if space, err = t.describe(); !errors.Is(err, layout.ErrCutShort) {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	return space, err
}

// hasEnded reports whether the process that was looked at before is no more. Another
// may have its number now.
func hasEnded(before, now *layout.Space, err error) bool {
	switch {
	case before == nil:
		return false
	case err != nil:
		return errors.Is(err, layout.ErrNoProcess) || errors.Is(err, layout.ErrZombie)
	}
	return now.Started != before.Started
}

// stopped is how watching ends by a signal where the last look got through.
func (s *session) stopped(sig os.Signal) error {
	if _, terminal := toTerminal(s.stdout); terminal && sig != unix.SIGTERM {
		fmt.Fprintln(s.stdout) // behind the ^C that the terminal shows
	}
	return ended(sig)
}

// What a terminal is told, so that a look takes the place of the one before without
// a flicker. Nothing else of it is changed, so nothing has to be put back.
const (
	toCorner  = "\x1b[H"
	clearLine = "\x1b[K" // from the cursor to the line's end
	clearRest = "\x1b[J" // from the cursor to the screen's end
)

// redraw makes what was added redraw a terminal: from its upper left corner on, as
// many lines as it has, but for the last, where the cursor rests.
func (r *reporter) redraw(fd int) {
	lines := slices.Collect(strings.Lines(string(r.text.all())))
	if _, rows, err := term.GetSize(fd); err == nil && rows > 2 && len(lines) >= rows {
		more := len(lines) - (rows - 2)
		lines = append(lines[:rows-2], fmt.Sprintf(" ... %d lines more, on a taller terminal, or choose with --part\n", more))
	}
	r.text = pieces{}
	r.text.Write([]byte(toCorner))
	for _, l := range lines {
		r.text.Write([]byte(strings.TrimSuffix(l, "\n") + clearLine + "\n"))
	}
	r.text.Write([]byte(clearRest))
}
