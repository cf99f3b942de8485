package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestHeldConstructors: a signal of a constructor's own is not the entry, another program
// is told, and what a constructor started is gone afterwards.
func TestHeldConstructors(t *testing.T) {
	if ok, err := native(); err != nil || !ok {
		t.Skipf("an emulator has no ptrace (%v)", err)
	}
	library, exe := filepath.Join(t.TempDir(), "constructed.so"), filepath.Join(t.TempDir(), "constructed")
	for _, args := range [][]string{
		{"-shared", "-fPIC", "-DLIBRARY", "-o", library, "testdata/constructed.c"},
		{"-o", exe, "testdata/constructed.c", "-Wl,--no-as-needed", library},
	} {
		if out, err := exec.Command("cc", append(args, "-w")...).CombinedOutput(); err != nil {
			t.Skipf("no C compiler that works: %v: %s", err, out)
		}
	}
	word := fmt.Sprintf("30.%d", os.Getpid()) // sleep takes it for a number of seconds
	for _, tt := range []struct {
		what, want string
		fails      bool
	}{{"trap", "went on", false}, {"exec", "it ran another program before its entry", true}, {"fork", "constructed", false}} {
		cmd := exec.Command("memprobe", "maps", "--format", "maps", "--", exe)
		cmd.Env = append(os.Environ(), "CONSTRUCT="+tt.what, "WORD="+word)
		cmd.WaitDelay = time.Minute
		out, err := cmd.CombinedOutput()
		if tt.fails != (err != nil) || !strings.Contains(string(out), tt.want) {
			t.Errorf("%s: %v: %s", tt.what, err, out)
		}
		if n := processesWith(word); n != 0 {
			t.Errorf("%s: %d processes are left", tt.what, n)
		}
	}
}
