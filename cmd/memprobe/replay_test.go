package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestReplayInterrupted: a long replay says on the terminal how far it is; a signal
// ends it, and the line is cleared.
func TestReplayInterrupted(t *testing.T) {
	const blocks = 300_000
	var trace bytes.Buffer
	fmt.Fprintf(&trace, "0\n%d\n%d\n1\n", blocks, 2*blocks)
	for i := range blocks {
		fmt.Fprintf(&trace, "a %d %d\n", i, i%200)
	}
	for i := range blocks {
		fmt.Fprintf(&trace, "f %d\n", i)
	}
	file := filepath.Join(t.TempDir(), "long.rep")
	if err := os.WriteFile(file, trace.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	master, terminal := newTerminal(t)
	cmd := exec.Command("memprobe", "replay", file)
	var stdout bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, terminal
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	var got bytes.Buffer
	for !strings.Contains(got.String(), "of ") {
		piece := make([]byte, 100)
		n, err := master.Read(piece)
		if err != nil {
			t.Fatalf("%v after %q", err, got.String())
		}
		got.Write(piece[:n])
	}
	if err := cmd.Process.Signal(unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(master) // ends with EIO when nobody has the terminal open any more
	if err != nil && !errors.Is(err, unix.EIO) {
		t.Fatal(err)
	}
	got.Write(rest)
	exit := new(exec.ExitError)
	if err := cmd.Wait(); !errors.As(err, &exit) || !exit.Sys().(interface{ Signaled() bool }).Signaled() {
		t.Errorf("it ended with %v", err)
	}
	lines := strings.Split(strings.TrimSuffix(got.String(), "\r"), "\r")
	if last := lines[len(lines)-1]; !strings.HasPrefix(lines[1], "replayed 16384 of ") || strings.TrimSpace(last) != "" || len(last) < len(lines[1]) {
		t.Errorf("%q", lines)
	}
	if stdout.Len() > 0 {
		t.Errorf("%q", stdout.String())
	}
}

// TestSlowReadersDontHold: a signal ends a replay whose report nobody reads.
func TestSlowReadersDontHold(t *testing.T) {
	const blocks = 20_000 // whose placements no pipe holds
	ops := strings.TrimSuffix(strings.Repeat("+1,", blocks), ",")
	file := filepath.Join(t.TempDir(), "plot")
	if err := unix.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"stdout":   {"replay", "--ops", ops, "--placements"},
		"--plot":   {"replay", "--ops", "+1", "--plot", file},
		"--output": {"replay", "--ops", "+1", "--output", file},
	} {
		t.Run(name, func(t *testing.T) {
			reader, writer, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			cmd := exec.Command("memprobe", args...)
			cmd.Stdout = writer
			err = cmd.Start()
			writer.Close()
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			time.Sleep(500 * time.Millisecond) // it is writing by then, or else ends by the signal all the same
			if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-ended:
				if exit := new(exec.ExitError); !errors.As(err, &exit) || !exit.Sys().(interface{ Signaled() bool }).Signaled() {
					t.Errorf("it ended with %v", err)
				}
			case <-time.After(time.Minute):
				_ = cmd.Process.Kill()
				t.Errorf("SIGTERM did not end it: %v", <-ended)
			}
		})
	}
}

// newTerminal is a terminal and the side of it from which a test looks at it.
func newTerminal(t *testing.T) (master, terminal *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err = errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)); err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	return master, terminal
}
