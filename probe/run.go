package probe

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

// Scenario is one of the lessons' programs.
type Scenario struct {
	Name   string // what the command line calls it
	Title  string // a line that says what it shows
	Lesson string // which lesson it comes from, and where
	Source string // the program as the reader knows it, in Rust
	Run    func(*Machine)
}

// Options says how to run a scenario. The zero value runs it to its end in
// memory where the kernel likes.
type Options struct {
	Base addr.Addr // where the reservation starts; 0: the kernel chooses

	// Pause, where it is not nil, is called once, after step PauseAt (0: the
	// last step), while the memory stays in place. Then that step is taken
	// again, and the program goes on with the memory as it then is. An error
	// ends the run.
	Pause   func(*Machine) error
	PauseAt int
}

// StepError says that a scenario has no step of the number asked for.
type StepError struct {
	Scenario    string
	Step, Steps int // the number asked for, and how many there are
}

func (e *StepError) Error() string {
	return fmt.Sprintf("scenario %s has steps 1 to %d, not %d", e.Scenario, e.Steps, e.Step)
}

// Run runs the scenario on memory of its own and gives that back at the end. The
// trace holds the steps that were taken, also where an error ended the run.
func Run(s *Scenario, opts Options) (trace *Trace, err error) {
	runtime.LockOSThread() // the kernel counts page faults for each thread
	defer runtime.UnlockOSThread()

	region, err := mmapheap.Reserve(mmapheap.Config{Base: opts.Base})
	if err != nil {
		return nil, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	defer func() { err = errors.Join(err, region.Release()) }()

	m := newMachine(s, region, opts)
	err = m.run(s)
	return &m.trace, err
}

// run plays the scenario's program and catches the abort that ends a program
// which can't go on.
func (m *Machine) run(s *Scenario) (err error) {
	defer func() {
		switch a := recover().(type) {
		case nil:
		case abort:
			err = fmt.Errorf("scenario %s, after step %d: %w", s.Name, m.taken, a.err)
		default:
			panic(a)
		}
	}()
	s.Run(m)
	m.must(m.readMaps(), "read its mappings")
	if m.opts.Pause == nil || m.paused {
		return nil
	}
	if m.opts.PauseAt != 0 {
		return &StepError{s.Name, m.opts.PauseAt, m.taken}
	}
	m.pause()
	return nil
}

func newMachine(s *Scenario, region *mmapheap.Region, opts Options) *Machine {
	bounds := region.Range()
	return &Machine{
		region: region,
		heap:   region.Heap(),
		stack:  region.Stack(),
		opts:   opts,
		trace: Trace{
			Schema:   Schema,
			Scenario: s.Name,
			Title:    s.Title,
			Lesson:   s.Lesson,
			PID:      os.Getpid(),
			Arch:     runtime.GOARCH,
			PageSize: addr.Bytes(os.Getpagesize()),
			Memory:   Memory{Base: bounds.Lo, End: bounds.Hi, Stack: region.Stack().Range(), Heap: region.Heap().Range()},
			Source:   strings.Split(strings.TrimSuffix(s.Source, "\n"), "\n"),
		},
	}
}

// readMaps notes the kernel's lines for the region.
func (m *Machine) readMaps() error {
	mappings, err := layout.Read(0)
	if err != nil {
		return err
	}
	m.trace.Memory.Maps = nil
	for _, mapping := range mappings {
		if mapping.Overlaps(m.region.Range()) {
			m.trace.Memory.Maps = append(m.trace.Memory.Maps, mapping.String())
		}
	}
	return nil
}
