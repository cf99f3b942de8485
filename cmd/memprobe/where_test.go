package main

import (
	"bufio"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

// lookedAt builds and starts testdata/looked_at.c, and gives the process, whose threads
// all wait, and the addresses that it printed.
func lookedAt(t *testing.T) (pid int, at map[string]addr.Addr) {
	t.Helper()
	pid, at = started(t, "testdata/looked_at.c")
	until(t, "its threads wait", func() bool { return threadStates(pid) == "SS" })
	return pid, at
}

// started builds the C program at source and starts it with an argument, "one".
func started(t *testing.T, source string) (pid int, at map[string]addr.Addr) {
	t.Helper()
	if ok, err := native(); err != nil || !ok {
		t.Skipf("an emulator runs here (%v)", err)
	}
	exe := filepath.Join(t.TempDir(), "looked_at")
	if out, err := exec.Command("cc", "-O0", "-pthread", "-o", exe, source).CombinedOutput(); err != nil {
		t.Skipf("no C compiler that works: %v: %s", err, out)
	}
	cmd := exec.Command(exe, "one")
	stdin, stdout := piped(t, cmd)
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait() // it may have been killed
	})
	at = map[string]addr.Addr{}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		name, digits, _ := strings.Cut(lines.Text(), " ")
		if name == "end" {
			return cmd.Process.Pid, at
		}
		a, err := addr.Parse(digits)
		if err != nil {
			t.Fatal(err)
		}
		at[name] = a
	}
	t.Fatal("it ends too early")
	return 0, nil
}

// placed is what where tells in JSON, as far as it is compared here.
type placed struct {
	Place struct {
		Mapping struct {
			addr.Range
			Offset addr.Addr `json:"offset"`
		} `json:"mapping"`
		Symbol *struct {
			addr.Range
			Name   string     `json:"name"`
			Offset addr.Bytes `json:"offset"`
		} `json:"symbol"`
		PartIndex int `json:"part_index"`
	} `json:"place"`
	Above, Below *struct {
		PartIndex int        `json:"part_index"`
		Distance  addr.Bytes `json:"distance"`
	}
	Thread *struct {
		TID   int        `json:"tid"`
		SP    addr.Addr  `json:"sp"`
		Stack addr.Range `json:"stack"`
	} `json:"thread"`
	PageState []string `json:"page_state"`
	Chain     []struct {
		At, Value addr.Addr
		Name, End string
	} `json:"chain"`
}

func askJSON(t *testing.T, into any, args ...string) {
	t.Helper()
	out, err := exec.Command("memprobe", append(args, "--format", "json")...).Output()
	if err == nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil {
		t.Fatalf("memprobe %s: %v", strings.Join(args, " "), err)
	}
}

// pageState is what the kernel's pagemap has of a page, in where's words. Of a page
// of zeros and of a huge one it does not tell.
func pageState(t *testing.T, pid int, a addr.Addr) []string {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/pagemap", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var word [8]byte
	if _, err := f.ReadAt(word[:], int64(uint64(a)/uint64(os.Getpagesize())*8)); err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, bit := range []struct {
		n    uint
		name string
	}{{63, "present"}, {62, "swapped"}, {61, "file"}} {
		if binary.NativeEndian.Uint64(word[:])>>bit.n&1 != 0 {
			names = append(names, bit.name)
		}
	}
	return names
}

// TestWhereIsRight: symbol, mapping, neighbours, page and thread of addresses in a
// process are what gdb, the pagemap and the kernel's files of the threads say.
func TestWhereIsRight(t *testing.T) {
	pid, at := lookedAt(t)
	var asked []addr.Addr
	for name, a := range at {
		if name != "tid" {
			asked = append(asked, a, a+1, a+40)
		}
	}
	for i := range addr.Addr(60) {
		asked = append(asked, at["printf"]+i*37, at["main"]+i*3)
	}
	var whole struct {
		Parts []addr.Range `json:"parts"`
	}
	askJSON(t, &whole, "maps", strconv.Itoa(pid))
	told := map[addr.Addr]placed{}
	for _, a := range asked {
		var p placed
		askJSON(t, &p, "where", a.String(), "--pid", strconv.Itoa(pid))
		told[a] = p
		i := p.Place.PartIndex
		if p.Below == nil || p.Below.PartIndex != i-1 || p.Below.Distance != a.Sub(whole.Parts[i-1].Hi)+1 {
			t.Errorf("%v: below it is %+v", a, p.Below)
		}
		if p.Above != nil && (p.Above.PartIndex != i+1 || p.Above.Distance != whole.Parts[i+1].Lo.Sub(a)) {
			t.Errorf("%v: above it is %+v", a, p.Above)
		}
		got := slices.DeleteFunc(p.PageState, func(name string) bool { return name != "present" && name != "swapped" && name != "file" })
		if want := pageState(t, pid, a); !slices.Equal(got, want) {
			t.Errorf("%v: its page is %v, the pagemap has %v", a, got, want)
		}
	}
	tid := int(at["tid"])
	for what, want := range map[addr.Addr]int{at["buf"]: tid, at["local"]: pid} {
		thread := told[what].Thread
		if thread == nil || thread.TID != want || !thread.Stack.Contains(what) || thread.SP != stackPointer(t, pid, want) {
			t.Errorf("%v: the thread is %+v, not %d", what, thread, want)
		}
	}
	compareWithGDB(t, pid, asked, told)
}

