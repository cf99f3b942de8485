// Package netcost measures what the safety nets cost a program that does nothing
// wrong: time an operation, timed for all of them in the same rounds, and memory.
package netcost

import (
	"context"
	"errors"
	"runtime"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
	"memprobe/probe/bugs"
	"memprobe/probe/timing"
)

// Result is what the setups of package bugs cost, each in the order given.
type Result struct {
	Blocks    int                 `json:"blocks"`    // that the program keeps
	Requested addr.Bytes          `json:"requested"` // for all of them together
	Timing    *timing.Measurement `json:"timing"`    // an operation under each setup; the first is what the others are compared with
	Memory    []Memory            `json:"memory"`
}

// Memory is what a setup takes for the blocks, in bytes.
type Memory struct {
	Net   string     `json:"net"`
	Arena addr.Bytes `json:"arena"` // set aside for them in the heap
	Books addr.Bytes `json:"books"` // kept about them in Go's heap
	Held  addr.Bytes `json:"held"`  // still set aside in the heap when all of them are freed
}

// Measure measures the setups, the first of which has no net.
func Measure(ctx context.Context, setups []bugs.Setup, o timing.Options) (*Result, error) {
	r := &Result{Blocks: working, Requested: working * meanSize}
	for _, s := range setups {
		m, err := memory(s)
		if err != nil {
			return nil, err
		}
		r.Memory = append(r.Memory, m)
	}
	var err error
	r.Timing, err = timed(ctx, setups, o)
	return r, err
}

// timed times the program under each of the setups.
func timed(ctx context.Context, setups []bugs.Setup, o timing.Options) (result *timing.Measurement, err error) {
	var contenders []timing.Contender
	for _, s := range setups {
		p, failed := reserve(s)
		if failed != nil {
			return nil, failed
		}
		defer func() { err = errors.Join(err, p.close()) }()
		if err := p.begin(); err != nil {
			return nil, err
		}
		contenders = append(contenders, timing.Contender{What: s.Name, At: int(meanSize), About: s.About, Do: p.do})
	}
	return timing.Measure(ctx, contenders, o)
}

// memory looks at what the blocks take, frees them, and looks again.
func memory(s bugs.Setup) (Memory, error) {
	p, err := reserve(s)
	if err != nil {
		return Memory{}, err
	}
	before := goHeap()
	if err := p.begin(); err != nil {
		return Memory{}, errors.Join(err, p.close())
	}
	m := Memory{Net: s.Name, Arena: p.region.Heap().Stats().UsedBytes}
	if after := goHeap(); after > before {
		m.Books = after - before
	}
	for _, b := range p.blocks {
		if err := p.region.Checked().Free(b); err != nil {
			return Memory{}, errors.Join(err, p.close())
		}
	}
	m.Held = p.region.Heap().Stats().UsedBytes
	return m, p.close()
}

// goHeap is how much of Go's heap is in use.
func goHeap() addr.Bytes {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return addr.Bytes(stats.HeapAlloc)
}

// blockSizes are the sizes of the program's blocks, in turn.
var blockSizes = [...]addr.Bytes{16, 24, 40, 64, 100, 8, 200, 60}

// meanSize is that of blockSizes.
const meanSize addr.Bytes = 64

// working is how many blocks the program keeps.
const working = 256

// program keeps its blocks; an operation of it frees the oldest, allocates another
// in its place, writes all of it and reads all of it.
type program struct {
	region *mmapheap.Region
	blocks [working]mmapheap.Pointer
	turn   int
	buffer [256]byte
}

func reserve(s bugs.Setup) (*program, error) {
	region, err := mmapheap.Reserve(mmapheap.Config{Nets: s.Nets})
	return &program{region: region}, err
}

// begin allocates the blocks.
func (p *program) begin() error {
	for i := range p.blocks {
		if err := p.fill(i); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) close() error { return p.region.Release() }

// do does n operations.
func (p *program) do(n int) error {
	for range n {
		if err := p.region.Checked().Free(p.blocks[p.turn]); err != nil {
			return err
		}
		if err := p.fill(p.turn); err != nil {
			return err
		}
		p.turn = (p.turn + 1) % working
	}
	return nil
}

// fill allocates block i, writes it and reads it.
func (p *program) fill(i int) (err error) {
	mem, bytes := p.region.Checked(), p.buffer[:blockSizes[i%len(blockSizes)]]
	if p.blocks[i], err = mem.Alloc(addr.Bytes(len(bytes)), "work"); err != nil {
		return err
	}
	if err := mem.Store(p.blocks[i], bytes); err != nil {
		return err
	}
	return mem.Load(p.blocks[i], bytes)
}
