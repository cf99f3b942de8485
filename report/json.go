package report

import (
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// formed is a model that the options give a form.
type formed interface{ form(Options) any }

// streamed is a model whose JSON is better never held as a whole.
type streamed interface{ WriteJSON(io.Writer) error }

// writeJSON writes the document's model, on one line where the options say so.
func writeJSON(w io.Writer, d Document, o Options) error {
	model := d.model
	if m, ok := model.(formed); ok {
		model = m.form(o)
	}
	text := &jsonText{line: o.Line}
	if m, ok := model.(streamed); ok {
		if err := m.WriteJSON(text); err != nil {
			return err
		}
	} else {
		enc := json.NewEncoder(text)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(model); err != nil {
			return err
		}
	}
	text.last = append(text.room(1), '\n')
	return handAll(w, text.pieces())
}

// jsonText is a JSON text that comes without blanks, and becomes one in lines, each
// indented by two more blanks than what it is in. Characters that need an escape on a
// terminal become JSON's own \uNNNN, which means the same to a parser: they are in strings
// alone, and encoding/json has dealt with those below blank.
type jsonText struct {
	collected
	line bool // all on one line

	depth   int
	empty   bool // nothing has come of what was opened last
	quoted  bool // in a string
	escaped bool // behind a backslash
}

// Write adds a piece of the text, which does not end within a character; the error is
// always nil.
func (t *jsonText) Write(text []byte) (int, error) {
	out := t.room(2 * len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c > '~':
			r, n := utf8.DecodeRune(text[i:])
			out = appendEscaped(out, r)
			i += n - 1
			continue
		case t.quoted:
			t.quoted = c != '"' || t.escaped
			t.escaped = c == '\\' && !t.escaped
		case c == '\n': // the encoder's
			continue
		case c == '}' || c == ']':
			if t.depth--; !t.empty {
				out = t.appendBreak(out)
			}
			t.empty = false
		default:
			if t.empty {
				out = t.appendBreak(out)
			}
			t.empty = c == '{' || c == '['
			t.quoted = c == '"'
		}
		out = append(out, c)
		switch {
		case t.quoted:
		case t.empty:
			t.depth++
		case c == ',':
			out = t.appendBreak(out)
		case c == ':' && !t.line:
			out = append(out, ' ')
		}
	}
	t.last = out
	return len(text), nil
}

// appendBreak begins a line.
func (t *jsonText) appendBreak(out []byte) []byte {
	if t.line {
		return out
	}
	return append(append(out, '\n'), blanks(2*t.depth)...)
}

// appendEscaped appends a character of a string that is above ~.
func appendEscaped(out []byte, r rune) []byte {
	if !needsEscape(r) {
		return utf8.AppendRune(out, r)
	}
	for _, unit := range utf16.AppendRune(nil, r) {
		out = fmt.Appendf(out, `\u%04x`, unit)
	}
	return out
}
