package claims

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// patience is how long a program that is asked something may take.
const patience = 5 * time.Second

// shell runs a line of the shell's, which must be short, and returns what it prints.
func (l *Lab) shell(line string) (string, error) {
	child, known := l.children[line]
	if !known {
		l.tell("asking " + line)
		child.found, child.err = ask(l.ctx, l.Shell, line)
		l.children[line] = child
	}
	return child.found, child.err
}

func ask(ctx context.Context, shell, line string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, shell, "-c", line)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) && len(exit.Stderr) > 0 {
		said, _, _ := bytes.Cut(exit.Stderr, []byte("\n"))
		err = fmt.Errorf("%w: %s", err, said)
	}
	if err != nil {
		return "", fmt.Errorf("%s -c %q: %w", shell, line, err)
	}
	return string(out), nil
}

// The other program is one that is not memprobe, a small one written in C.
const (
	otherProgram = "exec cat /proc/self/maps"
	otherFrom    = "/proc/PID/maps of cat"
)

// otherMaps are the mappings of the other program.
func (l *Lab) otherMaps() ([]layout.Mapping, error) {
	text, err := l.shell(otherProgram)
	if err != nil {
		return nil, err
	}
	return layout.ParseMaps([]byte(text))
}

// otherParts are where the other program's stack, heap and code begin, as far as the
// kernel's names tell.
func (l *Lab) otherParts() (stack, heap, code addr.Addr, err error) {
	maps, err := l.otherMaps()
	if err != nil {
		return 0, 0, 0, err
	}
	for _, m := range maps {
		switch {
		case m.Name == "[stack]":
			stack = m.Lo
		case m.Name == "[heap]":
			heap = m.Lo
		case code == 0 && m.Perms&layout.Executable != 0 && m.Inode != 0:
			code = m.Lo // the program lies below its libraries
		}
	}
	if stack == 0 || heap == 0 || code == 0 {
		return 0, 0, 0, errors.New("its maps file names no [stack], no [heap], or no code")
	}
	return stack, heap, code, nil
}

// stackLimits are the limits under which a program is started, and under which it is
// started where the shell has lowered them before.
func (l *Lab) stackLimits() (usual, lowered string, err error) {
	const ask = "exec cat /proc/self/limits"
	if usual, err = l.stackLimit(ask); err == nil {
		lowered, err = l.stackLimit("ulimit -S -s 1024; " + ask)
	}
	return usual, lowered, err
}

func (l *Lab) stackLimit(line string) (string, error) {
	text, err := l.shell(line)
	if err != nil {
		return "", err
	}
	for row := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(row, "Max stack size"); ok && len(strings.Fields(rest)) > 0 {
			return strings.Fields(rest)[0], nil
		}
	}
	return "", errors.New("/proc/self/limits has no line for the stack")
}

// stackRlimit is the limit of the stack that main has in a program that this process
// starts; 0 is none.
func stackRlimit() addr.Bytes {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &limit); err != nil {
		lose("getrlimit(2): %v", err)
	}
	if limit.Cur == unix.RLIM_INFINITY {
		return 0
	}
	return addr.Bytes(limit.Cur)
}

// stackFlags are the kernel's flags of the first thread's stack.
func stackFlags() (string, error) {
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return "", err
	}
	inside := false
	for row := range strings.Lines(string(text)) {
		row = strings.TrimSpace(row)
		if flags, ok := strings.CutPrefix(row, "VmFlags:"); ok && inside {
			return strings.TrimSpace(flags), nil
		}
		if name := strings.Fields(row); len(name) > 0 && strings.Contains(name[0], "-") {
			inside = name[len(name)-1] == "[stack]"
		}
	}
	return "", errors.New("smaps tells no flags of [stack]")
}
