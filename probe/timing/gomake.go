package timing

import (
	"runtime/debug"

	"memprobe/layout/addr"
)

// collected is how many bytes a batch of make's makes at least. Go collects when its
// heap has doubled, and at 4 MiB at the earliest, so this is some collections.
const collected addr.Bytes = 12 << 20

// makeNotes are what a reader of make's figures must know.
var makeNotes = []string{
	"it also zeroes the bytes; the others hand out what was there",
	"the time has the work of the collector in it, on all cores, which is told beside it as well; how often it runs is up to GOGC",
}

// makeContender makes slices of size bytes. A batch begins with the garbage that the
// one before has left, as any loop goes on that makes slices all day.
func makeContender(size addr.Bytes) Contender {
	l := &makes{size: int(size)}
	return Contender{
		What: "make", About: "Go's make([]byte, n), whose bytes its collector takes back",
		Notes: makeNotes,
		Do:    thenCollected(l.run),
		Least: int(collected / max(size, granule)),
	}
}

// makes makes slices and drops the one before.
type makes struct {
	size  int
	bytes []byte // what was made last
}

func (l *makes) run(n int) error {
	for range n {
		l.bytes = make([]byte, l.size)
	}
	return nil
}

// thenCollected has a batch of run wait for the collection that is running at its end, if
// one is: it is part of what the batch costs, and runs into no other contender's. Nobody
// else makes garbage, so there is none before make's next batch. It is not for several
// goroutines at once, which would leave collections off.
func thenCollected(run func(n int) error) func(n int) error {
	return func(n int) error {
		err := run(n)
		percent := debug.SetGCPercent(-1) // which returns when none is running
		debug.SetGCPercent(percent)
		return err
	}
}
