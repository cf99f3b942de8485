package bugs

import "memprobe/mmapheap"

var freeInterior = &Bug{
	Number: 5, Name: "free-interior", Group: notABlock, Class: mmapheap.InvalidFree, Goal: full,
	Title: "An address inside a block is freed",
	About: "The pointer was moved along the block, and free gets where it is now and not where the block begins.",
	Source: `char *a = malloc(64);
free(a + 16);
free(a);
`,
	Line: 2,
	run: func(p *program) {
		a := p.line(1).malloc("a", 64)
		p.about(a)
		p.line(2).free(a.Add(16))
		p.line(3).free(a)
	},
}

var freeMisaligned = &Bug{
	Number: 6, Name: "free-misaligned", Group: notABlock, Class: mmapheap.InvalidFree, Goal: full,
	Title: "An address that no block can have is freed",
	About: "As an address inside a block, but no multiple of 16 at that: no malloc ever returned it.",
	Source: `char *a = malloc(64);
free(a + 1);
free(a);
`,
	Line: 2,
	run: func(p *program) {
		a := p.line(1).malloc("a", 64)
		p.about(a)
		p.line(2).free(a.Add(1))
		p.line(3).free(a)
	},
}

var freeStack = &Bug{
	Number: 7, Name: "free-stack", Group: notABlock, Class: mmapheap.InvalidFree, Goal: full,
	Title: "A local variable is freed",
	About: "A local lies on the stack and goes with its function. The heap has nothing to take back there.",
	Source: `void work(void) {
    char buffer[32];
    free(buffer);
}
`,
	Line: 3,
	run: func(p *program) {
		buffer := p.line(1).call("work", local("buffer", 32))[0]
		p.about(buffer)
		p.line(3).free(buffer)
		p.line(4).ret()
	},
}

var freeGlobal = &Bug{
	Number: 8, Name: "free-global", Group: notABlock, Class: mmapheap.InvalidFree, Goal: full,
	Title: "A global variable is freed",
	About: "A global lives as long as the program, outside heap and stack. Nobody can give it back.",
	Source: `static char table[64];

int main(void) {
    free(table);
}
`,
	Line: 4,
	run: func(p *program) {
		table := p.line(1).Static("table", 64)
		p.about(table)
		p.line(4).free(table)
	},
}

var freeForeign = &Bug{
	Number: 9, Name: "free-foreign", Group: notABlock, Class: mmapheap.InvalidFree, Goal: located,
	Title: "Another allocator's memory is freed",
	About: "The address is mapped and in use, but by another heap of the same process: a library's own, say. " +
		"This heap has no block to name.",
	Source: `char *a = other_malloc(24);
free(a);
other_free(a);
`,
	Line: 2,
	run: func(p *program) {
		other := p.line(1).otherHeap()
		a := other.malloc(24)
		p.line(2).free(a)
		other.free(a)
	},
}

var freeUnmapped = &Bug{
	Number: 10, Name: "free-unmapped", Group: notABlock, Class: mmapheap.InvalidFree, Goal: located,
	Title: "An address where nothing is mapped is freed",
	About: "What the pointer led to has been given back to the kernel. An allocator that looks for its header in front " +
		"of the block dies of that look.",
	Source: `char *a = mmap(NULL, 4096, ...);
munmap(a, 4096);
free(a);
`,
	Line: 3,
	run: func(p *program) {
		other := p.line(1).otherHeap()
		a := other.malloc(24)
		p.line(2)
		other.unmap()
		p.line(3).free(a)
	},
}
