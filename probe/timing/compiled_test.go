package timing

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// Instructions that are work, as objdump writes them for each architecture.
var (
	stores = map[string]string{"amd64": `^MOV[BLQ] \S+, \S*\(`, "arm64": `^(MOVD|MOVB|STP) \S+, \S*\(`}
	loads  = map[string]string{"amd64": `^(ADDQ|MOVQ) [^,]*\(\w+\)(\(\w+\*1\))?, \w+$`, "arm64": `^MOVD [^,]*\(\w+\)(\(\w+(<<[0-9])?\))?, \w+$`}
)

// compiledLoops are what each contender's loop must hold: instructions of a file, as
// the compiler notes it, that match. What a loop calls without being inlined is
// looked at as well, where there is one of ours.
var compiledLoops = []struct {
	function string
	file     string // where the instruction is from; empty is anywhere
	wants    map[string]string
	times    int // at least
}{
	{"(*stackPairs).run", "push.go", stores, 2}, // the frame's note and the top; Pop moves the top back
	{"(*heapPairs).run", "", calls(`mmapheap\.\(\*Heap\)\.Alloc`), 1},
	{"(*heapPairs).run", "", calls(`mmapheap\.\(\*Heap\)\.Free`), 1},
	{"(*makes).run", "", calls(`runtime\.makeslice`), 1},
	{"calls8", "", calls(`timing\.call8`), 1},
	{"calls16", "", calls(`timing\.call16`), 1},
	{"calls64", "", calls(`timing\.call64`), 1},
	{"calls256", "", calls(`timing\.call256`), 1},
	{"calls1024", "", calls(`timing\.call1024`), 1},
	{"calls4096", "", calls(`timing\.call4096`), 1},
	{"(*mappings).untouched", "", calls(`timing\.fresh|unix\.\(\*mmapper\)\.Mmap`), 1},
	{"(*mappings).untouched", "", calls(`unix\.\(\*mmapper\)\.Munmap`), 1},
	{"(*mappings).touched", "", calls(`timing\.touch`), 1},
	{"touch", "mappings_linux.go", stores, 1},
	{"(*naivePairs).run", "", calls(`timing\.\(\*naive\)\.alloc`), 1},
	{"(*naivePairs).run", "", calls(`timing\.\(\*naive\)\.free`), 1},
	{"(*naive).alloc", "naive.go", loads, 2},
	{"(*heapChurn).run", "", calls(`mmapheap\.\(\*Heap\)\.Alloc`), 1},
	{"(*heapChurn).run", "", calls(`mmapheap\.\(\*Heap\)\.Free`), 1},
	{"(*naiveChurn).run", "", calls(`timing\.\(\*naive\)\.(alloc|free)`), 2},
	{"(*frameRuns).run", "push.go", stores, 3},
	{"(*blockRuns).run", "", calls(`mmapheap\.\(\*Heap\)\.Alloc`), 1},
	{"(*blockRuns).run", "", calls(`mmapheap\.\(\*Heap\)\.Free`), 1},
	{"(*makeRuns).run", "", calls(`runtime\.makeslice`), 1},
	{"(*sharedPairs).run", "", calls(`mmapheap\.\(\*Shared\)\.Alloc`), 1},
	{"(*sharedPairs).run", "", calls(`mmapheap\.\(\*Shared\)\.Free`), 1},
	{"(*inPlace).run", "", loads, 1},
	{"(*pointed).run", "", loads, 2},
	{"(*chained).run", "", loads, 2},
	{"chain", "", map[string]string{"amd64": `^IMULQ`, "arm64": `^(MUL|MADD)`}, 1},
}

func calls(what string) map[string]string {
	return map[string]string{"amd64": `^CALL .*` + what, "arm64": `^CALL .*` + what}
}

// instruction is a line of objdump's.
type instruction struct {
	file, text string
	at         uint64
}

// TestNothingIsOptimisedAway disassembles the loops: the compiler has kept the work,
// and kept it inside of them.
func TestNothingIsOptimisedAway(t *testing.T) {
	if stores[runtime.GOARCH] == "" {
		t.Skipf("the instructions of %s are not known here", runtime.GOARCH)
	}
	code := disassembled(t)
	t.Run("frames", func(t *testing.T) { haveFrames(t, code) })
	for _, want := range compiledLoops {
		all := code["memprobe/probe/timing."+want.function]
		if all == nil { // inlined into the method value, and nowhere else used
			all = code["memprobe/probe/timing."+want.function+"-fm"]
		}
		if all == nil {
			t.Errorf("%s is not in the binary", want.function)
			continue
		}
		found, pattern := 0, regexp.MustCompile(want.wants[runtime.GOARCH])
		for _, i := range inLoops(all) {
			if (want.file == "" || i.file == want.file) && pattern.MatchString(i.text) {
				found++
			}
		}
		if found < want.times {
			t.Errorf("%s: its loops have %d instructions of %q like %s, want %d", want.function, found, want.file, pattern, want.times)
		}
	}
}

