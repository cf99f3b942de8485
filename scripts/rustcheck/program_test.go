package main

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

//go:embed testdata/program.rs
var sample string

func le[N ~uint64](values ...N) (b hexBytes) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return b
}

// Where the trace has things.
const (
	stackAt address = 0x7000_0000
	block1  address = 0x1000
	block2  address = 0x2000
)

func number(name string, at address, n byte) variable {
	return variable{Name: name, Type: "i32", Addr: at, Size: 4, Align: 4, Bytes: hexBytes{n, 0, 0, 0}, Value: sprint(n), State: "live"}
}

func sprint(n byte) string { return strings.TrimLeft(string([]byte{'0' + n/10, '0' + n%10}), "0") }

func text(name string, at address, capacity uint64, ptr address, n uint64, value string) variable {
	b := le(capacity, uint64(ptr), n)
	return variable{Name: name, Type: "String", Addr: at, Size: 24, Align: 8, Bytes: b, Value: value, State: "live", Fields: []field{
		{"cap", "usize", at, 8, b[:8]}, {"ptr", "*mut u8", at + 8, 8, b[8:16]}, {"len", "usize", at + 16, 8, b[16:]}}}
}

// sampleTrace is what memprobe would say of testdata/program.rs.
func sampleTrace() *trace {
	p := variable{Name: "p", Type: "Pair", Addr: stackAt, Size: 8, Align: 4, Bytes: hexBytes{2, 0, 0, 0, 1, 0, 0, 0}, State: "live", Value: "Pair { a: 1, b: 2 }",
		Fields: []field{{"b", "u32", stackAt, 4, hexBytes{2, 0, 0, 0}}, {"a", "u8", stackAt + 4, 1, hexBytes{1}}}}
	d := number("d", stackAt+0x28, 42)
	boxed := variable{Name: "b", Type: "Box<i32>", Addr: stackAt + 0x50, Size: 8, Align: 8, Bytes: le(block2), Value: "7", State: "live",
		Fields: []field{{"ptr", "*mut i32", stackAt + 0x50, 8, le(block2)}}}
	q := variable{Name: "q", Type: "&i32", Addr: stackAt + 0x60, Size: 8, Align: 8, Bytes: le(d.Addr), Value: d.Addr.String(), State: "live"}
	grown := `"he{l}lo, world!"`
	t := text("t", stackAt+0x30, 15, block1+0x100, 15, grown)
	gone := t
	gone.State = "dropped"
	old := block1
	return &trace{Scenario: "sample", Source: strings.Split(strings.TrimSuffix(sample, "\n"), "\n"), Steps: []step{
		{N: 1, Line: 13, Frames: []frame{{Name: "main", Vars: []variable{p, text("s", stackAt+8, 7, block1, 7, `"he{l}lo"`)}}}, Events: []event{{Kind: "alloc", Addr: block1, Size: 7}}},
		{N: 2, Line: 7, Frames: []frame{
			{Name: "main", Vars: []variable{p, text("s", stackAt+8, 15, block1+0x100, 15, grown)}},
			{Name: "twice", Vars: []variable{number("n", stackAt-8, 21), number("r", stackAt-4, 42)}},
		}, Events: []event{{Kind: "resize", Addr: block1 + 0x100, Size: 15, From: &old}}},
		{N: 3, Line: 16, Frames: []frame{{Name: "main", Vars: []variable{p, d, t}}}},
		{N: 4, Line: 19, Frames: []frame{{Name: "main", Vars: []variable{t, boxed}}}, Events: []event{{Kind: "alloc", Addr: block2, Size: 4}}},
		{N: 5, Line: 21, Frames: []frame{{Name: "main", Vars: []variable{d, q}}}},
		{N: 6, Line: 23, Frames: []frame{{Name: "main", Vars: []variable{gone, boxed}}}, Events: []event{
			{Kind: "drop", Addr: boxed.Addr, Size: 8}, {Kind: "free", Addr: block2, Size: 4},
			{Kind: "drop", Addr: t.Addr, Size: 24}, {Kind: "free", Addr: block1 + 0x100, Size: 15}}},
	}}
}

// change returns a trace that says something else.
func change(to func(*trace)) *trace {
	t := sampleTrace()
	to(t)
	return t
}

