package bugs

import (
	"strings"

	"memprobe/mmapheap"
)

var overflowPadding = &Bug{
	Number: 11, Name: "overflow-padding", Group: pastTheEnds, Class: mmapheap.Overflow, Goal: full,
	Title: "One byte too many, in the block's padding",
	About: "13 bytes were asked for and 16 set aside. The fourteenth byte hurts nobody here, and somebody on a machine " +
		"where blocks are packed tighter.",
	Source: `char *a = malloc(13);
strcpy(a, "hello, world");
a[13] = 'X';
free(a);
`,
	Line: 3,
	run: func(p *program) {
		a := p.line(1).malloc("a", 13)
		p.about(a)
		p.line(2).store(a, "hello, world\x00")
		p.line(3).store(a.Add(13), "X")
		p.line(4).free(a)
	},
}

var overflowOne = &Bug{
	Number: 12, Name: "overflow-one", Group: pastTheEnds, Class: mmapheap.Overflow, Goal: full,
	Title: "One byte too many, in the next block",
	About: "The block is full to its last byte; one more, often the 0 at the end of a text, is the neighbour's first.",
	Source: `char *a = malloc(16);
char *b = malloc(16);
strcpy(b, "text of b");
a[16] = 'X';
puts(b);
free(a);
free(b);
`,
	Line: 4,
	run: func(p *program) {
		a := p.line(1).malloc("a", 16)
		p.about(a)
		b := p.line(2).malloc("b", 16)
		p.line(3).store(b, "text of b")
		p.line(4).store(a.Add(16), "X")
		if got := p.line(5).load(b, 9); got != "text of b" {
			p.damage("b's first byte was overwritten: it reads %q", got)
		}
		p.line(6).free(a)
		p.line(7).free(b)
	},
}

var overflow16 = &Bug{
	Number: 13, Name: "overflow-16", Group: pastTheEnds, Class: mmapheap.Overflow, Goal: full,
	Title: "Sixteen bytes too many",
	About: "A loop that counts too far. In an allocator with headers it destroys the next block's header; here, where " +
		"there are none, the neighbour's text.",
	Source: `char *a = malloc(32);
char *b = malloc(16);
strcpy(b, "text of b");
memset(a, 'X', 48);
puts(b);
free(a);
free(b);
`,
	Line: 4,
	run: func(p *program) {
		a := p.line(1).malloc("a", 32)
		p.about(a)
		b := p.line(2).malloc("b", 16)
		p.line(3).store(b, "text of b")
		p.line(4).store(a, strings.Repeat("X", 48))
		if got := p.line(5).load(b, 9); got != "text of b" {
			p.damage("b was overwritten: it reads %q", got)
		}
		p.line(6).free(a)
		p.line(7).free(b)
	},
}

var overreadOne = &Bug{
	Number: 14, Name: "overread-one", Group: pastTheEnds, Class: mmapheap.Overflow, Goal: full,
	Title: "One byte too many is read",
	About: "Nothing is destroyed, but what is read is somebody else's. Heartbleed was this with 64 KiB.",
	Source: `char *a = malloc(16);
char *b = malloc(16);
strcpy(b, "secret of b");
char c = a[16];
free(a);
free(b);
`,
	Line: 4,
	run: func(p *program) {
		a := p.line(1).malloc("a", 16)
		p.about(a)
		b := p.line(2).malloc("b", 16)
		p.line(3).store(b, "secret of b")
		if got := p.line(4).load(a.Add(16), 1); got == "s" {
			p.damage("the first byte of b's secret was read: %q", got)
		}
		p.line(5).free(a)
		p.line(6).free(b)
	},
}

var underflowOne = &Bug{
	Number: 15, Name: "underflow-one", Group: pastTheEnds, Class: mmapheap.Underflow, Goal: full,
	Title: "One byte in front of the block is written",
	About: "An index of -1, from a search that found nothing or a loop that runs down too far.",
	Source: `char *a = malloc(16);
char *b = malloc(16);
memset(a, 'a', 16);
b[-1] = 'X';
if (a[15] != 'a') ...
free(a);
free(b);
`,
	Line: 4,
	run: func(p *program) {
		a := p.line(1).malloc("a", 16)
		b := p.line(2).malloc("b", 16)
		p.about(b)
		p.line(3).store(a, strings.Repeat("a", 16))
		p.line(4).store(b.Add(-1), "X")
		if got := p.line(5).load(a.Add(15), 1); got != "a" {
			p.damage("a's last byte was overwritten: it reads %q", got)
		}
		p.line(6).free(a)
		p.line(7).free(b)
	},
}

var overflowFar = &Bug{
	Number: 16, Name: "overflow-far", Group: pastTheEnds, Class: mmapheap.FarOverflow, Goal: full,
	Title: "An index so far off that it hits another block",
	About: "The address that is written belongs to a live block, so whoever looks at addresses sees nothing wrong. Only " +
		"who knows which block the pointer was made for can tell: no tool for raw pointers does.",
	Source: `char *a = malloc(16);
char *rest = malloc(5000);
char *b = malloc(64);
strcpy(b, "text of b");
size_t i = b - a;
a[i] = 'X';
puts(b);
free(a);
free(rest);
free(b);
`,
	Line: 6,
	run: func(p *program) {
		a := p.line(1).malloc("a", 16)
		p.about(a)
		rest := p.line(2).malloc("rest", 5000)
		b := p.line(3).malloc("b", 64)
		p.line(4).store(b, "text of b")
		i := int64(b.Addr - a.Addr)
		p.line(6).store(a.Add(i), "X")
		if got := p.line(7).load(b, 9); got != "text of b" {
			p.damage("b was overwritten: it reads %q", got)
		}
		p.line(8).free(a)
		p.line(9).free(rest)
		p.line(10).free(b)
	},
}
