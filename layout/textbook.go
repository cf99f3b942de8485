package layout

import "memprobe/layout/addr"

// Segment is the textbook's part of memory that a part of a mapping belongs to.
type Segment string

const (
	SegmentStack    Segment = "stack"
	SegmentFree     Segment = "free space"
	SegmentHeap     Segment = "heap"
	SegmentData     Segment = "static data"
	SegmentCode     Segment = "code"
	SegmentNotDrawn Segment = "not drawn" // what textbooks leave out
)

// Drawn is a box of the textbook picture.
type Drawn struct {
	Segment Segment `json:"segment"`
	Title   string  `json:"title"`
	Text    string  `json:"text"`
}

// Textbook is the picture that textbooks draw, from high to low address.
var Textbook = []Drawn{
	{SegmentStack, "Stack", "frames of the calls that have not returned; grows down"},
	{SegmentFree, "free space", "what stack and heap grow into"},
	{SegmentHeap, "Heap", "values that outlive the call that made them; grows up"},
	{SegmentData, "Static data", "variables of the whole program: with a value (data) or zero at start (bss)"},
	{SegmentCode, "Code (text)", "machine code and the constants it reads"},
}

// Played is how much of an address space plays one segment.
type Played struct {
	Drawn
	Size  addr.Bytes `json:"size"`
	Parts []int      `json:"parts"` // indexes into Space.Parts, from high to low address
}

// Compare sets s beside the textbook: an entry for each box of the picture, from
// high to low, and one for what it leaves out. The gaps between mappings that count
// as free space are in s.Gaps, not here.
func (s *Space) Compare() []Played {
	boxes := append(Textbook[:len(Textbook):len(Textbook)],
		Drawn{SegmentNotDrawn, "not drawn", "what textbooks leave out"})
	played := make([]Played, len(boxes))
	for b, box := range boxes {
		played[b].Drawn = box
		for i := len(s.Parts) - 1; i >= 0; i-- {
			if p := s.Parts[i]; p.Segment() == box.Segment {
				played[b].Size += p.Size()
				played[b].Parts = append(played[b].Parts, i)
			}
		}
	}
	return played
}
