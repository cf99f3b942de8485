package mmapheap

import (
	"math/bits"

	"memprobe/layout/addr"
)

// granules counts units of 16 bytes: a size, or a place counted from the start
// of the arena.
type granules uint64

// granule is the alignment of blocks, and the smallest.
const granule addr.Bytes = 16

// perChunk is how many granules are in a chunk: 1 KiB of arena.
const perChunk = 64

// toGranules is how many granules hold n bytes, at least one; n is at most the
// size of an arena.
func toGranules(n addr.Bytes) granules { return granules((max(n, 1) + granule - 1) / granule) }

// run is the span of granules [lo, hi).
type run struct{ lo, hi granules }

func (r run) size() granules { return r.hi - r.lo }

// chunk is what is known of 64 granules, a bit each. A block in use is a bit where
// it starts and one where it ends; a free run is what lies between one block's end
// and the next one's start, so neighbouring free blocks coalesce without being told.
//
// In a chunk in which blocks start, notes tells their requested sizes (see sizes).
// In one that lies wholly inside of a hole or a block, the lower half of notes is
// the last granule of that, if the chunk is right behind the one that it begins in;
// the upper half is the first granule of a hole, if the chunk is the last that the
// hole covers. So no scan for the next bit passes more than two words.
type chunk struct {
	starts uint64 // first granules of blocks in use
	ends   uint64 // last granules of blocks in use
	notes  uint64
}

const (
	noteMask              = 1<<32 - 1
	chunkBytes addr.Bytes = 24
)

// index knows which granules of the arena belong to blocks in use, and finds the
// lowest free run of a given size. The last free run, from tail to the end of the
// arena, is the tail; every other one is a hole.
type index struct {
	stairs stairs
	size   granules // of the arena
	tail   granules // where the tail begins; size if the last granule is in use
	chunks table[chunk]
	holes  holes
	begun  summary // chunks in which blocks start, and some in which blocks did
	exact  bool    // requested sizes are kept to the byte
	sizes  sizes
}

// margin is how many chunks are readable in front of the arena's and behind them.
const margin = 2

// lay takes the bookkeeping for an arena of n bytes, whole pages, from c; exact is
// whether it keeps requested sizes.
func (x *index) lay(c *carver, n addr.Bytes, exact bool) {
	x.size = granules(n / granule)
	chunks := n / granule / perChunk
	x.chunks = layTable[chunk](c, chunks, margin)
	x.holes.lay(c, chunks)
	x.begun = laySummary(c, chunks)
	if x.exact = exact; exact {
		x.sizes.lay(c, chunks)
	}
	x.stairs.set(tailStep, 0, true)
	if c.mem != nil {
		x.chunks.at(^uint64(0)).ends = 1 << 63 // as if a block ended in front of the arena
	}
}

func (x *index) of(g granules) *chunk { return x.chunks.at(uint64(g / perChunk)) }

// begins reports whether a block in use begins at g.
func (x *index) begins(g granules) bool { return x.of(g).starts>>(g%perChunk)&1 != 0 }

// blockEnd is where the block in use that begins at g ends.
func (x *index) blockEnd(g granules) granules {
	if near := x.of(g).ends >> (g % perChunk); near != 0 {
		return g + 1 + granules(bits.TrailingZeros64(near))
	}
	return x.farEnd(g)
}

// farEnd is blockEnd where the block goes on behind the chunk of g.
func (x *index) farEnd(g granules) granules {
	w := uint64(g/perChunk) + 1
	if ends := x.chunks.at(w).ends; ends != 0 {
		return granules(w)*perChunk + granules(bits.TrailingZeros64(ends)) + 1
	}
	return granules(x.chunks.at(w).notes&noteMask) + 1
}

// freeEnd is where the free run ends that g lies in or, if a block begins at g, g.
func (x *index) freeEnd(g granules) granules {
	if g == x.tail {
		return x.size
	}
	if near := x.of(g).starts >> (g % perChunk); near != 0 {
		return g + granules(bits.TrailingZeros64(near))
	}
	return x.farStart(g)
}

// farStart is freeEnd where the run, not the tail, goes on behind the chunk of g.
func (x *index) farStart(g granules) granules {
	w := uint64(g/perChunk) + 1
	if starts := x.chunks.at(w).starts; starts != 0 {
		return granules(w)*perChunk + granules(bits.TrailingZeros64(starts))
	}
	return granules(x.chunks.at(w).notes&noteMask) + 1
}

// farBefore is where the free run that ends at g begins; g if a block ends there. No
// block may end below g in the chunk of g.
func (x *index) farBefore(g granules) granules {
	w := uint64(g/perChunk) - 1
	if ends := x.chunks.at(w).ends; ends != 0 {
		return granules(w+1)*perChunk - granules(bits.LeadingZeros64(ends))
	}
	return granules(x.chunks.at(w).notes >> 32)
}

