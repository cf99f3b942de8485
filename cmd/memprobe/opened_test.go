package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// goOpens are the files that Go's runtime reads at the start of every program: how
// large huge pages are, and how many processors it may use.
var goOpens = regexp.MustCompile(`^(/sys/kernel/mm/transparent_hugepage/hpage_pmd_size|/proc/self/(cgroup|mountinfo)|/sys/fs/cgroup/.*)$`)

// memprobeOpens are files that memprobe reads beside those of the process: whether
// there is a /proc, and how many bits the processor's addresses have.
var memprobeOpens = regexp.MustCompile(`^(/proc/self|/proc/cpuinfo)$`)

// reads are the system calls about files, named by their path, that change nothing.
var reads = regexp.MustCompile(`^(execve|open|openat|readlink|readlinkat|stat|lstat|newfstatat|statx|statfs|access|faccessat|faccessat2|getcwd)$`)

// toWrite are the flags of an open that could change something.
var toWrite = regexp.MustCompile(`O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND`)

// TestOpensOnlyTheProcess: memprobe, run by a user without any privilege, opens files of
// the process that it was asked about and of no other, all for reading, and stops
// nothing unless it was told to.
func TestOpensOnlyTheProcess(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("there is no strace here")
	}
	folder, user := forAnyone(t)
	pid := strconv.Itoa(asleep(t, user).Pid)
	kernel, err := os.ReadFile("/proc/" + pid + "/maps")
	if err != nil {
		t.Fatal(err)
	}
	start, _, _ := strings.Cut(string(kernel), "-")
	log := filepath.Join(folder, "calls")
	for _, args := range [][]string{
		{"maps", pid}, {"maps", pid, "--resident"}, {"maps", pid, "--format", "maps"}, {"maps", pid, "--pages"}, {"maps", pid, "--freeze"},
		{"where", start, "--pid", pid, "--chain", "--explain"}, {"read", start, "64", "--pid", pid},
	} {
		traced := []string{"-f", "-y", "-qq", "-e", "trace=%file,write,pwrite64,writev,pwritev,process_vm_writev,ptrace,kill,tkill", "-o", log, filepath.Join(folder, "memprobe")}
		cmd := exec.Command(strace, append(traced, args...)...)
		cmd.SysProcAttr, cmd.Dir = user, folder
		if out, err := cmd.CombinedOutput(); err != nil {
			if !strings.Contains(string(out), "memprobe:") { // nothing of memprobe's own
				t.Skipf("strace does not work here: %v: %s", err, out)
			}
			t.Fatalf("memprobe %s: %v: %s", strings.Join(args, " "), err, out)
		}
		calls, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		checkCalls(t, string(calls), args, pid, string(kernel))
	}
}

// forAnyone is a folder with memprobe as it is built for use, and a user without privileges who may
// use both.
func forAnyone(t *testing.T) (folder string, user *syscall.SysProcAttr) {
	t.Helper()
	folder, err := os.MkdirTemp("", "memprobe") // t.TempDir is for its owner alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	build := exec.Command("go", "build", "-o", filepath.Join(folder, "memprobe"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("memprobe can't be built here: %v: %s", err, out)
	}
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		return folder, nil
	}
	const nobody = 65534
	return folder, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}

// checkCalls goes through strace's lines: PID CALL(ARGUMENTS... = RESULT.
func checkCalls(t *testing.T, calls string, args []string, pid, kernel string) {
	t.Helper()
	seen := false
	for line := range strings.Lines(calls) {
		_, call, _ := strings.Cut(line, " ")
		name, rest, ok := strings.Cut(strings.TrimSpace(call), "(")
		if !ok || !regexp.MustCompile(`^\w+$`).MatchString(name) { // a signal, an exit, the end of a call
			continue
		}
		switch {
		case name == "write":
			if !regexp.MustCompile(`^[12]<|^\d+<anon_inode:\[eventfd\]>`).MatchString(rest) { // Go wakes its threads by an eventfd
				t.Errorf("memprobe %q writes: %s", args, line)
			}
			continue
		case name == "ptrace" || name == "kill" || name == "tkill":
			if args[len(args)-1] != "--freeze" {
				t.Errorf("memprobe %q, not told to stop anything: %s", args, line)
			}
			continue
		case !reads.MatchString(name) || toWrite.MatchString(rest):
			t.Errorf("memprobe %q changes something: %s", args, line)
			continue
		}
		path := regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`).FindStringSubmatch(rest)
		if path == nil || name == "execve" {
			continue
		}
		seen = seen || strings.HasPrefix(path[1], "/proc/"+pid+"/")
		mapped := path[1] != "" && strings.Contains(kernel, " "+path[1]+"\n")
		if !strings.HasPrefix(path[1], "/proc/"+pid+"/") && !mapped && !goOpens.MatchString(path[1]) && !memprobeOpens.MatchString(path[1]) {
			t.Errorf("memprobe %q opens what is not of the process: %s", args, line)
		}
	}
	if !seen {
		t.Errorf("memprobe %q opens nothing of the process:\n%s", args, calls)
	}
}
