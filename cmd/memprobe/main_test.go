package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"memprobe/probe"
	"memprobe/probe/lesson"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"memprobe": main, "onto": onto,
		"freezer": freezer, "crowded": crowded, "counting": counting, "spawning": spawning, "stuck": stuck, "headless": headless, "touching": touching, "restless": restless,
	})
}

// TestScripts runs what the program promises.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("MEMPROBE_GOLDEN") == "update",
		Condition:           condition,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exitcode": exitCode},
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS"} {
				env.Setenv(name, "")
			}
			return nil
		},
	})
}

// condition knows "root"; "kthreads": process 2 is the one that makes them; "fixed": memory can be reserved at a given address; and
// "native": this program is for the machine that runs it, and no emulator does.
func condition(name string) (bool, error) {
	switch name {
	case "root":
		return os.Geteuid() == 0, nil
	case "kthreads":
		comm, _ := os.ReadFile("/proc/2/comm")
		return string(comm) == "kthreadd\n", nil
	case "native":
		return native()
	case "fixed":
		_, err := probe.Run(lesson.String, probe.Options{Base: 0x10_0000_0000})
		return err == nil, nil
	}
	return false, fmt.Errorf("no condition %q", name)
}

// exitCode is the scripts' command `exitcode N PROGRAM ARG...`.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode N PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if exit := new(exec.ExitError); errors.As(ts.Exec(args[1], args[2:]...), &exit) {
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// native reports whether this program is for the machine that it runs on: else an
// emulator runs it, and lays out its memory.
func native() (bool, error) {
	machine, err := exec.Command("uname", "-m").Output() // a program of the machine's own
	goarch := map[string]string{"x86_64": "amd64", "aarch64": "arm64"}
	return goarch[strings.TrimSpace(string(machine))] == runtime.GOARCH, err
}
