package mmapheap

import "memprobe/layout/addr"

// poisonIn reports a write to memory in r whose block has ended, and repairs it.
func (c *Checked) poisonIn(op string, r addr.Range) *Report {
	for piece, o := range c.poisoned(r) {
		if report := c.damagedPoison(op, piece, o); report != nil {
			fill(c.memory(piece), endedPattern)
			return report
		}
	}
	return nil
}

// poisoned yields the pieces of r that have the pattern of ended blocks, with the
// object that lay there.
func (c *Checked) poisoned(r addr.Range) func(func(addr.Range, *object) bool) {
	return func(yield func(addr.Range, *object) bool) {
		if !c.nets.Poison {
			return
		}
		for piece, n := range c.shadow.runs(r) {
			if o := c.objects.get(n); o.poisoned && !yield(piece, o) {
				return
			}
		}
	}
}

// damagedPoison reports a write to a piece of the memory of o, which has ended.
func (c *Checked) damagedPoison(op string, piece addr.Range, o *object) *Report {
	first, last, damaged := c.notFilled(piece, endedPattern)
	if !damaged {
		return nil
	}
	if o.kind == frameObject {
		o = c.at(first)
	}
	report := c.report(endedUse(o), NetPoison, op, o)
	report.Addr, report.Size = first, last.Sub(first)+1
	report.at(first)
	report.Want, report.Found = endedPattern, c.memory(addr.Span(first, 1))[0]
	return report
}

// endedUse is the class of an access to o, which has ended.
func endedUse(o *object) Class {
	switch {
	case o.kind == localObject || o.kind == frameObject:
		return UseAfterReturn
	case o.resized:
		return UseAfterResize
	}
	return UseAfterFree
}
