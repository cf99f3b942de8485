package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clipperhouse/displaywidth"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/lesson"
)

// residentSpace is a process with threads and figures, whose names are those of
// somebody who wants to write on the reader's terminal.
func residentSpace(t *testing.T) *layout.Space {
	t.Helper()
	s := testSpace(t)
	s.Mappings[1].Perms |= layout.Executable
	s.Parts[6] = layout.Part{Range: s.Mappings[6].Range, Kind: layout.KindThreadStack, Label: "thread 77 wo\x1brker", Mapping: 6}
	s.Parts[5].Kind, s.Parts[5].Label = layout.KindGuard, "guard of thread 77 wo\x1brker"
	s.Parts[8] = layout.Part{Range: s.Mappings[8].Range, Kind: layout.KindThreadStack, Label: "thread 78 bare", Mapping: 8}
	s.Stacks = []layout.Stack{
		{Range: s.Mappings[6].Range, TID: 77, Name: "wo\x1brker", SP: 0x7f0000004800, FoundBy: layout.FoundByRecord, Touched: 4096, Deepest: 0x7f0000004000, Guard: s.Mappings[5].Range},
		{Range: s.Mappings[8].Range, TID: 78, Name: "bare", SP: 0x7f0000006800, FoundBy: layout.FoundByRecord, Touched: 4096, Deepest: 0x7f0000006000},
	}
	for i := range s.Mappings {
		n := addr.Bytes(i)
		s.Figures = append(s.Figures, layout.Figures{RSS: n << 10, PSS: n << 9, PrivateDirty: n << 8, Swap: n % 2 << 12, AnonHuge: n / 11 << 21})
	}
	return s
}

// noRawText fails where a terminal would get something raw.
func noRawText(t *testing.T, what, got string) {
	t.Helper()
	for _, r := range strings.ReplaceAll(got, "\n", "") {
		if needsEscape(r) && r != '\\' {
			t.Errorf("%s: %U comes through", what, r)
		}
	}
}

