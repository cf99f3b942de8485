package report

import (
	"strings"
	"testing"

	"memprobe/probe"
)

// TestFiguresAndStopped: figures stand in columns, whole; a report has a frame.
func TestFiguresAndStopped(t *testing.T) {
	s := &probe.Stopped{Line: 5, Class: "double free", Report: []probe.ReportLine{{Label: "block", Text: "16 bytes"}, {Text: strings.Repeat("more words ", 9)}}}
	got := drawn(func(p *page) {
		p.figures([]probe.Fact{{What: "short", Value: "8 MiB", From: "getrlimit(2)"}, {What: strings.Repeat("a long name ", 12), Value: "1", From: "a test"}})
		p.stopped(s)
		s.Line = 0
		p.stopped(s)
	})
	has(t, got, "Figures:", "short", "8 MiB  getrlimit(2)", "a long name", "│ The same program on a checked heap is stopped at line 5: double free", "│   block       16 bytes", "│               more words", "stopped at its end: double free")
	checkBoxes(t, "stopped", got)
	for l := range strings.Lines(got) {
		if n := text(strings.TrimRight(l, "\n")).cells(); n > 80 {
			t.Errorf("%d cells: %s", n, l)
		}
	}
}

// TestFiguresShareRoom: what a figure is and who says so share the room that its value leaves.
func TestFiguresShareRoom(t *testing.T) {
	got := drawn(func(p *page) {
		p.figures([]probe.Fact{{What: "main's frame", Value: "112 bytes", From: "the stack pointer, before and after the push"}})
	})
	has(t, got, "   main's frame  112 bytes  the stack pointer, before and after the push\n")
	both := drawn(func(p *page) {
		p.figures([]probe.Fact{{What: strings.Repeat("what ", 12), Value: "7", From: strings.Repeat("from ", 12)}})
	})
	has(t, both, "   what what what what what what", "  7  from from from from from from", "   what what", "     from from")
}
