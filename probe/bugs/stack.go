package bugs

import (
	"strings"

	"memprobe/mmapheap"
)

var stackOverflow = &Bug{
	Number: 30, Name: "stack-overflow", Group: onTheStack, Class: mmapheap.StackOverflow, Goal: sized,
	Title: "A function calls itself without an end",
	About: "Each call takes a frame until the stack is full. The page below it is a guard page, so that the frame " +
		"that does not fit meets no other memory. There is no block to name.",
	Source: `void again(void) {
    char buffer[65536];
    again();
}
`,
	Line: 3,
	run: func(p *program) {
		p.line(1).call("again", local("buffer", 64<<10))
		for range 64 {
			p.line(3).call("again", local("buffer", 64<<10))
		}
	},
}

var stackBufferOverflow = &Bug{
	Number: 31, Name: "stack-buffer-overflow", Group: onTheStack, Class: mmapheap.StackBufferOverflow, Goal: full,
	Title: "A local runs into the next one",
	About: "A text longer than the buffer. What lies behind is another variable of the same function, or the address " +
		"to return to: the oldest way to break into a program.",
	Source: `void login(void) {
    char name[16];
    char admin[8] = "no";
    strcpy(name, "a name that is long");
    puts(admin);
}
`,
	Line: 4,
	run: func(p *program) {
		locals := p.line(1).call("login", local("name", 16), local("admin", 8))
		name, admin := locals[0], locals[1]
		p.about(name)
		p.line(3).store(admin, "no\x00\x00\x00\x00\x00\x00")
		p.line(4).store(name, "a name that is long\x00")
		if got := p.line(5).load(admin, 2); got != "no" {
			p.damage("admin was overwritten: it reads %q", strings.TrimRight(got, "\x00"))
		}
		p.line(6).ret()
	},
}

var danglingStack = &Bug{
	Number: 32, Name: "dangling-stack", Group: onTheStack, Class: mmapheap.UseAfterReturn, Goal: full,
	Title: "A pointer to a local outlives its function",
	About: "When make returns, its frame is gone and the next call takes the place. The pointer now leads into that " +
		"one's variables.",
	Source: `char *make(void) { char text[16] = "text"; return text; }
void other(char *p) {
    char mine[16] = "text of other";
    puts(p);
}
int main(void) { other(make()); }
`,
	Line: 4,
	run: func(p *program) {
		text := p.line(1).call("make", local("text", 16))[0]
		p.about(text)
		p.store(text, "text")
		p.ret(text)
		mine := p.line(2).call("other", local("mine", 16))[0]
		p.line(3).store(mine, "text of other")
		switch got := p.line(4).load(text, 13); got {
		case "":
		case "text of other":
			p.damage("what make returned reads %q", got)
		default:
			p.damage("what make returned reads %q, which is gone", got)
		}
		p.line(5).ret()
	},
}
