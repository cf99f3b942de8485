package layout

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"memprobe/layout/addr"
)

// findStacks finds the stack of each of p's threads: the first one's by the kernel's
// name for it, another's by the C library's record of the thread.
func (s *Space) findStacks(p process) {
	entries, err := os.ReadDir(p.file("task"))
	if err != nil {
		return
	}
	s.Threads = len(entries)
	var mem io.ReaderAt
	if opened, err := p.openMemory(); err == nil {
		defer opened.Close()
		mem = opened
	}
	var pages *Pagemap
	if opened, err := OpenPagemap(p.pid); err == nil {
		defer opened.Close()
		pages = opened
	}
	first := p.firstThread()
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		t := thread{p, tid}
		sp := t.stackPointer()
		stack := s.recordOf(t, sp, mem, pages)
		if tid == first {
			stack = s.firstStack(t, sp, stack)
		}
		stack.TID = tid
		if comm, err := readProc(t.file("comm")); err == nil {
			stack.Name = strings.TrimSuffix(string(comm), "\n")
		}
		if stack.Size() == 0 {
			stack.SP = sp
			s.unknown = append(s.unknown, stack)
			continue
		}
		if stack.Contains(sp) {
			stack.SP = sp
		}
		stack.look(pages)
		s.Stacks = append(s.Stacks, stack)
	}
	slices.SortFunc(s.Stacks, func(a, b Stack) int { return cmp.Compare(a.Lo, b.Lo) })
	var end addr.Addr
	s.Stacks = slices.DeleteFunc(s.Stacks, func(stack Stack) bool {
		if stack.Lo < end { // on another's: which bytes are whose is not known
			s.unknown = append(s.unknown, stack)
			return true
		}
		end = stack.Hi
		return false
	})
}

// keepStacks drops the stacks that are not so after all: a runtime keeps its threads'
// stacks in its heap, and what says so is surer. It notes which are not known.
func (s *Space) keepStacks() {
	s.Stacks = slices.DeleteFunc(s.Stacks, func(stack Stack) bool {
		i, ok := find(s.Parts, stack.Hi-1)
		return !ok || s.Parts[i].Segment() != SegmentStack
	})
	if len(s.unknown) == 0 || s.hasGo {
		return
	}
	const most = 4 // that are named
	var at []string
	for _, t := range s.unknown {
		if t.SP != 0 {
			at = append(at, fmt.Sprintf("thread %d %s is at %v", t.TID, t.Name, t.SP))
		}
	}
	why := "the kernel tells no stack pointer, and no record of the C library can be read"
	if len(at) > 0 {
		why = "nothing vouches for where they begin and end; by its stack pointer " + strings.Join(at[:min(most, len(at))], ", ")
	}
	if more := len(at) - most; more > 0 {
		why += fmt.Sprintf(" and so on, %d more", more)
	}
	s.Notes = append(s.Notes, fmt.Sprintf("of %d threads, the stacks of %d are not told apart: %s", s.Threads, len(s.unknown), why))
}

// firstThread is the number of the process that p is a thread of.
func (p process) firstThread() int {
	status, _ := readProc(p.file("status"))
	for line := range strings.Lines(string(status)) {
		if number, ok := strings.CutPrefix(line, "Tgid:"); ok {
			if n, err := strconv.Atoi(strings.TrimSpace(number)); err == nil {
				return n
			}
		}
	}
	return p.number()
}

// thread is the folder of a thread in /proc.
type thread struct {
	process
	tid int
}

func (t thread) file(name string) string {
	return t.process.file("task/" + strconv.Itoa(t.tid) + "/" + name)
}

// stackPointer is 0 where the kernel does not tell it: it needs the permission to
// debug the process, a kernel with /proc/PID/syscall, and a thread that waits.
func (t thread) stackPointer() addr.Addr {
	text, err := readProc(t.file("syscall"))
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 3 { // else: number, arguments, stack pointer, program counter
		return 0
	}
	sp, err := addr.Parse(fields[len(fields)-2])
	if err != nil {
		return 0
	}
	return sp
}

// firstStack is what the kernel calls [stack]. A process that another thread than the
// first has forked goes on with that one's stack, own, and nobody runs on [stack].
func (s *Space) firstStack(t thread, sp addr.Addr, own Stack) Stack {
	for _, m := range s.Mappings {
		if m.Name == "[stack]" && (m.Contains(sp) || own.Size() == 0 || sp != 0 && !own.Contains(sp)) {
			return Stack{Range: m.Range, First: true, FoundBy: FoundByKernel, Limit: t.stackLimit()}
		}
	}
	return own
}

