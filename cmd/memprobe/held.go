package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// held is a program that was started and stands still before its own first
// instruction: the kernel and the loader have mapped what it needs, constructors of
// its libraries have run, its own code has not. It ends with memprobe, however that
// ends, and so does what the constructors have started: the kernel kills them all when
// their tracer goes away.
type held struct {
	pid    int
	others map[int]bool // processes and threads that it started; true: the first stop, which the kernel makes, was seen
}

// hold starts a program and lets it run as far as its entry. The goroutine is tied
// to its thread until the program is ended, for the kernel takes the thread for the
// tracer.
func hold(argv []string) (*held, error) {
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", oneLine(argv[0]), lookReason(err))
	}
	null, err := openPlain(os.DevNull, unix.O_RDWR)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	runtime.LockOSThread()
	pid, err := syscall.ForkExec(program, argv, &syscall.ProcAttr{ // os.StartProcess wants a descriptor more, for the process
		Env:   os.Environ(),
		Files: []uintptr{null.Fd(), null.Fd(), os.Stderr.Fd()},
		Sys:   &unix.SysProcAttr{Ptrace: true, Pdeathsig: unix.SIGKILL},
	})
	if err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("start %s: %w", oneLine(argv[0]), reason(err))
	}
	h := &held{pid, map[int]bool{}}
	if err := h.toEntry(); err != nil {
		h.end()
		return nil, fmt.Errorf("hold %s at its entry: %w", oneLine(argv[0]), err)
	}
	return h, nil
}

// lookReason is why a program was not found.
func lookReason(err error) error {
	if lookErr := new(exec.Error); errors.As(err, &lookErr) {
		return reason(lookErr.Err)
	}
	return reason(err)
}

// end kills the program and what it started, and waits until they are gone.
func (h *held) end() {
	defer runtime.UnlockOSThread()
	_ = unix.Kill(h.pid, unix.SIGKILL) // it is memprobe's own child, and not waited for yet
	for tid := range h.others {
		_ = unix.Kill(tid, unix.SIGKILL) // neither are these
	}
	for {
		tid, status, err := h.next()
		switch {
		case err != nil:
			return // nobody is left
		case status.Stopped(): // it was started since
			_ = unix.Kill(tid, unix.SIGKILL)
		}
	}
}

// next waits until the program, or something that it started, stops or ends.
func (h *held) next() (tid int, status unix.WaitStatus, err error) {
	for {
		tid, err = unix.Wait4(-1, &status, unix.WALL, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil || status.Stopped():
		case tid != h.pid:
			delete(h.others, tid)
		case status.Exited():
			err = fmt.Errorf("it ended before, with exit code %d", status.ExitStatus())
		case status.Signaled():
			err = fmt.Errorf("it ended before, by signal %d (%v)", status.Signal(), status.Signal())
		}
		return tid, status, err
	}
}

// breakpoint is the instruction that stops a program, and how far behind its start the
// program counter is then.
type breakpoint struct {
	code  []byte
	after uintptr
}

// breakpoints are by what Go calls a machine.
var breakpoints = map[string]breakpoint{"amd64": {[]byte{0xcc}, 1}, "arm64": {[]byte{0x00, 0x00, 0x20, 0xd4}, 0}}

// toEntry goes from the first stop, which exec makes, through the loader to the
// program's entry. A program without a loader is there already.
func (h *held) toEntry() error {
	if _, _, err := h.next(); err != nil {
		return err
	}
	const withAll = unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE
	if err := unix.PtraceSetOptions(h.pid, unix.PTRACE_O_EXITKILL|unix.PTRACE_O_TRACEEXEC|withAll); err != nil {
		return err
	}
	entry, hasLoader, err := h.entry()
	stop, known := breakpoints[runtime.GOARCH]
	if err != nil || !hasLoader || !known {
		return err
	}
	code := make([]byte, len(stop.code))
	if _, err := unix.PtracePeekText(h.pid, entry, code); err != nil {
		return err
	}
	if _, err := unix.PtracePokeText(h.pid, entry, stop.code); err != nil {
		return err
	}
	if err := h.goOn(entry + stop.after); err != nil {
		return err
	}
	_, err = unix.PtracePokeText(h.pid, entry, code)
	return err
}

