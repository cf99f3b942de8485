package timing

import "memprobe/layout/addr"

// Machine is what a measurement ran on. What the kernel does not tell is left empty.
type Machine struct {
	Arch        string       `json:"arch"`          // as Go names it: amd64, arm64
	CPU         string       `json:"cpu,omitempty"` // as its maker names it
	Cores       int          `json:"cores"`         // how many Go code may run on at once
	Virtual     bool         `json:"virtual"`       // it says that it runs under a hypervisor
	Kernel      string       `json:"kernel"`        // Linux's release
	Go          string       `json:"go"`            // the version that memprobe was built with
	Page        addr.Bytes   `json:"page_size"`     //
	HugePages   string       `json:"huge_pages"`    // when the kernel uses them for anonymous memory: always, madvise, never
	Memory      addr.Bytes   `json:"memory"`        // all of the machine's
	Caches      []Cache      `json:"caches"`        // of the first core, the nearest first; instruction caches left out
	MHz         float64      `json:"mhz,omitempty"` // the clock rate of the first core when the measurement began
	MaxMHz      float64      `json:"max_mhz,omitempty"`
	Governor    string       `json:"governor,omitempty"`
	Mitigations []Mitigation `json:"mitigations"` // of weaknesses that the kernel works around, or says are open
}

// Cache is one level of the caches for data.
type Cache struct {
	Level  int        `json:"level"`
	Size   addr.Bytes `json:"size"`
	Shared int        `json:"shared"` // by how many cores that the machine has
}

// Mitigation is what the kernel does about a weakness of the processor.
type Mitigation struct {
	Name   string `json:"name"`   // as in /sys/devices/system/cpu/vulnerabilities
	Text   string `json:"text"`   // what that file says
	Active bool   `json:"active"` // there is a mitigation, which may cost time; else the machine is vulnerable
}

// LastCache is the size of the cache farthest from the core; 0 where it is not known.
func (m Machine) LastCache() addr.Bytes {
	if len(m.Caches) == 0 {
		return 0
	}
	return m.Caches[len(m.Caches)-1].Size
}

// Load is what else the machine did meanwhile.
type Load struct {
	// Loop is how long a step of the same fixed work took before the first study, after
	// each, and so at the end: 1 everywhere on a quiet machine of constant clock rate,
	// as a ratio to the fastest.
	Loop []float64 `json:"loop"`
	// LoopNs is the time of such a step when it was fastest, a chain of one multiplication
	// and one addition.
	LoopNs float64 `json:"loop_ns"`
	// Steal is the share of all cores' time that a hypervisor gave to others, Waiting
	// the share of the time in which some task waited for a core, ours or another's;
	// both from 0 to 1, nil where the kernel does not tell.
	Steal   *float64 `json:"steal"`
	Waiting *float64 `json:"waiting"`
	// Average is the load average of the last minute, at the start and at the end.
	Average [2]float64 `json:"average"`
}
