package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// writeFile puts content into the file, whole or not at all: it is written
// beside its place, brought to the disk, and then renamed. What is no regular
// file, such as a pipe, is written to directly.
func writeFile(name string, content []byte) error {
	name = linked(name)
	mode := fs.FileMode(0o666)
	switch info, err := os.Stat(name); {
	case err == nil && info.IsDir():
		return fmt.Errorf("write %s: is a directory", name)
	case err == nil && !info.Mode().IsRegular():
		return writeInto(name, content)
	case err == nil:
		mode = info.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("write %s: %w", name, reason(err))
	}
	if err := replace(name, content, mode); err != nil {
		return fmt.Errorf("write %s: %w", name, reason(err))
	}
	return nil
}

// linked is the file that name leads to where it is a symbolic link, there or
// not, so that the link stays. The kernel follows 40 links at most.
func linked(name string) string {
	for range 40 {
		target, err := os.Readlink(name)
		if err != nil {
			return name
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(name), target)
		}
		name = target
	}
	return name
}

// replace puts a new file in name's place.
func replace(name string, content []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".memprobe-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(content); err != nil {
		return err
	}
	if err = f.Chmod(mode &^ umask()); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// umask is the permissions that new files don't get.
func umask() fs.FileMode {
	mask := unix.Umask(0)
	unix.Umask(mask)
	return fs.FileMode(mask)
}

// writeInto writes to a device or a pipe.
func writeInto(name string, content []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.Write(content)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, reason(err))
	}
	return nil
}

// errClosed is the reason when there is no standard output.
var errClosed = errors.New("standard output is closed; to throw the report away, send it to /dev/null")

// checkOpen reports whether w is a standard output that was closed when memprobe
// started. Go's runtime opens the null device in such a descriptor's place, for
// reading and writing; a shell that is told >/dev/null opens it for writing only.
// Programs that open it for both usually give it to a second stream as well.
func checkOpen(w io.Writer) error {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	fd := int(f.Fd())
	var st, null unix.Stat_t
	if unix.Fstat(fd, &st) != nil || unix.Stat(os.DevNull, &null) != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != null.Rdev {
		return nil
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_ACCMODE != unix.O_RDWR {
		return nil
	}
	for _, other := range []int{0, 2} {
		if sameOpening(fd, other) {
			return nil
		}
	}
	return errClosed
}

// sameOpening reports whether two descriptors come from one open(2), by kcmp(2).
// Where the kernel does not say, it takes them to: then nothing is refused.
func sameOpening(a, b int) bool {
	const kcmpFile = 0
	pid := uintptr(os.Getpid())
	order, _, errno := unix.Syscall6(unix.SYS_KCMP, pid, pid, kcmpFile, uintptr(a), uintptr(b), 0)
	return errno != 0 || order == 0
}
