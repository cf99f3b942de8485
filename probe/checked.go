package probe

import (
	"memprobe/layout/addr"
	"memprobe/probe/netted"
)

// OnCheckedHeap runs main, which is the scenario's program once more, on a checked
// heap of its own, and adds to the next step where and why that stops it.
func (m *Machine) OnCheckedHeap(main func(*netted.Program)) {
	var stop *netted.Stop
	m.must(m.atSpareBase(func(base addr.Addr) (err error) {
		stop, err = netted.Stopped(base, m.trace.Scenario+".rs", main)
		return err
	}), "look at it with nets")
	m.next.Stopped = &Stopped{Line: stop.Line, Class: string(stop.Class), Heap: stop.Heap, Stack: stop.Stack}
	for _, line := range stop.Report {
		m.next.Stopped.Report = append(m.next.Stopped.Report, ReportLine(line))
	}
}
