package report

import (
	"errors"
	"io"

	"memprobe/layout"
)

// mappingList is a model that is a list of mappings too.
type mappingList interface {
	mappings() []layout.Mapping
	text() []byte // as the kernel gave it; nil: not kept
}

// writeMaps writes the document's mappings as the kernel does, byte for byte. On a
// terminal names are escaped.
func writeMaps(w io.Writer, d Document, o Options) error {
	list, ok := d.model.(mappingList)
	if !ok {
		return errors.New("this report has no maps form")
	}
	if raw := list.text(); raw != nil && !o.Terminal {
		return hand(w, raw)
	}
	mappings := list.mappings()
	text := make([]byte, 0, 100*len(mappings))
	for _, m := range mappings {
		if o.Terminal {
			m.Name = escape(m.Name)
		}
		text = append(m.Append(text), '\n')
	}
	return hand(w, text)
}
