package rust

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// quote is text as Rust's Debug for str prints it. Bytes that are not UTF-8,
// which no str holds unless somebody wrote into its memory, stand as \xNN.
func quote(text []byte) string {
	var q strings.Builder
	q.WriteByte('"')
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&q, `\x%02x`, text[0])
		case r == '"':
			q.WriteString(`\"`)
		default:
			q.WriteString(escapeRune(r))
		}
		text = text[n:]
	}
	q.WriteByte('"')
	return q.String()
}

// escapeRune is r as Rust's Debug prints it, but for the two quotes, which str
// and char treat differently.
func escapeRune(r rune) string {
	switch r {
	case 0:
		return `\0`
	case '\t':
		return `\t`
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\\':
		return `\\`
	}
	if unicode.IsPrint(r) {
		return string(r)
	}
	return fmt.Sprintf(`\u{%x}`, r)
}
