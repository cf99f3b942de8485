package timing

import (
	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

// liveSize is the size of all blocks and frames where something else is varied.
const liveSize addr.Bytes = 64

// Live asks whether it matters how much else is in use.
var Live = &Study{
	Name:      "live",
	Title:     "Getting 64 bytes and giving them back, beside blocks in use",
	Question:  "Does it take longer to get bytes when many other blocks are in use?",
	Cost:      Allocate,
	Operation: "64 bytes got and given back, while so many other blocks of 64 bytes stay in use",
	Axis:      Axis{"blocks in use", InBlocks, true},
	Baseline:  "stack",
	Quick:     []int{10, 1_000, 100_000},
	Full:      []int{10, 100, 1_000, 10_000, 100_000, 1_000_000},

	Apart:      true, // Go's collector looks at all that Go has in use
	Weight:     2,
	Contenders: liveContenders,
}

func liveContenders(s *Setup, at int) ([]Contender, error) {
	room := addr.Bytes(at+1) * liveSize
	region, err := s.region(mmapheap.Config{Heap: max(room, mmapheap.DefaultHeap), Stack: max(room, mmapheap.DefaultStack)})
	if err != nil {
		return nil, err
	}
	blocks := make([][]byte, at)
	for i := range at {
		if _, err := region.Stack().Push(liveSize); err != nil {
			return nil, err
		}
		if _, err := region.Heap().Alloc(liveSize); err != nil {
			return nil, err
		}
		blocks[i] = make([]byte, liveSize)
	}
	s.Finally(func() error { // which keeps them in use until then
		clear(blocks)
		return nil
	})
	made := makeContender(liveSize)
	made.Least = max(made.Least, 2*at) // in which time the heap doubles
	return placed(at, []Contender{
		{
			What: "stack", About: "Push and Pop of a frame, on top of so many others",
			Do: (&stackPairs{stack: region.Stack(), size: liveSize}).run,
		},
		{
			What: "heap", About: "Alloc and Free of a block, behind so many others without a hole between them",
			Do: (&heapPairs{heap: region.Heap(), size: liveSize}).run,
		},
		made,
	}), nil
}
