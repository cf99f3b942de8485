package rust

import (
	"bytes"
	"testing"

	"memprobe/layout/addr"
)

type nowhere struct{}

func (nowhere) Load(addr.Addr, []byte) error { panic("an array of numbers has no pointer to follow") }

// TestLongArrays: one of which all elements are the same is told in short, and a short
// one never.
func TestLongArrays(t *testing.T) {
	alike := bytes.Repeat([]byte{7}, 512)
	other := bytes.Clone(alike)
	other[511] = 8
	for _, tt := range []struct {
		b    []byte
		want string
	}{
		{alike, "[7; 512]"},
		{alike[:13], "[7; 13]"},
		{alike[:12], "[7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]"},
		{other[499:], "[7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8]"},
	} {
		if got := Array(U8, len(tt.b)).Format(tt.b, nowhere{}); got != tt.want {
			t.Errorf("%d bytes: %s, want %s", len(tt.b), got, tt.want)
		}
	}
	if got := Array(U8, 512).Format(other, nowhere{}); got == "[7; 512]" {
		t.Errorf("512 bytes, the last one another: %s", got)
	}
}
