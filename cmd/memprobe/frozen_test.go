package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// counting is a program for tests: it writes a line for each SIGUSR1 and ends with its
// input.
func counting() {
	got := make(chan os.Signal, 1000)
	signal.Notify(got, unix.SIGUSR1)
	go func() {
		for range got {
			fmt.Println("signal")
		}
	}()
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// spawning is a program for tests: threads start and end all the time.
func spawning() {
	for range 4 {
		go func() {
			for {
				done := make(chan bool)
				go func() {
					runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
					time.Sleep(time.Millisecond)
					close(done)
				}()
				time.Sleep(200 * time.Microsecond)
				if runtime.NumGoroutine() > 40 {
					<-done
				}
			}
		}()
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// stuck is a program for tests: one of its threads waits in the kernel, where nobody
// can stop it, for a child that neither ends nor runs a program.
//
//go:norace
func stuck() {
	for range 8 {
		go func() {
			runtime.LockOSThread()
			_ = unix.Pause() // only a signal ends it
		}()
	}
	time.Sleep(100 * time.Millisecond)
	fmt.Println("ready")
	// The child does nothing but system calls, since it has this one thread of Go's alone.
	child, _, _ := syscall.RawSyscall6(unix.SYS_CLONE, unix.CLONE_VFORK|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if child == 0 {
		syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0, 0)
		for {
			syscall.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
		}
	}
}

// headless is a program for tests: after a line of its input its first thread ends, the
// others don't.
func headless() {
	fmt.Println("ready")
	_, _ = os.Stdin.Read(make([]byte, 1)) // and nothing else that could keep the first thread
	for state(os.Getpid()) != "Z" {
		go func() { // a goroutine to each thread, until one gets the first
			runtime.LockOSThread()
			if unix.Gettid() == os.Getpid() {
				_, _, _ = syscall.Syscall(unix.SYS_EXIT, 0, 0, 0)
			}
			time.Sleep(time.Hour)
		}()
		time.Sleep(time.Millisecond)
	}
	time.Sleep(time.Hour)
}

// program is one for tests, that has said it is ready.
type program struct {
	pid int
	in  io.WriteCloser
	out *along
}

// startReady starts a program for tests and waits until it is ready.
func startReady(t *testing.T, args ...string) program {
	t.Helper()
	p := startTalking(t, args...)
	until(t, args[0]+" is ready", func() bool { return strings.HasPrefix(p.out.String(), "ready\n") })
	return p
}

// startTalking starts a program for tests, whose output is read along. It is killed at
// the end.
func startTalking(t *testing.T, args ...string) program {
	t.Helper()
	if ok, err := native(); err != nil || !ok {
		t.Skipf("an emulator runs here (%v)", err)
	}
	cmd := exec.Command(args[0], args[1:]...)
	in, out := piped(t, cmd)
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	return program{cmd.Process.Pid, in, readAlong(out)}
}

// piped starts cmd with its input and its output at hand.
func piped(t *testing.T, cmd *exec.Cmd) (io.WriteCloser, io.Reader) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return in, out
}

// tracers are the tracers of a process's threads, 0 for none.
func tracers(pid int) []string {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	var all []string
	for _, file := range tasks {
		text, _ := os.ReadFile(file) // the thread may have ended
		for line := range strings.Lines(string(text)) {
			if tracer, ok := strings.CutPrefix(line, "TracerPid:"); ok {
				all = append(all, strings.TrimSpace(tracer))
			}
		}
	}
	return all
}

// TestFreezeKeepsSignals: what a thread was sent while it was stopped reaches it.
func TestFreezeKeepsSignals(t *testing.T) {
	p := startReady(t, "counting")
	counted := func(n int) func() bool {
		return func() bool { return strings.Count(p.out.String(), "signal\n") == n }
	}
	// The signal comes when the thread is seized, but before it is told to stop.
	f := newFrozen(p.pid)
	f.threads[p.pid] = false
	runtime.LockOSThread() // thaw unlocks it
	if err := unix.PtraceSeize(p.pid); err != nil {
		runtime.UnlockOSThread()
		t.Skipf("no process can be stopped here: %v", err)
	}
	if err := unix.Tgkill(p.pid, p.pid, unix.SIGUSR1); err != nil {
		t.Error(err)
	}
	until(t, "the thread stops for the signal", func() bool { return state(p.pid) == "t" })
	if err := f.await(p.pid, time.Now().Add(patience)); err != nil {
		t.Error(err)
	}
	f.thaw()
	until(t, "the signal has come", counted(1))
	for i := range 50 { // at any moment
		sent := make(chan error)
		go func() { sent <- unix.Kill(p.pid, unix.SIGUSR1) }()
		f, err := freeze(p.pid)
		if err != nil {
			t.Fatal(err)
		}
		f.thaw()
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		until(t, fmt.Sprintf("signal %d has come", i), counted(i+2))
	}
}

// TestFreezeWhileThreadsStart: no thread is left out that starts or ends while others
// are stopped.
func TestFreezeWhileThreadsStart(t *testing.T) {
	p := startReady(t, "spawning")
	for i := range 30 {
		f, err := freeze(p.pid)
		if err != nil {
			t.Fatalf("the %dth time: %v", i, err)
		}
		states := threadStates(p.pid)
		time.Sleep(2 * time.Millisecond)
		states += threadStates(p.pid)
		f.thaw()
		if strings.Trim(states, "tZX") != "" {
			t.Fatalf("the %dth time threads go on: %s", i, states)
		}
		until(t, "all threads go on", func() bool { return !strings.Contains(threadStates(p.pid), "t") })
	}
}

// TestThawWaits: threads that were told to stop, but have not yet, are let go as well.
func TestThawWaits(t *testing.T) {
	p := startReady(t, "counting")
	for i := range 50 {
		f := newFrozen(p.pid)
		runtime.LockOSThread()
		if _, err := f.seize(); err != nil {
			f.thaw()
			t.Skipf("no process can be stopped here: %v", err)
		}
		seized := maps.Clone(f.threads)
		f.thaw()
		if all := tracers(p.pid); slices.ContainsFunc(all, func(tracer string) bool { return tracer != "0" }) {
			_ = unix.Kill(p.pid, unix.SIGKILL)
			for tid := range seized {
				if tid != p.pid { // its end is waited for as a child's
					_, _ = unix.Wait4(tid, nil, unix.WALL, nil)
				}
			}
			t.Fatalf("the %dth time threads are held still, by %q; this is process %d", i, all, os.Getpid())
		}
	}
}

// TestFreezeLosesPatience: where a thread can't be stopped this is told in time, and
// the others go on.
func TestFreezeLosesPatience(t *testing.T) {
	p := startReady(t, "stuck")
	until(t, "a thread waits in the kernel", func() bool { return strings.Count(threadStates(p.pid), "D") == 1 })
	said := startTalking(t, "freezer", strconv.Itoa(p.pid), "300ms").out
	until(t, "the freezer gives up", func() bool { return strings.HasSuffix(said.String(), "\n") })
	if !strings.Contains(said.String(), "does not stop: it waits in the kernel") {
		t.Errorf("it says %s", said.String())
	}
	held := 0
	for _, tracer := range tracers(p.pid) {
		if tracer != "0" {
			held++
		}
	}
	if states := threadStates(p.pid); held > 1 || strings.Contains(states, "t") {
		t.Errorf("%d threads are held still; their states are %s", held, states)
	}
}

// TestFreezeWithoutFirstThread: a process whose first thread has ended, or ends before
// it has stopped, is stopped as any other.
func TestFreezeWithoutFirstThread(t *testing.T) {
	p := startReady(t, "headless")
	f := newFrozen(p.pid)
	f.threads[p.pid] = false
	runtime.LockOSThread() // thaw unlocks it
	if err := unix.PtraceSeize(p.pid); err != nil {
		runtime.UnlockOSThread()
		t.Skipf("no process can be stopped here: %v", err)
	}
	if _, err := fmt.Fprintln(p.in); err != nil {
		t.Error(err)
	}
	until(t, "the first thread has ended", func() bool {
		var status unix.WaitStatus
		if got, _ := unix.Wait4(p.pid, &status, unix.WALL|unix.WNOHANG, nil); got == p.pid && status.Stopped() {
			_ = unix.PtraceCont(p.pid, int(status.StopSignal())) // Go's runtime sends its threads signals
		}
		return state(p.pid) == "Z"
	})
	if err := f.await(p.pid, time.Now().Add(patience)); err != nil || len(f.threads) > 0 {
		t.Errorf("it is waited for a thread that has ended: %v", err)
	}
	f.thaw()
	f, err := freeze(p.pid)
	if err != nil {
		t.Fatal(err)
	}
	states := threadStates(p.pid)
	f.thaw()
	if strings.Trim(states, "t") != "Z" {
		t.Errorf("the threads' states are %s", states)
	}
	until(t, "all threads go on", func() bool { return !strings.Contains(threadStates(p.pid), "t") })
	if out, err := exec.Command("memprobe", "maps", strconv.Itoa(p.pid), "--freeze").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestFreezeRefusesItself: memprobe would wait for itself.
func TestFreezeRefusesItself(t *testing.T) {
	if _, err := freeze(os.Getpid()); err == nil || !strings.Contains(err.Error(), "it is memprobe itself") {
		t.Errorf("this process: %v", err)
	}
}
