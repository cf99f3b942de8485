package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// libraries are the allocators that are looked for, and how their files begin.
var libraries = []struct {
	name  string
	files []string
}{
	{"jemalloc", []string{"libjemalloc.so"}},
	{"mimalloc", []string{"libmimalloc.so"}},
	{"tcmalloc", []string{"libtcmalloc_minimal.so", "libtcmalloc.so"}},
}

// libraryDirs is where else than in the linker's cache they may lie.
var libraryDirs = []string{"/usr/lib/*-linux-*", "/usr/lib64", "/usr/lib", "/usr/local/lib", "/usr/local/lib64"}

// findMallocs lists the allocators of C programs that work here, and says what is
// missing. The first is the C library's own.
func findMallocs(ctx context.Context, program string) (found []malloc, notes []string) {
	found = []malloc{{name: "glibc", program: program}}
	raised := malloc{name: "glibc+", program: program, raise: true}
	if err := raised.try(ctx); err != nil {
		found[0].name = "libc"
		notes = append(notes, fmt.Sprintf("glibc+ is left out: %v; libc is this system's malloc", err))
	} else {
		found = append(found, raised)
	}
	known := sharedLibraries(ctx)
search:
	for _, l := range libraries {
		why := "not installed"
		for _, file := range known {
			if !slices.ContainsFunc(l.files, func(begin string) bool { return strings.HasPrefix(filepath.Base(file), begin) }) {
				continue
			}
			m := malloc{name: l.name, program: program, preload: file}
			err := m.try(ctx)
			if err == nil {
				found = append(found, m)
				continue search
			}
			why = err.Error()
		}
		notes = append(notes, fmt.Sprintf("%s is left out: %s", l.name, why))
	}
	return found, notes
}

// sharedLibraries lists the files of shared libraries: those of the linker's cache
// first.
func sharedLibraries(ctx context.Context) []string {
	var files []string
	for _, ldconfig := range []string{"ldconfig", "/sbin/ldconfig"} {
		out, err := exec.CommandContext(ctx, ldconfig, "-p").Output()
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(out)) {
			if _, file, ok := strings.Cut(line, " => "); ok {
				files = append(files, strings.TrimSpace(file))
			}
		}
		break
	}
	for _, dir := range libraryDirs {
		more, _ := filepath.Glob(filepath.Join(dir, "lib*.so*")) // the pattern is well formed
		files = append(files, more...)
	}
	return files
}

// try starts the replayer to see that it runs with this allocator: a library that
// can't be loaded is only warned of by the dynamic linker, which nobody needs to see.
func (m malloc) try(ctx context.Context) error {
	p, err := m.begin(ctx, io.Discard)
	if err != nil {
		return err
	}
	_, err = p.ask("holes 1")
	if err == nil && m.preload != "" {
		err = p.mustMap(m.preload)
	}
	return errors.Join(err, p.close())
}

// mustMap fails where the process has not mapped the file.
func (p *process) mustMap(file string) error {
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		return err
	}
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", p.cmd.Process.Pid))
	if err != nil {
		return err
	}
	if !bytes.Contains(maps, []byte(" "+real+"\n")) {
		return fmt.Errorf("%s can't be preloaded", file)
	}
	return nil
}
