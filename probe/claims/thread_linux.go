package claims

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// onStack is what was found on the stack of a thread.
type onStack struct {
	sp           addr.Addr
	calls, found int
}

var errNoThread = errors.New("the kernel does not tell where a thread's stack pointer is")

// asleep is what a thread that waits in the kernel tells of itself.
type asleep struct {
	id    int
	calls []uintptr // the addresses that its calls return to
}

// waiting makes some calls, tells what calls are in progress, and waits in the kernel
// until the pipe's other end is closed.
//
//go:noinline
func waiting(deeper int, told chan<- asleep, pipe int) (ready int) {
	if deeper > 0 {
		return 1 + waiting(deeper-1, told, pipe)
	}
	pcs := make([]uintptr, 16)
	n := runtime.Callers(2, pcs) // without Callers, and this call, which goes on
	told <- asleep{unix.Gettid(), pcs[:n]}
	enough := unix.NsecToTimespec(int64(patience))
	ready, _ = unix.Ppoll([]unix.PollFd{{Fd: int32(pipe), Events: unix.POLLIN}}, &enough, nil)
	return ready
}

// returnAddresses has a thread of this process make calls and wait in the kernel, asks
// the kernel for its stack pointer, and looks for its return addresses above that.
func returnAddresses() (onStack, error) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return onStack{}, fmt.Errorf("pipe2(2): %w", err)
	}
	told, ended := make(chan asleep), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		waiting(3, told, pipe[0])
	}()
	thread := <-told
	sp, err := stackPointer(thread.id)
	var found onStack
	if err == nil {
		found, err = search(sp, thread.calls)
	}
	_ = unix.Close(pipe[1]) // which ends the wait
	<-ended
	_ = unix.Close(pipe[0])
	return found, err
}

// stackPointer is that of a thread of this process, as soon as it waits in ppoll(2): in
// other calls, a thread of Go's may stand on a stack of the runtime's.
func stackPointer(id int) (addr.Addr, error) {
	file := fmt.Sprintf("/proc/self/task/%d/syscall", id)
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", errNoThread, err)
		}
		fields := strings.Fields(string(text)) // the call, its arguments, sp, pc; or "running"
		if len(fields) < 3 || fields[0] != strconv.Itoa(unix.SYS_PPOLL) {
			continue
		}
		sp, err := strconv.ParseUint(fields[len(fields)-2], 0, 64)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", errNoThread, err)
		}
		return addr.Addr(sp), nil
	}
	return 0, errNoThread
}

// searched is how far above the stack pointer return addresses are looked for.
const searched = 2048

// search counts how many of the return addresses, the newest call's first, stand in the
// words from sp upward in that order.
func search(sp addr.Addr, calls []uintptr) (onStack, error) {
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		return onStack{}, err
	}
	defer mem.Close()
	b := make([]byte, searched)
	n, err := mem.ReadAt(b, int64(sp))
	if n == 0 {
		return onStack{}, err
	}
	found := onStack{sp: sp, calls: len(calls)}
	for at := 0; at+8 <= n && found.found < len(calls); at += 8 {
		if uintptr(binary.LittleEndian.Uint64(b[at:])) == calls[found.found] {
			found.found++
		}
	}
	return found, nil
}
