package mmapheap

import (
	"errors"

	"memprobe/layout/addr"
)

// Owner is a block as a report names it.
type Owner struct {
	Block     BlockNumber // 0 where there is none
	Kind      Kind
	Name      string     // what it was made as
	Range     addr.Range // the payload
	Requested addr.Bytes // the size of that
	SetAside  addr.Bytes // the size of the block with what is behind the payload; 0 once that is given back
	Live      bool       // it has not ended
	Allocated Site       // where it was made
	Freed     Site       // where it was freed, resized or returned from, if it has ended
}

// Report says what was done wrong, and to which block.
type Report struct {
	Class  Class
	Net    Net
	Access string     // the operation: alloc, free, resize, load, store, push, pop, check or leaks
	Addr   addr.Addr  // where the access begins; for canary and poison, where the damage begins
	Size   addr.Bytes // how long it is, 0 for a free or a resize
	Byte   addr.Addr  // the first byte that is wrong; for an underflow by canary the highest
	Offset int64      // of Byte from the start of the block; 0 where there is none
	Owner             // the block that it was done to
	Other  Owner      // the block that lies at Byte, or for a leak one that points to it, if there is such a one
	Want   byte       // for canary and poison: what Byte should hold
	Found  byte       // and what it holds
	Reason error      // more, for some classes; errors.Is finds it
	Here   Site       // where it was noticed
}

// report begins a report about o.
func (c *Checked) report(class Class, net Net, op string, o *object) *Report {
	return &Report{Class: class, Net: net, Access: op, Owner: c.ownerOf(o)}
}

// at notes the byte that is wrong.
func (r *Report) at(a addr.Addr) { r.Byte, r.Offset = a, int64(a-r.Range.Lo) }

func (c *Checked) ownerOf(o *object) Owner {
	var setAside addr.Bytes
	if o.body != nil {
		setAside = o.block.Size()
	}
	return Owner{
		SetAside: setAside,
		Block:    o.number, Kind: objectKinds[o.kind], Name: c.objects.names[o.owner], Range: o.payload(), Requested: o.requested,
		Live: o.phase == alive, Allocated: c.sites.site(o.made), Freed: c.sites.site(o.ended),
	}
}

// noticed notes in a report where the operation was called.
func (c *Checked) noticed(err error, site siteID) error {
	if report, ok := errors.AsType[*Report](err); ok {
		report.Here = c.sites.site(site)
	}
	return err
}

// Unwrap is the reason.
func (r *Report) Unwrap() error { return r.Reason }
