package probe

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
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
	Source string // the program as the reader knows it, in Rust; $name is a number of that name
	Run    func(*Machine)

	Numbers []Number   // that the program computes with
	View    View       // how its heap is best drawn
	Heap    addr.Bytes // the heap's size, in whole pages; 0: that of a region by default
}

// Options says how to run a scenario. The zero value runs it to its end in
// memory where the kernel likes.
type Options struct {
	Base addr.Addr // where the reservation starts; 0: the kernel chooses
	Seed *uint64   // which numbers the program gets; nil: the lesson's own

	// Last says that the process ends soon after the run. Then the memory is left
	// to its end, where the kernel takes it back for less: while a process has
	// threads, each mapping that it gives up interrupts the processors that run them.
	Last bool

	// Pause, where it is not nil, is called once, after step PauseAt (0: the
	// last one), while the memory stays in place. Then that step is taken
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
	if opts.Pause != nil && opts.PauseAt == 0 {
		whole, err := Run(s, Options{Base: opts.Base, Seed: opts.Seed}) // to know which step is the last one
		if err != nil {
			return whole, err
		}
		opts.PauseAt = whole.Steps[len(whole.Steps)-1].N
	}
	runtime.LockOSThread() // the kernel counts page faults for each thread
	defer runtime.UnlockOSThread()

	region, err := mmapheap.Reserve(mmapheap.Config{Base: opts.Base, Heap: s.Heap})
	if err != nil {
		return nil, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	if !opts.Last {
		defer func() { err = errors.Join(err, region.Release()) }()
	}

	m := newMachine(s, region, opts)
	m.kernel.start()
	err = errors.Join(m.run(s), m.release(), m.kernel.stop())
	return &m.trace, err
}

// run plays the scenario's program and catches the abort that ends a program
// which can't go on.
func (m *Machine) run(s *Scenario) (err error) {
	defer func() {
		switch a := recover().(type) {
		case nil:
		case stopped:
			err = a.err
		case abort:
			m.lastWords(a.err)
			err = fmt.Errorf("scenario %s, after step %d: %w", s.Name, m.taken, a.err)
		default:
			panic(a)
		}
	}()
	s.Run(m)
	m.must(m.readMaps(), "read its mappings")
	if m.opts.Pause != nil && !m.paused {
		return &StepError{s.Name, m.opts.PauseAt, m.taken}
	}
	return nil
}

// lastWords takes a last step where a fault ended the program, so that the trace
// has it.
func (m *Machine) lastWords(err error) {
	if n := len(m.events); n > 0 && m.events[n-1].Kind == EventFault && len(m.trace.Steps) > 0 {
		before := m.trace.Steps[len(m.trace.Steps)-1]
		m.snapshot(Step{N: m.taken + 1, Title: "the program ends here", Text: err.Error(), Line: before.Line})
	}
}

func newMachine(s *Scenario, region *mmapheap.Region, opts Options) *Machine {
	bounds, first := region.Range(), firstThread(region)
	m := &Machine{
		region:  region,
		heap:    mmapheap.Share(region.Heap()),
		thread:  first,
		threads: []*thread{first},
		opts:    opts,
		trace: Trace{
			Schema:   Schema,
			Scenario: s.Name,
			Title:    s.Title,
			Lesson:   s.Lesson,
			PID:      os.Getpid(),
			Arch:     runtime.GOARCH,
			PageSize: addr.Bytes(os.Getpagesize()),
			View:     s.View,
			Seed:     opts.Seed,
			Memory:   Memory{Base: bounds.Lo, End: bounds.Hi, Stack: region.Stack().Range(), Heap: region.Heap().Range()},
		},
	}
	m.draw(s.Numbers)
	m.trace.Source = strings.Split(strings.TrimSuffix(m.withNumbers(s.Source), "\n"), "\n")
	return m
}

// readMaps notes the kernel's lines for the region.
func (m *Machine) readMaps() error {
	mappings, err := layout.Read(0)
	if err != nil {
		return err
	}
	m.trace.Memory.Maps = nil
	for _, mapping := range mappings {
		ours := func(r *mmapheap.Region) bool { return mapping.Overlaps(r.Range()) }
		if slices.ContainsFunc(m.memory(), ours) { // one mapping may hold the guards of two regions
			m.trace.Memory.Maps = append(m.trace.Memory.Maps, mapping.String())
		}
	}
	return nil
}