// noteEnd notes where r ends in the first chunk that r covers behind the one that
// it begins in, if there is one.
func (x *index) noteEnd(r run) {
	if first := uint64(r.lo/perChunk) + 1; granules(first+1)*perChunk <= r.hi {
		ch := x.chunks.at(first)
		ch.notes = ch.notes&^noteMask | uint64(r.hi-1)
	}
}

// noteHole notes where a hole of a chunk's size or more ends and where it begins,
// if it covers a chunk.
func (x *index) noteHole(r run) {
	x.noteEnd(r)
	if last := uint64(r.hi/perChunk) - 1; granules(last)*perChunk >= r.lo {
		ch := x.chunks.at(last)
		ch.notes = ch.notes&noteMask | uint64(r.lo)<<32
	}
}

// mark makes k granules from lo on a block in use that answers a request with that slack.
func (x *index) mark(lo, k granules, slack uint64) {
	w, bit := uint64(lo/perChunk), uint64(lo%perChunk)
	ch := x.chunks.at(w)
	if x.exact {
		ch.notes = x.sizes.put(ch.notes, ch.starts, bit, slack)
	}
	if ch.starts == 0 {
		x.begun.set(w)
	}
	ch.starts |= 1 << bit
	last := lo + k - 1
	x.of(last).ends |= 1 << (last % perChunk)
	if k > perChunk {
		x.noteEnd(run{lo, lo + k})
	}
}

// take puts a block in use at the start of a hole.
//
//go:noinline
func (x *index) take(hole run, k granules, slack uint64) {
	x.mark(hole.lo, k, slack)
	x.shrunk(hole.lo, run{hole.lo + k, hole.hi})
}

// shrunk notes that the hole that began at lo is now rest, which may be empty.
func (x *index) shrunk(lo granules, rest run) {
	n := rest.size()
	if n == 0 {
		x.stairs.usedUp(lo, rest.hi)
		return
	}
	if n >= perChunk {
		x.noteHole(rest)
	}
	s := stepOf(n)
	x.holes.add(uint64(rest.lo/perChunk), s)
	x.stairs.shrunk(lo, s, rest)
}

// freed notes a hole, which is larger than those that were there, or new.
//
//go:noinline
func (x *index) freed(hole run) {
	if hole.size() >= perChunk {
		x.noteHole(hole)
	}
	s := stepOf(hole.size())
	x.holes.add(uint64(hole.lo/perChunk), s)
	x.stairs.freed(s, hole)
}

// setTail makes the tail smaller.
func (x *index) setTail(lo granules) {
	x.tail = lo
	x.stairs.place[tailStep] = tailPlace(lo)
}

// tailPlace is what the stairs keep for a tail that begins at lo. The end of the
// largest arena is one too high for 32 bits; one below does as well, as no hole
// begins there.
func tailPlace(lo granules) uint32 { return uint32(min(lo, 1<<32-1)) }

// freedTail makes the tail larger.
//
//go:noinline
func (x *index) freedTail(lo granules) {
	x.setTail(lo)
	x.stairs.forget(tailStep, lo)
}

// find is the lowest hole of k granules or more, if there is one.
func (x *index) find(k granules) (run, bool) {
	s := stepOf(k)
	e := x.stairs.edge(s)
	if e == tailStep {
		return run{}, false
	}
	from := x.stairs.at(e)
	if x.stairs.isExact(e) {
		hole := run{from, x.freeEnd(from)}
		if hole.size() >= k {
			return hole, true
		}
		from = hole.hi // a hole of the same step, but too small
	}
	hole, ok := x.search(from, k)
	if s >= smallSteps {
		s++ // holes of step s below k granules were passed over: nothing new is known of it
	}
	if !ok {
		x.stairs.none(s)
		return run{}, false
	}
	if found := stepOf(hole.size()); found >= s {
		x.stairs.found(s, found, hole)
	}
	return hole, true
}

