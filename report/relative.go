package report

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"memprobe/layout/addr"
	"memprobe/probe"
)

// The address-free form of a run tells an address by where it lies in the run's
// memory, and leaves out what no two runs share: process and thread numbers, the
// kernel's figures. So two runs of one program give the same bytes.
//
//	heap+0x40      from the heap's start up
//	stack-0x18     from the stack's end down; another thread's stack bears its name
//	region+0x1000  anything else of the reservation, from its start
//	code#1         an object outside of it, the first one of that segment
//
// In the bytes of a pointer the address counts from the reservation's start, so that
// bytes of two pointers differ where the pointers do.

// relativeNote tells a reader of this form.
const relativeNote = "Addresses are told by where they lie: heap+0x40 from the heap's start up, stack-0x18 from the stack's end down. " +
	"The bytes of a pointer count from where the whole memory begins."

// places are the parts of a run's memory that addresses are told by, the closest first.
type places []place

type place struct {
	addr.Range
	name   string
	down   bool      // told from the end down
	origin addr.Addr // what the bytes of a pointer count from
}

// placesOf are the places of a run. A thread's includes the page below its stack,
// which an overflow touches.
func placesOf(t *probe.Trace) places {
	m := t.Memory
	all := places{
		{Range: m.Heap, name: "heap", origin: m.Base},
		{Range: m.Stack, name: "stack", down: true, origin: m.Base},
	}
	for _, s := range t.Steps {
		if s.Stopped != nil {
			all = append(all,
				place{Range: s.Stopped.Heap, name: "checked-heap", origin: s.Stopped.Heap.Lo},
				place{Range: s.Stopped.Stack, name: "checked-stack", down: true, origin: s.Stopped.Stack.Hi})
		}
		for _, thread := range s.Threads {
			if _, known := all.of(thread.Stack.Lo); !known {
				all = append(all, place{
					Range: addr.Range{Lo: thread.Stack.Lo - addr.Addr(t.PageSize), Hi: thread.Stack.Hi},
					name:  thread.Name, down: true, origin: thread.Stack.Hi,
				})
			}
		}
	}
	all = append(all, place{Range: addr.Range{Lo: m.Base, Hi: m.End}, name: "region", origin: m.Base})
	count := map[string]int{}
	for _, s := range t.Steps {
		for _, l := range s.Landmarks {
			if _, known := all.of(l.Addr); !known {
				segment := strings.ReplaceAll(string(l.Segment), " ", "-")
				count[segment]++
				all = append(all, place{Range: addr.Span(l.Addr, max(l.Size, 1)), name: fmt.Sprintf("%s#%d", segment, count[segment])})
			}
		}
	}
	return all
}

// of is the place that a belongs to. The first address past a part of the run's memory
// belongs to it too.
func (all places) of(a addr.Addr) (place, bool) {
	for _, p := range all {
		if p.Contains(a) || p.Hi == a && !p.outside() {
			return p, true
		}
	}
	return place{}, false
}

// outside reports whether p is an object that is not of the run's memory.
func (p place) outside() bool { return p.origin == 0 }

// call is what a is called: by its digits where it belongs to no place.
func (all places) call(a addr.Addr) string {
	p, known := all.of(a)
	switch {
	case !known:
		return a.String()
	case p.down:
		return fmt.Sprintf("%s-%#x", p.name, uint64(p.Hi-a))
	case p.outside() && a == p.Lo:
		return p.name
	}
	return fmt.Sprintf("%s+%#x", p.name, uint64(a-p.Lo))
}

