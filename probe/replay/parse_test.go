package replay

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// zipped is text compressed by gzip.
func zipped(tb testing.TB, text string) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

const small = "20000\n2\n5\n1\na 0 512\na 1 128\nr 0 640\nf 1\nf 0\n"

var smallOps = []Op{{Alloc, 0, 512}, {Alloc, 1, 128}, {Resize, 0, 640}, {Free, 1, 0}, {Free, 0, 0}}

func TestRead(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       Trace
	}{
		{"plain", small, Trace{Heap: 20000, IDs: 2, Ops: smallOps}},
		{"CRLF and blanks", "\n" + strings.ReplaceAll(small, "\n", " \t\r\n\r\n"), Trace{Heap: 20000, IDs: 2, Ops: smallOps}},
		{"wide", "20000\n2\n5\n1\n  a\t0   512\n a 1 128\nr  0 640\nf  1\nf\t0", Trace{Heap: 20000, IDs: 2, Ops: smallOps}},
		{"gzip", string(zipped(t, small)), Trace{Heap: 20000, IDs: 2, Ops: smallOps}},
		{"gzip in two pieces", string(zipped(t, small[:20])) + string(zipped(t, small[20:])), Trace{Heap: 20000, IDs: 2, Ops: smallOps}},
		{"no operations", "0\n0\n0\n0", Trace{}},
		{"an id again", "0\n1\n4\n1\na 0 1\nf 0\na 0 0\nf 0", Trace{IDs: 1, Ops: []Op{{Alloc, 0, 1}, {Free, 0, 0}, {Alloc, 0, 0}, {Free, 0, 0}}}},
		{"realloc of nothing", "0\n1\n2\n1\nr 0 7\nr 0 0", Trace{IDs: 1, Ops: []Op{{Alloc, 0, 7}, {Resize, 0, 0}}}},
		{"the largest size", "0\n1\n1\n1\na 0 68719476736", Trace{IDs: 1, Ops: []Op{{Alloc, 0, 1 << 36}}}},
	} {
		tt.want.Name = tt.name
		got, err := Read(tt.name, iotest.OneByteReader(strings.NewReader(tt.text)))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if !reflect.DeepEqual(*got, tt.want) {
			t.Errorf("%s: %+v, want %+v", tt.name, *got, tt.want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	cut := zipped(t, strings.Repeat("\n", 1<<16)+small)
	damaged := zipped(t, small)
	damaged[len(damaged)-5] ^= 1 // the checksum
	inside := zipped(t, small)
	inside[10] = 0x07 // a last piece, of a kind that there is not
	head := "0\n2\n3\n1\n"
	for _, tt := range []struct {
		name, text, want string
		is               error
	}{
		{"nothing", "", "line 1: the trace ends where the suggested heap should be", nil},
		{"half a header", "1\n2\n", "line 3: the trace ends where the number of operations should be", nil},
		{"a word for a number", "1\ntwo\n", `line 2 "two": bad header: the number of ids is not a whole number`, nil},
		{"a negative number", "1\n-2\n", "line 2", nil},
		{"operations before the header", "a 0 1\n", `line 1 "a 0 1": bad header: the suggested heap is not`, nil},
		{"2^60 ids", "1\n1152921504606846976\n1\n1\n", "line 2 \"1152921504606846976\": bad header: the limit is 67108864 ids", nil},
		{"2^60 operations", "1\n1\n1152921504606846976\n1\n", "line 3 \"1152921504606846976\": bad header: the limit is 67108864 operations", nil},
		{"more than 64 bits", "1\n99999999999999999999999999\n", "the limit is", nil},
		{"more ids than operations", "1\n3\n2\n1\n", "line 3 \"2\": bad header: 2 operations can't use 3 ids", nil},
		{"too few operations", head + "a 0 1\n", "line 6: the trace ends after 1 of the 3 operations", nil},
		{"too many operations", head + "a 0 1\nf 0\na 0 1\n\nf 0\n", `line 9 "f 0": the header promises 3 operations`, nil},
		{"an unknown id", head + "f 1", `line 5 "f 1": no block has this id`, ErrUnknownID},
		{"an id past the header's", head + "a 2 1", `line 5 "a 2 1": no block has this id: the header promises 2`, ErrUnknownID},
		{"an id of more than 64 bits", head + "a 18446744073709551616 1", "line 5", ErrUnknownID},
		{"an id twice", head + "a 0 1\n a 0 2", `line 6 "a 0 2": the id is that of a block in use`, ErrLiveID},
		{"a double free", head + "a 0 1\nf 0\nf 0", `line 7 "f 0": the block is freed already`, ErrDeadID},
		{"a resize of a freed block", head + "a 0 1\nf 0\nr 0 4", `line 7 "r 0 4": the block is freed already`, ErrDeadID},
		{"an absurd size", head + "a 0 68719476737", `line 5 "a 0 68719476737": absurd size`, ErrSize},
		{"a size of more than 64 bits", head + "a 0 18446744073709551617", "line 5", ErrSize},
		{"a size of -1", head + "a 0 -1", `line 5 "a 0 -1": the size is not a whole number, 0 or more`, nil},
		{"a free of null", head + "f -1", `line 5 "f -1": the id is not a whole number`, nil},
		{"no size", head + "a 0", `line 5 "a 0": the size is missing`, nil},
		{"no id", head + "f", `line 5 "f": the id is missing`, nil},
		{"a word too many", head + "f 0 1", `line 5 "f 0 1": there is more in the line`, nil},
		{"another letter", head + "x 0 1", `line 5 "x 0 1": no operation begins so`, nil},
		{"a word for a letter", head + "alloc 0 1", "line 5", nil},
		{"an endless line", head + strings.Repeat("7", 1<<20), "line 5: more than 4096 bytes in a line", nil},
		{"control characters", head + "\x1b[31m", `line 5 "\x1b[31m": no operation begins so`, nil},
		{"gzip, cut off", string(cut[:len(cut)-20]), "the gzip file is cut off here", nil},
		{"gzip, cut in its header", "\x1f\x8b\x08", "line 1: the gzip file is cut off here", nil},
		{"gzip, damaged", string(damaged), "its checksum is not", nil},
		{"gzip, damaged inside", string(inside), "line 1: the gzip file is damaged here", nil},
		{"gzip, and garbage", string(zipped(t, small)) + "garbage that is long enough", "line 10: what follows the gzip file", nil},
		{"gzip of gzip", string(zipped(t, string(zipped(t, small)))), "bad header", nil},
	} {
		got, err := Read("t.rep", strings.NewReader(tt.text))
		if err == nil {
			t.Errorf("%s: accepted as %+v", tt.name, *got)
			continue
		}
		if !strings.HasPrefix(err.Error(), "trace t.rep: line ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, err, tt.want)
		}
		if tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: %v is not %v", tt.name, err, tt.is)
		}
	}
	broken := errors.New("the disk is gone")
	if _, err := Read("t.rep", io.MultiReader(strings.NewReader(head), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

// TestReadIsBounded: a header of lies takes no memory.
func TestReadIsBounded(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Read("t.rep", strings.NewReader(fmt.Sprintf("0\n%d\n%d\n1\na %d 1\n", MaxOps, MaxOps, MaxOps-1)))
	runtime.ReadMemStats(&after)
	if err == nil || after.TotalAlloc-before.TotalAlloc > 40<<20 {
		t.Errorf("%d bytes, %v", after.TotalAlloc-before.TotalAlloc, err)
	}
}

func TestParseOps(t *testing.T) {
	got, err := ParseOps(" +10, +20,-0,1=32 ,+0")
	want := []Op{{Alloc, 0, 10}, {Alloc, 1, 20}, {Free, 0, 0}, {Resize, 1, 32}, {Alloc, 2, 0}}
	if err != nil || !reflect.DeepEqual(got.Ops, want) || got.IDs != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	for list, want := range map[string]string{
		"":                   `operation 0 "": it is +SIZE`,
		"+10,":               `operation 1 "": it is +SIZE`,
		"+10,20":             `operation 1 "20": it is +SIZE`,
		"-0":                 `operation 0 "-0": no block has this id: blocks allocated so far: 0`,
		"+1,-0,-0":           `operation 2 "-0": the block is freed already`,
		"+1,-0,0=4":          `operation 2 "0=4": the block is freed already`,
		"+1,1=4":             `operation 1 "1=4": no block has this id`,
		"+":                  "the size is missing",
		"+-1":                "the size is not a whole number",
		"-x":                 "the id is not a whole number",
		"=4":                 "the id is missing",
		"+1,0=":              "the size is missing",
		"+99999999999":       "absurd size",
		"+1,-0\x1b[31m":      `"-0\x1b[31m": the id is not`,
		"+1,=" + "9999=9999": "the id is missing",
	} {
		if _, err := ParseOps(list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", list, err, want)
		}
	}
}

// rep is a trace in its text form.
func rep(t *Trace) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n%d\n%d\n1\n", t.Heap, t.IDs, len(t.Ops))
	for _, op := range t.Ops {
		switch op.Kind {
		case Alloc:
			fmt.Fprintf(&b, "a %d %d\n", op.ID, op.Size)
		case Resize:
			fmt.Fprintf(&b, "r %d %d\n", op.ID, op.Size)
		case Free:
			fmt.Fprintf(&b, "f %d\n", op.ID)
		}
	}
	return b.String()
}

// FuzzRead: whatever is read makes sense, operation by operation, and is the same
// when it is written and read again.
func FuzzRead(f *testing.F) {
	f.Add([]byte(small))
	f.Add(zipped(f, small))
	f.Fuzz(func(t *testing.T, text []byte) {
		trace, err := Read("t", bytes.NewReader(text))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "trace t: line ") {
				t.Errorf("%v", err)
			}
			return
		}
		live := map[uint32]bool{}
		for i, op := range trace.Ops {
			if int(op.ID) >= trace.IDs || op.Size > MaxSize || live[op.ID] != (op.Kind != Alloc) {
				t.Fatalf("operation %d: %+v", i, op)
			}
			live[op.ID] = op.Kind != Free
		}
		again, err := Read("t", strings.NewReader(rep(trace)))
		if err != nil || again.IDs != trace.IDs || len(again.Ops) != len(trace.Ops) || len(trace.Ops) > 0 && !reflect.DeepEqual(again.Ops, trace.Ops) {
			t.Errorf("%+v, then %+v, %v", trace, again, err)
		}
	})
}

// FuzzParseOps: the same for a list.
func FuzzParseOps(f *testing.F) {
	f.Add("+10,+20,-0,1=32")
	f.Fuzz(func(t *testing.T, list string) {
		trace, err := ParseOps(list)
		if err != nil {
			return
		}
		if again, err := Read("t", strings.NewReader(rep(trace))); err != nil || !reflect.DeepEqual(again.Ops, trace.Ops) {
			t.Errorf("%+v, then %+v, %v", trace, again, err)
		}
	})
}
