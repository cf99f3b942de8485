// Command child prints where values of its own lie, one "name address" a line, and
// then waits for its standard input to end.
package main

import (
	"io"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

var (
	text        = "a constant that lies in rodata"
	initialised = [4]int{1, 2, 3, 4}
	zeroed      [1000]int
	pointer     = &initialised
	heap        *[64]int
	garbage     [][]byte
)

func show(name string, a uintptr) {
	os.Stdout.WriteString(name + " " + strconv.FormatUint(uint64(a), 16) + "\n")
}

//go:noinline
func main() {
	heap = new([64]int)
	for range 1000 {
		garbage = append(garbage, make([]byte, 4<<10))
	}
	runtime.GC()
	mapped, err := syscall.Mmap(-1, 0, 3*os.Getpagesize(), syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err == nil {
		err = syscall.Mprotect(mapped[os.Getpagesize():2*os.Getpagesize()], syscall.PROT_READ|syscall.PROT_WRITE)
	}
	if err != nil {
		panic(err)
	}
	zeroed[1] = 1
	unix.Getrandom(make([]byte, 8), 0) // the runtime maps a page for it
	show("function", reflect.ValueOf(main).Pointer())
	show("constant", reflect.ValueOf(text).Pointer())
	show("initialised", reflect.ValueOf(&initialised).Pointer())
	show("pointer", reflect.ValueOf(&pointer).Pointer())
	show("zeroed", reflect.ValueOf(&zeroed).Pointer())
	show("heap", reflect.ValueOf(heap).Pointer())
	show("mapped", reflect.ValueOf(&mapped[os.Getpagesize()]).Pointer())
	showC()
	show("end", 0)
	io.Copy(io.Discard, os.Stdin)
}
