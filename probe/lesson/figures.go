package lesson

import (
	"strings"

	"github.com/dustin/go-humanize"

	"memprobe/layout/addr"
)

// size is n in the largest unit that it fills, such as 8 MiB.
func size(n addr.Bytes) string {
	return strings.Replace(humanize.IBytes(uint64(n)), ".0 ", " ", 1)
}

// count is n with a comma after every three digits.
func count[N ~int | ~uint64](n N) string { return humanize.Comma(int64(n)) }
