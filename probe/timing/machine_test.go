package timing

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"memprobe/layout/addr"
)

// rooted writes files below a directory of the test's own.
func rooted(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestMachine(t *testing.T) {
	const cpu = "sys/devices/system/cpu/"
	m := machineAt(rooted(t, map[string]string{
		"proc/cpuinfo": "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\ncpu MHz\t\t: 1800.5\nflags\t\t: fpu hypervisor lahf_lm\n\n" +
			"processor\t: 1\nmodel name\t: Another\ncpu MHz\t\t: 900\nflags\t\t: fpu\n",
		"sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
		cpu + "cpu0/cpufreq/scaling_governor":        "performance\n",
		cpu + "cpu0/cpufreq/cpuinfo_max_freq":        "3500000\n",
		cpu + "cpu0/cpufreq/scaling_cur_freq":        "2100000\n",
		cpu + "cpu0/cache/index3/level":              "3\n",
		cpu + "cpu0/cache/index3/type":               "Unified\n",
		cpu + "cpu0/cache/index3/size":               "32768K\n",
		cpu + "cpu0/cache/index3/shared_cpu_list":    "0-3,8-11\n",
		cpu + "cpu0/cache/index0/level":              "1\n",
		cpu + "cpu0/cache/index0/type":               "Data\n",
		cpu + "cpu0/cache/index0/size":               "48K\n",
		cpu + "cpu0/cache/index0/shared_cpu_list":    "0\n",
		cpu + "cpu0/cache/index1/level":              "1\n",
		cpu + "cpu0/cache/index1/type":               "Instruction\n",
		cpu + "cpu0/cache/index1/size":               "32K\n",
		cpu + "vulnerabilities/meltdown":             "Not affected\n",
		cpu + "vulnerabilities/spectre_v2":           "Mitigation: Retpolines; STIBP: disabled\n",
		cpu + "vulnerabilities/retbleed":             "Vulnerable\n",
	}))
	want := Machine{
		CPU: "Some CPU @ 2 GHz", MHz: 2100, MaxMHz: 3500, Governor: "performance", Virtual: true, HugePages: "madvise",
		Caches: []Cache{{1, 48 << 10, 1}, {3, 32 << 20, 8}},
		Mitigations: []Mitigation{
			{"retbleed", "Vulnerable", false}, {"spectre_v2", "Mitigation: Retpolines; STIBP: disabled", true},
		},
	}
	if m.Arch == "" || m.Kernel == "" || m.Go == "" || m.Cores < 1 || m.Page < 4096 || m.Memory < 1<<20 {
		t.Errorf("%+v", m)
	}
	want.Arch, want.Kernel, want.Go, want.Cores, want.Page, want.Memory = m.Arch, m.Kernel, m.Go, m.Cores, m.Page, m.Memory
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("- want, + got:\n%s", diff)
	}
	if m.LastCache() != 32<<20 || m.page() != int(m.Page) {
		t.Errorf("last cache %d, page %d", m.LastCache(), m.page())
	}
}

// TestMachineWithoutWords is one whose kernel tells nothing.
func TestMachineWithoutWords(t *testing.T) {
	m := machineAt(t.TempDir())
	if m.CPU != "" || m.Virtual || m.MHz != 0 || len(m.Caches) != 0 || len(m.Mitigations) != 0 || m.HugePages != "" || m.LastCache() != 0 {
		t.Errorf("%+v", m)
	}
}

func TestProcessor(t *testing.T) {
	name, mhz, virtual := parseProcessor("processor\t: 0\nBogoMIPS\t: 243.75\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n")
	if name != "implementer 0x41, part 0xd0c" || mhz != 0 || virtual {
		t.Errorf("%q, %v, %v", name, mhz, virtual)
	}
}

func TestListed(t *testing.T) {
	for text, want := range map[string]int{"0": 1, "0-3": 4, "0-1,4,6-7": 5, "": 0, "x": 0, "3-1": 0, "1-": 0} {
		if got := listed(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	for text, want := range map[string]addr.Bytes{"48K": 48 << 10, "": 0, "x": 0, "-1K": 0} {
		if got := kibibytes(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestCounted(t *testing.T) {
	all, stolen := parseStat("cpu  100 20 30 800 40 5 6 99 50 7\ncpu0 1 2 3\n")
	if all != 100+20+30+800+40+5+6+99 || stolen != 99 {
		t.Errorf("%v ticks, %v stolen", all, stolen)
	}
	for _, text := range []string{"", "cpu 1 2\n", "cpu 1 2 3 4 5 6 7 x\n", "intr 1 2 3 4 5 6 7 8 9\n"} {
		if all, stolen := parseStat(text); all != -1 || stolen != 0 {
			t.Errorf("%q: %v, %v", text, all, stolen)
		}
	}
	if got := parsePressure("some avg10=0.08 avg60=1.68 avg300=2.94 total=4596328833\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"); got != 4596328833*time.Microsecond {
		t.Errorf("waited %v", got)
	}
	for _, text := range []string{"", "some avg10=0\n", "full total=5\n", "some total=x\n"} {
		if got := parsePressure(text); got != -1 {
			t.Errorf("%q: %v", text, got)
		}
	}
	if got := parseAverage("0.56 0.58 0.61 1/93 3448\n"); got != 0.56 {
		t.Errorf("load average %v", got)
	}
	if got := parseAverage(""); got != -1 {
		t.Errorf("load average %v of nothing", got)
	}
}

// TestLoad slows the fixed work down in between, and has the kernel count in a way
// that is known.
func TestLoad(t *testing.T) {
	m := newMachine()
	w := watch(m.clock, m.clock)
	m.reading = 3 // which is all that takes time here
	w.look()
	m.reading = 1
	w.look()
	l := w.finish()
	if len(l.Loop) != 3 || l.Loop[0] != 1 || math.Abs(l.Loop[1]-3) > 1e-9 || l.Loop[2] != 1 || l.LoopNs != 1.0/workSteps {
		t.Errorf("%+v", l)
	}
	steal, waiting := 0.25, 0.5
	for _, tt := range []struct {
		load  Load
		notes int
	}{
		{Load{Loop: []float64{1, 1.04}}, 0},
		{Load{Loop: []float64{1, 1.06}}, 1},
		{Load{Loop: []float64{1}, Steal: &steal}, 1},
		{Load{Loop: []float64{1, 2}, Steal: &steal, Waiting: &waiting}, 3},
	} {
		if got := tt.load.doubts(); len(got) != tt.notes {
			t.Errorf("%+v: %q", tt.load, got)
		}
	}
}

// TestFixedWork takes as long as its steps do on the real clock: not no time, and
// not the time of a memory access each.
func TestFixedWork(t *testing.T) {
	if ns := fixedWork(Monotonic()); ns < 0.1 || ns > 1000 {
		t.Errorf("%v ns a step", ns)
	}
	if got := chain(0, 2); got != 1876011003808476466 {
		t.Errorf("two steps from 0: %d", got)
	}
}
