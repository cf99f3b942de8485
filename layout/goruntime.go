package layout

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"

	"memprobe/layout/addr"
)

// The variables of Go's runtime that say where its memory is. Their names and
// meaning have changed little since Go 1.12, their fields' offsets often: those come
// from the program's debug information. What is missing there stays unexplained.
var (
	goVariables = []string{
		"runtime.mheap_", "runtime.persistentChunks", "runtime.gcBitsArenas", "runtime.buckhash",
		"runtime.work", "runtime.allm", "runtime.vgetrandomAlloc",
	}
	goTypeNames = []string{"runtime.heapArena", "runtime.buckhashArray", "runtime.spanSPMC"}
)

const (
	goPageSize          = 8 << 10   // runtime.pageSize, the page that Go's heap counts in
	persistentChunkSize = 256 << 10 // runtime.persistentChunkSize
	mostLinks           = 1 << 16   // a longer list is nonsense
	mostLevels          = 16        // of the page allocator's summaries; Go has 5
)

// Why the areas of a Go program are not known, or not all: what sort of program it is.
var (
	errGo32       = errors.New("a 32-bit Go program: its runtime's records are not read")
	errGoStripped = errors.New("a Go program without symbols or debugging information")
	errGoUnknown  = errors.New("a Go program in whose memory no records of its runtime are found")
	errGoTooMuch  = errors.New("a Go program with more records than are read")
)

// arenaBaseOffset is the address of Go's heap arena 0, on machines where it is not 0.
var arenaBaseOffset = map[elf.Machine]addr.Addr{elf.EM_X86_64: 0xffff800000000000}

// goProcess is a Go program's runtime, as the areas are collected from it.
type goProcess struct {
	globals map[string]goValue
	types   map[string]goType
	machine elf.Machine
	maps    []Mapping
	page    addr.Bytes
	areas   []Owned
	left    *int // how many areas there may still be
}

// isGo reports whether f is a Go program: only these have this table.
func isGo(f *elf.File) bool {
	return f.Section(".gopclntab") != nil || f.Section(".data.rel.ro.gopclntab") != nil
}

// goAreas says which areas the runtime of the Go program f uses, and what for: it
// reads the runtime's own variables from mem, the process's memory. f is loaded at
// bias. The error says what sort of program it is whose areas are not known; some may
// come along.
func (r *elfReader) goAreas(maps []Mapping, f *elf.File, bias addr.Addr, mem io.ReaderAt, page addr.Bytes) ([]Owned, error) {
	if f.Class != elf.ELFCLASS64 {
		return nil, errGo32
	}
	symbols, err := r.goSymbols(f, goVariables)
	var types map[string]goType
	if err == nil {
		types, err = r.goTypes(f, symbols, goTypeNames)
	}
	if err == ErrStripped {
		return nil, errGoStripped
	}
	if err != nil {
		return nil, fmt.Errorf("a Go program whose records are not read (%w)", err)
	}
	mem = meteredReader{mem, &r.memory}
	g := goProcess{globals: map[string]goValue{}, types: types, machine: f.Machine, maps: maps, page: page, left: &r.areas}
	for name, at := range symbols {
		g.globals[name] = goValue{mem, at + bias, types[name]}
	}
	heap := g.globals["runtime.mheap_"]
	g.addArenas(heap)
	g.addPageAllocator(heap.field("pages"))
	g.addSlice("Go: allspans array", heap.field("allspans"))
	g.addPersistent()
	g.addGCBits()
	g.addProfiler()
	g.addSpanQueues()
	g.addThreads()
	switch {
	case r.looks == 0 || r.memory == 0 || r.areas == 0:
		return g.areas, errGoTooMuch
	case len(g.areas) == 0:
		return nil, errGoUnknown
	}
	return g.areas, nil
}

// meteredReader reads no more than so many pages, or pieces of one.
type meteredReader struct {
	io.ReaderAt
	left *uint64
}

func (m meteredReader) ReadAt(buf []byte, at int64) (int, error) {
	const page = 4 << 10
	if n := 1 + uint64(len(buf))/page; n <= *m.left {
		*m.left -= n
		return m.ReaderAt.ReadAt(buf, at)
	}
	*m.left = 0
	return 0, errGoTooMuch
}

// add notes the whole pages that hold n bytes at a.
func (g *goProcess) add(kind Kind, name string, a addr.Addr, n addr.Bytes) {
	if end := a.Offset(n); a == 0 || end <= a {
		return
	}
	if *g.left == 0 {
		return
	}
	*g.left--
	lo, hi := a.AlignDown(g.page), addr.Addr((addr.Bytes(a) + n).AlignUp(g.page))
	g.areas = append(g.areas, Owned{addr.Range{Lo: lo, Hi: hi}, kind, name})
}

// addSlice notes the memory behind a slice, up to its capacity.
func (g *goProcess) addSlice(name string, v goValue) {
	first, _, capacity := v.slice()
	g.add(KindGoRuntime, name, first.at, addr.Bytes(capacity)*first.size())
}

