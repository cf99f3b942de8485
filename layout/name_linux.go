package layout

import (
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Process is a process that was found by its name.
type Process struct {
	PID  int
	Comm string // what it calls itself: 15 bytes at most
	Exe  string // the path of its program; empty where the kernel won't say
}

// longestComm is how many bytes of a name the kernel keeps.
const longestComm = 15

// Named gives the processes called name, by number, but not this one: those that call
// themselves so, or whose program's file is called so.
func Named(name string) ([]Process, error) { return namedIn("/proc", name) }

func namedIn(folder, name string) ([]Process, error) {
	entries, err := os.ReadDir(folder) // in the order of the names
	if err != nil {
		return nil, ErrNoProc
	}
	var found []Process
	numbered := false
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		numbered = true
		if pid == os.Getpid() {
			continue
		}
		p := process{pid}
		comm, err := readProc(p.file("comm"))
		if err != nil { // gone
			continue
		}
		q := Process{PID: pid, Comm: strings.TrimSuffix(string(comm), "\n")}
		q.Exe, _ = os.Readlink(p.file("exe"))
		if q.called(name) {
			found = append(found, q)
		}
	}
	if !numbered { // not even this process
		return nil, ErrNoProc
	}
	slices.SortFunc(found, func(a, b Process) int { return a.PID - b.PID })
	return found, nil
}

func (p Process) called(name string) bool {
	if name == "" {
		return false
	}
	if p.Exe == "" && len(name) > longestComm { // all there is to go by
		return p.Comm == name[:longestComm]
	}
	file := path.Base(p.Exe)
	return p.Comm == name || p.Exe != "" && (file == name || strings.TrimSuffix(file, " (deleted)") == name)
}
