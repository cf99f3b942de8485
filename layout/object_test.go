package layout

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// mapFile writes a file and maps it, so that it might hold code, for the test.
func mapFile(t *testing.T, name string, content []byte) Mapping {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mem, err := unix.Mmap(int(f.Fd()), 0, len(content), unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE)
	if err != nil {
		t.Skipf("can't map %s executable: %v", name, err)
	}
	t.Cleanup(func() { unix.Munmap(mem) })
	maps, err := Read(0)
	if err != nil {
		t.Fatal(err)
	}
	i, ok := find(maps, pointer(mem))
	if !ok {
		t.Fatalf("%s is not mapped", name)
	}
	return maps[i]
}

func TestOpenMapped(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	m := mapFile(t, name, []byte("content"))
	self, elsewhere := process{0}, process{1 << 30} // elsewhere has no files in /proc
	opens := func(p process, m Mapping, exe string) error {
		f, err := p.openMapped(m, exe)
		if err == nil {
			f.Close()
		}
		return err
	}
	if err := opens(self, m, ""); err != nil {
		t.Errorf("by itself: %v", err)
	}
	if err := opens(elsewhere, m, m.Name); err != nil {
		t.Errorf("by its path: %v", err)
	}
	other := m
	other.Dev.Minor++
	if err := opens(elsewhere, other, ""); err != errOtherFile {
		t.Errorf("on another device: %v", err)
	}
	other = m
	other.Inode++
	if err := opens(elsewhere, other, ""); err != errOtherFile {
		t.Errorf("another inode: %v", err)
	}
	other = m
	other.Name = "anon_inode:[x]"
	if err := opens(self, other, ""); err != errNotRegular {
		t.Errorf("no path: %v", err)
	}
	other = m
	other.Name = dir
	if err := opens(elsewhere, other, ""); err != errOtherFile {
		t.Errorf("a folder: %v", err)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := opens(elsewhere, m, ""); err != unix.ENOENT {
		t.Errorf("deleted: %v", err)
	}
}

// A file is opened only if it is a regular one with the right inode. What is not is left
// as it is: whoever opens a pipe may wait, or wake another.
func TestOpenRegular(t *testing.T) {
	dir := t.TempDir()
	regular, pipe, link := filepath.Join(dir, "regular"), filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(regular, []byte("content"), 0o600), unix.Mkfifo(pipe, 0o600), os.Symlink(regular, link)); err != nil {
		t.Skip(err)
	}
	inode := func(path string) uint64 {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil {
			t.Fatal(err)
		}
		return st.Ino
	}
	watched, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Skipf("no inotify here: %v", err)
	}
	defer unix.Close(watched)
	if _, err := unix.InotifyAddWatch(watched, pipe, unix.IN_OPEN); err != nil {
		t.Skip(err)
	}
	for _, tt := range []struct {
		path  string
		inode uint64
		want  error
	}{
		{regular, inode(regular), nil}, {link, inode(regular), nil}, {regular, inode(regular) + 1, errOtherFile},
		{pipe, inode(pipe), errNotRegular}, {dir, inode(dir), errNotRegular}, {"/dev/null", inode("/dev/null"), errNotRegular}, {"/dev/null", inode("/dev/null") + 1, errOtherFile},
		{filepath.Join(dir, "none"), 1, unix.ENOENT},
	} {
		done := make(chan error, 1)
		var f *os.File
		go func() {
			var err error
			f, err = openRegular(tt.path, tt.inode)
			done <- err
		}()
		select {
		case err = <-done:
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: still not open", tt.path)
		}
		if err != tt.want {
			t.Errorf("%s: got %v, want %v", tt.path, err, tt.want)
		}
		if f == nil {
			continue
		}
		flags, _ := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
		closed, _ := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0)
		if text, err := io.ReadAll(f); string(text) != "content" || err != nil || flags&unix.O_NONBLOCK != 0 || closed&unix.FD_CLOEXEC == 0 {
			t.Errorf("%s: read %q, %v, flags %x, %x", tt.path, text, err, flags, closed)
		}
		f.Close()
	}
	if n, err := unix.Read(watched, make([]byte, 4096)); n > 0 || err != unix.EAGAIN {
		t.Errorf("the pipe was opened: %d bytes of events, %v", n, err)
	}
}

