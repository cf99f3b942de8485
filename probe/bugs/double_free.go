package bugs

import "memprobe/mmapheap"

var doubleFree = &Bug{
	Number: 1, Name: "double-free", Group: freedTwice, Class: mmapheap.DoubleFree, Goal: full,
	Title: "A block is freed twice in a row",
	About: "The second free gives back what is no longer the program's. An allocator that believes it has the same " +
		"block in its books twice, and hands it out twice.",
	Source: `char *a = malloc(24);
free(a);
free(a);
`,
	Line: 3,
	run: func(p *program) {
		a := p.line(1).malloc("a", 24)
		p.about(a)
		p.line(2).free(a)
		p.line(3).free(a)
	},
}

var doubleFreeApart = &Bug{
	Number: 2, Name: "double-free-apart", Group: freedTwice, Class: mmapheap.DoubleFree, Goal: full,
	Title: "Another free stands between the two",
	About: "As a double free, but a check that only compares with the block freed last does not see it.",
	Source: `char *a = malloc(24);
char *b = malloc(24);
free(a);
free(b);
free(a);
`,
	Line: 5,
	run: func(p *program) {
		a := p.line(1).malloc("a", 24)
		p.about(a)
		b := p.line(2).malloc("b", 24)
		p.line(3).free(a)
		p.line(4).free(b)
		p.line(5).free(a)
	},
}

var doubleFreeReused = &Bug{
	Number: 3, Name: "double-free-reused", Group: freedTwice, Class: mmapheap.DoubleFree, Goal: full,
	Title: "The address has a new owner by then",
	About: "Between the two frees the address is handed out again. The second free takes the new owner's block away, " +
		"and the next malloc gives it to a third.",
	Source: `char *a = malloc(24);
free(a);
char *b = malloc(24);
strcpy(b, "text of b");
free(a);
char *c = malloc(24);
strcpy(c, "text of c");
puts(b);
free(c);
free(b);
`,
	Line: 5,
	run: func(p *program) {
		a := p.line(1).malloc("a", 24)
		p.about(a)
		p.line(2).free(a)
		b := p.line(3).malloc("b", 24)
		p.line(4).store(b, "text of b")
		p.line(5).free(a)
		c := p.line(6).malloc("c", 24)
		p.line(7).store(c, "text of c")
		if got := p.line(8).load(b, 9); got != "text of b" {
			p.damage("b and c are the same block: b reads %q", got)
		}
		p.line(9).free(c)
		p.line(10).free(b)
	},
}

var doubleFreeLarge = &Bug{
	Number: 4, Name: "double-free-large", Group: freedTwice, Class: mmapheap.DoubleFree, Goal: full,
	Title: "A large block is freed twice",
	About: "Many allocators give a large block back to the kernel at once. The second free then touches memory that " +
		"is not there any more, and the program dies without a word.",
	Source: `char *a = malloc(2 << 20);
free(a);
free(a);
`,
	Line: 3,
	run: func(p *program) {
		a := p.line(1).malloc("a", 2<<20)
		p.about(a)
		p.line(2).free(a)
		p.line(3).free(a)
	},
}
