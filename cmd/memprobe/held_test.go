package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// childOf is the one child of a process, 0 until it has one.
func childOf(t *testing.T, parent int) int {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range tasks {
		text, _ := os.ReadFile(file)
		if fields := strings.Fields(string(text)); len(fields) > 0 {
			pid, err := strconv.Atoi(fields[0])
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	return 0
}

// until waits for a condition, a minute at most: it is there to end a test that hangs.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after a minute still not so: %s", what)
		}
	}
}

func state(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "gone"
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return rest[:1]
}

// asleep is a process that sleeps until the test has ended, of a user or of this one.
func asleep(t *testing.T, user *unix.SysProcAttr) *os.Process {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = user
	if err := cmd.Start(); err != nil {
		t.Skipf("sleep does not run here: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has done its part
		_ = cmd.Wait()         // it was killed
	})
	until(t, "it sleeps", func() bool { return state(cmd.Process.Pid) == "S" })
	return cmd.Process
}

// TestHeldEndsWithMemprobe: however memprobe ends while it holds a program, that is
// gone afterwards, and has never run. What is written to waits for a reader.
func TestHeldEndsWithMemprobe(t *testing.T) {
	if ok, err := native(); err != nil || !ok {
		t.Skipf("an emulator has no ptrace (%v)", err)
	}
	touch, err := exec.LookPath("touch")
	if err != nil {
		t.Skip("there is no touch here")
	}
	for _, end := range []unix.Signal{unix.SIGKILL, unix.SIGTERM, unix.SIGINT, unix.SIGSEGV} {
		folder := t.TempDir()
		pipe, ran := filepath.Join(folder, "pipe"), filepath.Join(folder, "ran")
		if err := unix.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("memprobe", "maps", "--output", pipe, "--", touch, ran)
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		child := 0
		until(t, "the program is held", func() bool {
			child = childOf(t, cmd.Process.Pid)
			return child != 0 && state(child) == "t"
		})
		time.Sleep(50 * time.Millisecond)
		if err := cmd.Process.Signal(end); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Errorf("%v: memprobe ends with exit code 0", end)
		}
		until(t, fmt.Sprintf("the program is gone after %v", end), func() bool { return state(child) == "gone" || state(child) == "Z" })
		if _, err := os.Stat(ran); err == nil {
			t.Errorf("%v: the program has run", end)
		}
	}
}

// freezer is a program for tests: it stops the process that its argument names and
// lets it go on after a line of its input. Another argument is how patient it is.
func freezer() {
	pid, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	f := newFrozen(pid)
	if len(os.Args) > 2 {
		if f.patient, err = time.ParseDuration(os.Args[2]); err != nil {
			panic(err)
		}
	}
	if err := f.stop(); err != nil {
		fmt.Println(err)
		_ = waitForLine(os.Stdin) // what it let go must not be for its end alone
		os.Exit(1)
	}
	fmt.Println("frozen")
	_ = waitForLine(os.Stdin)
	f.thaw()
	fmt.Println("thawed")
	_ = waitForLine(os.Stdin)
}

// threadStates are the states of all threads of a process.
func threadStates(pid int) string {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	all := ""
	for _, file := range tasks {
		if stat, err := os.ReadFile(file); err == nil {
			_, rest, _ := strings.Cut(string(stat), ") ")
			all += rest[:1]
		}
	}
	return all
}

