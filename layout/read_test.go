package layout

import (
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"
)

var errFailing = errors.New("failing on purpose")

// failing is a file that can't be read.
type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, errFailing }

func TestReadErrors(t *testing.T) {
	if comm, _ := os.ReadFile("/proc/2/comm"); string(comm) == "kthreadd\n" { // not so in a container
		if _, err := Read(2); !errors.Is(err, ErrKernel) && !errors.Is(err, ErrPermission) {
			t.Errorf("process 2: got %v", err)
		}
	}
	for _, pid := range []int{-1, math.MinInt, math.MaxInt32, math.MaxInt} {
		maps, err := Read(pid)
		if want := "process " + strconv.Itoa(pid) + ": no such process"; maps != nil || !errors.Is(err, ErrNoProcess) || err.Error() != want {
			t.Errorf("process %d: got %v, %v", pid, maps, err)
		}
		if s, err := Describe(pid, Options{}); s != nil || !errors.Is(err, ErrNoProcess) {
			t.Errorf("process %d: described as %v, %v", pid, s, err)
		}
	}
}

func TestReadZombie(t *testing.T) {
	cmd := exec.Command("/bin/true")
	if err := cmd.Start(); err != nil {
		t.Skipf("can't start a process here: %v", err)
	}
	defer cmd.Wait()
	pid := cmd.Process.Pid
	var err error
	until(t, "it is a zombie", func() bool { _, err = Read(pid); return errors.Is(err, ErrZombie) })
	var p *ProcessError
	if !errors.As(err, &p) || p.PID != pid {
		t.Errorf("got %#v", err)
	}
	cmd.Wait()
	if _, err := Read(pid); !errors.Is(err, ErrNoProcess) {
		t.Errorf("gone: got %v", err)
	}
}

func TestReason(t *testing.T) {
	for want, err := range map[error]error{
		ErrNoProcess:  &os.PathError{Op: "read", Err: syscall.ESRCH},
		ErrPermission: &os.PathError{Op: "open", Err: syscall.EACCES},
		ErrCutShort:   ErrCutShort,
		nil:           nil,
	} {
		if got := reason(err); got != want {
			t.Errorf("reason(%v) = %v, want %v", err, got, want)
		}
	}
	if got := reason(&os.PathError{Op: "open", Err: syscall.ENOENT}); got != ErrNoProcess {
		t.Errorf("got %v", got)
	}
	if got := reason(&os.PathError{Op: "open", Err: syscall.EPERM}); got != ErrPermission {
		t.Errorf("got %v", got)
	}
}

func TestEmptyReason(t *testing.T) {
	for stat, want := range map[string]error{
		"7 (a) b) Z) Z 1 7 7 0 -1 4194560 0":  ErrZombie,
		"7 (x) X 1 7 7 0 -1 4194560 0":        ErrZombie,
		"2 (kthreadd) S 0 0 0 0 -1 2129984 0": ErrKernel,
		"7 (cat) R 1 7 7 0 -1 4194560 0":      ErrNoMappings,
		"7 (cat) R 1 7 7 0 -1 4194564 0":      ErrZombie, // on its way
		"7 (cat) R 1 7 7 0 -1 x 0":            ErrNoMappings,
		"7 (cat) R":                           ErrNoMappings,
		"":                                    ErrNoMappings,
	} {
		if got := emptyReason(stat); got != want {
			t.Errorf("%q: got %v, want %v", stat, got, want)
		}
	}
}

// procFile is a file of /proc: after the first pass it reads again or not.
type procFile struct {
	io.Reader
	seek   error
	again  string
	reason error // why it does not read again
}

func (f *procFile) Seek(int64, int) (int64, error) {
	f.Reader = io.MultiReader(strings.NewReader(f.again), &errorReader{f.reason})
	return 0, f.seek
}

type errorReader struct{ err error }

func (r *errorReader) Read([]byte) (int, error) {
	if r.err == nil {
		return 0, io.EOF
	}
	return 0, r.err
}

func TestReadWhole(t *testing.T) {
	text := func() io.Reader { return strings.NewReader("text") }
	for name, tt := range map[string]struct {
		file procFile
		want string
		err  error
	}{
		"whole":                {procFile{Reader: text(), again: "text"}, "text", nil},
		"empty":                {procFile{Reader: strings.NewReader("")}, "", nil},
		"another program runs": {procFile{Reader: text()}, "", ErrCutShort},
		"the process is gone":  {procFile{Reader: text(), reason: syscall.ESRCH}, "", ErrCutShort},
		"can't read":           {procFile{Reader: &errorReader{errFailing}}, "", errFailing},
		"can't seek":           {procFile{Reader: text(), seek: errFailing}, "", errFailing},
		"can't read again":     {procFile{Reader: text(), reason: errFailing}, "", errFailing},
	} {
		got, err := readWhole(&tt.file, true)
		if string(got) != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: got %q, %v, want %q, %v", name, got, err, tt.want, tt.err)
		}
	}
}

