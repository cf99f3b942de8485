package layout

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// What can stand in the way of reading a process, told apart by errors.Is. ErrTorn
// belongs to them: then the mappings are there, but may never have been so at once.
var (
	ErrNoProc     = errors.New("there is no /proc here; mount it")
	ErrNoProcess  = errors.New("no such process")
	ErrPermission = errors.New("the kernel does not let this user look into the process; its owner may be let")
	ErrZombie     = errors.New("the process has ended (a zombie): its memory is gone")
	ErrKernel     = errors.New("a kernel thread: it has no memory of its own")
	ErrNoMappings = errors.New("no mappings: the process has no memory of its own now")
	ErrCutShort   = errors.New("the process ended or ran another program while its mappings were read")
)

// ProcessError is what went wrong with a process.
type ProcessError struct {
	PID int
	Err error
}

func (e *ProcessError) Error() string { return fmt.Sprintf("process %d: %v", e.PID, e.Err) }
func (e *ProcessError) Unwrap() error { return e.Err }

const readAttempts = 5 // how often a list that changed while it was read is read again

// Read gives the mappings of process pid by address; 0 is this process. A list that
// changed while it was read is read again. If that does not help the mappings come
// with ErrTorn, without those that contradict others.
func Read(pid int) ([]Mapping, error) {
	if pid < 0 {
		return nil, &ProcessError{pid, ErrNoProcess}
	}
	p := process{pid}
	maps, err := readAgain(p.readMaps)
	if maps == nil && err == nil {
		err = p.whyEmpty()
	}
	err = reason(err)
	if _, statErr := os.Stat("/proc/self"); err == ErrNoProcess && statErr != nil {
		err = ErrNoProc
	}
	if err == ErrNoProcess { // some kernels say so of a process that has no memory
		if why := p.whyEmpty(); why == ErrZombie || why == ErrKernel {
			err = why
		}
	}
	if err != nil {
		return maps, &ProcessError{p.number(), err}
	}
	return maps, nil
}

// readAgain calls read until its answer is whole and consistent.
func readAgain(read func() ([]Mapping, error)) (maps []Mapping, err error) {
	for range readAttempts {
		maps, err = read()
		if !errors.Is(err, ErrTorn) && !errors.Is(err, ErrCutShort) {
			break
		}
	}
	return maps, err
}

// reason is the error of this package that err comes down to, else err.
func reason(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ESRCH):
		return ErrNoProcess
	case errors.Is(err, fs.ErrPermission):
		return ErrPermission
	}
	return err
}

// process is the folder of a process in /proc.
type process struct{ pid int }

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

// readMaps reads p's mappings once. No mappings and no error is an empty list.
func (p process) readMaps() ([]Mapping, error) {
	f, err := openProc(p.file("maps"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := readWhole(f, p.pid != 0)
	if err != nil || len(text) == 0 {
		return nil, err
	}
	maps, err := ParseMaps(text)
	for i, m := range maps {
		maps[i].Name = p.exactName(m)
	}
	return maps, err
}

// readWhole reads f to its end. Where the process goes away in the middle, the end
// comes early and without an error; the start can't be read again then. That of
// the reader itself does not go away.
func readWhole(f io.ReadSeeker, mayGo bool) ([]byte, error) {
	buf := bytes.NewBuffer(make([]byte, 0, 8<<10)) // the kernel gives a page at most at once
	if _, err := buf.ReadFrom(f); err != nil || buf.Len() == 0 {
		return nil, err
	}
	if !mayGo {
		return buf.Bytes(), nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if _, err := f.Read(make([]byte, 1)); errors.Is(err, io.EOF) || errors.Is(err, syscall.ESRCH) {
		return nil, ErrCutShort
	} else if err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// openProc opens a file of /proc. Go's own os.Open would hand it to the runtime's
// poller first, which can't wait for such files.
func openProc(name string) (*os.File, error) {
	for {
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), name), nil
		case unix.EINTR:
			continue
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
}

// exactName is m's name with its newlines. A maps line has \012 for them, and so for
// a name that really holds these four characters.
func (p process) exactName(m Mapping) string {
	if !m.hasFile() || !strings.Contains(m.Name, `\012`) {
		return m.Name
	}
	name, err := os.Readlink(p.mapFile(m))
	if err != nil || strings.ReplaceAll(name, "\n", `\012`) != m.Name {
		return m.Name
	}
	return name
}

// mapFile is the path that leads to m's file, even if that was deleted or replaced.
func (p process) mapFile(m Mapping) string {
	return p.file(fmt.Sprintf("map_files/%x-%x", uint64(m.Lo), uint64(m.Hi)))
}

const kernelThread = 0x00200000 // PF_KTHREAD among the flags in /proc/PID/stat

// whyEmpty says why p has no mappings.
func (p process) whyEmpty() error {
	stat, err := os.ReadFile(p.file("stat"))
	if err != nil {
		return err
	}
	return emptyReason(string(stat))
}

// emptyReason reads the text of /proc/PID/stat of a process without mappings.
func emptyReason(stat string) error {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:]) // the name before may hold blanks
	if len(fields) < 7 {
		return ErrNoMappings
	}
	state, text := fields[0], fields[6]
	flags, err := strconv.ParseUint(text, 10, 64)
	switch {
	case state == "Z" || state == "X":
		return ErrZombie
	case err == nil && flags&kernelThread != 0:
		return ErrKernel
	}
	return ErrNoMappings
}
