package layout

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// process is the folder of a process in /proc, or of one of its threads.
type process struct{ pid int }

// reach is where to read process pid. The folder of a process whose first thread has
// ended shows a zombie, though other threads live; theirs show what they all share.
func reach(pid int) process {
	p := process{pid}
	if pid <= 0 || !p.hasEnded() {
		return p
	}
	entries, _ := os.ReadDir(p.file("task"))
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if t := (process{tid}); err == nil && tid != pid && !t.hasEnded() {
			return t
		}
	}
	return p
}

const (
	lookAttempts = 5         // how often a process is looked at that seems to be gone but lives
	lookPause    = 1_000_000 // nanoseconds between two of them: longer than a process is between two programs
)

// living has look look at process pid, and again where it finds none that lives though
// this one does. While a thread other than the first has the process run a program, it
// takes over the first one's number; there is no memory to look at meanwhile, and then
// not the thread any more that was looked at. That it is gone is never said of one that
// lives. The error is a *ProcessError.
func living[T any](pid int, look func(process) (T, error)) (found T, err error) {
	born := process{pid}.lives()
	for range lookAttempts {
		found, err = look(reach(pid))
		if pid <= 0 || !mayPass(err) {
			return found, failed(pid, err)
		}
		pause := unix.NsecToTimespec(lookPause) // for time.Sleep Go's runtime would open its poller
		_ = unix.Nanosleep(&pause, nil)         // a signal may cut it short
		now := process{pid}.lives()
		if now == 0 || born != 0 && now != born {
			return found, failed(pid, err)
		}
		born = now
	}
	if !errors.Is(err, ErrNoMappings) {
		err = ErrCutShort
	}
	return found, failed(pid, err)
}

// mayPass reports whether err is so only for a moment where the process lives.
func mayPass(err error) bool {
	for _, passing := range []error{ErrNoProcess, ErrZombie, ErrNoMappings, ErrCutShort} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// Lives reports whether process pid, 0 being this one, has a thread that has not ended.
func Lives(pid int) bool { return process{pid}.lives() != 0 }

// lives is when p started, in ticks since the machine did; 0 for one that is gone, or
// whose threads have all ended.
func (p process) lives() (started uint64) {
	for range lookAttempts {
		stat, _ := readProc(p.file("stat"))
		fields := statFields(string(stat))
		if len(fields) <= startTime {
			return 0
		}
		ended := fields[0] == "Z" || fields[0] == "X"
		switch threads := fields[threadCount]; {
		case ended && threads == "1":
			return 0
		case ended && threads == "0": // of a first thread that is gone just now, perhaps for another to take its number
			continue
		}
		started, _ = strconv.ParseUint(fields[startTime], 10, 64)
		return started
	}
	return 0
}

// hasEnded reports whether p is a zombie, or on its way to be one.
func (p process) hasEnded() bool { return p.whyEmpty() == ErrZombie }

// number is the process's number; 0 stands for this process.
func (p process) number() int {
	if p.pid == 0 {
		return os.Getpid()
	}
	return p.pid
}

// file is the path of one of p's files in /proc.
func (p process) file(name string) string {
	if p.pid == 0 {
		return path.Join("/proc/self", name)
	}
	return path.Join("/proc", strconv.Itoa(p.pid), name)
}

// identity tells one process from the next of the same number, and from itself after
// it ran another program, or the same again.
type identity struct {
	started uint64 // ticks since the machine started
	exe     fileID // the program
	stack   string // where its first stack began: elsewhere each time, unless the kernel was told not to choose addresses at random
}

// Where they stand among the fields behind the name in /proc/PID/stat, the first of
// which is number 3.
const (
	threadCount = 20 - 3
	startTime   = 22 - 3
	startStack  = 28 - 3
)

// identity is empty where the kernel tells nothing. This process does not change.
func (p process) identity() (who identity) {
	if p.number() == os.Getpid() {
		return identity{}
	}
	stat, _ := readProc(p.file("stat"))
	if fields := statFields(string(stat)); len(fields) > startStack {
		who.started, _ = strconv.ParseUint(fields[startTime], 10, 64)
		who.stack = fields[startStack]
	}
	var st unix.Stat_t
	if unix.Stat(p.file("exe"), &st) == nil {
		who.exe = fileID{Dev{unix.Major(st.Dev), unix.Minor(st.Dev)}, st.Ino, ""}
	}
	return who
}

// openProc opens a file of /proc. Go's own os.Open would hand it to the runtime's
// poller first, which can't wait for such files, and ends the program where it gets no
// descriptor of its own.
func openProc(name string) (*os.File, error) { return openPlainly(name, 0) }

// openPlainly opens a file to read it, with these flags more.
func openPlainly(name string, flags int) (*os.File, error) {
	for {
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC|flags, 0)
		if err == nil && flags&unix.O_NONBLOCK != 0 {
			err = unix.SetNonblock(fd, false) // else os.NewFile has the poller wait
			if err != nil {
				unix.Close(fd)
			}
		}
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), name), nil
		case unix.EINTR:
			continue
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
}

// readProc reads a whole file of /proc.
func readProc(name string) ([]byte, error) {
	f, err := openProc(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f)
}

// mapFile is the path that leads to m's file, even if that was deleted or replaced.
func (p process) mapFile(m Mapping) string {
	return p.file(fmt.Sprintf("map_files/%x-%x", uint64(m.Lo), uint64(m.Hi)))
}

// Among the flags in /proc/PID/stat.
const (
	exiting      = 0x00000004 // PF_EXITING: its memory goes before it counts as a zombie
	kernelThread = 0x00200000 // PF_KTHREAD
)

// whyEmpty says why p has no mappings.
func (p process) whyEmpty() error {
	stat, err := readProc(p.file("stat"))
	if err != nil {
		return err
	}
	return emptyReason(string(stat))
}

// emptyReason reads the text of /proc/PID/stat of a process without mappings.
func emptyReason(stat string) error {
	fields := statFields(stat)
	if len(fields) < 7 {
		return ErrNoMappings
	}
	state, text := fields[0], fields[6]
	flags, err := strconv.ParseUint(text, 10, 64)
	switch {
	case state == "Z" || state == "X", err == nil && flags&exiting != 0:
		return ErrZombie
	case err == nil && flags&kernelThread != 0:
		return ErrKernel
	}
	return ErrNoMappings
}

// statFields are the fields of /proc/PID/stat behind the name, which may hold blanks.
func statFields(stat string) []string {
	return strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
}
