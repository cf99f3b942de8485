package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"memprobe/scripts/ask"
)

// target is a byte of a scenario that may become another one: the lowest of a number, or
// the first of a block. A pointer, a length or a capacity would stop the program.
type target struct {
	n    int    // after which step
	what string // such as main.x
	at   func(step) item
}

// targets are the first live number and the first used block of a scenario; what is
// left of a popped number, or the bytes of any variable, where there is neither.
func targets(t trace) (all []target) {
	number := func(frames func(step) []frame, want func(variable) bool) bool {
		for i, s := range t.Steps {
			for j, f := range frames(s) {
				for k, v := range f.Vars {
					if want(v) {
						at := func(s step) item { v := frames(s)[j].Vars[k]; return item{v.Name, v.Addr, v.Bytes} }
						all = append(all, target{i + 1, f.Name + "." + v.Name, at})
						return true
					}
				}
			}
		}
		return false
	}
	running := func(s step) []frame { return s.Frames }
	popped := func(s step) []frame { return s.Popped }
	integer := func(v variable) bool { return v.isInteger() }
	if !number(running, func(v variable) bool { return v.State == "live" && v.isInteger() }) {
		_ = number(popped, integer) || number(running, integer)
	}
	for i, s := range t.Steps {
		for j, b := range s.Heap.Blocks {
			if b.State == "used" && b.Requested > 0 && (b.Touched == nil || b.Touched[0]) {
				at := func(s step) item { b := s.Heap.Blocks[j]; return item{"block", b.Addr, b.Bytes} }
				return append(all, target{i + 1, "a block of " + b.Owner, at})
			}
		}
	}
	return all
}

// flip is the change of the target's lowest bit.
func (t target) flip(s step) change { x := t.at(s); return change{x.at, x.bytes[0] ^ 1} }

// poked: the step taken again is what it was but for the byte that was changed, and
// the program goes on to its end, or to where it says in a line why it can't.
func (c *checker) poked(h *heldStep, w change) (summary string, err error) {
	after, message, status, err := h.resume()
	if err != nil {
		return "", err
	}
	said := strings.Count(message, "\n") == 1 && strings.HasPrefix(message, "memprobe: scenario "+h.trace.Scenario)
	c.that(status == 0 && message == "" || status == 1 && said, "exit %d, stderr %q", status, message)
	t, err := oneLine(after)
	if err != nil {
		return "", fmt.Errorf("%w (exit %d, stderr %q)", err, status, message)
	}
	if len(t.Steps) <= h.n || !t.Steps[h.n].Again {
		return "", fmt.Errorf("no step %d again after the hold", h.n)
	}
	again := t.Steps[h.n]
	before, now := h.step.memory(), again.memory()
	c.that(len(before) == len(now), "the step shows %d things, again %d", len(before), len(now))
	changed := 0
	for i := range min(len(before), len(now)) {
		want := before[i]
		want.bytes = slices.Clone(want.bytes)
		if want.span().contains(from(w.at, 1)) {
			want.bytes[w.at-want.at] = w.value
			changed++
		}
		c.that(want.name == now[i].name && want.at == now[i].at && want.bytes.equal(now[i].bytes), "%s at %v is %x, again %s at %v %x", want.name, want.at, want.bytes, now[i].name, now[i].at, now[i].bytes)
	}
	c.that(changed > 0, "nothing in the step has the byte at %v", w.at)
	c.values(again)
	return fmt.Sprintf("%#02x there, and nowhere else; %s to come, exit %d", w.value, ask.Plural(len(t.Steps)-h.n-1, "step"), status), nil
}

// pokes changes bytes of held programs and sees them go on with what they find.
func (c *checker) pokes() error {
	for _, p := range []struct {
		name  string
		check func() (string, error)
	}{
		{"string, 'J' poked into its block", c.pokeText},
		{"string, 'J' poked, shown as text", c.pokeTextFormat},
		{"string, nonsense poked into ptr", c.pokePointer},
		{"frames, 7 poked into x", c.pokeFrames},
		{"box, 9 poked into its block", c.pokeBox},
	} {
		if err := c.section(p.name, p.check); err != nil {
			return err
		}
	}
	return nil
}

