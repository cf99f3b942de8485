package replay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/mmapheap"
	"memprobe/probe/replay/policies"
)

// Options says how to replay.
type Options struct {
	Policies []policies.Policy    // side by side, at least one
	Heap     addr.Bytes           // the size of the heap, rounded up to whole pages; 0: enough for the trace, up to 64 GiB
	Memory   addr.Bytes           // of the machine: a trace that would write much of it is refused; 0: none is
	Map      bool                 // note the arena at the end
	Now      func() time.Duration // a clock that never goes back
	Progress func(done, of int)   // is told how many operations were played, of how many; may be nil
}

// Run is what came of a trace with one policy.
type Run struct {
	Policy      string      `json:"policy"`
	About       string      `json:"about"`
	Model       bool        `json:"model"`                // a model without memory: there is nothing to be touched, and its time says little
	Heap        addr.Bytes  `json:"heap"`                 // how large the heap may become
	NSPerOp     float64     `json:"ns_per_op"`            // net: the loop's own time is taken off
	Passes      int         `json:"passes"`               // how many were timed
	LoopNSPerOp float64     `json:"loop_ns_per_op"`       // the loop's own time
	HighWater   addr.Bytes  `json:"high_water"`           // how far from the arena's start a block ever reached
	Metadata    *addr.Bytes `json:"metadata"`             // the bookkeeping for that; null for a model
	Utilization float64     `json:"utilization"`          // peak live / high water
	WithBooks   *float64    `json:"utilization_metadata"` // peak live / (high water + metadata); null for a model
	Resident    *addr.Bytes `json:"resident"`             // bytes of the heap in memory, the kernel says, after every page of every payload was written; null if unknown
	Books       *addr.Bytes `json:"metadata_resident"`    // the same of the bookkeeping, in whole pages
	Moved       int         `json:"resizes_moved"`        // resizes that took another place
	Searches    Searches    `json:"searches"`
	Course      []Point     `json:"course"`
	Mean        Mean        `json:"mean"`
	Arena       *Arena      `json:"arena,omitempty"`
	Notes       []string    `json:"notes,omitempty"`
}

// Report is what came of a trace with each of the policies.
type Report struct {
	Summary
	Runs []Run
}

// MemoryError says that a trace would write more memory than the machine can spare.
type MemoryError struct {
	Trace        string
	Need, Memory addr.Bytes
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("replay %s: its resizes may write %d bytes, and this machine has %d of memory", e.Trace, e.Need, e.Memory)
}

// Play replays a trace with each policy. It fails with a *SpaceError where the heap
// is too small, and when ctx is done.
func Play(ctx context.Context, t *Trace, o Options) (*Report, error) {
	summary, need := summarize(t)
	report := &Report{Summary: summary}
	meter := &meter{tell: o.Progress}
	var subjects []subject
	for _, policy := range o.Policies {
		s, err := o.subject(policy, t, need)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, s)
		meter.of += passesOf(s, leastPasses) * len(t.Ops)
	}
	for _, s := range subjects {
		run, err := s.run(ctx, t, summary, o, meter)
		if err != nil {
			return nil, s.explain(ctx, t, err)
		}
		report.Runs = append(report.Runs, *run)
	}
	return report, nil
}

// subject is the policy with a heap as the options have it, or one that the trace
// may need. The real heap must not fill the machine.
func (o Options) subject(p policies.Policy, t *Trace, need need) (subject, error) {
	n := o.Heap
	if n == 0 {
		n = min(max(need.arena, 1), mmapheap.MaxHeap)
	}
	s := subject{Policy: p, heap: n.AlignUp(addr.Bytes(os.Getpagesize())), engine: p.Name == policies.First.Name}
	if s.engine && o.Memory != 0 && need.copied > o.Memory/2 {
		return subject{}, &MemoryError{t.Name, need.copied, o.Memory}
	}
	return s, nil
}

func (s subject) run(ctx context.Context, t *Trace, summary Summary, o Options, m *meter) (*Run, error) {
	run := &Run{Policy: s.Name, About: s.About, Model: !s.engine, Heap: s.heap}
	if err := s.observe(ctx, t, summary, o, run, m); err != nil {
		return nil, err
	}
	if err := s.time(ctx, t, o.Now, run, m); err != nil {
		return nil, err
	}
	return run, nil
}

// touchLimit is how large a heap may become whose payloads are touched in full.
const touchLimit addr.Bytes = 1 << 30

// observe plays the trace once and notes all but the time.
func (s subject) observe(ctx context.Context, t *Trace, summary Summary, o Options, run *Run, m *meter) (err error) {
	h, release, err := s.open(t)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()

	w := &watcher{player: newPlayer(ctx, t, h), run: run, filled: true, page: addr.Bytes(os.Getpagesize())}
	w.plan(summary)
	if err := w.watch(m); err != nil {
		return err
	}
	run.Course, run.Searches = w.course, w.lengths.conclude()
	run.HighWater = h.Use().Extent
	run.Mean = meanOf(run.Course)
	run.Utilization = share(summary.PeakLive, run.HighWater)
	if e, ok := h.(*engine); ok {
		metadata := e.heap.Stats().Metadata
		run.Metadata = &metadata
		withBooks := share(summary.PeakLive, run.HighWater+metadata)
		run.WithBooks = &withBooks
		if w.filled {
			e.resident(run)
		} else {
			run.Notes = append(run.Notes, fmt.Sprintf("the blocks beyond %d bytes were not touched in full, so nothing is said of resident memory", touchLimit))
		}
	}
	if o.Map {
		run.Arena = arenaOf(h)
	}
	return nil
}

// resident asks the kernel what of the heap and its bookkeeping is in memory.
// Where it does not say, nothing is told.
func (e *engine) resident(run *Run) {
	pagemap, err := layout.OpenPagemap(0)
	if err != nil {
		run.Notes = append(run.Notes, "the kernel does not tell what is resident: "+err.Error())
		return
	}
	defer pagemap.Close()
	for _, r := range []struct {
		span addr.Range
		to   **addr.Bytes
	}{
		{addr.Span(e.base, e.heap.Committed()), &run.Resident},
		{e.bookkeeping(), &run.Books},
	} {
		pages, err := pagemap.Pages(r.span)
		if err != nil {
			run.Notes = append(run.Notes, "the kernel does not tell what is resident: "+err.Error())
			return
		}
		*r.to = &pages.Resident
	}
}

// share is part / whole; 0 where there is nothing.
func share(part, whole addr.Bytes) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// meter adds up how many operations were played.
type meter struct {
	done, of int
	tell     func(done, of int)
}

func (m *meter) add(n int) {
	m.done += n
	if m.tell != nil {
		m.tell(m.done, m.of)
	}
}
