package mmapheap

import "memprobe/layout/addr"

// Caller is a frame that others are pushed from, or the end of a stack without
// frames, for whoever keeps it as a processor keeps the stack pointer: at hand.
//
//	caller := stack.Caller()
//	frame, entered := caller.Enter(64)
//	if !entered {
//		frame, err = caller.Push(64)
//	}
//	...
//	caller.Leave()
//
// That is Stack.Push, Frame and Pop in half the time. Those must find out which the
// newest frame is from what the one before has just stored, and so wait for it; a
// Caller knows, and only looks whether it is right. All frames are noted in the stack
// at once, so both ways may be mixed, and the code of a frame makes a Caller of its own
// for what it calls.
//
// A Caller stands for a number of frames and holds nothing else: it is good
// whenever the stack has that many of them, and refused while it has others. The
// zero Caller is of no stack, and not to be used.
type Caller struct {
	stack *Stack
	notes *[2]addr.Addr // where the frame begins, and where the next one does
	top   addr.Addr     // where notes are: what Stack.top is while there is no next one
}

// Push is Enter for any frame: it commits memory where that is needed, and says why a
// frame can't be pushed. Its errors are those of Stack.Push, and ErrStaleCaller.
func (c Caller) Push(size addr.Bytes) ([]byte, error) {
	s := c.stack
	if s.mem != nil && s.top != c.top {
		return nil, &StackError{"push", size, s.SP(), ErrStaleCaller}
	}
	if p := s.pushRarely(size); p.err != nil {
		return nil, p.err
	}
	return s.Frame()[:size:size], nil
}

// Pop is Leave with an error: ErrStackEmpty if the stack has no frame, ErrStaleCaller if
// its newest one was not pushed from c.
func (c Caller) Pop() error {
	s := c.stack
	switch {
	case c.Leave():
		return nil
	case s.Depth() == 0:
		return s.noFrame()
	}
	return &StackError{"pop", 0, s.SP(), ErrStaleCaller}
}