// A path that leads to another file from one moment to the next is not opened as another.
func TestOpenRegularRace(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.WriteFile(at("a"), nil, 0o600), unix.Mkfifo(at("b"), 0o600), os.Symlink("a", at("path"))); err != nil {
		t.Skip(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(at("a"), &st); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		if os.Symlink("b", at("other")) != nil {
			return
		}
		for {
			select {
			case <-stop:
				return
			default:
				unix.Renameat2(unix.AT_FDCWD, at("path"), unix.AT_FDCWD, at("other"), unix.RENAME_EXCHANGE)
			}
		}
	}()
	opened, others := 0, 0
	for end := time.Now().Add(200 * time.Millisecond); opened < 5000 && time.Now().Before(end); {
		f, err := openRegular(at("path"), st.Ino)
		if err != nil {
			others++
			continue
		}
		opened++
		var now unix.Stat_t
		unix.Fstat(int(f.Fd()), &now)
		f.Close()
		if now.Ino != st.Ino {
			t.Errorf("opened a file of inode %d, not %d", now.Ino, st.Ino)
			break
		}
	}
	close(stop)
	<-stopped
	t.Logf("%d opened, %d times another was there", opened, others)
}

// A path that leads to another file by now, or to none, or to one that is damaged,
// leaves its mapping unexplained, and says so.
func TestDescribeNotes(t *testing.T) {
	dir := t.TempDir()
	image, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	cut := mapFile(t, filepath.Join(dir, "cut"), image[:200])
	script := mapFile(t, filepath.Join(dir, "script"), []byte("#!/bin/sh\n"))
	s, err := Describe(0, Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkTiled(t, s.Mappings, s.Parts)
	notes := slices.DeleteFunc(s.Notes, func(n string) bool { return strings.Contains(n, "is a Go program without symbols") }) // as go test makes them
	if len(notes) != 1 || !strings.HasPrefix(notes[0], cut.Name+": its sections are not known: ") {
		t.Errorf("got notes %q", notes)
	}
	for _, m := range []Mapping{cut, script} {
		check(t, s, m.Name, m.Lo, expected{KindFile, nil, false})
	}

	gone := []Mapping{{Range: pages(1, 2), Perms: Executable, Inode: 7, Name: "/no/such/file"}}
	s = &Space{Mappings: gone, PageSize: 0x1000}
	if known := s.explain(process{1 << 30}); len(known.Images) > 0 || len(s.Notes) != 1 ||
		s.Notes[0] != `/no/such/file: its sections are not known: no such file or directory` {
		t.Errorf("got %v, notes %q", known, s.Notes)
	}
	_, _, err = new(Space).explainFile(newELFReader(), panicking{}, gone, nil)
	if err == nil || err.Error() != "damaged ELF file: on purpose" {
		t.Errorf("got %v", err)
	}
}

// A process that maps more files than anybody can look at is described, and told of in
// as many notes as somebody reads.
func TestManyFiles(t *testing.T) {
	s := &Space{Exe: "/none", PageSize: 0x1000}
	for i := range addr.Addr(mostFiles + 5) {
		s.Mappings = append(s.Mappings, Mapping{Range: pages(2*i, 2*i+1), Perms: Readable | Executable, Inode: 1, Name: fmt.Sprintf("/none/%d", int(i))})
	}
	s.explain(process{})
	if n := len(s.Notes); n != mostNoted+2 {
		t.Fatalf("%d notes", n)
	}
	for i, want := range map[int]string{
		0:             "/none/0: its sections are not known: ",
		mostNoted - 1: fmt.Sprintf("/none/%d: its sections are not known: ", mostNoted-1),
		mostNoted:     fmt.Sprintf("and so on: %d notes more ", mostFiles-mostNoted),
		mostNoted + 1: fmt.Sprintf("code of %d files is mapped, more than are looked at: of 5 ", mostFiles+5),
	} {
		if !strings.HasPrefix(s.Notes[i], want) {
			t.Errorf("note %d is %q, want %q", i, s.Notes[i], want)
		}
	}
}

type panicking struct{}

func (panicking) ReadAt([]byte, int64) (int, error) { panic("on purpose") }

// An ELF file in which each byte in turn is wrong is described or refused.
func TestDamagedELF(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	maps, err := Read(0)
	if err != nil {
		t.Fatal(err)
	}
	file, err := elf.NewFile(strings.NewReader(string(image)))
	if err != nil {
		t.Fatal(err)
	}
	groups := executables(maps)
	if len(groups) == 0 {
		t.Fatal("no executable file is mapped")
	}
	headers := 64 + 56*len(file.Progs)
	for at := range headers {
		for _, b := range []byte{0, 0xff, image[at] ^ 1, image[at] ^ 0x80} {
			damaged := patched{image, at, b}
			s := &Space{Mappings: maps, PageSize: 0x1000}
			images, _, _ := s.explainFile(newELFReader(), damaged, groups[0], nil)
			checkTiled(t, maps, Classify(maps, Knowledge{Images: images}))
		}
	}
}

// patched is a file with one byte changed.
type patched struct {
	image []byte
	at    int
	to    byte
}

func (p patched) ReadAt(b []byte, off int64) (int, error) {
	n, err := bytes.NewReader(p.image).ReadAt(b, off)
	if i := int64(p.at) - off; 0 <= i && i < int64(n) {
		b[i] = p.to
	}
	return n, err
}

func TestImageWithoutSections(t *testing.T) {
	load := elf.ProgHeader{Type: elf.PT_LOAD, Flags: elf.PF_X, Vaddr: 0x1000, Filesz: 0x1800, Memsz: 0x2800}
	f := &elf.File{FileHeader: elf.FileHeader{Class: elf.ELFCLASS32, Type: elf.ET_DYN}, Progs: []*elf.Prog{{ProgHeader: load}}}
	own := []Mapping{{pages(0x10, 0x12), Executable, 0, Dev{}, 7, "/x"}}
	images, _ := newELFReader().images(own, f, 0x1000)
	if len(images) != 1 || images[0].Bias != 0xf000 {
		t.Fatalf("got %+v", images)
	}
	want := []Span{
		{Section{addr.Span(0x10000, 52), "ELF header"}, KindELF, false},
		{Section{addr.Range{Lo: 0x10034, Hi: 0x11800}, "segment --x"}, KindText, false},
		{Section{addr.Range{Lo: 0x11800, Hi: 0x12800}, "segment --x"}, KindBSS, true},
		{Section{addr.Range{Lo: 0x12800, Hi: 0x13000}, ""}, KindELF, true},
	}
	if got := images[0].Spans; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// The first segment need not begin the file, nor a page.
	f.Progs[0].Vaddr, f.Progs[0].Off, own[0].Offset = 0x1800, 0x3800, 0x3000
	if images, _ := newELFReader().images(own, f, 0x1000); len(images) != 1 || images[0].Bias != 0xf000 {
		t.Errorf("a later segment: got %+v", images)
	}
	f.Type = elf.ET_EXEC // has a fixed address
	if images, _ := newELFReader().images(own, f, 0x1000); images != nil {
		t.Errorf("a program at another address than its own: got %+v", images)
	}
	f.Type, own[0].Perms = elf.ET_DYN, Readable
	if images, _ := newELFReader().images(own, f, 0x1000); images != nil {
		t.Errorf("code that may not be executed: got %+v", images)
	}
}

func TestPrintable(t *testing.T) {
	if got := printable("a\xffb"); got != `a\xffb` || printable(".text") != ".text" {
		t.Errorf("got %q", got)
	}
}
