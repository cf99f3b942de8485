package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// hostileNames are names of programs that want to write on the reader's terminal, or
// to be taken for something else. A file system may refuse one.
var hostileNames = []string{
	"esc\x1b[31m\x1b]0;title\x07", "cr\rnewline\n7f00-7f01 rwxp 00000000 00:00 0 [heap]", `literal\012`, "tab\ttwo  blanks", "nbsp\u00a0c1\u0085\u009b31m",
	"rtl\u202egpj.exe", "isolate\u2066x\u2069", "broken\xff\xfe\xc3", "really (deleted)", strings.Repeat("long", 60), "-rf", "zero\u200bwidth\u2060",
}

// hostileProcess runs a copy of sleep that is called name, or skips the test.
func hostileProcess(t *testing.T, name string) (pid int) {
	t.Helper()
	if ok, err := native(); err != nil || !ok {
		t.Skipf("an emulator runs here (%v)", err)
	}
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("there is no sleep here")
	}
	program, err := os.ReadFile(sleep)
	if err != nil {
		t.Skipf("sleep can't be copied: %v", err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Skipf("no such name here: %v", err)
	}
	cmd := exec.Command(path, "1000")
	cmd.Args[0] = "sleep" // busybox goes by it
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	until(t, "the program runs", func() bool { return state(cmd.Process.Pid) == "S" })
	return cmd.Process.Pid
}

var attributes = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// raw is the first of a text that a terminal must not get; empty where there is none.
func raw(text string) string {
	for text = attributes.ReplaceAllString(text, ""); text != ""; {
		r, n := utf8.DecodeRuneInString(text)
		line := r == '\n' || r == '\r' && strings.HasPrefix(text, "\r\n")
		if r == utf8.RuneError && n == 1 || !line && !unicode.IsGraphic(r) || unicode.In(r, unicode.Bidi_Control) {
			return fmt.Sprintf("%q", text[:n])
		}
		text = text[n:]
	}
	return ""
}

// TestNothingRawOnATerminal: whatever a process's files are called, a terminal gets no
// control, bidi or broken byte, in any form of any report; a pipe gets the kernel's
// bytes.
func TestNothingRawOnATerminal(t *testing.T) {
	for _, name := range hostileNames {
		t.Run(strconv.QuoteToASCII(name[:min(len(name), 12)]), func(t *testing.T) {
			pid := strconv.Itoa(hostileProcess(t, name))
			kernel, err := os.ReadFile("/proc/" + pid + "/maps")
			if err != nil {
				t.Fatal(err)
			}
			piped, err := exec.Command("memprobe", "maps", pid, "--format", "maps").Output()
			if err != nil || !bytes.Equal(piped, kernel) {
				t.Errorf("a pipe gets other bytes than the kernel's: %v\n%q\n%q", err, piped, kernel)
			}
			start, _, _ := strings.Cut(string(kernel), "-")
			stack := regexp.MustCompile(`(?m)^.*-([0-9a-f]+) .*\[stack\]$`).FindStringSubmatch(string(kernel))
			if stack == nil {
				t.Fatalf("no stack in %s", kernel)
			}
			for _, args := range [][]string{
				{"maps", pid}, {"maps", pid, "--all", "--width", "160"}, {"maps", pid, "--resident"}, {"maps", pid, "--pages"}, {"maps", pid, "--explain"},
				{"maps", pid, "--sort", "size"}, {"maps", pid, "--format", "maps"}, {"maps", pid, "--format", "csv"}, {"maps", pid, "--format", "json"},
				{"maps", "--name", name}, {"maps", pid, "--file-name", name}, {"maps", "--since", "/proc/" + pid + "/exe"}, {"maps", pid, "--ascii"},
				{"where", start, "--pid", pid, "--explain", "--chain"}, {"where", start, "--pid", pid, "--format", "json"}, {"where", "1", "--pid", pid},
				{"read", start, "128", "--pid", pid}, {"read", lastWords(t, stack[1]), "2048", "--pid", pid},
			} {
				got := onTerminalToo(t, args...)
				if at := raw(got); at != "" {
					t.Errorf("memprobe %q: %s comes through", args, at)
				}
			}
		})
	}
}

// lastWords is 2 KiB below the end of a stack, where the program's path is.
func lastWords(t *testing.T, end string) string {
	t.Helper()
	n, err := strconv.ParseUint(end, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatUint(n-2048, 16)
}

// onTerminalToo is what a terminal gets of both streams, however the run ends.
func onTerminalToo(t *testing.T, args ...string) string {
	t.Helper()
	master, terminal := openTerminal(t, 100)
	cmd := exec.Command("memprobe", args...)
	cmd.Stdout, cmd.Stderr = terminal, terminal
	cmd.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=", "COLUMNS=")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	screen := readAlong(master)
	_ = cmd.Wait() // its exit code is not what this is about
	until(t, "all is read", screen.ended)
	if screen.String() == "" {
		t.Errorf("memprobe %q says nothing", args)
	}
	return screen.String()
}
