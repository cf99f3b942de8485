package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestPieces(t *testing.T) {
	var p pieces
	long := bytes.Repeat([]byte("long "), worthKeeping)
	want := ""
	for _, text := range []string{"a", string(long), "b", "c", string(long), string(long), ""} {
		p.Write([]byte(text))
		p.Keep([]byte(text))
		want += text + text
		if got := string(p.all()); got != want {
			t.Fatalf("behind %d bytes: got %d bytes, want %d", len(want), len(got), len(want))
		}
	}
	for _, n := range []int{0, 1, 2, 3, len(long), len(long) + 2, len(long) + 3, len(want) - 1, len(want)} {
		var rest strings.Builder
		for _, piece := range p.from(n) {
			if len(piece) == 0 {
				t.Errorf("from byte %d: an empty piece", n)
			}
			rest.Write(piece)
		}
		if rest.String() != want[n:] {
			t.Errorf("from byte %d: got %d bytes, want %d", n, rest.Len(), len(want)-n)
		}
	}
}
