package timing

import (
	"errors"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

// Touching asks what the first write to memory costs.
var Touching = &Study{
	Name:      "touch",
	Title:     "Writing to a page for the first time, and again",
	Question:  "Does memory cost something before it is used, and is the stack's cheaper to use first?",
	Cost:      Touch,
	Operation: "a byte written in one of so many pages in a row",
	Axis:      Axis{"pages", InPages, true},
	Baseline:  "stack, again",
	Notes:     []string{"huge pages are turned off for this memory, so that the kernel finds memory page by page"},
	Quick:     []int{1, 64, 1_024},
	Full:      []int{1, 8, 64, 512, 4_096, 32_768},

	Contenders: touchContenders,
}

// freshPages is how many pages a batch may have the kernel find, unless a single turn
// takes more: 64 MiB of the usual ones.
const freshPages = 16 << 10

func touchContenders(s *Setup, at int) ([]Contender, error) {
	page := s.Machine.page()
	var all []Contender
	for _, place := range []struct {
		what, of string
		open     func(n addr.Bytes) (area, error)
	}{
		{"stack", "a frame of memprobe's stack", openFrame},
		{"heap", "a block of memprobe's heap", openBlock},
		{"mapping", "a mapping fresh from mmap", openMapping},
	} {
		used, err := place.open(addr.Bytes(at * page))
		if err != nil {
			return nil, err
		}
		s.Finally(used.close)
		touch(used.mem, page)
		again := &touches{page: page, pages: at, area: used}
		first := &touches{page: page, pages: at, open: place.open}
		s.Finally(first.shut)
		to := "stack, first"
		if place.what == "stack" {
			to = "stack, again"
		}
		all = append(all,
			Contender{What: place.what + ", first", To: to, About: "the first write to each page of " + place.of, Do: first.first, Before: first.ready, Most: max(1, freshPages/at)},
			Contender{What: place.what + ", again", To: "stack, again", About: "another write to the same pages of " + place.of, Do: again.again, Notes: []string{"bytes a page apart compete for the same few lines of the nearest cache"}})
	}
	for i := range all {
		all[i].At, all[i].Ops = at, at
	}
	return all, nil
}

// area is memory, and how to give it back.
type area struct {
	mem   []byte
	close func() error
}

func openFrame(n addr.Bytes) (area, error) {
	return open(mmapheap.Config{Stack: n, Heap: 1}, func(r *mmapheap.Region) ([]byte, error) {
		_, err := r.Stack().Push(n)
		return r.Stack().Frame(), err
	})
}

func openBlock(n addr.Bytes) (area, error) {
	return open(mmapheap.Config{Heap: n, Stack: 1}, func(r *mmapheap.Region) ([]byte, error) {
		a, err := r.Heap().Alloc(n)
		if err != nil {
			return nil, err
		}
		return r.Heap().Bytes(a)
	})
}

// open takes memory from a region that is as good as new.
func open(c mmapheap.Config, take func(*mmapheap.Region) ([]byte, error)) (area, error) {
	region, err := mmapheap.Reserve(c)
	if err != nil {
		return area{}, err
	}
	mem, err := take(region)
	if err != nil {
		return area{}, errors.Join(err, region.Release())
	}
	return area{mem, region.Release}, nil
}

func openMapping(n addr.Bytes) (area, error) {
	mem, err := fresh(int(n))
	if err != nil {
		return area{}, err
	}
	_ = unix.Madvise(mem, unix.MADV_NOHUGEPAGE) // a kernel without huge pages refuses
	return area{mem, func() error { return unix.Munmap(mem) }}, nil
}

// touches writes to each of so many pages in a row, and does that some times over: to
// other pages each time, or to the same.
type touches struct {
	page, pages int
	area        area
	open        func(n addr.Bytes) (area, error)
}

// ready gets fresh pages for n turns.
func (l *touches) ready(n int) (err error) {
	if err := l.shut(); err != nil {
		return err
	}
	l.area, err = l.open(addr.Bytes(n * l.pages * l.page))
	return err
}

// shut gives back what ready got.
func (l *touches) shut() error {
	if l.area.mem == nil {
		return nil
	}
	shut := l.area.close
	l.area = area{}
	return shut()
}

func (l *touches) first(int) error {
	touch(l.area.mem, l.page)
	return nil
}

func (l *touches) again(n int) error {
	for range n {
		touch(l.area.mem, l.page)
	}
	return nil
}
