package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
)

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
	if err := c.gdbPoke(h.pid, target(p.before), value...); err != nil {
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

// firstStep is the number of the first step where wanted holds.
func (c *checker) firstStep(scenario string, wanted func(step) bool) (int, error) {
	var t trace
	if err := c.memprobeJSON(&t, "scenario", scenario, "--format", "json"); err != nil {
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
	if err := c.gdbPoke(h.pid, a, 'J'); err != nil {
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