// search is the lowest hole of k granules or more, of which none begins below from.
func (x *index) search(from, k granules) (run, bool) {
	bound := stepOf(k) + 1
	w := uint64(from / perChunk)
	if uint64(*x.holes.levels[0].at(w)) < bound {
		w = x.holes.next(w, bound)
	}
	for ; w != noChunk; w = x.holes.next(w, bound) {
		starts := x.chunks.at(w).starts
		behind := x.chunks.at(w).ends<<1 | x.chunks.at(w-1).ends>>63 // granules behind a block's end
		begin, stop := behind&^starts, starts&^behind
		free := (stop - begin) &^ stop // all granules of the runs that begin in the chunk
		if fit := fits(free, k); fit != 0 {
			b := uint64(bits.TrailingZeros64(fit))
			lo := granules(w*perChunk + b)
			if near := starts >> b; near != 0 {
				return run{lo, lo + granules(bits.TrailingZeros64(near))}, true
			}
			return run{lo, x.freeEnd(lo)}, lo != x.tail
		}
		if int64(free) < 0 { // the last one goes on behind the chunk
			lo := granules(w+1)*perChunk - granules(bits.LeadingZeros64(^free))
			if hi := x.freeEnd(lo); hi-lo >= k {
				return run{lo, hi}, lo != x.tail
			}
		}
		*x.holes.levels[0].at(w) = x.bound(w, begin)
	}
	return run{}, false
}

// fits has a bit for each place in free from which on k bits are set.
func fits(free uint64, k granules) uint64 {
	if k > perChunk {
		return 0
	}
	half := k / 2
	free &= free >> half
	k -= half
	half = k / 2
	free &= free >> half
	for k -= half; k > 1; k -= half { // more than 4 granules
		half = k / 2
		free &= free >> half
	}
	return free
}

// bound is what holes promises of chunk w, in which free runs begin at the bits of begin.
func (x *index) bound(w, begin uint64) uint8 {
	largest := granules(0)
	for ; begin != 0; begin &= begin - 1 {
		lo := granules(w*perChunk + uint64(bits.TrailingZeros64(begin)))
		largest = max(largest, x.freeEnd(lo)-lo)
	}
	if largest == 0 {
		return 0
	}
	return uint8(stepOf(largest) + 1)
}

// blockAt is the block in use that begins at lo.
func (x *index) blockAt(lo granules) run { return run{lo, x.blockEnd(lo)} }

// runAt is the free run that begins at lo.
func (x *index) runAt(lo granules) run { return run{lo, x.freeEnd(lo)} }

// around is the block in use or the free run that granule g lies in.
func (x *index) around(g granules) (span run, used bool) {
	lo, ok := x.startBefore(g)
	if !ok {
		return x.runAt(0), false
	}
	block := x.blockAt(lo)
	if g < block.hi {
		return block, true
	}
	return x.runAt(block.hi), false
}

// startBefore is the highest start of a block at or below g.
func (x *index) startBefore(g granules) (granules, bool) {
	w := uint64(g / perChunk)
	starts := x.chunks.at(w).starts << (perChunk - 1 - g%perChunk)
	if starts != 0 {
		return g - granules(bits.LeadingZeros64(starts)), true
	}
	for w > 0 {
		var ok bool
		if w, ok = x.begun.prev(w - 1); !ok {
			break
		}
		if starts := x.chunks.at(w).starts; starts != 0 {
			return granules(w+1)*perChunk - 1 - granules(bits.LeadingZeros64(starts)), true
		}
		x.begun.clear(w)
	}
	return 0, false
}

// room is how far the block could grow where it is.
func (x *index) room(block run) granules {
	if block.hi == x.size {
		return block.hi
	}
	return x.freeEnd(block.hi)
}

// resize moves the end of a block in use to hi, elsewhere, and not beyond its room.
func (x *index) resize(block run, hi granules) {
	room := x.room(block)
	x.of(block.hi - 1).ends &^= 1 << ((block.hi - 1) % perChunk)
	x.of(hi - 1).ends |= 1 << ((hi - 1) % perChunk)
	x.noteEnd(run{block.lo, hi})
	switch tail := block.hi == x.tail; {
	case tail && hi > block.hi:
		x.setTail(hi)
	case tail:
		x.freedTail(hi)
	case hi > block.hi:
		x.shrunk(block.hi, run{hi, room})
	default:
		x.freed(run{hi, room})
	}
}

// requested is how many bytes were asked for the block.
func (x *index) requested(block run) addr.Bytes {
	size := addr.Bytes(block.size()) * granule
	if !x.exact {
		return size
	}
	ch, bit := x.of(block.lo), uint64(block.lo%perChunk)
	if size == granule && x.sizes.isNothing(block.lo) {
		return 0
	}
	return size - addr.Bytes(x.sizes.get(ch.notes, ch.starts, bit))
}

// request notes that the block at lo, of size bytes, answers a request for n bytes now.
func (x *index) request(lo granules, size, n addr.Bytes) {
	slack := uint64(size - n)
	x.sizes.setNothing(lo, n == 0)
	if n == 0 {
		slack = maxSlack
	}
	ch, bit := x.of(lo), uint64(lo%perChunk)
	notes := x.sizes.drop(ch.notes, ch.starts, bit)
	ch.notes = x.sizes.put(notes, ch.starts&^(1<<bit), bit, slack)
}
