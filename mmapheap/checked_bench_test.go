package mmapheap

import (
	"fmt"
	"testing"

	"memprobe/layout/addr"
)

// A block of 64 bytes, made, stored to, loaded from and freed beside a thousand others,
// under each net.
func BenchmarkChecked(b *testing.B) {
	for _, bench := range []struct {
		name string
		nets Nets
	}{
		{"none", Nets{}}, {"canary", canaryAlone}, {"poison", poisonAlone}, {"quarantine", Nets{Quarantine: DefaultQuarantine}},
		{"guarded", guardAlone}, {"access", Nets{Access: true}}, {"checked", CheckedNets()},
	} {
		b.Run(bench.name, func(b *testing.B) {
			p := program{b, newRegion(b, Config{Nets: bench.nets}).Checked()}
			blocks := make([]Pointer, 1000)
			for i := range blocks {
				blocks[i] = p.alloc(64, "block")
			}
			data := make([]byte, 64)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				at := &blocks[i*7919%len(blocks)]
				if err := p.Free(*at); err != nil {
					b.Fatal(err)
				}
				*at, _ = p.Alloc(64, "block")
				if err := p.Store(*at, data); err != nil {
					b.Fatal(err)
				}
				if err := p.Load(*at, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A frame of three locals, one of them stored to.
func BenchmarkCheckedFrame(b *testing.B) {
	for _, nets := range []Nets{{}, CheckedNets()} {
		b.Run(fmt.Sprint(nets.Access), func(b *testing.B) {
			p := program{b, newRegion(b, Config{Nets: nets}).Checked()}
			locals := []Local{{"x", 8}, {"text", 40}, {"n", 4}}
			data := make([]byte, addr.Bytes(8))
			for b.Loop() {
				frame, err := p.Push("f", locals...)
				if err != nil {
					b.Fatal(err)
				}
				if err := p.Store(frame[1], data); err != nil {
					b.Fatal(err)
				}
				if err := p.Pop(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
