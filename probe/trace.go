package probe

import (
	"encoding/hex"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// Schema is the version of Trace's JSON form.
const Schema = 1

// Trace is what one run of a scenario left: a snapshot a step. Addresses are hex
// strings in JSON, sizes are numbers of bytes.
type Trace struct {
	Schema   int        `json:"schema"`
	Scenario string     `json:"scenario"`
	Title    string     `json:"title"`
	Lesson   string     `json:"lesson"` // where the lesson tells of it
	PID      int        `json:"pid"`
	Arch     string     `json:"arch"` // as Go names it: amd64, arm64
	PageSize addr.Bytes `json:"page_size"`
	View     View       `json:"view,omitempty"` // how its heap is best drawn
	Seed     *uint64    `json:"seed,omitempty"` // which numbers the program got; none: the lesson's
	Memory   Memory     `json:"memory"`
	Source   []string   `json:"source"` // the program's lines, without line ends
	Steps    []Step     `json:"steps"`
}

// View says how a scenario's heap is best drawn.
type View string

// The views. Blocks is what a view of no other name is.
const (
	ViewBlocks  View = ""        // each block in a box of its own
	ViewMap     View = "map"     // the same, under a strip that is all of the heap to scale
	ViewParking View = "parking" // a car park: blocks are cars, granules are spaces
)

// Memory is where the scenario's memory lies. Threads besides the first one have
// stacks of their own elsewhere, which Step.Threads tells.
type Memory struct {
	Base  addr.Addr  `json:"base"`
	End   addr.Addr  `json:"end"`
	Stack addr.Range `json:"stack"` // all that the stack may grow into
	Heap  addr.Range `json:"heap"`  // likewise
	Maps  []string   `json:"maps"`  // the kernel's lines that cover [Base, End), and the stacks of other threads
}

// Step is one snapshot with its caption.
type Step struct {
	N      int       `json:"n"`               // from 1
	Again  bool      `json:"again,omitempty"` // taken once more, after a hold
	Title  string    `json:"title"`
	Text   string    `json:"text"`
	Line   int       `json:"line"` // the line of Source that has just run, from 1
	SP     addr.Addr `json:"sp"`   // the stack pointer: the lowest byte in use
	Frames []Frame   `json:"frames"`
	Heap   Heap      `json:"heap"`
	Events []Event   `json:"events"` // what the program did since the step before
	Kernel Kernel    `json:"kernel"`
	Notes  []Note    `json:"notes,omitempty"`

	// What only some programs have.
	Popped    []Frame    `json:"popped,omitempty"`    // frames that have gone and whose bytes nothing has overwritten yet, the highest first
	Threads   []Thread   `json:"threads,omitempty"`   // where there are several, the first one included
	Landmarks []Landmark `json:"landmarks,omitempty"` // objects outside of the scenario's memory too, the highest first
	Facts     []Fact     `json:"facts,omitempty"`
	Question  *Question  `json:"question,omitempty"` // to be asked before the step is shown, which answers it
	Stopped   *Stopped   `json:"stopped,omitempty"`  // what a checked heap says of the same program
}

// Thread is one thread of a program.
type Thread struct {
	Name  string     `json:"name"`
	ID    int        `json:"id"`    // the kernel's, as in /proc/PID/task
	Stack addr.Range `json:"stack"` // all that its stack may grow into
	SP    addr.Addr  `json:"sp"`
}

// Landmark is an object that stands for a part of the textbook's picture.
type Landmark struct {
	Segment layout.Segment `json:"segment"`
	What    string         `json:"what"`
	Addr    addr.Addr      `json:"addr"`
	Size    addr.Bytes     `json:"size"`
	Bytes   Hex            `json:"bytes"`   // the first of them, 16 at most
	Mapping string         `json:"mapping"` // the kernel's line for it
}

// Fact is a figure that a step is about and that its picture does not show.
type Fact struct {
	What  string `json:"what"`
	Value string `json:"value"`
	From  string `json:"from"` // who says so, such as getrlimit(2)

	Varies bool `json:"varies,omitempty"` // from run to run
}

// Question is one that a reader can answer before the step is shown.
type Question struct {
	Text    string   `json:"text"`
	Choices []string `json:"choices"`
	Answer  int      `json:"answer"` // which of Choices, from 0; found by running the program
	Why     string   `json:"why"`
}

// Stopped is where and why a checked heap stops the program that an unchecked one
// lets go on.
type Stopped struct {
	Line   int          `json:"line"`  // of Source, from 1; 0: at the program's end
	Class  string       `json:"class"` // such as "double free"
	Report []ReportLine `json:"report"`
	Heap   addr.Range   `json:"heap"`  // where that one's memory was, which has been given back
	Stack  addr.Range   `json:"stack"` // likewise
}

// ReportLine is a line of a report. One without a label goes on with the line before.
type ReportLine struct {
	Label string `json:"label,omitempty"`
	Text  string `json:"text"`
}

// Note sets a lesson's simplification beside what is there.
type Note struct {
	Lesson string `json:"lesson"` // what the lesson says or draws
	Here   string `json:"here"`   // what is so in this run
	Why    string `json:"why"`
}

// Frame is one call's share of the stack. Frames run from the oldest to the newest,
// those of one thread after those of the thread before it. One with Calls stands
// for that many frames of the same function, between the ones that are told apart.
type Frame struct {
	Name    string     `json:"name"`
	Thread  string     `json:"thread,omitempty"` // where there are several
	Calls   int        `json:"calls,omitempty"`
	Start   addr.Addr  `json:"start"`
	End     addr.Addr  `json:"end"`
	Active  bool       `json:"active"`  // its function is the one that runs
	Padding addr.Bytes `json:"padding"` // bytes of the frame that no variable has
	Vars    []Var      `json:"vars"`    // as declared
}

// State is what a variable's bytes are worth.
type State string

// The states of a variable. Only a live one has a value that the program may
// use; the bytes of the others are what happens to stand there.
const (
	Live          State = "live"
	Uninitialised State = "uninitialised"
	Moved         State = "moved"
	Dropped       State = "dropped"
	Popped        State = "popped" // its frame has gone
)

// Var is a variable in its slot.
type Var struct {
	Name   string     `json:"name"`
	Type   string     `json:"type"`
	Addr   addr.Addr  `json:"addr"`
	Size   addr.Bytes `json:"size"`
	Align  addr.Bytes `json:"align"`
	Bytes  Hex        `json:"bytes"`
	Value  string     `json:"value"` // as Rust prints it; "?" where the state gives it none; of a popped one what is left of it
	State  State      `json:"state"`
	Fields []Field    `json:"fields"` // by offset; none for a scalar

	PointsTo *addr.Addr `json:"points_to,omitempty"` // for a pointer to memory of the scenario's
}

// Field is a part of a variable that has a name of its own.
type Field struct {
	Name     string     `json:"name"`
	Type     string     `json:"type"`
	Addr     addr.Addr  `json:"addr"`
	Size     addr.Bytes `json:"size"`
	Bytes    Hex        `json:"bytes"`
	Value    string     `json:"value"`
	PointsTo *addr.Addr `json:"points_to,omitempty"` // for a pointer to memory of the scenario's
}

// Heap is the heap's state: its blocks tile the arena.
type Heap struct {
	Used   addr.Bytes `json:"used"` // bytes in used blocks, what was set aside
	Free   addr.Bytes `json:"free"`
	Blocks []Block    `json:"blocks"` // by address
}

// Block is one block of the heap.
type Block struct {
	Addr      addr.Addr  `json:"addr"`
	Size      addr.Bytes `json:"size"`      // what was set aside
	Requested addr.Bytes `json:"requested"` // what was asked for; 0 for a free block
	State     string     `json:"state"`     // BlockUsed or BlockFree
	Owner     string     `json:"owner"`     // such as main.s; empty where no live variable owns it
	Bytes     Hex        `json:"bytes"`     // the payload, empty for a free block

	// Touched says of each page that a used block has bytes in whether the kernel has
	// memory for it yet. It is there for blocks of more than a page, where the kernel tells.
	Touched []bool `json:"touched,omitempty"`
}

// The states of a block.
const (
	BlockUsed = "used"
	BlockFree = "free"
)

// Event is one thing that the program did.
type Event struct {
	Kind     Kind        `json:"kind"`
	Addr     addr.Addr   `json:"addr"` // what it was done to
	Size     addr.Bytes  `json:"size"`
	From     *addr.Addr  `json:"from,omitempty"`      // copy, move, resize: where it was before; load: the pointer
	Times    int         `json:"times,omitempty"`     // how often, where it is not once; then Addr is the lowest and Size the sum
	LookedAt []Candidate `json:"looked_at,omitempty"` // alloc, search, and resize where the block moved: the free blocks that were looked at

	// What lay at the addresses when the event happened, which later events of the same
	// step may have changed: a variable, such as main.x or main.x +4, or no more than a
	// function, which has a frame there. Nothing where no frame is.
	Name     string `json:"name,omitempty"`
	FromName string `json:"from_name,omitempty"`
	Popped   bool   `json:"popped,omitempty"` // Name's frame had gone
}

// Kind is the kind of an event.
type Kind string

// The kinds of events. A call and a return name a frame; alloc, resize and free
// a block; store, copy, move and drop a variable, store also a block; load what was
// read through a pointer; search what an alloc of Size bytes would look at, and where
// it would end up; refused an address that was not freed, since no block in use begins
// there; grow the memory that became accessible; a fault the address of an access
// that could not be made.
const (
	EventCall   Kind = "call"
	EventReturn Kind = "return"
	EventStore  Kind = "store"
	EventCopy   Kind = "copy"
	EventMove   Kind = "move"
	EventAlloc  Kind = "alloc"
	EventResize Kind = "resize"
	EventFree   Kind = "free"
	EventDrop   Kind = "drop"
	EventGrow   Kind = "grow"
	EventFault  Kind = "fault"

	EventLoad    Kind = "load"
	EventSearch  Kind = "search"
	EventRefused Kind = "refused"
)

// Candidate is a free block that first fit looked at.
type Candidate struct {
	Addr addr.Addr  `json:"addr"`
	Size addr.Bytes `json:"size"`
	Fits bool       `json:"fits"`
}

// Kernel is what the kernel says changed for the scenario's memory in a step.
type Kernel struct {
	Resident int64 `json:"resident"` // bytes in memory, more or fewer than before
	Faults   int64 `json:"faults"`   // page faults that the program's accesses caused
}

// Hex is bytes that JSON shows as hexadecimal digits.
type Hex []byte

// MarshalText writes two digits a byte.
func (h Hex) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText reads what MarshalText wrote.
func (h *Hex) UnmarshalText(text []byte) error {
	b, err := hex.AppendDecode(Hex{}, text)
	*h = b
	return err
}