func TestInspectGolden(t *testing.T) {
	s := residentSpace(t)
	order, err := FindOrder("rss")
	if err != nil {
		t.Fatal(err)
	}
	later := residentSpace(t)
	later.Mappings[2].Hi += 0x3000
	later.Figures[2].RSS += 0x2000
	later.Mappings[7].Perms |= layout.Writable
	later.Mappings, later.Parts, later.Figures = later.Mappings[:11], later.Parts[:11], later.Figures[:11]
	changes := Changes{"be\x1bfore.json", s, layout.Diff(s, later)}
	if len(changes.List) < 4 {
		t.Fatalf("only %d changes", len(changes.List))
	}
	word := s.Parts[2].Lo.Offset(0x10)
	memory := Memory{Addr: 0x7ffc00000103, Bytes: make([]byte, 40), Asked: 64}
	copy(memory.Bytes[5:], []byte{0x10, 0, 0x50, 0, 0, 0, 0, 0, 'h', 'e', 'l', 'l', 'o', 0x1b, 0xff, 0})
	absent := Memory{Addr: 0x7ffc00000ffe, Bytes: make([]byte, 0x42), Asked: 0x42, Absent: []layout.Absence{
		{Range: addr.Range{Lo: 0x7ffc00000ffe, Hi: 0x7ffc00001000}, Source: layout.FromNowhere},
		{Range: addr.Range{Lo: 0x7ffc00001010, Hi: 0x7ffc00001030}, Source: layout.FromUnknown, Err: errors.New("its \x1bfile can't be read")},
		{Range: addr.Range{Lo: 0x7ffc00001030, Hi: 0x7ffc00001038}, Source: layout.FromFile},
		{Range: addr.Range{Lo: 0x7ffc00001038, Hi: 0x7ffc00001040}, Source: layout.FromNowhere},
	}}
	beyond := Beyond{
		Page:  &layout.PageRun{Range: addr.Range{Lo: 0x7f0000004000, Hi: 0x7f0000005000}, State: layout.PagePresent},
		Chain: []Hop{{At: 0x7f0000004810, Value: word}, {At: word, Value: 5, End: "no address of anything mapped: the chain ends"}},
	}
	for name, d := range map[string]Document{
		"maps.resident": Maps(s, MapsView{Resident: true, Took: 3500 * time.Microsecond}),
		"maps.rss":      Maps(s, MapsView{Resident: true, Order: &order, All: true}),
		"maps.watch":    Maps(later, MapsView{Changes: &changes}),
		"maps.since":    MapsChanged(later, changes, Choice{}),
		"maps.explain":  Explain(s, MapsView{Choice: Choice{Parts: []string{"file"}}}),
		"maps.heap":     Explain(s, MapsView{Choice: Choice{Parts: []string{"heap"}}}),
		"where.thread":  Where(Process{Space: s}, 0x7f0000004810, beyond),
		"where.symbol": Where(Process{Space: s, Symbols: testSymbols}, 0x401010, Beyond{
			Explain: true, Chain: []Hop{{At: 0x401010, Value: 0x402008}, {At: 0x402008, Value: 0x7f0000001100, End: "it may not be read: the chain ends"}},
		}),
		"where.after": Where(Process{Space: s, Symbols: testSymbols}, 0x402008, Beyond{}),
		"where.none":  Where(Process{Space: s, Symbols: testSymbols}, 0x7f0000001100, Beyond{Page: &layout.PageRun{}}),
		"where.unknown": Where(Process{Space: s}, 0x402008, Beyond{
			Chain: []Hop{{At: 0x402008, Unknown: true, End: "not in the process's memory, so not known: the chain ends"}},
		}),
		"where.guard": Where(Process{Space: s}, 0x7f0000002010, Beyond{Chain: []Hop{}}),
		"maps.pages":  Pages(s, MapsView{}, testPages),
		"read":        Dump(Process{Space: s, Symbols: testSymbols}, memory),
		"read.absent": Dump(Process{Space: s, Symbols: testSymbols}, absent),
	} {
		for _, form := range []struct {
			suffix, format string
			opts           Options
		}{
			{".72.txt", "text", Options{Width: 72}}, {".80.txt", "text", Options{Width: 80}}, {".160.txt", "text", Options{Width: 160}},
			{".ascii.txt", "text", Options{Width: 100, ASCII: true}}, {".json", "json", Options{}},
		} {
			got := render(t, form.format, d, form.opts)
			if words := strings.Join(strings.Fields(got), " "); name == "where.guard" && !strings.Contains(words, "wo\\x1brker; its stack is") && !strings.Contains(words, `"tid": 77`) {
				t.Errorf("%s: whose guard it is is not told:\n%s", form.format, got)
			}
			golden(t, "inspect/"+name+form.suffix, got)
			noRawText(t, name+form.suffix, got)
			for l := range strings.Lines(got) {
				if n := displaywidth.String(strings.TrimRight(l, "\n")); form.format == "text" && n > form.opts.Width {
					t.Errorf("%s%s: a line has %d cells:\n%s", name, form.suffix, n, l)
				}
			}
		}
	}
	golden(t, "inspect/maps.csv", render(t, "csv", Maps(s, MapsView{Order: &order}), Options{}))
}

// TestWhereOnAStack: memory of a stack that no frame lies in is told as what it is, in
// words that a terminal can be given.
func TestWhereOnAStack(t *testing.T) {
	s := residentSpace(t)
	s.Stacks[0].Record, s.Stacks[0].Vars = 0x7f0000004c00, addr.Range{Lo: 0x7f0000004bf0, Hi: 0x7f0000004c00}
	s.Stacks[1].Record = 0x7f0000006f00
	s.Stacks = append(s.Stacks, layout.Stack{
		Range: addr.Range{Lo: 0x7ffc00000000, Hi: 0x7ffc00021000}, TID: 4242, Name: "ev\nil", First: true, SP: 0x7ffc0001f000, FoundBy: layout.FoundByKernel, Start: 0x7ffc00020000,
	})
	s.Args, s.Env = addr.Range{Lo: 0x7ffc00020400, Hi: 0x7ffc00020420}, addr.Range{Lo: 0x7ffc00020420, Hi: 0x7ffc00020900}
	for _, form := range []struct {
		suffix, format string
		opts           Options
	}{{"72.txt", "text", Options{Width: 72}}, {"160.txt", "text", Options{Width: 160}}, {"json", "json", Options{}}} {
		var all strings.Builder
		for _, a := range []addr.Addr{0x7f0000002010, 0x7f0000004bf8, 0x7f0000004c00, 0x7f0000006f08, 0x7ffc0001f800, 0x7ffc00020010, 0x7ffc00020408, 0x7ffc00020420} {
			beyond := Beyond{Bytes: []byte("\x1b[31m\xff\x00 16 bytes"), Chain: []Hop{{At: a, Value: 0x21796e6e7566, End: "no address: the chain ends"}}}
			all.WriteString(render(t, form.format, Where(Process{Space: s}, a, beyond), form.opts))
		}
		golden(t, "inspect/where.stack."+form.suffix, all.String())
		noRawText(t, form.suffix, all.String())
		for l := range strings.Lines(all.String()) {
			if n := displaywidth.String(strings.TrimRight(l, "\n")); form.format == "text" && n > form.opts.Width {
				t.Errorf("%s: a line has %d cells:\n%s", form.suffix, n, l)
			}
		}
	}
}