// TestFreeze: all threads of a process stop, and go on: when they are let, when the
// freezer is killed, and when it stopped a process that was stopped already.
func TestFreeze(t *testing.T) {
	if ok, err := native(); err != nil || !ok {
		t.Skipf("an emulator has no ptrace (%v)", err)
	}
	for _, tt := range []struct {
		name    string
		kill    bool
		stopped bool
	}{{"thawed", false, false}, {"killed", true, false}, {"stopped before", false, true}, {"stopped before, killed", true, true}} {
		held := exec.Command("memprobe", "scenario", "string", "--hold", "1") // a Go program: several threads
		stdin, err := held.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := held.Start(); err != nil {
			t.Fatal(err)
		}
		pid := held.Process.Pid
		until(t, "several threads wait", func() bool { return len(threadStates(pid)) > 2 && strings.Trim(threadStates(pid), "S") == "" })
		if tt.stopped {
			if err := held.Process.Signal(unix.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			until(t, "it is stopped", func() bool { return strings.Trim(threadStates(pid), "T") == "" })
		}
		freezer := exec.Command("freezer", strconv.Itoa(pid))
		toFreezer, err := freezer.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := freezer.Start(); err != nil {
			t.Fatal(err)
		}
		until(t, "all threads are frozen", func() bool { return strings.Trim(threadStates(pid), "t") == "" })
		for _, kind := range frozenKinds(strconv.Itoa(pid), "0x1000") {
			if out, err := exec.Command("memprobe", kind...).CombinedOutput(); err == nil || !strings.Contains(string(out), "holds it already, as a debugger does") {
				t.Errorf("%s: memprobe %q as a second tracer: %v, %s", tt.name, kind, err, out)
			}
		}
		if tt.kill {
			err = freezer.Process.Kill()
		} else {
			_, err = fmt.Fprintln(toFreezer)
		}
		if err != nil {
			t.Fatal(err)
		}
		want := "S"
		if tt.stopped {
			want = "T"
		}
		until(t, tt.name+": all threads are as before", func() bool { return strings.Trim(threadStates(pid), want) == "" })
		if tt.stopped {
			if err := held.Process.Signal(unix.SIGCONT); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := fmt.Fprintln(stdin); err != nil {
			t.Fatal(err)
		}
		if err := held.Wait(); err != nil {
			t.Errorf("%s: the process did not go on as if nothing had been: %v", tt.name, err)
		}
		toFreezer.Close()
		_ = freezer.Wait() // killed, or done
	}
}

// TestWatch: a block each time, what changed is told; Ctrl-C ends it with exit code
// 130, the end of the process with 0.
func TestWatch(t *testing.T) {
	sleeper := asleep(t, nil)
	for _, tt := range []struct {
		code int
		end  func(watch *exec.Cmd) error
	}{
		{exitInterrupted, func(watch *exec.Cmd) error { return watch.Process.Signal(unix.SIGINT) }},
		{exitFailed, func(watch *exec.Cmd) error { return watch.Process.Signal(unix.SIGTERM) }},
		{exitDone, func(*exec.Cmd) error {
			err := sleeper.Kill()
			_, _ = sleeper.Wait() // it was killed
			return err
		}},
	} {
		var out lockedBuffer
		watch := exec.Command("memprobe", "maps", strconv.Itoa(sleeper.Pid), "--watch=20ms")
		watch.Stdout = &out
		if err := watch.Start(); err != nil {
			t.Fatal(err)
		}
		until(t, "three blocks are there", func() bool { return strings.Count(out.String(), "TEXTBOOK") >= 3 })
		if err := tt.end(watch); err != nil {
			t.Fatal(err)
		}
		_ = watch.Wait() // the exit code says it
		if code := watch.ProcessState.ExitCode(); code != tt.code {
			t.Errorf("it ends with exit code %d, want %d", code, tt.code)
		}
		if !strings.Contains(out.String(), "No mapping has changed since") {
			t.Errorf("nothing is told of changes:\n%s", out.String())
		}
	}
}

// lockedBuffer can be read while it is written to.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// TestHeldIsEnded: a program that was shown is gone and has not run; its libraries
// were there.
func TestHeldIsEnded(t *testing.T) {
	if ok, err := native(); err != nil || !ok {
		t.Skipf("an emulator has no ptrace (%v)", err)
	}
	touch, err := exec.LookPath("touch")
	if err != nil {
		t.Skip("there is no touch here")
	}
	ran := filepath.Join(t.TempDir(), "ran")
	out, err := exec.Command("memprobe", "maps", "--format", "maps", "--", touch, ran).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	libraries, _ := exec.Command("ldd", touch).Output()
	if strings.Contains(string(libraries), "libc.so") && !strings.Contains(string(out), "libc.so") {
		t.Errorf("it was held before its libraries were mapped:\n%s", out)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("the program has run")
	}
}
