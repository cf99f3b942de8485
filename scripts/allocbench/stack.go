package main

import (
	"context"
	"encoding/binary"
	"errors"

	"memprobe/mmapheap"
)

// frames compares a frame of memprobe's stack with one of a Go function: two words
// are stored in it at places that the compiler does not know, one is read back.
// Push, Pop and Frame are inlined, and check the room, the frames and the bounds.
// Times are nanoseconds a frame; the loop around them is in both.
type frames struct {
	Size   int       `json:"bytes"`
	Own    []float64 `json:"memprobe_ns_rounds"`
	Call   []float64 `json:"call_ns_rounds"`
	OwnNs  float64   `json:"memprobe_ns"` // Push, Frame, the words, Pop
	CallNs float64   `json:"call_ns"`     // a call that is not inlined, the words, the return; Go zeroes such a frame first
	Ratio  float64   `json:"ratio"`       // memprobe's over the call's, the median round by round
}

// framePairs is how many frames a turn has.
const framePairs = 1 << 18

// frameSizes has the loops for each size, on memprobe's stack and as a call.
var frameSizes = []struct {
	size int
	own  func(s *mmapheap.Stack, n int) (uint64, error)
	call func(n int) uint64
}{
	{16, own16, calls16},
	{64, own64, calls64},
	{256, own256, calls256},
}

func measureStack(ctx context.Context, p plan) (all []frames, err error) {
	region, err := mmapheap.Reserve(mmapheap.Config{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, region.Release()) }()
	for _, f := range frameSizes {
		all = append(all, frames{Size: f.size})
	}
	for range p.rounds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for i, f := range frameSizes {
			var own, call []float64
			for range p.passes {
				begun := processor()
				sum, err := f.own(region.Stack(), framePairs)
				took := processor() - begun
				if err != nil {
					return nil, err
				}
				own = append(own, float64(took)/framePairs)
				begun = processor()
				same := f.call(framePairs)
				call = append(call, float64(processor()-begun)/framePairs)
				if sum != same {
					return nil, errors.New("the stack's frames and the calls' do not hold the same")
				}
			}
			all[i].Own, all[i].Call = append(all[i].Own, median(own)), append(all[i].Call, median(call))
		}
	}
	for i := range all {
		f := &all[i]
		f.OwnNs, f.CallNs, f.Ratio = median(f.Own), median(f.Call), ratio(f.Own, f.Call)
	}
	return all, nil
}

func own16(s *mmapheap.Stack, n int) (sum uint64, err error) {
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

func own64(s *mmapheap.Stack, n int) (sum uint64, err error) {
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

func own256(s *mmapheap.Stack, n int) (sum uint64, err error) {
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
