package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestWatchBlocked: Ctrl-C and SIGTERM end it while nobody reads what it writes.
func TestWatchBlocked(t *testing.T) {
	for sig, code := range map[unix.Signal]int{unix.SIGINT: exitInterrupted, unix.SIGTERM: exitFailed} {
		cmd := exec.Command("memprobe", "maps", strconv.Itoa(unix.Getpid()), "--all", "--watch=10ms")
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		held, was := 0, -1 // bytes in the pipe: nobody reads them, so there are no more once it is full
		until(t, "its pipe is full", func() bool {
			time.Sleep(100 * time.Millisecond)
			was = held
			held, err = unix.IoctlGetInt(int(stdout.(*os.File).Fd()), unix.TIOCINQ)
			return err != nil || held == was && held > 32<<10
		})
		_ = cmd.Process.Signal(sig) // the exit code says whether it came
		until(t, "it ends", func() bool { return state(cmd.Process.Pid) == "Z" })
		_ = cmd.Wait() // the exit code says it
		if got := cmd.ProcessState.ExitCode(); got != code {
			t.Errorf("%v: exit code %d, want %d", sig, got, code)
		}
		stdout.Close()
	}
}

// TestWatchLives: a process that runs other programs has not ended.
func TestWatchLives(t *testing.T) {
	pid, _ := started(t, "testdata/execs.c")
	var out, said lockedBuffer
	cmd := exec.Command("memprobe", "maps", strconv.Itoa(pid), "--watch=10ms", "--format", "json")
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "many looks, or an end", func() bool { return strings.Count(out.String(), "\n") > 50 || state(cmd.Process.Pid) == "Z" })
	_ = cmd.Process.Signal(unix.SIGINT) // the exit code says whether it came
	_ = cmd.Wait()                      // as it says how it ended
	if got := cmd.ProcessState.ExitCode(); got != exitInterrupted {
		t.Errorf("exit code %d: %s", got, said.String())
	}
}
