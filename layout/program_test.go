package layout

import (
	"debug/elf"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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