// stackPointer is a waiting thread's, as the kernel tells it.
func stackPointer(t *testing.T, pid, tid int) addr.Addr {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/syscall", pid, tid))
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 9 {
		t.Skipf("the kernel does not tell stack pointers here: %v, %q", err, text)
	}
	sp, err := addr.Parse(fields[7])
	if err != nil {
		t.Fatal(err)
	}
	return sp
}

func compareWithGDB(t *testing.T, pid int, asked []addr.Addr, told map[addr.Addr]placed) {
	t.Helper()
	args := []string{"-nx", "-batch", "-p", strconv.Itoa(pid), "-ex", "info proc mappings"}
	for _, a := range asked {
		args = append(args, "-ex", fmt.Sprintf(`printf "at %v "`, a), "-ex", "info symbol "+a.String())
	}
	out, err := exec.Command("gdb", args...).Output()
	if err != nil {
		t.Skipf("gdb can't look at a process here: %v", err)
	}
	mappings := map[string]bool{} // start, end, offset
	symbols := map[addr.Addr]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) >= 4 && fields[0] == "at":
			a, err := addr.Parse(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			symbols[a] = strings.Join(fields[2:], " ")
		case len(fields) >= 5 && strings.HasPrefix(fields[0], "0x"):
			mappings[fields[0]+" "+fields[1]+" "+fields[3]] = true
		}
	}
	named := 0
	for _, a := range asked {
		p := told[a].Place
		if m := p.Mapping; !mappings[fmt.Sprintf("%v %v %v", m.Lo, m.Hi, m.Offset)] {
			t.Errorf("%v: gdb has no mapping %v", a, m)
		}
		// NAME + OFFSET in section S of FILE. Of several names of one address gdb may take another.
		said, _, _ := strings.Cut(symbols[a], " in section ")
		_, digits, _ := strings.Cut(said, " + ")
		offset, _ := strconv.ParseUint(digits, 10, 64)
		switch y := p.Symbol; {
		case symbols[a] == "":
			t.Errorf("%v: gdb says nothing", a)
		case y != nil && y.Size() > 0 && strings.HasPrefix(symbols[a], "No symbol"):
			t.Errorf("%v: %s holds it, but gdb knows none", a, y.Name)
		case y != nil && y.Size() > 0 && y.Offset != addr.Bytes(offset):
			t.Errorf("%v: %s + %d, gdb says %s", a, y.Name, uint64(y.Offset), symbols[a])
		case y != nil && y.Size() > 0:
			named++
		}
	}
	if named < 60 {
		t.Errorf("only %d addresses have a symbol", named)
	}
}

// TestChainAndRead: both name what a pointer leads to, by symbol where it has one, in
// text and JSON, while the process stands still as while it runs.
func TestChainAndRead(t *testing.T) {
	pid, at := lookedAt(t)
	for _, freeze := range []bool{false, true} {
		more := []string{"--pid", strconv.Itoa(pid)}
		if freeze {
			more = append(more, "--freeze")
		}
		where := append([]string{"where", at["first"].String(), "--chain"}, more...)
		read := append([]string{"read", at["first"].String(), "16"}, more...)
		var p placed
		askJSON(t, &p, where...)
		var steps []string
		for _, h := range p.Chain {
			steps = append(steps, h.Name+"|"+h.End)
		}
		want := []string{"looked_at first+0x8|", "[heap]+", "[stack]+", "looked_at first|that was there before: a circle"}
		for i := range want {
			if i >= len(steps) || !strings.HasPrefix(steps[i], want[i]) {
				t.Fatalf("the chain is %q, want %q", steps, want)
			}
		}
		out, err := exec.Command("memprobe", where...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "is the start of first: variables") || !strings.Contains(string(out), "looked_at first+0x8") {
			t.Errorf("%v: %s", err, out)
		}
		out, err = exec.Command("memprobe", read...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "looked_at first+0x8\n") || !strings.Contains(string(out), "[heap]+0x") {
			t.Errorf("%v: %s", err, out)
		}
		until(t, "its threads wait as before", func() bool { return strings.Trim(threadStates(pid), "S") == "" })
	}
	var half placed // of a word that begins in a page that was never used, and ends in one that was
	askJSON(t, &half, "where", (at["pages"] + 5*4096 - 4).String(), "--chain", "--pid", strconv.Itoa(pid))
	if len(half.Chain) != 1 || half.Chain[0].Value != 1<<32 || strings.Contains(half.Chain[0].End, "never used") {
		t.Errorf("where two pages meet, the chain is %+v", half.Chain)
	}
	out, err := exec.Command("memprobe", "where", at["counter"].String(), "--pid", strconv.Itoa(pid), "--explain").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "permissions rw-p\n             It may be read and written, but not run as code.") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestWhereOnStacks: what lies in a stack's memory, but in no frame, is told as what it
