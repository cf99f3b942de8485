package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestFewDescriptors: where memprobe may have few files open at once it works, or says
// that these are too few. Go's runtime ends a program that lets it want any.
func TestFewDescriptors(t *testing.T) {
	if ok, err := native(); err != nil || !ok {
		t.Skipf("an emulator runs here (%v): it opens files of its own", err)
	}
	pid := strconv.Itoa(asleep(t, nil).Pid)
	list, err := os.ReadFile("/proc/" + pid + "/maps")
	if err != nil {
		t.Fatal(err)
	}
	lowest, _, _ := strings.Cut(string(list), "-")
	for _, args := range []string{
		"maps " + pid, "where " + lowest + " --chain --pid " + pid, "read " + lowest + " 16 --pid " + pid,
		"maps --freeze " + pid, "maps --resident " + pid, "maps -- true", "scenario string",
	} {
		enough := 0
		for n := 12; n >= 5; n-- {
			said, err := withDescriptors(t, n, args)
			switch {
			case strings.Contains(said, "shared librar"): // of the loader, in a build with the race detector
			case err == nil:
				enough = n
			case err.ExitCode() != exitFailed || !strings.HasPrefix(said, "memprobe: ") || !strings.Contains(said, "too many open files"):
				t.Errorf("memprobe %s with %d descriptors: %v, %s", args, n, err, said)
			}
		}
		if enough == 0 {
			t.Errorf("memprobe %s: even 12 descriptors are too few", args)
		}
		t.Logf("memprobe %s: %d descriptors are enough", args, enough)
	}
}

// withDescriptors runs memprobe with n descriptors at most. What it says on stderr comes
// with the error.
func withDescriptors(t *testing.T, n int, args string) (said string, exit *exec.ExitError) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", fmt.Sprintf("ulimit -n %d; exec memprobe %s", n, args))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	if exit, ended := err.(*exec.ExitError); ended {
		return stderr.String(), exit
	} else if err != nil {
		t.Skipf("there is no sh here: %v", err)
	}
	return stderr.String(), nil
}
