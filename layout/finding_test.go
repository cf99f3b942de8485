package layout

import (
	"fmt"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

// weak draws findings, with distances in pages: "missing guard at 5, 2 free".
func weak(s *Space) string {
	var out []string
	for _, f := range s.Findings() {
		text := fmt.Sprintf("%s at %x", f.Kind, uint64(s.Parts[f.Part].Lo)/0x1000)
		if f.Kind == FindingNoGuard {
			_, below, beside := strings.Cut(f.Text, "what lies right below: ")
			text += fmt.Sprintf(", %d free", f.Free/0x1000)
			if beside {
				text += " above " + below
			}
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

func TestFindings(t *testing.T) {
	const rw, rwx, rx = Readable | Writable, Readable | Writable | Executable, Readable | Executable
	anon := func(lo, hi addr.Addr, perms Perms) Mapping { return Mapping{Range: pages(lo, hi), Perms: perms} }
	named := func(lo, hi addr.Addr, perms Perms, name string) Mapping {
		return Mapping{Range: pages(lo, hi), Perms: perms, Name: name}
	}
	bare := func(lo, hi addr.Addr) Stack { return Stack{Range: pages(lo, hi), TID: 7, Name: "a"} }
	guarded := func(lo, hi addr.Addr) Stack {
		return Stack{Range: pages(lo, hi), Guard: pages(lo-1, lo), TID: 8, Name: "b"}
	}
	first := Stack{Range: pages(4, 8), First: true}
	for _, tt := range []struct {
		name, want string
		maps       []Mapping
		known      Knowledge
	}{
		{"nothing", "", []Mapping{anon(1, 2, rw), anon(2, 3, rx)}, Knowledge{}},
		{"writable code", "writable and executable at 1", []Mapping{anon(1, 2, rwx)}, Knowledge{}},
		{"writable, not readable", "writable and executable at 1", []Mapping{anon(1, 2, Writable|Executable)}, Knowledge{}},
		{"the first stack may be executed", "executable stack at 4", []Mapping{named(4, 8, rwx, "[stack]")}, Knowledge{Stacks: []Stack{first}}},
		{"nor written, but executed", "executable stack at 4", []Mapping{named(4, 8, rx, "[stack]")}, Knowledge{Stacks: []Stack{first}}},
		{"a thread's may be executed", "executable stack at 4", []Mapping{anon(3, 4, 0), anon(4, 8, rwx)}, Knowledge{Stacks: []Stack{guarded(4, 8)}}},
		{"memprobe's own may be executed", "executable stack at 4", []Mapping{anon(4, 8, rwx)}, Knowledge{Owned: []Owned{{pages(4, 8), KindOwnStack, "stack"}}}},
		{"the first stack needs no guard", "", []Mapping{anon(3, 4, rw), named(4, 8, rw, "[stack]")}, Knowledge{Stacks: []Stack{first}}},
		{"a guard", "", []Mapping{anon(3, 4, 0), anon(4, 8, rw)}, Knowledge{Stacks: []Stack{guarded(4, 8)}}},
		{"a stack of which only the kernel's name is known", "", []Mapping{anon(3, 4, rw), named(4, 8, rw, "[stack:7]")}, Knowledge{}},
		{"the same memory right below", "missing guard at 4, 0 free above anonymous", []Mapping{anon(1, 8, rw)}, Knowledge{Stacks: []Stack{bare(4, 8)}}},
		{"another mapping right below", "missing guard at 4, 0 free above [heap]", []Mapping{named(3, 4, rw, "[heap]"), anon(4, 8, rw)},
			Knowledge{Stacks: []Stack{bare(4, 8)}}},
		{"one of two right below the other", "missing guard at 4, 0 free above thread 8 b; missing guard at 8, 0 free above thread 7 a",
			[]Mapping{anon(2, 12, rw)}, Knowledge{Stacks: []Stack{{Range: pages(2, 4), TID: 8, Name: "b", Guard: pages(1, 2)}, bare(4, 8), {Range: pages(8, 12), TID: 9}}}},
		{"a gap below", "missing guard at 6, 3 free", []Mapping{anon(1, 3, rw), anon(6, 8, rw)}, Knowledge{Stacks: []Stack{bare(6, 8)}}},
		{"a gap below, more below that", "missing guard at 6, 1 free", []Mapping{anon(1, 3, rw), anon(4, 5, rx), anon(6, 8, rw)},
			Knowledge{Stacks: []Stack{bare(6, 8)}}},
		{"nothing below at all", "missing guard at 6, 6 free", []Mapping{anon(6, 8, rw), anon(8, 9, rw)}, Knowledge{Stacks: []Stack{bare(6, 8)}}},
		{"of two parts, in two mappings", "missing guard at 4, 0 free above anonymous; executable stack at 6", []Mapping{anon(1, 4, rw), anon(4, 6, rw), anon(6, 8, rwx)},
			Knowledge{Stacks: []Stack{bare(4, 8)}}},
		{"of three parts, the lowest executable", "executable stack at 4; missing guard at 4, 2 free",
			[]Mapping{anon(1, 2, rw), anon(4, 5, rwx), anon(5, 6, rw), anon(6, 8, rw)}, Knowledge{Stacks: []Stack{bare(4, 8)}}},
		{"of two parts, with a guard", "", []Mapping{anon(3, 4, 0), anon(4, 6, rw), anon(6, 8, rw)}, Knowledge{Stacks: []Stack{guarded(4, 8)}}},
	} {
		s := &Space{Mappings: tt.maps, Parts: Classify(tt.maps, tt.known), Stacks: tt.known.Stacks}
		checkTiled(t, s.Mappings, s.Parts)
		if got := weak(s); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		for i, p := range s.Parts { // each of them chosen alone
			chosen := s.Chosen()
			chosen.Mappings, chosen.Parts = s.Mappings, []Part{p}
			var want []Finding
			for _, f := range s.Findings() {
				if f.Part == i {
					f.Part = 0
					want = append(want, f)
				}
			}
			if got := chosen.Findings(); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: of %v chosen alone %v is found, of all %v", tt.name, p.Range, got, want)
			}
		}
	}
}
