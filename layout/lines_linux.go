package layout

import (
	"errors"
	"io"
	"syscall"
)

const (
	pieceSize  = 256 << 10 // text that is handed to the parser at once
	mostPieces = 4         // that wait for it
)

// readLines reads p's file of that name and has r read its lines. The kernel takes its
// time for the text, so its lines are read meanwhile, piece by piece, and the whole text
// is never in memory.
func (p process) readLines(name string, r lineReader) error {
	f, err := openProc(p.file(name))
	if err != nil {
		return err
	}
	defer f.Close()
	pieces, used := make(chan []byte, mostPieces), make(chan []byte, mostPieces+2)
	parsed := make(chan error)
	go func() {
		var err error
		lines := feeder{to: r}
		for piece := range pieces {
			if err == nil {
				err = lines.feed(piece)
			}
			used <- piece
		}
		if err == nil {
			err = lines.end()
		}
		parsed <- err
	}()
	some, read := readPieces(f, used, pieces)
	close(pieces)
	err = <-parsed
	if read != nil {
		return read
	}
	if some && p.pid != 0 {
		if err := wholeYet(f); err != nil {
			return err
		}
	}
	return err
}

// readPieces reads f to its end, into buffers that were used before where there are any.
// some is true where there was anything to read.
func readPieces(f io.Reader, used <-chan []byte, pieces chan<- []byte) (some bool, err error) {
	for {
		var buf []byte
		select {
		case buf = <-used:
			buf = buf[:cap(buf)]
		default:
			buf = make([]byte, pieceSize)
		}
		n, err := readFull(f, buf)
		if n > 0 {
			some = true
			pieces <- buf[:n]
		}
		if errors.Is(err, io.EOF) {
			return some, nil
		}
		if err != nil {
			return some, err
		}
	}
}

// readSmaps reads p's smaps file once.
func (p process) readSmaps() (list, error) {
	var s smapsReader
	if err := p.readLines("smaps", &s); err != nil {
		return list{}, err
	}
	p.exactNames(s.maps)
	return list{maps: s.maps, figures: s.figures}, s.torn
}

// readAll is io.ReadAll, but a long text is not moved again and again: memory that is
// not written to costs nothing, so it gets room for hundreds of thousands of lines.
func readAll(f io.Reader) ([]byte, error) {
	const long, ample = 1 << 20, 64 << 20
	text, size := make([]byte, 8<<10), 0
	for {
		n, err := readFull(f, text[size:])
		size += n
		if errors.Is(err, io.EOF) {
			return text[:size:size], nil
		}
		if err != nil {
			return nil, err
		}
		more := 2 * len(text)
		if len(text) == long {
			more = ample
		}
		text = append(make([]byte, 0, more), text...)[:more]
	}
}

// readFull is io.ReadFull, but an end is an end, early or not.
func readFull(f io.Reader, buf []byte) (int, error) {
	n, err := io.ReadFull(f, buf)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// wholeYet finds out whether the list that f gave to its end was cut short: then its
// start can't be read again.
func wholeYet(f io.ReadSeeker) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := f.Read(make([]byte, 1)); errors.Is(err, io.EOF) || errors.Is(err, syscall.ESRCH) {
		return ErrCutShort
	} else if err != nil {
		return err
	}
	return nil
}
