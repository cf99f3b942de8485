package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// writeFile puts content into the file, whole or not at all: it is written
// beside its place, brought to the disk, and then renamed. What is no regular
// file, such as a pipe, and what a process has open already, such as /dev/stdout,
// is written to directly.
func writeFile(name string, content []byte) error {
	err := writeTo(name, content)
	if err != nil {
		return fmt.Errorf("write %s: %w", oneLine(name), reason(err))
	}
	return nil
}

// oneLine is a file's name with its line ends escaped: each line of a message is
// one of its own.
func oneLine(name string) string { return strings.ReplaceAll(name, "\n", `\n`) }

func writeTo(name string, content []byte) error {
	name, opened := linked(name)
	info, err := os.Stat(name)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case err == nil && info.IsDir():
		return errors.New("is a directory; name a file in it")
	case err == nil && (opened || !info.Mode().IsRegular()):
		return writeInto(name, content)
	case err == nil:
		return replace(name, content, info.Mode().Perm(), true)
	}
	return replace(name, content, 0o666, false)
}

// linked is the file that name leads to where it is a symbolic link, there or
// not, so that the link stays; opened is true for one of the links by which /proc
// names the files that a process has open. The kernel follows 40 links at most.
func linked(name string) (file string, opened bool) {
	for range 40 {
		target, err := os.Readlink(name)
		if err != nil {
			return name, false
		}
		var fs unix.Statfs_t
		if unix.Statfs(folder(name), &fs) == nil && fs.Type == unix.PROC_SUPER_MAGIC {
			return name, true
		}
		if !strings.HasPrefix(target, "/") {
			target = folder(name) + target // not cleaned: .. behind a link is not the folder before it
		}
		name = target
	}
	return name, false
}

// folder is what comes before the last element of a path, its slash included.
func folder(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i+1]
	}
	return "./"
}

// replace puts a new file in name's place. mode is that of the file that is there;
// where there is none, the umask cuts it. A signal that ends memprobe waits until
// that is done, so that nothing stays beside it.
func replace(name string, content []byte, mode fs.FileMode, exists bool) (err error) {
	defer deferSignals()()
	f, err := createBeside(name, mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if exists {
		if err = f.Chmod(mode); err != nil {
			return err
		}
	}
	if _, err = f.Write(content); err != nil {
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

// createBeside makes a file of a name that nobody has in name's folder.
func createBeside(name string, mode fs.FileMode) (*os.File, error) {
	for {
		temporary := fmt.Sprintf("%s.memprobe-%08x", folder(name), rand.Uint32())
		fd, err := unix.Open(temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, uint32(mode))
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), temporary), nil
		case unix.EEXIST, unix.EINTR:
			continue
		}
		return nil, err
	}
}

// writeInto writes to a device, a pipe, or the end of an open file.
func writeInto(name string, content []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

// deferSignals holds up the signals that end a program until the function that
// it returns is called.
func deferSignals() (deliver func()) {
	ends := []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP}
	caught := make(chan os.Signal, len(ends))
	signal.Notify(caught, ends...)
	return func() {
		signal.Stop(caught)
		select {
		case s := <-caught:
			// The signal has its usual effect again; this process can always be sent it.
			_ = unix.Kill(os.Getpid(), s.(unix.Signal))
			time.Sleep(time.Second) // until it arrives
		default:
		}
	}
}

// errClosed is the reason when there is no standard output.
var errClosed = errors.New("standard output is closed, or is the null device opened for reading too; use --output FILE, or >/dev/null")

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
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR ||
		unix.Stat(os.DevNull, &null) != nil || st.Rdev != null.Rdev {
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
