package main

import "bytes"

// pieces is a text that grows in pieces, so that a long one is never moved.
type pieces struct {
	whole [][]byte
	last  bytes.Buffer
}

// worthKeeping is how long a text is that is not copied to the last piece.
const worthKeeping = 64 << 10

// Keep appends text, which must not change from now on.
func (p *pieces) Keep(text []byte) {
	if len(text) < worthKeeping {
		p.last.Write(text)
		return
	}
	if p.last.Len() > 0 {
		p.whole = append(p.whole, p.last.Bytes())
		p.last = bytes.Buffer{}
	}
	p.whole = append(p.whole, text)
}

// Write appends text; the error is always nil.
func (p *pieces) Write(text []byte) (int, error) { return p.last.Write(text) }

// all is the whole text.
func (p *pieces) all() []byte {
	if len(p.whole) == 0 {
		return p.last.Bytes()
	}
	return bytes.Join(p.from(0), nil)
}

// from is the text behind the first n bytes, none of it empty.
func (p *pieces) from(n int) [][]byte {
	var rest [][]byte
	for _, piece := range append(p.whole[:len(p.whole):len(p.whole)], p.last.Bytes()) {
		if n < len(piece) {
			rest = append(rest, piece[n:])
		}
		n = max(0, n-len(piece))
	}
	return rest
}
