package layout

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

// Pages are as large as all addresses allow for, or as smaps says.
func TestPageSizeOfText(t *testing.T) {
	const k = 1 << 10
	// list are n mappings whose ends are multiples of step, and perhaps figures of each.
	list := func(n int, step addr.Addr, figures ...string) string {
		var text strings.Builder
		for i := range addr.Addr(n) {
			fmt.Fprintf(&text, "%x-%x r--p 00000000 00:00 0 \n", uint64(2*i+1)*uint64(step), uint64(2*i+2)*uint64(step))
			if len(figures) > 0 {
				fmt.Fprintf(&text, "Rss: 0 kB\nKernelPageSize: %s\n", figures[int(i)%len(figures)])
			}
		}
		return text.String()
	}
	for _, tt := range []struct {
		name, text string
		want       addr.Bytes
	}{
		{"small pages", list(9, 4*k), 4 * k},
		{"16 KiB", list(9, 16*k), 16 * k},
		{"64 KiB", list(9, 64*k), 64 * k},
		{"larger", list(9, 2048*k), 64 * k},
		{"32 KiB, as no kernel has it", list(9, 32*k), 16 * k},
		{"too few to tell", list(8, 64*k), 4 * k},
		{"one ends elsewhere", list(9, 64*k) + "7000000-7001000 r--p 00000000 00:00 0 \n", 4 * k},
		{"one begins elsewhere", list(9, 64*k) + "7004000-7010000 r--p 00000000 00:00 0 \n", 16 * k},
		{"smaps says so", list(2, 64*k, "16 kB"), 16 * k},
		{"smaps says so, against the addresses", list(9, 64*k, "4 kB"), 4 * k},
		{"huge pages among them", list(9, 2048*k, "2048 kB", "64 kB", "2048 kB"), 64 * k},
		{"smaps of an old kernel", list(9, 16*k, "0 kB"), 16 * k},
		{"no power of two", list(9, 16*k, "12 kB"), 16 * k},
	} {
		s, err := DescribeText([]byte(tt.text))
		if err != nil || s.PageSize != tt.want {
			t.Errorf("%s: got %d, %v, want %d", tt.name, s.PageSize, err, tt.want)
		}
	}
}

// What the kernel has in its own half is no part of the process's memory.
func TestReservedOfText(t *testing.T) {
	const low, vsyscall = "1000-3000 r--p 00000000 00:00 0 \n", "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n"
	for _, tt := range []struct {
		text     string
		bits     int
		reserved addr.Bytes
		highest  addr.Addr // where the highest gap ends
	}{
		{low, 32, 0x2000, 1 << 32},
		{low + vsyscall, 32, 0x2000, 1 << 32},
		{low + "fffff000-100000000 r--p 00000000 00:00 0 \n" + vsyscall, 32, 0x3000, 0xfffff000},
		{low + "fffff000-100001000 r--p 00000000 00:00 0 \n", 39, 0x4000, 1 << 39},
		{low + "7ffffffff000-800000000000 r--p 00000000 00:00 0 \n" + vsyscall, 47, 0x3000, 0x7ffffffff000},
		{low + "7ffffffff000-800000001000 r--p 00000000 00:00 0 \n", 48, 0x4000, 1 << 48},
		{low + "ffffffffff000-10000000000000 r--p 00000000 00:00 0 \n", 52, 0x3000, 0xffffffffff000},
		{low + "fffffffffff000-100000000000000 r--p 00000000 00:00 0 \n" + vsyscall, 56, 0x3000, 0xfffffffffff000},
	} {
		s, err := DescribeText([]byte(tt.text))
		if err != nil {
			t.Fatal(err)
		}
		if highest := s.Gaps[len(s.Gaps)-1].Hi; s.UserBits != tt.bits || s.Reserved != tt.reserved || highest != tt.highest {
			t.Errorf("%q: %d bits, %#x reserved, gaps up to %v, want %d, %#x, %v", tt.text, s.UserBits, s.Reserved, highest, tt.bits, tt.reserved, tt.highest)
		}
		if s.ResidentKnown {
			t.Errorf("%q: says what is in memory", tt.text)
		}
	}
}

func TestCheckFirstLine(t *testing.T) {
	for text, want := range map[string]error{
		"1000-2000 r--p 0 0:0 0 \nhello": nil, "1000-2000 r--p 0 0:0 0\r\n": nil, "1000-2000 r--p 0 0:0 0": nil,
		"hello\n1000-2000 r--p 0 0:0 0 \n": errFields, "": errFields, "2000-1000 r--p 0 0:0 0 \n": errEmpty, "Rss: 4 kB\n": errFields,
	} {
		if err := CheckFirstLine([]byte(text)); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", text, err, want)
		}
	}
}

// Each figure is added up, but the size of pages and the flags, which can't be.
func TestFiguresAdd(t *testing.T) {
	var a, b Figures
	set := func(f *Figures, step uint64) {
		v := reflect.ValueOf(f).Elem()
		for i := range v.NumField() {
			if v.Field(i).Kind() == reflect.Uint64 {
				v.Field(i).SetUint(step << i)
			}
		}
	}
	set(&a, 1)
	set(&b, 1<<32)
	a.PageSize, b.PageSize, a.Flags, b.Flags = 4096, 2<<20, "rd", "rd wr"
	for _, size := range []addr.Bytes{4096, 4 << 20} {
		sum := a
		sum.PageSize = size
		sum.Add(&b)
		var want Figures
		set(&want, 1<<32+1)
		want.PageSize = max(size, b.PageSize)
		if sum != want {
			t.Errorf("got %+v, want %+v", sum, want)
		}
	}
	if sum := (&Space{Figures: []Figures{a, a, b}}).Sum(); sum.RSS != 2*a.RSS+b.RSS || sum.Locked != 2*a.Locked+b.Locked || sum.PageSize != b.PageSize || sum.Flags != "" {
		t.Errorf("the sum of three: %+v", sum)
	}
	if f := (Figures{SharedHugetlb: 1, PrivateHugetlb: 2, AnonHuge: 4, ShmemHuge: 8, FileHuge: 16}); f.Hugetlb() != 3 || f.Huge() != 31 {
		t.Errorf("%d in huge pages that are set aside, %d in all", f.Hugetlb(), f.Huge())
	}
}

func TestTextNotes(t *testing.T) {
	lines := "1000-2000 r--p 00000000 00:00 0 \n3000-4000 rw-p 00000000 00:00 0                          [stack]\n"
	for text, want := range map[string]string{
		lines:                                   "",
		strings.ReplaceAll(lines, "\n", "\r\n"): "each line ends in a carriage return",
		lines + "3800-5000 r--p 00000000 00:00 0 \n": `maps line 3 "3800-5000`,
	} {
		s, err := DescribeText([]byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		always := len(s.Notes) - 1 // that the files are not there
		if notes := strings.Join(s.Notes[:always], "; "); (want == "") != (notes == "") || !strings.Contains(notes, want) {
			t.Errorf("%q: got %q, want %q", text, notes, want)
		}
		if len(s.Mappings) != 2 || s.Mappings[1].Name != "[stack]" {
			t.Errorf("%q: got %v", text, s.Mappings)
		}
	}
}
