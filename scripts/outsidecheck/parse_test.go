package main

import "testing"

func TestParseDump(t *testing.T) {
	areas := []area{{0x7f00, 9}, {0x10, 0}, {0x20, 1}}
	const out = "[New LWP 7]\narea 0\n0x7f00:\t0x05\t0x00\t0xff\t0x00\t0x00\t0x00\t0x00\t0x00\n0x7f08 <x+1>:\t0x01\narea 1\narea 2\n0x20:\t0x22\n[detached]\n"
	read, err := parseDump(out, areas)
	if err != nil {
		t.Fatal(err)
	}
	if !read[0].equal(hexBytes{5, 0, 255, 0, 0, 0, 0, 0, 1}) || len(read[1]) != 0 || !read[2].equal(hexBytes{0x22}) {
		t.Errorf("read %x", read)
	}
	for name, wrong := range map[string]string{
		"too few bytes": "area 0\n0x7f00:\t0x05\narea 2\n0x20:\t0x22\n",
		"elsewhere":     "area 2\n0x28:\t0x22\n",
		"no number":     "area 2\n0x20:\tCannot access memory\n",
	} {
		if read, err := parseDump(wrong, areas); err == nil {
			t.Errorf("%s: read %x, no error", name, read)
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

func TestInteger(t *testing.T) {
	for _, tt := range []struct {
		typ  string
		b    hexBytes
		want string
	}{
		{"i32", hexBytes{0xfe, 0xff, 0xff, 0xff}, "-2"},
		{"u8", hexBytes{0xfe}, "254"},
		{"usize", hexBytes{0, 1, 0, 0, 0, 0, 0, 0}, "256"},
		{"*mut u8", hexBytes{0, 0, 0x16, 0x20, 0x29, 0x7f, 0, 0}, "0x7f2920160000"},
	} {
		if got, ok := integer(tt.typ, tt.b); !ok || got != tt.want {
			t.Errorf("%s %x: %q, want %q", tt.typ, tt.b, got, tt.want)
		}
	}
	if got, ok := integer("Point", make(hexBytes, 8)); ok {
		t.Errorf("Point: %q", got)
	}
}
