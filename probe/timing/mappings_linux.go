package timing

import (
	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// page is the size of a page; 4 KiB for a machine that says none.
func (m Machine) page() int {
	if m.Page == 0 {
		return 4 << 10
	}
	return int(m.Page)
}

// mapContenders ask the kernel itself for bytes.
func mapContenders(m Machine, size addr.Bytes) []Contender {
	l := &mappings{size: int(size), page: m.page()}
	return []Contender{
		{
			What: "mmap", About: "mmap and munmap of so many bytes, straight from the kernel, none of them touched",
			Notes: []string{"two calls of the kernel, and what Go's package for them keeps about a mapping"},
			Do:    l.untouched,
		},
		{
			What: "mmap, touched", About: "the same, with a byte written in each page",
			Notes: []string{"the kernel finds and zeroes memory for each page, and takes it back: the cost of the first touch is in it"},
			Do:    l.touched,
		},
	}
}

// mappings maps bytes and unmaps them.
type mappings struct {
	size, page int
	sum        int
}

func (l *mappings) untouched(n int) error {
	for range n {
		mem, err := fresh(l.size)
		if err != nil {
			return err
		}
		l.sum += len(mem)
		if err := unix.Munmap(mem); err != nil {
			return err
		}
	}
	return nil
}

func (l *mappings) touched(n int) error {
	for range n {
		mem, err := fresh(l.size)
		if err != nil {
			return err
		}
		touch(mem, l.page)
		l.sum += int(mem[0])
		if err := unix.Munmap(mem); err != nil {
			return err
		}
	}
	return nil
}

// fresh maps n bytes that no memory is behind yet.
func fresh(n int) ([]byte, error) {
	return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
}

// touch writes a byte in each page.
//
//go:noinline
func touch(mem []byte, page int) {
	for i := 0; i < len(mem); i += page {
		mem[i] = 1
	}
}
