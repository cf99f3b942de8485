package replay

import "memprobe/layout/addr"

// Summary is what a trace holds, whatever it is played on.
type Summary struct {
	Name       string     `json:"trace"`
	Ops        int        `json:"ops"`
	Allocs     int        `json:"allocs"`
	Resizes    int        `json:"resizes"`
	Frees      int        `json:"frees"`
	PeakLive   addr.Bytes `json:"peak_live"`        // the most bytes requested at once, seen after each operation
	PeakLiveOp int        `json:"peak_live_op"`     // the first operation after which they were; -1 if there is none
	PeakBlocks int        `json:"peak_live_blocks"` // the most blocks in use at once
}

// need is how much memory a trace may take.
type need struct {
	arena  addr.Bytes // surely enough for the heap: all requests side by side
	copied addr.Bytes // what resizing may copy, and so have written
}

// summarize goes through a trace once.
func summarize(t *Trace) (Summary, need) {
	s := Summary{Name: t.Name, Ops: len(t.Ops), PeakLiveOp: -1}
	var n need
	sizes := make([]addr.Bytes, t.IDs)
	live, blocks := addr.Bytes(0), 0
	for i, op := range t.Ops {
		old := sizes[op.ID]
		sizes[op.ID] = op.Size
		live += op.Size - old
		n.arena += max(op.Size, 1).AlignUp(16)
		switch op.Kind {
		case Alloc:
			s.Allocs++
			blocks++
		case Resize:
			s.Resizes++
			if op.Size > old {
				n.copied += old
			}
		case Free:
			s.Frees++
			blocks--
		}
		if s.PeakLiveOp < 0 || live > s.PeakLive {
			s.PeakLive, s.PeakLiveOp = live, i
		}
		s.PeakBlocks = max(s.PeakBlocks, blocks)
	}
	n.copied = min(n.copied, 2*s.PeakLive)
	return s, n
}
