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

// area is memory to read.
type area struct {
	addr address
	size uint64
}

// gdb attaches to the process, gives the commands and lets it go again.
func (c *checker) gdb(pid int, commands ...string) (string, error) {
	file := filepath.Join(c.temp, "commands.gdb")
	script := "set language c\n" + strings.Join(commands, "\n") + "\n"
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "gdb", "-nx", "--batch", "-iex", "set auto-load no", "-p", strconv.Itoa(pid), "-x", file)
	cmd.Env = append(os.Environ(), "DEBUGINFOD_URLS=", "LC_ALL=C")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if strings.Contains(stderr.String(), "ptrace:") {
		return "", fmt.Errorf("gdb may not attach to process %d: be root, or have 0 in /proc/sys/kernel/yama/ptrace_scope\n%s", pid, stderr.String())
	}
	if err != nil {
		return "", fmt.Errorf("%v: %w\n%s", cmd.Args, err, stderr.String())
	}
	return string(out), nil
}

// gdbRead reads all areas in one run of gdb.
func (c *checker) gdbRead(pid int, areas []area) ([]hexBytes, error) {
	var commands []string
	for i, a := range areas {
		commands = append(commands, fmt.Sprintf(`echo area %d\n`, i))
		if a.size > 0 {
			commands = append(commands, fmt.Sprintf("x/%dxb %v", a.size, a.addr))
		}
	}
	out, err := c.gdb(pid, commands...)
	if err != nil {
		return nil, err
	}
	return parseDump(out, areas)
}

// parseDump takes the bytes from what gdb printed:
//
//	area 0
//	0x7f6dddf9efe8:	0x05	0x00	0x00	0x00	0x00	0x00	0x00	0x00
func parseDump(out string, areas []area) ([]hexBytes, error) {
	read := make([]hexBytes, len(areas))
	at := -1
	for line := range strings.Lines(out) {
		if _, err := fmt.Sscanf(line, "area %d", &at); err == nil {
			if at < 0 || at >= len(areas) {
				return nil, fmt.Errorf("gdb printed %q", line)
			}
			continue
		}
		start, values, ok := strings.Cut(line, ":\t")
		if at < 0 || !ok {
			continue // what gdb says about itself
		}
		if want := (areas[at].addr + address(len(read[at]))).String(); !strings.HasPrefix(start, want) {
			return nil, fmt.Errorf("gdb printed %q where %s was due", line, want)
		}
		for value := range strings.FieldsSeq(values) {
			b, err := strconv.ParseUint(value, 0, 8)
			if err != nil {
				return nil, fmt.Errorf("gdb printed %q: %w", line, err)
			}
			read[at] = append(read[at], byte(b))
		}
	}
	for i, a := range areas {
		if uint64(len(read[i])) != a.size {
			return nil, fmt.Errorf("gdb gave %d of the %d bytes at %v", len(read[i]), a.size, a.addr)
		}
	}
	return read, nil
}

// gdbPoke writes the bytes at a.
func (c *checker) gdbPoke(pid int, a address, value ...byte) error {
	var commands []string
	for i, b := range value {
		commands = append(commands, fmt.Sprintf("set {unsigned char}%v = %d", a+address(i), b))
	}
	_, err := c.gdb(pid, commands...)
	return err
}
