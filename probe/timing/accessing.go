package timing

import (
	"encoding/binary"
	"errors"
	"fmt"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

// Accessing asks what it takes to read what is there, by where it is and how one gets
// to it.
var Accessing = &Study{
	Name:      "access",
	Title:     "Reading the same data on the stack, on the heap, and through pointers",
	Question:  "Is it slower to read data on the heap, or to follow pointers to it?",
	Cost:      Access,
	Operation: "one word read from one of many elements of 64 bytes, which are so many bytes together",
	Axis:      Axis{"working set", InBytes, true},
	Baseline:  "stack, in place",
	Quick:     []int{16 << 10, 1 << 20, 16 << 20, 128 << 20},
	Full:      []int{4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20, 256 << 20},

	Apart:      true, // for the memory that they take
	Points:     workingSets,
	Weight:     2,
	Contenders: accessContenders,
}

// element is the size of an element, a line of the caches; wordSize that of what is
// read of it.
const (
	element  = 64
	wordSize = 8
)

// An element holds three words, each at its place.
const (
	value    = 0  // what is read
	inOrder  = 8  // where the next element is, in the order of allocation
	atRandom = 16 // where the next element is, in an order drawn at random
)

// mostMemory is the share of the machine's memory that a working set may have: it is
// there three times, and pointers take a quarter of it.
const mostMemory = 12

// workingSets leaves out what is too much for the machine, and adds to a full run what
// is beyond its last cache if that takes no more than a GiB.
func workingSets(m Machine, points []int) (chosen []int, notes []string) {
	last := int(m.LastCache())
	for len(points) > 6 && last > 0 && points[len(points)-1] < 2*last && points[len(points)-1] < 1<<30 {
		points = append(points[:len(points):len(points)], 2*points[len(points)-1])
	}
	for _, n := range points {
		if m.Memory > 0 && addr.Bytes(n) > m.Memory/mostMemory {
			notes = append(notes, fmt.Sprintf("%d MiB and more are left out: the machine has too little memory", n>>20))
			break
		}
		chosen = append(chosen, n)
	}
	if len(chosen) > 0 && chosen[len(chosen)-1] <= last {
		notes = append(notes, fmt.Sprintf("the largest working set, %d MiB, still fits into the last cache, of %d MiB", chosen[len(chosen)-1]>>20, last>>20))
	}
	return chosen, notes
}

func accessContenders(s *Setup, at int) ([]Contender, error) {
	n := addr.Bytes(at)
	region, err := s.region(mmapheap.Config{Heap: 3 * n, Stack: n})
	if err != nil {
		return nil, err
	}
	if _, err := region.Stack().Push(n); err != nil {
		return nil, err
	}
	frame := region.Stack().Frame()
	array, err := block(region.Heap(), n)
	if err != nil {
		return nil, err
	}
	heap, err := elements(region.Heap(), n)
	if err != nil {
		return nil, err
	}
	ordered, shuffled, err := pointers(region.Heap(), n)
	if err != nil {
		return nil, err
	}
	order := drawn(at / element)
	link(heap, order)
	copy(frame, heap)
	copy(array, heap)
	for i, k := range order {
		put(ordered, i*wordSize, i*element)
		put(shuffled, i*wordSize, int(k)*element)
	}

	warm := func(mem ...[]byte) func(int) error { return warmed(at, mem) }
	independent := "the processor need not wait for one read to begin the next ones"
	dependent := "each read has to wait for the one before, which tells where the next element is: the time is that of one read from start to end"
	return placed(at, []Contender{
		{
			What: "stack, in place", About: "the elements of an array in a frame of memprobe's stack, one after the other",
			Notes: []string{independent}, Do: (&inPlace{data: frame}).run, Before: warm(frame),
		},
		{
			What: "heap, in place", About: "the elements of an array in memprobe's heap, one after the other",
			Notes: []string{independent, "which pages the kernel has found for the two may make one of them faster in this run and slower in the next"},
			Do:    (&inPlace{data: array}).run, Before: warm(array),
		},
		{
			What: "pointers, in order", About: "the same elements as blocks of their own, through an array of pointers to them in the order in which they were allocated",
			Notes: []string{independent}, Do: (&pointed{data: heap, table: ordered}).run, Before: warm(heap, ordered),
		},
		{
			What: "pointers, shuffled", About: "the same through an array of pointers in an order drawn at random",
			Notes: []string{independent}, Do: (&pointed{data: heap, table: shuffled}).run, Before: warm(heap, shuffled),
		},
		{
			What: "list, in order", About: "the same elements as a list, each of which points to the one that was allocated next",
			Notes: []string{dependent}, Do: (&chained{data: heap, link: inOrder}).run, Before: warm(heap),
		},
		{
			What: "list, shuffled", About: "the same as a list in an order drawn at random",
			Notes: []string{dependent}, Do: (&chained{data: heap, link: atRandom}).run, Before: warm(heap),
		},
	}), nil
}

// block allocates n bytes.
func block(heap *mmapheap.Heap, n addr.Bytes) ([]byte, error) {
	a, err := heap.Alloc(n)
	if err != nil {
		return nil, err
	}
	return heap.Bytes(a)
}

// elements allocates a block for each element. First fit has them one behind the
// other in the order in which they are allocated, in the memory of one block that was
// there before: the same memory is an array and a set of blocks.
func elements(heap *mmapheap.Heap, n addr.Bytes) ([]byte, error) {
	whole, err := heap.Alloc(n)
	if err != nil {
		return nil, err
	}
	mem, err := heap.Bytes(whole)
	if err != nil {
		return nil, err
	}
	if err := heap.Free(whole); err != nil {
		return nil, err
	}
	for at := addr.Bytes(0); at < n; at += element {
		a, err := heap.Alloc(element)
		if err != nil {
			return nil, err
		}
		if a != whole+addr.Addr(at) {
			return nil, fmt.Errorf("element at %v, not at %v", a, whole+addr.Addr(at))
		}
	}
	return mem, nil
}

// pointers allocates two arrays with a word for each element of n bytes.
func pointers(heap *mmapheap.Heap, n addr.Bytes) (ordered, shuffled []byte, err error) {
	var arrays [2][]byte
	for i := range arrays {
		if arrays[i], err = block(heap, n/element*wordSize); err != nil {
			return nil, nil, err
		}
	}
	return arrays[0], arrays[1], nil
}

// drawn is an order of n things drawn at random, the same one each time.
func drawn(n int) []uint32 {
	order := make([]uint32, n)
	for i := range order {
		order[i] = uint32(i)
	}
	r := random(1)
	for i := n - 1; i > 0; i-- {
		k := r.below(i + 1)
		order[i], order[k] = order[k], order[i]
	}
	return order
}

// link writes each element: a value of 1, and the place of the next one in either
// order; the last one's next is the first.
func link(data []byte, order []uint32) {
	n := len(order)
	for i := range n {
		put(data, i*element+value, 1)
		put(data, i*element+inOrder, (i+1)%n*element)
	}
	for i, k := range order {
		put(data, int(k)*element+atRandom, int(order[(i+1)%n])*element)
	}
}

// put writes a word at a place in mem, word reads it. A pointer is a place in the
// data, to which Go adds where the data begins, as it does for any slice.
func put(mem []byte, at, x int)      { binary.NativeEndian.PutUint64(mem[at:], uint64(x)) }
func word(mem []byte, at int) uint64 { return binary.NativeEndian.Uint64(mem[at : at+wordSize]) }

// small is up to where a working set is read once before each batch: what the other
// contenders have driven out of the near caches is there again by then. A larger one
// is not read as a whole in a batch anyway.
const small = 8 << 20

func warmed(at int, mem [][]byte) func(int) error {
	if at > small {
		return nil
	}
	var sum uint64
	return func(int) error {
		for _, m := range mem {
			for i := 0; i < len(m); i += element {
				sum += word(m, i)
			}
		}
		return nil
	}
}

var errAstray = errors.New("the elements do not hold what was written to them")

// inPlace reads the elements of an array one after the other; the next batch goes on
// where this one ends. So do the other loops.
type inPlace struct {
	data []byte
	at   int
}

func (l *inPlace) run(n int) error {
	sum := uint64(0)
	for left := n; left > 0; {
		if l.at == len(l.data) {
			l.at = 0
		}
		part := l.data[l.at:]
		part = part[:min(len(part), left*element)]
		for i := 0; i < len(part); i += element {
			sum += word(part, i)
		}
		l.at += len(part)
		left -= len(part) / element
	}
	return told(sum, n)
}

// pointed reads the elements that the pointers of a table lead to.
type pointed struct {
	data, table []byte
	at          int
}

func (l *pointed) run(n int) error {
	sum, data := uint64(0), l.data
	for left := n; left > 0; {
		if l.at == len(l.table) {
			l.at = 0
		}
		part := l.table[l.at:]
		part = part[:min(len(part), left*wordSize)]
		for i := 0; i < len(part); i += wordSize {
			sum += word(data, int(word(part, i)))
		}
		l.at += len(part)
		left -= len(part) / wordSize
	}
	return told(sum, n)
}

// chained follows the links of a list.
type chained struct {
	data []byte
	link int // at which place in an element the next one's is
	at   int
}

func (l *chained) run(n int) error {
	sum, at, data, link := uint64(0), l.at, l.data, l.link
	for range n {
		sum += word(data, at+value)
		at = int(word(data, at+link))
	}
	l.at = at
	return told(sum, n)
}

// told sees that n elements were read, each of which holds 1.
func told(sum uint64, n int) error {
	if sum != uint64(n) {
		return errAstray
	}
	return nil
}
