package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// targets make the processes that `onto KIND COMMAND ARG...` runs memprobe's COMMAND
// on. Each gives the number to be put in the place of the argument PID.
var targets = map[string]func() (pid int, err error){
	"kernel-thread": func() (int, error) { return 2, nil },
	"zombie":        zombie,
	"gone": func() (int, error) {
		cmd := exec.Command("true")
		err := cmd.Run()
		return cmd.ProcessState.Pid(), err
	},
	"forbidden": forbidden,
}

// onto is run as a program by the scripts.
func onto() {
	runtime.LockOSThread() // a child dies with the thread that made it
	pid, err := targets[os.Args[1]]()
	if err != nil {
		fmt.Fprintln(os.Stderr, "onto:", err)
		os.Exit(3)
	}
	os.Args = append(os.Args[:1], os.Args[2:]...)
	for i, arg := range os.Args {
		if arg == "PID" {
			os.Args[i] = strconv.Itoa(pid)
		}
	}
	main()
}

// zombie is a process that has ended, and nobody has asked how.
func zombie() (int, error) {
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	for range 60_000 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
		if err != nil {
			return 0, err
		}
		if strings.Contains(string(stat), ") Z ") {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return cmd.Process.Pid, nil
}

// forbidden is a process of another user: this one becomes nobody.
func forbidden() (int, error) {
	cmd := exec.Command("sleep", "100")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	const nobody = 65534
	for _, err := range []error{syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)} {
		if err != nil {
			return 0, err
		}
	}
	return cmd.Process.Pid, nil
}