// TestFindingsAreMarked: what there is a finding about bears a mark, and is told.
func TestFindingsAreMarked(t *testing.T) {
	s := residentSpace(t)
	for name, v := range map[string]MapsView{"the picture": {}, "the list": {Resident: true}} {
		got := render(t, "text", Maps(s, v), Options{Width: 160})
		for _, want := range []string{"rwx! ", "writable and executable: 0x402000", "missing guard: 0x7f0000006000"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s has no %q:\n%s", name, want, got)
			}
		}
	}
	stacks := MapsView{Choice: Choice{Parts: []string{"thread-stack"}}}
	for form, want := range map[string]string{
		"text": "an overflow writes into what lies right", "json": "an overflow writes into what lies right below: ", "csv": ",missing guard,",
	} {
		if got := render(t, form, Maps(s, stacks), Options{Width: 160}); !strings.Contains(got, want) {
			t.Errorf("a stack chosen alone, as %s, is judged by what was chosen:\n%s", form, got)
		}
	}
	s.Parts = slices.Delete(s.Parts, 7, 8) // what lay right below the stack without a guard
	if got, want := render(t, "text", Maps(s, stacks), Options{Width: 160}), "nothing keeps that free (4 KiB)"; !strings.Contains(strings.Join(strings.Fields(got), " "), want) {
		t.Errorf("no %q:\n%s", want, got)
	}
	got := render(t, "text", Maps(s, MapsView{Choice: Choice{Parts: []string{"heap"}}}), Options{Width: 160})
	if strings.Contains(got, "Worth a second look") {
		t.Errorf("a finding about what was not chosen:\n%s", got)
	}
}

// TestAFirstThreadElsewhere: the kernel's stack is not called that of a first thread that
// runs on another.
func TestAFirstThreadElsewhere(t *testing.T) {
	s := residentSpace(t)
	s.Stacks[0].TID = s.PID
	got := render(t, "text", Maps(s, MapsView{}), Options{Width: 160})
	for _, p := range s.Parts {
		if p.Kind == layout.KindProcessStack {
			got += render(t, "text", Where(Process{Space: s}, p.Lo, Beyond{}), Options{Width: 160})
		}
	}
	if strings.Contains(got, "the first thread's stack") || strings.Count(got, kernelsStack) != 2 {
		t.Errorf("got %s", got)
	}
}

// TestDumpNamesPointers: a word that is the address of a block is marked with that,
// and only where its eight bytes are aligned and whole.
func TestDumpNamesPointers(t *testing.T) {
	trace := fixed(t, lesson.String, probe.Options{})
	trace.Steps = trace.Steps[:2]
	s := &layout.Space{PID: 1, PageSize: 4096, UserBits: 47, Mappings: []layout.Mapping{{Range: addr.Range{Lo: 0x1000001000, Hi: 0x1000002000}, Perms: 3}},
		Parts: []layout.Part{{Range: addr.Range{Lo: 0x1000001000, Hi: 0x1000002000}, Kind: layout.KindOwnHeap, Label: "heap"}}}
	pointer := []byte{2, 0x10, 0, 0, 0x10, 0, 0, 0}
	for _, tt := range []struct {
		name  string
		at    addr.Addr
		bytes []byte
		want  bool
	}{
		{"aligned", 0x2000, pointer, true},
		{"not aligned", 0x2004, pointer, false},
		{"cut short", 0x2000, pointer[:7], false},
		{"after two bytes", 0x1ffe, append([]byte{1, 2}, pointer...), true},
	} {
		got := render(t, "text", Dump(Process{Space: s, Trace: trace}, Memory{Addr: tt.at, Bytes: tt.bytes, Asked: addr.Bytes(len(tt.bytes))}), Options{Width: 100})
		if strings.Contains(got, "heap block 0x1000001000+0x2") != tt.want {
			t.Errorf("%s: a pointer is named: %v\n%s", tt.name, !tt.want, got)
		}
	}
}

