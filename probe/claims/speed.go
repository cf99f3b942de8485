package claims

import (
	"context"
	"fmt"
	"slices"
	"time"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
	"memprobe/probe/timing"
)

// What is timed: the sizes of what is allocated, and of what is read.
const (
	smallSize = 64
	largeSize = 64 << 10
	nearSet   = 16 << 10 // within the nearest cache
	farSet    = 64 << 20 // beyond the caches of most cores
)

// times has two of the benchmark's studies, with few points, and one of its own.
func times(ctx context.Context) (*timing.Result, error) {
	size, access := *timing.Size, *timing.Accessing
	size.Quick, access.Quick = []int{smallSize, largeSize}, []int{nearSet, farSet}
	plan := timing.QuickPlan()
	plan.Studies = []*timing.Study{&size, &access, freeing}
	plan.Rounds, plan.Batch, plan.Budget = 24, time.Millisecond, 5*time.Second
	return timing.Run(ctx, plan)
}

// freeing times two things that one of the lessons compares: giving a block back, and
// reading a value on the stack.
var freeing = &timing.Study{
	Name:      "freeing",
	Title:     "Freeing a block, and reading from the stack",
	Question:  "Is it slower to free a block than to read a value?",
	Cost:      timing.Allocate,
	Operation: "one block freed, or one word read",
	Axis:      timing.Axis{Name: "size", Unit: timing.InBytes, Log: true},
	Baseline:  "read on the stack",
	Quick:     []int{smallSize},
	Full:      []int{smallSize},

	Contenders: func(s *timing.Setup, at int) ([]timing.Contender, error) {
		region, err := mmapheap.Reserve(mmapheap.Config{})
		if err != nil {
			return nil, err
		}
		s.Finally(region.Release)
		if _, err := region.Stack().Push(nearSet); err != nil {
			return nil, err
		}
		f := &freeBlocks{heap: region.Heap(), size: addr.Bytes(at)}
		return []timing.Contender{
			{What: "read on the stack", At: at, About: "a word of an array in a frame", Do: (&readFrame{words: region.Stack().Frame()}).run},
			{What: "free", At: at, About: "Free of a block of memprobe's heap", Before: f.allocate, Do: f.run, Most: mostBlocks},
		}, nil
	},
}

// mostBlocks is how many blocks a batch frees at most.
const mostBlocks = 50_000

// freeBlocks frees blocks that were allocated before.
type freeBlocks struct {
	heap   *mmapheap.Heap
	size   addr.Bytes
	blocks []addr.Addr
}

func (f *freeBlocks) allocate(n int) error {
	f.blocks = slices.Grow(f.blocks[:0], n)
	for range n {
		a, err := f.heap.Alloc(f.size)
		if err != nil {
			return err
		}
		f.blocks = append(f.blocks, a)
	}
	return nil
}

func (f *freeBlocks) run(int) error {
	for _, a := range f.blocks {
		if err := f.heap.Free(a); err != nil {
			return err
		}
	}
	return nil
}

// readFrame reads one word after the other; the sum is kept, so that nothing can be
// left out.
type readFrame struct {
	words []byte
	sum   uint64
}

func (r *readFrame) run(n int) error {
	const word = 8
	for at := 0; n > 0; n-- {
		if at+word > len(r.words) {
			at = 0
		}
		r.sum += uint64(r.words[at]) | uint64(r.words[at+1])<<8 | uint64(r.words[at+2])<<16 | uint64(r.words[at+3])<<24 |
			uint64(r.words[at+4])<<32 | uint64(r.words[at+5])<<40 | uint64(r.words[at+6])<<48 | uint64(r.words[at+7])<<56
		at += word
	}
	return nil
}

// timing is what was timed of a contender.
func (l *Lab) timing(study, what string, at int) (t *timing.Timing, from string) {
	s := l.timed().Study(study)
	if s == nil {
		lose("study %s was not timed", study)
	}
	if t = s.Of(what, at); t == nil {
		lose("%s was not timed at %d", what, at)
	}
	return t, fmt.Sprintf("timed, %s, %s", study, short(addr.Bytes(at)))
}

// took is how long an operation takes.
func (l *Lab) took(name, study, what string, at int) Item {
	t, from := l.timing(study, what, at)
	return Item{Name: name, Value: Figure{Median: t.Median, CI95: t.CI95, Unit: "ns"}, From: from}
}

// ratio is how many times longer it takes than what it is compared with.
func (l *Lab) ratio(name, study, what string, at int) Item {
	t, from := l.timing(study, what, at)
	if t.Ratio == nil {
		return Item{Name: name, From: from, Missing: fmt.Sprintf("%s was compared with nothing", what)}
	}
	return Item{Name: name, Value: Figure{Median: t.Ratio.Median, CI95: t.Ratio.CI95, Unit: "times", Verdict: t.Ratio.Verdict}, From: from}
}

// slower and unclear say what the measurement found of a ratio.
func (f Figure) slower() bool  { return f.Verdict == timing.Slower }
func (f Figure) unclear() bool { return f.Verdict == timing.TooFewRounds || f.Verdict == "" }

// verdict is a ratio in a sentence, and what was found of it unless it is slower.
func (f Figure) verdict() string {
	if f.slower() {
		return f.times()
	}
	return fmt.Sprintf("%s (%s)", f.times(), f.Verdict)
}

// times is a ratio in a sentence.
func (f Figure) times() string { return significant(f.Median) + " times" }
