package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// openTerminal gives both sides of a terminal of that many columns.
func openTerminal(t *testing.T, columns uint16) (master, terminal *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	err = errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0),
		unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}))
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	return master, terminal
}

// onTerminal runs memprobe on a terminal of that many columns and gives what the
// terminal got.
func onTerminal(t *testing.T, columns uint16, env []string, args ...string) string {
	t.Helper()
	master, terminal := openTerminal(t, columns)
	cmd := exec.Command("memprobe", args...)
	cmd.Stdout = terminal
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.Env = append(os.Environ(), append([]string{"TERM=xterm", "NO_COLOR=", "COLUMNS="}, env...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	got, err := io.ReadAll(master) // ends with EIO when nobody has the terminal open any more
	if err != nil && !errors.Is(err, unix.EIO) {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	return string(got)
}

// TestTerminal: on a terminal the report is as wide as that, and coloured, but for
// a dumb one and one that says nothing of its size.
func TestTerminal(t *testing.T) {
	const escape, arrow = "\x1b[", "▶\x1b[0m│ "
	for _, tt := range []struct {
		name        string
		columns     uint16
		env         []string
		color, wide bool
	}{
		{"80 columns", 80, nil, true, false},
		{"132 columns", 132, nil, true, true},
		{"no size", 0, nil, true, false},
		{"no size, COLUMNS", 0, []string{"COLUMNS=132"}, true, true},
		{"dumb", 132, []string{"TERM=dumb"}, false, true},
		{"NO_COLOR", 80, []string{"NO_COLOR=1"}, false, false},
	} {
		got := onTerminal(t, tt.columns, tt.env, "scenario", "string", "--step", "2")
		if strings.Contains(got, escape) != tt.color {
			t.Errorf("%s: colour is %v", tt.name, !tt.color)
		}
		if wide := strings.Contains(got, arrow) || strings.Contains(got, "▶│ "); wide != tt.wide {
			t.Errorf("%s: side by side is %v:\n%s", tt.name, wide, got)
		}
	}
}

// TestTerminalResized: a quiz goes on as wide as its terminal is by then.
func TestTerminalResized(t *testing.T) {
	master, terminal := openTerminal(t, 120)
	cmd := exec.Command("memprobe", "scenario", "string", "--quiz", "--seed", "1", "--color", "never")
	cmd.Stdout = terminal
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	readUntil(t, master, "Your answer, 1 to 3: ")
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(stdin, "1\n"); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(master)
	if err != nil && !errors.Is(err, unix.EIO) {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(rest), "Step 3 of 3") {
		t.Errorf("the quiz did not go on:\n%s", rest)
	}
	for l := range strings.Lines(string(rest)) {
		if n := utf8.RuneCountInString(strings.TrimRight(l, "\r\n")); n > 80 {
			t.Errorf("%d cells after the terminal has 80: %s", n, l)
		}
	}
}
