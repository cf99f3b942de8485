package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"memprobe/layout"
	"memprobe/report"
)

func TestParseInterval(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"2s": 2 * time.Second, "2": 2 * time.Second, "0.5": time.Second / 2, "10ms": 10 * time.Millisecond, "0.01": 10 * time.Millisecond,
		"24h": 24 * time.Hour, "86400": 24 * time.Hour,
		"9ms": 0, "0": 0, "-1": 0, "-1s": 0, "24h1ns": 0, "86401": 0, "1000h": 0, "1e300": 0, "Inf": 0, "NaN": 0, "": 0, "never": 0, "1 s": 0,
	} {
		got, err := parseInterval(text)
		if got != want || (err == nil) != (want > 0) || err != nil && !errors.As(err, new(usageError)) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// TestHasEnded: a process is gone where there is none, a zombie, or another one of that
// number.
func TestHasEnded(t *testing.T) {
	before, same, other := &layout.Space{PID: 7, Started: 100}, &layout.Space{PID: 7, Started: 100}, &layout.Space{PID: 7, Started: 101}
	for _, tt := range []struct {
		name   string
		before *layout.Space
		now    *layout.Space
		err    error
		want   bool
	}{
		{"the first look", nil, same, nil, false}, {"there never was one", nil, nil, layout.ErrNoProcess, false},
		{"as before", before, same, nil, false}, {"another of that number", before, other, nil, true},
		{"gone", before, nil, &layout.ProcessError{PID: 7, Err: layout.ErrNoProcess}, true}, {"a zombie", before, nil, layout.ErrZombie, true},
		{"something else", before, nil, layout.ErrPermission, false},
	} {
		if got := hasEnded(tt.before, tt.now, tt.err); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// TestNothingIsDrawnAfterStop: a look during which Ctrl-C comes is not written.
func TestNothingIsDrawnAfterStop(t *testing.T) {
	text, err := report.FindFormat("text")
	if err != nil {
		t.Fatal(err)
	}
	for sig, want := range map[os.Signal]string{unix.SIGINT: errInterrupted.Error(), unix.SIGTERM: "terminated"} {
		var out, said bytes.Buffer
		s := &session{stdout: &out, stderr: &said, format: text}
		stop := make(chan os.Signal, 1)
		stop <- sig
		err := s.watchUntil(stop, &target{pid: os.Getpid()}, report.MapsView{}, time.Hour)
		if err == nil || err.Error() != want || out.Len()+said.Len() > 0 {
			t.Errorf("%v: %v; written was %q, %q", sig, err, &out, &said)
		}
	}
}

// TestRedraw: on a terminal of 24 lines 23 are written, each of them to its end, and the
// last of those says how many are left out.
func TestRedraw(t *testing.T) {
	_, terminal := openTerminal(t, 80) // of 24 lines
	defer terminal.Close()
	for _, tt := range []struct{ lines, kept int }{{1, 1}, {22, 22}, {23, 23}, {24, 22}, {25, 22}, {500, 22}} {
		r := (&session{stdout: terminal}).report()
		for i := range tt.lines {
			fmt.Fprintf(&r.text, "line %d\n", i)
		}
		r.redraw(int(terminal.Fd()))
		want := toCorner
		for i := range tt.kept {
			want += fmt.Sprintf("line %d%s\n", i, clearLine)
		}
		if more := tt.lines - tt.kept; more > 0 {
			want += fmt.Sprintf(" ... %d lines more, on a taller terminal, or choose with --part%s\n", more, clearLine)
		}
		want += clearRest
		if got := string(r.text.all()); got != want {
			t.Errorf("%d lines: got\n%q\nwant\n%q", tt.lines, got, want)
		}
		if n := strings.Count(want, "\n"); n > 23 {
			t.Errorf("%d lines: the terminal scrolls", tt.lines)
		}
	}
}
