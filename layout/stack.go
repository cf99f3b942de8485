package layout

import (
	"slices"

	"memprobe/layout/addr"
)

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

	// What lies above the frames, at the upper end. Zero is not known.
	Start  addr.Addr  // of the first thread's: from here up is what the kernel put there before the program ran
	Record addr.Addr  // of another's: from here up is the C library's record of the thread, and on some machines its variables
	Vars   addr.Range // right below a record: the thread's copy of the program's variables that each thread has (__thread)
}

// FoundBy says who vouches for a thread's stack.
type FoundBy string

const (
	FoundByKernel FoundBy = "the kernel's name"
	FoundByRecord FoundBy = "the C library's record of the thread, on the stack itself"
)

// ToGuard is the distance from the deepest touched page down to the guard's end, or
// where there is none to the stack's own: what is not in memory.
func (s Stack) ToGuard() (n addr.Bytes, known bool) {
	if s.Deepest == 0 {
		return 0, false
	}
	return s.Deepest.Sub(s.Lo), true
}

// Depth is how deep the stack is now: from the stack pointer up to what is known to be
// no frame. A library's variables of the thread count with the frames.
func (s Stack) Depth() (n addr.Bytes, known bool) {
	top := s.Hi
	for _, above := range []addr.Addr{s.Start, s.Record, s.Vars.Lo} {
		if above != 0 {
			top = min(top, above)
		}
	}
	if s.SP == 0 || s.SP > top {
		return 0, false
	}
	return top.Sub(s.SP), true
}

// Use is what memory is for that lies on a stack, but in no frame.
type Use string

const (
	UseArguments   Use = "arguments"   // the text of the program's
	UseEnvironment Use = "environment" // the text of its variables
	UseStart       Use = "start"       // argc, the pointers to both, the auxiliary vector, the program's path

	UseThreadVars   Use = "thread variables" // those that each thread has a copy of (__thread)
	UseThreadRecord Use = "thread record"    // the C library's
	UseThread       Use = "thread variables and record"
)

// UseOf says what a is for; empty where that is not known, or a may lie in a frame.
func (s *Space) UseOf(a addr.Addr) Use {
	stack := s.StackAt(a)
	switch {
	case s.Args.Contains(a):
		return UseArguments
	case s.Env.Contains(a):
		return UseEnvironment
	case stack == nil:
	case stack.Start != 0 && a >= stack.Start:
		return UseStart
	case stack.Vars.Contains(a):
		return UseThreadVars
	case stack.Record != 0 && a >= stack.Record && stack.Vars.Lo != 0:
		return UseThreadRecord
	case stack.Record != 0 && a >= stack.Record:
		return UseThread
	}
	return ""
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

// FirstIsElsewhere reports whether the first thread runs on another stack than the one
// that the kernel made: a process that another thread has forked goes on with that one's.
func (s *Space) FirstIsElsewhere() bool {
	return slices.ContainsFunc(s.Stacks, func(k Stack) bool { return k.TID == s.PID && !k.First })
}
