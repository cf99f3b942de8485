package layout

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// Bytes that are in memory, those of a mapped file, and those that would be zeros are
// told apart, and stay where they are.
func TestReadMemory(t *testing.T) {
	if qemu() {
		t.Skip("an emulator runs here, which reads no memory of a process")
	}
	page := os.Getpagesize()
	private := mapped(t, -1, 4*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	private[page], private[2*page-1] = 7, 8
	guarded := mapped(t, -1, 2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	closed := mapped(t, -1, page, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	file, err := os.Create(filepath.Join(t.TempDir(), "content"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content := bytes.Repeat([]byte("0123456789abcdef"), page/16*3/2)
	if _, err := file.Write(content); err != nil {
		t.Fatal(err)
	}
	ofFile := mapped(t, int(file.Fd()), 2*page, unix.PROT_READ, unix.MAP_PRIVATE)
	behind := mapped(t, int(file.Fd()), 3*page, unix.PROT_READ, unix.MAP_SHARED)
	s, err := Describe(0, Options{})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := OpenPagemap(0)
	if err != nil {
		t.Skip(err)
	}
	defer pages.Close()
	tests := []struct {
		name   string
		memory []byte
		from   int
		length int
		want   []byte
		absent []Absence // from the memory's start
		err    error
	}{
		{"what is there", private, page, page, slices.Concat([]byte{7}, make([]byte, page-2), []byte{8}), nil, nil},
		{"never used", private, 3*page + 5, 100, make([]byte, 100), []Absence{{pageRange(3*page+5, 3*page+105), FromNowhere, nil}}, nil},
		{"on both sides", private, page - 2, page + 4, slices.Concat([]byte{0, 0, 7}, make([]byte, page-2), []byte{8, 0, 0}),
			[]Absence{{pageRange(page-2, page), FromNowhere, nil}, {pageRange(2*page, 2*page+2), FromNowhere, nil}}, nil},
		{"of a file, to its end and the page's", ofFile, 3, 2*page - 3, slices.Concat(content[3:], make([]byte, page/2)), []Absence{{pageRange(3, 2*page), FromFile, nil}}, nil},
		{"behind a file's end", behind, page, 2 * page, slices.Concat(content[page:], make([]byte, page/2)), []Absence{{pageRange(page, 2*page), FromFile, nil}}, nil},
		{"behind it at once", behind, 2 * page, 8, []byte{}, nil, ErrFileEnds},
		{"not readable", closed, 0, 8, []byte{}, nil, unix.EFAULT},
		{"a guard", guarded, page, 8, []byte{}, nil, ErrGuarded},
		{"up to a guard", guarded, page - 8, 16, make([]byte, 8), []Absence{{pageRange(page-8, page), FromNowhere, nil}}, nil},
	}
	_ = unix.Madvise(guarded[page:], guardInstall) // who has no such guards does not see them either
	if runs, err := pages.Runs(addr.Span(pointer(guarded), addr.Bytes(2*page))); err != nil || runs[len(runs)-1].State&PageGuarded == 0 {
		tests = tests[:len(tests)-2] // before Linux 6.15
	}
	for _, tt := range tests {
		at := pointer(tt.memory)
		all := addr.Span(at, addr.Bytes(len(tt.memory)))
		before, err := pages.Runs(all)
		if err != nil {
			t.Skip(err)
		}
		got, err := s.ReadMemory(at.Offset(addr.Bytes(tt.from)), addr.Bytes(tt.length))
		if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) || !bytes.Equal(got.Bytes, tt.want) {
			t.Errorf("%s: %d bytes, %v, want %d, %v", tt.name, len(got.Bytes), err, len(tt.want), tt.err)
		}
		for i := range tt.absent {
			tt.absent[i].Lo, tt.absent[i].Hi = at+tt.absent[i].Lo, at+tt.absent[i].Hi
		}
		if !slices.Equal(got.Absent, tt.absent) {
			t.Errorf("%s: absent is %v, want %v", tt.name, got.Absent, tt.absent)
		}
		if after, err := pages.Runs(all); err != nil || !slices.Equal(after, before) {
			t.Errorf("%s: the pages are %v, before %v, %v", tt.name, after, before, err)
		}
	}
}

func pageRange(lo, hi int) addr.Range { return addr.Range{Lo: addr.Addr(lo), Hi: addr.Addr(hi)} }

// mapped is memory of the test's own, until it ends.
func mapped(t *testing.T, fd, length, prot, flags int) []byte {
	t.Helper()
	mem, err := unix.Mmap(fd, 0, length, prot, flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(mem) }) // the test's own
	return mem
}

// A file that can't be read is told of, at the lowest address too.
func TestReadFileAtZero(t *testing.T) {
	m := Mapping{Range: pageRange(0, smallestPage), Perms: Readable, Name: "/is/not/there", Inode: 1}
	r := bytesReader{space: &Space{Mappings: []Mapping{m}}}
	if source, err := r.absent(make([]byte, 8), 0); source != FromUnknown || !errors.Is(err, unix.ENOENT) || errors.Is(err, ErrNoProcess) {
		t.Errorf("%q, %v", source, err)
	}
}

// What of a process's own memory it has not used reads as zeros, whatever it is called;
// of the kernel's the kernel alone knows.
func TestAbsentByName(t *testing.T) {
	for name, want := range map[string]Source{
		"": FromNowhere, "[heap]": FromNowhere, "[stack]": FromNowhere, "[stack:12]": FromNowhere, "[anon:a name]": FromNowhere,
		"[vvar]": "", "[vsyscall]": "", "[uprobes]": "",
	} {
		m := Mapping{Range: pageRange(smallestPage, 2*smallestPage), Perms: Readable, Name: name}
		r := bytesReader{space: &Space{Mappings: []Mapping{m}}}
		if source, err := r.absent(make([]byte, 8), m.Lo); source != want || err != nil {
			t.Errorf("%q: %q, %v, want %q", name, source, err, want)
		}
	}
}

// What lies beside one another is told of as one if it is alike.
func TestAbsencesJoined(t *testing.T) {
	zeros := func(lo, hi int) Absence { return Absence{pageRange(lo, hi), FromNowhere, nil} }
	file := Absence{pageRange(12, 14), FromFile, nil}
	unknown, other := Absence{pageRange(14, 15), FromUnknown, errShared}, Absence{pageRange(15, 16), FromUnknown, unix.EIO}
	var c Content
	for _, a := range []Absence{zeros(0, 4), zeros(4, 8), zeros(9, 12), file, unknown, other} {
		c.add(a)
	}
	if want := []Absence{zeros(0, 8), zeros(9, 12), file, unknown, other}; !slices.Equal(c.Absent, want) {
		t.Errorf("%v, want %v", c.Absent, want)
	}
}

// Bytes come from the file that is mapped there, from where it is mapped, though another
// was read before.
func TestReadSecondFile(t *testing.T) {
	page := os.Getpagesize()
	var places []addr.Addr
	for _, letter := range "abc" {
		name := filepath.Join(t.TempDir(), "file")
		content := slices.Concat(bytes.Repeat([]byte{'-'}, page), bytes.Repeat([]byte{byte(letter)}, page))
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		mem, err := unix.Mmap(int(file.Fd()), int64(page), page, unix.PROT_READ, unix.MAP_PRIVATE)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Munmap(mem) }) // the test's own
		places = append(places, pointer(mem))
	}
	s, err := Describe(0, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := bytesReader{space: s}
	defer r.close()
	for i, at := range places {
		var got [4]byte
		want := strings.Repeat(string(rune('a'+i)), len(got))
		if source, err := r.absent(got[:], at); source != FromFile || string(got[:]) != want || err != nil {
			t.Errorf("%q, %s, %v, want %q", got, source, err, want)
		}
	}
}

// What lies in shared memory that is not in the process's own is told or not known, but
// never called zeros: another may have written there.
func TestReadSharedMemory(t *testing.T) {
	if qemu() {
		t.Skip("an emulator runs here, which reads no memory of a process")
	}
	page := os.Getpagesize()
	fd, err := unix.MemfdCreate("shared", unix.MFD_CLOEXEC)
	if err != nil {
		t.Skip(err)
	}
	defer unix.Close(fd)
	if _, err := unix.Pwrite(fd, bytes.Repeat([]byte{9}, page), 0); err != nil {
		t.Fatal(err)
	}
	mem := mapped(t, fd, page, unix.PROT_READ, unix.MAP_SHARED)
	s, err := Describe(0, Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.ReadMemory(pointer(mem), 8)
	switch {
	case err != nil || len(got.Absent) != 1:
		t.Errorf("%+v, %v", got, err)
	case got.Absent[0].Source == FromFile:
		if !bytes.Equal(got.Bytes, bytes.Repeat([]byte{9}, 8)) {
			t.Errorf("bytes %x", got.Bytes)
		}
	case got.Absent[0].Source != FromUnknown || got.Absent[0].Err == nil:
		t.Errorf("%+v", got)
	}
	anonymous := pointer(mapped(t, -1, page, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON))
	for shared, want := range map[Perms]Source{0: FromNowhere, Shared: FromUnknown} {
		s.Mappings = []Mapping{{Range: addr.Span(anonymous, addr.Bytes(page)), Perms: Readable | shared}} // as of one that others may have, too
		if got, err := s.ReadMemory(anonymous, 8); err != nil || len(got.Absent) != 1 || got.Absent[0].Source != want {
			t.Errorf("%+v, %v, want %s", got, err, want)
		}
	}
}

// A guard that a program made inside a mapping is nobody's to read; the pages beside it
// are.
func TestReadGuard(t *testing.T) {
	if qemu() {
		t.Skip("an emulator runs here, which reads no memory of a process")
	}
	page := os.Getpagesize()
	mem := mapped(t, -1, 2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	mem[page] = 7
	const install = 102 // MADV_GUARD_INSTALL
	if err := unix.Madvise(mem[:page], install); err != nil {
		t.Skipf("no guards inside mappings here: %v", err)
	}
	s, err := Describe(0, Options{})
	if err != nil {
		t.Fatal(err)
	}
	at := pointer(mem)
	if pages, err := OpenPagemap(0); err != nil {
		t.Skip(err)
	} else if runs, err := pages.Runs(addr.Span(at, addr.Bytes(page))); errors.Join(err, pages.Close()) != nil || runs[0].State&PageGuarded == 0 {
		t.Skipf("this kernel does not tell which pages are guards: %v, %v", runs, err)
	}
	if got, err := s.ReadMemory(at.Offset(8), 8); err != ErrGuarded || len(got.Bytes) != 0 {
		t.Errorf("in the guard: %+v, %v", got, err)
	}
	if got, err := s.ReadMemory(at.Offset(addr.Bytes(page)), 1); err != nil || !bytes.Equal(got.Bytes, []byte{7}) {
		t.Errorf("above it: %+v, %v", got, err)
	}
}

// What stands in the way of a mapped file is told of the file: the process is there.
func TestReadWithoutFile(t *testing.T) {
	if qemu() {
		t.Skip("an emulator runs here, which reads no memory of a process")
	}
	page := os.Getpagesize()
	gone := mapped(t, -1, page, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
	s, err := Describe(0, Options{})
	if err != nil {
		t.Fatal(err)
	}
	zero, err := os.Open("/dev/zero")
	if err != nil {
		t.Skip(err)
	}
	defer zero.Close()
	for _, tt := range []struct {
		name   string
		asFile string
		want   error
	}{
		{"deleted", filepath.Join(t.TempDir(), "gone (deleted)"), unix.ENOENT}, {"no path", "anon_inode:[x]", errNotRegular},
	} {
		s.Mappings = []Mapping{{Range: addr.Span(pointer(gone), addr.Bytes(page)), Perms: Readable | Shared, Inode: 1, Name: tt.asFile}}
		got, err := s.ReadMemory(pointer(gone), 8)
		if err != nil || len(got.Absent) != 1 || got.Absent[0].Source != FromUnknown || !errors.Is(got.Absent[0].Err, tt.want) || errors.Is(got.Absent[0].Err, ErrNoProcess) {
			t.Errorf("%s: %+v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
	zeros := mapped(t, int(zero.Fd()), page, unix.PROT_READ, unix.MAP_PRIVATE)
	if s, err = Describe(0, Options{}); err != nil {
		t.Fatal(err)
	}
	got, err := s.ReadMemory(pointer(zeros), 8)
	if err != nil || len(got.Absent) != 1 || got.Absent[0].Source != FromNowhere {
		t.Errorf("/dev/zero: %+v, %v", got, err)
	}
}
