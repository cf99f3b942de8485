package timing

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// Here is the machine that this runs on.
func Here() Machine { return machineAt("/") }

// machineAt reads what the kernel says of the machine below a root.
func machineAt(root string) Machine {
	m := Machine{
		Arch: runtime.GOARCH, Cores: runtime.GOMAXPROCS(0), Go: runtime.Version(), Page: addr.Bytes(os.Getpagesize()),
		Caches: []Cache{}, Mitigations: []Mitigation{},
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil { // which only a bad address makes fail
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil { // likewise
		m.Memory = addr.Bytes(info.Totalram) * addr.Bytes(info.Unit)
	}
	f := files(root)
	m.CPU, m.MHz, m.Virtual = parseProcessor(f.line("proc/cpuinfo"))
	m.HugePages = chosen(f.line("sys/kernel/mm/transparent_hugepage/enabled"))
	m.Governor = f.line("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
	m.MaxMHz = kilo(f.line("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"))
	if now := kilo(f.line("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")); now > 0 {
		m.MHz = now
	}
	m.Caches = append(m.Caches, f.caches()...)
	m.Mitigations = append(m.Mitigations, f.mitigations()...)
	return m
}

// files are the kernel's, below a root.
type files string

// line is what a small file holds, without blanks around it; empty if it can't be
// read.
func (f files) line(name string) string {
	text, err := os.ReadFile(filepath.Join(string(f), name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// names are those of a directory, sorted; none if it can't be read.
func (f files) names(dir string) []string {
	entries, _ := os.ReadDir(filepath.Join(string(f), dir))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// caches are those of the first core that hold data, the nearest first.
func (f files) caches() []Cache {
	const dir = "sys/devices/system/cpu/cpu0/cache"
	var all []Cache
	for _, name := range f.names(dir) {
		at := filepath.Join(dir, name)
		if kind := f.line(at + "/type"); kind != "Data" && kind != "Unified" {
			continue
		}
		level, err := strconv.Atoi(f.line(at + "/level"))
		size := kibibytes(f.line(at + "/size"))
		if err != nil || size == 0 {
			continue
		}
		all = append(all, Cache{level, size, max(1, listed(f.line(at+"/shared_cpu_list")))})
	}
	slices.SortStableFunc(all, func(a, b Cache) int { return a.Level - b.Level })
	return all
}

// mitigations are those that the kernel has a word on, but for what the processor is
// not affected by.
func (f files) mitigations() []Mitigation {
	const dir = "sys/devices/system/cpu/vulnerabilities"
	var all []Mitigation
	for _, name := range f.names(dir) {
		text := f.line(filepath.Join(dir, name))
		if text == "" || strings.HasPrefix(text, "Not affected") {
			continue
		}
		all = append(all, Mitigation{name, text, strings.HasPrefix(text, "Mitigation")})
	}
	return all
}

// parseProcessor finds the first processor's name and clock rate in /proc/cpuinfo, and
// whether it runs under a hypervisor. arm64 has no name there, but numbers.
func parseProcessor(text string) (name string, mhz float64, virtual bool) {
	var implementer, part string
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "model name":
			name = value
		case "CPU implementer":
			implementer = value
		case "CPU part":
			part = value
		case "cpu MHz":
			mhz, _ = strconv.ParseFloat(value, 64)
		case "flags":
			virtual = slices.Contains(strings.Fields(value), "hypervisor")
		}
		if strings.TrimSpace(line) == "" { // the first processor ends
			break
		}
	}
	if name == "" && implementer != "" {
		name = "implementer " + implementer + ", part " + part
	}
	return name, mhz, virtual
}

// chosen is the word in brackets.
func chosen(text string) string {
	_, rest, _ := strings.Cut(text, "[")
	word, _, found := strings.Cut(rest, "]")
	if !found {
		return ""
	}
	return word
}

// kilo is a rate in kHz, in MHz; 0 if it is none.
func kilo(text string) float64 {
	khz, err := strconv.ParseFloat(text, 64)
	if err != nil || khz <= 0 {
		return 0
	}
	return khz / 1000
}

// kibibytes is a size as the kernel writes that of a cache, "48K"; 0 if it is none.
func kibibytes(text string) addr.Bytes {
	n, err := strconv.ParseUint(strings.TrimSuffix(text, "K"), 10, 40)
	if err != nil {
		return 0
	}
	return addr.Bytes(n) << 10
}

// listed is how many numbers a list of the kernel's has, "0-3,8".
func listed(text string) int {
	n := 0
	for span := range strings.SplitSeq(text, ",") {
		low, high, isSpan := strings.Cut(span, "-")
		first, err := strconv.Atoi(low)
		if err != nil {
			continue
		}
		last := first
		if isSpan {
			if last, err = strconv.Atoi(high); err != nil || last < first {
				continue
			}
		}
		n += last - first + 1
	}
	return n
}
