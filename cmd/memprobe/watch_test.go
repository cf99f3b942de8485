package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWatchOnTerminal: a look takes the place of the one before, marks what has come,
// and leaves the last line free; Ctrl-C ends it, and the terminal is as it was.
func TestWatchOnTerminal(t *testing.T) {
	if ok, err := native(); err != nil || !ok {
		t.Skipf("an emulator runs here (%v)", err)
	}
	master, terminal := openTerminal(t, 100)
	fd := int(terminal.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("memprobe", "maps", strconv.Itoa(os.Getpid()), "--watch=30ms")
	cmd.Stdin, cmd.Stdout = terminal, terminal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // its Ctrl-C comes from there
	cmd.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	screen := readAlong(master)
	until(t, "it was drawn twice", func() bool { return strings.Count(screen.String(), toCorner) >= 2 })
	room, err := unix.Mmap(-1, 0, 123<<20, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(room) }() // the test's own
	shown := regexp.MustCompile(`123 MiB.*appeared`)
	until(t, "the new mapping is told", func() bool { return shown.MatchString(screen.String()) })
	if _, err := io.WriteString(master, "\x03"); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code says it
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("Ctrl-C ends it with exit code %d", code)
	}
	if after, err := unix.IoctlGetTermios(fd, unix.TCGETS); err != nil || *after != *before {
		t.Errorf("the terminal has other settings afterwards: %v, %v", after, err)
	}
	terminal.Close()
	until(t, "all is read", screen.ended)
	checkFrames(t, screen.String())
}

// checkFrames: what a terminal of 24 lines got is redrawings alone, and leaves nothing
// switched on.
func checkFrames(t *testing.T, text string) {
	t.Helper()
	frames := strings.Split(text, toCorner)
	if frames[0] != "" {
		t.Errorf("before the first: %q", frames[0])
	}
	known := regexp.MustCompile(`\x1b\[[0-9;]*m|\x1b\[K|\x1b\[J`)
	for i, frame := range frames[1:] {
		if n := strings.Count(frame, "\n"); n > 24 || n > 23 && i < len(frames)-2 { // the last has the line of Ctrl-C
			t.Errorf("look %d scrolls: %d lines", i, n)
		}
		for line := range strings.Lines(frame) {
			on := false
			for _, code := range regexp.MustCompile(`\x1b\[[0-9;]*m`).FindAllString(line, -1) {
				on = code != "\x1b[0m" && code != "\x1b[m"
			}
			if on {
				t.Errorf("look %d leaves an attribute on: %q", i, line)
			}
			if plain := known.ReplaceAllString(line, ""); strings.ContainsRune(plain, 0x1b) {
				t.Errorf("look %d tells the terminal something else: %q", i, line)
			}
		}
		frame = strings.TrimSuffix(frame, "^C") // the terminal's echo; another look may still follow
		if i < len(frames)-2 && !strings.HasSuffix(frame, clearRest) {
			t.Errorf("look %d leaves what was there below", i)
		}
	}
}

// along is what was read so far.
type along struct {
	lockedBuffer
	mu   sync.Mutex
	done bool
}

// readAlong reads r to its end while others go on.
func readAlong(r io.Reader) *along {
	a := &along{}
	go func() {
		_, err := io.Copy(&a.lockedBuffer, r)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.done = err == nil || errors.Is(err, unix.EIO) // nobody has the terminal open any more
	}()
	return a
}

func (a *along) ended() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.done
}
