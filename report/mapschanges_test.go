package report

import (
	"strings"
	"testing"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// TestChangesOfPieces: what is told of a piece of a mapping is that piece.
func TestChangesOfPieces(t *testing.T) {
	const rw = layout.Readable | layout.Writable
	space := func(maps ...layout.Mapping) *layout.Space {
		return &layout.Space{PID: 1, PageSize: 4096, UserBits: 47, Mappings: maps, Parts: layout.Classify(maps, layout.Knowledge{})}
	}
	at := func(lo, hi addr.Addr, perms layout.Perms) layout.Mapping {
		return layout.Mapping{Range: addr.Range{Lo: lo, Hi: hi}, Perms: perms}
	}
	whole := space(at(0x100000, 0x200000, rw))
	for want, after := range map[string]*layout.Space{
		" 1 change since then:\n ~       0x180000     4 KiB  r--  was rw-: anonymous\n":                      space(at(0x100000, 0x180000, rw), at(0x180000, 0x181000, layout.Readable), at(0x181000, 0x200000, rw)),
		" 1 change since then:\n -       0x180000     4 KiB  rw-  vanished: anonymous\n":                     space(at(0x100000, 0x180000, rw), at(0x181000, 0x200000, rw)),
		" 1 change since then:\n <       0x102000  1016 KiB  rw-  shrank at its start by 8 KiB: anonymous\n": space(at(0x102000, 0x200000, rw)),
		" 1 change since then:\n >        0xff000     1 MiB  rw-  grew at its start by 4 KiB: anonymous\n":   space(at(0xff000, 0x200000, rw)),
		" 1 change since then:\n >       0x100000     1 MiB  rw-  grew by 4 KiB: anonymous\n":                space(at(0x100000, 0x201000, rw)),
		" 1 change since then:\n <       0x100000  1020 KiB  rw-  shrank by 4 KiB: anonymous\n":              space(at(0x100000, 0x1ff000, rw)),
	} {
		got := render(t, "text", MapsChanged(after, Changes{"then", whole, layout.Diff(whole, after)}, Choice{}), Options{Width: 80})
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