// is; the bytes of an address as they are.
func TestWhereOnStacks(t *testing.T) {
	pid, at := lookedAt(t)
	alone := []string{fmt.Sprintf("is in: thread %d looked_at's own variables (__thread)", at["tid"]), "bytes     07 00 00 00 08 00 00 00 ", "above all frames"}
	if runtime.GOARCH != "amd64" {
		alone[0] = alone[0] + ", or the C library's record of it"
	}
	for name, want := range map[string][]string{
		"counter":  {"bytes     2a 00 00 00  *...\n", "→ 0x2a ", "no address: the chain ends"},
		"buf":      {fmt.Sprintf("is in: the stack of thread %d looked_at\n", at["tid"]), " deep now; "},
		"local":    {"is in: the first thread's stack\n", " deep now; "},
		"alone":    alone,
		"argument": {"is in: the program's arguments\n", "bytes     6f 6e 65 00", "the text of the program's arguments (argv)", `as text "one"; no address`},
		"argv":     {"is in: what the kernel put above the stack's first frame\n", "no frame lies there"},
		"text":     {"bytes     65 69 67 68 74 20 6c 65 74 74 65 72 73 20 61 6e  eight letters an\n", `as text "eight le"; no address: the chain ends`},
		"cut":      {"it can't be read there: the chain ends"},
		"room":     {"→ 0x0 ", "a null pointer: the chain ends"},
		"pages":    {"not in memory"},
	} {
		out, err := exec.Command("memprobe", "where", at[name].String(), "--pid", strconv.Itoa(pid), "--width", "160").Output()
		chain, chainErr := exec.Command("memprobe", "where", at[name].String(), "--pid", strconv.Itoa(pid), "--chain", "--width", "160").Output()
		if err != nil || chainErr != nil {
			t.Fatal(err, chainErr)
		}
		for _, w := range want {
			if !strings.Contains(string(out)+string(chain), w) {
				t.Errorf("%s: no %q in\n%s%s", name, w, out, chain)
			}
		}
	}
	var p placed
	askJSON(t, &p, "where", (at["pages"] + 7*4096).String(), "--pid", strconv.Itoa(pid))
	askJSON(t, &p, "where", (at["pages"] + 7*4096).String(), "--pid", strconv.Itoa(pid))
	if len(p.PageState) > 0 {
		t.Errorf("a page that was looked at is %v", p.PageState)
	}
}

// TestReadFirstThreadEnded: other threads share the memory and are asked for it.
func TestReadFirstThreadEnded(t *testing.T) {
	pid, at := started(t, "../../layout/testdata/leader.c")
	out, err := exec.Command("memprobe", "read", at["initialised"].String(), "16", "--pid", strconv.Itoa(pid)).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "01 00 00 00 02 00 00 00") || !strings.Contains(string(out), "03 00 00 00 04 00 00 00") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestChainOf32Bits: in a program of 32 bits pointers have four bytes.
func TestChainOf32Bits(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("its program is for x86")
	}
	exe := filepath.Join(t.TempDir(), "small")
	if out, err := exec.Command("cc", "-m32", "-nostdlib", "-static", "-ffreestanding", "-o", exe, "testdata/small.c").CombinedOutput(); err != nil {
		t.Skipf("no compiler for 32 bits: %v: %s", err, out)
	}
	file, err := elf.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(symbols, func(y elf.Symbol) bool { return y.Name == "chain" })
	cmd := exec.Command(exe)
	if err := cmd.Start(); err != nil {
		t.Skipf("it does not run here: %v", err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}()
	until(t, "it waits", func() bool { return state(cmd.Process.Pid) == "S" })
	at, pid := addr.Addr(symbols[i].Value), strconv.Itoa(cmd.Process.Pid)
	var p placed
	askJSON(t, &p, "where", at.String(), "--pid", pid, "--chain")
	if len(p.Chain) < 2 || p.Chain[0].Value != at+4 || p.Chain[0].Name != "small chain+0x4" || p.Chain[1].Name != "small last" {
		t.Errorf("the chain is %+v", p.Chain)
	}
	out, err := exec.Command("memprobe", "read", at.String(), "8", "--pid", pid).Output()
	if err != nil || !strings.Contains(string(out), "  → small chain+0x4\n") || !strings.Contains(string(out), "  → small last\n") {
		t.Errorf("%v: %s", err, out)
	}
}