// stackLimit is the soft limit of the process's first stack; 0 is none, or unknown.
func (p process) stackLimit() addr.Bytes {
	limits, _ := readProc(p.file("limits"))
	for line := range strings.Lines(string(limits)) {
		if rest, ok := strings.CutPrefix(line, "Max stack size"); ok {
			soft, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			n, _ := strconv.ParseUint(soft, 10, 64)
			return addr.Bytes(n)
		}
	}
	return 0
}

// guardBelow is the mapping right below mapping i if nobody may touch it.
func (s *Space) guardBelow(i int) addr.Range {
	if i == 0 {
		return addr.Range{}
	}
	below := s.Mappings[i-1]
	if below.Hi != s.Mappings[i].Lo || below.Perms&(Readable|Writable|Executable) != 0 || below.hasFile() {
		return addr.Range{}
	}
	return below.Range
}

// The C library's record of a thread lies at the top of the thread's stack, and says
// where that is. In glibc's (struct pthread) the kernel tells where the list of robust
// locks is; some 1 KiB above are three words in a row: where the stack's memory starts,
// how large it is, and how much of it is the guard. In musl's, which comes above the
// thread's variables, are five: the first two as in glibc's, then where the stack's own
// bytes end, how many these are, and the guard.
const (
	recordBelow = 2 << 10 // searched on both sides of the list
	recordAbove = 4 << 10
	recordTop   = 8 << 10  // searched below a mapping's end
	recordSP    = 64 << 10 // and above a stack pointer

	leastStack = 16 << 10 // what pthread_create takes where no page's end shows a stack's
)

// recordOf finds the stack of thread t by its record. A stack pointer alone would not
// say how far the stack reaches, and where no list leads to the record it only says
// where to search.
func (s *Space) recordOf(t thread, sp addr.Addr, mem io.ReaderAt, pages *Pagemap) Stack {
	if mem == nil {
		return Stack{}
	}
	if head, err := robustList(t.tid); err == nil && head != 0 {
		if stack := s.recordedStack(head, mem, pages); stack.Size() > 0 {
			return stack
		}
	}
	if i, ok := find(s.Mappings, sp); ok && sp != 0 && !s.hasGo && s.Mappings[i].Name != "[stack]" {
		return s.recordAbove(i, sp, mem, pages)
	}
	return Stack{}
}

// recordedStack finds the stack whose record, of glibc, holds head. Three words count as
// the record's only if the mappings agree with what they say; where not both ends are
// those of pages the record must lie where the upper one is.
func (s *Space) recordedStack(head addr.Addr, mem io.ReaderAt, pages *Pagemap) Stack {
	i, ok := find(s.Mappings, head)
	if !ok || !head.Aligned(word) {
		return Stack{}
	}
	near := addr.Range{Lo: head - recordBelow, Hi: head + recordAbove}.Intersect(s.Mappings[i].Range)
	words := readWords(mem, near, word)
	for _, whole := range []bool{true, false} {
		for n := range max(0, len(words)-2) {
			block, guard := addr.Span(words[n], addr.Bytes(words[n+1])), addr.Bytes(words[n+2])
			if whole != (block.Lo.Aligned(s.PageSize) && block.Hi.Aligned(s.PageSize)) ||
				!whole && (!block.Lo.Aligned(word) || block.Size() < leastStack || block.Hi.Sub(head) > recordTop) {
				continue
			}
			if stack := s.agreed(i, head, block, guard, pages); stack.Size() > 0 {
				stack.Record = head
				s.findVars(&stack, mem)
				return stack
			}
		}
	}
	return Stack{}
}

// recordAbove finds the record of the thread that runs at sp, in mapping i: of musl, or of
// a glibc that keeps no list for the kernel, as that for 32 bits does for those of 64.
func (s *Space) recordAbove(i int, sp addr.Addr, mem io.ReaderAt, pages *Pagemap) Stack {
	m, size := s.Mappings[i], addr.Bytes(word)
	if s.Arch == "386" || s.Arch == "arm" {
		size = word / 2
	}
	top := addr.Range{Lo: m.Hi - recordTop, Hi: m.Hi}.Intersect(m.Range)
	above := addr.Range{Lo: sp.AlignDown(size), Hi: sp + recordSP}.Intersect(m.Range)
	for _, near := range []addr.Range{top, above} {
		words := readWords(mem, near, size)
		for n := range max(0, len(words)-4) {
			at := near.Lo.Offset(addr.Bytes(n) * size)
			block, guard := recordIn(words[n:], at, m.Range)
			if stack := s.agreed(i, at, block, guard, pages); stack.Contains(sp) && at > sp {
				stack.Record = at
				return stack
			}
		}
	}
	return Stack{}
}

