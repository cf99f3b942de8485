package claims

import (
	"context"
	"errors"
	"fmt"

	"memprobe/layout"
	"memprobe/mmapheap"
	"memprobe/probe"
	"memprobe/probe/lesson"
	"memprobe/probe/timing"
)

// Lab finds evidence. What several claims need it looks for once, and what none needs
// never.
type Lab struct {
	// Times is what the claims about speed need timed.
	Times func(context.Context) (*timing.Result, error)
	Shell string // that starts other programs
	// Progress is told of each claim before its evidence is gathered, and of each thing
	// that takes long. May be nil.
	Progress func(what string)

	ctx      context.Context
	stories  map[string]once[*probe.Trace]
	times    *once[*timing.Result]
	maps     *once[[]layout.Mapping]
	children map[string]once[string]
	region   *once[*mmapheap.Region]
}

// once is what came of looking for something.
type once[T any] struct {
	found T
	err   error
}

// NewLab is a lab that has found nothing yet; it gives up what takes long when ctx is
// done. Close gives back what it has taken.
func NewLab(ctx context.Context) *Lab {
	return &Lab{Times: times, Shell: "/bin/sh", ctx: ctx, stories: map[string]once[*probe.Trace]{}, children: map[string]once[string]{}}
}

// Close gives the lab's memory back.
func (l *Lab) Close() error {
	if l.region == nil || l.region.err != nil {
		return nil
	}
	return l.region.found.Release()
}

// gather is c's evidence, or why it is not to be had.
func (l *Lab) gather(c *Claim) (e Evidence, err error) {
	defer func() {
		switch why := recover().(type) {
		case nil:
		case lost:
			err = errors.New(why.reason)
		default:
			panic(why)
		}
	}()
	if err := l.ctx.Err(); err != nil {
		return nil, fmt.Errorf("stopped: %w", err)
	}
	return c.Gather(l), nil
}

func (l *Lab) tell(what string) {
	if l.Progress != nil {
		l.Progress(what)
	}
}

// run is a run of a scenario with the lesson's numbers.
func (l *Lab) run(name string) story {
	r, known := l.stories[name]
	if !known {
		s, ok := lesson.Find(name)
		if !ok {
			lose("there is no scenario %s", name)
		}
		l.tell("running scenario " + name)
		r.found, r.err = probe.Run(s, probe.Options{})
		l.stories[name] = r
	}
	if r.err != nil {
		lose("%v", r.err)
	}
	return story{r.found}
}

// everyStory is a run of each scenario.
func (l *Lab) everyStory() []story {
	var all []story
	for _, s := range lesson.All {
		all = append(all, l.run(s.Name))
	}
	return all
}

// found is what look finds, kept in place for the next time.
func found[T any](place **once[T], look func() (T, error)) T {
	if *place == nil {
		v, err := look()
		*place = &once[T]{v, err}
	}
	if err := (*place).err; err != nil {
		lose("%v", err)
	}
	return (*place).found
}

// mappings are this process's.
func (l *Lab) mappings() []layout.Mapping {
	return found(&l.maps, func() ([]layout.Mapping, error) { return layout.Read(0) })
}

// timed is what was timed.
func (l *Lab) timed() *timing.Result {
	return found(&l.times, func() (*timing.Result, error) {
		l.tell("timing, 5 seconds at most")
		return l.Times(l.ctx)
	})
}

// memory is a region of the lab's own.
func (l *Lab) memory() *mmapheap.Region {
	return found(&l.region, func() (*mmapheap.Region, error) { return mmapheap.Reserve(mmapheap.Config{}) })
}
