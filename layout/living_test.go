package layout

import (
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// executing is the name by which the tests' own program runs itself again and again.
const executing = "executing"

func TestMain(m *testing.M) {
	if os.Args[0] == executing {
		execute()
	}
	os.Exit(m.Run())
}

// execute has a thread other than the first run this program again and again, for a
// minute at most.
func execute() {
	runtime.LockOSThread()
	end := time.Now().Add(time.Minute).Format(time.RFC3339)
	if len(os.Args) > 1 {
		end = os.Args[1]
	}
	if at, err := time.Parse(time.RFC3339, end); err != nil || time.Now().After(at) {
		os.Exit(0) // whoever looked is gone
	}
	first := make(chan bool)
	go func() { // on another thread, for this one is taken
		runtime.LockOSThread()
		if len(os.Args) == 1 {
			os.Stdout.WriteString("end 0\n")
		}
		time.Sleep(rand.N(time.Millisecond))
		if err := syscall.Exec("/proc/self/exe", []string{executing, end}, os.Environ()); err != nil {
			panic(err)
		}
		close(first)
	}()
	<-first
}

// A process that runs a program from another thread than its first lives, and is never
// called gone: it is shown whole, or as one that ran another program.
func TestLivingWhileExecuting(t *testing.T) {
	if qemu() {
		t.Skip("an emulator runs here, in which a thread can't run a program in place of the others")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args = []string{executing}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("can't start a process here: %v", err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		t.Skipf("the tests' program does not run as another: %v", err)
	}
	pid, whole := cmd.Process.Pid, 0
	born := process{pid}.lives()
	if born == 0 {
		t.Fatal("it is not called alive")
	}
	for n := range 200 {
		way := readers[n%len(readers)]
		maps, _, err := way.read(pid)
		switch {
		case err == nil && len(maps) > 0:
			whole++
		case !errors.Is(err, ErrCutShort) && !errors.Is(err, ErrNoMappings):
			t.Errorf("%s, look %d: %d mappings, %v", way.name, n, len(maps), err)
		}
		if now := (process{pid}).lives(); now != born {
			t.Fatalf("look %d: it lives since %d, before since %d", n, now, born)
		}
	}
	t.Logf("%d of 200 whole", whole)
	if whole == 0 {
		t.Error("never whole")
	}
}

// What is so for a moment is looked at again, while the process lives.
func TestLiving(t *testing.T) {
	self := os.Getpid()
	if !Lives(self) || Lives(math.MaxInt32) {
		t.Error("who lives is not told from who is gone")
	}
	for _, tt := range []struct {
		name  string
		pid   int
		errs  []error // of each look; the last of all others
		want  error
		looks int
	}{
		{"at once", self, []error{nil}, nil, 1},
		{"gone for a moment", self, []error{ErrNoProcess, ErrZombie, ErrNoMappings, ErrCutShort, nil}, nil, 5},
		{"gone each time", self, []error{ErrNoProcess}, ErrCutShort, lookAttempts},
		{"without memory", self, []error{ErrNoMappings}, ErrNoMappings, lookAttempts},
		{"another error", self, []error{ErrZombie, ErrPermission}, ErrPermission, 2},
		{"a torn list", self, []error{ErrTorn}, ErrTorn, 1},
		{"gone for good", math.MaxInt32, []error{ErrNoProcess}, ErrNoProcess, 1},
		{"this process", 0, []error{ErrNoMappings}, ErrNoMappings, 1},
	} {
		looks := 0
		got, err := living(tt.pid, func(process) (int, error) {
			looks++
			return looks, tt.errs[min(looks, len(tt.errs))-1]
		})
		if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) || looks != tt.looks || got != looks {
			t.Errorf("%s: %v after %d looks, want %v after %d", tt.name, err, looks, tt.want, tt.looks)
		}
		if told := new(ProcessError); err != nil && !errors.As(err, &told) {
			t.Errorf("%s: %#v", tt.name, err)
		}
	}
}