func TestReadAll(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 1<<16+100)
	for _, n := range []int{0, 1, 8<<10 - 1, 8 << 10, 8<<10 + 1, 100_000, 1<<20 - 1, 1 << 20, 1<<20 + 1, len(long)} {
		got, err := readAll(iotest.HalfReader(strings.NewReader(long[:n])))
		if err != nil || string(got) != long[:n] || cap(got) != n {
			t.Errorf("%d bytes: got %d with room for %d, %v", n, len(got), cap(got), err)
		}
	}
	if _, err := readAll(io.MultiReader(strings.NewReader(long), &errorReader{errFailing})); !errors.Is(err, errFailing) {
		t.Errorf("got %v", err)
	}
}

func TestReadAgain(t *testing.T) {
	some := []Mapping{{Range: pages(1, 2)}}
	for _, tt := range []struct {
		name  string
		errs  []error // of each reading
		want  error
		reads int
	}{
		{"whole at once", []error{nil}, nil, 1},
		{"torn twice", []error{&ParseError{Err: ErrTorn}, ErrCutShort, nil}, nil, 3},
		{"torn each time", []error{ErrTorn, ErrTorn, ErrTorn, ErrTorn, ErrTorn, nil}, ErrTorn, readAttempts},
		{"an error", []error{errFailing, nil}, errFailing, 1},
	} {
		reads := 0
		l, err := process{}.readAgain(func(process) (list, error) { reads++; return list{maps: some}, tt.errs[reads-1] })
		if !errors.Is(err, tt.want) || reads != tt.reads || len(l.maps) != 1 {
			t.Errorf("%s: got %v, %v after %d readings", tt.name, l.maps, err, reads)
		}
	}
}

// A list counts once a second reading gives the same, unless it is this process's own,
// or long.
func TestConfirm(t *testing.T) {
	cmd, in, out := piped(t, "/bin/cat")
	io.WriteString(in, "x")
	if _, err := out.Read(make([]byte, 1)); err != nil { // it waits for more now, and stands still
		t.Fatal(err)
	}
	p := process{cmd.Process.Pid}
	read, err := p.readMaps()
	if err != nil {
		t.Fatal(err)
	}
	other := list{text: append([]byte("0"), read.text...), maps: read.maps}
	fewer := list{maps: read.maps[1:], figures: make([]Figures, len(read.maps)-1)}
	for _, tt := range []struct {
		name string
		p    process
		list list
		want error
	}{
		{"the same", p, read, nil},
		{"another text", p, other, ErrTorn},
		{"the same, with figures", p, list{maps: read.maps, figures: make([]Figures, len(read.maps))}, nil},
		{"another list, with figures", p, fewer, ErrTorn},
		{"long", p, list{text: make([]byte, steadyBelow)}, nil},
		{"this process's own", process{0}, other, nil},
		{"gone", process{1 << 30}, read, ErrCutShort},
	} {
		if err := tt.p.confirm(tt.list, 2); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	in.Close()
	cmd.Wait()
	if n := len(textBelow(read.maps, 1<<20)); n != len(read.text) || textBelow(read.maps, n) != nil || textBelow(read.maps, n+1) == nil {
		t.Errorf("a text of %d bytes, made again %d", len(read.text), n)
	}
}

// A process that runs one program after another is read whole or reported, each time.
func TestReadWhileExecuting(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	cmd := exec.Command("/bin/sh", "-c", `exec "$0" -c "$1" "$0" "$1"`, "/bin/sh", `exec "$0" -c "$1" "$0" "$1"`)
	if err := cmd.Start(); err != nil {
		t.Skipf("can't start a process here: %v", err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	whole := 0
	start := time.Now()
	for time.Since(start) < time.Second/2 || whole == 0 && time.Since(start) < time.Minute {
		maps, err := Read(cmd.Process.Pid)
		switch {
		case errors.Is(err, ErrCutShort), errors.Is(err, ErrTorn), errors.Is(err, ErrNoMappings):
		case err != nil:
			t.Fatal(err)
		default:
			whole++
			for i := 1; i < len(maps); i++ {
				if maps[i].Lo < maps[i-1].Hi {
					t.Fatalf("%v follows %v", maps[i], maps[i-1])
				}
			}
		}
	}
	if whole == 0 {
		t.Error("never read whole")
	}
}

func TestReadNewlines(t *testing.T) {
	dir := t.TempDir()
	names := []string{dir + "/a\nb", dir + `/a\012b`, dir + `/c\012d` + "\n"}
	found := map[string]bool{}
	for _, name := range names {
		mapFile(t, name, make([]byte, os.Getpagesize()))
	}
	maps, err := Read(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range maps {
		found[m.Name] = true
	}
	for _, name := range names {
		if !found[name] {
			if _, err := os.ReadDir("/proc/self/map_files"); err != nil || qemu() {
				t.Skipf("no /proc/self/map_files here, which tells newlines from \\012: %v", err)
			}
			t.Errorf("%q is not among the mappings", name)
		}
	}
}

// qemu reports whether an emulator stands between this process and the kernel: a
// program of the machine's own then tells another machine.
func qemu() bool {
	machine, err := exec.Command("uname", "-m").Output()
	goarch := map[string]string{"x86_64": "amd64", "aarch64": "arm64"}
	return err == nil && goarch[strings.TrimSpace(string(machine))] != runtime.GOARCH
}
