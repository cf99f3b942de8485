package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFreezeWhatChanges: a process can be stopped whose first thread has ended, one that
// makes threads all the time, and one that runs other programs from another thread than
// its first; and it goes on.
func TestFreezeWhatChanges(t *testing.T) {
	for _, tt := range []struct {
		source string
		times  int
	}{{"../../layout/testdata/leader.c", 1}, {"testdata/threads.c", 50}, {"testdata/execs.c", 50}} {
		t.Run(tt.source, func(t *testing.T) {
			pid, _ := started(t, tt.source)
			for range tt.times {
				if out, err := exec.Command("memprobe", "maps", "--freeze", strconv.Itoa(pid)).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
			}
			until(t, "all threads go on", func() bool { return !strings.ContainsAny(threadStates(pid), "tT") })
		})
	}
}

// TestFreezeRefused: why a process can't be stopped is told rightly.
func TestFreezeRefused(t *testing.T) {
	if ok, err := native(); err != nil || !ok {
		t.Skipf("an emulator has no ptrace (%v)", err)
	}
	for _, tt := range []struct{ what, want string }{
		{"kernel-thread", "a kernel thread: it has no memory of its own"},
		{"zombie", "the process has ended (a zombie)"},
		{"gone", "no such process"},
	} {
		if ok, err := condition("kthreads"); tt.what == "kernel-thread" && (err != nil || !ok) {
			continue
		}
		for _, args := range [][]string{{"maps", "PID"}, {"where", "0x1000", "--pid", "PID"}} {
			out, err := exec.Command("onto", append(append([]string{tt.what}, args...), "--freeze")...).CombinedOutput()
			if err == nil || !strings.Contains(string(out), tt.want) {
				t.Errorf("%s, %s: %v, %s", tt.what, args[0], err, out)
			}
		}
	}
	out, err := exec.Command("sh", "-c", fmt.Sprintf("ulimit -n 3; exec memprobe maps --freeze %d", os.Getpid())).CombinedOutput()
	if strings.Contains(string(out), "shared librar") {
		return // a build with the race detector has some
	}
	if err == nil || !strings.Contains(string(out), "too many open files") {
		t.Errorf("without room for another file: %v, %s", err, out)
	}
}

// TestFrozenIsNotLeft: Ctrl-Z stops memprobe only after the process goes on.
func TestFrozenIsNotLeft(t *testing.T) {
	if ok, err := native(); err != nil || !ok {
		t.Skipf("an emulator has no ptrace (%v)", err)
	}
	pid := asleep(t, nil).Pid
	freezer := exec.Command("freezer", strconv.Itoa(pid))
	freezer.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	input, err := freezer.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := freezer.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "it is frozen", func() bool { return threadStates(pid) == "t" })
	_ = freezer.Process.Signal(unix.SIGTSTP) // what follows says whether it came
	time.Sleep(100 * time.Millisecond)
	if strings.Contains(threadStates(freezer.Process.Pid), "T") {
		t.Error("memprobe is stopped while the process stands still")
	}
	if _, err := fmt.Fprintln(input); err != nil {
		t.Fatal(err)
	}
	until(t, "the process goes on", func() bool { return threadStates(pid) == "S" })
	until(t, "the freezer is stopped", func() bool { return state(freezer.Process.Pid) == "T" })
	_ = freezer.Process.Signal(unix.SIGCONT) // its end says whether it came
	input.Close()
	if err := freezer.Wait(); err != nil {
		t.Error(err)
	}
}
