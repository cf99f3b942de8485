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

// readLines reads p's file of that name and has r read its lines. The whole text is
// never in memory.
func (p process) readLines(name string, r lineReader) error {
	f, err := openProc(p.file(name))
	if err != nil {
		return err
	}
	defer f.Close()
	lines := feeder{to: r}
	piece := make([]byte, pieceSize)
	n, read := readFull(f, piece)
	if read == nil { // and it goes on
		read, err = lines.feedPieces(f, piece)
	} else {
		err = lines.feed(piece[:n])
	}
	if !errors.Is(read, io.EOF) {
		return read
	}
	if err == nil {
		err = lines.end()
	}
	if n > 0 && p.pid != 0 {
		if err := wholeYet(f); err != nil {
			return err
		}
	}
	return err
}

// feedPieces feeds first, a whole piece, and what f has behind it, until an error of f,
// such as io.EOF. The kernel takes its time for the text, so lines are read meanwhile.
func (l *feeder) feedPieces(f io.Reader, first []byte) (read, err error) {
	pieces, used := make(chan []byte, mostPieces), make(chan []byte, mostPieces+2)
	parsed := make(chan error)
	go func() {
		var err error
		for piece := range pieces {
			if err == nil {
				err = l.feed(piece)
			}
			used <- piece
		}
		parsed <- err
	}()
	pieces <- first
	for read == nil {
		var piece []byte
		select {
		case piece = <-used:
			piece = piece[:cap(piece)]
		default:
			piece = make([]byte, pieceSize)
		}
		n := 0
		n, read = readFull(f, piece)
		pieces <- piece[:n]
	}
	close(pieces)
	return read, <-parsed
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
