package layout

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"memprobe/layout/addr"
)

// findStacks finds the stack of each of p's threads: the first one's by the kernel's
// name for it, another's by the C library's record of the thread, or by the thread's
// stack pointer where the kernel tells it.
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
	if opened, err := OpenPagemapOf(p.pid); err == nil {
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
		var stack Stack
		if tid == first {
			stack = s.firstStack(t)
		} else {
			stack = s.threadStack(t, mem, pages)
		}
		if stack.Size() == 0 {
			continue
		}
		stack.TID, stack.First = tid, tid == first
		if comm, err := os.ReadFile(t.file("comm")); err == nil {
			stack.Name = strings.TrimSuffix(string(comm), "\n")
		}
		stack.look(pages)
		s.Stacks = append(s.Stacks, stack)
	}
	s.dropShared()
	slices.SortFunc(s.Stacks, func(a, b Stack) int { return cmp.Compare(a.Lo, b.Lo) })
}

// keepStacks drops the stacks that are not so after all: a runtime keeps its threads'
// stacks in its heap, and what says so is surer. It notes how many are not known.
func (s *Space) keepStacks() {
	inHeap := 0
	s.Stacks = slices.DeleteFunc(s.Stacks, func(stack Stack) bool {
		i, ok := find(s.Parts, stack.Hi-1)
		lost := !ok || s.Parts[i].Segment() != SegmentStack
		if lost && ok && s.Parts[i].Segment() == SegmentHeap {
			inHeap++
		}
		return lost
	})
	if unknown := s.Threads - len(s.Stacks) - inHeap; unknown > 0 && !s.hasGo {
		s.Notes = append(s.Notes, fmt.Sprintf("of %d threads, the stacks of %d are not told apart: "+
			"the kernel tells no stack pointer, and no record of the C library vouches for them", s.Threads, unknown))
	}
}

