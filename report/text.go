package report

import "io"

// writeText draws the document on a page and writes that.
func writeText(w io.Writer, d Document, o Options) error {
	p := &page{opts: o, width: min(max(o.Width, MinWidth), MaxWidth), glyphs: unicodeGlyphs}
	if o.ASCII {
		p.glyphs = asciiGlyphs
	}
	d.text(p)
	_, err := io.WriteString(w, p.String())
	return err
}
