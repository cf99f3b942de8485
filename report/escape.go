package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"memprobe/layout/addr"
)

// escape makes text from outside fit to be shown: no control character, no
// character that changes the direction of its neighbours, no broken UTF-8 comes
// through. A backslash is doubled, a byte that is not UTF-8 or a control below
// 0x80 is \xNN, any other such character is \u{NNNN}; so the original can be told
// from every escaped text.
func escape(s string) string {
	if isPlain(s) && strings.IndexByte(s, '\\') < 0 || !strings.ContainsFunc(s, needsEscape) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1, r < 0x80 && unicode.IsControl(r):
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r == '\\':
			b.WriteString(`\\`)
		case needsEscape(r):
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteRune(r)
		}
		s = s[n:]
	}
	return b.String()
}

// mostOfName is how many bytes of a name from outside a text report shows.
const mostOfName = 1024

// brief is a name from outside as a text report shows it: escaped, and of a very long
// one, as a path of 70,000 bytes is, the beginning.
func brief(name string) string {
	if len(name) <= mostOfName {
		return escape(name)
	}
	at := charStart(name, mostOfName)
	return escape(name[:at]) + "... and " + bytesOf(addr.Bytes(len(name)-at)) + " more"
}

// briefWithin is brief for words that names from outside are in: the end of very long
// ones stays as well, for it says what is with the name.
func briefWithin(words string) string {
	const end = 256
	at := charStart(words, max(0, len(words)-end))
	if at <= mostOfName {
		return escape(words)
	}
	return brief(words[:at]) + " ... " + escape(words[at:])
}

// charStart is where the character begins that the byte at at belongs to, at itself where
// it is none.
func charStart(s string, at int) int {
	for i := at - 1; i > at-utf8.UTFMax && i >= 0; i-- {
		if _, n := utf8.DecodeRuneInString(s[i:]); i+n > at {
			return i
		}
	}
	return at
}

// Printable is a message of memprobe's own fit for a terminal: as escape has it,
// but for its backslashes, which are meant.
func Printable(s string) string {
	if !strings.ContainsFunc(s, needsEscape) {
		return s
	}
	return strings.ReplaceAll(escape(s), `\\`, `\`)
}

// Cut is s in that many cells at most, escaped, with ... for what is left out.
func Cut(s string, n int) string {
	s = escape(s)
	if width(s) <= n {
		return s
	}
	return broken(s, n-3)[0] + "..."
}

// PrintableASCII is Printable without any character that ASCII lacks.
func PrintableASCII(s string) string { return asciiOnly(Printable(s)) }

// needsEscape is true for utf8.RuneError as well, which broken bytes decode to.
func needsEscape(r rune) bool {
	return r == '\\' || r == utf8.RuneError || r != ' ' && !unicode.IsPrint(r)
}

// asciiOnly is s with what ASCII lacks as \u{NNNN}.
func asciiOnly(s string) string {
	if isPlain(s) || strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if r > unicode.MaxASCII {
			fmt.Fprintf(&b, `\u{%x}`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
