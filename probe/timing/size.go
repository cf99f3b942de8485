package timing

import (
	"bytes"
	"errors"
	"fmt"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

// Size asks what bytes cost by how many they are.
var Size = &Study{
	Name:      "size",
	Title:     "Getting bytes and giving them back, by size",
	Question:  "Is it faster to get bytes on the stack than from a heap?",
	Cost:      Allocate,
	Operation: "bytes got and given back; nothing is written to them, unless a contender says so",
	Axis:      Axis{"size", InBytes, true},
	Baseline:  "stack",
	Quick:     []int{8, 64, 1 << 10, 64 << 10, 1 << 20},
	Full:      []int{8, 16, 64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20},

	Weight:     3,
	Contenders: sizeContenders,
}

func sizeContenders(s *Setup, at int) ([]Contender, error) {
	region, err := s.region(mmapheap.Config{})
	if err != nil {
		return nil, err
	}
	size := addr.Bytes(at)
	if err := tryOut(region, size); err != nil {
		return nil, err
	}
	all := []Contender{
		{
			What: "stack", About: "Push and Pop of a frame on memprobe's stack",
			Notes: []string{"a compiled function moves the stack pointer and no more; Push also looks for room and keeps where the frame begins"},
			Do:    (&stackPairs{stack: region.Stack(), size: size}).run,
		},
		{
			What: "heap", About: "Alloc and Free of a block of memprobe's heap, first fit",
			Notes: []string{"nothing else is in use, so the search ends at once, and always at the same block"},
			Do:    (&heapPairs{heap: region.Heap(), size: size}).run,
		},
		makeContender(size),
	}
	if call, ok := callOf[size]; ok {
		all = append(all, call)
	}
	if size >= addr.Bytes(s.Machine.page()) {
		all = append(all, mapContenders(s.Machine, size)...)
	}
	return placed(at, all), nil
}

// placed puts all contenders at a point.
func placed(at int, all []Contender) []Contender {
	for i := range all {
		all[i].At = at
	}
	return all
}

// stackPairs pushes frames and pops them. The addresses are added up, so that
// none of it can be left out; so they are in the other loops.
type stackPairs struct {
	stack *mmapheap.Stack
	size  addr.Bytes
	sum   addr.Addr
}

func (l *stackPairs) run(n int) error {
	stack, size, sum := l.stack, l.size, l.sum
	for range n {
		a, err := stack.Push(size)
		if err != nil {
			return err
		}
		sum += a
		if err := stack.Pop(); err != nil {
			return err
		}
	}
	l.sum = sum
	return nil
}

// heapPairs allocates blocks and frees them.
type heapPairs struct {
	heap *mmapheap.Heap
	size addr.Bytes
	sum  addr.Addr
}

func (l *heapPairs) run(n int) error {
	heap, size, sum := l.heap, l.size, l.sum
	for range n {
		a, err := heap.Alloc(size)
		if err != nil {
			return err
		}
		sum += a
		if err := heap.Free(a); err != nil {
			return err
		}
	}
	l.sum = sum
	return nil
}

// tryOut sees that the region has memory for n bytes on its stack and in its heap:
// it fills them, reads them back and gives them back. Later operations get the
// same memory, whose pages are there by then.
func tryOut(r *mmapheap.Region, n addr.Bytes) error {
	frame, err := r.Stack().Push(n)
	if err != nil {
		return err
	}
	block, err := r.Heap().Alloc(n)
	if err != nil {
		return err
	}
	want, got := bytes.Repeat([]byte{0xa5}, int(n)), make([]byte, n)
	for _, a := range []addr.Addr{frame, block} {
		if err := errors.Join(r.Store(a, want), r.Load(a, got)); err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%d bytes at %v: not what was stored there", n, a)
		}
	}
	return errors.Join(r.Heap().Free(block), r.Stack().Pop())
}
