package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"memprobe/layout"
)

// frozen is a process all of whose threads memprobe has stopped, as a debugger does.
// They go on when it lets them; and when it ends, however, the kernel lets them.
type frozen struct {
	pid     int
	threads map[int]bool        // by number; true: it stands still
	signals map[int]unix.Signal // what a thread was about to be sent when it stopped
}

// patience is how long a thread may take to stop. One that waits for a disk can't.
const patience = 2 * time.Second

// freeze stops a process. The goroutine is tied to its thread until the process goes
// on, for the kernel takes the thread for the tracer.
func freeze(pid int) (*frozen, error) {
	if pid == os.Getpid() {
		return nil, fmt.Errorf("freeze process %d: it is memprobe itself", pid)
	}
	runtime.LockOSThread()
	f := &frozen{pid, map[int]bool{}, map[int]unix.Signal{}}
	for end := time.Now().Add(patience); ; {
		more, err := f.seize()
		for tid, stopped := range f.threads {
			if err == nil && !stopped {
				err = f.await(tid, end)
			}
		}
		if err != nil {
			f.thaw()
			return nil, fmt.Errorf("freeze process %d: %w", pid, err)
		}
		if !more {
			return f, nil
		}
	}
}

// frozenIf does what it is given, where stop says so while the process stands still.
func frozenIf(stop bool, pid int, do func() error) error {
	if !stop {
		return do()
	}
	f, err := freeze(pid)
	if err != nil {
		return err
	}
	defer f.thaw()
	return do()
}

// seize asks threads that are not seized yet to stop; more is true where there were
// any. A thread may start others until it has stopped.
func (f *frozen) seize() (more bool, err error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", f.pid))
	if err != nil {
		return false, err
	}
	if len(tasks) == 0 {
		return false, layout.ErrNoProcess
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(filepath.Base(task))
		if _, seized := f.threads[tid]; seized || err != nil {
			continue
		}
		switch err := unix.PtraceSeize(tid); err {
		case nil:
		case unix.ESRCH: // it has ended since
			if len(f.threads) == 0 && len(tasks) == 1 {
				return false, layout.ErrNoProcess
			}
			continue
		case unix.EPERM:
			if f.ended(tid) {
				continue // it can't be stopped, and does nothing any more
			}
			return false, f.refused(tid)
		default:
			return false, err
		}
		f.threads[tid], more = false, true
		if err := unix.PtraceInterrupt(tid); err != nil && err != unix.ESRCH {
			return false, err
		}
	}
	return more, nil
}

// refused is why the kernel does not let memprobe stop a thread.
func (f *frozen) refused(tid int) error {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/status", f.pid, tid))
	for l := range strings.Lines(string(status)) {
		if tracer, ok := strings.CutPrefix(l, "TracerPid:"); ok && strings.TrimSpace(tracer) != "0" {
			return fmt.Errorf("process %s holds it already, as a debugger does", strings.TrimSpace(tracer))
		}
	}
	// What can't be read either has a reason of its own, such as a kernel thread's.
	_, err := layout.Read(f.pid)
	if unread := new(layout.ProcessError); errors.As(err, &unread) && !errors.Is(err, layout.ErrTorn) {
		return unread.Err
	}
	return errors.New("the kernel lets this user look into it, but not stop it; root may be let")
}

// ended reports whether a thread is no more, or a zombie.
func (f *frozen) ended(tid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/stat", f.pid, tid))
	rest := stat[bytes.LastIndexByte(stat, ')')+1:] // what stands before may be anything
	return err != nil || bytes.HasPrefix(rest, []byte(" Z")) || bytes.HasPrefix(rest, []byte(" X"))
}

// await waits until a thread has stopped or ended.
func (f *frozen) await(tid int, end time.Time) error {
	for {
		var status unix.WaitStatus
		got, err := unix.Wait4(tid, &status, unix.WALL|unix.WNOHANG, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			delete(f.threads, tid) // it has ended
			return nil
		case got == tid && (status.Exited() || status.Signaled()):
			delete(f.threads, tid)
			return nil
		case got == tid:
			f.threads[tid] = true
			if uint32(status)>>16 == 0 { // no event of ptrace's own: a signal came first
				f.signals[tid] = status.StopSignal()
			}
			return nil
		case tid == f.pid && f.ended(tid):
			delete(f.threads, tid) // of the first thread nothing is heard before the others have ended
			return nil
		case time.Now().After(end):
			return fmt.Errorf("thread %d does not stop: it waits in the kernel, for a disk perhaps", tid)
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// thaw lets all threads go on, each as soon as it has stopped: no other can be let go.
// Those that don't stop in time the kernel lets go when memprobe ends.
func (f *frozen) thaw() {
	defer runtime.UnlockOSThread()
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Microsecond) {
		for tid, stopped := range f.threads {
			if stopped || f.await(tid, time.Now()) == nil {
				_ = detach(tid, f.signals[tid]) // a thread that has ended meanwhile needs nothing
				delete(f.threads, tid)
			}
		}
		if len(f.threads) == 0 || time.Now().After(end) {
			return
		}
	}
}

// detach lets a thread go on, with the signal that it was about to be sent.
func detach(tid int, deliver unix.Signal) error {
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_DETACH, uintptr(tid), 0, uintptr(deliver), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