// TestDumpOf32Bits: a pointer of a program of 32 bits has four bytes, and so a row.
func TestDumpOf32Bits(t *testing.T) {
	s := testSpace(t)
	s.UserBits = 32
	got := render(t, "text", Dump(Process{Space: s}, Memory{Addr: 0x400010, Bytes: []byte{0x10, 0, 0x50, 0, 1, 0, 0, 0, 8, 0, 0x50, 0}, Asked: 12}), Options{Width: 80})
	for _, want := range []string{
		"0x400010  10 00 50 00  ..P.  → [heap]+0x10\n", "0x400014  01 00 00 00  ....\n", "0x400018  08 00 50 00  ..P.  → [heap]+0x8\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

// TestSymbolWithoutFile: where file and symbol don't fit a line, the symbol is enough.
func TestSymbolWithoutFile(t *testing.T) {
	s := testSpace(t)
	s.Parts[0].Object = "/usr/lib/libwith-a-long-name.so"
	memory := Memory{Addr: 0x7ffc00000100, Bytes: []byte{0x10, 0x10, 0x40, 0, 0, 0, 0, 0}, Asked: 8}
	for width, want := range map[int]string{80: "→ ma\\x1bin+0x10\n", 160: "→ libwith-a-long-name.so ma\\x1bin+0x10\n"} {
		got := render(t, "text", Dump(Process{Space: s, Symbols: testSymbols}, memory), Options{Width: width})
		if !strings.Contains(got, want) {
			t.Errorf("at %d %q is not in\n%s", width, want, got)
		}
	}
}

// TestChangesOfAChoice: of what was chosen alone changes are told, on watching as well.
func TestChangesOfAChoice(t *testing.T) {
	before, after := residentSpace(t), residentSpace(t)
	after.Mappings[2].Hi += 0x3000 // the heap
	after.Parts[2].Hi += 0x3000
	after.Mappings, after.Parts, after.Figures = after.Mappings[:11], after.Parts[:11], after.Figures[:11] // without [vsyscall]
	changes := Changes{"then", before, layout.Diff(before, after)}
	for _, tt := range []struct {
		choice         Choice
		heap, vanished bool
	}{
		{Choice{}, true, true}, {Choice{Parts: []string{"heap"}}, true, false}, {Choice{Parts: []string{"vsyscall"}}, false, true},
		{Choice{Min: 0x22000}, true, false}, {Choice{File: "*stack*"}, false, false},
	} {
		for name, d := range map[string]Document{
			"--since": MapsChanged(after, changes, tt.choice), "--watch": Maps(after, MapsView{Choice: tt.choice, Changes: &changes}),
		} {
			got := render(t, "text", d, Options{Width: 160})
			if strings.Contains(got, "grew by 12 KiB: [heap]") != tt.heap || strings.Contains(got, "vanished: [vsyscall]") != tt.vanished {
				t.Errorf("%s of %+v:\n%s", name, tt.choice, got)
			}
		}
	}
}

// TestAnotherProcess: one that started at another time, or has another number, is not
// taken for the one before.
func TestAnotherProcess(t *testing.T) {
	for _, tt := range []struct {
		pid     int
		started uint64
		same    bool
	}{{4242, 100, true}, {4242, 101, false}, {4243, 100, false}} {
		before, after := residentSpace(t), residentSpace(t)
		before.Started, after.PID, after.Started = 100, tt.pid, tt.started
		d := MapsChanged(after, Changes{"then", before, layout.Diff(before, after)}, Choice{})
		got := render(t, "text", d, Options{Width: 160})
		if strings.Contains(got, "What was looked at before is another process") == tt.same {
			t.Errorf("%+v:\n%s", tt, got)
		}
		if want := fmt.Sprintf(`"same_process": %v`, tt.same); !strings.Contains(render(t, "json", d, Options{}), want) {
			t.Errorf("%+v: JSON has no %s", tt, want)
		}
	}
}

// testSymbols has a symbol of known size in the program's code, one whose size is not
// told in its data, and a library without any.
func testSymbols(a addr.Addr) (layout.Symbol, error) {
	switch {
	case a < 0x402000:
		return layout.Symbol{Range: addr.Span(0x401000, 0x200), Name: "ma\x1bin", Object: "/bin/evil\x1b[31m", Offset: a.Sub(0x401000), Table: ".symtab"}, nil
	case a < 0x404000:
		return layout.Symbol{Range: addr.Span(0x402000, 0), Name: "star\xfft", Object: "/bin/evil\x1b[31m", Offset: a.Sub(0x402000), Table: ".dynsym"}, nil
	case a >= 0x7f0000001000 && a < 0x7f0000002000:
		return layout.Symbol{}, layout.ErrStripped
	}
	return layout.Symbol{}, layout.ErrNoELF
}

// testPages are pages of each kind, by turns; those of the third mapping are not to
// be had.
func testPages(m layout.Mapping) PageRuns {
	if m.Name == "[heap]" {
		return PageRuns{Mapping: m, Err: layout.ErrPermission}
	}
	states := []layout.PageState{
		layout.PagePresent, 0, layout.PagePresent | layout.PageFile, layout.PagePresent | layout.PageZero, layout.PageSwapped, layout.PageGuarded,
	}
	var runs []layout.PageRun
	for at := m.Lo; at < m.Hi; at += 0x1000 {
		runs = append(runs, layout.PageRun{Range: addr.Span(at, 0x1000), State: states[len(runs)%len(states)]})
	}
	return PageRuns{Mapping: m, Runs: runs}
}

// TestPagesAreGrouped: a large mapping has several pages in a character, and a page
// unlike its neighbours is not lost.
func TestPagesAreGrouped(t *testing.T) {
	lo := addr.Addr(0x7e0000000000)
	all := addr.Span(lo, 4096*48*12*4)
	s := &layout.Space{PID: 1, PageSize: 4096, UserBits: 47, Mappings: []layout.Mapping{{Range: all}}, Parts: []layout.Part{{Range: all, Kind: layout.KindAnonymous, Label: "anonymous"}}}
	got := render(t, "text", Pages(s, MapsView{}, func(m layout.Mapping) PageRuns {
		return PageRuns{Mapping: m, Runs: []layout.PageRun{
			{Range: addr.Span(lo, 4096*8), State: layout.PagePresent}, {Range: addr.Range{Lo: lo + 4096*8, Hi: lo + 4096*9}},
			{Range: addr.Span(lo+4096*9, 4096), State: layout.PageSwapped}, {Range: addr.Range{Lo: lo + 4096*10, Hi: all.Hi}},
		}}
	}), Options{Width: 80})
	if !strings.Contains(got, " 2,304 pages: 1 swapped out, 8 the process's own, 2,295 not in\n") ||
		!strings.Contains(got, "0x7e0000000000  ##+"+strings.Repeat(".", 45)+"\n") || !strings.Contains(got, "and 10 rows like that\n") ||
		strings.Count(got, "0x7e0") != 3 {
		t.Errorf("it is drawn as\n%s", got)
	}
}

// TestResidencyOfAll: where it is not known of each mapping what is in memory, nothing
// is said of them, but the change in all is told.
func TestResidencyOfAll(t *testing.T) {
	before, after := residentSpace(t), residentSpace(t)
	before.Figures = nil
	before.Resident, after.Resident = 3<<19, 19<<19
	changes := Changes{"then", before, layout.Diff(before, after)}
	for name, d := range map[string]Document{
		"--since": MapsChanged(after, changes, Choice{}), "--watch": Maps(after, MapsView{Changes: &changes}),
	} {
		got := render(t, "text", d, Options{Width: 160})
		if strings.Contains(got, "Nothing has changed") || !strings.Contains(got, "In memory in all: 1.5 MiB, now 9.5 MiB.") ||
			!strings.Contains(got, "With --resident at both") {
			t.Errorf("%s:\n%s", name, got)
		}
	}
	got := render(t, "json", MapsChanged(after, changes, Choice{}), Options{})
	for _, want := range []string{`"resident_before": 1572864`, `"resident_after": 9961472`, `"resident_compared": false`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in\n%s", want, got)
		}
	}
	before.Figures = after.Figures
	if got := render(t, "text", MapsChanged(after, changes, Choice{}), Options{Width: 160}); !strings.Contains(got, "Nothing has changed since then.") {
		t.Errorf("with figures:\n%s", got)
	}
}