// goOn lets the program go on until a breakpoint stops it with its program counter at
// that address. What it started goes on meanwhile, but no further than there.
func (h *held) goOn(until uintptr) error {
	if err := unix.PtraceCont(h.pid, 0); err != nil {
		return err
	}
	for {
		tid, status, err := h.next()
		event := int(uint32(status) >> 16)
		switch {
		case err != nil:
			return err
		case !status.Stopped():
			continue
		case tid == h.pid && event == unix.PTRACE_EVENT_EXEC:
			return errors.New("it ran another program before its entry")
		case event == 0 && status.StopSignal() == unix.SIGTRAP && isAt(tid, until):
			if tid == h.pid {
				return nil
			}
			continue
		}
		if err := unix.PtraceCont(tid, int(h.signal(tid, status, event))); err != nil && err != unix.ESRCH { // it was killed
			return err
		}
	}
}

// signal is what a stopped program or thread is to be sent when it goes on; 0 where it
// stopped for memprobe alone.
func (h *held) signal(tid int, status unix.WaitStatus, event int) unix.Signal {
	switch {
	case event == unix.PTRACE_EVENT_FORK, event == unix.PTRACE_EVENT_VFORK, event == unix.PTRACE_EVENT_CLONE:
		if started, err := unix.PtraceGetEventMsg(tid); err == nil {
			h.others[int(started)] = h.others[int(started)]
		}
		return 0
	case event != 0:
		return 0
	case tid != h.pid && !h.others[tid] && status.StopSignal() == unix.SIGSTOP:
		h.others[tid] = true
		return 0
	}
	return status.StopSignal()
}

// isAt reports whether a stopped thread's program counter is at an address. A kernel
// that does not tell is believed to mean so.
func isAt(tid int, at uintptr) bool {
	text, err := readPlain(fmt.Sprintf("/proc/%d/syscall", tid)) // which ends with it
	if err != nil {
		return true
	}
	fields := strings.Fields(string(text))
	pc, err := strconv.ParseUint(fields[len(fields)-1], 0, 64)
	return err != nil || uintptr(pc) == at
}

// What the kernel tells a program at its start (getauxval(3)).
const (
	auxBase  = 7 // where the loader is; 0 without one
	auxEntry = 9 // the program's first instruction
)

// entry is where the program's own code begins, and whether a loader runs before.
func (h *held) entry() (at uintptr, hasLoader bool, err error) {
	folder := fmt.Sprintf("/proc/%d/", h.pid)
	text, err := readPlain(folder + "auxv")
	if err != nil {
		return 0, false, err
	}
	word, err := h.wordSize(folder + "exe")
	if err != nil {
		return 0, false, err
	}
	number := func(b []byte) uint64 {
		if word == 4 {
			return uint64(binary.NativeEndian.Uint32(b))
		}
		return binary.NativeEndian.Uint64(b)
	}
	for ; len(text) >= 2*word; text = text[2*word:] {
		value := number(text[word:])
		switch number(text) {
		case auxBase:
			hasLoader = value != 0
		case auxEntry:
			at = uintptr(value)
		}
	}
	return at, hasLoader && at != 0, nil
}

// wordSize is 4 for a program of 32 bits, as the fifth byte of its file says, else 8.
func (h *held) wordSize(exe string) (int, error) {
	f, err := openPlain(exe, unix.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var ident [5]byte
	if _, err := f.ReadAt(ident[:], 0); err != nil {
		return 0, err
	}
	if ident[4] == 1 {
		return 4, nil
	}
	return 8, nil
}
