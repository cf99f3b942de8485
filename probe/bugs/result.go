package bugs

import (
	"errors"
	"strings"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
	"memprobe/probe/netted"
)

// Schema is the version of Result's JSON form.
const Schema = 1

// Result is what came of running bugs under every setup.
type Result struct {
	Schema int     `json:"schema"`
	Setups []Setup `json:"nets"`
	Bugs   []Trial `json:"bugs"`
	Sums   []Sum   `json:"sums"` // a setup each
}

// Trial is one bug under every setup.
type Trial struct {
	Number      int      `json:"number"`
	Name        string   `json:"name"`
	Group       string   `json:"group"`
	Title       string   `json:"title"`
	About       string   `json:"about"`
	Source      []string `json:"source"`                 // the program's lines
	Line        int      `json:"line"`                   // the one that is wrong, from 1
	Runs        []Run    `json:"runs"`                   // a setup each
	FalseAlarms []string `json:"false_alarms,omitempty"` // the setups that cried out when that line was left out
}

// Run is what came of a bug under one setup.
type Run struct {
	Net     string   `json:"net"` // the setup's name
	Noticed bool     `json:"noticed"`
	Moment  Moment   `json:"moment,omitempty"`
	Line    int      `json:"line,omitempty"` // of the source, at which it was noticed; 0 at the end
	Level   Level    `json:"level"`
	Blamed  Blamed   `json:"blamed,omitempty"`
	Refused string   `json:"refused,omitempty"` // the heap's words, where it refused a request that nobody could meet, as it should
	Damage  []string `json:"damage,omitempty"`  // what the program saw
	Finding *Finding `json:"finding,omitempty"`
}

// Silent reports whether nothing came of the run at all.
func (r Run) Silent() bool { return !r.Noticed && r.Refused == "" }

// ByNet reports whether one of the setup's nets noticed. Else it was what any setup
// has: the heap's look at each address that it is given back, or the guard page below the stack.
func (r Run) ByNet() bool {
	return r.Noticed && r.Finding.By != string(mmapheap.NetHeap) && r.Finding.By != string(mmapheap.NetStack)
}

// Blamed says whether a report names the block that the bug was about.
type Blamed string

// What a report may blame.
const (
	RightBlock Blamed = "right"
	WrongBlock Blamed = "wrong"
	NoBlock    Blamed = "none" // it names none
)

// Finding is what somebody noticed.
type Finding struct {
	By     string        `json:"by"` // which net it was
	Class  string        `json:"class,omitempty"`
	Access string        `json:"access,omitempty"` // free, load, store, ...
	Addr   addr.Addr     `json:"addr,omitempty"`   // of the access
	Size   addr.Bytes    `json:"size,omitempty"`   // of the access
	Byte   addr.Addr     `json:"byte,omitempty"`   // the first that is wrong
	Offset int64         `json:"offset"`           // of it, from the start of the block
	Block  *Block        `json:"block,omitempty"`
	Other  *Block        `json:"other,omitempty"` // the block that lies there, if that is another one
	Here   *Site         `json:"here,omitempty"`
	Error  string        `json:"error"`            // in a line
	Report []netted.Line `json:"report,omitempty"` // in several
}

// Block is a block as a report names it.
type Block struct {
	Number    uint64     `json:"number"`
	Kind      string     `json:"kind"`
	Owner     string     `json:"owner"`
	Start     addr.Addr  `json:"start"`
	Requested addr.Bytes `json:"requested"`
	SetAside  addr.Bytes `json:"set_aside"` // 0 once the block's memory is given back
	Live      bool       `json:"live"`
	Allocated *Site      `json:"allocated,omitempty"`
	Freed     *Site      `json:"freed,omitempty"`
}

// Site is a place in a program.
type Site struct {
	Func string `json:"func"`
	File string `json:"file"`
	Line int    `json:"line"`
}

// find is the finding that an error tells of.
func find(err error) *Finding {
	f := &Finding{Error: err.Error()}
	if first, _, more := strings.Cut(f.Error, "\n"); more {
		f.Error = first
	}
	f.ofHeap(err)
	f.ofStack(err)
	if r := new(mmapheap.Report); errors.As(err, &r) {
		f.By, f.Class, f.Access = string(r.Net), string(r.Class), r.Access
		f.Addr, f.Size, f.Byte, f.Offset = r.Addr, r.Size, r.Byte, r.Offset
		f.Block, f.Other, f.Here = block(r.Owner), block(r.Other), site(r.Here)
		f.Error = r.Error()
		f.Report = netted.Lines(r)
	}
	return f
}

// ofHeap notes what the plain heap says of an address that it was given.
func (f *Finding) ofHeap(err error) {
	e := new(mmapheap.BlockError)
	if !errors.As(err, &e) {
		return
	}
	twice, none := mmapheap.DoubleFree, mmapheap.InvalidFree
	if e.Op == "resize" {
		twice, none = mmapheap.ResizeAfterFree, mmapheap.InvalidResize
	}
	f.By, f.Class, f.Access, f.Addr, f.Byte = string(mmapheap.NetHeap), string(none), e.Op, e.Addr, e.Addr
	if errors.Is(err, mmapheap.ErrDoubleFree) {
		f.Class = string(twice)
	}
}

// ofStack notes what the plain stack says of a frame that does not fit.
func (f *Finding) ofStack(err error) {
	if e := new(mmapheap.StackError); errors.As(err, &e) && errors.Is(err, mmapheap.ErrStackOverflow) {
		f.By, f.Class, f.Access = string(mmapheap.NetStack), string(mmapheap.StackOverflow), e.Op
		f.Addr, f.Size, f.Byte = e.Addr, e.Size, e.Addr
	}
}

// block is o for a reader; nil where there is none.
func block(o mmapheap.Owner) *Block {
	if o.Name == "" && o.Block == 0 {
		return nil
	}
	return &Block{
		Number: uint64(o.Block), Kind: string(o.Kind), Owner: o.Name, Start: o.Range.Lo, Requested: o.Requested, SetAside: o.SetAside,
		Live: o.Live, Allocated: site(o.Allocated), Freed: site(o.Freed),
	}
}

func site(s mmapheap.Site) *Site {
	if s == (mmapheap.Site{}) {
		return nil
	}
	return &Site{s.Func, s.File, s.Line}
}

// level is how much f tells of a bug; freed says whether a block of it had been
// given back.
func (f *Finding) level(freed bool) Level {
	b := f.Block
	switch {
	case f.Class == "":
		return Stopped
	case f.Addr == 0 && f.Byte == 0:
		return Named
	case b == nil:
		return Located
	case b.Number == 0 || b.Owner == "" || b.Allocated == nil || freed && b.Freed == nil:
		return Sized
	}
	return Full
}

// blamed compares the block that f names with those that the bug was about.
func (f *Finding) blamed(about []mmapheap.Pointer) Blamed {
	if f.Block == nil || f.Block.Number == 0 {
		return NoBlock
	}
	for _, a := range about {
		if uint64(a.Block) == f.Block.Number {
			return RightBlock
		}
	}
	return WrongBlock
}