// addArenas notes the heap's arenas, and the tables that say what is in them.
func (g *goProcess) addArenas(heap goValue) {
	perArena, _ := goValue{typ: g.types["runtime.heapArena"]}.field("spans").elements() // an entry per page
	arenaBytes := addr.Bytes(perArena) * goPageSize
	l1, index := heap.field("arenas").elements()
	l2, entry := goValue{typ: index.target()}.elements()
	if l1 == 0 || l2 == 0 || arenaBytes == 0 {
		return
	}
	tables := index.words(l1)
	for _, table := range tables {
		g.add(KindGoRuntime, "Go: heap index", table, addr.Bytes(l2)*word)
	}
	for _, list := range []string{"heapArenas", "userArenaArenas"} {
		first, length, _ := heap.field(list).slice()
		for _, arena := range first.words(length) {
			if uint64(arena)/l2 >= uint64(len(tables)) {
				continue
			}
			slot := tables[uint64(arena)/l2] + addr.Addr(uint64(arena)%l2*word)
			metadata := goValue{index.mem, slot, entry.typ}.deref()
			if !metadata.exists() {
				continue
			}
			g.add(KindGoRuntime, "Go: heap metadata", metadata.at, metadata.size())
			base := addr.Addr(uint64(arena)*uint64(arenaBytes)) + arenaBaseOffset[g.machine]
			g.add(KindGoHeap, "Go: heap", base, arenaBytes)
		}
	}
}

// addPageAllocator notes the page allocator's summaries, bitmaps and indexes.
func (g *goProcess) addPageAllocator(pages goValue) {
	levels, level := pages.field("summary").elements()
	for range min(levels, mostLevels) {
		g.addSlice("Go: page summary", level)
		level.at += addr.Addr(level.size())
	}
	g.addSlice("Go: scavenge index", pages.field("scav", "index", "chunks"))
	n, chunk := pages.field("chunks").elements()
	size := goValue{typ: chunk.target()}.size()
	for _, bitmaps := range chunk.words(n) {
		g.add(KindGoRuntime, "Go: page alloc index", bitmaps, size)
	}
}

// addPersistent notes what is never freed. Each chunk starts with the address of the
// next; larger pieces are not on the list.
func (g *goProcess) addPersistent() {
	chunk := g.globals["runtime.persistentChunks"]
	for range mostLinks {
		chunk.at = chunk.word()
		if chunk.at == 0 {
			return
		}
		g.add(KindGoRuntime, "Go: immortal metadata", chunk.at, persistentChunkSize)
	}
}

// addGCBits notes the garbage collector's mark bits.
func (g *goProcess) addGCBits() {
	for _, list := range []string{"free", "next", "current", "previous"} {
		arena := g.globals["runtime.gcBitsArenas"].field(list).deref()
		for n := 0; arena.exists() && n < mostLinks; n++ {
			g.add(KindGoRuntime, "Go: gc bits", arena.at, arena.size())
			arena = arena.field("next").deref()
		}
	}
}

// addProfiler notes the hash table of the profiler's buckets.
func (g *goProcess) addProfiler() {
	table := goValue{typ: g.types["runtime.buckhashArray"]}
	g.add(KindGoRuntime, "Go: profiler hash buckets", g.globals["runtime.buckhash"].word(), table.size())
}

// addSpanQueues notes the rings in which the garbage collector queues spans.
func (g *goProcess) addSpanQueues() {
	list := g.globals["runtime.work"].field("spanSPMCs", "list")
	node := list.field("nodeOffset").word() + word // the link to the next is a node's second word
	ring := list.as(list.field("obj").word(), g.types["runtime.spanSPMC"])
	for n := 0; ring.exists() && n < mostLinks; n++ {
		g.add(KindGoRuntime, "Go: GC span queue", ring.field("ring").word(), addr.Bytes(ring.field("cap").uint32())*word)
		next := goValue{ring.mem, ring.at + node, ring.typ}.word()
		ring = ring.as(next, ring.typ)
	}
}

// addThreads notes what each thread has of its own: a stack, where C made it, and
// the state of its random number generator.
func (g *goProcess) addThreads() {
	random := g.globals["runtime.vgetrandomAlloc"]
	size := addr.Bytes(random.field("stateSize").word())
	first, length, _ := random.field("states").slice() // those no thread uses
	states := first.words(length)
	thread := g.globals["runtime.allm"].deref()
	for n := 0; thread.exists() && n < mostLinks; n++ {
		if state := thread.field("vgetrandomState").word(); state != 0 {
			states = append(states, state)
		}
		stack := thread.field("g0").deref().field("stack")
		g.addStack(addr.Range{Lo: stack.field("lo").word(), Hi: stack.field("hi").word()})
		thread = thread.field("alllink").deref()
	}
	for _, state := range states {
		g.add(KindGoRuntime, "Go: getrandom states", state, size)
	}
}

// addStack notes a thread's stack. Go knows the lower end of a stack that C made only
// roughly, so the mapping that holds its top bounds it. A stack that Go made lies in
// the heap, which has been noted already.
func (g *goProcess) addStack(stack addr.Range) {
	i, mapped := find(g.maps, stack.Hi-1)
	if !mapped || stack.Lo >= stack.Hi {
		return
	}
	for _, o := range g.areas {
		if o.Contains(stack.Hi - 1) {
			return
		}
	}
	g.areas = append(g.areas, Owned{stack.Intersect(g.maps[i].Range), KindThreadStack, "thread stack"})
}
