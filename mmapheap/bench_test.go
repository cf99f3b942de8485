package mmapheap

import (
	"fmt"
	"testing"

	"memprobe/layout/addr"
)

func BenchmarkAllocFree(b *testing.B) {
	for _, n := range []addr.Bytes{16, 64, 1 << 10, 64 << 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h := newRegion(b, Config{}).Heap()
			allocFree(b, h, n)
		})
	}
}

// allocFree is the loop that is timed.
func allocFree(b *testing.B, h *Heap, n addr.Bytes) {
	for b.Loop() {
		a, err := h.Alloc(n)
		if err != nil {
			b.Fatal(err)
		}
		if err := h.Free(a); err != nil {
			b.Fatal(err)
		}
	}
}

// The lowest hole that fits lies above many that don't, or is one of many.
func BenchmarkAllocFreeAmongHoles(b *testing.B) {
	for _, holes := range []int{100, 10_000, 1_000_000} {
		for _, n := range []addr.Bytes{32, 48} {
			b.Run(fmt.Sprintf("%d/%d", holes, n), func(b *testing.B) {
				h := newRegion(b, Config{Heap: 128 << 20}).Heap()
				var all []addr.Addr
				for range 2 * holes {
					all = append(all, mustAlloc(b, h, 32))
				}
				for i := 0; i < len(all); i += 2 {
					if err := h.Free(all[i]); err != nil {
						b.Fatal(err)
					}
				}
				allocFree(b, h, n)
			})
		}
	}
}

// A frame alone, and one whose first and last bytes are stored and whose first is
// loaded.
func BenchmarkPushPop(b *testing.B) {
	for _, n := range []addr.Bytes{16, 64, 256, 4 << 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := newRegion(b, Config{}).Stack()
			for b.Loop() {
				if _, err := s.Push(n); err != nil {
					b.Fatal(err)
				}
				if err := s.Pop(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprint(n, "/used"), func(b *testing.B) {
			s := newRegion(b, Config{}).Stack()
			var sum byte
			for b.Loop() {
				if _, err := s.Push(n); err != nil {
					b.Fatal(err)
				}
				frame := s.Frame()
				frame[0], frame[n-1] = sum, 1
				sum += frame[0]
				if err := s.Pop(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
