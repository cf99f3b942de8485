package layout

import "memprobe/layout/addr"

// Stack is the stack of one thread. Its range is what is set aside for the thread
// now, without the guard.
type Stack struct {
	addr.Range
	TID   int    // the thread's number; the first thread's is the process's
	Name  string // the thread's, byte for byte
	First bool   // the first thread's: the kernel makes it, and lets it grow

	SP      addr.Addr // the stack pointer; 0 where the kernel does not tell it
	FoundBy FoundBy

	Touched addr.Bytes // of its pages, bytes in memory or swapped out
	Deepest addr.Addr  // its lowest page that was ever touched; Hi where none was, 0 where pages can't be looked at
	Guard   addr.Range // never accessible, right below; empty where there is none
	Limit   addr.Bytes // how large the first thread's may grow (RLIMIT_STACK); 0 where there is no limit, or it is not known
}

// FoundBy says who vouches for a thread's stack.
type FoundBy string

const (
	FoundByKernel FoundBy = "the kernel's name"
	FoundBySP     FoundBy = "the thread's stack pointer"
	FoundByRecord FoundBy = "the C library's record of the thread, on the stack itself"
)

// ToGuard is the distance from the deepest touched page down to the guard's end, or
// where there is none to the stack's own: what was never used.
func (s Stack) ToGuard() (n addr.Bytes, known bool) {
	if s.Deepest == 0 {
		return 0, false
	}
	return s.Deepest.Sub(s.Lo), true
}

// StackAt is the stack, or its guard, that a lies in; nil where it lies in none.
func (s *Space) StackAt(a addr.Addr) *Stack {
	for i, stack := range s.Stacks {
		if stack.Contains(a) || stack.Guard.Contains(a) {
			return &s.Stacks[i]
		}
	}
	return nil
}
