package netted

import (
	"errors"
	"fmt"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

// Line is a line of a report: what it is about, and what it says. Where it is about
// the same as the one before, it has no label.
type Line struct {
	Label string `json:"label"`
	Text  string `json:"text"`
}

// Lines are a report's.
func Lines(r *mmapheap.Report) []Line {
	var lines []Line
	for _, l := range r.Lines() {
		lines = append(lines, Line{l.Label, l.Text})
	}
	return lines
}

// Sizes of the memory that Stopped runs a program in.
const (
	heapSize  addr.Bytes = 1 << 20
	stackSize addr.Bytes = 1 << 20
)

// Stop is where and why the nets ended a program.
type Stop struct {
	Line        int // of its source; 0: at its end
	Class       mmapheap.Class
	Report      []Line     // of the first mistake; one more line for each other one
	Heap, Stack addr.Range // the memory that it ran in, which has been given back
}

// ErrNothing says that the nets let a program go on to its end.
var ErrNothing = errors.New("no net noticed anything")

// Stopped runs main on a checked heap of its own, as the program whose source is
// file, and returns what ended it. base is where its memory begins; 0 leaves that to
// the kernel. The error is ErrNothing, what a program was refused by right, such as
// mmapheap.ErrNoSpace, or the kernel's.
func Stopped(base addr.Addr, file string, main func(*Program)) (stop *Stop, err error) {
	region, err := mmapheap.Reserve(mmapheap.Config{Base: base, Heap: heapSize, Stack: stackSize, Checked: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, region.Release()) }()
	p := New(region.Checked(), file)
	noticed := p.Run(func() { main(p) })
	first, ok := errors.AsType[*mmapheap.Report](noticed)
	switch {
	case noticed == nil:
		return nil, fmt.Errorf("run %s on a checked heap: %w", file, ErrNothing)
	case !ok:
		return nil, fmt.Errorf("run %s on a checked heap: %w", file, noticed)
	}
	stop = &Stop{Line: p.At(), Class: first.Class, Report: Lines(first), Heap: region.Heap().Range(), Stack: region.Stack().Range()}
	if all, ok := noticed.(interface{ Unwrap() []error }); ok {
		for _, other := range all.Unwrap()[1:] {
			stop.Report = append(stop.Report, Line{"besides", other.Error()})
		}
	}
	return stop, nil
}
