package mmapheap

import "math/bits"

// stairs remembers what searches have found: how low, at the lowest, a free run of
// a given size may begin. Larger runs are found higher up, so over the sizes this
// is a staircase, and it changes only at its edges.
//
// Sizes fall into steps: one for each size of 1 to 64 granules, then some to the
// octave, and a last one for the tail, which counts as larger than any hole. An
// edge at step e tells of the steps above the next lower edge, up to e: no hole of
// any of them, or of a higher one, begins below place[e]. If the edge is exact, a
// hole of step e begins there, and so the lowest that is large enough for those
// steps; else nothing is known from there on.
//
// So most requests are answered by one shift, one count of zeros and one load.
// Freeing lowers edges and removes those that it makes useless; an allocation that
// uses up a hole leaves an edge that is not exact.
type stairs struct {
	edges [2]uint64     // a bit a step: there is an edge
	exact [2]uint64     // and it is exact
	place [steps]uint32 // in granules, where there is an edge
}

const (
	smallSteps = 64 // step s of these is for s+1 granules
	steps      = 128
	tailStep   = steps - 1
)

// stepOf is the step of a hole of that size, which is not 0.
func stepOf(size granules) uint64 {
	if size <= smallSteps {
		return uint64(size) - 1
	}
	return largeStep(size)
}

// largeStep is stepOf for more than 64 granules: four steps to the octave up to
// 512 KiB, two up to 4 GiB, and one for the rest.
func largeStep(size granules) uint64 {
	t := uint64(size) - 1
	n := uint64(bits.Len64(t))
	switch {
	case n < 16:
		return 64 + (n-7)*4 + t>>(n-3)&3
	case n < 29:
		return 100 + (n-16)*2 + t>>(n-2)&1
	}
	return 126
}

// edge is the lowest edge at or above step s; that of the tail is always there.
func (t *stairs) edge(s uint64) uint64 {
	if s < smallSteps {
		if edges := t.edges[0] >> (s & 63); edges != 0 {
			return s + uint64(bits.TrailingZeros64(edges))
		}
		s = smallSteps
	}
	return s + uint64(bits.TrailingZeros64(t.edges[1]>>(s&63)))
}

func (t *stairs) isExact(e uint64) bool { return t.exact[e>>6&1]>>(e&63)&1 != 0 }

// at is the place of edge e.
func (t *stairs) at(e uint64) granules { return granules(t.place[e&(steps-1)]) }

// set puts an edge at step e.
func (t *stairs) set(e uint64, place granules, exact bool) {
	bit := uint64(1) << (e & 63)
	t.edges[e>>6&1] |= bit
	t.exact[e>>6&1] &^= bit
	if exact {
		t.exact[e>>6&1] |= bit
	}
	t.place[e&(steps-1)] = uint32(place)
}

func (t *stairs) unset(e uint64) {
	t.edges[e>>6&1] &^= 1 << (e & 63)
	t.exact[e>>6&1] &^= 1 << (e & 63)
}

// split gives the steps below s an edge of their own if they share that of s.
func (t *stairs) split(s uint64) {
	if s == 0 {
		return
	}
	if e := t.edge(s - 1); e >= s {
		t.set(s-1, t.at(e), false)
	}
}

// none notes that there is no hole of step s or above.
func (t *stairs) none(s uint64) {
	t.split(s)
	for e := t.edge(s); e < tailStep; e = t.edge(e + 1) {
		t.unset(e)
	}
}

// found notes that a hole, which is of step to, is the lowest for the steps from s on.
func (t *stairs) found(s, to uint64, hole run) {
	t.split(s)
	for e := t.edge(s); e < to; e = t.edge(e + 1) {
		t.unset(e)
	}
	t.set(to, hole.lo, true)
	t.raise(to+1, hole.hi)
}

// raise moves the edges from step s on that are below place up to it, where
// nothing is known.
//
//go:noinline
func (t *stairs) raise(s uint64, place granules) {
	for last := uint64(tailStep); s < tailStep; {
		e := t.edge(s)
		if e == tailStep || t.at(e) >= place {
			return
		}
		if last != tailStep {
			t.unset(last) // it would be at the same place
		}
		t.set(e, place, false)
		last, s = e, e+1
	}
}

