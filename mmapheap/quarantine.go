package mmapheap

import "memprobe/layout/addr"

// quarantine is the freed blocks that are held back from reuse.
type quarantine struct {
	queue []BlockNumber // oldest first
	held  addr.Bytes    // the size of their blocks together
}

func (q *quarantine) add(o *object) {
	q.queue = append(q.queue, o.number)
	q.held += o.block.Size()
}

// makeRoom lets blocks go until size bytes more are within the limit. A block above
// the limit does not go into quarantine, and drives none out.
func (c *Checked) makeRoom(op string, size addr.Bytes) error {
	for size <= c.nets.Quarantine && c.quarantine.held+size > c.nets.Quarantine {
		if err := c.letGo(op); err != nil {
			return err
		}
	}
	return nil
}

// letGo gives the block that is longest in quarantine back to the heap. Where it has
// been written since it was freed, it stays, for once.
func (c *Checked) letGo(op string) error {
	q := &c.quarantine
	o := c.objects.get(q.queue[0])
	if report := c.poisonIn(op, o.open); report != nil {
		return report
	}
	if err := c.region.heap.Free(o.block.Lo); err != nil {
		return err
	}
	q.queue = q.queue[1:]
	q.held -= o.block.Size()
	o.phase, o.body = gone, nil
	return nil
}
