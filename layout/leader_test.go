package layout

import (
	"os"
	"strings"
	"testing"
)

// A process whose first thread has ended is a zombie to look at, but lives on.
func TestFirstThreadEnded(t *testing.T) {
	c := start(t, ccTool(t, "testdata/leader.c"))
	until(t, "its first thread is a zombie", func() bool {
		stat, err := readProc(process{c.pid}.file("stat"))
		return err != nil || statFields(string(stat))[0] == "Z"
	})
	if text, err := os.ReadFile(process{c.pid}.file("maps")); err != nil || len(text) > 0 {
		t.Skipf("this kernel tells of the process all the same: %d bytes, %v", len(text), err)
	}
	s, err := Describe(c.pid, Options{Resident: true})
	if err != nil {
		t.Fatal(err)
	}
	checkTiled(t, s.Mappings, s.Parts)
	for value, want := range map[string]expected{
		"function":    {KindText, []string{".text"}, false},
		"initialised": {KindData, []string{".data"}, false},
		"heap":        {KindAnonymous, nil, false}, // of the thread's own arena
		"first":       {KindProcessStack, nil, false},
		"thread":      {KindThreadStack, nil, false},
	} {
		check(t, s, value, c.values[value], want)
	}
	if s.PID != c.pid || s.Exe != c.exe || s.Comm != "child" || s.Threads != 2 || len(s.Figures) == 0 || !s.ResidentKnown ||
		s.Started != (process{c.pid}).identity().started || len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "first thread has ended") {
		t.Errorf("got %+v", *s)
	}
	x := s.Symbols()
	defer x.Close()
	if y, err := x.At(c.values["function"]); err != nil || y.Name != "run" || y.Offset != 0 {
		t.Errorf("got %+v, %v", y, err)
	}
	if text, err := ReadText(c.pid); err != nil || len(text) == 0 {
		t.Errorf("text: %d bytes, %v", len(text), err)
	}
	pm, err := OpenPagemap(c.pid)
	if err != nil {
		t.Fatal(err)
	}
	defer pm.Close()
	if runs, err := pm.Runs(s.Where(c.values["function"]).Place.Mapping.Range); err != nil || runs[0].State&PagePresent == 0 {
		t.Errorf("pages: %v, %v", runs, err)
	}
	if qemu() {
		return // an emulator reads no memory of a process
	}
	if got, err := s.ReadMemory(c.values["function"], 4); err != nil || len(got.Bytes) != 4 || len(got.Absent) > 0 {
		t.Errorf("bytes: %+v, %v", got, err)
	}
}