// poked is a run in which bytes were changed at the hold.
type poked struct {
	before  step   // as it was when the program held
	again   step   // the same step, taken again
	rest    []step // what came then
	message string // what stderr said
	status  int    // how the program ended
}

// poke holds the scenario after its first step where wanted holds, writes value to
// where that step's target says, and lets the program go on.
func (c *checker) poke(scenario string, wanted func(step) bool, target func(step) address, value ...byte) (p poked, err error) {
	n, err := c.firstStep(scenario, wanted)
	if err != nil {
		return p, err
	}
	h, err := c.hold(scenario, n, "json")
	if err != nil {
		return p, err
	}
	defer h.stop()
	t, err := oneLine(h.before)
	if err != nil {
		return p, err
	}
	p.before = t.Steps[n-1]
	if err := c.write(h.pid, target(p.before), value...); err != nil {
		return p, err
	}
	after, message, status, err := h.resume()
	if err != nil {
		return p, err
	}
	p.message, p.status = message, status
	if t, err = oneLine(after); err != nil {
		return p, fmt.Errorf("%w (exit %d, stderr %q)", err, status, message)
	}
	if len(t.Steps) <= n || !t.Steps[n].Again {
		return p, fmt.Errorf("no step %d again after the hold", n)
	}
	p.again, p.rest = t.Steps[n], t.Steps[n+1:]
	return p, nil
}

// write has gdb write the bytes at a.
func (c *checker) write(pid int, a address, value ...byte) error {
	v := &visit{pid: pid}
	for i, b := range value {
		v.writes = append(v.writes, change{a + address(i), b})
	}
	return c.gdb(v)
}

// firstStep is the number of the first step where wanted holds.
func (c *checker) firstStep(scenario string, wanted func(step) bool) (int, error) {
	var t trace
	if err := ask.JSON(c.memprobe, limit, &t, "scenario", scenario, "--format", "json"); err != nil {
		return 0, err
	}
	for i, s := range t.Steps {
		if wanted(s) {
			return i + 1, nil
		}
	}
	return 0, fmt.Errorf("scenario %s has no step to poke at", scenario)
}

func live(name string) func(step) bool {
	return func(s step) bool { v, ok := s.variable(name); return ok && v.State == "live" }
}

// blockOf is where the pointer called ptr of the variable leads.
func blockOf(name string) func(step) address {
	return func(s step) address {
		v, _ := s.variable(name)
		return address(v.field("ptr").Bytes.number())
	}
}

// shows checks what a variable of s is shown as.
func (c *checker) shows(s step, name, value string) {
	v, _ := s.variable(name)
	c.that(v.Value == value, "step %d, again %v: %s shows %s, not %s", s.N, s.Again, name, v.Value, value)
}

func (c *checker) pokeText() (string, error) {
	p, err := c.poke("string", live("main.s"), blockOf("main.s"), 'J')
	if err != nil {
		return "", err
	}
	s, _ := p.before.variable("main.s")
	b, _ := p.before.usedBlock(blockOf("main.s")(p.before))
	c.that(s.field("cap").Bytes.number() == 5 && s.field("len").Bytes.number() == 5, "cap and len of %x are not 5", s.Bytes)
	c.that(string(b.Bytes) == "hello", "the block of s holds %q", b.Bytes)
	c.shows(p.before, "main.s", `"hello"`)

	c.shows(p.again, "main.s", `"Jello"`)
	b, _ = p.again.usedBlock(b.Addr)
	c.that(string(b.Bytes) == "Jello", "step %d again: the block of s holds %q", p.again.N, b.Bytes)
	c.that(p.status == 0 && p.message == "", "exit %d, stderr %q", p.status, p.message)
	return `"Jello", 4a 65 6c 6c 6f, exit 0`, nil
}

