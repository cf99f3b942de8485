package main

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// openPlain opens a file without the runtime's poller, to which os.Open would hand it:
// a /proc file needs none, and where a process may have few descriptors Go's runtime ends
// it for want of one of its own.
func openPlain(name string, flags int) (*os.File, error) {
	for {
		fd, err := unix.Open(name, flags|unix.O_CLOEXEC, 0)
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), name), nil
		case unix.EINTR:
			continue
		}
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
}

// readPlain reads a whole file that openPlain opens.
func readPlain(name string) ([]byte, error) {
	f, err := openPlain(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
