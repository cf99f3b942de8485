package report

import (
	"io"
	"slices"
)

// writeText draws the document on a page and, when that is whole, writes it.
func writeText(w io.Writer, d Document, o Options) error {
	p := &page{opts: o, width: min(max(o.Width, MinWidth), MaxWidth), glyphs: unicodeGlyphs}
	if o.ASCII {
		p.glyphs = asciiGlyphs
	}
	d.text(p)
	return handAll(w, p.pieces())
}

// collected is a text that is written when it is whole, in pieces: a long one is never
// moved.
type collected struct {
	whole [][]byte
	last  []byte
}

// Write adds text; the error is always nil.
func (c *collected) Write(text []byte) (int, error) {
	c.last = append(c.room(len(text)), text...)
	return len(text), nil
}

// room is the last piece, or a new one, with room for n bytes.
func (c *collected) room(n int) []byte {
	if len(c.last)+n > cap(c.last) {
		if len(c.last) > 0 {
			c.whole = append(c.whole, c.last)
		}
		c.last = make([]byte, 0, max(n, pieceBytes))
	}
	return c.last
}

// pieces are what was added.
func (c *collected) pieces() [][]byte { return append(slices.Clip(c.whole), c.last) }

// keeper is a writer that can keep a text for good instead of a copy.
type keeper interface{ Keep(text []byte) }

// handAll writes a text in pieces, which nobody changes any more.
func handAll(w io.Writer, pieces [][]byte) error {
	for _, piece := range pieces {
		if err := hand(w, piece); err != nil {
			return err
		}
	}
	return nil
}

// hand writes text, which nobody changes any more.
func hand(w io.Writer, text []byte) error {
	if k, ok := w.(keeper); ok {
		k.Keep(text)
		return nil
	}
	_, err := w.Write(text)
	return err
}
