package timing

import (
	"runtime/metrics"
	"time"

	"golang.org/x/sys/unix"
)

// Counting reads the counts of the process, and of the thread that calls it.
func Counting() func() Counts {
	samples := []metrics.Sample{
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/cpu/classes/gc/total:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
	}
	return func() Counts {
		metrics.Read(samples)
		c := Counts{Faults: minorFaults()}
		if samples[0].Value.Kind() == metrics.KindUint64 {
			c.Collections = samples[0].Value.Uint64()
		}
		if samples[1].Value.Kind() == metrics.KindFloat64 && samples[2].Value.Kind() == metrics.KindFloat64 {
			busy := samples[1].Value.Float64() - samples[2].Value.Float64() // idle cores are nobody's cost
			c.Collecting = time.Duration(busy * 1e9)
		}
		return c
	}
}

// minorFaults is the number of page faults of this thread that needed no disk.
func minorFaults() int64 {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &usage); err != nil {
		return 0 // only an invalid argument is refused, and this one is not
	}
	return usage.Minflt
}
