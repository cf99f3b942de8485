package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// crowded is a program for tests: it maps as many times as its argument says, and
// ends with its input.
func crowded() {
	n, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	page := os.Getpagesize()
	room, err := unix.Mmap(-1, 0, n*page, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	for i := 0; i < n && err == nil; i += 2 { // neighbours that are not alike stay mappings of their own
		err = unix.Mprotect(room[i*page:(i+1)*page], unix.PROT_READ)
	}
	if err != nil {
		panic(err)
	}
	fmt.Println("crowded")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// kills is how often memprobe is killed: MEMPROBE_KILLS, else a few times.
func kills(t *testing.T) int {
	t.Helper()
	text := os.Getenv("MEMPROBE_KILLS")
	if text == "" {
		return 30
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// killSoon starts memprobe and kills it after at most that long, at a moment that
// nobody knows before. It gives what held says of its process right before that.
func killSoon(t *testing.T, longest time.Duration, held func(memprobe int) bool, args ...string) bool {
	t.Helper()
	cmd := exec.Command("memprobe", args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(rand.N(longest))
	was := held(cmd.Process.Pid)
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()
	return was
}

// TestFrozenGoesOnAfterKill: a process that memprobe stopped goes on, at whatever
// moment memprobe is killed.
func TestFrozenGoesOnAfterKill(t *testing.T) {
	if ok, err := native(); err != nil || !ok {
		t.Skipf("an emulator has no ptrace (%v)", err)
	}
	looked := exec.Command("crowded", "3000")
	stdin, err := looked.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := looked.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := looked.Start(); err != nil {
		t.Fatal(err)
	}
	readUntil(t, stdout, "crowded\n")
	pid := looked.Process.Pid
	frozen := func(int) bool { return strings.Contains(threadStates(pid), "t") }
	took := time.Now()
	if out, err := exec.Command("memprobe", "maps", strconv.Itoa(pid), "--freeze", "--output", os.DevNull).CombinedOutput(); err != nil {
		t.Skipf("no process can be stopped here: %v, %s", err, out)
	}
	longest := time.Since(took)
	while, n := 0, kills(t)
	for i := range n {
		args := [][]string{
			{"maps", strconv.Itoa(pid), "--format", "json"}, {"maps", strconv.Itoa(pid), "--format", "maps"}, {"maps", strconv.Itoa(pid), "--pages"},
			{"where", "0x1000", "--pid", strconv.Itoa(pid)},
		}[i%4]
		if killSoon(t, longest, frozen, append(args, "--freeze", "--output", os.DevNull)...) {
			while++
		}
		until(t, fmt.Sprintf("kill %d: all threads go on", i), func() bool { return !strings.ContainsAny(threadStates(pid), "tT") })
	}
	t.Logf("%d of %d kills while it stood still", while, n)
	if while == 0 {
		t.Error("no kill came while it stood still")
	}
	stdin.Close()
	if err := looked.Wait(); err != nil {
		t.Errorf("it did not go on as if nothing had been: %v", err)
	}
}

// processesWith counts the processes that have a word in their command line.
func processesWith(word string) int {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	n := 0
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), word) {
			n++
		}
	}
	return n
}

// TestHeldEndsAtAnyKill: a program that memprobe started is gone, at whatever moment
// memprobe is killed.
func TestHeldEndsAtAnyKill(t *testing.T) {
	if ok, err := native(); err != nil || !ok {
		t.Skipf("an emulator has no ptrace (%v)", err)
	}
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("there is no sleep here")
	}
	word := fmt.Sprintf("1000.%d", os.Getpid()) // sleep takes it for a number of seconds
	started := func(memprobe int) bool { return childOf(t, memprobe) != 0 }
	took := time.Now()
	if out, err := exec.Command("memprobe", "maps", "--output", os.DevNull, "--", sleep, word).CombinedOutput(); err != nil {
		t.Skipf("no program can be held here: %v, %s", err, out)
	}
	longest := time.Since(took)
	while, n := 0, kills(t)
	for i := range n {
		if killSoon(t, longest, started, "maps", "--output", os.DevNull, "--", sleep, word) {
			while++
		}
		until(t, fmt.Sprintf("kill %d: the program is gone", i), func() bool { return processesWith(word) == 0 })
	}
	t.Logf("%d of %d kills while the program was there", while, n)
	if while == 0 {
		t.Error("no kill came while the program was there")
	}
}
