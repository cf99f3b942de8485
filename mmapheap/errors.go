package mmapheap

import (
	"errors"
	"fmt"

	"memprobe/layout/addr"
)

// Reasons that the errors of this package carry; test for them with errors.Is.
var (
	// ErrReleased: the region has been given back.
	ErrReleased = errors.New("the region is released")
	// ErrOccupied: something is mapped where Config.Base wants the region.
	ErrOccupied = errors.New("the addresses are in use")
	// ErrNoSpace: no free block of the heap is large enough.
	ErrNoSpace = errors.New("no free block is large enough")

	// ErrDoubleFree: the address lies in a free block, below the heap's highest
	// byte ever used. That is all that can be known without generations: a block
	// that began there has been freed, or one did that covered the address, or
	// the address was made up. A freed block whose address has been handed out
	// again looks like any block in use.
	ErrDoubleFree = errors.New("the block is already free")
	// ErrNotABlock: no block ever began at the address, for one of the reasons below.
	ErrNotABlock = errors.New("not the start of a block")
	// ErrNull: the address is 0.
	ErrNull error = notABlock("the null address")
	// ErrForeign: the address is not one of the heap's.
	ErrForeign error = notABlock("outside the heap")
	// ErrMisaligned: the address is in the heap, but not a multiple of 16.
	ErrMisaligned error = notABlock("not a multiple of 16, as every block's address is")
	// ErrInterior: the address is inside a block, behind its start.
	ErrInterior error = notABlock("inside a block, not at its start")
	// ErrUntouched: the address is in heap memory that no block has ever covered.
	ErrUntouched error = notABlock("in heap memory that was never allocated")

	// ErrStackOverflow: the frame does not fit above the guard page.
	ErrStackOverflow = errors.New("stack overflow")
	// ErrStackEmpty: there is no frame to pop.
	ErrStackEmpty = errors.New("the stack has no frame")
	// ErrStaleCaller: other frames have been pushed or popped since.
	ErrStaleCaller = errors.New("the stack has other frames than the caller knows of")

	// ErrGuard: the access runs into a guard page.
	ErrGuard = errors.New("in a guard page")
	// ErrUncommitted: the access runs into reserved memory that is not committed.
	ErrUncommitted = errors.New("in reserved memory that is not committed")
	// ErrOutside: the access runs out of the region.
	ErrOutside = errors.New("outside the region")
)

// notABlock is a reason that is also ErrNotABlock.
type notABlock string

func (r notABlock) Error() string { return string(r) }

func (r notABlock) Is(target error) bool { return target == ErrNotABlock }

// BlockError reports an address that the heap was given and that is not one of
// a block in use. The heap is as it was.
type BlockError struct {
	Op   string     // "free", "resize", "bytes" or "block"
	Addr addr.Addr  // the address as given
	In   addr.Range // the block in use that Addr lies in, if it is ErrInterior
	Err  error      // one of the reasons above
}

func (e *BlockError) Error() string {
	if e.Err == ErrInterior {
		return fmt.Sprintf("%s %v: %d bytes inside the block at %v, not at its start", e.Op, e.Addr, e.Addr.Sub(e.In.Lo), e.In.Lo)
	}
	return fmt.Sprintf("%s %v: %v", e.Op, e.Addr, e.Err)
}

func (e *BlockError) Unwrap() error { return e.Err }

// StackError reports a push or a pop that can't be done. The stack is as it was.
type StackError struct {
	Op   string     // "push" or "pop"
	Size addr.Bytes // what was to be pushed
	Addr addr.Addr  // for an overflow the address at which the kernel stopped it; else the stack pointer
	Err  error      // ErrStackOverflow, ErrStackEmpty, ErrStaleCaller, ErrReleased or the kernel's refusal
}

func (e *StackError) Error() string {
	switch {
	case e.Err == ErrStackOverflow:
		return fmt.Sprintf("%s %d bytes: %v at %v: the guard page below the stack", e.Op, e.Size, e.Err, e.Addr)
	case e.Op == "push":
		return fmt.Sprintf("%s %d bytes at %v: %v", e.Op, e.Size, e.Addr, e.Err)
	}
	return fmt.Sprintf("%s at %v: %v", e.Op, e.Addr, e.Err)
}

func (e *StackError) Unwrap() error { return e.Err }

// AccessError reports a load or a store that touches memory that is not
// accessible. No byte has been moved.
type AccessError struct {
	Op    string     // "load" or "store"
	Addr  addr.Addr  // where the access begins
	Size  addr.Bytes // how long it is
	Fault addr.Addr  // the first of its addresses that is not accessible
	Err   error      // ErrGuard, ErrUncommitted, ErrOutside or ErrReleased
}

func (e *AccessError) Error() string {
	if e.Fault == e.Addr {
		return fmt.Sprintf("%s %d bytes at %v: %v", e.Op, e.Size, e.Addr, e.Err)
	}
	return fmt.Sprintf("%s %d bytes at %v: %v is %v", e.Op, e.Size, e.Addr, e.Fault, e.Err)
}

func (e *AccessError) Unwrap() error { return e.Err }
