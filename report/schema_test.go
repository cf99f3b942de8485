package report

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"memprobe/probe"
	"memprobe/probe/lesson"
)

// traceSchema is the schema that docs keeps.
func traceSchema(t *testing.T) *jsonschema.Resolved {
	t.Helper()
	text, err := os.ReadFile("../docs/trace.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return resolved
}

// decoded is the JSON form of a document as a program reads it.
func decoded(t *testing.T, d Document, o Options) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(render(t, "json", d, o)), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestTracesMatchTheSchema: every scenario's JSON, whole, a step of it, held, with a
// seed, without addresses.
func TestTracesMatchTheSchema(t *testing.T) {
	schema, seed := traceSchema(t), uint64(4711)
	for _, s := range lesson.All {
		trace, err := probe.Run(s, probe.Options{Seed: &seed})
		if err != nil {
			t.Fatal(err)
		}
		held, err := probe.Run(s, probe.Options{PauseAt: 1, Pause: func(*probe.Machine) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			what string
			d    Document
			o    Options
		}{
			{"the whole, with a seed", Scenario(trace), Options{}},
			{"without addresses", Scenario(trace), Options{Relative: true}},
			{"the last step, without addresses", ScenarioStep(trace, len(trace.Steps)), Options{Relative: true}},
			{"after a hold", ScenarioResumed(held, 1), Options{Line: true}},
		} {
			if err := schema.Validate(decoded(t, tt.d, tt.o)); err != nil {
				t.Errorf("%s, %s: %v", s.Name, tt.what, err)
			}
		}
	}
}

// TestSchemaIsStrict: what is not a trace, the schema refuses, and says where.
func TestSchemaIsStrict(t *testing.T) {
	schema := traceSchema(t)
	trace, err := probe.Run(lesson.String, probe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, relative := range []bool{false, true} {
		for _, tt := range []struct {
			path  string // keys and indexes that lead to the value
			value any    // in its place; nil: none
		}{
			{"schema", 2.0},
			{"steps", []any{}},
			{"steps", nil},
			{"unheard", "of"},
			{"arch", "vax"},
			{"view", "bird's eye"},
			{"seed", -1.0},
			{"seed", 1.5},
			{"memory.heap.start", "7f2a00001000"},
			{"memory.heap.start", "0x7F2A"},
			{"memory.heap.start", 4096.0},
			{"memory.maps", []any{"nonsense"}},
			{"memory.base", "somewhere"},
			{"steps.1.n", 0.0},
			{"steps.1.line", "2"},
			{"steps.1.text", nil},
			{"steps.1.unheard", true},
			{"steps.1.kernel", map[string]any{"faults": 1.0}},
			{"steps.1.frames.0.vars.0.state", "undead"},
			{"steps.1.frames.0.vars.0.bytes", "0"},
			{"steps.1.frames.0.vars.0.bytes", "0G"},
			{"steps.1.frames.0.vars.0.align", 3.0},
			{"steps.1.frames.0.vars.0.fields.1.points_to", ""},
			{"steps.1.frames.0.vars.0.fields.1.colour", "red"},
			{"steps.1.heap.blocks.0.state", "lost"},
			{"steps.1.heap.blocks.0.size", 17.0},
			{"steps.1.heap.blocks.1.owner", "main.s"}, // of a free block
			{"steps.1.heap.blocks.1.bytes", "00"},
			{"steps.1.events.0.kind", "explode"},
			{"steps.1.events.0.looked_at", []any{map[string]any{"addr": "0x0", "size": 1.0, "fits": "yes"}}},
			{"steps.1.question", map[string]any{"text": "?", "choices": []any{"a", "a"}, "answer": 0.0, "why": "."}},
			{"steps.1.facts", []any{map[string]any{"what": "w", "value": "v"}}},
			{"steps.1.threads", []any{map[string]any{"name": "one alone"}}},
			{"steps.1.landmarks", []any{map[string]any{"segment": "attic"}}},
			{"steps.1.stopped", map[string]any{"line": 1.0}},
		} {
			v := decoded(t, Scenario(trace), Options{Relative: relative})
			if err := schema.Validate(v); err != nil {
				t.Fatal(err)
			}
			put(v, strings.Split(tt.path, "."), tt.value)
			if schema.Validate(v) == nil {
				t.Errorf("relative %v: a trace with %s = %v passes", relative, tt.path, tt.value)
			}
		}
	}
	for path, value := range map[string]any{"pid": 1.0, "memory.maps": []any{"0-1 ---p "}, "memory.base": "0x1000", "steps.0.sp": "0x1000", "steps.0.kernel": map[string]any{"resident": 0.0, "faults": 0.0}} {
		v := decoded(t, Scenario(trace), Options{Relative: true})
		put(v, strings.Split(path, "."), value)
		if schema.Validate(v) == nil {
			t.Errorf("a trace without addresses passes with %s = %v", path, value)
		}
		v = decoded(t, Scenario(trace), Options{})
		if path == "memory.base" || path == "steps.0.sp" {
			value = "region+0x0"
		} else {
			value = nil
		}
		put(v, strings.Split(path, "."), value)
		if schema.Validate(v) == nil {
			t.Errorf("a trace with addresses passes with %s = %v", path, value)
		}
	}
}

// put sets the value that a path leads to, or takes it out.
func put(v any, path []string, value any) {
	switch at := v.(type) {
	case map[string]any:
		if len(path) > 1 {
			put(at[path[0]], path[1:], value)
		} else if value == nil {
			delete(at, path[0])
		} else {
			at[path[0]] = value
		}
	case []any:
		var i int
		if _, err := fmt.Sscan(path[0], &i); err != nil {
			panic(err)
		}
		if len(path) > 1 {
			put(at[i], path[1:], value)
		} else {
			at[i] = value
		}
	}
}
