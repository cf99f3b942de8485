package replay

import (
	"memprobe/layout/addr"
)

// Arena is which parts of a heap are in use, up to its high water.
type Arena struct {
	HighWater addr.Bytes `json:"high_water"`
	Blocks    int        `json:"blocks"` // in use
	Used      addr.Bytes `json:"used"`   // set aside for them
	Holes     []Hole     `json:"holes"`  // what is free, by place; the rest is in use
}

// Hole is a free piece.
type Hole struct {
	Offset addr.Bytes `json:"offset"`
	Size   addr.Bytes `json:"size"`
}

// Largest is the largest hole, of equal ones the lowest; ok is false where there is none.
func (a *Arena) Largest() (h Hole, ok bool) {
	for _, other := range a.Holes {
		if other.Size > h.Size {
			h = other
		}
	}
	return h, h.Size > 0
}

func arenaOf(h heap) *Arena {
	a := &Arena{HighWater: h.Use().Extent, Holes: []Hole{}}
	for _, b := range h.Blocks() {
		switch {
		case b.Used:
			a.Blocks++
			a.Used += b.Size
		case b.Offset < a.HighWater:
			a.Holes = append(a.Holes, Hole{b.Offset, min(b.Size, a.HighWater-b.Offset)})
		}
	}
	return a
}
