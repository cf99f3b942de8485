package report

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/probe"
	"memprobe/probe/lesson"
)

// relativeForms are what a run without addresses is written as.
var relativeForms = []struct {
	format string
	opts   Options
}{
	{"json", Options{}},
	{"text", Options{Width: 120}},
}

// TestRelative: runs of every scenario at other addresses read the same, and none of
// their addresses is left in them.
func TestRelative(t *testing.T) {
	seed := uint64(7)
	runs := []probe.Options{{}, {Base: 0x7e2a_0000_0000}, {Seed: &seed}, {Base: testBase, Seed: &seed}}
	for _, s := range lesson.All {
		first := map[string]string{} // by form and seed
		for _, opts := range runs {
			if opts.Seed != nil && len(s.Numbers) == 0 {
				continue
			}
			trace, err := probe.Run(s, opts)
			if err != nil {
				t.Skipf("a reservation at %v is not to be had here: %v", opts.Base, err)
			}
			memory := addr.Range{Lo: trace.Memory.Base, Hi: trace.Memory.End + 1}
			for _, form := range relativeForms {
				form.opts.Relative = true
				got := render(t, form.format, Scenario(trace), form.opts)
				key := fmt.Sprint(form, opts.Seed != nil)
				if want, known := first[key]; known {
					if diff := cmp.Diff(want, got); diff != "" {
						t.Fatalf("%s as %s differs at %v (- first run, + this one):\n%s", s.Name, form.format, memory.Lo, diff)
					}
					continue
				}
				first[key] = got
				for _, digits := range bareAddress.FindAllStringSubmatch(got, -1) {
					if a, err := addr.Parse(digits[1]); err == nil && memory.Contains(a) {
						t.Fatalf("%s as %s shows the address %v", s.Name, form.format, a)
					}
				}
			}
		}
	}
}

// bareAddress is a number that no name stands before.
var bareAddress = regexp.MustCompile(`(?:^|[^+-])(0x[0-9a-f]+)`)

// TestPlaces: what addresses are called, in texts and in bytes.
func TestPlaces(t *testing.T) {
	trace := &probe.Trace{
		PageSize: 0x1000,
		Memory: probe.Memory{Base: 0x10000, End: 0x90000,
			Heap: addr.Range{Lo: 0x11000, Hi: 0x21000}, Stack: addr.Range{Lo: 0x70000, Hi: 0x80000}},
		Steps: []probe.Step{{
			Threads:   []probe.Thread{{Name: "main", Stack: addr.Range{Lo: 0x70000, Hi: 0x80000}}, {Name: "a", Stack: addr.Range{Lo: 0xa0000, Hi: 0xb0000}}},
			Landmarks: []probe.Landmark{{Segment: "static data", Addr: 0x500, Size: 4}, {Segment: "code", Addr: 0x400, Size: 32}, {Segment: "code", Addr: 0x300}, {Segment: "heap", Addr: 0x11000, Size: 4}},
			Stopped:   &probe.Stopped{Heap: addr.Range{Lo: 0xc0000, Hi: 0xd0000}, Stack: addr.Range{Lo: 0xe0000, Hi: 0xf0000}},
		}},
	}
	all := placesOf(trace)
	for in, want := range map[string]string{
		"0x11000": "heap+0x0", "0x11040": "heap+0x40", "0x21000": "heap+0x10000",
		"0x7ffe8": "stack-0x18", "0x80000": "stack-0x0", "0x70000": "stack-0x10000",
		"0x10000": "region+0x0", "0x6fff8": "region+0x5fff8", "0x90000": "region+0x80000",
		"0xafff8": "a-0x8", "0x9fff8": "a-0x10008", "0xc0010": "checked-heap+0x10", "0xefff8": "checked-stack-0x8",
		"0x500": "static-data#1", "0x400": "code#1", "0x41f": "code#1+0x1f", "0x420": "0x420", "0x300": "code#2",
		"0": "0", "0x0": "0x0", "0x3FFFFFCE": "0x3FFFFFCE", "0xb0001": "0xb0001", "0x99999999999999999": "0x99999999999999999",
		"from 0x11000, to 0x11010.":  "from heap+0x0, to heap+0x10.",
		"0x11000-0x11010 rw-p":       "heap+0x0 to heap+0x10 rw-p",
		"block 0x11000\n0x7ffe8 too": "block heap+0x0\nstack-0x18 too",
	} {
		if got := all.text(in); got != want {
			t.Errorf("%q is told as %q, want %q", in, got, want)
		}
	}
	in := probe.Hex{
		9, 9, 9, 9, 0x40, 0x10, 1, 0, 0, 0, 0, 0, // heap+0x40, after four bytes of something else
		0xe8, 0xff, 0xa, 0, 0, 0, 0, 0, // a-0x18
		0x40, 0x10, 1, 0, // too short for an address
	}
	want := probe.Hex{
		9, 9, 9, 9, 0x40, 0x10, 0, 0, 0, 0, 0, 0,
		0xe8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0x40, 0x10, 1, 0,
	}
	if diff := cmp.Diff(want, all.bytes(in, 0x11004)); diff != "" {
		t.Errorf("bytes of pointers (- want, + got):\n%s", diff)
	}
	if in[6] != 1 {
		t.Error("the run's own bytes were changed")
	}
}

