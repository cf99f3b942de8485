package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"memprobe/layout"
)

// endless gives one byte again and again; it panics once it gave more than anybody
// should want.
type endless struct {
	b    byte
	left int
}

func (e *endless) Read(buf []byte) (int, error) {
	if e.left -= len(buf); e.left < 0 {
		panic("read on and on")
	}
	for i := range buf {
		buf[i] = e.b
	}
	return len(buf), nil
}

func TestSavedListWithoutEnd(t *testing.T) {
	for _, b := range []byte{0, 'y', '\n', 'a'} {
		target := &target{file: "-"}
		if _, err := target.saved(&endless{b, 1 << 20}); err == nil {
			t.Errorf("%q: no error", b)
		}
	}
	for _, file := range []string{"--file", "--since"} {
		var out, errOut bytes.Buffer
		code := run([]string{"maps", file, "/dev/zero"}, strings.NewReader(""), &out, &errOut)
		if got := errOut.String(); code != exitFailed || strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "memprobe: read /dev/zero: ") || len(got) > 800 {
			t.Errorf("%s /dev/zero: got %d, %q", file, code, got)
		}
	}
}

func TestReadUpTo(t *testing.T) {
	starts := func([]byte) error { return nil }
	for size, want := range map[int]bool{0: true, 5: true, 10: true, 11: false, 1000: false} {
		text, err := readUpTo(10, io.LimitReader(&endless{'{', 2000}, int64(size)), starts)
		if (err == nil) != want || want && len(text) != size {
			t.Errorf("%d bytes: got %d, %v", size, len(text), err)
		}
	}
	long := strings.Repeat("{", 3*startSaved)
	if text, err := readUpTo(mostSaved, strings.NewReader(long), beginsSnapshot); err != nil || string(text) != long {
		t.Errorf("got %d bytes, %v", len(text), err)
	}
	if _, err := readUpTo(mostSaved, &endless{'x', 1 << 20}, beginsSnapshot); !errors.Is(err, layout.ErrNoSnapshot) {
		t.Errorf("got %v", err)
	}
}