// forget removes the edges below step s that are at place or above: larger holes
// begin there.
func (t *stairs) forget(s uint64, place granules) {
	half := s >> 6 & 1
	all := t.forgetOf(half, t.edges[half]&(1<<(s&63)-1), place)
	if all && half == 1 {
		t.forgetOf(0, t.edges[0], place)
	}
}

// forgetOf is forget for some of the edges of the small steps, half 0, or of the
// others, half 1; it reports whether all of them had to go.
func (t *stairs) forgetOf(half, edges uint64, place granules) (all bool) {
	for edges != 0 {
		e := 63 - uint64(bits.LeadingZeros64(edges))
		if t.at(half<<6+e) < place {
			return false
		}
		t.edges[half&1] &^= 1 << (e & 63)
		t.exact[half&1] &^= 1 << (e & 63)
		edges &^= 1 << (e & 63)
	}
	return true
}

// freed notes a hole of step s, which is larger than those that were there, or new.
func (t *stairs) freed(s uint64, hole run) {
	e := t.edge(s)
	if t.at(e) <= hole.lo {
		return
	}
	t.forget(s, hole.lo)
	t.set(s, hole.lo, true)
	if e == s {
		e = t.edge(s + 1)
	}
	if t.at(e) < hole.hi {
		t.raise(s+1, hole.hi)
	}
}

// freedSmall is freed for a small step s; e is the edge that tells of it, and lies
// above the hole.
func (t *stairs) freedSmall(s, e, lo, hi uint64) {
	bit := uint64(1) << (s & 63)
	lower := t.edges[0] & (bit - 1)
	t.edges[0] |= bit
	t.exact[0] |= bit
	above := uint64(t.place[e&(steps-1)])
	t.place[s&63] = uint32(lo)
	if e == s {
		above = uint64(t.at(t.edge(s + 1)))
	}
	if above < hi {
		t.raise(s+1, granules(hi))
	}
	t.forgetOf(0, lower, granules(lo))
}

// shrunk notes that the hole that began at lo is now rest, which is of step to.
func (t *stairs) shrunk(lo granules, to uint64, rest run) {
	from := stepOf(rest.hi - lo)
	if !t.isExact(from) || t.at(from) != lo {
		return
	}
	if to == from {
		t.place[from&(steps-1)] = uint32(rest.lo)
		return
	}
	if t.edge(to) == from {
		t.set(to, rest.lo, true)
	}
	t.leave(from, rest.hi)
}

// usedUp notes that the hole from lo to hi is no more.
func (t *stairs) usedUp(lo, hi granules) {
	if s := stepOf(hi - lo); t.isExact(s) && t.at(s) == lo {
		t.leave(s, hi)
	}
}

// leave makes an exact edge one that knows nothing from hi on, where its hole ended.
func (t *stairs) leave(e uint64, hi granules) {
	t.set(e, hi, false)
	if e >= smallSteps { // the hole may have grown, within its step, since it was noted
		t.raise(e+1, hi)
	}
}

// took does at once, for small steps, what found and shrunk do. A search for step s,
// from edge e on, came to a hole of step to, of which rest is left. That step may
// be below e or above it.
func (t *stairs) took(s, e, to uint64, rest run) {
	edges, exact := t.edges[0], t.exact[0]
	from, bit, upTo := t.place[e&63], uint64(1)<<(s&63), uint64(1)<<(e&63)
	if s > 0 && edges&(upTo-bit>>1) == 0 { // the steps below s keep what was known
		edges |= bit >> 1
		exact &^= bit >> 1
		t.place[(s-1)&63] = from
	}
	top := max(to, e)
	topBit := uint64(1) << (top & 63)
	edges = edges&^(topBit-bit) | topBit // no hole of the steps s to top begins below, but for rest
	exact &^= topBit | (topBit - bit)
	t.place[top&63] = uint32(rest.hi)
	if n := uint64(rest.size()); n > s {
		edges |= 1 << ((n - 1) & 63)
		exact |= 1 << ((n - 1) & 63)
		t.place[(n-1)&63] = uint32(rest.lo)
	}
	t.edges[0], t.exact[0] = edges, exact
	if above := t.edge(top + 1); t.at(above) < rest.hi {
		t.raise(top+1, rest.hi)
	}
}
