package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"memprobe/layout/addr"
	"memprobe/probe"
)

// holdAndPoke runs `memprobe scenario NAME --hold STEP --format json`, lets change
// say what to write where once it waits, and gives the trace of the whole run, what
// was said on stderr, and the error of an exit that is not 0.
func holdAndPoke(t *testing.T, name string, step int, change func(*probe.Step) (addr.Addr, []byte)) (trace probe.Trace, stderr string, err error) {
	t.Helper()
	if ok, err := native(); err != nil || !ok {
		t.Skipf("/proc/PID/mem shows the emulator's memory (%v)", err)
	}
	cmd := exec.Command("memprobe", "scenario", name, "--hold", fmt.Sprint(step), "--format", "json")
	var said bytes.Buffer
	cmd.Stderr = &said
	stdin, stdout := piped(t, cmd)
	lines := bufio.NewReader(stdout)
	var held probe.Trace
	readLine(t, lines, &held)
	if held.PID != cmd.Process.Pid || len(held.Steps) != step {
		t.Errorf("at the hold the trace has pid %d and %d steps, want %d and %d", held.PID, len(held.Steps), cmd.Process.Pid, step)
	}
	at, what := change(&held.Steps[step-1])
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", held.PID), os.O_RDWR, 0)
	if err != nil {
		t.Skipf("another process's memory can't be written here: %v", err)
	}
	defer mem.Close()
	if _, err := mem.WriteAt(what, int64(at)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(stdin, "\n"); err != nil {
		t.Fatal(err)
	}
	readLine(t, lines, &trace)
	err = cmd.Wait()
	return trace, said.String(), err
}

func readLine(t *testing.T, r *bufio.Reader, trace *probe.Trace) {
	t.Helper()
	line, err := r.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, trace)
	}
	if err != nil {
		t.Fatalf("%v in %q", err, line)
	}
}

// TestHeldProgramGoesOnWithItsMemory: what another process writes into a held
// program's memory is what it computes with.
func TestHeldProgramGoesOnWithItsMemory(t *testing.T) {
	trace, _, err := holdAndPoke(t, "frames", 1, func(s *probe.Step) (addr.Addr, []byte) { return s.Frames[0].Vars[0].Addr, []byte{7} })
	if err != nil {
		t.Fatal(err)
	}
	if s := trace.Steps[1]; !s.Again || s.N != 1 || s.Frames[0].Vars[0].Value != "7" {
		t.Errorf("the second snapshot is step %d, again %v, x %s", s.N, s.Again, s.Frames[0].Vars[0].Value)
	}
	if sum := trace.Steps[3].Frames[0].Vars[2]; sum.Name != "sum" || sum.Value != "17" {
		t.Errorf("%s is %s, want sum 17", sum.Name, sum.Value)
	}
}

// TestHeldProgramFails: a pointer that was overwritten ends the program at its
// drop; the steps up to there are shown, the reason is told, the exit code is 1.
func TestHeldProgramFails(t *testing.T) {
	trace, stderr, err := holdAndPoke(t, "string", 2, func(s *probe.Step) (addr.Addr, []byte) { return s.Frames[0].Vars[0].Fields[1].Addr, []byte("nonsense") })
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != exitFailed {
		t.Errorf("the run ended with %v", err)
	}
	if len(trace.Steps) != 3 || !trace.Steps[2].Again {
		t.Errorf("%d snapshots are shown", len(trace.Steps))
	}
	if value := trace.Steps[2].Frames[0].Vars[0].Value; !strings.HasPrefix(value, "unreadable") {
		t.Errorf("s is %s", value)
	}
	// The bytes of "nonsense", the lowest first, as an address.
	if want := "memprobe: scenario string, after step 2: drop s: s: block 0x65736e65736e6f6e: outside the heap"; !strings.Contains(stderr, want) {
		t.Errorf("the reason is %s, want %s", stderr, want)
	}
}
