package netted

import (
	"errors"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

// fileScope is where a static is declared: in no function.
const fileScope = "file scope"

// Pointer is an address, and the block that it was made for; the zero value is null.
type Pointer = mmapheap.Pointer

// Program is a program that runs: its memory, and where in its source it is.
type Program struct {
	Mem *mmapheap.Checked

	file  string   // its source, for reports
	at    int      // the line that runs, from 1; 0 at the end
	calls []string // the functions in progress
}

// New is a program whose source is file, before its first line.
func New(mem *mmapheap.Checked, file string) *Program {
	p := &Program{Mem: mem, file: file}
	mem.SetSite(p.site)
	return p
}

// end carries the reason why a program can't go on from a statement to Run.
type end struct{ err error }

// Run runs main to its end, or to the first thing that anybody notices, and returns
// that. At the end all blocks are looked at, and lost ones looked for.
func (p *Program) Run(main func()) (noticed error) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case end:
			noticed = e.err
		default:
			panic(e)
		}
	}()
	main()
	p.at = 0
	if err := p.Mem.Check(); err != nil {
		return err
	}
	var leaks []error
	for _, l := range p.Mem.Leaks() {
		leaks = append(leaks, l)
	}
	return errors.Join(leaks...)
}

// Line says that the statements to come stand on line n of the source.
func (p *Program) Line(n int) *Program {
	p.at = n
	return p
}

// At is the line that runs, or at which the program was ended; 0 if that was at its
// end.
func (p *Program) At() int { return p.at }

// site is where in its source the program is.
func (p *Program) site() mmapheap.Site {
	if p.at == 0 {
		return mmapheap.Site{}
	}
	return mmapheap.Site{Func: p.function(), File: p.file, Line: p.at}
}

// function is the name of the function that runs.
func (p *Program) function() string {
	if n := len(p.calls); n > 0 {
		return p.calls[n-1]
	}
	return "main"
}

// Must ends the program where err is not nil.
func (p *Program) Must(err error) {
	if err != nil {
		panic(end{err})
	}
}

// Alloc gets a block of n bytes for the variable owner.
func (p *Program) Alloc(owner string, n addr.Bytes) Pointer {
	a, err := p.Mem.Alloc(n, owner)
	p.Must(err)
	return a
}

// Free gives the block at a back.
func (p *Program) Free(a Pointer) { p.Must(p.Mem.Free(a)) }

// Resize makes the block at a hold n bytes, and says where it is now.
func (p *Program) Resize(a Pointer, n addr.Bytes) Pointer {
	b, err := p.Mem.Resize(a, n)
	p.Must(err)
	return b
}

// Store writes text at a.
func (p *Program) Store(a Pointer, text string) { p.Must(p.Mem.Store(a, []byte(text))) }

// Load reads n bytes at a.
func (p *Program) Load(a Pointer, n addr.Bytes) string {
	text := make([]byte, n)
	p.Must(p.Mem.Load(a, text))
	return string(text)
}

// StorePointer writes the pointer value at the address at.
func (p *Program) StorePointer(at, value Pointer) { p.Must(p.Mem.StorePointer(at, value)) }

// LoadPointer reads the pointer that stands at the address at.
func (p *Program) LoadPointer(at Pointer) Pointer {
	value, err := p.Mem.LoadPointer(at)
	p.Must(err)
	return value
}

// Local is a variable of a function.
func Local(name string, size addr.Bytes) mmapheap.Local {
	return mmapheap.Local{Name: name, Size: size}
}

// Call enters a function, and says where its locals lie, the first one lowest.
func (p *Program) Call(function string, locals ...mmapheap.Local) []Pointer {
	p.calls = append(p.calls, function)
	at, err := p.Mem.Push(function, locals...)
	p.Must(err)
	return at
}

// Return leaves the function that was entered last, and so ends its locals.
func (p *Program) Return() {
	p.Must(p.Mem.Pop())
	p.calls = p.calls[:len(p.calls)-1]
}

// Static is a global variable of n bytes.
func (p *Program) Static(name string, n addr.Bytes) Pointer {
	p.calls = append(p.calls, fileScope)
	a, err := p.Mem.Static(name, n)
	p.Must(err)
	p.calls = p.calls[:len(p.calls)-1]
	return a
}
