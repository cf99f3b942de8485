package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestTogether: flags that don't go together exist, and are refused with the reason.
func TestTogether(t *testing.T) {
	for _, pair := range together {
		maps, _, err := newRoot(&session{}).Find([]string{"maps"})
		if err != nil {
			t.Fatal(err)
		}
		args := []string{"maps"}
		for _, name := range []string{pair.flag, pair.with} {
			flag := maps.Flag(name)
			if flag == nil {
				t.Fatalf("there is no flag %q", name)
			}
			value := "=1s"
			if flag.Value.Type() == "bool" {
				value = ""
			}
			args = append(args, "--"+name+value)
		}
		var out, said bytes.Buffer
		code := run(args, strings.NewReader(""), &out, &said)
		if want := fmt.Sprintf("--%s and --%s don't go together: %s\n", pair.flag, pair.with, pair.why); code != exitUsage || !strings.Contains(said.String(), want) || out.Len() > 0 {
			t.Errorf("memprobe %q: exit code %d, %s%s", args, code, &out, &said)
		}
	}
}

// TestChosenIsNotCopied: what is chosen from the kernel's own text is not the whole
// text.
func TestChosenIsNotCopied(t *testing.T) {
	p := startReady(t, "counting")
	maps := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("memprobe", append([]string{"maps", strconv.Itoa(p.pid), "--format", "maps"}, args...)...).Output()
		if err != nil {
			t.Fatalf("%q: %v", args, err)
		}
		return string(out)
	}
	choices := [][]string{{"--perm", "x"}, {"--file-name", "[stack]"}, {"--min", "1MiB"}, {"--part", "stack"}, {"--sort", "size"}}
	var whole string
	var chosen []string
	until(t, "its mappings stay as they are", func() bool { // Go's runtime may map something at any time
		whole, chosen = maps(), nil
		for _, args := range choices {
			chosen = append(chosen, maps(args...))
		}
		return maps() == whole
	})
	lines := strings.SplitAfter(strings.TrimSuffix(whole, "\n"), "\n")
	for i, args := range choices {
		got := chosen[i]
		if got == whole || got == "" {
			t.Errorf("%q: nothing is chosen:\n%s", args, got)
		}
		for line := range strings.Lines(got) {
			if !slices.Contains(lines, line) && !strings.HasSuffix(whole, line) {
				t.Errorf("%q: a line that is not the kernel's: %s", args, line)
			}
		}
	}
	var out lockedBuffer
	watch := exec.Command("memprobe", "maps", strconv.Itoa(p.pid), "--format", "maps", "--watch=20ms")
	watch.Stdout = &out
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = watch.Process.Kill()
		_ = watch.Wait() // it was killed
	}()
	until(t, "the text comes again", func() bool { return strings.Count(out.String(), "[stack]\n") >= 2 })
}

// touching is a program for tests: it writes to 16 MiB after a line of its input, and
// ends with that.
func touching() {
	room, err := unix.Mmap(-1, 0, 16<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANON) // a mapping of its own
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	_ = waitForLine(os.Stdin)
	for i := 0; i < len(room); i += os.Getpagesize() {
		room[i] = 1
	}
	fmt.Println("touched")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// TestSinceReadsFigures: figures that the snapshot has are compared.
func TestSinceReadsFigures(t *testing.T) {
	p := startReady(t, "touching")
	file := filepath.Join(t.TempDir(), "before.json")
	for _, resident := range []bool{true, false} {
		args := []string{"maps", strconv.Itoa(p.pid), "--format", "json", "--output", file}
		if resident {
			args = append(args, "--resident")
		}
		if out, err := exec.Command("memprobe", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if _, err := fmt.Fprintln(p.in); err != nil { // the first is enough
			t.Fatal(err)
		}
		until(t, "it has written", func() bool { return strings.Contains(p.out.String(), "touched\n") })
		out, err := exec.Command("memprobe", "maps", "--since", file).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if strings.Contains(string(out), "16 MiB became resident") != resident {
			t.Errorf("the snapshot has figures: %v; memprobe tells of them:\n%s", resident, out)
		}
	}
}

// restless is a program for tests: it has many mappings and changes them all the time.
func restless() {
	const n = 3000
	page := os.Getpagesize()
	room, err := unix.Mmap(-1, 0, n*page, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	for i := 0; i < n && err == nil; i += 2 {
		err = unix.Mprotect(room[i*page:(i+1)*page], unix.PROT_READ)
	}
	go func() {
		perms := make([]int, n)
		for i := 0; err == nil; i = (i + 777) % n {
			perms[i] ^= unix.PROT_WRITE
			err = unix.Mprotect(room[i*page:(i+1)*page], unix.PROT_READ|perms[i])
		}
		panic(err)
	}()
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// TestChangedIsTold: a list that may never have been so is called that on stderr, where
// its form has no room for it.
func TestChangedIsTold(t *testing.T) {
	pid := strconv.Itoa(startReady(t, "restless").pid)
	const told = "the mappings changed each time they were read"
	for _, args := range [][]string{
		{"--format", "csv"}, {"--format", "maps"}, {"--format", "maps", "--min", "1"}, {"--format", "csv", "--watch=50ms"}, {"--format", "maps", "--watch=50ms"},
	} {
		args = append([]string{"maps", pid}, args...)
		until(t, fmt.Sprintf("memprobe %q tells that it changed", args), func() bool {
			var said lockedBuffer
			cmd := exec.Command("memprobe", args...)
			cmd.Stderr = &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && !strings.Contains(said.String(), told) && len(ended) == 0; {
				time.Sleep(5 * time.Millisecond)
			}
			_ = cmd.Process.Kill() // it may have ended
			<-ended
			return strings.Contains(said.String(), told)
		})
	}
}
