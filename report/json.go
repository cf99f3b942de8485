package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

// formed is a model that the options give a form.
type formed interface{ form(Options) any }

// writeJSON writes the document's model, on one line where the options say so.
func writeJSON(w io.Writer, d Document, o Options) error {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if !o.Line {
		enc.SetIndent("", "  ")
	}
	model := d.model
	if m, ok := model.(formed); ok {
		model = m.form(o)
	}
	if err := enc.Encode(model); err != nil {
		return err
	}
	_, err := io.WriteString(w, escapeJSON(b.String()))
	return err
}

// escapeJSON writes the characters of a JSON text that need an escape on a
// terminal as JSON's own \uNNNN: it means the same to a parser. They are in
// strings alone, and encoding/json has dealt with those below blank.
func escapeJSON(s string) string {
	needs := func(r rune) bool { return r > '~' && needsEscape(r) }
	if !strings.ContainsFunc(s, needs) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if !needs(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}
