package bugs

import "memprobe/mmapheap"

var readAfterFree = &Bug{
	Number: 17, Name: "read-after-free", Group: afterFree, Class: mmapheap.UseAfterFree, Goal: full,
	Title: "A freed block is read",
	About: "Free wipes nothing, so the old bytes are often still there: the program works, until the day on which they " +
		"are not.",
	Source: `char *a = malloc(24);
strcpy(a, "text of a");
free(a);
puts(a);
`,
	Line: 4,
	run: func(p *program) {
		a := p.line(1).malloc("a", 24)
		p.about(a)
		p.line(2).store(a, "text of a")
		p.line(3).free(a)
		switch got := p.line(4).load(a, 9); got {
		case "":
		case "text of a":
			p.damage("the freed block still reads %q", got)
		default:
			p.damage("the freed block reads %q", got)
		}
	},
}

var writeAfterFree = &Bug{
	Number: 18, Name: "write-after-free", Group: afterFree, Class: mmapheap.UseAfterFree, Goal: full,
	Title: "A freed block is written",
	About: "Whoever gets the address next, or the allocator itself if it keeps its books there, finds a byte that it did " +
		"not write.",
	Source: `char *a = malloc(24);
strcpy(a, "text of a");
free(a);
a[0] = 'X';
`,
	Line: 4,
	run: func(p *program) {
		a := p.line(1).malloc("a", 24)
		p.about(a)
		p.line(2).store(a, "text of a")
		p.line(3).free(a)
		p.line(4).store(a, "X")
	},
}

var writeAfterReuse = &Bug{
	Number: 19, Name: "write-after-reuse", Group: afterFree, Class: mmapheap.UseAfterFree, Goal: full,
	Title: "The address has a new owner, and is written",
	About: "The old pointer now leads into another block that is in use. The new owner's text changes as if by itself.",
	Source: `char *a = malloc(24);
free(a);
char *b = malloc(24);
strcpy(b, "text of b");
a[0] = 'X';
puts(b);
free(b);
`,
	Line: 5,
	run: func(p *program) {
		a := p.line(1).malloc("a", 24)
		p.about(a)
		p.line(2).free(a)
		b := p.line(3).malloc("b", 24)
		p.line(4).store(b, "text of b")
		p.line(5).store(a, "X")
		if got := p.line(6).load(b, 9); got != "text of b" {
			p.damage("b was overwritten: it reads %q", got)
		}
		p.line(7).free(b)
	},
}

var readAfterChurn = &Bug{
	Number: 20, Name: "read-after-churn", Group: afterFree, Class: mmapheap.UseAfterFree, Goal: full,
	Title: "A freed block is read long after",
	About: "A quarantine holds freed blocks back, but not for ever: here 4 MiB of others go through it first, and the " +
		"address has a new owner. A tool that only knows addresses blames that one, or nobody.",
	Source: `char *a = malloc(100);
free(a);
for (int i = 0; i < 1024; i++)
    free(malloc(4096));
char *b = malloc(100);
strcpy(b, "secret of b");
puts(a);
free(b);
`,
	Line: 7,
	run: func(p *program) {
		a := p.line(1).malloc("a", 100)
		p.about(a)
		p.line(2).free(a)
		for range 1024 {
			p.line(4).free(p.malloc("(churn)", 4096))
		}
		b := p.line(5).malloc("b", 100)
		p.line(6).store(b, "secret of b")
		switch got := p.line(7).load(a, 11); got {
		case "":
		case "secret of b":
			p.damage("a reads what belongs to b: %q", got)
		default:
			p.damage("the freed block reads %q", got)
		}
		p.line(8).free(b)
	},
}

var useAfterRealloc = &Bug{
	Number: 21, Name: "use-after-realloc", Group: afterFree, Class: mmapheap.UseAfterResize, Goal: full,
	Title: "The old pointer is used after a realloc",
	About: "realloc returned another address, because what lies behind the block is in use. Who keeps the old pointer " +
		"writes into a freed block, and the new one does not change.",
	Source: `char *a = malloc(24);
char *wall = malloc(24);
strcpy(a, "text of a");
char *b = realloc(a, 200);
a[0] = 'X';
puts(b);
free(b);
free(wall);
`,
	Line: 5,
	run: func(p *program) {
		a := p.line(1).malloc("a", 24)
		p.about(a)
		wall := p.line(2).malloc("wall", 24)
		p.line(3).store(a, "text of a")
		b := p.line(4).realloc(a, 200)
		wrote := p.line(5).store(a, "X")
		if got := p.line(6).load(b, 9); wrote && got == "text of a" {
			p.damage("the X is lost: b still reads %q", got)
		}
		p.line(7).free(b)
		p.line(8).free(wall)
	},
}
