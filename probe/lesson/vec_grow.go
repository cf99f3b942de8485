package lesson

import (
	"fmt"
	"strings"

	"memprobe/probe"
	"memprobe/probe/rust"
)

// VecGrow pushes nine numbers to a Vec: its capacity goes from 0 to 4, 8 and 16.
var VecGrow = &probe.Scenario{
	Name:   "vec-grow",
	Title:  "Nine pushes: a Vec doubles its room when it is full",
	Lesson: stackVsHeap + ", on Vec",
	Source: `fn main() {
    let mut v: Vec<i32> = Vec::new();
    v.push(1);
    v.push(2); v.push(3); v.push(4);
    v.push(5);
    v.push(6); v.push(7); v.push(8);
    let b = Box::new(0);
    v.push(9);
}
`,
	Run: runVecGrow,
}

func runVecGrow(m *probe.Machine) {
	v, b := probe.Let("v", rust.Vec(rust.I32)), probe.Let("b", rust.Box(rust.I32))
	m.Call("main", v, b)
	m.VecNew(v)
	capacities := []string{fmt.Sprint(m.Capacity(v))}
	m.Step(2, "an empty Vec has no block",
		fmt.Sprintf("Vec::new asks the heap for nothing: cap and len are 0. ptr is %v, which is no block's address, and nobody follows it.",
			m.Block(v).Addr))

	push := func(values ...int) {
		for _, n := range values {
			m.VecPush(v, n)
			if now := fmt.Sprint(m.Capacity(v)); now != capacities[len(capacities)-1] {
				capacities = append(capacities, now)
			}
		}
	}

	push(1)
	first := m.Block(v)
	m.Step(3, "the first push gets a block",
		fmt.Sprintf("A Vec of i32 starts with room for %d: %d bytes, since each has 4. One place is in use, the others wait.",
			m.Capacity(v), first.Requested))

	push(2, 3, 4)
	m.Step(4, "three pushes need no heap",
		fmt.Sprintf("Each number goes into the next place, and len counts them: %d of %d. The heap was not asked. Now v is full, and a full Vec asks for twice its room.", m.Len(v), m.Capacity(v)))

	push(5)
	grown, capacity := m.Block(v), m.Capacity(v)
	m.Ask("v has four elements and room for four. What is its capacity after v.push(5)?",
		"A full Vec doubles its capacity, so that the pushes to come need not ask the heap each time.",
		fmt.Sprint(capacity), "5", "6", "8")
	m.Step(5, "the capacity doubles",
		fmt.Sprintf("The fifth number does not fit, so v asks for room for %d. Behind its block nothing is in use: it grows there, and %s.",
			capacity, whereTo(first.Addr, grown.Addr)))

	push(6, 7, 8)
	m.BoxNew(b, 0)
	m.Step(7, "v is full again, and b is right behind",
		fmt.Sprintf("v has %d of %d places in use. b's block begins at %v, where v's ends.", m.Len(v), m.Capacity(v), m.Block(b).Addr))

	used := m.Len(v) * rust.I32.Size()
	push(9)
	moved := m.Block(v)
	askWhether(m, "v is full, and b's block is right behind its own. Does the address of v's elements change with the ninth push?",
		"b's block can't be pushed aside: its address is in b. So v's elements move to a larger block.",
		grown.Addr, moved.Addr)
	m.Step(8, "the elements move",
		fmt.Sprintf("b is in the way. The heap finds %d bytes at %v, copies the %d that are in use, and frees the block at %v.",
			moved.Requested, moved.Addr, used, grown.Addr),
		probe.Note{
			Lesson: "the heap part can grow or shrink at runtime",
			Here:   "capacities of " + strings.Join(capacities, ", ") + ": it only grew",
			Why:    "A Vec gives room back only when asked to: v.shrink_to_fit() does it.",
		})

	m.DropLocals()
	m.Step(9, "the last one declared goes first",
		fmt.Sprintf("At the closing brace b is dropped, then v. Each frees its block, and free neighbours become one: the heap has %s again.",
			plural(m.HeapStats().FreeBlocks, "free block")))
	m.Return()
}
