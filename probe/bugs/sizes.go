package bugs

import (
	"math"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

var zeroSizeUse = &Bug{
	Number: 26, Name: "zero-size-use", Group: wrongSizes, Class: mmapheap.ZeroSizeUse, Goal: full,
	Title: "A block of no bytes is used",
	About: "malloc(0) may return an address, but not one byte there is the program's. A length of 0 that nobody thought of.",
	Source: `char *a = malloc(0);
a[0] = 'X';
free(a);
`,
	Line: 2,
	run: func(p *program) {
		a := p.line(1).malloc("a", 0)
		p.about(a)
		p.line(2).store(a, "X")
		p.line(3).free(a)
	},
}

var hugeCalloc = &Bug{
	Number: 27, Name: "huge-calloc", Group: wrongSizes, Goal: refused,
	Title: "count times size does not fit into 64 bits",
	About: "calloc(2^62 + 1, 4) is 4 bytes more than 2^64, which wraps to 4. A calloc that multiplies blindly returns 4 bytes " +
		"for a table of 2^62 entries. One that looks refuses: the program gets NULL, and that is right.",
	Source: `int *a = calloc((1UL << 62) + 1, 4);
if (a == NULL)
    return 1;
a[1] = 7;
`,
	Line: 1,
	run: func(p *program) {
		a, ok := p.line(1).calloc("a", 1<<62+1, 4)
		if !ok {
			return
		}
		p.damage("calloc returned a block for 2^64 + 4 bytes")
		p.about(a)
		p.line(4).store(a.Add(4), "\x07\x00\x00\x00")
	},
}

var sizeWrap = &Bug{
	Number: 28, Name: "size-wrap", Group: wrongSizes, Class: mmapheap.Overflow, Goal: full,
	Title: "The program's own multiplication wraps",
	About: "As in huge-calloc, but the program multiplies: (2^62 + 4) * 4 wraps to 16. malloc sees a small number and " +
		"has no reason to refuse. The fault shows where the block turns out to be too small.",
	Source: `size_t n = (1UL << 62) + 4;
int *a = malloc(n * 4);
int *b = malloc(16);
b[0] = 1;
for (int i = 0; i < 8; i++)
    a[i] = 7;
if (b[0] != 1) ...
free(a);
free(b);
`,
	Line: 6,
	run: func(p *program) {
		n := addr.Bytes(math.MaxUint64/4 + 1 + 4)
		a := p.line(2).malloc("a", n*4)
		p.about(a)
		b := p.line(3).malloc("b", 16)
		p.line(4).store(b, "\x01\x00\x00\x00")
		for i := range int64(8) {
			p.line(6).store(a.Add(4*i), "\x07\x00\x00\x00")
		}
		if got := p.line(7).load(b, 4); got != "\x01\x00\x00\x00" {
			p.damage("b[0] was overwritten: it is %d now", got[0])
		}
		p.line(8).free(a)
		p.line(9).free(b)
	},
}