// TestEveryTextIsRenamed: wherever a trace has room for a text, an address in it is told
// by its place, but for the names of things, which have none. The process's own bytes,
// numbers and lines are left out.
func TestEveryTextIsRenamed(t *testing.T) {
	trace := &probe.Trace{}
	fill(reflect.ValueOf(trace).Elem())
	trace.Memory = probe.Memory{Base: 0x10000, End: 0x20000, Heap: addr.Range{Lo: 0x11000, Hi: 0x12000}, Maps: trace.Memory.Maps}
	trace.Steps[0].Landmarks[0].Addr, trace.Steps[0].Landmarks[0].Segment = 0x500, layout.SegmentCode
	v := decoded(t, Scenario(trace), Options{Relative: true})
	kept := map[string]bool{}
	findText(v, "", "0x11010", kept)
	want := map[string]bool{
		".scenario": true, ".title": true, ".lesson": true, ".arch": true, ".view": true,
		".steps.threads.name": true,
		".steps.facts.from":   true, ".steps.stopped.class": true, ".steps.stopped.report.label": true,
		".steps.heap.blocks.state": true, ".steps.heap.blocks.owner": true, ".steps.events.kind": true,
		".steps.events.name": true, ".steps.events.from_name": true,
	}
	for _, frames := range []string{".steps.frames", ".steps.popped"} {
		for _, name := range []string{".name", ".thread", ".vars.name", ".vars.type", ".vars.state", ".vars.fields.name", ".vars.fields.type"} {
			want[frames+name] = true
		}
	}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Errorf("texts with an address in them (- want, + got):\n%s", diff)
	}
	landmark := v["steps"].([]any)[0].(map[string]any)["landmarks"].([]any)[0].(map[string]any)
	if landmark["bytes"] != "" {
		t.Errorf("the bytes of a landmark that is not of the run's memory are %v", landmark["bytes"])
	}
	shown := placesOf(trace).trace(trace)
	if shown.PID != 0 || shown.Memory.Maps != nil || shown.Steps[0].Kernel != (probe.Kernel{}) || shown.Steps[0].Threads[0].ID != 0 || shown.Steps[0].Landmarks[0].Mapping != "" {
		t.Errorf("what two runs don't share is still in %+v", shown)
	}
}

// fill gives every list an element, every text an address, and every number a 1.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.String:
		v.SetString("at 0x11010")
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint64, reflect.Uint8:
		v.SetUint(1)
	}
}

// findText notes the paths of the texts that hold what.
func findText(v any, path, what string, found map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			findText(value, path+"."+key, what, found)
		}
	case []any:
		for _, value := range v {
			findText(value, path, what, found)
		}
	case string:
		if strings.Contains(v, what) {
			found[path] = true
		}
	}
}

// TestRelativeKeepsTheTrace: the run itself stays as it was, and what it leaves out is
// what no two runs share, nothing else.
func TestRelativeKeepsTheTrace(t *testing.T) {
	for _, s := range lesson.All {
		trace, err := probe.Run(s, probe.Options{})
		if err != nil {
			t.Fatal(err)
		}
		before := render(t, "json", Scenario(trace), Options{})
		relative := decoded(t, Scenario(trace), Options{Relative: true})
		if render(t, "json", Scenario(trace), Options{}) != before {
			t.Errorf("%s: the trace is another one after it was told without addresses", s.Name)
		}
		var whole map[string]any
		if err := json.Unmarshal([]byte(before), &whole); err != nil {
			t.Fatal(err)
		}
		missing := map[string]bool{}
		compareKeys("", whole, relative, missing)
		for path := range missing {
			switch path {
			case ".pid", ".memory.maps", ".steps.kernel", ".steps.threads.id", ".steps.landmarks.mapping":
			default:
				t.Errorf("%s: %s is left out", s.Name, path)
			}
		}
	}
}

// compareKeys notes the paths of whole that part lacks.
func compareKeys(path string, whole, part any, missing map[string]bool) {
	switch w := whole.(type) {
	case map[string]any:
		p, _ := part.(map[string]any)
		for key, value := range w {
			if _, ok := p[key]; !ok {
				missing[path+"."+key] = true
				continue
			}
			compareKeys(path+"."+key, value, p[key], missing)
		}
	case []any:
		p, _ := part.([]any)
		if len(p) != len(w) {
			missing[path] = true
			return
		}
		for i := range w {
			compareKeys(path, w[i], p[i], missing)
		}
	}
}

// TestRelativeText: a reader is told how to read it, and sees no process number.
func TestRelativeText(t *testing.T) {
	got := render(t, "text", Scenario(fixed(t, lesson.String, probe.Options{})), Options{Width: 80, Relative: true})
	for _, want := range []string{"heap+0x40 from the heap's start up", "block heap+0x0", "stack-0x18", "sp stack-0x20"} {
		if !strings.Contains(strings.ReplaceAll(got, "\n ", " "), want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	for _, unwanted := range []string{"pid", "/proc/", "the kernel:"} {
		if strings.Contains(got, unwanted) {
			t.Errorf("%q is in\n%s", unwanted, got)
		}
	}
	checkBoxes(t, "string without addresses", got)
}
