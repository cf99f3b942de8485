package layout

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestCalled(t *testing.T) {
	for _, tt := range []struct {
		p    Process
		name string
		want bool
	}{
		{Process{Comm: "redis-server", Exe: "/usr/bin/redis-check-rdb"}, "redis-server", true},
		{Process{Comm: "main", Exe: "/opt/app/server"}, "server", true},
		{Process{Comm: "main", Exe: "/opt/app/server (deleted)"}, "server", true},
		{Process{Comm: "main", Exe: "/opt/app/server"}, "app", false},
		{Process{Comm: "main", Exe: "/opt/app/server"}, "serve", false},
		{Process{Comm: "main", Exe: "/opt/app/server"}, "", false},
		{Process{Comm: "a-very-long-nam"}, "a-very-long-name", true}, // the program is not told
		{Process{Comm: "a-very-long-nam", Exe: "/bin/a-very-long-namesake"}, "a-very-long-name", false},
		{Process{Comm: "kthreadd"}, "kthreadd", true},
		{Process{Comm: ""}, ".", false},
	} {
		if got := tt.p.called(tt.name); got != tt.want {
			t.Errorf("%+v is called %q: got %v", tt.p, tt.name, got)
		}
	}
}

func TestNamed(t *testing.T) {
	exe := ccTool(t, "testdata/child.c")
	odd := filepath.Join(filepath.Dir(exe), fmt.Sprintf("an odd name) of more than 15 bytes, of test %d", os.Getpid())) // others run too
	if err := os.Rename(exe, odd); err != nil {
		t.Fatal(err)
	}
	c, d := start(t, odd), start(t, odd)
	found, err := Named(filepath.Base(odd))
	if err != nil || len(found) != 2 || !slices.ContainsFunc(found, func(p Process) bool { return p.PID == c.pid && p.Exe == odd }) ||
		!slices.ContainsFunc(found, func(p Process) bool { return p.PID == d.pid }) || found[0].PID > found[1].PID {
		t.Errorf("got %+v, %v, want %d and %d", found, err, c.pid, d.pid)
	}
	for _, name := range []string{"", "no such program", filepath.Base(os.Args[0])} { // this one is not told of
		if found, err := Named(name); err != nil || slices.ContainsFunc(found, func(p Process) bool { return p.PID == os.Getpid() }) {
			t.Errorf("%q: got %+v, %v", name, found, err)
		}
	}
}

// A process of the same number that started later, or runs another program, is another.
func TestIdentity(t *testing.T) {
	exe := ccTool(t, "testdata/child.c")
	c := start(t, exe)
	p := process{c.pid}
	who := p.identity()
	if who.started == 0 || who.exe.inode == 0 || who != p.identity() {
		t.Fatalf("got %+v, then %+v", who, p.identity())
	}
	if other := (process{os.Getpid()}).identity(); other == who {
		t.Errorf("two processes are one: %+v", who)
	}
	if gone := (process{1 << 30}).identity(); gone != (identity{}) {
		t.Errorf("nobody has the identity %+v", gone)
	}
}

// A /proc that is not mounted is an empty folder.
func TestNamedWithoutProc(t *testing.T) {
	if found, err := namedIn(t.TempDir(), "x"); err != ErrNoProc {
		t.Errorf("got %v, %v", found, err)
	}
}