func (t *trace) variable(n int, name string) *variable {
	for i := range t.Steps[n-1].Frames {
		for j := range t.Steps[n-1].Frames[i].Vars {
			if v := &t.Steps[n-1].Frames[i].Vars[j]; v.Name == name {
				return v
			}
		}
	}
	panic("no variable " + name)
}

// TestSampleProgram compiles the sample, runs it, and compares it with its trace, and
// with traces that say something wrong: each must be found.
func TestSampleProgram(t *testing.T) {
	rustc, _, err := findRustc()
	if errors.Is(err, errNoRustc) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := &checker{rustc: rustc, temp: t.TempDir(), out: io.Discard}
	if differences, err := c.compiles(sampleTrace()); err != nil || len(differences) > 0 {
		t.Fatal(err, differences)
	}
	p, differences := newProgram(sampleTrace())
	if len(differences) > 0 {
		t.Fatal(differences)
	}
	binary, err := c.build([]*program{p})
	if err != nil {
		t.Fatal(err)
	}
	types, err := c.runChecked(binary, "sample", "layouts", 0)
	if err != nil {
		t.Fatal(err)
	}
	ran, err := c.runChecked(binary, "sample", "run", 0)
	if err != nil {
		t.Fatal(err)
	}
	summary, differences := p.ran(ran)
	if all := append(p.layouts(types), differences...); len(all) > 0 {
		t.Fatalf("the trace is right, yet: %q", all)
	}
	const want = "to its end: 5 of 6 steps, 13 live values, 5 requests of memory; capacities of s 7 15; capacities of t 15; drops main.b main.t"
	if summary != want {
		t.Errorf("%q, want %q", summary, want)
	}

	for _, tt := range []struct {
		name, want string
		change     func(*trace)
	}{
		{"a size", "Pair is 12 bytes aligned to 4, in Rust 8", func(t *trace) { t.variable(1, "p").Size = 12 }},
		{"an alignment", "Box<i32> is 8 bytes aligned to 4, in Rust 8 aligned to 8", func(t *trace) { t.variable(4, "b").Align = 4 }},
		{"an offset", "Pair.a is at +5, in Rust at +4", func(t *trace) { t.variable(3, "p").Fields[1].Addr++ }},
		{"a capacity", "s cap at +0 is 0e00000000000000, in Rust 0f", func(t *trace) { t.variable(2, "s").Fields[0].Bytes = le[uint64](14) }},
		{"the order of a handle's fields", "s cap at +8 is", func(t *trace) { v := t.variable(1, "s"); v.Fields[0].Addr += 8; v.Fields[1].Addr -= 8 }},
		{"a number", "twice.r  at +0 is 2b000000, in Rust 2a", func(t *trace) { t.variable(2, "r").Bytes = hexBytes{43, 0, 0, 0} }},
		{"a value as shown", `main.t is "hello", in Rust "he{l}lo, world!"`, func(t *trace) { t.variable(3, "t").Value = `"hello"` }},
		{"where a moved String points", "main.t ptr points to 0x1000, in Rust", func(t *trace) { t.variable(3, "t").Fields[1].Bytes = le(block1) }},
		{"what a reference points to", "main.q  points to 0x70000000", func(t *trace) { t.variable(5, "q").Bytes = le(stackAt) }},
		{"a value too early", "main.d is live, in Rust it has no value at line 13", func(t *trace) {
			t.Steps[0].Frames[0].Vars = append(t.Steps[0].Frames[0].Vars, number("d", stackAt+0x28, 42))
		}},
		{"the order of a frame", "main.d lies at", func(t *trace) { t.variable(3, "d").Addr = stackAt - 0x80 }},
		{"how much is asked for", "request 2 of memory is: resize of 14 bytes", func(t *trace) { t.Steps[1].Events[0].Size = 14 }},
		{"a request left out", "request 2 of memory is: alloc of 4 bytes", func(t *trace) { t.Steps[1].Events = nil }},
		{"a request too many", "the real program has no more", func(t *trace) {
			t.Steps[5].Events = append(t.Steps[5].Events, event{Kind: "alloc", Addr: block1, Size: 3})
		}},
		{"the order of frees", "request 4 of memory is: free of 15 bytes", func(t *trace) { e := t.Steps[5].Events; e[1], e[3] = e[3], e[1] }},
		{"the order of drops", "dropped are [main.t main.b] in this order, in Rust [main.b main.t]", func(t *trace) { e := t.Steps[5].Events; e[0], e[2] = e[2], e[0] }},
		{"a line that comes earlier", "step 3 stops at line 13, which the real program does not run then", func(t *trace) { t.Steps[2].Line = 13 }},
	} {
		p := &program{trace: change(tt.change), listing: p.listing, vars: p.vars, stops: p.stops}
		_, differences := p.ran(ran)
		differences = append(p.layouts(types), differences...)
		if !slices.ContainsFunc(differences, func(d string) bool { return strings.Contains(d, tt.want) }) {
			t.Errorf("%s: %q, want %q", tt.name, differences, tt.want)
		}
	}
}