// inText finds addresses, and ranges of them, in a text, inJSON the addresses that JSON
// holds as such.
var (
	inText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\b0x[0-9a-f]+(-0x[0-9a-f]+)?\b`) })
	inJSON = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`"0x[0-9a-f]+"`) })
)

// text is s with its addresses called by their places.
func (all places) text(s string) string {
	if !strings.Contains(s, "0x") {
		return s
	}
	return inText().ReplaceAllStringFunc(s, func(found string) string {
		var names []string
		for digits := range strings.SplitSeq(found, "-") {
			a, err := addr.Parse(digits)
			if err != nil {
				return found
			}
			names = append(names, all.call(a))
		}
		return strings.Join(names, " to ")
	})
}

func (all places) texts(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = all.text(l)
	}
	return out
}

// bytes is b, which lies at a, with the addresses in it counted from the start of
// where they belong.
func (all places) bytes(b probe.Hex, a addr.Addr) probe.Hex {
	const word = 8
	out := append(probe.Hex{}, b...)
	for i := int(-a & (word - 1)); i+word <= len(out); i += word {
		there := addr.Addr(binary.LittleEndian.Uint64(out[i:]))
		if p, known := all.of(there); known {
			binary.LittleEndian.PutUint64(out[i:], uint64(there-p.origin))
		}
	}
	return out
}

// trace is a copy of t without what no two runs share. The addresses in it are the
// run's own: whoever shows one calls it by its place.
func (all places) trace(t *probe.Trace) *probe.Trace {
	out := *t
	out.PID, out.Memory.Maps = 0, nil
	out.Source = all.texts(t.Source)
	out.Steps = make([]probe.Step, len(t.Steps))
	for i, s := range t.Steps {
		out.Steps[i] = all.step(s)
	}
	return &out
}

func (all places) step(s probe.Step) probe.Step {
	s.Title, s.Text, s.Kernel = all.text(s.Title), all.text(s.Text), probe.Kernel{}
	s.Frames, s.Popped = all.frames(s.Frames), all.frames(s.Popped)
	s.Heap.Blocks = changed(s.Heap.Blocks, func(b *probe.Block) { b.Bytes = all.bytes(b.Bytes, b.Addr) })
	s.Notes = changed(s.Notes, func(n *probe.Note) { n.Lesson, n.Here, n.Why = all.text(n.Lesson), all.text(n.Here), all.text(n.Why) })
	s.Threads = changed(s.Threads, func(t *probe.Thread) { t.ID = 0 })
	s.Landmarks = changed(s.Landmarks, func(l *probe.Landmark) { all.landmark(l) })
	s.Facts = changed(s.Facts, func(f *probe.Fact) { all.fact(f) })
	if s.Question != nil {
		q := *s.Question
		q.Text, q.Choices, q.Why = all.text(q.Text), all.texts(q.Choices), all.text(q.Why)
		s.Question = &q
	}
	if s.Stopped != nil {
		stopped := *s.Stopped
		stopped.Report = changed(stopped.Report, func(l *probe.ReportLine) { l.Text = all.text(l.Text) })
		s.Stopped = &stopped
	}
	return s
}

func (all places) frames(frames []probe.Frame) []probe.Frame {
	return changed(frames, func(f *probe.Frame) {
		f.Vars = changed(f.Vars, func(v *probe.Var) {
			v.Bytes, v.Value = all.bytes(v.Bytes, v.Addr), all.text(v.Value)
			v.Fields = changed(v.Fields, func(field *probe.Field) {
				field.Bytes, field.Value = all.bytes(field.Bytes, field.Addr), all.text(field.Value)
			})
		})
	})
}

// landmark drops what an object that is not of the run's memory holds: that is the
// process's.
func (all places) landmark(l *probe.Landmark) {
	l.What, l.Mapping = all.text(l.What), ""
	if p, _ := all.of(l.Addr); p.outside() {
		l.Bytes = nil
		return
	}
	l.Bytes = all.bytes(l.Bytes, l.Addr)
}

// fact hides a figure that the next run would not have.
func (all places) fact(f *probe.Fact) {
	f.What, f.Value = all.text(f.What), all.text(f.Value)
	if f.Varies {
		f.Value = "differs from run to run"
	}
}

// changed is a copy of list, each element changed; nil stays nil.
func changed[T any](list []T, change func(*T)) []T {
	if list == nil {
		return nil
	}
	out := append([]T{}, list...)
	for i := range out {
		change(&out[i])
	}
	return out
}

// relativeTrace is the JSON form of a run without addresses. A field here stands in
// place of the one of the same name below it, and all of these are left out.
type relativeTrace struct {
	*probe.Trace
	Relative bool           `json:"relative"`
	PID      *int           `json:"pid,omitempty"`
	Memory   relativeMemory `json:"memory"`
	Steps    []relativeStep `json:"steps"`
	places   places
}

type relativeMemory struct {
	probe.Memory
	Maps *int `json:"maps,omitempty"`
}

type relativeStep struct {
	probe.Step
	Kernel    *int               `json:"kernel,omitempty"`
	Threads   []relativeThread   `json:"threads,omitempty"`
	Landmarks []relativeLandmark `json:"landmarks,omitempty"`
}

type relativeThread struct {
	probe.Thread
	ID *int `json:"id,omitempty"`
}

type relativeLandmark struct {
	probe.Landmark
	Mapping *int `json:"mapping,omitempty"`
}

func (places places) model(t *probe.Trace) any {
	m := relativeTrace{Trace: places.trace(t), Relative: true, places: places}
	m.Memory.Memory = m.Trace.Memory
	m.Steps = make([]relativeStep, len(m.Trace.Steps))
	for i, s := range m.Trace.Steps {
		step := &m.Steps[i]
		step.Step = s
		for _, t := range s.Threads {
			step.Threads = append(step.Threads, relativeThread{Thread: t})
		}
		for _, l := range s.Landmarks {
			step.Landmarks = append(step.Landmarks, relativeLandmark{Landmark: l})
		}
	}
	return m
}

// MarshalJSON writes names for the addresses.
func (m relativeTrace) MarshalJSON() ([]byte, error) {
	type plain relativeTrace // without this method
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(plain(m)); err != nil {
		return nil, err
	}
	return inJSON().ReplaceAllFunc(b.Bytes(), func(quoted []byte) []byte {
		a, err := addr.Parse(string(quoted[1 : len(quoted)-1]))
		if err != nil {
			return quoted
		}
		name, err := json.Marshal(m.places.call(a))
		if err != nil {
			return quoted
		}
		return name
	}), nil
}

// run is the model of a document about a run, or about a part of it.
type run struct{ whole, part *probe.Trace }

func (r run) form(o Options) any {
	if o.Relative {
		return placesOf(r.whole).model(r.part)
	}
	return r.part
}

// ofRun is a document about a run, of which JSON holds the part; draw gets the run as
// it is to be shown.
func ofRun(t, part *probe.Trace, draw func(*page, *probe.Trace)) Document {
	return Document{run{t, part}, func(p *page) { draw(p, p.shown(t)) }}
}

// shown is t as the page shows it: itself, or its copy without addresses, which the
// page then calls by their places.
func (p *page) shown(t *probe.Trace) *probe.Trace {
	if !p.opts.Relative {
		return t
	}
	places := placesOf(t)
	p.names = places.call
	return places.trace(t)
}
