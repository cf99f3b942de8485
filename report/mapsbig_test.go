package report

import (
	"io"
	"testing"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// BenchmarkMaps writes the table of a process with as many mappings as the kernel allows.
func BenchmarkMaps(b *testing.B) {
	s := &layout.Space{PID: 1, PageSize: 4096, UserBits: 47}
	for i := range 65000 {
		r := addr.Span(addr.Addr(0x7e0000000000+i*0x2000), 0x1000)
		m := layout.Mapping{Range: r, Perms: layout.Readable, Inode: 7, Name: "/tmp/some/file/that/is/mapped"}
		s.Mappings = append(s.Mappings, m)
		s.Parts = append(s.Parts, layout.Part{Range: r, Kind: layout.KindFile, Label: "file mapping", Object: m.Name, Mapping: i})
		s.Gaps = append(s.Gaps, layout.Gap{Range: addr.Range{Lo: r.Hi, Hi: r.Hi + 0x1000}})
	}
	for b.Loop() {
		if err := writeText(io.Discard, Maps(s, MapsView{All: true}), Options{Width: 80}); err != nil {
			b.Fatal(err)
		}
	}
}
