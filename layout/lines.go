package layout

import "bytes"

// lineReader reads a text line by line. An error ends it.
type lineReader interface{ read(line []byte) error }

// skipper is a lineReader that may know the whole lines that a text, the next one, starts
// with: it says how many bytes they have.
type skipper interface{ skip(text []byte) int }

// feedAll has r read the lines of a whole text.
func feedAll(r lineReader, text []byte) error {
	f := feeder{to: r}
	if err := f.feed(text); err != nil {
		return err
	}
	return f.end()
}

// feeder cuts a text that comes in pieces into lines.
type feeder struct {
	to   lineReader
	rest []byte // the start of a line whose end has not come
}

// feed hands on the whole lines of piece and keeps a copy of what is left.
func (f *feeder) feed(piece []byte) error {
	known, skips := f.to.(skipper)
	for {
		end := bytes.IndexByte(piece, '\n')
		if end < 0 {
			f.rest = append(f.rest, piece...)
			return nil
		}
		line := piece[:end]
		if len(f.rest) > 0 {
			line = append(f.rest, line...)
			f.rest = line[:0]
		}
		if err := f.to.read(line); err != nil {
			return err
		}
		piece = piece[end+1:]
		if skips {
			piece = piece[known.skip(piece):]
		}
	}
}

// end hands on a last line that no newline ends.
func (f *feeder) end() error {
	if len(f.rest) == 0 {
		return nil
	}
	return f.to.read(f.rest)
}
