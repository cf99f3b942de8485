package bugs

import "memprobe/mmapheap"

var uninitialisedRead = &Bug{
	Number: 29, Name: "uninitialised-read", Group: beforeWritten, Class: mmapheap.Uninitialised, Goal: full,
	Title: "A fresh block is read before it was written",
	About: "malloc does not clear. What is read is whatever the address held before: here a secret of a block that was " +
		"freed long ago.",
	Source: `char *old = malloc(24);
strcpy(old, "secret of old");
free(old);
char *a = malloc(24);
puts(a);
free(a);
`,
	Line: 5,
	run: func(p *program) {
		old := p.line(1).malloc("old", 24)
		p.line(2).store(old, "secret of old")
		p.line(3).free(old)
		a := p.line(4).malloc("a", 24)
		p.about(a)
		switch got := p.line(5).load(a, 13); got {
		case "":
		case "secret of old":
			p.damage("a reads what old left there: %q", got)
		default:
			p.damage("a reads %q, which nobody wrote there", got)
		}
		p.line(6).free(a)
	},
}
