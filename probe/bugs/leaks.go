package bugs

import "memprobe/mmapheap"

var leakBlock = &Bug{
	Number: 22, Name: "leak-block", Group: neverFreed, Class: mmapheap.Leak, Goal: fullAtEnd,
	Title: "The last pointer to a block is lost",
	About: "The block stays in use, and nobody can free it any more. Nothing is wrong at that moment: only who looks at " +
		"the end for blocks that no pointer leads to can tell.",
	Source: `int main(void) {
    char *a;
    a = malloc(24);
    a = NULL;
    ...
}
`,
	Line: 4,
	run: func(p *program) {
		a := p.line(1).call("main", local("a", wordSize))[0]
		block := p.line(3).malloc("a", 24)
		p.about(block)
		p.storePointer(a, block)
		p.line(4).storePointer(a, mmapheap.Pointer{})
		p.line(5)
	},
}

var leakCycle = &Bug{
	Number: 23, Name: "leak-cycle", Group: neverFreed, Class: mmapheap.Leak, Goal: fullAtEnd,
	Title: "Two lost blocks that point to each other",
	About: "Each block has a pointer to it, so counting pointers does not find the leak: only following them from the " +
		"variables of the program does.",
	Source: `int main(void) {
    struct node *a;
    a = malloc(16);
    struct node *b = malloc(16);
    a->next = b;
    b->next = a;
    a = b = NULL;
    ...
}
`,
	Line: 7,
	run: func(p *program) {
		vars := p.line(1).call("main", local("a", wordSize), local("b", wordSize))
		a, b := vars[0], vars[1]
		first := p.line(3).malloc("a", 16)
		p.about(first)
		p.storePointer(a, first)
		second := p.line(4).malloc("b", 16)
		p.storePointer(b, second)
		p.line(5).storePointer(p.loadPointer(a), p.loadPointer(b))
		p.line(6).storePointer(p.loadPointer(b), p.loadPointer(a))
		p.line(7).storePointer(a, mmapheap.Pointer{})
		p.storePointer(b, mmapheap.Pointer{})
		p.line(8)
	},
}
