// Package lesson holds the scenarios: the programs of the two lessons, a file
// each. Every one reads like the little Rust program that it shows.
package lesson

import "memprobe/probe"

// All are the scenarios in the order in which a course would show them.
var All = []*probe.Scenario{Frames, String, Box}

// Find is the scenario of that name.
func Find(name string) (*probe.Scenario, bool) {
	for _, s := range All {
		if s.Name == name {
			return s, true
		}
	}
	return nil, false
}

// The lessons that the scenarios come from.
const (
	stackVsHeap = `"Stack vs Heap"`
	ownership2  = `"Rust Ownership 2: Understanding Stack and Heap Memory"`
)
