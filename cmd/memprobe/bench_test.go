package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// benchOnTerminal starts `memprobe bench`, its stderr a terminal, sends the signal once
// the terminal shows the text, and gives what came of it.
func benchOnTerminal(t *testing.T, until string, signal unix.Signal, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	master, terminal := newTerminal(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // the text comes within seconds, or never
	defer cancel()
	cmd := exec.CommandContext(ctx, "memprobe", append([]string{"bench"}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, terminal
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	var got bytes.Buffer
	for !strings.Contains(got.String(), until) {
		piece := make([]byte, 100)
		n, err := master.Read(piece)
		if err != nil {
			t.Fatalf("%v after %q", err, got.String())
		}
		got.Write(piece[:n])
	}
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(master) // ends with EIO when nobody has the terminal open any more
	if err != nil && !errors.Is(err, unix.EIO) {
		t.Fatal(err)
	}
	got.Write(rest)
	ended := new(exec.ExitError)
	if err := cmd.Wait(); !errors.As(err, &ended) {
		t.Fatalf("it ended with %v", err)
	}
	return out.String(), got.String(), ended.ExitCode()
}

// TestBenchInterrupted: a signal ends a measurement; what was measured is reported,
// but does not take the place of a whole result.
func TestBenchInterrupted(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures for seconds")
	}
	for _, signal := range []unix.Signal{unix.SIGINT, unix.SIGTERM} {
		kept := filepath.Join(t.TempDir(), "kept.json")
		if err := os.WriteFile(kept, []byte("before"), 0o644); err != nil {
			t.Fatal(err)
		}
		// The first of seven studies is over, so that seconds are left for the signal.
		stdout, stderr, exit := benchOnTerminal(t, "timing live: ", signal, "--quick", "--save", kept)
		if exit != exitInterrupted {
			t.Errorf("%v: exit code %d", signal, exit)
		}
		if !regexp.MustCompile(`stopped: [1-6] of 7 studies`).MatchString(stdout) || !strings.Contains(stdout, " size · ") {
			t.Errorf("%v:\n%s", signal, stdout)
		}
		if !regexp.MustCompile(`timing size: \d+ % of all, \d+ s left`).MatchString(stderr) || !strings.Contains(stderr, "kept.json is left as it was") {
			t.Errorf("%v: %q", signal, stderr)
		}
		if got, err := os.ReadFile(kept); err != nil || string(got) != "before" {
			t.Errorf("%v: %q, %v", signal, got, err)
		}
	}
}

// TestBenchInterruptedEarly: a signal before the first round leaves nothing to report. A
// signal that a busy machine brings late finds a round, and the next try is made.
func TestBenchInterruptedEarly(t *testing.T) {
	for range 5 {
		stdout, stderr, exit := benchOnTerminal(t, "; with --quick, less than 10 seconds.", unix.SIGINT)
		if exit != exitInterrupted {
			t.Fatalf("exit code %d, %q, %q", exit, stdout, stderr)
		}
		if stdout == "" && strings.Contains(stderr, "memprobe: stopped before anything was measured") {
			return
		}
		if !strings.Contains(stdout, "stopped: ") {
			t.Fatalf("%q, %q", stdout, stderr)
		}
	}
	t.Skip("no signal came before the first round")
}