// firstThread is the number of the process that p is a thread of.
func (p process) firstThread() int {
	status, _ := os.ReadFile(p.file("status"))
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
	text, err := os.ReadFile(t.file("syscall"))
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

// firstStack is what the kernel calls [stack].
func (s *Space) firstStack(t thread) Stack {
	for _, m := range s.Mappings {
		if m.Name != "[stack]" {
			continue
		}
		stack := Stack{Range: m.Range, FoundBy: FoundByKernel, Limit: t.stackLimit()}
		if sp := t.stackPointer(); m.Contains(sp) {
			stack.SP = sp
		}
		return stack
	}
	return Stack{}
}

// stackLimit is the soft limit of the process's first stack; 0 is none, or unknown.
func (p process) stackLimit() addr.Bytes {
	limits, _ := os.ReadFile(p.file("limits"))
	for line := range strings.Lines(string(limits)) {
		if rest, ok := strings.CutPrefix(line, "Max stack size"); ok {
			soft, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			n, _ := strconv.ParseUint(soft, 10, 64)
			return addr.Bytes(n)
		}
	}
	return 0
}

// threadStack finds the stack of a thread that is not the first. A stack pointer alone
// does not say how far its stack reaches: the mapping counts as the stack only above
// a guard, and never in a Go program, whose threads run on pieces of Go's heap.
func (s *Space) threadStack(t thread, mem io.ReaderAt, pages *Pagemap) Stack {
	sp := t.stackPointer()
	if head, err := robustList(t.tid); err == nil && mem != nil {
		if stack := s.recordedStack(head, mem, pages); stack.Size() > 0 {
			if stack.Contains(sp) {
				stack.SP = sp
			}
			return stack
		}
	}
	i, ok := find(s.Mappings, sp)
	if sp == 0 || !ok || !s.mayBeStack(i) || s.hasGo || s.guardBelow(i).Size() == 0 {
		return Stack{}
	}
	return Stack{Range: s.Mappings[i].Range, SP: sp, FoundBy: FoundBySP, Guard: s.guardBelow(i)}
}

// dropShared drops the stacks that a stack pointer alone speaks for where it speaks
// for two: a runtime then keeps many stacks in one mapping, and where each begins and
// ends is not known.
func (s *Space) dropShared() {
	found := map[addr.Range]int{}
	for _, stack := range s.Stacks {
		found[stack.Range]++
	}
	s.Stacks = slices.DeleteFunc(s.Stacks, func(stack Stack) bool { return found[stack.Range] > 1 })
}

// mayBeStack: memory without a file that can be written, and that the kernel has no
// other name for.
func (s *Space) mayBeStack(i int) bool {
	m := s.Mappings[i]
	return !m.hasFile() && m.Perms&Writable != 0 && (m.Name == "" || strings.HasPrefix(m.Name, "[anon:") || strings.HasPrefix(m.Name, "[stack:"))
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

// The C library's record of a thread (glibc's struct pthread) lies at the top of the
// thread's stack. The kernel tells where in it the list of robust locks is; some 1 KiB
// above are three words in a row that say where the stack's memory starts, how large
// it is, and how much of it is the guard.
const (
	recordBelow = 2 << 10 // searched on both sides of the list
	recordAbove = 4 << 10
)

// recordedStack finds the stack whose record holds head. Three words count as the
// record's only if the mappings agree with what they say.
func (s *Space) recordedStack(head addr.Addr, mem io.ReaderAt, pages *Pagemap) Stack {
	i, ok := find(s.Mappings, head)
	if !ok || !s.mayBeStack(i) || !head.Aligned(word) {
		return Stack{}
	}
	near := addr.Range{Lo: head - recordBelow, Hi: head + recordAbove}.Intersect(s.Mappings[i].Range)
	text := make([]byte, near.Size())
	n, _ := mem.ReadAt(text, int64(near.Lo))
	for text = text[:n]; len(text) >= 3*word; text = text[word:] {
		block := addr.Span(addr.Addr(binary.NativeEndian.Uint64(text)), addr.Bytes(binary.NativeEndian.Uint64(text[word:])))
		guard := addr.Bytes(binary.NativeEndian.Uint64(text[2*word:]))
		if stack := s.agreed(i, head, block, guard, pages); stack.Size() > 0 {
			stack.Record = head
			s.findVars(&stack, mem)
			return stack
		}
	}
	return Stack{}
}

// agreed is the stack in block, with a guard of so many bytes at its lower end, if
// mapping i and the one below it are so.
func (s *Space) agreed(i int, head addr.Addr, block addr.Range, guard addr.Bytes, pages *Pagemap) Stack {
	m, page := s.Mappings[i], s.PageSize
	if block.Lo >= block.Hi || guard >= block.Size() || !block.Contains(head) || !block.Lo.Aligned(page) ||
		!block.Hi.Aligned(page) || guard%page != 0 || !m.Contains(block.Hi-1) {
		return Stack{}
	}
	stack := Stack{Range: addr.Range{Lo: block.Lo.Offset(guard), Hi: block.Hi}, FoundBy: FoundByRecord}
	below := addr.Range{Lo: block.Lo, Hi: stack.Lo}
	switch {
	case guard == 0 && m.Covers(block): // the program may have put a guard of its own below
		if m.Lo == block.Lo {
			stack.Guard = s.guardBelow(i)
		}
	case guard > 0 && m.Lo == stack.Lo && s.guardBelow(i).Covers(below):
		stack.Guard = below
	case guard > 0 && m.Covers(block): // in one mapping: the guard is a mark on its pages, if the kernel set it
		if pages.guarded(below) {
			stack.Guard = below
		}
	default:
		return Stack{}
	}
	return stack
}

// guarded reports whether all pages of r are marked as guards.
func (p *Pagemap) guarded(r addr.Range) bool {
	if p == nil {
		return false
	}
	runs, err := p.Runs(r)
	return err == nil && len(runs) == 1 && runs[0].State&PageGuarded != 0
}

// look finds out which of the stack's pages were touched.
func (s *Stack) look(pages *Pagemap) {
	if pages == nil {
		return
	}
	found, err := pages.Runs(s.Range)
	if err != nil {
		return
	}
	s.Deepest = s.Hi
	for _, run := range found {
		if run.held() && run.State&PageZero == 0 {
			s.Deepest = min(s.Deepest, run.Lo)
			s.Touched += run.Size()
		}
	}
}
