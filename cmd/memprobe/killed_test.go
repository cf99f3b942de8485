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

// generous is how long memprobe is killed again and again, until a kill comes at a
// moment that counts.
const generous = 10 * time.Second

// killSoon starts memprobe and kills it: after at most that long, at a moment that
// nobody knows before; or as soon as held says so of its process. It gives what held
// says right before that.
func killSoon(t *testing.T, longest time.Duration, atOnce bool, held func(memprobe int) bool, args ...string) bool {
	t.Helper()
	cmd := exec.Command("memprobe", args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	for atOnce && !held(pid) && state(pid) != "Z" {
	}
	if !atOnce {
		time.Sleep(rand.N(longest))
	}
	was := held(pid)
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()
	return was
}

// killOften kills memprobe n times, and goes on until a kill comes when held says so, or
// patience is at its end. After each kill, what is to hold then is waited for.
func killOften(t *testing.T, n int, held func(memprobe int) bool, what string, then func() bool, args ...string) {
	t.Helper()
	start := time.Now()
	if out, err := exec.Command("memprobe", args...).CombinedOutput(); err != nil {
		t.Skipf("memprobe %q can't be killed in time: %v, %s", args, err, out)
	}
	longest := time.Since(start)
	while, end := 0, time.Now().Add(generous)
	for i := 0; i < n || while == 0 && time.Now().Before(end); i++ {
		if killSoon(t, longest, i%2 == 1, held, args...) {
			while++
		}
		until(t, fmt.Sprintf("%q, kill %d: %s", args, i, what), then)
	}
	t.Logf("%q: %d kills at a moment that counts", args, while)
}

// frozenKinds are the ways to look at a process that stands still meanwhile; at is an
// address of its own.
func frozenKinds(pid, at string) [][]string {
	return [][]string{
		{"maps", pid, "--freeze", "--format", "json"}, {"maps", pid, "--freeze", "--format", "maps"}, {"maps", pid, "--freeze", "--pages"},
		{"where", at, "--pid", pid, "--freeze"}, {"read", at, "64", "--pid", pid, "--freeze"},
	}
}

// TestFrozenGoesOnAfterKill: a process that memprobe stopped goes on, at whatever
// moment memprobe is killed.
func TestFrozenGoesOnAfterKill(t *testing.T) {
	if ok, err := native(); err != nil || !ok {
		t.Skipf("an emulator has no ptrace (%v)", err)
	}
	looked := exec.Command("crowded", "3000")
	stdin, stdout := piped(t, looked)
	readUntil(t, stdout, "crowded\n")
	pid := looked.Process.Pid
	frozen := func(int) bool { return strings.Contains(threadStates(pid), "t") }
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	lowest, _, _ := strings.Cut(string(list), "-")
	kinds := frozenKinds(strconv.Itoa(pid), lowest)
	for _, args := range kinds {
		killOften(t, kills(t)/len(kinds), frozen, "all threads go on", func() bool { return !strings.ContainsAny(threadStates(pid), "tT") },
			append(args, "--output", os.DevNull)...)
	}
	stdin.Close()
	if err := looked.Wait(); err != nil {
		t.Errorf("it did not go on as if nothing had been: %v", err)
	}
}

// processesWith counts the processes that have a word as an argument.
func processesWith(word string) int {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	n := 0
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), "\x00"+word+"\x00") {
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
	killOften(t, kills(t), started, "the program is gone", func() bool { return processesWith(word) == 0 }, "maps", "--output", os.DevNull, "--", sleep, word)
}
