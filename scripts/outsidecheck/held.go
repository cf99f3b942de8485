package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// held is a memprobe that holds after a step.
type held struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	stdin  io.WriteCloser
	stderr *bufio.Reader
	stdout string // the file that it writes its report to
	pid    int
	before []byte // the report up to the hold
}

// hold starts `memprobe scenario NAME --hold N` and returns once it holds. The
// caller ends it with resume or stop.
func (c *checker) hold(name string, n int, format string) (*held, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	c.holds++
	h := &held{cancel: cancel, stdout: filepath.Join(c.temp, fmt.Sprint("report-", c.holds))}
	h.cmd = exec.CommandContext(ctx, c.memprobe, "scenario", name, "--hold", fmt.Sprint(n), "--format", format, "--color", "never")
	if err := h.start(n); err != nil {
		h.stop()
		return nil, fmt.Errorf("%v: %w", h.cmd.Args, err)
	}
	return h, nil
}

func (h *held) start(n int) error {
	report, err := os.Create(h.stdout)
	if err != nil {
		return err
	}
	defer report.Close()
	h.cmd.Stdout = report
	if h.stdin, err = h.cmd.StdinPipe(); err != nil {
		return err
	}
	stderr, err := h.cmd.StderrPipe()
	if err != nil {
		return err
	}
	h.stderr = bufio.NewReader(stderr)
	if err := h.cmd.Start(); err != nil {
		return err
	}
	h.pid = h.cmd.Process.Pid
	line, err := h.stderr.ReadString('\n') // ends with the process, at the latest after the limit
	if want := fmt.Sprintf("pid %d holds after step %d; Enter goes on\n", h.pid, n); line != want {
		return fmt.Errorf("stderr says %q, not %q (%v)", line, want, err)
	}
	h.before, err = os.ReadFile(h.stdout)
	return err
}

// resume presses Enter and waits for the end: the rest of the report, what stderr
// said, and the exit status.
func (h *held) resume() (after []byte, message string, status int, err error) {
	defer h.stop()
	if _, err := io.WriteString(h.stdin, "\n"); err != nil {
		return nil, "", 0, err
	}
	said, err := io.ReadAll(h.stderr)
	if err != nil {
		return nil, "", 0, err
	}
	err = h.cmd.Wait()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		return nil, "", 0, err
	}
	report, err := os.ReadFile(h.stdout)
	if err != nil {
		return nil, "", 0, err
	}
	return report[len(h.before):], string(said), h.cmd.ProcessState.ExitCode(), nil
}

// stop ends the process if it still runs.
func (h *held) stop() {
	h.cancel()
	if h.cmd.Process != nil && h.cmd.ProcessState == nil {
		_ = h.cmd.Wait() // it was killed
	}
}

// oneLine decodes a report that must be one line of JSON.
func oneLine(report []byte) (t trace, err error) {
	line, rest, ok := bytes.Cut(report, []byte("\n"))
	if !ok || len(rest) > 0 {
		return t, fmt.Errorf("%d bytes of JSON are not one line", len(report))
	}
	return t, json.Unmarshal(line, &t)
}
