package bugs

import "memprobe/mmapheap"

// Setup is the nets that are stretched while a bug runs.
type Setup struct {
	Name  string        `json:"name"`
	Short string        `json:"-"` // six letters at most, for the head of a column
	About string        `json:"about"`
	Nets  mmapheap.Nets `json:"-"`
}

// Raw reports whether pointers are addresses and no more.
func (s Setup) Raw() bool { return !s.Nets.Access }

// Setups are the setups, in the order of the columns: from nothing to everything.
var Setups = []Setup{
	{
		Name: "no net", Short: "none",
		About: "the first-fit heap as it is, raw addresses; it looks at every address that is given back to it",
	},
	{
		Name: "canary", Short: "canary", Nets: mmapheap.Nets{Canary: true},
		About: "known bytes around each payload, looked at when the block is freed and at the end",
	},
	{
		Name: "poison", Short: "poison", Nets: mmapheap.Nets{Poison: true},
		About: "fresh and freed bytes get known values; those of freed blocks are looked at before they are used again, and at the end",
	},
	{
		Name: "quarantine", Short: "quar.", Nets: mmapheap.Nets{Quarantine: mmapheap.DefaultQuarantine},
		About: "freed blocks are held back for a while, 1 MiB of them, before their addresses are handed out again",
	},
	{
		Name: "guarded", Short: "guard", Nets: mmapheap.Nets{Guarded: true},
		About: "each block ends at a page that the kernel lets nobody touch, and so is a freed one",
	},
	{
		Name: "all raw", Short: "raw",
		Nets:  mmapheap.Nets{Canary: true, Poison: true, Quarantine: mmapheap.DefaultQuarantine, Guarded: true},
		About: "canary, poison, quarantine and guard pages together: all that can be had for raw addresses here",
	},
	{
		Name: "access", Short: "access", Nets: mmapheap.Nets{Access: true},
		About: "each pointer names its block; every load, store and free is compared with that block first, byte by byte",
	},
}
