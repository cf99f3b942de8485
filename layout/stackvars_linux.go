package layout

import (
	"debug/elf"
	"encoding/binary"
	"io"
	"strconv"

	"memprobe/layout/addr"
)

// The record of a thread begins where its thread pointer leads, and on amd64 the word
// there is that pointer itself: the ABI asks for it. The C library repeats it two words
// on. Right below begins the thread's copy of the program's variables (__thread),
// downward, and then that of the libraries.
const recordAlign = 16

// findVars finds out where stack's record begins, one word of which it knows, and the
// variables below it.
func (s *Space) findVars(stack *Stack, mem io.ReaderAt) {
	if s.Arch != "amd64" {
		return
	}
	near := addr.Range{Lo: (stack.Record - recordBelow).AlignDown(recordAlign), Hi: stack.Record}.Intersect(stack.Range)
	text := make([]byte, near.Size())
	n, _ := mem.ReadAt(text, int64(near.Lo))
	var found []addr.Addr
	for text, at := text[:n], near.Lo; len(text) >= 3*word; text, at = text[min(len(text), recordAlign):], at.Offset(recordAlign) {
		self, again := binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[2*word:])
		if self == uint64(at) && again == self {
			found = append(found, at)
		}
	}
	if len(found) != 1 {
		return
	}
	stack.Record = found[0]
	if vars := (addr.Range{Lo: found[0] - addr.Addr(s.vars), Hi: found[0]}); s.vars > 0 && vars.Lo < vars.Hi && stack.Covers(vars) {
		stack.Vars = vars
	}
}

// varsBelowRecord is how far below a thread's record the copy begins that it has of the
// variables of f, a program for amd64; 0 where it has none or the linker asked for what
// C libraries do in different ways.
func varsBelowRecord(f *elf.File) addr.Bytes {
	for _, p := range f.Progs {
		if p.Type != elf.PT_TLS || f.Machine != elf.EM_X86_64 {
			continue
		}
		align := max(p.Align, 1)
		if align&(align-1) != 0 || p.Vaddr%align != 0 || p.Memsz > 1<<32 {
			return 0
		}
		return addr.Bytes(p.Memsz).AlignUp(addr.Bytes(align))
	}
	return 0
}

// findStart finds what the kernel put into the process's memory before its program ran.
func (s *Space) findStart(p process) {
	stat, _ := readProc(p.file("stat"))
	fields := statFields(string(stat))
	field := func(number int) addr.Addr { // as proc(5) counts them; the first behind the name is number 3
		if len(fields) <= number-3 {
			return 0
		}
		n, _ := strconv.ParseUint(fields[number-3], 10, 64)
		return addr.Addr(n)
	}
	text := func(from int) addr.Range {
		r := addr.Range{Lo: field(from), Hi: field(from + 1)}
		if i, ok := find(s.Mappings, r.Lo); r.Lo >= r.Hi || !ok || !s.Mappings[i].Covers(r) {
			return addr.Range{} // not told, or moved by the process to where nothing is
		}
		return r
	}
	s.Args, s.Env = text(48), text(50)
	start := field(28)
	for i := range s.Stacks {
		if stack := &s.Stacks[i]; stack.First && stack.Contains(start) {
			stack.Start = start
		}
	}
}
