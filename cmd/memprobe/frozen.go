package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
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
	patient time.Duration       // how long a thread may take to stop
	threads map[int]bool        // by number; true: it stands still
	signals map[int]unix.Signal // what a thread was about to be sent when it stopped
	over    map[int]bool        // threads that had ended before they could be stopped
	caught  chan os.Signal      // Ctrl-Z and its like, which wait until the threads go on
}

// patience is how long a thread may take to stop, or all may take to go on. One that
// waits for a disk can't stop.
const patience = 2 * time.Second

// newFrozen is a process none of whose threads is stopped yet.
func newFrozen(pid int) *frozen {
	return &frozen{pid, patience, map[int]bool{}, map[int]unix.Signal{}, map[int]bool{}, make(chan os.Signal, 1)}
}

// freeze stops a process. The goroutine is tied to its thread until the process goes
// on, for the kernel takes the thread for the tracer.
func freeze(pid int) (*frozen, error) {
	f := newFrozen(pid)
	if err := f.stop(); err != nil {
		return nil, fmt.Errorf("freeze process %d: %w", pid, err)
	}
	return f, nil
}

// stop stops all threads, or none.
func (f *frozen) stop() error {
	if f.pid == os.Getpid() {
		return errors.New("it is memprobe itself")
	}
	runtime.LockOSThread()
	signal.Notify(f.caught, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU)
	for end := time.Now().Add(f.patient); ; {
		more, err := f.seize()
		if err == nil && more && time.Now().After(end) {
			err = errors.New("it starts threads faster than they can be stopped")
		}
		for tid, stopped := range f.threads {
			if err == nil && !stopped {
				err = f.await(tid, end)
			}
		}
		if err != nil {
			f.thaw()
			return err
		}
		if !more {
			return nil
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
// any, or one has ended since. A thread may start others until it has stopped or ended.
func (f *frozen) seize() (more bool, err error) {
	tasks, unlisted := os.ReadDir(fmt.Sprintf("/proc/%d/task", f.pid))
	if unlisted != nil && !isGone(unlisted) {
		return false, fmt.Errorf("list its threads: %w", reason(unlisted))
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if stopped, seized := f.threads[tid]; seized && (!stopped || f.stands(tid)) || err != nil {
			continue
		}
		delete(f.signals, tid) // of another that had the number
		for range seizeAttempts {
			if err = unix.PtraceSeize(tid); err != unix.EPERM {
				break
			}
			if err = f.refused(tid); err != errRefused {
				break
			}
		}
		switch {
		case err == unix.ESRCH:
			more = more || !f.over[tid]
			f.over[tid] = true
			continue
		case err == errRefused:
			return false, f.unreadable(err)
		case err != nil:
			return false, err
		}
		f.threads[tid], more = false, true
		if err := unix.PtraceInterrupt(tid); err != nil && err != unix.ESRCH {
			return false, err
		}
	}
	switch {
	case unlisted == nil && len(f.threads) > 0 || more:
		return more, nil
	case !layout.Lives(f.pid):
		return false, f.unreadable(layout.ErrNoProcess)
	}
	clear(f.over) // another program runs under one of the numbers, or is about to
	pause()
	return true, nil
}

// isGone reports whether a file of /proc can't be read since its thread is no more.
func isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) }

// seizeAttempts is how often the kernel has to refuse without a reason. A thread that
// ended may have its number taken, by one that runs another program, before it is asked.
const seizeAttempts = 5

var errRefused = errors.New("the kernel lets this user look into it, but not stop it; root may be let")

// refused is why the kernel does not let memprobe seize a thread: ESRCH for one that has
// ended or does just now, nil for one that it has seized already. A thread that runs
// another program gets the number of the first, and stays seized.
func (f *frozen) refused(tid int) error {
	if ended, err := f.hasEnded(tid); ended {
		return unix.ESRCH
	} else if err != nil {
		return reason(err)
	}
	status, _ := readPlain(fmt.Sprintf("/proc/%d/task/%d/status", f.pid, tid))
	for l := range strings.Lines(string(status)) {
		if tracer, ok := strings.CutPrefix(l, "TracerPid:"); ok && strings.TrimSpace(tracer) != "0" {
			if tracer = strings.TrimSpace(tracer); tracer == strconv.Itoa(unix.Gettid()) {
				return nil
			}
			return fmt.Errorf("process %s holds it already, as a debugger does", tracer)
		}
	}
	return errRefused
}

// stands reports whether a thread that has stopped stands still, or has ended. One that
// runs another program takes the number of the first thread, and goes on where that stood.
func (f *frozen) stands(tid int) bool {
	fields, err := f.stat(tid)
	return err == nil && len(fields) > 0 && strings.Contains("tZX", fields[0]) || isGone(err)
}

// stat are the fields of a thread behind its name, which may hold anything: its state
// first.
func (f *frozen) stat(tid int) ([]string, error) {
	text, err := readPlain(fmt.Sprintf("/proc/%d/task/%d/stat", f.pid, tid))
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])), err
}

// hasEnded reports whether a thread has ended, or is about to.
func (f *frozen) hasEnded(tid int) (bool, error) {
	fields, err := f.stat(tid)
	if err != nil {
		return isGone(err), err
	}
	const exiting = 0x4 // PF_EXITING, among the flags
	if len(fields) < 7 {
		return false, nil
	}
	flags, _ := strconv.ParseUint(fields[6], 10, 64)
	return fields[0] == "Z" || fields[0] == "X" || flags&exiting != 0, nil
}

// unreadable is why the process can't be read, such as a kernel thread's reason, else
// what it is given.
func (f *frozen) unreadable(otherwise error) error {
	_, err := layout.ReadText(f.pid)
	if unread := new(layout.ProcessError); errors.As(err, &unread) && !errors.Is(err, layout.ErrTorn) {
		return reason(unread.Err)
	}
	return otherwise
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
		case time.Now().After(end):
			return fmt.Errorf("thread %d does not stop: it waits in the kernel, for a disk perhaps", tid)
		}
		if ended, _ := f.hasEnded(tid); ended && tid == f.pid {
			delete(f.threads, tid) // of the first thread nothing is heard before the others have ended
			return nil
		}
		pause()
	}
}

// thaw lets all threads go on, each as soon as it has stopped: no other can be let go.
// Those that don't stop in time the kernel lets go when memprobe ends.
func (f *frozen) thaw() {
	defer runtime.UnlockOSThread()
	for end := time.Now().Add(f.patient); ; pause() {
		for tid, stopped := range f.threads {
			if stopped || f.await(tid, time.Now()) == nil {
				_ = detach(tid, f.signals[tid]) // a thread that has ended meanwhile needs nothing
				delete(f.threads, tid)
			}
		}
		if len(f.threads) == 0 || time.Now().After(end) {
			break
		}
	}
	go func() { // from now on: Go's runtime never gives these signals their usual effect back
		for range f.caught {
			_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
		}
	}()
}

// pause waits for a moment. Go's runtime would open its poller for time.Sleep, and end
// the program where there are no descriptors for it: the process must go on first.
func pause() {
	moment := unix.NsecToTimespec(100_000)
	_ = unix.Nanosleep(&moment, nil) // a signal may cut it short
}

// detach lets a thread go on, with the signal that it was about to be sent.
func detach(tid int, deliver unix.Signal) error {
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_DETACH, uintptr(tid), 0, uintptr(deliver), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
