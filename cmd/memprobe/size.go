package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"memprobe/layout/addr"
)

var errNoSize = errors.New("not a size such as 65536, 0x10000, 64K or 64KiB")

// parseSize reads a number of bytes, or of units: K and KiB are 1024 bytes, as
// memory is counted, KB is 1000. With 0x a number is hexadecimal.
func parseSize(text string) (addr.Bytes, error) {
	if strings.TrimSpace(text) != text {
		return 0, errNoSize
	}
	if digits, ok := strings.CutPrefix(text, "0x"); ok {
		n, err := strconv.ParseUint(digits, 16, 64)
		if err != nil {
			return 0, errNoSize
		}
		return addr.Bytes(n), nil
	}
	if number := strings.TrimRight(text, "kKmMgGtTpPeE"); len(number) == len(text)-1 {
		text += "iB"
	}
	n, err := humanize.ParseBytes(text)
	if err != nil {
		return 0, errNoSize
	}
	return addr.Bytes(n), nil
}
