package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"memprobe/layout/addr"
	"memprobe/probe"
)

// spot is what lies at an address in a step.
type spot struct {
	words string
	block addr.Addr // the used block that it is in; 0 where it is in none
}

// spot finds what lies at a, for a pointer of that thread.
func (p *page) spot(s *probe.Step, thread string, a addr.Addr) spot {
	at := p.addr(a)
	for _, b := range s.Heap.Blocks {
		switch {
		case !addr.Span(b.Addr, b.Size).Contains(a):
		case b.State == probe.BlockUsed:
			return spot{"block " + p.addr(b.Addr) + past(b.Addr, a), b.Addr}
		default:
			return spot{words: "freed memory " + at}
		}
	}
	if name, f, ok := variableAt(s.Frames, a); ok {
		if f.Thread != thread {
			name = fmt.Sprintf("thread %s, %s", escape(f.Thread), name)
		}
		return spot{words: name + " " + at}
	}
	if name, _, ok := variableAt(s.Popped, a); ok {
		return spot{words: "popped: " + name + " " + at}
	}
	if belowStackPointer(s, a) {
		return spot{words: "below sp " + at}
	}
	return spot{words: at}
}

// past is how far a lies past the start of something, and nothing where it is there.
func past(start, a addr.Addr) string {
	if a == start {
		return ""
	}
	return " +" + humanize.Comma(int64(a.Sub(start)))
}

// variableAt names what one of the frames has at a: a variable, such as main.x, or no
// more than the frame.
func variableAt(frames []probe.Frame, a addr.Addr) (string, probe.Frame, bool) {
	for _, f := range frames {
		if !(addr.Range{Lo: f.Start, Hi: f.End}).Contains(a) {
			continue
		}
		for _, v := range f.Vars {
			if addr.Span(v.Addr, v.Size).Contains(a) {
				return f.Name + "." + v.Name + past(v.Addr, a), f, true
			}
		}
		return "the frame of " + f.Name, f, true
	}
	return "", probe.Frame{}, false
}

// belowStackPointer is true for an address that a stack has yet to reach, or has left.
func belowStackPointer(s *probe.Step, a addr.Addr) bool {
	return slices.ContainsFunc(s.Threads, func(t probe.Thread) bool {
		return addr.Range{Lo: t.Stack.Lo, Hi: t.SP}.Contains(a)
	})
}

// leadsTo is where a pointer of v's leads, if v is live and it leads anywhere.
func leadsTo(v probe.Var, to *addr.Addr) (addr.Addr, bool) {
	if to == nil || v.State != probe.Live {
		return 0, false
	}
	return *to, true
}

// targets are the addresses that v's pointers lead to.
func targets(v probe.Var) []addr.Addr {
	var all []addr.Addr
	if a, ok := leadsTo(v, v.PointsTo); ok {
		all = append(all, a)
	}
	for _, f := range v.Fields {
		if a, ok := leadsTo(v, f.PointsTo); ok {
			all = append(all, a)
		}
	}
	return all
}

// usedBlock is the used block that a lies in.
func usedBlock(s *probe.Step, a addr.Addr) (probe.Block, bool) {
	for _, b := range s.Heap.Blocks {
		if b.State == probe.BlockUsed && addr.Span(b.Addr, b.Size).Contains(a) {
			return b, true
		}
	}
	return probe.Block{}, false
}

// shortName is a block's name within a step where there is little room: that of the
// variable that owns it or points to it, without its function's; nothing where there is
// none.
func shortName(s *probe.Step, b probe.Block) string {
	if _, name, ok := strings.Cut(b.Owner, "."); ok {
		return escape(name)
	}
	pointer := ""
	for _, f := range s.Frames {
		for _, v := range f.Vars {
			if slices.Contains(targets(v), b.Addr) {
				pointer = cmp.Or(pointer, v.Name)
			}
		}
	}
	return escape(pointer)
}
