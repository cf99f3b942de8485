package timing

import (
	"time"

	"golang.org/x/sys/unix"
)

// Processor is a clock of the processor time of this process, all of its threads added
// up: it stands still while the kernel has other programs run, so that a busy machine
// does not pass for slow work, and it goes on while Go's collector works on another
// core. It can't tell how long several threads take that work at once.
func Processor() func() time.Duration {
	return func() time.Duration {
		var t unix.Timespec
		if unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t) != nil {
			return 0 // only a bad clock or address is refused
		}
		return time.Duration(t.Nano())
	}
}
