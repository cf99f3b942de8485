package main

import (
	"slices"
	"strings"
	"testing"
)

func TestParseDump(t *testing.T) {
	visits := func() []*visit {
		return []*visit{{areas: []span{{0x7f00, 0x7f09}}}, {areas: []span{{0x20, 0x21}}}}
	}
	const out = "[New LWP 7]\narea 0 0\n0x7f00:\t0x05\t0x00\t0xff\t0x00\t0x00\t0x00\t0x00\t0x00\n0x7f08 <x+1>:\t0x01\n[detached]\ndone 0\narea 1 0\n0x20:\t0x22\ndone 1\n"
	v := visits()
	if err := parseDump(out, v); err != nil {
		t.Fatal(err)
	}
	if !v[0].read[0].equal(hexBytes{5, 0, 255, 0, 0, 0, 0, 0, 1}) || !v[1].read[0].equal(hexBytes{0x22}) {
		t.Errorf("read %x, %x", v[0].read, v[1].read)
	}
	for name, wrong := range map[string]string{
		"too few bytes":   strings.Replace(out, "\t0xff", "", 1),
		"elsewhere":       strings.Replace(out, "0x20:", "0x28:", 1),
		"longer address":  strings.Replace(out, "0x20:", "0x200:", 1),
		"no number":       strings.Replace(out, "0x22", "Cannot access memory", 1),
		"no such area":    strings.Replace(out, "area 1 0", "area 1 1", 1),
		"one not visited": strings.Replace(out, "done 1\n", "", 1),
	} {
		if err := parseDump(wrong, visits()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestImage joins what was read, and has zeros where nothing was.
func TestImage(t *testing.T) {
	m := &image{pages: map[address]bool{0: false, pageSize: true}}
	spans := []span{{pageSize + 4, pageSize + 6}, {pageSize - 2, pageSize + 2}, {pageSize + 1, pageSize + 3}, {5, 5}}
	m.areas = merged(m.touched(spans))
	if want := []span{{pageSize, pageSize + 3}, {pageSize + 4, pageSize + 6}}; !slices.Equal(m.areas, want) {
		t.Fatalf("areas %v, want %v", m.areas, want)
	}
	m.read = []hexBytes{{1, 2, 3}, {5, 6}}
	for _, tt := range []struct {
		span
		want hexBytes
	}{
		{spans[0], hexBytes{5, 6}}, {spans[1], hexBytes{0, 0, 1, 2}}, {spans[2], hexBytes{2, 3}}, {spans[3], hexBytes{}},
	} {
		if got := m.at(tt.span); !got.equal(tt.want) {
			t.Errorf("%v: %x, want %x", tt.span, got, tt.want)
		}
	}
}

func TestAccessible(t *testing.T) {
	maps, err := parseMaps("1000-2000 ---p 00000000 00:00 0 \n2000-3000 rw-p 00000000 00:00 0 \n3000-4000 rw-p 00000000 00:00 0 [anon:x]\n5000-6000 rw-p 0 00:00 0\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		span
		want bool
	}{
		{span{0x2000, 0x2008}, true}, {span{0x2ff8, 0x3008}, true}, {span{0x2000, 0x4000}, true},
		{span{0x1ff8, 0x2008}, false}, {span{0x3ff8, 0x4001}, false}, {span{0x3000, 0x6000}, false}, {span{0x7000, 0x7001}, false},
	} {
		if got := accessible(maps, tt.span); got != tt.want {
			t.Errorf("%v: accessible %v", tt.span, got)
		}
	}
}

func TestDecoded(t *testing.T) {
	for _, tt := range []struct {
		typ  string
		b    hexBytes
		want string
	}{
		{"i32", hexBytes{0xfe, 0xff, 0xff, 0xff}, "-2"},
		{"u8", hexBytes{0xfe}, "254"},
		{"usize", hexBytes{0, 1, 0, 0, 0, 0, 0, 0}, "256"},
		{"bool", hexBytes{1}, "true"},
		{"f64", hexBytes{0, 0, 0, 0, 0, 0, 0, 0}, "0.0"},
		{"f64", hexBytes{0x1f, 0x85, 0xeb, 0x51, 0xb8, 0x1e, 0x09, 0x40}, "3.14"},
		{"&mut i32", hexBytes{0x10, 0, 0, 0, 0, 0, 0, 0}, "0x10"},
		{"*mut u8", hexBytes{0, 0, 0x16, 0x20, 0x29, 0x7f, 0, 0}, "0x7f2920160000"},
	} {
		if got, ok := decoded(tt.typ, tt.b); !ok || got != tt.want {
			t.Errorf("%s %x: %q, want %q", tt.typ, tt.b, got, tt.want)
		}
	}
	if got, ok := decoded("Point", make(hexBytes, 8)); ok {
		t.Errorf("Point: %q", got)
	}
}

// TestTargets: the first live number and the first used block, as indices, so that
// they are found in another run too.
func TestTargets(t *testing.T) {
	vars := func(at address, state string) []frame {
		return []frame{{Name: "main", Vars: []variable{
			{Name: "p", Type: "*mut i32", Addr: at, State: "live", Bytes: hexBytes{0, 0, 0, 0, 0, 0, 0, 0}},
			{Name: "x", Type: "i32", Addr: at + 8, State: state, Bytes: hexBytes{6, 0, 0, 0}}}}}
	}
	run := func(at address) trace {
		late := step{N: 2, Frames: vars(at, "live")}
		late.Heap.Blocks = []block{{Addr: at + 0x100, State: "free"},
			{Addr: at + 0x110, State: "used", Requested: 9000, Bytes: hexBytes{0}, Touched: []bool{false, true}},
			{Addr: at + 0x120, State: "used", Requested: 1, Bytes: hexBytes{8}, Owner: "main.b"}}
		return trace{Steps: []step{{N: 1, Frames: vars(at, "uninitialised")}, late}}
	}
	first, second := run(0x1000), run(0x5000)
	all := targets(first)
	if len(all) != 2 || all[0].n != 2 || all[0].what != "main.x" || all[1].n != 2 || all[1].what != "a block of main.b" {
		t.Fatalf("%+v", all)
	}
	if got, want := all[0].flip(second.Steps[1]), (change{0x5008, 7}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := all[1].flip(second.Steps[1]), (change{0x5120, 9}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	popped := trace{Steps: []step{{N: 1, Popped: vars(0x1000, "popped")}}}
	if all := targets(popped); len(all) != 1 || all[0].flip(popped.Steps[0]) != (change{0x1008, 7}) {
		t.Errorf("popped alone: %+v", all)
	}
}
