package layout

import (
	"testing"

	"memprobe/layout/addr"
)

func TestExecuted(t *testing.T) {
	space := func(exe string, inode uint64, stack addr.Addr) *Space {
		return &Space{Exe: exe, Mappings: []Mapping{
			{pages(1, 2), Readable | Executable, 0, Dev{8, 1}, inode, exe}, {Range: pages(stack, stack+4), Name: "[stack]"},
		}}
	}
	without := func(exe string) *Space { return &Space{Exe: exe} }
	sh := space("/bin/sh", 7, 0x100)
	for _, tt := range []struct {
		name          string
		before, after *Space
		want          bool
	}{
		{"nothing", sh, sh, false},
		{"another program", sh, space("/bin/cat", 8, 0x100), true},
		{"the same again", sh, space("/bin/sh", 7, 0x180), true},
		{"a new file at the path", sh, space("/bin/sh", 9, 0x100), true},
		{"the file was moved", sh, space("/bin/old", 7, 0x100), false},
		{"the file is gone", sh, space("/bin/sh (deleted)", 7, 0x100), false},
		{"the stack grew", sh, space("/bin/sh", 7, 0xfe), false},
		{"names alone", without("/a"), without("/b"), true},
		{"the file is gone, by its name", without("/a"), without("/a (deleted)"), false},
		{"the kernel tells nothing now", without("/a"), without(""), false},
		{"saved lists", &Space{}, &Space{}, false},
	} {
		if got := Executed(tt.before, tt.after); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
