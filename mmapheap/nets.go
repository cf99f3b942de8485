package mmapheap

import "memprobe/layout/addr"

// Nets are the safety nets of a checked heap. The zero value has none of them,
// and none of their cost.
type Nets struct {
	Canary     bool       // known bytes around each payload, looked at when it ends and by Check
	Poison     bool       // fresh and ended payloads are filled with known bytes; those of an ended one are looked at before its memory is used again, and by Check
	Quarantine addr.Bytes // how much memory of freed blocks is held back from reuse, the oldest out first; 0: none
	Guarded    bool       // each heap block ends at a guard page of its own, and its pages lose their permissions when it is freed
	Access     bool       // each load, store and free is checked against the block that its pointer was made for
}

// DefaultQuarantine is how much freed memory a checked heap holds back.
const DefaultQuarantine addr.Bytes = 1 << 20

// CheckedNets are the nets that Config.Checked stands for: all but guard pages,
// which cost two pages a block and two calls of the kernel an allocation.
func CheckedNets() Nets {
	return Nets{Canary: true, Poison: true, Quarantine: DefaultQuarantine, Access: true}
}

// or has the nets of n and those of m.
func (n Nets) or(m Nets) Nets {
	return Nets{
		Canary:     n.Canary || m.Canary,
		Poison:     n.Poison || m.Poison,
		Quarantine: max(n.Quarantine, m.Quarantine),
		Guarded:    n.Guarded || m.Guarded,
		Access:     n.Access || m.Access,
	}
}

// BlockNumber names a block for good: blocks are numbered from 1 in the order in
// which they are made, and no number is used again. 0 names none.
type BlockNumber uint64

// Pointer is an address, and the number of the block that it was made for, or 0
// where that is not known.
type Pointer struct {
	Addr  addr.Addr
	Block BlockNumber
}

// Add moves p up by n bytes, or down where n is negative. The block stays: a
// pointer that has left its block is still one of that block.
func (p Pointer) Add(n int64) Pointer { return Pointer{p.Addr + addr.Addr(n), p.Block} }

// Local is a variable of a frame.
type Local struct {
	Name string
	Size addr.Bytes
}
