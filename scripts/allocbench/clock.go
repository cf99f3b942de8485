package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// processor is the processor time of this process so far, with all its threads:
// what other programs take of the machine is not in it, and what Go's collector
// does beside the program is. The C replayer has the same clock.
func processor() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		panic(err) // Linux has had this clock since 2.6.12
	}
	return time.Duration(t.Nano())
}
