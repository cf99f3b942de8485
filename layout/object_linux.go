package layout

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

var (
	errOtherFile  = errors.New("the path leads to another file than the mapped one")
	errNotRegular = errors.New("it is a device or the like, no regular file")
)

// openMapped opens the file behind m; exe is the path of p's program. The path in a
// maps line may lead elsewhere by now, or lie in another root folder, so what is
// opened must be the mapped file.
func (p process) openMapped(m Mapping, exe string) (*os.File, error) {
	if !strings.HasPrefix(m.Name, "/") {
		return nil, errNotRegular
	}
	links := []string{p.mapFile(m)} // the kernel's links, which can't lead elsewhere
	if m.Name == exe {
		links = append(links, p.file("exe"))
	}
	for _, path := range links {
		if f, err := openRegular(path, m.Inode); err == nil {
			return f, nil
		}
	}
	var err error
	for _, path := range []string{p.file("root") + m.Name, m.Name} {
		f, openErr := openRegular(path, m.Inode)
		if openErr == nil && sameDevice(f, m) {
			return f, nil
		}
		if openErr == nil {
			f.Close()
			openErr = errOtherFile
		}
		err = openErr
	}
	return nil, err
}

// openRegular opens the file at path if it is a regular one with this inode. It looks
// before it opens: opening a device may have an effect, opening a pipe may wait.
func openRegular(path string, inode uint64) (*os.File, error) {
	var st unix.Stat_t
	fits := func() bool { return st.Mode&unix.S_IFMT == unix.S_IFREG && st.Ino == inode }
	if err := unix.Stat(path, &st); err != nil {
		return nil, err
	}
	switch {
	case fits():
	case st.Ino == inode:
		return nil, errNotRegular
	default:
		return nil, errOtherFile
	}
	f, err := openPlainly(path, unix.O_NONBLOCK)
	if err != nil {
		return nil, errors.Unwrap(err) // the path goes without saying
	}
	if err := unix.Fstat(int(f.Fd()), &st); err != nil || !fits() {
		f.Close()
		return nil, errOtherFile
	}
	return f, nil
}

// sameDevice reports whether f, which has m's inode, is on m's device too. Some file
// systems tell stat another device than maps; then f is mapped for a moment, to read
// what maps says of it.
func sameDevice(f *os.File, m Mapping) bool {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return false
	}
	if (Dev{unix.Major(st.Dev), unix.Minor(st.Dev)}) == m.Dev {
		return true
	}
	id, err := mappedID(f)
	return err == nil && id.dev == m.Dev && id.inode == m.Inode
}

// mappedID is what this process's maps says of f.
func mappedID(f *os.File) (fileID, error) {
	mem, err := unix.Mmap(int(f.Fd()), 0, 1, unix.PROT_NONE, unix.MAP_PRIVATE)
	if err != nil {
		return fileID{}, err
	}
	defer unix.Munmap(mem)
	maps, err := Read(0)
	if err != nil {
		return fileID{}, err
	}
	at := addr.Addr(reflect.ValueOf(mem).Pointer())
	i, ok := find(maps, at)
	if !ok {
		return fileID{}, fmt.Errorf("%v: not in this process's mappings", at)
	}
	return maps[i].file(), nil
}
