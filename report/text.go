package report

import "io"

// writeText draws the document on a page and writes that.
func writeText(w io.Writer, d Document, o Options) error {
	p := &page{opts: o, width: max(o.Width, MinWidth), glyphs: unicodeGlyphs}
	if o.ASCII {
		p.glyphs = asciiGlyphs
	}
	d.text(p)
	_, err := io.WriteString(w, p.String())
	return err
}
