package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/report"
)

// newRead is `memprobe read`.
func newRead(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "read ADDR LEN",
		GroupID: "memory",
		Short:   "Show bytes of a process, and which of them are addresses",
		Long: `read shows LEN bytes from ADDR on, in hexadecimal and as text. A row is as long as a
pointer: eight bytes, or four in a program of 32 bits. Where it is the address of
something, read says of what. Memory that the process has not used yet is left so: the
bytes of a mapped file are those of the file, and what reads as zeros is said to.

ADDR is hexadecimal, with or without 0x. LEN is a number of bytes or a size such
as 1KiB; with 0x it is hexadecimal; 1 MiB at most.

Without --pid it reads memprobe's own memory, while it runs a scenario: string, or
the one that --scenario names, up to --step. --freeze stops the process PID while it
is read; it goes on whatever happens to memprobe, but for SIGSTOP, which stops both.`,
		Example: `  memprobe read 0x7e2a048fffe0 32 --base 0x7e2a00000000
  memprobe read 0x7ffc2b1d8a10 256 --pid 1234`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("read takes an address and a length, such as 0x7e2a00001000 64, but got %d arguments", len(args))
			}
			return nil
		},
	}
	insideFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a, err := addr.Parse(args[0])
		if err != nil {
			return usageError{err}
		}
		n, err := parseLength(args[1])
		if err != nil {
			return err
		}
		if left := addr.Bytes(-a); left < n && a != 0 {
			return usagef("length %s: at %v all addresses end after %s", args[1], a, inBytes(left))
		}
		return s.inside(cmd, func(space *layout.Space) (teller, error) {
			content, err := space.ReadMemory(a, n)
			if err != nil {
				return nil, fmt.Errorf("read %v of process %d: %w", a, space.PID, unreadable(space, a, err))
			}
			return func(p report.Process) report.Document {
				return report.Dump(p, report.Memory{Addr: a, Bytes: content.Bytes, Asked: n, Absent: content.Absent})
			}, nil
		})
	}
	return cmd
}

const longestRead = 1 << 20

func inBytes(n addr.Bytes) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

func parseLength(text string) (addr.Bytes, error) {
	n, err := parseSize(text)
	if err != nil {
		return 0, usagef("length %q: %w", text, err)
	}
	if n == 0 || n > longestRead {
		return 0, usagef("length %s: from 1 byte to %d", text, longestRead)
	}
	return n, nil
}

// unreadable is why a can't be read.
func unreadable(space *layout.Space, a addr.Addr, err error) error {
	place := space.Where(a).Place
	switch {
	case errors.Is(err, unix.EPERM):
		return layout.ErrPermission
	case errors.Is(err, unix.ESRCH):
		return layout.ErrNoProcess
	case place == nil:
		return errors.New("nothing is mapped there; memprobe where tells what is near")
	case place.Mapping.Perms&layout.Readable == 0:
		return fmt.Errorf("it may not be read: its mapping is %s", place.Mapping.Perms)
	case errors.Is(err, unix.EFAULT):
		return errors.New("the kernel gives these bytes to the process alone, to nobody outside")
	}
	return err
}
