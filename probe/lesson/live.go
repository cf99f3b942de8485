package lesson

import (
	"memprobe/layout/addr"
	"memprobe/probe"
)

// Live runs String up to the step where its text is on the heap, and calls look
// while that memory is in place: for whoever wants to show an address space in
// which there is something to see. base is as in [probe.Options].
func Live(base addr.Addr, look func(*probe.Machine) error) error {
	_, err := probe.Run(String, probe.Options{Base: base, Pause: look, PauseAt: 2})
	return err
}
