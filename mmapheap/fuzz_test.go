package mmapheap

import (
	"encoding/binary"
	"testing"

	"memprobe/layout/addr"
)

// FuzzHeapOps reads its input as operations of four bytes: what to do, which
// place, and a size; the heap has to do what the oracle does. A place is one of
// the blocks in use, in the order they were made, or any address near the arena.
// Inputs of odd length have an arena that needs upper levels of the bookkeeping,
// the others one that is soon full.
func FuzzHeapOps(f *testing.F) {
	f.Fuzz(func(t *testing.T, ops []byte) {
		arena := addr.Bytes(16 << 10)
		if len(ops)%2 == 1 {
			arena = 256 << 10
		}
		d := newDuel(newRegion(t, Config{Heap: arena, Stack: 1}).Heap())
		var made []uint64
		for n := 0; len(ops) >= 4; n, ops = n+1, ops[4:] {
			size := uint64(binary.LittleEndian.Uint16(ops[2:])) >> (ops[0] >> 4)
			place := int64(int16(binary.LittleEndian.Uint16(ops[1:])))
			if len(made) > 0 {
				place = int64(made[int(ops[1])%len(made)])
			}
			var p uint64
			var err error
			switch ops[0] % 8 {
			case 0, 1, 2:
				p, err = d.alloc(size)
			case 3:
				p, err = d.resize(place, false, size)
			case 4, 5:
				err = d.free(place, false)
			case 6:
				err = d.free(place+int64(ops[2]), false)
			case 7:
				_, err = d.resize(int64(int16(size)), size == 0, size)
			}
			if err != nil {
				t.Fatalf("operation %d: %v", n, err)
			}
			if ops[0]%8 < 4 {
				made = append(made, p)
			}
		}
		if err := d.state(64); err != nil {
			t.Fatal(err)
		}
	})
}
