package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"memprobe/layout"
)

const (
	mostSaved  = 1 << 30  // bytes of a saved list: a million mappings with all that is known of them
	startSaved = 64 << 10 // bytes of it by which it is judged before the rest is read
)

// readSaved reads a saved list from the file of that name; - is stdin, unless that is
// nil. starts says what is wrong with its start: a device, or what somebody took for
// a list, need not have an end.
func readSaved(name string, stdin io.Reader, starts func([]byte) error) ([]byte, error) {
	from := stdin
	if name != "-" || stdin == nil {
		f, err := openPlain(name, unix.O_RDONLY)
		if err != nil {
			return nil, reason(err)
		}
		defer f.Close()
		from = f
	}
	return readUpTo(mostSaved, from, starts)
}

func readUpTo(most int, from io.Reader, starts func([]byte) error) ([]byte, error) {
	start := make([]byte, min(startSaved, most+1))
	n, err := io.ReadFull(from, start)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, reason(err)
	}
	text := start[:n]
	if err == nil {
		if err := starts(text); err != nil {
			return nil, err
		}
		text, err = io.ReadAll(io.MultiReader(bytes.NewReader(start), io.LimitReader(from, int64(most+1-n))))
		if err != nil {
			return nil, reason(err)
		}
	}
	if len(text) > most {
		return nil, fmt.Errorf("more than %d bytes: no list is so long", most)
	}
	return text, nil
}

// beginsSnapshot says ErrNoSnapshot of what can't be the start of one: a report in JSON
// begins with a brace, a line of a maps file never does.
func beginsSnapshot(text []byte) error {
	if !bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) {
		return layout.ErrNoSnapshot
	}
	return nil
}
