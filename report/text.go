package report

import "io"

// writeText draws the document on a page and, when that is whole, writes it.
func writeText(w io.Writer, d Document, o Options) error {
	p := &page{opts: o, width: min(max(o.Width, MinWidth), MaxWidth), glyphs: unicodeGlyphs}
	if o.ASCII {
		p.glyphs = asciiGlyphs
	}
	d.text(p)
	for _, piece := range p.pieces() {
		if err := hand(w, piece); err != nil {
			return err
		}
	}
	return nil
}

// keeper is a writer that can keep a text for good instead of a copy.
type keeper interface{ Keep(text []byte) }

// hand writes text, which nobody changes any more.
func hand(w io.Writer, text []byte) error {
	if k, ok := w.(keeper); ok {
		k.Keep(text)
		return nil
	}
	_, err := w.Write(text)
	return err
}