// TestBadListings: what does not compile is said, and so is a variable that the
// listing does not have.
func TestBadListings(t *testing.T) {
	if _, differences := newProgram(change(func(t *trace) { t.variable(2, "r").Name = "result" })); !slices.Equal(differences, []string{"step 2 has a variable twice.result, the listing has none"}) {
		t.Errorf("%q", differences)
	}
	rustc, _, err := findRustc()
	if err != nil {
		t.Skip(err)
	}
	c := &checker{rustc: rustc, temp: t.TempDir(), out: io.Discard}
	bad := change(func(t *trace) { t.Source[6] = "    let r = m + n;" })
	if differences, err := c.compiles(bad); err != nil || len(differences) != 1 || !strings.Contains(differences[0], "cannot find value `m`") {
		t.Errorf("%v, %q", err, differences)
	}
}

// TestRust looks at what is added to the listing: the lines keep their numbers.
func TestRust(t *testing.T) {
	p, differences := newProgram(sampleTrace())
	if len(differences) > 0 {
		t.Fatal(differences)
	}
	lines := strings.Split(p.rust(), "\n")
	for n, want := range map[int]string{
		6:  "fn twice(n: i32) -> i32 { let __3 = crate::var!(3, n);",
		7:  `    let r = n + n; let __4 = crate::var!(4, r); crate::check::step(7, &[1, 2, 3, 4]); // "r" } is`,
		8:  "    r",
		13: `    let mut s = String::from("he{l}lo"); let __2 = crate::var!(2, s); crate::check::step(13, &[1, 2]);`,
		14: `    s.push_str(", world!");`,
		19: "    ); let __7 = crate::var!(7, b); crate::check::step(19, &[6, 7]);",
	} {
		if lines[n-1] != want {
			t.Errorf("line %d is %q, want %q", n, lines[n-1], want)
		}
	}
}

// TestStopsBeforeUnsafe: the program ends where unsafe code would begin, but for a
// request of memory; so does the comparison.
func TestStopsBeforeUnsafe(t *testing.T) {
	s := &trace{Scenario: "s", Source: []string{"fn main() {", "    let p = unsafe { alloc(L) };", "    let n = 1;", "    unsafe { *p = n };", "    let m = 2;", "}"},
		Steps: []step{{N: 1, Line: 3, Frames: []frame{{Name: "main", Vars: []variable{number("n", stackAt, 1)}}}},
			{N: 2, Line: 5, Frames: []frame{{Name: "main", Vars: []variable{number("m", stackAt+4, 2)}}}}}}
	p, differences := newProgram(s)
	if len(differences) > 0 {
		t.Fatal(differences)
	}
	rust := p.rust()
	if strings.Count(rust, "stop()") != 1 || !strings.Contains(rust, "    unsafe { crate::check::stop(); *p = n };") {
		t.Errorf("%s", rust)
	}
	told := parseTold([]byte("var\t1\t0x10\t4\t4\nstep\t3\nis\t1\t01000000\t1\nstopped\n"))
	if summary, differences := p.ran(told); len(differences) > 0 || !strings.HasPrefix(summary, "up to its unsafe code: 1 of 2 steps, 1 live value") {
		t.Errorf("%q, %q", summary, differences)
	}
	if _, differences := p.ran(told[:3]); len(differences) != 1 || !strings.Contains(differences[0], "step 2 stops at line 5") {
		t.Errorf("not stopped: %q", differences)
	}
}

