package mmapheap

import (
	"errors"
	"fmt"

	"memprobe/layout/addr"
)

// Check looks at every canary, at all memory that has ended and was filled, and
// at the invariants H, S and C. It joins what it finds: a *Report for each place
// that the program has damaged, and an error for each broken invariant. It changes
// nothing, so the same damage is found again. Where an invariant is broken, which
// is no program's doing, it looks no further.
func (c *Checked) Check() error {
	err := errors.Join(c.region.heap.Check(), c.region.stack.Check())
	if c.plain() {
		return err
	}
	err = errors.Join(err, c.checkBlocks(), c.checkFrames(), c.checkQuarantine())
	if err != nil {
		return err
	}
	here := c.sites.site(c.sites.here())
	var last addr.Addr
	var found []error
	for report := range c.damages {
		if report.Byte == last && report.Net == NetCanary {
			continue // seen from the block on the other side
		}
		last = report.Byte
		report.Here = here
		found = append(found, report)
	}
	return errors.Join(found...)
}

// damages yields a report for each canary and each piece of ended memory that is
// not what it was.
func (c *Checked) damages(yield func(*Report) bool) {
	for _, objects := range []func(func(*object) bool){c.heapObjects, c.roots} {
		for o := range objects {
			if o.phase != alive {
				continue
			}
			if report := c.damagedCanary("check", o); report != nil && !yield(report) {
				return
			}
		}
	}
	for _, s := range []*share{&c.region.heap.share, &c.region.stack.share} {
		for piece, o := range c.poisoned(s.accessible()) {
			if report := c.damagedPoison("check", piece, o); report != nil && !yield(report) {
				return
			}
		}
	}
}

// checkBlocks is C1, C2, C3 and C6 for heap blocks and statics.
func (c *Checked) checkBlocks() error {
	var errs []error
	heap, known := &c.region.heap, 0
	for block := range heap.Blocks() {
		if block.State != Used {
			continue
		}
		known++
		o := c.objects.get(c.shadow.at(block.Addr))
		if o == nil || o.kind != heapObject || o.phase == gone || o.block != block.Range() {
			errs = append(errs, fmt.Errorf("C1: the block at %v is no object's", block.Addr))
			continue
		}
		errs = append(errs, c.checkObject(o))
	}
	alive := 0
	for n := BlockNumber(1); n <= c.objects.made; n++ {
		if o := c.objects.get(n); o.kind == heapObject && o.phase != gone {
			alive++
		}
	}
	if alive != known {
		errs = append(errs, fmt.Errorf("C1: %d heap objects are live or in quarantine, and %d blocks in use", alive, known))
	}
	for _, n := range c.statics.numbers {
		errs = append(errs, c.checkObject(c.objects.get(n)))
	}
	return errors.Join(errs...)
}

// checkObject is C2, C3 and C6 for one object that is not gone.
func (c *Checked) checkObject(o *object) error {
	var errs []error
	for piece, n := range c.shadow.runs(o.block) {
		if n != o.number && o.kind != localObject || o.kind == localObject && c.at(piece.Lo) == nil {
			errs = append(errs, fmt.Errorf("C2: %v is noted as block %d's, in the block of %d", piece, n, o.number))
		}
	}
	if !o.block.Covers(o.open) || !o.open.Covers(o.payload()) {
		errs = append(errs, fmt.Errorf("C3: the payload of block %d is %v, its block %v, open %v", o.number, o.payload(), o.block, o.open))
	}
	if o.phase == alive && o.kind != frameObject && c.nets.Access {
		n := addr.Bytes(len(o.written))
		if n != (o.requested+63)/64 || n > 0 && o.written[n-1]&^wordMask(n-1, 0, o.requested) != 0 {
			errs = append(errs, fmt.Errorf("C3: block %d of %d bytes has %d words of bits", o.number, o.requested, n))
		}
	}
	if errs != nil {
		return errors.Join(errs...)
	}
	for off := range o.pointers {
		if off > o.requested || o.requested-off < pointerSize {
			errs = append(errs, fmt.Errorf("C6: a pointer is noted at %d of the %d bytes of block %d", off, o.requested, o.number))
		} else if _, missing := o.written.gap(off, off+pointerSize); missing {
			errs = append(errs, fmt.Errorf("C6: a pointer is noted at %d in block %d, where not all is written", off, o.number))
		}
	}
	return errors.Join(errs...)
}

// checkFrames is C5, and the rest for frames and locals.
func (c *Checked) checkFrames() error {
	var errs []error
	i := 0
	for span := range c.region.stack.Frames() {
		if i == len(c.frames) || c.objects.get(c.frames[i]).payload() != span {
			errs = append(errs, fmt.Errorf("C5: the frame %v is not known as number %d", span, i))
			break
		}
		f := c.objects.get(c.frames[i])
		if i++; f.phase != alive {
			errs = append(errs, fmt.Errorf("C5: the frame %v has ended", span))
			continue
		}
		errs = append(errs, c.checkObject(f))
		lo := span.Lo
		for _, o := range c.objects.locals(f) {
			if o.phase != alive || o.addr < lo || o.end() > span.Hi {
				errs = append(errs, fmt.Errorf("C5: the local %d at %v is not in order in the frame %v", o.number, o.payload(), span))
				continue
			}
			lo = o.end()
			errs = append(errs, c.checkObject(o))
		}
	}
	if i != len(c.frames) {
		errs = append(errs, fmt.Errorf("C5: %d frames are known, and the stack has %d", len(c.frames), i))
	}
	return errors.Join(errs...)
}

// checkQuarantine is C4.
func (c *Checked) checkQuarantine() error {
	var sum addr.Bytes
	for i, n := range c.quarantine.queue {
		o := c.objects.get(n)
		if o.phase != held {
			return fmt.Errorf("C4: block %d is in the quarantine's list, and not in quarantine", n)
		}
		if i > 0 && n == c.quarantine.queue[i-1] {
			return fmt.Errorf("C4: block %d is listed twice", n)
		}
		sum += o.block.Size()
	}
	if sum != c.quarantine.held || sum > c.nets.Quarantine {
		return fmt.Errorf("C4: %d bytes are in quarantine, %d were counted, the limit is %d", sum, c.quarantine.held, c.nets.Quarantine)
	}
	return nil
}
