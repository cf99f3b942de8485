package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// visit is what gdb does while a process is attached: it reads areas, then it writes
// bytes.
type visit struct {
	pid    int
	areas  []span
	writes []change

	read []hexBytes // of each area what gdb has found there
}

// change is a byte to write.
type change struct {
	at    address
	value byte
}

// gdb attaches to each process in turn, does what the visit says and lets it go. One gdb
// for several processes: its start takes longer than a visit.
func (c *checker) gdb(visits ...*visit) error {
	file := filepath.Join(c.temp, "commands.gdb")
	if err := os.WriteFile(file, []byte(gdbScript(visits)), 0o600); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	// Without the program's file, whose symbols nobody needs, it attaches in a tenth of the time.
	cmd := exec.CommandContext(ctx, "gdb", "-nx", "--batch", "-iex", "set auto-load no", "-iex", "set sysroot /nonexistent", "-x", file)
	cmd.Env = append(os.Environ(), "DEBUGINFOD_URLS=", "LC_ALL=C")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if strings.Contains(stderr.String(), "ptrace:") {
		return fmt.Errorf("gdb may not attach to a process: be root, or have 0 in /proc/sys/kernel/yama/ptrace_scope\n%s", stderr.String())
	}
	if err == nil {
		err = parseDump(string(out), visits)
	}
	if err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd.Args, err, stderr.String())
	}
	return nil
}

func gdbScript(visits []*visit) string {
	script := "set language c\nset confirm off\n"
	for i, v := range visits {
		script += fmt.Sprintf("attach %d\n", v.pid)
		for j, a := range v.areas {
			script += fmt.Sprintf("echo area %d %d\\n\nx/%dxb %v\n", i, j, a.End-a.Start, a.Start)
		}
		for _, w := range v.writes {
			script += fmt.Sprintf("set {unsigned char}%v = %d\n", w.at, w.value)
		}
		script += fmt.Sprintf("detach\necho done %d\\n\n", i)
	}
	return script
}

// parseDump takes the bytes from what gdb printed:
//
//	area 0 0
//	0x7f6dddf9efe8:	0x05	0x00	0x00	0x00	0x00	0x00	0x00	0x00
//	done 0
func parseDump(out string, visits []*visit) error {
	for _, v := range visits {
		v.read = make([]hexBytes, len(v.areas))
	}
	i, j, done := -1, -1, 0
	for line := range strings.Lines(out) {
		if _, err := fmt.Sscanf(line, "area %d %d", &i, &j); err == nil {
			if i < 0 || i >= len(visits) || j < 0 || j >= len(visits[i].areas) {
				return fmt.Errorf("gdb printed %q", line)
			}
			continue
		}
		if line == fmt.Sprintf("done %d\n", done) {
			done++
			continue
		}
		start, values, ok := strings.Cut(line, ":\t")
		if i < 0 || !ok {
			continue // what gdb says about itself
		}
		read := &visits[i].read[j]
		want := (visits[i].areas[j].Start + address(len(*read))).String()
		if start != want && !strings.HasPrefix(start, want+" ") { // a symbol may follow
			return fmt.Errorf("gdb printed %q where %s was due", line, want)
		}
		for value := range strings.FieldsSeq(values) {
			b, err := strconv.ParseUint(value, 0, 8)
			if err != nil {
				return fmt.Errorf("gdb printed %q: %w", line, err)
			}
			*read = append(*read, byte(b))
		}
	}
	for _, v := range visits {
		for j, a := range v.areas {
			if len(v.read[j]) != int(a.End-a.Start) {
				return fmt.Errorf("gdb gave %d of the bytes in %v", len(v.read[j]), a)
			}
		}
	}
	if done != len(visits) {
		return fmt.Errorf("gdb was done with %d of %d processes", done, len(visits))
	}
	return nil
}
