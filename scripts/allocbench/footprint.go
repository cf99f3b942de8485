package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

// footprint is the memory that a contender takes for a trace at its peak, every
// block filled.
//
// memprobe's is what the kernel says is resident of its heap and its bookkeeping
// after the trace: it gives nothing back before Release, so that is the peak. The
// others' is by how much the anonymous memory of a process grew that replays
// nothing but this, looked at a thousand times and where most bytes are in use.

// errUntold means that the kernel, or an emulator in its place, does not tell which
// memory is resident.
var errUntold = errors.New("memory is left out: the kernel does not tell what is resident")

// footprints measures all contenders on a trace.
func footprints(ctx context.Context, f *figure, t *trace, file string, mallocs []malloc) error {
	set := func(name string, bytes uint64, err error) error {
		if err != nil {
			return fmt.Errorf("trace %s: footprint of %s: %w", t.name, name, err)
		}
		if bytes == 0 {
			return errUntold
		}
		r := f.of(name)
		r.Foot, r.Use = bytes, float64(t.live)/float64(bytes)
		return nil
	}
	own, err := firstFitFootprint(t)
	if err := set("memprobe", own.Resident, err); err != nil {
		return err
	}
	r := f.of("memprobe")
	r.Own = &own
	r.Own.Use = float64(t.live) / float64(own.HighWater+own.Metadata)
	for _, m := range mallocs {
		bytes, err := m.footprint(ctx, t)
		if err := set(m.name, bytes, err); err != nil {
			return err
		}
	}
	for _, name := range []string{"modernc", "make"} {
		bytes, err := childFootprint(ctx, name, file)
		if err := set(name, bytes, err); err != nil {
			return err
		}
	}
	return nil
}

// of is the result of one contender, a new one if there is none yet.
func (f *figure) of(name string) *result {
	for _, r := range f.Results {
		if r.Name == name {
			return r
		}
	}
	r := &result{Name: name}
	f.Results = append(f.Results, r)
	return r
}

// ownFoot is what memprobe's heap says of its footprint, and what the kernel does.
type ownFoot struct {
	HighWater uint64  `json:"high_water_bytes"` // the arena's start to the highest byte ever in use
	Metadata  uint64  `json:"metadata_bytes"`   // that describes it
	Resident  uint64  `json:"resident_bytes"`   // of the heap and of the bookkeeping
	Use       float64 `json:"peak_payload_per_high_water_and_metadata"`
}

func firstFitFootprint(t *trace) (foot ownFoot, err error) {
	f, err := newFirstFit(t, false)
	if err != nil {
		return ownFoot{}, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	var did tally
	for i, o := range t.ops[:t.timed] {
		if err := f.play(t.ops[i:i+1], &did); err != nil {
			return ownFoot{}, err
		}
		if o.kind() != opFree {
			fill(f.table[o.id()], o.size)
		}
	}
	s := f.heap.Stats()
	pagemap, err := layout.OpenPagemap(0)
	if err != nil {
		return ownFoot{}, err
	}
	defer pagemap.Close()
	var ranges []addr.Range
	for _, part := range f.region.Parts() {
		if part.Kind == mmapheap.HeapPart || part.Kind == mmapheap.Bookkeeping {
			ranges = append(ranges, part.Range)
		}
	}
	pages, err := pagemap.Pages(ranges...)
	return ownFoot{HighWater: uint64(s.Extent), Metadata: uint64(s.Metadata), Resident: uint64(pages.Resident)}, err
}

func (m malloc) footprint(ctx context.Context, t *trace) (uint64, error) {
	p, err := m.load(ctx, t)
	if err != nil {
		return 0, err
	}
	answer, err := p.ask("foot")
	if err := errors.Join(err, p.close()); err != nil {
		return 0, err
	}
	return answer[0], nil
}

// footprintCommand NAME FILE is how this program runs itself.
const footprintCommand = "footprint"

// childFootprint measures a Go contender in a process of its own.
func childFootprint(ctx context.Context, name, file string) (uint64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, self, footprintCommand, name, file)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(out)), 10, 64)
}

// printFootprint is what that process does.
func printFootprint(w io.Writer, name, file string) error {
	temp, err := os.MkdirTemp("", "allocbench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	t, err := readTrace(file, temp)
	if err != nil {
		return err
	}
	var play func(ops []op, did *tally) error
	var last func(o op)
	switch name {
	case "modernc":
		m, err := newModernc(t)
		if err != nil {
			return err
		}
		clear(m.table) // makes it resident
		play, last = m.play, func(o op) { fill(m.table[o.id()], o.size) }
	case "make":
		g := newGoMake(t)
		clear(g.table)
		play = func(ops []op, did *tally) error { g.play(ops, did); return nil }
		last = func(o op) {
			block := g.table[o.id()]
			for i := range block {
				block[i] = 1
			}
		}
	default:
		return fmt.Errorf("no contender %q", name)
	}
	memory, err := openRollup()
	if err != nil {
		return err
	}
	defer memory.file.Close()
	debug.FreeOSMemory() // what reading the trace left
	before, err := memory.anonymous()
	if err != nil {
		return err
	}
	most := before
	var did tally
	for i, o := range t.ops[:t.timed] {
		if err := play(t.ops[i:i+1], &did); err != nil {
			return err
		}
		if o.kind() != opFree {
			last(o)
		}
		if i == t.peak || i%(t.timed/1000+1) == 0 {
			now, err := memory.anonymous()
			if err != nil {
				return err
			}
			most = max(most, now)
		}
	}
	fmt.Fprintln(w, most-before)
	return nil
}

// rollup is /proc/self/smaps_rollup, kept open: reading it must not make garbage
// that would count.
type rollup struct {
	file *os.File
	text [4096]byte
}

func openRollup() (*rollup, error) {
	f, err := os.Open("/proc/self/smaps_rollup")
	return &rollup{file: f}, err
}

// anonymous is how many bytes of this process's memory, but for files, are resident.
func (r *rollup) anonymous() (uint64, error) {
	n, err := r.file.ReadAt(r.text[:], 0)
	if err != nil && err != io.EOF {
		return 0, err
	}
	_, line, found := bytes.Cut(r.text[:n], []byte("\nAnonymous:"))
	kb, _, ended := bytes.Cut(line, []byte(" kB\n"))
	if !found || !ended {
		return 0, fmt.Errorf("%s has no Anonymous", r.file.Name())
	}
	k, err := strconv.ParseUint(string(bytes.TrimSpace(kb)), 10, 64)
	return k * 1024, err
}