// pokeTextFormat does the same with no trace, from the addresses that a person reads.
func (c *checker) pokeTextFormat() (string, error) {
	n, err := c.firstStep("string", live("main.s"))
	if err != nil {
		return "", err
	}
	h, err := c.hold("string", n, "text")
	if err != nil {
		return "", err
	}
	defer h.stop()
	c.that(bytes.Contains(h.before, []byte(`"hello"`)), "the text before the hold has no \"hello\"")
	m := regexp.MustCompile(`block (0x[0-9a-f]+)`).FindSubmatch(h.before)
	if m == nil {
		return "", fmt.Errorf("the text before the hold names no block")
	}
	var a address
	if err := a.UnmarshalText(m[1]); err != nil {
		return "", err
	}
	if err := c.write(h.pid, a, 'J'); err != nil {
		return "", err
	}
	after, message, status, err := h.resume()
	if err != nil {
		return "", err
	}
	for _, want := range []string{fmt.Sprintf("Step %d again", n), `"Jello"`, "4a 65 6c 6c 6f"} {
		c.that(bytes.Contains(after, []byte(want)), "the text after the hold has no %s", want)
	}
	c.that(!bytes.Contains(after, []byte(`"hello"  `)), "the text after the hold still shows \"hello\"")
	c.that(status == 0 && message == "", "exit %d, stderr %q", status, message)
	return `"Jello", 4a 65 6c 6c 6f, exit 0`, nil
}

func (c *checker) pokePointer() (string, error) {
	const nonsense = 0x6e6f6e73656e7365
	ptr := func(s step) address { v, _ := s.variable("main.s"); return v.field("ptr").Addr }
	p, err := c.poke("string", live("main.s"), ptr, binary.LittleEndian.AppendUint64(nil, nonsense)...)
	if err != nil {
		return "", err
	}
	s, _ := p.again.variable("main.s")
	want := address(nonsense).String()
	c.that(s.field("ptr").Value == want, "step %d again shows ptr %s, not %s", p.again.N, s.field("ptr").Value, want)
	c.that(p.status == 1, "exit %d, not 1", p.status)
	c.that(strings.Count(p.message, "\n") == 1 && strings.Contains(p.message, want), "stderr is not one line that names %s: %q", want, p.message)
	return "exit 1, " + strings.TrimSpace(p.message), nil
}

func (c *checker) pokeFrames() (string, error) {
	x := func(s step) address { v, _ := s.variable("main.x"); return v.Addr }
	p, err := c.poke("frames", live("main.x"), x, 7)
	if err != nil {
		return "", err
	}
	c.shows(p.before, "main.x", "5")
	c.shows(p.again, "main.x", "7")
	seen := map[string]bool{}
	for _, s := range p.rest {
		for name, want := range map[string]string{"main.x": "7", "add.a": "7", "add.result": "17", "main.sum": "17"} {
			if live(name)(s) {
				seen[name] = true
				c.shows(s, name, want)
			}
		}
	}
	c.that(len(seen) == 4, "of x, a, result and sum only %v were live later", seen)
	c.that(p.status == 0 && p.message == "", "exit %d, stderr %q", p.status, p.message)
	return "a = 7, result = 17, sum = 17, exit 0", nil
}

func (c *checker) pokeBox() (string, error) {
	p, err := c.poke("box", live("main.x"), blockOf("main.x"), 9)
	if err != nil {
		return "", err
	}
	c.shows(p.before, "main.x", "5")
	for _, s := range append([]step{p.again}, p.rest...) {
		if live("main.x")(s) {
			c.shows(s, "main.x", "9")
			b, _ := s.usedBlock(blockOf("main.x")(s))
			c.that(b.Bytes.number() == 9, "step %d: the block of x holds %x", s.N, b.Bytes)
		}
	}
	c.that(p.status == 0 && p.message == "", "exit %d, stderr %q", p.status, p.message)
	return "x = 9, exit 0", nil
}
