// Package fuzz_test gives the parsers of maps files texts that nobody thought of. What
// Go's fuzzing does after each costs as much as the whole test program is long; so
// these tests have a short one of their own, and run twice as fast as among layout's.
package fuzz_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// lines are those of each of layout's maps files.
func lines(f *testing.F) (files [][][]byte) {
	f.Helper()
	paths, _ := filepath.Glob("../testdata/*.maps")
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		files = append(files, slices.Collect(bytes.Lines(text)))
	}
	if len(files) < 11 {
		f.Fatalf("%d maps files in testdata, want 11 or more", len(files))
	}
	return files
}

// FuzzMapsLine: what one line says, its mapping prints, and the print says the same.
func FuzzMapsLine(f *testing.F) {
	for _, file := range lines(f) {
		for _, line := range file {
			f.Add(bytes.TrimSuffix(line, []byte("\n")))
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		maps, err := layout.ParseMaps(line)
		if err != nil || len(maps) != 1 {
			return
		}
		m := maps[0]
		if m.Size() == 0 || m.Hi != 0 && m.Lo >= m.Hi {
			t.Fatalf("%q: range %v", line, m.Range)
		}
		if !bytes.HasSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte(m.Name)) {
			t.Fatalf("%q: name %q", line, m.Name)
		}
		if again, err := layout.ParseMaps(m.Append(nil)); err != nil || again[0] != m {
			t.Fatalf("%q prints as %q, which is %v, %v", line, m, again, err)
		}
	})
}

// FuzzMaps: mappings never overlap or step back, each line is one mapping, and
// whatever the mappings are, the parts tile them.
func FuzzMaps(f *testing.F) {
	for _, file := range lines(f) {
		for piece := range slices.Chunk(file, 6) { // what is short is changed faster
			f.Add(bytes.Join(piece, nil))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		maps, err := layout.ParseMaps(in)
		if err != nil && !errors.Is(err, layout.ErrTorn) {
			if maps != nil {
				t.Fatalf("%d mappings beside error %v", len(maps), err)
			}
			return
		}
		for i := 1; i < len(maps); i++ {
			if maps[i-1].Hi == 0 || maps[i].Lo < maps[i-1].Hi {
				t.Fatalf("%v follows %v", maps[i], maps[i-1])
			}
		}
		count := bytes.Count(in, []byte("\n"))
		if len(in) > 0 && in[len(in)-1] != '\n' {
			count++
		}
		if err == nil && len(maps) != count {
			t.Fatalf("%d mappings in %d lines", len(maps), count)
		}
		printed := make([]byte, 0, 2*len(in))
		for _, m := range maps {
			printed = append(m.Append(printed), '\n')
		}
		if again, err := layout.ParseMaps(printed); err != nil || !slices.Equal(again, maps) {
			t.Fatalf("printed and parsed again: %v, %v", again, err)
		}
		checkTiled(t, maps, layout.Classify(maps, layout.Knowledge{}))
	})
}

// checkTiled: each mapping's parts lie in it one above the other, without a gap.
func checkTiled(t *testing.T, maps []layout.Mapping, parts []layout.Part) {
	t.Helper()
	next, at := 0, addr.Addr(0)
	for _, p := range parts {
		if next == len(maps) || p.Mapping != next || p.Size() == 0 || p.Kind == "" || p.Label == "" {
			t.Fatalf("part %v of mapping %d, %q, %q: among those of %d", p.Range, p.Mapping, p.Kind, p.Label, next)
		}
		m := maps[next]
		if at == 0 {
			at = m.Lo
		}
		if p.Lo != at || !m.Covers(p.Range) {
			t.Fatalf("part %v of mapping %v does not start at %v", p.Range, m.Range, at)
		}
		if at = p.Hi; at == m.Hi {
			next, at = next+1, 0
		}
	}
	if next != len(maps) {
		t.Fatalf("the parts end at mapping %d of %d", next, len(maps))
	}
}
