package bugs

import "memprobe/mmapheap"

var reallocFreed = &Bug{
	Number: 24, Name: "realloc-freed", Group: resizedWrong, Class: mmapheap.ResizeAfterFree, Goal: full,
	Title: "A freed block is resized",
	About: "realloc is a free, too. The address has a new owner here, whose block is then moved and freed under him.",
	Source: `char *a = malloc(24);
free(a);
char *b = malloc(24);
strcpy(b, "text of b");
char *c = strcpy(realloc(a, 48), "text of c");
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
		c := p.line(5).realloc(a, 48)
		p.store(c, "text of c")
		if got := p.line(6).load(b, 9); got != "text of b" {
			p.damage("b and c are the same block: b reads %q", got)
		}
		p.line(7).free(c)
		p.line(8).free(b)
	},
}

var reallocForeign = &Bug{
	Number: 25, Name: "realloc-foreign", Group: resizedWrong, Class: mmapheap.InvalidResize, Goal: located,
	Title: "Another allocator's memory is resized",
	About: "As freeing what another heap gave out: this heap has no block there, and nothing to copy from.",
	Source: `char *a = other_malloc(24);
a = realloc(a, 48);
`,
	Line: 2,
	run: func(p *program) {
		other := p.line(1).otherHeap()
		a := other.malloc(24)
		p.line(2).realloc(a, 48)
	},
}
