package layout

import (
	"errors"
	"io"
	"syscall"
)

const (
	smapsPiece  = 256 << 10 // text that is handed to the parser at once
	smapsPieces = 4         // that wait for it at most
)

// readSmaps reads p's smaps file once. The kernel takes long to count, so its text is
// parsed meanwhile, piece by piece: all of it would be ten times the size of maps.
func (p process) readSmaps() (list, error) {
	f, err := openProc(p.file("smaps"))
	if err != nil {
		return list{}, err
	}
	defer f.Close()
	pieces, used := make(chan []byte, smapsPieces), make(chan []byte, smapsPieces+1)
	for range cap(used) {
		used <- make([]byte, smapsPiece)
	}
	var s smapsReader
	parsed := make(chan error)
	go func() {
		var err error
		for piece := range pieces {
			if err == nil {
				err = s.feed(piece)
			}
			used <- piece[:cap(piece)]
		}
		parsed <- errors.Join(err, s.end())
	}()
	read := readPieces(f, used, pieces)
	close(pieces)
	if err := errors.Join(<-parsed, read); err != nil {
		return list{}, err
	}
	if p.pid != 0 && len(s.maps) > 0 {
		if err := wholeYet(f); err != nil {
			return list{}, err
		}
	}
	p.exactNames(s.maps)
	return list{maps: s.maps, figures: s.figures}, s.torn
}

// readPieces reads f to its end into the buffers that come from used.
func readPieces(f io.Reader, used <-chan []byte, pieces chan<- []byte) error {
	for {
		buf := <-used
		n, err := readFull(f, buf)
		pieces <- buf[:n]
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
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
