package layout

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

// TestLoaderRunAsCommand: of `ld.so ./prog` prog is the program, ld.so a library.
func TestLoaderRunAsCommand(t *testing.T) {
	for _, cc := range []string{"cc", "musl-gcc"} {
		t.Run(cc, func(t *testing.T) {
			if _, err := exec.LookPath(cc); err != nil {
				t.Skip("there is no " + cc)
			}
			prog := filepath.Join(t.TempDir(), "child")
			if out, err := exec.Command(cc, "-pie", "-fPIE", "-O0", "-o", prog, "testdata/child.c").CombinedOutput(); err != nil {
				t.Skipf("%s does not work here: %v: %.200s", cc, err, out)
			}
			loader := interpreter(t, prog)
			c := start(t, loader, prog)
			s, err := Describe(c.pid, Options{})
			if err != nil {
				t.Fatal(err)
			}
			for value, want := range map[string]expected{
				"function": {KindText, []string{".text"}, false}, "initialised": {KindData, []string{".data"}, false}, "zeroed": {KindBSS, []string{".bss"}, false},
			} {
				check(t, s, value, c.values[value], want)
			}
			for _, p := range s.Parts {
				if p.Object == loader && !p.Library {
					t.Errorf("the loader's %s is the program's", p.Label)
				}
			}
			if len(s.Notes) != 1 || !strings.Contains(s.Notes[0], loader+" was run as a command, to load "+prog) {
				t.Errorf("notes %q", s.Notes)
			}
			if s.Exe != loader || s.Arch == "" {
				t.Errorf("program %s, %s", s.Exe, s.Arch)
			}
		})
	}
}

// interpreter is the loader that prog asks for, without symbolic links.
func interpreter(t *testing.T, prog string) string {
	t.Helper()
	f, err := elf.Open(prog)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		path := make([]byte, p.Filesz)
		if _, err := p.ReadAt(path, 0); err != nil {
			t.Fatal(err)
		}
		loader, err := filepath.EvalSymlinks(strings.TrimRight(string(path), "\x00"))
		if err != nil {
			t.Skip(err)
		}
		return loader
	}
	t.Skip(prog + " needs no loader")
	return ""
}

func TestFindProgram(t *testing.T) {
	image := func(path string, sort ImageSort) Image { return Image{Path: path, Sort: sort} }
	for _, tt := range []struct {
		name   string
		exe    string
		images []Image
		want   string
		noted  bool
	}{
		{"a program", "/a", []Image{image("/a", Program), image("/libc", Interpreted), image("/ld", MayBeEither)}, "/a", false},
		{"one without a mark", "/a", []Image{image("/a", Interpreted), image("/libc", Interpreted), image("/ld", MayBeEither)}, "/a", false},
		{"libc itself", "/libc", []Image{image("/libc", Interpreted), image("/ld", MayBeEither)}, "/libc", false},
		{"a loader and a program", "/ld", []Image{image("/a", Program), image("/a", Program), image("/libc", Interpreted), image("/ld", MayBeEither)}, "/a", true},
		{"a loader and which program?", "/ld", []Image{image("/a", Interpreted), image("/libc", Interpreted), image("/ld", MayBeEither)}, "/ld", true},
		{"a loader and two programs", "/ld", []Image{image("/a", Program), image("/b", Program), image("/ld", MayBeEither)}, "/ld", true},
		{"a loader alone", "/ld", []Image{image("/ld", MayBeEither)}, "/ld", false},
		{"its file can't be read", "/a", []Image{image("/libc", Interpreted), image("/b", Program)}, "/a", false},
	} {
		s := &Space{Exe: tt.exe}
		if got := s.findProgram(tt.images); got != tt.want || (len(s.Notes) > 0) != tt.noted {
			t.Errorf("%s: %s, notes %q", tt.name, got, s.Notes)
		}
	}
}

