package layout

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// canQuery skips the test where the kernel does not know PROCMAP_QUERY.
func canQuery(t *testing.T) {
	t.Helper()
	f, err := openProc("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	if _, err := queryMapping(f, 0, nil); err != nil {
		t.Skipf("no PROCMAP_QUERY here (Linux 6.11): %v", err)
	}
}

// queryAll asks for all mappings of pid, one by one. [vsyscall], which is none of the
// process's own, is not among them.
func queryAll(pid int) (maps []Mapping, tooLong int, err error) {
	f, err := openProc(process{pid}.file("maps"))
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	var buf [longestQueryName]byte
	for at := addr.Addr(0); ; at = maps[len(maps)-1].Hi {
		m, err := queryMapping(f, at, &buf)
		if errors.Is(err, unix.ENAMETOOLONG) {
			m, err = queryMapping(f, at, nil)
			m.Name = "?"
			tooLong++
		}
		if errors.Is(err, unix.ENOENT) {
			return maps, tooLong, nil
		}
		if err != nil {
			return nil, 0, err
		}
		maps = append(maps, m)
	}
}

// sameAsKernel compares what Read gives with what the kernel answers mapping by
// mapping, and with the names of map_files; still is false where the process changed. One
// that does and undoes the same may seem to stand still: what differs counts if it does
// each time.
func sameAsKernel(t *testing.T, pid int) (still bool) {
	t.Helper()
	var differs []string
	for range 3 {
		once, list := compareWithKernel(pid)
		if still, differs = still || once, list; once && len(differs) == 0 {
			return true
		}
	}
	for _, d := range differs {
		t.Errorf("process %d: %s", pid, d)
	}
	return still
}

// compareWithKernel is sameAsKernel once, and gives what differs.
func compareWithKernel(pid int) (still bool, differs []string) {
	before, err := Read(pid)
	if err != nil {
		return false, nil
	}
	queried, _, errQuery := queryAll(pid)
	names := map[addr.Addr]string{}
	for _, m := range before {
		if name, err := os.Readlink(process{pid}.mapFile(m)); err == nil {
			names[m.Lo] = name
		}
	}
	after, err := Read(pid)
	if err != nil || errQuery != nil || !bytes.Equal(text(before), text(after)) {
		return false, nil
	}
	if n := len(before); n > 0 && before[n-1].Name == "[vsyscall]" {
		before = before[:n-1]
	}
	if len(queried) != len(before) {
		return true, []string{fmt.Sprintf("%d mappings, the kernel answers with %d", len(before), len(queried))}
	}
	for i, m := range before {
		if queried[i].Name == "?" {
			queried[i].Name = m.Name
		}
		if m != queried[i] {
			differs = append(differs, fmt.Sprintf("\nread    %q\nqueried %q", m, queried[i]))
		}
		if name, known := names[m.Lo]; known && m.hasFile() && name != m.Name && len(m.Name) < longestQueryName-1 {
			differs = append(differs, fmt.Sprintf("read name %q, map_files has %q", m.Name, name))
		}
	}
	return true, differs
}

// Every process that may be read is read as the kernel answers.
func TestSameAsKernel(t *testing.T) {
	canQuery(t)
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	compared, readable := 0, 0
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if _, err := Read(pid); err != nil {
			continue
		}
		readable++
		if sameAsKernel(t, pid) {
			compared++
		}
	}
	t.Logf("%d of %d processes stood still", compared, readable)
	if compared == 0 {
		t.Error("no process stood still")
	}
}

