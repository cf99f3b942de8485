package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"memprobe/layout/addr"
	"memprobe/probe"
)

// fixed is the trace of a scenario with all that a run can't repeat set to
// something: process and threads, machine, the kernel's figures and lines, and objects
// that are not of the program's memory.
func fixed(t *testing.T, s *probe.Scenario, opts probe.Options) *probe.Trace {
	t.Helper()
	opts.Base = testBase
	trace, err := probe.Run(s, opts)
	if err != nil {
		t.Skipf("a reservation at %v is not to be had here: %v", testBase, err)
	}
	if trace.PageSize != 4096 {
		t.Skipf("the golden files were made with pages of 4096 bytes, here they have %d", trace.PageSize)
	}
	trace.PID, trace.Arch = 4242, "amd64"
	trace.Memory.Maps = mapsOf(trace)
	for i := range trace.Steps {
		step := &trace.Steps[i]
		for j := range step.Threads {
			step.Threads[j].ID = trace.PID + j
		}
		for j := range step.Facts {
			if f := &step.Facts[j]; f.Varies {
				f.Value = "(as it is here)"
			}
		}
		fixKernel(trace, step)
		fixLandmarks(trace, step)
	}
	trace = moved(t, trace, elsewhere(trace))
	for i := range trace.Steps {
		for j := range trace.Steps[i].Landmarks {
			if l := &trace.Steps[i].Landmarks[j]; l.Addr < trace.Memory.Base {
				l.Mapping = fmt.Sprintf("%x-%x r--p 00000000 fe:01 1234                     /usr/bin/memprobe", uint64(l.Addr), uint64(l.Addr)+1<<20)
			}
		}
	}
	return trace
}

// mapsOf are the kernel's lines for the memory of a run that has ended.
func mapsOf(trace *probe.Trace) []string {
	m := trace.Memory
	heap, stack := m.Heap.Lo.Offset(trace.PageSize), m.Stack.Hi-addr.Addr(trace.PageSize)
	line := func(lo, hi addr.Addr, perms string) string {
		return fmt.Sprintf("%x-%x %s 00000000 00:00 0 ", uint64(lo), uint64(hi), perms)
	}
	return []string{
		line(m.Base, m.Heap.Lo, "---p"), line(m.Heap.Lo, heap, "rw-p"), line(heap, stack, "---p"),
		line(stack, m.Stack.Hi, "rw-p"), line(m.Stack.Hi, m.End, "---p"),
	}
}

// fixKernel sets the page faults of a step to what they are without a race detector's
// or an emulator's, which come on top.
func fixKernel(trace *probe.Trace, step *probe.Step) {
	k := &step.Kernel
	k.Faults = max(0, k.Resident/int64(trace.PageSize))
}

// fixLandmarks sets what an object that is not of the program's memory holds, and how
// large it is: that is memprobe's own.
func fixLandmarks(trace *probe.Trace, step *probe.Step) {
	for i := range step.Landmarks {
		l := &step.Landmarks[i]
		lo, rest, _ := strings.Cut(l.Mapping, " ")
		l.Mapping = lo + " " + strings.Fields(rest)[0] + " 00000000 00:00 0 "
		if l.Addr < trace.Memory.Base || l.Addr >= trace.Memory.End {
			if len(l.Bytes) == 16 {
				l.Size, l.Bytes = 1000, make(probe.Hex, 16)
			}
		}
	}
}

// relocation is where a range of addresses was, and where it is to be.
type relocation struct {
	was addr.Range
	now addr.Addr
}

// elsewhere are the parts of memory that a trace tells of and that lie where the linker
// or the kernel has put them.
func elsewhere(trace *probe.Trace) []relocation {
	var all []relocation
	known := map[addr.Addr]bool{}
	add := func(r addr.Range, now addr.Addr) {
		if !known[r.Lo] {
			known[r.Lo] = true
			all = append(all, relocation{r, now})
		}
	}
	for _, step := range trace.Steps {
		for i, l := range step.Landmarks {
			if l.Addr < trace.Memory.Base || l.Addr >= trace.Memory.End {
				add(addr.Span(l.Addr, 1), addr.Addr(0x900000-0x100000*i))
			}
		}
		if s := step.Stopped; s != nil {
			add(s.Heap, testBase+0x10_0000_0000)
			add(s.Stack, testBase+0x20_0000_0000)
		}
	}
	return all
}

// moved is a trace whose addresses of some spans are others.
func moved(t *testing.T, trace *probe.Trace, spans []relocation) *probe.Trace {
	t.Helper()
	b, err := json.Marshal(trace)
	if err != nil {
		t.Fatal(err)
	}
	text := anAddress.ReplaceAllStringFunc(string(b), func(digits string) string {
		a, err := addr.Parse(digits)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range spans {
			if s.was.Contains(a) || a == s.was.Hi {
				a = s.now.Offset(a.Sub(s.was.Lo))
				break
			}
		}
		return a.String()
	})
	out := new(probe.Trace)
	if err := json.Unmarshal([]byte(text), out); err != nil {
		t.Fatal(err)
	}
	return out
}
