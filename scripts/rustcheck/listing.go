package main

import (
	"regexp"
	"strings"
)

// listing is a scenario's source, read just well enough to add to it.
type listing struct {
	text string
	code string // text with blanks for what stands in comments, strings and characters
}

// function is a function of a listing: its body is code[open+1:end].
type function struct {
	name      string
	signature string // what stands between its parentheses
	open, end int
}

var comments = regexp.MustCompile(`(?s)//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\])*"|'(?:\\.[^']*|[^'\\])'`)

func newListing(source []string) listing {
	text := strings.Join(source, "\n") + "\n"
	blank := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r == '\n' {
				return r
			}
			return ' '
		}, s)
	}
	code := []byte(text)
	for _, at := range comments.FindAllStringIndex(text, -1) {
		if text[at[0]] == '/' {
			copy(code[at[0]:], blank(text[at[0]:at[1]]))
			continue
		}
		for i := at[0] + 1; i < at[1]-1; i++ { // the quotes stay: a line may end with one
			code[i] = ' '
		}
	}
	return listing{text, string(code)}
}

var functionStart = regexp.MustCompile(`\bfn\s+(\w+)`)

// functions are those of the listing, in its order.
func (l listing) functions() []function {
	var all []function
	for _, at := range functionStart.FindAllStringSubmatchIndex(l.code, -1) {
		f := function{name: l.code[at[2]:at[3]]}
		paren := at[3] + strings.IndexByte(l.code[at[3]:], '(')
		closing := l.closing(paren)
		f.signature = l.code[paren+1 : closing]
		brace := strings.IndexAny(l.code[closing:], "{;")
		if brace < 0 || l.code[closing+brace] == ';' {
			continue // declared, no more
		}
		f.open = closing + brace
		f.end = l.closing(f.open)
		all = append(all, f)
	}
	return all
}

var (
	unsafeBlock = regexp.MustCompile(`\bunsafe\s*\{`)
	harmless    = regexp.MustCompile(`^\s*alloc\(\w+\)\s*$`)
)

// unsafeBlocks are the places where unsafe code begins. To ask for memory is unsafe
// since it has to be given back; it has no other risk, and is left out.
func (l listing) unsafeBlocks() (all []int) {
	for _, at := range unsafeBlock.FindAllStringIndex(l.code, -1) {
		if !harmless.MatchString(l.code[at[1]:l.closing(at[1]-1)]) {
			all = append(all, at[1])
		}
	}
	return all
}

// closing is where the bracket that opens at at is closed; the listing compiles, so it is.
func (l listing) closing(at int) int {
	depth := 0
	for i := at; i < len(l.code); i++ {
		switch l.code[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(l.code) - 1
}

// calls tells whether the listing calls a function of that name.
func (l listing) calls(function string) bool {
	return regexp.MustCompile(`\b` + function + `\(`).MatchString(l.code)
}

// has tells where in f a variable of that name has its first value: the place
// right behind.
func (l listing) has(f function, name string) (at int, ok bool) {
	if regexp.MustCompile(`(^|[\s,])` + name + `\s*:`).MatchString(f.signature) {
		return f.open + 1, true
	}
	body := l.code[f.open:f.end]
	if m := regexp.MustCompile(`\bfor\s+(mut\s+)?` + name + `\s+in\b[^{]*\{`).FindStringIndex(body); m != nil {
		return f.open + m[1], true
	}
	m := regexp.MustCompile(`\blet\s+(mut\s+)?` + name + `\b`).FindStringIndex(body)
	if m == nil {
		return 0, false
	}
	end := l.statementEnd(f.open + m[1])
	if !strings.Contains(l.code[f.open+m[1]:end], "=") { // declared, no more
		later := regexp.MustCompile(`\b` + name + `\s*=[^=]`).FindStringIndex(l.code[end:f.end])
		if later == nil {
			return 0, false
		}
		end = l.statementEnd(end + later[1])
	}
	return end, true
}

// statementEnd is the place behind the semicolon that ends the statement at at.
func (l listing) statementEnd(at int) int {
	for i := at; i < len(l.code); i++ {
		switch l.code[i] {
		case '(', '[', '{':
			i = l.closing(i)
		case ';':
			return i + 1
		}
	}
	return len(l.code)
}

// notBlocks are what an opening brace belongs to when no statement can follow it.
var notBlocks = regexp.MustCompile(`\b(struct|enum|union|match|impl|trait|mod|use)\b|[=(,:]\s*[A-Z]\w*\s*\{$`)

// lineEnd is the place behind line n, from 1, where a statement can follow it in f;
// ok is false where none can: behind an expression that f returns, and behind f.
func (l listing) lineEnd(f function, n int) (at int, ok bool) {
	start := 0
	for range n - 1 {
		start += strings.IndexByte(l.code[start:], '\n') + 1
	}
	line := strings.TrimRight(l.code[start:start+strings.IndexByte(l.code[start:], '\n')], " ")
	at = start + len(line)
	if line == "" || at <= f.open || at > f.end {
		return 0, false
	}
	switch line[len(line)-1] {
	case ';', '}':
		return at, l.inBlock(f, at)
	case '{':
		return at, !notBlocks.MatchString(line)
	}
	return 0, false
}

// inBlock tells whether at lies in a block of f, not in an expression or between the
// arms of a match.
func (l listing) inBlock(f function, at int) bool {
	open := []int{}
	for i := f.open; i < at; i++ {
		switch l.code[i] {
		case '(', '[', '{':
			open = append(open, i)
		case ')', ']', '}':
			open = open[:len(open)-1]
		}
	}
	for _, i := range open {
		if l.code[i] != '{' {
			return false
		}
	}
	if len(open) == 0 {
		return false
	}
	inner := open[len(open)-1]
	return !notBlocks.MatchString(l.code[strings.LastIndexByte(l.code[:inner], '\n')+1 : inner+1])
}

var structStart = regexp.MustCompile(`(#\[repr[^\]]*\]\s*)?\bstruct\s+\w+`)

// innerStructs are the structs that are declared inside of functions.
func (l listing) innerStructs() []string {
	var all []string
	for _, f := range l.functions() {
		for _, at := range structStart.FindAllStringIndex(l.code[f.open:f.end], -1) {
			start := f.open + at[0]
			end := f.open + at[1] + strings.IndexAny(l.code[f.open+at[1]:], "{(;")
			if l.code[end] != ';' {
				end = l.closing(end)
			}
			if l.code[end] == ')' {
				end = l.statementEnd(end+1) - 1
			}
			all = append(all, l.code[start:end+1])
		}
	}
	return all
}
