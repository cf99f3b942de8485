package addr

import (
	"encoding/json"
	"testing"
)

const top = Addr(0xffffffffffffffff)

func TestRange(t *testing.T) {
	r := Range{0x1000, 0x3000}
	last := Range{0xfffffffffffff000, 0} // ends at 2^64
	tests := []struct {
		name      string
		got, want any
	}{
		{"size", r.Size(), Bytes(0x2000)},
		{"contains its start", r.Contains(0x1000), true},
		{"contains its last byte", r.Contains(0x2fff), true},
		{"does not contain its end", r.Contains(0x3000), false},
		{"does not contain what lies below", r.Contains(0xfff), false},
		{"the last page has a size", last.Size(), Bytes(0x1000)},
		{"the last page contains the top address", last.Contains(top), true},
		{"the last page does not contain 0", last.Contains(0), false},
		{"an empty range contains nothing", Range{5, 5}.Contains(5), false},
		{"covers itself", r.Covers(r), true},
		{"covers a part", r.Covers(Range{0x1800, 0x1900}), true},
		{"does not cover past its end", r.Covers(Range{0x2800, 0x3001}), false},
		{"does not cover from below", r.Covers(Range{0xfff, 0x1001}), false},
		{"overlaps", r.Overlaps(Range{0x2fff, 0x4000}), true},
		{"overlaps what surrounds it", r.Overlaps(Range{0, 0x9000}), true},
		{"does not overlap its neighbour", r.Overlaps(Range{0x3000, 0x4000}), false},
		{"does not overlap an empty range", r.Overlaps(Range{0x2000, 0x2000}), false},
		{"intersects", r.Intersect(Range{0x2000, 0x4000}), Range{0x2000, 0x3000}},
		{"intersects nothing", r.Intersect(Range{0x3000, 0x4000}).Size(), Bytes(0)},
		{"intersects at the top", last.Intersect(Range{0xfffffffffffff800, 0}), Range{0xfffffffffffff800, 0}},
		{"span", Span(0x10, 6), Range{0x10, 0x16}},
		{"prints", r.String(), "0x1000-0x3000"},
		{"aligns down", Addr(0x1fff).AlignDown(0x1000), Addr(0x1000)},
		{"aligns up", Bytes(17).AlignUp(16), Bytes(32)},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

func TestParse(t *testing.T) {
	for in, want := range map[string]Addr{
		"0x7f2a00001000": 0x7f2a00001000, "7f2a00001000": 0x7f2a00001000, "0": 0, "ffffffffffffffff": top,
	} {
		if got, err := Parse(in); err != nil || got != want {
			t.Errorf("Parse(%q) = %v, %v, want %v", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"":                  `address "": not a hexadecimal number such as 0x7f2a00001000`,
		"0x":                `address "0x": not a hexadecimal number such as 0x7f2a00001000`,
		"-1":                `address "-1": not a hexadecimal number such as 0x7f2a00001000`,
		"1_0":               `address "1_0": not a hexadecimal number such as 0x7f2a00001000`,
		"stack":             `address "stack": not a hexadecimal number such as 0x7f2a00001000`,
		"10000000000000000": `address "10000000000000000": more than 64 bits`,
	} {
		if got, err := Parse(in); err == nil || err.Error() != want {
			t.Errorf("Parse(%q) = %v, %v, want %s", in, got, err, want)
		}
	}
}

func TestJSON(t *testing.T) {
	in := Range{0x7f2a00001000, 0xffffffffff601000}
	out, err := json.Marshal(in)
	if err != nil || string(out) != `{"start":"0x7f2a00001000","end":"0xffffffffff601000"}` {
		t.Fatalf("marshalled to %s, %v", out, err)
	}
	var back Range
	if err := json.Unmarshal(out, &back); err != nil || back != in {
		t.Fatalf("unmarshalled to %v, %v, want %v", back, err, in)
	}
}
