// Package lesson holds the scenarios: the programs of the two lessons, a file
// each. Every one reads like the little Rust program that it shows.
package lesson

import (
	"slices"

	"memprobe/probe"
)

// Group is a part of the course.
type Group struct {
	Title     string
	Scenarios []*probe.Scenario
}

// Groups are the scenarios in the order in which a course would show them.
var Groups = []Group{
	{"The stack", []*probe.Scenario{
		Layout,
		Lifo,
		Frames,
		Call,
		Nested,
		Isolation,
		StackTypes,
		Copy,
		ReturnPointer,
		Overflow,
	}},
	{"The heap", []*probe.Scenario{
		String,
		StringGrow,
		VecGrow,
		Box,
		HeapTypes,
		Move,
		Alloc,
		Free,
		Parking,
		Fragmentation,
		FirstTouch,
		Lifetimes,
		Threads,
	}},
	{"What goes wrong", []*probe.Scenario{
		Leak,
		DoubleFree,
		UseAfterFree,
		Dangling,
		HeapOverflow,
		Uninitialised,
	}},
}

// All are the scenarios of all groups.
var All = all()

func all() []*probe.Scenario {
	var scenarios [][]*probe.Scenario
	for _, g := range Groups {
		scenarios = append(scenarios, g.Scenarios)
	}
	return slices.Concat(scenarios...)
}

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
