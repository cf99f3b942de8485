package main

import (
	"context"
	"encoding/binary"
	"errors"
	"math"

	"memprobe/mmapheap"
)

// frames compares a frame of memprobe's stack with one of a Go function: two words
// are stored in it at places that the compiler does not know, one is read back.
// Enter and Leave, and Push, Frame and Pop, are inlined, and check the room, the frames
// and the bounds. Times are nanoseconds a frame; the loop around them is in all.
type frames struct {
	Size        int       `json:"bytes"`
	Entered     []float64 `json:"memprobe_ns_rounds"`
	Pushed      []float64 `json:"push_ns_rounds"`
	Call        []float64 `json:"call_ns_rounds"`
	EnteredNs   float64   `json:"memprobe_ns"` // Enter, the words, Leave
	PushedNs    float64   `json:"push_ns"`     // Push, Frame, the words, Pop
	CallNs      float64   `json:"call_ns"`     // a call that is not inlined, the words, the return; Go zeroes such a frame first
	Ratio       float64   `json:"ratio"`       // of Entered over Call, the median round by round
	PushedRatio float64   `json:"push_ratio"`  // likewise of Pushed
}

// framePairs is how many frames a turn has, framePasses how many turns a round: the
// fastest counts, as what else runs on the same core slows the others.
const (
	framePairs  = 1 << 18
	framePasses = 20
)

// frameSizes has the loops for each size, on memprobe's stack and as a call.
var frameSizes = []struct {
	size    int
	entered func(s *mmapheap.Stack, n int) (uint64, error)
	pushed  func(s *mmapheap.Stack, n int) (uint64, error)
	call    func(n int) uint64
}{
	{16, entered16, pushed16, calls16},
	{64, entered64, pushed64, calls64},
	{256, entered256, pushed256, calls256},
}

// errNotEntered can't happen: measureStack has seen to it that the memory is committed.
var errNotEntered = errors.New("a frame of the stack was not entered or not left")

func measureStack(ctx context.Context, p plan) (all []frames, err error) {
	region, err := mmapheap.Reserve(mmapheap.Config{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, region.Release()) }()
	s := region.Stack()
	if err := ready(s); err != nil {
		return nil, err
	}
	for _, f := range frameSizes {
		all = append(all, frames{Size: f.size})
	}
	for range p.rounds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for i, f := range frameSizes {
			ways := []func() (uint64, error){
				func() (uint64, error) { return f.entered(s, framePairs) },
				func() (uint64, error) { return f.pushed(s, framePairs) },
				func() (uint64, error) { return f.call(framePairs), nil },
			}
			ns := []float64{math.Inf(1), math.Inf(1), math.Inf(1)}
			sums := make([]uint64, len(ways))
			for range framePasses {
				for w, run := range ways {
					begun := processor()
					sums[w], err = run()
					ns[w] = min(ns[w], float64(processor()-begun)/framePairs)
					if err != nil {
						return nil, err
					}
				}
			}
			if sums[0] != sums[2] || sums[1] != sums[2] {
				return nil, errors.New("the stack's frames and the calls' do not hold the same")
			}
			all[i].Entered, all[i].Pushed, all[i].Call = append(all[i].Entered, ns[0]), append(all[i].Pushed, ns[1]), append(all[i].Call, ns[2])
		}
	}
	for i := range all {
		f := &all[i]
		f.EnteredNs, f.PushedNs, f.CallNs = median(f.Entered), median(f.Pushed), median(f.Call)
		f.Ratio, f.PushedRatio = ratio(f.Entered, f.Call), ratio(f.Pushed, f.Call)
	}
	return all, nil
}

// ready has memory committed for any of the frames: the stack keeps it.
func ready(s *mmapheap.Stack) error {
	_, err := s.Push(4096)
	return errors.Join(err, s.Pop())
}

func entered16(s *mmapheap.Stack, n int) (sum uint64, err error) {
	caller := s.Caller()
	for i := range uint64(n) {
		bytes, entered := caller.Enter(16)
		if !entered {
			return 0, errNotEntered
		}
		frame := (*[16]byte)(bytes)
		binary.NativeEndian.PutUint64(frame[i&1*8:], i)
		binary.NativeEndian.PutUint64(frame[(i+1)&1*8:], sum)
		sum += binary.NativeEndian.Uint64(frame[i&1*8:])
		if !caller.Leave() {
			return 0, errNotEntered
		}
	}
	return sum, nil
}

