package layout

import (
	"errors"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// Questions to the kernel that golang.org/x/sys has no functions for. Each passes
// the address of a value that the kernel fills in. Where that address lies in a
// structure, as a number, the value is pinned: Go would not mend the number when it
// moves the goroutine's stack.

const (
	pagemapScan  = 0xc0606610 // PAGEMAP_SCAN, Linux 6.7
	procmapQuery = 0xc0686611 // PROCMAP_QUERY, Linux 6.11
)

// scanArg is struct pm_scan_arg.
type scanArg struct {
	size, flags, start, end, walkEnd, vec, vecLen, maxPages   uint64
	categoryInverted, categoryMask, categoryAnyOf, returnMask uint64
}

// scanned is struct page_region.
type scanned struct{ start, end, categories uint64 }

// scanPages asks for the pages of r that are in one of the states anyOf, as many runs
// as fit into found. next is where to go on, r's end when it is done.
func scanPages(pagemap *os.File, r addr.Range, anyOf, tell uint64, found []scanned) (n int, next addr.Addr, err error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(unsafe.SliceData(found))
	arg := scanArg{
		size: uint64(unsafe.Sizeof(scanArg{})), start: uint64(r.Lo), end: uint64(r.Hi),
		vec: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(found)))), vecLen: uint64(len(found)),
		categoryAnyOf: anyOf, returnMask: tell,
	}
	got, err := ioctl(pagemap, pagemapScan, unsafe.Pointer(&arg))
	return got, addr.Addr(arg.walkEnd), err
}

// queryArg is struct procmap_query.
type queryArg struct {
	size, flags, addr                      uint64
	start, end, vmaFlags, pageSize, offset uint64
	inode                                  uint64
	major, minor                           uint32
	nameSize, buildIDSize                  uint32
	nameAddr, buildIDAddr                  uint64
}

const coveringOrNext = 0x10 // PROCMAP_QUERY_COVERING_OR_NEXT_VMA

// longestQueryName is what the kernel's PROCMAP_QUERY takes at most, PATH_MAX.
const longestQueryName = 4096

// queryMapping asks for the mapping that holds a, or the next above; maps is an open
// maps file. The error is ENOENT where there is none, ENAMETOOLONG where the name is
// longer than PATH_MAX, ENOTTY where the kernel does not know the question.
func queryMapping(maps *os.File, a addr.Addr, name *[longestQueryName]byte) (Mapping, error) {
	arg := queryArg{flags: coveringOrNext, addr: uint64(a)}
	arg.size = uint64(unsafe.Sizeof(arg))
	if name != nil {
		var pin runtime.Pinner
		defer pin.Unpin()
		pin.Pin(name)
		arg.nameAddr, arg.nameSize = uint64(uintptr(unsafe.Pointer(name))), uint32(len(name))
	}
	_, err := ioctl(maps, procmapQuery, unsafe.Pointer(&arg))
	if err != nil {
		return Mapping{}, err
	}
	m := Mapping{
		Range: addr.Range{Lo: addr.Addr(arg.start), Hi: addr.Addr(arg.end)}, Perms: Perms(arg.vmaFlags & 0xf),
		Offset: addr.Bytes(arg.offset), Dev: Dev{arg.major, arg.minor}, Inode: arg.inode,
	}
	if name != nil && arg.nameSize > 0 {
		m.Name = string(name[:arg.nameSize-1]) // without the NUL
	}
	return m, nil
}

// robustList asks for the address of a thread's list of robust locks: the C library
// keeps it in its record of the thread.
func robustList(tid int) (head addr.Addr, err error) {
	var size uint64
	_, _, errno := unix.RawSyscall(unix.SYS_GET_ROBUST_LIST, uintptr(tid), uintptr(unsafe.Pointer(&head)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return 0, errno
	}
	return head, nil
}

// ioctl asks a question about f; arg points to a structure of the question's own.
func ioctl(f *os.File, question uintptr, arg unsafe.Pointer) (n int, err error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	outer := conn.Control(func(fd uintptr) {
		for {
			got, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, question, uintptr(arg))
			if errno == unix.EINTR {
				continue
			}
			if n = int(got); errno != 0 {
				err = errno
			}
			return
		}
	})
	return n, errors.Join(outer, err)
}
