package timing

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// watcher looks at what else the machine does: by a piece of work that is always the
// same, timed now and then, and by what the kernel counts.
type watcher struct {
	now   func() time.Duration // on the wall
	work  func() time.Duration // of processor time
	begun time.Duration
	loops []float64 // nanoseconds a step
	start counted
}

// counted is what the kernel counts of the whole machine; negative where it does not
// tell.
type counted struct {
	all, stolen float64 // of all cores' time, in ticks
	waiting     time.Duration
	average     float64
}

func watch(now, work func() time.Duration) *watcher {
	w := &watcher{now: now, work: work, begun: now(), start: count()}
	w.look()
	return w
}

// look times the fixed work once more.
func (w *watcher) look() { w.loops = append(w.loops, fixedWork(w.work)) }

// finish is the load since watch.
func (w *watcher) finish() Load {
	end := count()
	l := Load{Average: [2]float64{max(0, w.start.average), max(0, end.average)}}
	for _, ns := range w.loops {
		if l.LoopNs == 0 || ns > 0 && ns < l.LoopNs {
			l.LoopNs = ns
		}
	}
	for _, ns := range w.loops {
		ratio := 1.0
		if l.LoopNs > 0 {
			ratio = ns / l.LoopNs
		}
		l.Loop = append(l.Loop, ratio)
	}
	if ticks := end.all - w.start.all; w.start.all >= 0 && ticks > 0 {
		steal := max(0, end.stolen-w.start.stolen) / ticks
		l.Steal = &steal
	}
	if took := w.now() - w.begun; w.start.waiting >= 0 && end.waiting >= 0 && took > 0 {
		waiting := min(1, float64(max(0, end.waiting-w.start.waiting))/float64(took))
		l.Waiting = &waiting
	}
	return l
}

// What of a load goes without a warning: a slower loop by this much, and these
// shares of steal and of waiting.
const (
	quietLoop    = 1.05
	quietSteal   = 0.01
	quietWaiting = 0.10
)

// doubts are the notes that a load is worth.
func (l Load) doubts() []string {
	var notes []string
	slowest := 1.0
	for _, x := range l.Loop {
		slowest = max(slowest, x)
	}
	if slowest > quietLoop {
		notes = append(notes, fmt.Sprintf("the same fixed work took up to %.2f times as long at one moment as at another: the clock rate changed, or others used the machine", slowest))
	}
	if l.Steal != nil && *l.Steal > quietSteal {
		notes = append(notes, fmt.Sprintf("the hypervisor gave %.0f %% of the cores' time to others", 100**l.Steal))
	}
	if l.Waiting != nil && *l.Waiting > quietWaiting {
		notes = append(notes, fmt.Sprintf("for %.0f %% of the time some task waited for a core: the machine was busy", 100**l.Waiting))
	}
	return notes
}

// The fixed work: passes of steps each, of which the median counts.
const (
	workPasses = 9
	workSteps  = 20_000
)

// fixedWork is how many nanoseconds a step of it takes now. Each step waits for the
// one before and touches no memory, so it takes as many cycles on any day.
func fixedWork(now func() time.Duration) float64 {
	var took []float64
	for range workPasses {
		start := now()
		worked = chain(worked, workSteps)
		took = append(took, float64(now()-start)/workSteps)
	}
	median, _ := medianCI(took)
	return median
}

// worked keeps what chain computed, so that it is computed.
var worked uint64 = 1

//go:noinline
func chain(x uint64, steps int) uint64 {
	for range steps {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

// count reads what the kernel counts.
func count() counted {
	c := counted{all: -1, waiting: -1, average: -1}
	if text, err := os.ReadFile("/proc/stat"); err == nil {
		c.all, c.stolen = parseStat(string(text))
	}
	if text, err := os.ReadFile("/proc/pressure/cpu"); err == nil {
		c.waiting = parsePressure(string(text))
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		c.average = parseAverage(string(text))
	}
	return c
}

// parseStat finds the ticks of all cores in /proc/stat, and the stolen ones; -1 and 0
// where they are not there. What guests took is in user time already.
func parseStat(text string) (all, stolen float64) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return -1, 0
	}
	for i, field := range fields[1:9] {
		ticks, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return -1, 0
		}
		all += float64(ticks)
		if i == 7 {
			stolen = float64(ticks)
		}
	}
	return all, stolen
}

// parsePressure finds how long some task has waited for a core, in /proc/pressure/cpu;
// -1 where that is not there.
func parsePressure(text string) time.Duration {
	line, _, _ := strings.Cut(text, "\n")
	_, total, found := strings.Cut(line, "total=")
	us, err := strconv.ParseInt(total, 10, 64)
	if !found || err != nil || !strings.HasPrefix(line, "some ") {
		return -1
	}
	return time.Duration(us) * time.Microsecond
}

// parseAverage finds the load average of the last minute in /proc/loadavg; -1 where
// that is not there.
func parseAverage(text string) float64 {
	first, _, _ := strings.Cut(text, " ")
	average, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return -1
	}
	return average
}
