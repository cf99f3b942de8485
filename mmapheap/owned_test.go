package mmapheap

import (
	"fmt"

	"memprobe/layout/addr"
)

// owned is a block that a test has filled with a pattern of its own.
type owned struct {
	at      addr.Addr
	size    int
	pattern byte
}

// payloads is a heap, or a shared one.
type payloads interface {
	Bytes(addr.Addr) ([]byte, error)
}

// fill writes the pattern over all of the payload.
func (o owned) fill(in payloads) error {
	mem, err := in.Bytes(o.at)
	if err == nil && len(mem) != o.size {
		return fmt.Errorf("%d bytes at %v, %d were asked for", len(mem), o.at, o.size)
	}
	for i := range mem {
		mem[i] = o.pattern + byte(i)
	}
	return err
}

// intact looks for the pattern in the first n bytes of the payload.
func (o owned) intact(in payloads, n int) error {
	mem, err := in.Bytes(o.at)
	if err != nil {
		return err
	}
	for i, b := range mem[:n] {
		if b != o.pattern+byte(i) {
			return fmt.Errorf("byte %d of the %d at %v is %#x, its owner wrote %#x", i, o.size, o.at, b, o.pattern+byte(i))
		}
	}
	return nil
}
