package layout

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"memprobe/layout/addr"
)

// races is how often each race is run: 30 times, or as the environment says.
func races(t *testing.T) int {
	t.Helper()
	if testing.Short() {
		t.Skip("races programs")
	}
	text := os.Getenv("MEMPROBE_RACES")
	if text == "" {
		return 30
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("MEMPROBE_RACES=%q: not a number of races", text)
	}
	return n
}

// racer is testdata/races.c, waiting to be let go.
type racer struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	pid int
}

func startRacer(t *testing.T, exe string, args ...string) racer {
	t.Helper()
	cmd, in, out := piped(t, exe, args...)
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	return racer{cmd, in, cmd.Process.Pid}
}

// goAfter lets r go on; it acts after d.
func (r racer) goAfter(t *testing.T, d time.Duration) {
	t.Helper()
	if _, err := io.WriteString(r.in, strconv.FormatInt(d.Nanoseconds(), 10)); err != nil {
		t.Fatal(err)
	}
}

func (r racer) end() {
	r.in.Close()
	r.cmd.Wait()
}

// readers are the ways to read the mappings of a process. changed is what they say of
// a list that may never have been so.
var readers = []struct {
	name string
	read func(pid int) (maps []Mapping, changed bool, err error)
}{
	{"Read", func(pid int) ([]Mapping, bool, error) { return torn(Read(pid)) }},
	{"ReadText", func(pid int) ([]Mapping, bool, error) {
		text, err := ReadText(pid)
		if err != nil && !errors.Is(err, ErrTorn) {
			return nil, false, err
		}
		maps, parsed := ParseMaps(text)
		return torn(maps, errors.Join(err, parsed))
	}},
	{"ReadSmaps", func(pid int) ([]Mapping, bool, error) {
		maps, _, err := ReadSmaps(pid)
		return torn(maps, err)
	}},
	{"Describe", func(pid int) ([]Mapping, bool, error) {
		s, err := Describe(pid, Options{})
		if err != nil {
			return nil, false, err
		}
		return s.Mappings, s.Changed, nil
	}},
}

func torn(maps []Mapping, err error) ([]Mapping, bool, error) {
	if errors.Is(err, ErrTorn) {
		return maps, true, nil
	}
	return maps, false, err
}

// quiet is the text of a process that stands still, and how long reading it takes in
// that way.
func quiet(t *testing.T, pid, way int) (before []byte, took time.Duration) {
	t.Helper()
	before, err := os.ReadFile(process{pid}.file("maps"))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	maps, changed, err := readers[way].read(pid)
	if err != nil || changed || !bytes.Equal(text(maps), before) {
		t.Fatalf("%s, standing still: %d mappings, changed %v, %v", readers[way].name, len(maps), changed, err)
	}
	return before, time.Since(start)
}

// longList is so many mappings that their list is read once: it is above a MiB.
const longList = "25000"

// A process that ends, or runs another program, while it is read: what is shown is the
// whole list of one program or the other, or an error says that there is none.
func TestRaceWithTheEnd(t *testing.T) {
	exe := ccTool(t, "testdata/races.c", "-static")
	for _, end := range []struct {
		name, mode, mappings string
		reaped               bool
		may                  []error
	}{
		{"runs another program", "exec", "700", false, []error{ErrCutShort}},
		{"becomes a zombie", "exit", "700", false, []error{ErrZombie, ErrCutShort}},
		{"ends and is gone", "exit", "700", true, []error{ErrZombie, ErrCutShort, ErrNoProcess}},
		{"runs another program, long list", "exec", longList, false, []error{ErrCutShort}},
		{"ends and is gone, long list", "exit", longList, true, []error{ErrZombie, ErrCutShort, ErrNoProcess}},
	} {
		t.Run(end.name, func(t *testing.T) {
			seen := map[string]int{}
			tries := races(t)
			if end.mappings == longList {
				tries = tries/25 + 3
			}
			for n := range tries {
				r := startRacer(t, exe, end.mode, "0", end.mappings)
				before, took := quiet(t, r.pid, n%len(readers))
				reaped := make(chan bool)
				if end.reaped {
					go func() { r.cmd.Wait(); close(reaped) }()
				}
				r.goAfter(t, rand.N(2*took))
				way := readers[n%len(readers)]
				maps, changed, err := way.read(r.pid)
				what := "error"
				switch {
				case changed:
					what = "changed"
				case err == nil && bytes.Equal(text(maps), before):
					what = "the program before"
				case err == nil && end.mode == "exec" && isIdle(maps):
					what = "the program after"
				case err == nil:
					t.Errorf("%s: %d mappings are shown as whole; there were %d", way.name, len(maps), bytes.Count(before, newline))
				default:
					for _, may := range end.may {
						if errors.Is(err, may) {
							what = may.Error()
						}
					}
					if what == "error" {
						t.Errorf("%s: %v", way.name, err)
					}
				}
				seen[what]++
				if end.reaped {
					<-reaped
				}
				r.end()
			}
			t.Log(seen)
		})
	}
}

