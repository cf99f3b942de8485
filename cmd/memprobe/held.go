package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// held is a program that was started and stands still before its own first
// instruction: the kernel and the loader have mapped what it needs, constructors of
// its libraries have run, its own code has not. It ends with memprobe, however that ends: the
// kernel kills it when its tracer goes away.
type held struct{ pid int }

// hold starts a program and lets it run as far as its entry. The goroutine is tied
// to its thread until the program is ended, for the kernel takes the thread for the
// tracer.
func hold(argv []string) (*held, error) {
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", oneLine(argv[0]), lookReason(err))
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	runtime.LockOSThread()
	p, err := os.StartProcess(program, argv, &os.ProcAttr{
		Files: []*os.File{null, null, os.Stderr},
		Sys:   &unix.SysProcAttr{Ptrace: true, Pdeathsig: unix.SIGKILL},
	})
	if err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("start %s: %w", oneLine(argv[0]), reason(err))
	}
	h := &held{p.Pid}
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

// end kills the program and waits until it is gone.
func (h *held) end() {
	defer runtime.UnlockOSThread()
	_ = unix.Kill(h.pid, unix.SIGKILL) // it is memprobe's own child, and not waited for yet
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(h.pid, &status, unix.WALL, nil)
		if err != nil && err != unix.EINTR || err == nil && (status.Exited() || status.Signaled()) {
			return
		}
	}
}

// stopped waits until the program stops, and says by which signal.
func (h *held) stopped() (unix.Signal, error) {
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(h.pid, &status, unix.WALL, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case status.Exited():
			return 0, fmt.Errorf("it ended before, with exit code %d", status.ExitStatus())
		case status.Signaled():
			return 0, fmt.Errorf("it ended before, by signal %d (%v)", status.Signal(), status.Signal())
		case status.Stopped():
			return status.StopSignal(), nil
		}
	}
}

// breakpoints are the instructions that stop a program, by what Go calls a machine.
var breakpoints = map[string][]byte{"amd64": {0xcc}, "arm64": {0x00, 0x00, 0x20, 0xd4}}

// toEntry goes from the first stop, which exec makes, through the loader to the
// program's entry. A program without a loader is there already.
func (h *held) toEntry() error {
	if _, err := h.stopped(); err != nil {
		return err
	}
	if err := unix.PtraceSetOptions(h.pid, unix.PTRACE_O_EXITKILL); err != nil {
		return err
	}
	entry, hasLoader, err := h.entry()
	stop, known := breakpoints[runtime.GOARCH]
	if err != nil || !hasLoader || !known {
		return err
	}
	code := make([]byte, len(stop))
	if _, err := unix.PtracePeekText(h.pid, entry, code); err != nil {
		return err
	}
	if _, err := unix.PtracePokeText(h.pid, entry, stop); err != nil {
		return err
	}
	deliver := unix.Signal(0)
	for {
		if err := unix.PtraceCont(h.pid, int(deliver)); err != nil {
			return err
		}
		if deliver, err = h.stopped(); err != nil {
			return err
		}
		if deliver == unix.SIGTRAP {
			break
		}
	}
	_, err = unix.PtracePokeText(h.pid, entry, code)
	return err
}

// What the kernel tells a program at its start (getauxval(3)).
const (
	auxBase  = 7 // where the loader is; 0 without one
	auxEntry = 9 // the program's first instruction
)

// entry is where the program's own code begins, and whether a loader runs before.
func (h *held) entry() (at uintptr, hasLoader bool, err error) {
	folder := fmt.Sprintf("/proc/%d/", h.pid)
	text, err := os.ReadFile(folder + "auxv")
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
	f, err := os.Open(exe)
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