// recordIn is what the words of a record at at say of the stack and its guard, if they
// are those of musl, whose five must fit together, or those of glibc where they name the
// guard that lies right below mapping m, and m's end.
func recordIn(words []addr.Addr, at addr.Addr, m addr.Range) (block addr.Range, guard addr.Bytes) {
	base, size, guard := words[0], addr.Bytes(words[1]), addr.Bytes(words[2])
	if block = addr.Span(base, size); guard > 0 && block.Hi == m.Hi && base.Offset(guard) == m.Lo && base < m.Lo {
		return block, guard
	}
	top, own := words[2], addr.Bytes(words[3])
	guard = addr.Bytes(words[4])
	lo := top - addr.Addr(own)
	if base == 0 { // on memory of the program's choice
		base = lo
	}
	block = addr.Span(base, size)
	if lo == 0 || top <= lo || base.Offset(guard) != lo || at < top || !block.Contains(at) {
		return addr.Range{}, 0
	}
	return block, guard
}

// readWords reads the words of so many bytes in r, or as many as can be read.
func readWords(mem io.ReaderAt, r addr.Range, size addr.Bytes) []addr.Addr {
	text := make([]byte, r.Size())
	n, _ := mem.ReadAt(text, int64(r.Lo))
	var words []addr.Addr
	for text = text[:n]; addr.Bytes(len(text)) >= size; text = text[size:] {
		words = append(words, Word(text[:size]))
	}
	return words
}

// agreed is the stack in block, with a guard of so many bytes at its lower end, if the
// mappings from i, which holds the record at head, downward are so. A program may have
// made a guard of its own at the lower end, or right below.
func (s *Space) agreed(i int, head addr.Addr, block addr.Range, guard addr.Bytes, pages *Pagemap) Stack {
	if block.Lo >= block.Hi || guard >= block.Size() || guard%s.PageSize != 0 || !block.Contains(head) || !s.Mappings[i].Contains(block.Hi-1) {
		return Stack{}
	}
	for i > 0 && s.Mappings[i].Lo > block.Lo && s.writable(i) && s.Mappings[i-1].Hi == s.Mappings[i].Lo && s.writable(i-1) {
		i--
	}
	m := s.Mappings[i]
	stack := Stack{Range: block, FoundBy: FoundByRecord}
	below := s.guardBelow(i)
	switch lead := (addr.Range{Lo: block.Lo, Hi: m.Lo}); {
	case !s.writable(i):
		return Stack{}
	case m.Lo > block.Lo:
		if !below.Covers(lead) || lead.Size() < guard {
			return Stack{}
		}
		stack.Guard = lead
	default: // in accessible memory alone: a guard is a mark on its pages, if the kernel set it
		stack.Guard = pages.guardAt(block)
		if stack.Guard.Size() < guard {
			stack.Guard, stack.Lo = addr.Range{}, block.Lo.Offset(guard)
		}
	}
	switch {
	case stack.Guard.Size() > 0:
		stack.Lo = stack.Guard.Hi
	case m.Lo == block.Lo && guard == 0:
		stack.Guard = below
	}
	return stack
}

func (s *Space) writable(i int) bool { return s.Mappings[i].Perms&Writable != 0 }

// guardAt is what of r's lower end is marked as a guard.
func (p *Pagemap) guardAt(r addr.Range) addr.Range {
	if p == nil {
		return addr.Range{}
	}
	runs, err := p.Runs(wholePages(r))
	if err != nil || len(runs) == 0 || runs[0].State&PageGuarded == 0 || !r.Covers(runs[0].Range) {
		return addr.Range{}
	}
	return runs[0].Range
}

// look finds out which of the stack's pages were touched. Where the stack begins within
// a page, who touched that one is not known.
func (s *Stack) look(pages *Pagemap) {
	if pages == nil {
		return
	}
	whole := wholePages(s.Range)
	if whole.Lo < s.Lo {
		whole.Lo = whole.Lo.Offset(addr.Bytes(os.Getpagesize()))
	}
	found, err := pages.Runs(whole)
	if err != nil {
		return
	}
	s.Deepest = s.Hi
	for _, run := range found {
		if run.held() && run.State&PageZero == 0 {
			touched := run.Intersect(s.Range)
			s.Deepest = min(s.Deepest, touched.Lo)
			s.Touched += touched.Size()
		}
	}
}