// isIdle reports whether maps are those of the program that does not map anything,
// while it starts or later.
func isIdle(maps []Mapping) bool {
	for _, m := range maps {
		if 0x100000000 <= m.Lo && m.Lo < 0x400000000 {
			return false
		}
	}
	return len(maps) > 0
}

// A process that changes its mappings while it is read. Lists that contradict
// themselves are never shown as unchanged. Others show nothing; how many of them never
// were so is logged, with the readings that have to be the same and without.
func TestRaceWithChanges(t *testing.T) {
	exe := ccTool(t, "testdata/races.c", "-static")
	for _, mode := range []string{"split", "fixed", "move"} {
		for _, apart := range []time.Duration{0, 100 * time.Microsecond, time.Millisecond} {
			t.Run(mode+" every "+apart.String(), func(t *testing.T) {
				tries := races(t)
				r := startRacer(t, exe, mode, strconv.FormatInt(apart.Nanoseconds(), 10))
				defer r.end()
				_, took := quiet(t, r.pid, 0)
				r.goAfter(t, 0)
				once, twice, changed := 0, 0, 0
				for n := range tries {
					if list, err := (process{r.pid}).readMaps(); err == nil && neverWas(mode, list.maps) {
						once++
					}
					way := readers[n%len(readers)]
					maps, told, err := way.read(r.pid)
					if err != nil {
						t.Fatalf("%s: %v", way.name, err)
					}
					for i := 1; i < len(maps); i++ {
						if !follows(maps[i].Range, maps[i-1].Range) {
							t.Fatalf("%s: %v follows %v", way.name, maps[i], maps[i-1])
						}
					}
					switch {
					case told:
						changed++
					case neverWas(mode, maps):
						twice++
					}
				}
				t.Logf("%d readings of %v: shown as unchanged though it never was so: %d read once, %d read until it stays so; shown as changed: %d",
					tries, took, once, twice, changed)
				if apart >= time.Millisecond && twice > 3+once/2 {
					t.Errorf("the second reading finds nothing: %d of %d, %d of %d", once, tries, twice, tries)
				}
			})
		}
	}
}

// neverWas reports whether maps show a state that testdata/races.c never has.
func neverWas(mode string, maps []Mapping) bool {
	const lower, upper, page = 0x100000000, 0x300000000, 0x1000
	at := func(a addr.Addr) (mapped, changed bool) {
		i, ok := find(maps, a)
		return ok, ok && maps[i].Perms&Writable == 0
	}
	below, newBelow := at(lower + page)
	above, newAbove := at(upper + page)
	if mode == "move" {
		return below == above
	}
	return !below || !above || newAbove && !newBelow
}

// A process that runs is busy, one that waits is not.
func TestBusy(t *testing.T) {
	r := startRacer(t, ccTool(t, "testdata/races.c", "-static"), "exit")
	p := process{r.pid}
	until(t, "it waits, and is not called busy", func() bool { return !p.busy() })
	r.goAfter(t, time.Hour) // which it spends counting
	until(t, "it runs, and is called busy", p.busy)
	r.cmd.Process.Kill()
	r.end()
	if (process{1 << 30}).busy() {
		t.Error("one that is not there is called busy")
	}
}
