package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"memprobe/layout/addr"
	"memprobe/probe/replay"
	"memprobe/report"
)

// op is an operation as the loops want it, in C as in Go: 8 bytes.
type op struct {
	what uint32 // id << 2 | kind
	size uint32 // bytes requested
}

// The kinds of operations; replay.c has the same.
const (
	opAlloc = iota
	opResize
	opFree
)

func newOp(kind, id, size uint32) op { return op{id<<2 | kind, size} }

func (o op) kind() uint32 { return o.what & 3 }
func (o op) id() uint32   { return o.what >> 2 }

// tally is what a replay did; all contenders must come to the same.
type tally struct {
	Allocs  uint64 `json:"allocs"`
	Resizes uint64 `json:"resizes"`
	Frees   uint64 `json:"frees"`
	Bytes   uint64 `json:"bytes"` // requested in all
}

// count adds what an operation does.
func (t *tally) count(o op) {
	switch o.kind() {
	case opAlloc:
		t.Allocs++
	case opResize:
		t.Resizes++
	case opFree:
		t.Frees++
	}
	t.Bytes += uint64(o.size)
}

// trace is what contenders replay: the operations that are timed, and behind them
// a free for each block that they leave, which is not.
type trace struct {
	name  string
	ids   int // ids are below
	ops   []op
	timed int
	live  addr.Bytes // requested bytes in use at the peak
	peak  int        // the operation that reaches it
	want  tally      // of all ops
	file  string     // the ops for the C replayer
}

// suffix is what the name of a trace's file ends with.
const suffix = ".rep.gz"

// traceFiles are the files in dir, of one trace or of all, by name.
func traceFiles(dir, name string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		return nil, err
	}
	if name != "" {
		files = slices.DeleteFunc(files, func(f string) bool { return filepath.Base(f) != name+suffix })
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no trace %s", dir, cmp.Or(name, "*")+suffix)
	}
	return files, nil
}

// readTrace reads a trace and leaves its operations for the C replayer in temp.
func readTrace(file, temp string) (*trace, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	name := report.Printable(strings.TrimSuffix(filepath.Base(file), suffix))
	recorded, err := replay.Read(name, f)
	if err != nil {
		return nil, err
	}
	t, err := pack(recorded)
	if err != nil {
		return nil, fmt.Errorf("trace %s: %w", name, err)
	}
	t.file = filepath.Join(temp, filepath.Base(file)+".ops")
	return t, writeOps(t.file, t.ops)
}

// pack turns a recorded trace into what the loops want. A request of no bytes
// becomes one of a byte, so that there is something to touch.
func pack(recorded *replay.Trace) (*trace, error) {
	if recorded.IDs >= 1<<30 {
		return nil, errors.New("too many ids")
	}
	t := &trace{name: recorded.Name, ids: recorded.IDs, timed: len(recorded.Ops)}
	kinds := map[replay.Kind]uint32{replay.Alloc: opAlloc, replay.Resize: opResize, replay.Free: opFree}
	sizes := make([]uint32, t.ids) // of the blocks in use
	ops := make([]op, 0, len(recorded.Ops))
	live := addr.Bytes(0)
	for i, r := range recorded.Ops {
		if r.Size > math.MaxUint32 {
			return nil, fmt.Errorf("operation %d: %d bytes are too many here", i, r.Size)
		}
		o := newOp(kinds[r.Kind], r.ID, 0)
		if r.Kind != replay.Free {
			o.size = max(1, uint32(r.Size))
		}
		live += addr.Bytes(o.size) - addr.Bytes(sizes[r.ID])
		sizes[r.ID] = o.size
		if live > t.live {
			t.live, t.peak = live, i
		}
		ops = append(ops, o)
	}
	for id, size := range sizes {
		if size != 0 {
			ops = append(ops, newOp(opFree, uint32(id), 0))
		}
	}
	for _, o := range ops {
		t.want.count(o)
	}
	var err error
	if t.ops, err = mapped[op](len(ops)); err != nil {
		return nil, err
	}
	copy(t.ops, ops)
	return t, nil
}

// arena is how large a heap for the trace is: memprobe's default if that is twice
// what is live at the peak, else the next power of two.
func (t *trace) arena() addr.Bytes {
	size := addr.Bytes(64 << 20)
	for size < 2*t.live {
		size *= 2
	}
	return size
}

// check compares what a contender did with what it should.
func (t *trace) check(who string, got tally) error {
	if got != t.want {
		return fmt.Errorf("trace %s: %s did %+v, want %+v", t.name, who, got, t.want)
	}
	return nil
}

// close gives back the operations.
func (t *trace) close() error { return unmap(t.ops) }