// TestRefused finds which allocations of a trace got nothing.
func TestRefused(t *testing.T) {
	found := event{Kind: "search", LookedAt: []struct{ Fits bool }{{false}, {true}}}
	none := event{Kind: "search", Size: 9, LookedAt: []struct{ Fits bool }{{false}}}
	p := &program{trace: &trace{Steps: []step{{Events: []event{{Kind: "alloc"}, found, {Kind: "alloc"}, none, {Kind: "free"}, {Kind: "alloc"}}}}}}
	if got := p.refused(); got != 0b100 {
		t.Errorf("%#b", got)
	}
	if all := p.traced(); len(all) != 5 || all[2].kind != "refused" || all[2].size != 9 {
		t.Errorf("%v", all)
	}
}

func TestPrinted(t *testing.T) {
	for _, tt := range []struct {
		traced, real string
		want         bool
	}{
		{"5", "5", true}, {"5", "55", false}, {"[1, 2]", "[1, 2]", true},
		{"[7; 3]", "[7, 7, 7]", true}, {"[7; 3]", "[7, 7]", false}, {"[7; 3]", "[7, 8, 7]", false},
		{"[1, 0, ... 9 in all]", "[1, 0, 0, 0", true}, {"[1, 0, ... 9 in all]", "[1, 1, 0", false},
	} {
		if got := printed(tt.traced, tt.real); got != tt.want {
			t.Errorf("%s, %s: %v", tt.traced, tt.real, got)
		}
	}
}

func TestListing(t *testing.T) {
	l := newListing([]string{
		`/* fn no() { */ use std::fmt; // fn no(`,
		`struct A { x: i32 }`,
		`fn f<'a>(x: &'a str, mut y: i32) -> char {`,
		`    let brace = '{'; let quote = '\'';`,
		`    struct B(`,
		`        i32);`,
		`    let later;`,
		`    later = "}";`,
		`    match y {`,
		`        1 => {}`,
		`        _ => g(`,
		`            1,`,
		`        ),`,
		`    }`,
		`    for z in 0..3 {`,
		`        let zz = A { x: z };`,
		`    }`,
		`    'x'`,
		`}`,
	})
	fs := l.functions()
	if len(fs) != 1 || fs[0].name != "f" || l.code[fs[0].end] != '}' || l.text[fs[0].end:] != "}\n" {
		t.Fatalf("%+v", fs)
	}
	f := fs[0]
	for name, before := range map[string]string{
		"x": "char {", "y": "char {", "brace": `let brace = '{';`, "quote": `let quote = '\'';`, "later": `later = "}";`, "z": "0..3 {", "zz": "A { x: z };",
	} {
		if at, ok := l.has(f, name); !ok || !strings.HasSuffix(l.text[:at], before) {
			t.Errorf("%s: %v, behind %q", name, ok, l.text[max(0, at-20):at])
		}
	}
	for _, name := range []string{"g", "no", "A"} {
		if _, ok := l.has(f, name); ok {
			t.Errorf("%s is no variable", name)
		}
	}
	var lines []int
	for n := 1; n <= 19; n++ {
		if _, ok := l.lineEnd(f, n); ok {
			lines = append(lines, n)
		}
	}
	if want := []int{3, 4, 6, 7, 8, 14, 15, 16, 17}; !slices.Equal(lines, want) {
		t.Errorf("statements can follow lines %v, want %v", lines, want)
	}
	if inner := l.innerStructs(); len(inner) != 1 || inner[0] != "struct B(\n        i32);" {
		t.Errorf("%q", inner)
	}
	if !l.calls("g") || l.calls("h") {
		t.Error("it calls g, and not h")
	}
}

func TestUsage(t *testing.T) {
	var out, said bytes.Buffer
	if status := run(nil, &out, &said); status != 2 || said.String() != "usage: rustcheck MEMPROBE\n" || out.Len() > 0 {
		t.Errorf("%d, %q, %q", status, out.String(), said.String())
	}
	t.Setenv("PATH", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	said.Reset()
	if status := run([]string{"memprobe"}, &out, &said); status != 0 || !strings.Contains(out.String(), "skipped, nothing was compared: there is no rustc") || said.Len() > 0 {
		t.Errorf("without rustc: %d, %q, %q", status, out.String(), said.String())
	}
}
