package lesson

import (
	"fmt"

	"memprobe/layout/addr"
	"memprobe/probe"
)

// plural counts things: 1 block, 2 blocks.
func plural[N ~int | ~uint64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// whereTo says whether a block that was at before and is now at after has moved.
func whereTo(before, after addr.Addr) string {
	if before == after {
		return "the address stays " + after.String()
	}
	return fmt.Sprintf("the address changes from %v to %v", before, after)
}

// askWhether asks whether a buffer's address changes when it grows.
func askWhether(m *probe.Machine, question, why string, before, after addr.Addr) {
	yes, no := "Yes, the whole buffer moves", "No, its block grows where it is"
	answer := yes
	if before == after {
		answer = no
	}
	m.Ask(question, why, answer, yes, no, "No, what is new gets a block of its own")
}
