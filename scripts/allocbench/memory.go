package main

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// mapped is memory for n elements outside Go's heap, so that what the harness
// itself needs is nothing for the collector. It stays until the process ends.
func mapped[T uint32 | uint64 | addr.Addr | op](n int) ([]T, error) {
	var element T
	size := max(1, n) * int(unsafe.Sizeof(element))
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes: %w", size, err)
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(mem))), n), nil
}

// unmap ends what mapped began.
func unmap[T uint32 | uint64 | addr.Addr | op](all []T) error {
	var element T
	size := max(1, len(all)) * int(unsafe.Sizeof(element))
	return unix.Munmap(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(all))), size))
}

// addrOf is where a slice from mapped lies.
func addrOf(words []uint64) addr.Addr {
	return addr.Addr(uintptr(unsafe.Pointer(unsafe.SliceData(words))))
}

// touch writes one byte.
func touch(a addr.Addr) { *(*byte)(unsafe.Add(nil, a)) = 1 }

// fill writes n bytes.
func fill(a addr.Addr, n uint32) {
	mem := unsafe.Slice((*byte)(unsafe.Add(nil, a)), n)
	for i := range mem {
		mem[i] = 1
	}
}

// writeOps writes the operations as they lie in memory, for the C replayer.
func writeOps(file string, ops []op) error {
	size := len(ops) * int(unsafe.Sizeof(op{}))
	return os.WriteFile(file, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(ops))), size), 0o600)
}