// haveFrames looks at the functions that are called: each makes room on its stack, and
// writes the first and the last byte of it.
func haveFrames(t *testing.T, code map[string][]instruction) {
	if runtime.GOARCH != "amd64" {
		t.Skip("frames are told by the instructions of amd64")
	}
	for size := range callOf {
		n := int(size)
		var text strings.Builder
		for _, i := range code["memprobe/probe/timing.call"+strconv.Itoa(n)] {
			text.WriteString(i.text + "\n")
		}
		// A byte is written at both ends, n-1 bytes apart. The frame begins at the stack
		// pointer, or a little above it.
		offsets := map[uint64]bool{}
		for _, m := range regexp.MustCompile(`(?m)^MOVB \w+, (?:0x([0-9a-f]+)|0)\(SP\)$`).FindAllStringSubmatch(text.String(), -1) {
			at, _ := strconv.ParseUint("0"+m[1], 16, 64)
			offsets[at] = true
		}
		apart := false
		for at := range offsets {
			apart = apart || offsets[at+uint64(n-1)]
		}
		room := regexp.MustCompile(`(?m)^(?:SUBQ \$0x([0-9a-f]+)|ADDQ \$-0x([0-9a-f]+)), SP$`).FindStringSubmatch(text.String())
		if room == nil || !apart {
			t.Errorf("call%d: no frame with a byte written at both ends:\n%s", n, &text)
			continue
		}
		if got, _ := strconv.ParseUint(room[1]+room[2], 16, 64); got < uint64(n) {
			t.Errorf("call%d: a frame of %d bytes", n, got)
		}
	}
}

// disassembled is the code of this package's functions, from a test binary, which the
// compiler makes as it makes memprobe.
func disassembled(t *testing.T) map[string][]instruction {
	t.Helper()
	if testing.Short() {
		t.Skip("compiles this package")
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("the go command is not in PATH")
	}
	binary := filepath.Join(t.TempDir(), "timing.test")
	if out, err := exec.Command(goTool, "test", "-c", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, out)
	}
	out, err := exec.Command(goTool, "tool", "objdump", "-s", `memprobe/probe/timing\.`, binary).Output()
	if err != nil {
		t.Skipf("go tool objdump: %v", err)
	}
	code := make(map[string][]instruction)
	name := ""
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\n")
		if rest, ok := strings.CutPrefix(line, "TEXT "); ok {
			name, _, _ = strings.Cut(rest, "(SB)")
			continue
		}
		fields := strings.FieldsFunc(line, func(r rune) bool { return r == '\t' })
		if len(fields) < 4 {
			continue
		}
		file, _, _ := strings.Cut(strings.TrimSpace(fields[0]), ":")
		at, err := strconv.ParseUint(strings.TrimSpace(fields[1]), 0, 64)
		if err != nil {
			t.Fatalf("objdump writes %q", line)
		}
		code[name] = append(code[name], instruction{file, strings.TrimSpace(fields[3]), at})
	}
	return code
}

// A jump is to an address, or on arm64 by so many instructions of 4 bytes.
var (
	jump   = regexp.MustCompile(`^[A-Z]+ (?:.*, )?(0x[0-9a-f]+)$`)
	jumpBy = regexp.MustCompile(`^[A-Z]+ (?:.*, )?(-[0-9]+)\(PC\)$`)
)

// target is where a jump back leads; ok is false for other instructions.
func (i instruction) target() (at uint64, ok bool) {
	if strings.HasPrefix(i.text, "CALL") {
		return 0, false
	}
	if m := jumpBy.FindStringSubmatch(i.text); m != nil {
		n, err := strconv.Atoi(m[1])
		return i.at - uint64(-4*n), err == nil
	}
	if m := jump.FindStringSubmatch(i.text); m != nil {
		at, err := strconv.ParseUint(m[1], 0, 64)
		return at, err == nil && at <= i.at
	}
	return 0, false
}

// inLoops are the instructions that some jump back leads over: they are run again.
func inLoops(all []instruction) []instruction {
	again := make([]bool, len(all))
	for i, from := range all {
		to, ok := from.target()
		if !ok || to < all[0].at {
			continue
		}
		for k := range i + 1 {
			again[k] = again[k] || all[k].at >= to
		}
	}
	var in []instruction
	for i, inside := range again {
		if inside {
			in = append(in, all[i])
		}
	}
	return in
}
