//go:build cgo

package main

/*
#include <stdlib.h>
#include <stdint.h>

static int zeroed[2000], initialised[4] = {1, 2, 3, 4};
static void *brk_heap;

static uintptr_t c_zeroed(void) { zeroed[1]++; return (uintptr_t)&zeroed[1000]; }
static uintptr_t c_initialised(void) { initialised[1]++; return (uintptr_t)initialised; }
static uintptr_t c_heap(void) { brk_heap = malloc(100); return (uintptr_t)brk_heap; }
static uintptr_t c_library(void) { return (uintptr_t)&malloc; }
static uintptr_t c_stack(void) { volatile char here = 1; return (uintptr_t)&here + here - 1; }
*/
import "C"

import "runtime"

func init() {
	runtime.LockOSThread() // main runs on the first thread, whose malloc uses brk
}

func showC() {
	show("c_zeroed", uintptr(C.c_zeroed()))
	show("c_initialised", uintptr(C.c_initialised()))
	show("c_heap", uintptr(C.c_heap()))
	show("c_library", uintptr(C.c_library()))
	show("c_stack", uintptr(C.c_stack()))
	done := make(chan uintptr)
	go func() {
		runtime.LockOSThread()
		done <- uintptr(C.c_stack())
		select {}
	}()
	show("c_thread", <-done)
}
