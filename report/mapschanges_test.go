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

// TestChangesOfAnotherProgram: a process that runs another program is told so, whether
// what was chosen changed or not, and that is another thing than another process.
func TestChangesOfAnotherProgram(t *testing.T) {
	space := func(pid int, comm, exe string, stack addr.Addr) *layout.Space {
		maps := []layout.Mapping{{Range: addr.Span(stack, 0x4000), Name: "[stack]"}}
		return &layout.Space{PID: pid, Comm: comm, Exe: exe, PageSize: 4096, UserBits: 47, Mappings: maps, Parts: layout.Classify(maps, layout.Knowledge{})}
	}
	before := space(1, "a\x1b", "/bin/a\x1b", 0x100000)
	for _, tt := range []struct {
		after      *layout.Space
		text, json string
	}{
		{space(1, "b\x1b", "/bin/b", 0x200000), "The process runs another program since (exec): b\\x1b (/bin/b). Before it was a\\x1b (/bin/a\\x1b).",
			`"executed":true,"program_before":{"comm":"a\u001b","exe":"/bin/a\u001b"},"program_after":{"comm":"b\u001b","exe":"/bin/b"}`},
		{space(1, "a\x1b", "/bin/a\x1b", 0x200000), "The process has started its program anew since (exec): a\\x1b (/bin/a\\x1b).", `"same_process":true,"executed":true`},
		{space(2, "b", "/bin/b", 0x200000), "What was looked at before is another process: a\\x1b, pid 1.", `"same_process":false,"executed":false`},
		{before, "", `"same_process":true,"executed":false`},
	} {
		changes := Changes{"then", before, layout.Diff(before, tt.after)}
		for _, choice := range []Choice{{}, {Parts: []string{"heap"}}} {
			d := MapsChanged(tt.after, changes, choice)
			text, js := render(t, "text", d, Options{Width: 160}), render(t, "json", d, Options{})
			js = strings.NewReplacer("\n", "", "  ", "", ": ", ":").Replace(js)
			if !strings.Contains(text, tt.text) || strings.Contains(text, "(exec)") != strings.Contains(tt.text, "(exec)") || !strings.Contains(js, tt.json) {
				t.Errorf("%q or %q is not in\n%s\n%s", tt.text, tt.json, text, js)
			}
		}
		if watch := render(t, "text", Maps(tt.after, MapsView{Changes: &changes}), Options{Width: 160}); tt.after.PID == 1 && !strings.Contains(watch, tt.text) {
			t.Errorf("--watch does not say %q:\n%s", tt.text, watch)
		}
	}
}