func entered64(s *mmapheap.Stack, n int) (sum uint64, err error) {
	caller := s.Caller()
	for i := range uint64(n) {
		bytes, entered := caller.Enter(64)
		if !entered {
			return 0, errNotEntered
		}
		frame := (*[64]byte)(bytes)
		binary.NativeEndian.PutUint64(frame[i&7*8:], i)
		binary.NativeEndian.PutUint64(frame[(i+1)&7*8:], sum)
		sum += binary.NativeEndian.Uint64(frame[i&7*8:])
		if !caller.Leave() {
			return 0, errNotEntered
		}
	}
	return sum, nil
}

func entered256(s *mmapheap.Stack, n int) (sum uint64, err error) {
	caller := s.Caller()
	for i := range uint64(n) {
		bytes, entered := caller.Enter(256)
		if !entered {
			return 0, errNotEntered
		}
		frame := (*[256]byte)(bytes)
		binary.NativeEndian.PutUint64(frame[i&31*8:], i)
		binary.NativeEndian.PutUint64(frame[(i+1)&31*8:], sum)
		sum += binary.NativeEndian.Uint64(frame[i&31*8:])
		if !caller.Leave() {
			return 0, errNotEntered
		}
	}
	return sum, nil
}

func pushed16(s *mmapheap.Stack, n int) (sum uint64, err error) {
	for i := range uint64(n) {
		if _, err := s.Push(16); err != nil {
			return 0, err
		}
		frame := (*[16]byte)(s.Frame())
		binary.NativeEndian.PutUint64(frame[i&1*8:], i)
		binary.NativeEndian.PutUint64(frame[(i+1)&1*8:], sum)
		sum += binary.NativeEndian.Uint64(frame[i&1*8:])
		if err := s.Pop(); err != nil {
			return 0, err
		}
	}
	return sum, nil
}

func pushed64(s *mmapheap.Stack, n int) (sum uint64, err error) {
	for i := range uint64(n) {
		if _, err := s.Push(64); err != nil {
			return 0, err
		}
		frame := (*[64]byte)(s.Frame())
		binary.NativeEndian.PutUint64(frame[i&7*8:], i)
		binary.NativeEndian.PutUint64(frame[(i+1)&7*8:], sum)
		sum += binary.NativeEndian.Uint64(frame[i&7*8:])
		if err := s.Pop(); err != nil {
			return 0, err
		}
	}
	return sum, nil
}

func pushed256(s *mmapheap.Stack, n int) (sum uint64, err error) {
	for i := range uint64(n) {
		if _, err := s.Push(256); err != nil {
			return 0, err
		}
		frame := (*[256]byte)(s.Frame())
		binary.NativeEndian.PutUint64(frame[i&31*8:], i)
		binary.NativeEndian.PutUint64(frame[(i+1)&31*8:], sum)
		sum += binary.NativeEndian.Uint64(frame[i&31*8:])
		if err := s.Pop(); err != nil {
			return 0, err
		}
	}
	return sum, nil
}

func calls16(n int) (sum uint64) {
	for i := range uint64(n) {
		sum += call16(i, sum)
	}
	return sum
}

//go:noinline
func call16(i, sum uint64) uint64 {
	var frame [2]uint64
	frame[i&1] = i
	frame[(i+1)&1] = sum
	return frame[i&1]
}

func calls64(n int) (sum uint64) {
	for i := range uint64(n) {
		sum += call64(i, sum)
	}
	return sum
}

//go:noinline
func call64(i, sum uint64) uint64 {
	var frame [8]uint64
	frame[i&7] = i
	frame[(i+1)&7] = sum
	return frame[i&7]
}

func calls256(n int) (sum uint64) {
	for i := range uint64(n) {
		sum += call256(i, sum)
	}
	return sum
}

//go:noinline
func call256(i, sum uint64) uint64 {
	var frame [32]uint64
	frame[i&31] = i
	frame[(i+1)&31] = sum
	return frame[i&31]
}
