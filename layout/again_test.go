package layout

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// shell runs a script of the shell's until the test ends, and waits for its first line.
func shell(t *testing.T, script string, args ...string) (p process, in io.Writer) {
	t.Helper()
	cmd, w, out := piped(t, "/bin/sh", append([]string{"-c", script, "sh"}, args...)...)
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Skipf("the shell does not run here: %v", err)
	}
	return process{cmd.Process.Pid}, w
}

// steadyList is p's list, which stands still.
func steadyList(t *testing.T, p process) list {
	t.Helper()
	var l list
	until(t, "it stands still", func() bool {
		again, err := p.readMaps()
		if err != nil {
			t.Fatal(err)
		}
		same := len(again.text) > 0 && bytes.Equal(again.text, l.text)
		l = again
		return same
	})
	return l
}

// opens counts how often the file at path is opened from now on.
func opens(t *testing.T, path string) (count func() int) {
	t.Helper()
	held, err := os.Open(path) // that the kernel keeps what is watched
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		held.Close()
		t.Skipf("no inotify here: %v", err)
	}
	t.Cleanup(func() { unix.Close(fd); held.Close() })
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_OPEN|unix.IN_CLOSE); err != nil {
		t.Skipf("can't watch %s: %v", path, err)
	}
	count = func() (n int) {
		events := make([]byte, 64<<10)
		size, _ := unix.Read(fd, events)
		for ; size >= unix.SizeofInotifyEvent; size -= unix.SizeofInotifyEvent {
			if binary.NativeEndian.Uint32(events[4:])&unix.IN_OPEN != 0 {
				n++
			}
			events = events[unix.SizeofInotifyEvent:]
		}
		return n
	}
	if f, err := os.Open(path); err == nil {
		f.Close()
	}
	if n := count(); n != 1 {
		t.Skipf("this kernel does not tell who opens %s: %d of 1 seen", path, n)
	}
	return count
}

// A list is read once more; that of a process that runs, or of one whose list was
// another one before, three times more.
func TestHowOftenConfirmed(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		busy         bool
		errs         []error // of the first readings
		want         int
	}{
		{"waits", "echo; read x", false, nil, 1},
		{"runs", "echo; while :; do :; done", true, nil, restlessAgain},
		{"waits, torn at first", "echo; read x", false, []error{ErrTorn}, restlessAgain},
		{"waits, cut short at first", "echo; read x", false, []error{ErrCutShort, ErrCutShort}, restlessAgain},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := shell(t, tt.script)
			l := steadyList(t, p)
			count := opens(t, p.file("maps"))
			least := 1000 // a loaded machine may show a waiting process as running
			for range 5 {
				until(t, "it comes to "+tt.name, func() bool { return p.busy() == tt.busy })
				count()
				reads := 0
				got, err := p.readAgain(func(process) (list, error) {
					if reads++; reads <= len(tt.errs) {
						return l, tt.errs[reads-1]
					}
					return l, nil
				})
				if err != nil || reads != len(tt.errs)+1 || len(got.maps) != len(l.maps) || got.who != p.identity() {
					t.Fatalf("%d mappings of %d after %d readings, %v", len(got.maps), len(l.maps), reads, err)
				}
				least = min(least, count())
			}
			if least != tt.want {
				t.Errorf("read again %d times, want %d", least, tt.want)
			}
		})
	}
}

// A list that is of one program and was asked for while another ran is read again.
func TestReadAgainAfterExec(t *testing.T) {
	program, err := exec.LookPath("cat")
	if err != nil {
		t.Skip(err)
	}
	image, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "cat") // by that name all others do as told, too
	if err := os.WriteFile(other, image, 0o700); err != nil {
		t.Fatal(err)
	}
	p, in := shell(t, `echo; read x; exec "$1"`, other)
	before := p.identity()
	if before == (identity{}) {
		t.Skip("the kernel tells nothing of the process")
	}
	reads := 0
	l, err := p.readAgain(func(p process) (list, error) {
		if reads++; reads == 1 {
			io.WriteString(in, "go on\n")
			until(t, "it runs the other program", func() bool { return p.identity() != before && p.identity().exe != fileID{} })
		}
		return steadyList(t, p), nil
	})
	if now := p.identity(); err != nil || reads < 2 || l.who != now || l.who.exe == before.exe || l.who.started != before.started {
		t.Errorf("%d readings, %v: got the list of %+v, now it is %+v, and was %+v", reads, err, l.who, now, before)
	}
}

// What comes of a list that is never right: a torn one is given all the same, one that was
// cut short is not.
func TestReadAgainInVain(t *testing.T) {
	p, _ := shell(t, "echo; read x")
	whole := steadyList(t, p)
	other := slices.Clone(whole.text)
	other[0] ^= 1
	for _, tt := range []struct {
		name  string
		p     process
		list  list
		err   error
		reads int
		want  error
		maps  int
	}{
		{"torn in itself", p, whole, &ParseError{Err: ErrTorn}, readAttempts, ErrTorn, len(whole.maps)},
		{"another one when read again", p, list{text: other, maps: whole.maps}, nil, readAttempts, ErrTorn, len(whole.maps)},
		{"another one, with figures", p, list{maps: whole.maps[1:], figures: make([]Figures, len(whole.maps)-1)}, nil, readAttempts, ErrTorn, len(whole.maps) - 1},
		{"cut short", p, whole, ErrCutShort, readAttempts, ErrCutShort, 0},
		{"gone when read again", process{1 << 30}, whole, nil, readAttempts, ErrCutShort, 0},
		{"nothing in it", process{}, list{}, nil, readAttempts, ErrNoMappings, 0},
		{"no such process", p, list{}, syscall.ESRCH, 1, ErrNoProcess, 0},
		{"not permitted", p, list{}, syscall.EACCES, 1, ErrPermission, 0},
	} {
		reads := 0
		l, err := tt.p.readAgain(func(process) (list, error) { reads++; return tt.list, tt.err })
		if !errors.Is(err, tt.want) || err.Error() == "" || reads != tt.reads || len(l.maps) != tt.maps {
			t.Errorf("%s: %d mappings, %v after %d readings", tt.name, len(l.maps), err, reads)
		}
	}
	reads := 0
	l, err := process{}.readAgain(func(process) (list, error) {
		if reads++; reads < 3 {
			return list{}, nil
		}
		return whole, nil
	})
	if err != nil || reads != 3 || len(l.maps) != len(whole.maps) {
		t.Errorf("empty at first: %d mappings, %v after %d readings", len(l.maps), err, reads)
	}
}

