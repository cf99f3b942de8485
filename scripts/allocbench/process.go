package main

import (
	"bufio"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

//go:embed replay.c
var replaySource []byte

// errNoCompiler means that there is no C compiler: the comparison goes on without C.
var errNoCompiler = errors.New("no C compiler (cc, or what CC names)")

// buildReplayer compiles replay.c into dir.
func buildReplayer(ctx context.Context, dir string) (program string, err error) {
	cc, err := exec.LookPath(cmp.Or(os.Getenv("CC"), "cc"))
	if err != nil {
		return "", errNoCompiler
	}
	source, program := filepath.Join(dir, "replay.c"), filepath.Join(dir, "replay")
	if err := os.WriteFile(source, replaySource, 0o600); err != nil {
		return "", err
	}
	// Without -fno-builtin a compiler may leave out a malloc whose block is only freed.
	out, err := exec.CommandContext(ctx, cc, "-O2", "-std=gnu11", "-fno-builtin", "-o", program, source).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", cc, err, out)
	}
	return program, nil
}

// malloc is an allocator of C programs, as a process is started with it.
type malloc struct {
	name    string
	program string // the replayer
	preload string // the library that brings the allocator; none for the C library's own
	raise   bool   // the thresholds of glibc
}

// process is a running replayer.
type process struct {
	malloc malloc
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
}

// errRefused means that the replayer can't do what it was asked for here.
var errRefused = errors.New("not with this C library")

// begin starts a replayer; what it complains of goes to stderr.
func (m malloc) begin(ctx context.Context, stderr io.Writer) (*process, error) {
	cmd := exec.CommandContext(ctx, m.program)
	cmd.Stderr = stderr
	cmd.Env = os.Environ()
	if m.preload != "" {
		cmd.Env = append(cmd.Env, "LD_PRELOAD="+m.preload)
	}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{m, cmd, in, bufio.NewReader(out)}
	if m.raise {
		answer, err := p.ask("raise")
		if err == nil && answer[0] == 0 {
			err = errRefused
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", m.name, err), p.close())
		}
	}
	return p, nil
}

// ask sends a command and reads the numbers that answer it.
func (p *process) ask(format string, args ...any) ([]uint64, error) {
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		return nil, fmt.Errorf("%s: %w", p.malloc.name, err)
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("%s: no answer to %q: %w", p.malloc.name, fmt.Sprintf(format, args...), err)
	}
	var numbers []uint64
	for word := range strings.FieldsSeq(line) {
		n, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s answers %q", p.malloc.name, line)
		}
		numbers = append(numbers, n)
	}
	if len(numbers) == 0 {
		return nil, fmt.Errorf("%s answers %q", p.malloc.name, line)
	}
	return numbers, nil
}

// time asks for something that takes some nanoseconds.
func (p *process) time(format string, args ...any) (time.Duration, error) {
	answer, err := p.ask(format, args...)
	if err != nil {
		return 0, err
	}
	return time.Duration(answer[0]), nil
}

func (p *process) close() error {
	err := p.in.Close()
	return errors.Join(err, p.cmd.Wait())
}

// load begins a process that has the trace.
func (m malloc) load(ctx context.Context, t *trace) (*process, error) {
	p, err := m.begin(ctx, os.Stderr)
	if err != nil {
		return nil, err
	}
	if _, err := p.ask("load %d %d %d %s", t.timed, t.ids, t.peak, t.file); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// cReplay replays in a process.
type cReplay struct {
	*process
	command string // pass or loop
}

func (c cReplay) pass() (time.Duration, tally, error) {
	n, err := c.ask("%s", c.command)
	if err != nil {
		return 0, tally{}, err
	}
	if len(n) != 5 {
		return 0, tally{}, fmt.Errorf("%s answers %d numbers to %s", c.malloc.name, len(n), c.command)
	}
	return time.Duration(n[0]), tally{n[1], n[2], n[3], n[4]}, nil
}
