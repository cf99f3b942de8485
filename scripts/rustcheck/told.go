package main

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// told is a line that a checked program told; testdata/check.rs has the list.
type told struct {
	kind  string
	words []string // what follows kind
}

func parseTold(out []byte) (all []told) {
	for line := range strings.Lines(string(out)) {
		words := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		all = append(all, told{words[0], words[1:]})
	}
	return all
}

// of reads the words into what they stand for: *address, *uint64, *int, *string or
// *hexBytes each.
func (t told) of(into ...any) error {
	if len(t.words) < len(into) {
		return fmt.Errorf("the program told %v, too few words", t)
	}
	for i, p := range into {
		var err error
		switch p := p.(type) {
		case *address:
			*p, err = parseAddress(t.words[i])
		case *uint64:
			*p, err = strconv.ParseUint(t.words[i], 10, 64)
		case *int:
			*p, err = strconv.Atoi(t.words[i])
		case *string:
			*p = t.words[i]
		case *hexBytes:
			*p, err = hex.DecodeString(t.words[i])
		}
		if err != nil {
			return fmt.Errorf("the program told %v: %w", t, err)
		}
	}
	return nil
}