// Of a process that has ended some kernels say that there is none.
func TestReadAgainZombie(t *testing.T) {
	p, in := shell(t, "echo; read x")
	io.WriteString(in, "end\n")
	until(t, "it is a zombie", p.hasEnded)
	if _, err := p.readAgain(func(process) (list, error) { return list{}, syscall.ESRCH }); err != ErrZombie {
		t.Errorf("got %v", err)
	}
}

// Of a list below a MiB the text is kept byte for byte; of a longer one nothing is.
func TestKeptText(t *testing.T) {
	line := func(n, size int) []byte { // with the newline
		m := Mapping{Range: pages(addr.Addr(2*n+1), addr.Addr(2*n+2)), Perms: Readable, Inode: 7, Name: "/"}
		text := append(m.Append(nil), '\n')
		return slices.Insert(text, len(text)-1, bytes.Repeat([]byte("x"), size-len(text))...)
	}
	for _, tt := range []struct {
		name        string
		size, lines int
		kept        bool
	}{
		{"short", 100, 30, true},
		{"in several pieces", 3*pieceSize/1000*1000 + 1000, 769, true},
		{"a byte too short", steadyBelow - 1, 500, true},
		{"a MiB", steadyBelow, 500, false},
		{"long", steadyBelow + 1, 500, false},
		{"twice as long", 2*steadyBelow + 1, 3000, false},
		{"in one line", steadyBelow + 5, 1, false},
	} {
		var want []byte
		tt.size = max(tt.size, 100*tt.lines)
		for n := range tt.lines {
			want = append(want, line(n, (tt.size-len(want))/(tt.lines-n))...)
		}
		if len(want) != tt.size {
			t.Fatalf("%s: made a text of %d bytes, not %d", tt.name, len(want), tt.size)
		}
		var r keepingReader
		lines := feeder{to: &r}
		buf := make([]byte, 10007) // which is used again and again
		for piece := range slices.Chunk(want, len(buf)) {
			if err := lines.feed(buf[:copy(buf, piece)]); err != nil {
				t.Fatal(err)
			}
		}
		if !tt.kept {
			want = nil
		}
		if !bytes.Equal(r.text, want) || (r.text != nil) != tt.kept || len(r.maps) != tt.lines || cap(r.text) > 2*steadyBelow {
			t.Errorf("%s: %d bytes with room for %d of %d are kept, %d mappings of %d", tt.name, len(r.text), cap(r.text), tt.size, len(r.maps), tt.lines)
		}
		if parsed, err := ParseMaps(want); tt.kept && (err != nil || !slices.Equal(parsed, r.maps)) {
			t.Errorf("%s: other mappings than the text has, %v", tt.name, err)
		}
	}
}

// However long a list, its mappings are those of its lines, and it grows in few steps.
func TestLongLists(t *testing.T) {
	name := func(i int) string { return []string{"", "/usr/lib/libc.so.6", "[heap]", "/a b"}[i/3%4] }
	var text []byte
	var want []Mapping
	for i := range 65_537 {
		m := Mapping{
			addr.Span(addr.Addr(0x10000+i*0x3000), addr.Bytes(0x1000+i%3*0x1000)), Perms(i % 16), addr.Bytes(i * 0x1000), Dev{uint32(i % 300), uint32(i % 7)},
			uint64(i * i), name(i),
		}
		want = append(want, m)
		text = append(m.Append(text), '\n')
		if n := i + 1; n != 1 && n != 65 && n != 4097 && n != 65_537 {
			continue
		}
		if got, err := ParseMaps(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%d lines: %d mappings, or others, %v", len(want), len(got), err)
		}
		var r mapsReader
		lines := feeder{to: &r}
		for piece := range slices.Chunk(text, pieceSize) {
			if err := lines.feed(piece); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(r.maps, want) {
			t.Errorf("%d lines in pieces: %d mappings, or others", len(want), len(r.maps))
		}
	}
	growsRarely[Mapping](t)
	growsRarely[Figures](t)
}

// growsRarely: a list that has come to be long gets room for many times as much at once.
func growsRarely[T any](t *testing.T) {
	t.Helper()
	var list []T
	var none T
	var moved []int // how long the list was each time
	for range 140_000 {
		before := cap(list)
		if list = append(roomy(list), none); cap(list) != before {
			moved = append(moved, len(list)-1)
		}
	}
	isLong := func(n int) bool { return n >= 4096 }
	if i := slices.IndexFunc(moved, isLong); i < 0 || i+1 < len(moved) && moved[i+1] < 64<<10 || len(moved) > 10 || moved[1] < 64 || cap(list) > 400_000 {
		t.Errorf("%T: moved with %d elements, at last there is room for %d", list, moved, cap(list))
	}
}
