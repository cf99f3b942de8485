package mmapheap

import (
	"os"
	"runtime/debug"
	"unsafe"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// kernel is what a Region asks of the operating system. A Region keeps the one
// it was made with, so that a test can hand in one that refuses.
type kernel interface {
	// page is the size of a page in bytes, a power of two, 4096 or more.
	page() addr.Bytes
	// reserve maps n fresh bytes that nobody may access, where nothing is mapped yet:
	// at the address at, where EEXIST says that something is there; or
	// where the kernel likes if at is 0. Kernels before 4.17 and the emulator
	// qemu-user take at for a hint, and answer with another place.
	reserve(at addr.Addr, n addr.Bytes) ([]byte, error)
	// commit makes whole pages of a reservation readable and writable.
	commit(mem []byte) error
	// forbid takes all permissions from whole pages that were committed; what they
	// hold stays, and is there again once they are committed anew.
	forbid(mem []byte) error
	// release gives a whole reservation back.
	release(mem []byte) error
	// name labels a span of a reservation for who reads the maps file. Not every
	// kernel can, and nothing depends on it.
	name(mem []byte, label string)
}

// linux is the real kernel.
type linux struct{}

func (linux) page() addr.Bytes { return addr.Bytes(os.Getpagesize()) }

func (linux) reserve(at addr.Addr, n addr.Bytes) ([]byte, error) {
	flags := unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_NORESERVE
	if at != 0 {
		flags |= unix.MAP_FIXED_NOREPLACE
	}
	p, err := unix.MmapPtr(-1, 0, unsafe.Add(nil, at), uintptr(n), unix.PROT_NONE, flags)
	if err != nil {
		return nil, err
	}
	mem := unsafe.Slice((*byte)(p), n)
	// Huge pages would make memory resident that nothing has touched. A kernel
	// without them answers EINVAL, which is as good.
	_ = unix.Madvise(mem, unix.MADV_NOHUGEPAGE)
	return mem, nil
}

func (linux) commit(mem []byte) error {
	return unix.Mprotect(mem, unix.PROT_READ|unix.PROT_WRITE)
}

func (linux) forbid(mem []byte) error { return unix.Mprotect(mem, unix.PROT_NONE) }

func (linux) release(mem []byte) error {
	return unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(mem)), uintptr(len(mem)))
}

func (linux) name(mem []byte, label string) {
	text := append([]byte(label), 0)
	_, _, _ = unix.Syscall6(unix.SYS_PRCTL, unix.PR_SET_VMA, unix.PR_SET_VMA_ANON_NAME,
		uintptr(unsafe.Pointer(unsafe.SliceData(mem))), uintptr(len(mem)),
		uintptr(unsafe.Pointer(unsafe.SliceData(text))), 0)
}

// addrOf is the address of mem's first byte.
func addrOf(mem []byte) addr.Addr {
	return addr.Addr(uintptr(unsafe.Pointer(unsafe.SliceData(mem))))
}

// touch reads the byte at mem[i] as a program would. Where the kernel objects,
// fault is the address that it reported.
func touch(mem []byte, i addr.Bytes) (value byte, fault addr.Addr, faulted bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer catch(&fault, &faulted)
	return mem[i], 0, false
}

// catch, deferred, stops the panic that a fault is, and notes its address; other
// panics go on.
func catch(fault *addr.Addr, faulted *bool) {
	switch e := recover().(type) {
	case nil:
	case interface{ Addr() uintptr }:
		*fault, *faulted = addr.Addr(e.Addr()), true
	default:
		panic(e)
	}
}

// move copies all of p to the start of mem, or from there into p, byte after byte
// as a program would, in pages of the given size. Where the kernel objects, fault is
// the first address that it would not let pass; what lies before it has been copied.
func move(mem, p []byte, store bool, page addr.Bytes) (fault addr.Addr, faulted bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer catch(&fault, &faulted)
	for len(p) > 0 {
		at := addrOf(mem)
		n := min(addr.Bytes(len(p)), (at + addr.Addr(page)).AlignDown(page).Sub(at))
		if store {
			mem[0] = p[0] // the first byte of a page tells for all of it
			copy(mem[:n], p[:n])
		} else {
			p[0] = mem[0]
			copy(p[:n], mem[:n])
		}
		mem, p = mem[n:], p[n:]
	}
	return 0, false
}

// carver cuts a mapping into arrays, one after the other.
type carver struct {
	mem  []byte
	used addr.Bytes
}

// carveAlign keeps every array at the start of a cache line.
const carveAlign = 64

// carve cuts the next n elements off c's mapping. With a c that has no mapping
// it only counts, so that the same code first measures and then cuts.
func carve[T any](c *carver, n addr.Bytes) []T {
	var element T
	start := c.used
	c.used = (start + n*addr.Bytes(unsafe.Sizeof(element))).AlignUp(carveAlign)
	if c.mem == nil {
		return nil
	}
	span := c.mem[start:c.used]
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(span))), n)
}
