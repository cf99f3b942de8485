package layout

import (
	"bytes"
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

// readAll is io.ReadAll in pieces, which are put together once: a text that grows as it
// is read would be moved again and again.
func readAll(f io.Reader) ([]byte, error) {
	var pieces [][]byte
	for size := 8 << 10; ; size = min(2*size, 1<<20) {
		piece := make([]byte, size)
		n, err := readFull(f, piece)
		pieces = append(pieces, piece[:n])
		switch {
		case errors.Is(err, io.EOF) && len(pieces) == 1:
			return pieces[0], nil
		case errors.Is(err, io.EOF):
			return bytes.Join(pieces, nil), nil
		case err != nil:
			return nil, err
		}
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