// TestNoSectionTable: without a section table the segments still tell code, constants,
// data and what is zeroed apart.
func TestNoSectionTable(t *testing.T) {
	for name, flags := range map[string][]string{"pie": {"-pie", "-fPIE"}, "static": {"-static", "-no-pie"}} {
		t.Run(name, func(t *testing.T) {
			exe := tool(t, "cc", append(flags, "-O0", "testdata/child.c")...)
			image, err := os.ReadFile(exe)
			if err != nil || elf.Class(image[elf.EI_CLASS]) != elf.ELFCLASS64 {
				t.Skip(err, "of another class")
			}
			clear(image[40:48]) // where the table is,
			clear(image[60:64]) // its length, and the index of its names
			if err := os.WriteFile(exe, image, 0o700); err != nil {
				t.Fatal(err)
			}
			c := start(t, exe)
			s, err := Describe(c.pid, Options{})
			if err != nil {
				t.Fatal(err)
			}
			checkTiled(t, s.Mappings, s.Parts)
			for value, want := range map[string]expected{
				"function": {KindText, []string{"segment r-x"}, false}, "constant": {KindROData, []string{"segment r--"}, false},
				"relocated": {KindRelRO, []string{"segment rw-"}, false}, "initialised": {KindData, []string{"segment rw-"}, false},
				"zeroed": {KindBSS, []string{"segment rw-"}, false},
			} {
				check(t, s, value, c.values[value], want)
			}
			if lowest := s.Parts[0]; lowest.Kind != KindELF || lowest.Sections[0].Name != "ELF header" {
				t.Errorf("the headers: %+v", lowest)
			}
			if len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "has no section table: ") {
				t.Errorf("notes %q", s.Notes)
			}
		})
	}
}

func TestSegmentSpans(t *testing.T) {
	const r, w, x = elf.PF_R, elf.PF_W, elf.PF_X
	headers := []Span{{Section{addr.Range{Lo: 0x1000, Hi: 0x1040}, "ELF header"}, KindELF, false}, {Section{addr.Range{Lo: 0x1040, Hi: 0x1100}, "program headers"}, KindELF, false}}
	relro := addr.Range{Lo: 0x1000, Hi: 0x1800}
	for _, tt := range []struct {
		flags         elf.ProgFlag
		filesz, memsz uint64
		headers       []Span
		relro         addr.Range
		want          string
	}{
		{r | x, 0x1000, 0x1000, headers, addr.Range{}, "text segment r-x 0x1100-0x2000"},
		{r | w, 0x1000, 0x3000, nil, relro, "relro segment rw- 0x1000-0x1800, data segment rw- 0x1800-0x2000, bss segment rw- 0x2000-0x4000 zeroed"},
		{r | w, 0x400, 0x1000, nil, relro, "relro segment rw- 0x1000-0x1400, relro segment rw- 0x1400-0x1800 zeroed, bss segment rw- 0x1800-0x2000 zeroed"},
		{r | w | x, 0x1000, 0x2000, headers, addr.Range{}, "text segment rwx 0x1100-0x2000, bss segment rwx 0x2000-0x3000 zeroed"},
		{r, 0x1000, 0x1000, nil, addr.Range{Lo: 0x8000, Hi: 0x9000}, "rodata segment r-- 0x1000-0x2000"},
		{r | w, 0, 0x1000, nil, addr.Range{}, "bss segment rw- 0x1000-0x2000 zeroed"},
		{r | w, 0x2000, ^uint64(0), nil, relro, ""}, // damaged: it ends below its start
	} {
		var got []string
		for _, s := range segmentSpans(elf.ProgHeader{Flags: tt.flags, Off: 0x1000, Vaddr: 0x1000, Filesz: tt.filesz, Memsz: tt.memsz}, tt.headers, tt.relro) {
			got = append(got, strings.TrimSuffix(fmt.Sprintf("%s %s %v%s", s.Kind, s.Name, s.Range, map[bool]string{true: " zeroed"}[s.Zeroed]), " "))
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%v: got %s, want %s", tt.flags, strings.Join(got, ", "), tt.want)
		}
	}
}