// hostileNames are names that readers of maps stumble over.
var hostileNames = map[string]string{
	"escape":          "a\x1b[31mred\x1b]0;title\a",
	"carriage return": "a\rb",
	"newline":         "a\nb",
	"\\012":           `a\012b`,
	"both":            "a\nb" + `\012`,
	"tab":             "a\tb",
	"two blanks":      "a  b ",
	"no-break space":  "a\u00a0b",
	"C1":              "a\u009bb\x9b",
	"right to left":   "a\u202egnp.exe\u2066\u200f",
	"not UTF-8":       "a\xff\xfe\xc3",
	"deleted":         "a (deleted)",
	"a line":          "7f0000000000-7f0000001000 rwxp 00000000 00:00 0",
	"a line's end":    "a\n7f0000000000-7f0000001000 rwxp 00000000 00:00 0                          [heap]",
	"255 bytes":       strings.Repeat("x", 255),
	"braces":          "[stack]",
}

func TestHostileNames(t *testing.T) {
	if _, err := os.ReadDir("/proc/self/map_files"); err != nil {
		canQuery(t)
	}
	if qemu() {
		t.Skip("an emulator makes up the maps file")
	}
	dir := t.TempDir()
	for what, name := range hostileNames {
		path := filepath.Join(dir, name)
		for _, gone := range []bool{false, true} {
			want := path
			at := mapFile(t, path, make([]byte, os.Getpagesize()))
			if gone {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				want += " (deleted)"
			}
			checkName(t, what, at.Lo, want)
		}
	}
	if !sameAsKernel(t, os.Getpid()) {
		t.Log("this process never stood still")
	}
}

// checkName: the mapping that starts at a is called want, and stays so in JSON.
func checkName(t *testing.T, what string, a addr.Addr, want string) {
	t.Helper()
	maps, err := Read(0)
	if err != nil {
		t.Fatal(what, err)
	}
	i, ok := find(maps, a)
	if !ok || maps[i].Name != want {
		t.Fatalf("%s: got %.200q, want %.200q", what, maps[max(0, min(i, len(maps)-1))].Name, want)
	}
	out, err := json.Marshal(maps[i])
	var back Mapping
	if err != nil || json.Unmarshal(out, &back) != nil || back != maps[i] {
		t.Errorf("%s: %.200q does not come back from JSON", what, want)
	}
}

// Paths as long as no system call takes them: a folder in a folder, entered one by one.
func TestLongPaths(t *testing.T) {
	if qemu() {
		t.Skip("an emulator makes up the maps file")
	}
	for _, length := range []int{3900, 70000} {
		root := t.TempDir()
		dir, err := unix.Open(root, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		want := root
		forged := "\n7f0000000000-7f0000001000 rwxp 00000000 00:00 0 "
		for len(want) < length-255 {
			folder := forged + strings.Repeat("d", 200-len(forged))
			if err := unix.Mkdirat(dir, folder, 0o700); err != nil {
				t.Fatal(err)
			}
			next, err := unix.Openat(dir, folder, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			unix.Close(dir)
			dir, want = next, want+"/"+folder
		}
		file := strings.Repeat("f", length-len(want)-1)
		want += "/" + file
		fd, err := unix.Openat(dir, file, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Ftruncate(fd, int64(os.Getpagesize())); err != nil {
			t.Fatal(err)
		}
		mem, err := unix.Mmap(fd, 0, os.Getpagesize(), unix.PROT_READ, unix.MAP_SHARED)
		unix.Close(fd)
		unix.Close(dir)
		if err != nil {
			t.Fatal(err)
		}
		maps, err := Read(0)
		if err != nil {
			t.Fatalf("path of %d bytes: %v", length, err)
		}
		i, ok := find(maps, pointer(mem))
		got := ""
		if ok {
			got = maps[i].Name
		}
		inLine := strings.ReplaceAll(want, "\n", `\012`)
		if got != want && (length < longestQueryName || got != inLine) {
			t.Errorf("path of %d bytes: got %d bytes, %.300q", length, len(got), got)
		}
		for _, m := range maps {
			if m.Lo == 0x7f0000000000 {
				t.Errorf("a mapping that is only a name: %.200q", m)
			}
		}
		unix.Munmap(mem)
	}
}
