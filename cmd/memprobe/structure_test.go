package main

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// allowed says which of memprobe's packages each may import: those to its right
// in the plan. A renderer runs nothing, so report knows neither the scenarios nor
// the memory.
var allowed = map[string][]string{
	"cmd/memprobe":          {"report", "probe/lesson", "probe/timing", "probe/claims", "probe/replay", "probe/replay/policies", "probe/bugs", "probe/bugs/netcost", "probe", "layout", "layout/addr"},
	"report":                {"probe/timing", "probe/claims", "probe/replay", "probe/replay/policies", "probe/bugs", "probe/bugs/netcost", "probe", "layout", "layout/addr"},
	"probe/replay":          {"probe/replay/policies", "mmapheap", "layout", "layout/addr"},
	"probe/replay/policies": {"layout/addr"},
	"probe/claims":          {"probe/lesson", "probe/timing", "probe", "probe/rust", "mmapheap", "layout", "layout/addr"},
	"probe/lesson":          {"probe", "probe/rust", "probe/netted", "layout", "layout/addr"},
	"probe/bugs":            {"probe/netted", "mmapheap", "layout/addr"},
	"probe/bugs/netcost":    {"probe/bugs", "probe/timing", "mmapheap", "layout/addr"},
	"probe/netted":          {"mmapheap", "layout/addr"},
	"probe/timing":          {"mmapheap", "layout/addr"},
	"probe":                 {"probe/rust", "probe/netted", "mmapheap", "layout", "layout/addr"},
	"probe/rust":            {"layout/addr"},
	"mmapheap":              {"layout/addr"},
	"layout":                {"layout/addr"},
	"layout/addr":           {},
	"layout/fuzz":           {}, // tests alone
}

// fenced are the only files with unsafe.
var fenced = []string{"layout/ask_linux.go", "mmapheap/push.go", "mmapheap/region_linux.go", "mmapheap/table.go", "scripts/allocbench/memory.go"}

type goPackage struct {
	ImportPath string
	Imports    []string
	GoFiles    []string
	Dir        string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("the go command is not in PATH")
	}
	cmd := exec.Command(goTool, "list", "-json=ImportPath,Imports,GoFiles,Dir", "memprobe/...")
	out, err := cmd.Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		t.Fatalf("go list: %v: %s", err, exit.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	var all []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// TestImportsPointRight holds the plan of the rooms.
func TestImportsPointRight(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, "memprobe/")
		if strings.HasPrefix(name, "scripts/") {
			continue
		}
		may, known := allowed[name]
		if !known {
			t.Errorf("package %s has no place in the plan", name)
		}
		for _, imported := range p.Imports {
			if other, ours := strings.CutPrefix(imported, "memprobe/"); ours && !slices.Contains(may, other) {
				t.Errorf("%s imports %s, which is not to its right", name, other)
			}
		}
	}
}

// TestUnsafeIsFenced finds "unsafe" outside the files that may use it.
func TestUnsafeIsFenced(t *testing.T) {
	for _, p := range packages(t) {
		if !slices.Contains(p.Imports, "unsafe") {
			continue
		}
		for _, file := range p.GoFiles {
			name := path.Join(strings.TrimPrefix(p.ImportPath, "memprobe/"), file)
			if importsUnsafe(t, path.Join(p.Dir, file)) && !slices.Contains(fenced, name) {
				t.Errorf("%s imports unsafe", name)
			}
		}
	}
}

func importsUnsafe(t *testing.T, file string) bool {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(parsed.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"unsafe"` })
}

// TestOnlyTestsNeed: what only tests import is not part of the program.
func TestOnlyTestsNeed(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("the go command is not in PATH")
	}
	linked, err := exec.Command(goTool, "list", "-deps", "memprobe/cmd/memprobe").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(linked), "github.com/spf13/cobra\n") {
		t.Fatalf("the program's packages are %s", linked)
	}
	for _, module := range []string{"github.com/google/jsonschema-go", "github.com/google/go-cmp", "github.com/rogpeppe/go-internal"} {
		if strings.Contains(string(linked), module) {
			t.Errorf("%s is linked into memprobe", module)
		}
	}
}
