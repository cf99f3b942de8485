package timing

import "time"

// Monotonic is a clock that starts at 0 and never goes back.
func Monotonic() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}

// readings is how often a clock is read to learn its step and its cost.
const readings = 1000

// examine learns what the clock can tell apart by reading it over and over.
func examine(now func() time.Duration) Clock {
	var c Clock
	first := now()
	last := first
	for range readings {
		t := now()
		if d := t - last; d > 0 && (c.Step == 0 || d < c.Step) {
			c.Step = d
		}
		last = t
	}
	c.Cost = (last - first) / readings
	return c
}

// Coarse reports whether the clock may be off by more than a hundredth of d: by a
// step at each end, and by the time of a reading.
func (c Clock) Coarse(d time.Duration) bool { return c.Step == 0 || 2*c.Step+c.Cost > d/100 }
