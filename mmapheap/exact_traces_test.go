package mmapheap

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// traceOp is an operation of a recorded program: a(lloc), r(esize) or f(ree) of
// its block number id.
type traceOp struct {
	kind byte
	id   int
	size uint64
}

// traces are the recorded programs that the project keeps.
func traces(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob("../probe/replay/testdata/traces/*.rep.gz")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no traces: %v", err)
	}
	return files
}

// readTrace reads the first operations of a trace, most of them at most. Its text
// is a header of four lines (the second is the number of ids, the third that of
// operations) and a line for each operation.
func readTrace(tb testing.TB, file string, most int) (ids int, ops []traceOp) {
	tb.Helper()
	f, err := os.Open(file)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	text, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatalf("%s: %v", file, err)
	}
	promised := 0
	sc := bufio.NewScanner(text)
	for n := 1; len(ops) < most && sc.Scan(); n++ {
		var op traceOp
		switch line := sc.Text(); {
		case n == 2:
			_, err = fmt.Sscan(line, &ids)
		case n == 3:
			_, err = fmt.Sscan(line, &promised)
		case n < 5:
		case line[0] == 'f':
			_, err = fmt.Sscanf(line, "%c %d", &op.kind, &op.id)
			ops = append(ops, op)
		default:
			_, err = fmt.Sscanf(line, "%c %d %d", &op.kind, &op.id, &op.size)
			ops = append(ops, op)
		}
		if err != nil {
			tb.Fatalf("%s, line %d: %v", file, n, err)
		}
	}
	if err := sc.Err(); err != nil || len(ops) != min(most, promised) || len(ops) == 0 {
		tb.Fatalf("%s: %d operations, the header has %d: %v", file, len(ops), promised, err)
	}
	return ids, ops
}

// wholeTraces says whether the traces are to be played to their ends, for which
// MEMPROBE_TRACES=all asks.
func wholeTraces(tb testing.TB) bool {
	tb.Helper()
	switch which := os.Getenv("MEMPROBE_TRACES"); which {
	case "":
		return false
	case "all":
		return true
	default:
		tb.Fatalf("MEMPROBE_TRACES=%q: all, or nothing for the first operations of each", which)
		return false
	}
}

// The blocks of recorded programs lie where the oracle puts them, each of them. By
// default that is tried for the first operations of each trace: to the oracle a
// long list of holes is long.
func TestFirstFitIsExactOnTraces(t *testing.T) {
	most := 20_000
	if wholeTraces(t) {
		most = 1 << 30
	}
	for _, file := range traces(t) {
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		t.Run(name, func(t *testing.T) {
			ids, ops := readTrace(t, file, most)
			d := newDuel(newRegion(t, Config{Heap: 256 << 20}).Heap())
			places := make([]uint64, ids)
			for i, op := range ops {
				var err error
				switch p := &places[op.id]; op.kind {
				case 'a':
					*p, err = d.alloc(op.size)
				case 'r':
					*p, err = d.resize(int64(*p), false, op.size)
				case 'f':
					err = d.free(int64(*p), false)
				default:
					err = fmt.Errorf("%q", op.kind)
				}
				if err != nil {
					t.Fatalf("operation %d: %v", i, err)
				}
			}
			if err := d.state(1000); err != nil {
				t.Error(err)
			}
			t.Logf("%d operations, %d blocks left", len(ops), len(d.m.used))
		})
	}
}
