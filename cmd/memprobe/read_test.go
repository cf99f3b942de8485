package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// TestReadSaysWhy: why bytes of a mapping that may be read are not to be had.
func TestReadSaysWhy(t *testing.T) {
	if ok, err := native(); err != nil || !ok {
		t.Skipf("an emulator runs here (%v): it reads no other process's memory", err)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "short"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	page := os.Getpagesize()
	if err := file.Truncate(10); err != nil {
		t.Fatal(err)
	}
	room, err := unix.Mmap(int(file.Fd()), 0, 2*page, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(room) }()       // the test's own
	if err := os.Remove(file.Name()); err != nil { // whose size no path tells any more
		t.Fatal(err)
	}
	mappings, err := layout.Read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mappings {
		at, want := m.Lo, "the kernel gives these bytes to the process alone"
		switch m.Name {
		case file.Name() + " (deleted)":
			at, want = m.Lo.Offset(addr.Bytes(page)), "its file ends before this page"
		case "[vvar]":
		default:
			continue
		}
		out, err := exec.Command("memprobe", "read", at.String(), "16", "--pid", strconv.Itoa(os.Getpid())).CombinedOutput()
		if err == nil && m.Name == "[vvar]" {
			continue // this kernel gives them
		}
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v, %s", m.Name, err, out)
		}
	}
	out, _ := exec.Command("memprobe", "read", "0xffffffffffffffff", "16").CombinedOutput()
	if !strings.Contains(string(out), "end after 1 byte\n") {
		t.Errorf("the last address: %s", out)
	}
}

// TestReadingChangesNothing: what is read, or followed, is in memory no more than before.
func TestReadingChangesNothing(t *testing.T) {
	if ok, err := native(); err != nil || !ok {
		t.Skipf("an emulator runs here (%v): it reads no other process's memory", err)
	}
	pid := asleep(t, nil).Pid
	mappings, err := layout.Read(pid)
	if err != nil {
		t.Fatal(err)
	}
	pages, err := layout.OpenPagemap(pid)
	if err != nil {
		t.Skip(err)
	}
	defer pages.Close()
	for _, m := range mappings {
		if m.Name == "[vsyscall]" {
			continue
		}
		before, err := pages.Runs(m.Range)
		if err != nil {
			t.Skip(err)
		}
		last := m.Lo // a page that was never used, where there is one
		for _, run := range before {
			if run.State == 0 {
				last = run.Lo
			}
		}
		for _, args := range [][]string{{"read", last.String(), "4096"}, {"where", last.String(), "--chain"}} {
			_ = exec.Command("memprobe", append(args, "--pid", strconv.Itoa(pid))...).Run() // not all can be read
		}
		if after, err := pages.Runs(m.Range); err != nil || !slices.Equal(after, before) {
			t.Errorf("%s: the pages are %v, before %v, %v", m.Name, after, before, err)
		}
	}
}
