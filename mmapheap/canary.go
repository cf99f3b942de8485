package mmapheap

import "memprobe/layout/addr"

// canarySize is how much known memory lies before each payload, and behind it and
// its padding.
const canarySize addr.Bytes = 16

// The bytes that memory is filled with. No address consists of them, and no text.
const (
	canaryPattern byte = 0xfd // around payloads
	freshPattern  byte = 0xcd // payloads that the program has not written
	endedPattern  byte = 0xdd // blocks that have ended
)

func fill(mem []byte, pattern byte) {
	if len(mem) == 0 {
		return
	}
	mem[0] = pattern
	for n := 1; n < len(mem); n *= 2 {
		copy(mem[n:], mem[:n])
	}
}

// notFilled is the first and the last byte of r that is not the pattern.
func (c *Checked) notFilled(r addr.Range, pattern byte) (first, last addr.Addr, ok bool) {
	mem := c.memory(r)
	i, j := 0, len(mem)-1
	for i < len(mem) && mem[i] == pattern {
		i++
	}
	if i == len(mem) {
		return 0, 0, false
	}
	for mem[j] == pattern {
		j--
	}
	return r.Lo + addr.Addr(i), r.Lo + addr.Addr(j), true
}

// front and back are what lies in o's block before its payload, and behind it up
// to the guard page.
func (o *object) front() addr.Range { return addr.Range{Lo: o.open.Lo, Hi: o.addr} }
func (o *object) back() addr.Range  { return addr.Range{Lo: o.end(), Hi: o.open.Hi} }

func (c *Checked) setCanaries(o *object) {
	fill(c.memory(o.front()), canaryPattern)
	fill(c.memory(o.back()), canaryPattern)
}

// canaryOf reports damage to o's canaries, and repairs it.
func (c *Checked) canaryOf(op string, o *object) *Report {
	report := c.damagedCanary(op, o)
	if report == nil {
		return nil
	}
	for _, o := range []*object{c.below(o), o, c.above(o)} {
		if o != nil {
			c.setCanaries(o)
		}
	}
	return report
}

// damagedCanary reports damage to o's canaries.
func (c *Checked) damagedCanary(op string, o *object) *Report {
	if !c.nets.Canary {
		return nil
	}
	if _, _, damaged := c.notFilled(o.back(), canaryPattern); damaged {
		return c.between(op, o, c.above(o))
	}
	if _, _, damaged := c.notFilled(o.front(), canaryPattern); damaged {
		return c.between(op, c.below(o), o)
	}
	return nil
}

// between reports the damage to the canaries between two payloads, one of which
// may be nil: it is the nearer one's, and the lower one's where it reaches both.
func (c *Checked) between(op string, lower, upper *object) *Report {
	var gap addr.Range
	switch {
	case lower == nil:
		gap = upper.front()
	case upper == nil:
		gap = lower.back()
	default:
		gap = addr.Range{Lo: lower.end(), Hi: upper.addr}
	}
	first, last, _ := c.notFilled(gap, canaryPattern)
	o, class, wrong := lower, overflowOf(lower), first
	if lower == nil || upper != nil && gap.Hi-1-last < first-gap.Lo {
		o, class, wrong = upper, Underflow, last
	}
	report := c.report(class, NetCanary, op, o)
	report.Addr, report.Size = first, last.Sub(first)+1
	report.at(wrong)
	report.Want, report.Found = canaryPattern, c.memory(addr.Span(wrong, 1))[0]
	return report
}

// above is the live object right behind o's block, of the same kind.
func (c *Checked) above(o *object) *object {
	next := c.at(o.open.Hi)
	if next == nil || next.phase != alive || next.kind != o.kind || next.open.Lo != o.open.Hi {
		return nil
	}
	return next
}

// below is the live object right before o's block, of the same kind.
func (c *Checked) below(o *object) *object {
	next := c.at(o.open.Lo - 1)
	if next == nil || next.phase != alive || next.kind != o.kind || next.open.Hi != o.open.Lo {
		return nil
	}
	return next
}
