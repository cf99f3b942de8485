package report

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"math/bits"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"memprobe/layout/addr"
)

// size is n for a reader: exact below 1 KiB, else in the largest unit, with two
// digits at least.
func size(n addr.Bytes) string {
	if n < 1024 {
		return bytesOf(n)
	}
	return short(n)
}

// short is size with its unit in letters below 1 KiB too: 8 B, 64 KiB.
func short(n addr.Bytes) string {
	if n >= 10 && n < 1<<40 {
		return shortOf(uint64(n))
	}
	return strings.Replace(humanize.IBytes(uint64(n)), ".0 ", " ", 1)
}

// sizes are the last ones that were shown, by their lowest digits: of the rows of a long
// table many are alike.
type sizes [16]struct {
	n    addr.Bytes
	text string
}

// short is short.
func (s *sizes) short(n addr.Bytes) string {
	last := &s[(n>>12)%addr.Bytes(len(s))]
	if last.n != n || last.text == "" {
		last.n, last.text = n, short(n)
	}
	return last.text
}

// shortOf is short for 10 bytes to 1 TiB, where whole numbers are exact enough. Each row
// of a table has a size.
func shortOf(n uint64) string {
	unit := (bits.Len64(n) - 1) / 10
	shift := 10 * unit
	var text [10]byte
	tenths := (n*10 + 1<<shift>>1) >> shift
	var digits []byte
	if tenths < 100 {
		digits = strconv.AppendUint(text[:0], tenths/10, 10)
		if tenths%10 != 0 {
			digits = append(digits, '.', byte('0'+tenths%10))
		}
	} else {
		digits = strconv.AppendUint(text[:0], (n+1<<shift>>1)>>shift, 10)
	}
	return string(append(digits, shortUnits[unit]...))
}

var shortUnits = [...]string{" B", " KiB", " MiB", " GiB"}

// bytesOf is n exactly.
func bytesOf(n addr.Bytes) string {
	if n == 1 {
		return "1 byte"
	}
	return humanize.BigComma(new(big.Int).SetUint64(uint64(n))) + " bytes"
}

// exactly is n for a reader with the exact number where that says more.
func exactly(n addr.Bytes) string {
	if n < 1024 {
		return bytesOf(n)
	}
	return fmt.Sprintf("%s (%s)", size(n), bytesOf(n))
}

// plural is n things.
func plural[N ~int | ~int64 | ~uint64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return humanize.Comma(int64(n)) + " " + thing + "s"
}

// isOrAre is the verb for n things.
func isOrAre[N ~int | ~uint64](n N) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// hexBytes is b as pairs of digits, blanks between.
func hexBytes(b []byte) string {
	pairs := make([]string, len(b))
	for i := range b {
		pairs[i] = hex.EncodeToString(b[i : i+1])
	}
	return strings.Join(pairs, " ")
}

// chars is b as text, a dot for each byte that is no printable ASCII; nothing
// where no byte is.
func chars(b []byte) string {
	c, printable := make([]byte, len(b)), false
	for i, v := range b {
		if c[i] = '.'; v >= ' ' && v <= '~' {
			c[i], printable = v, printable || v > ' '
		}
	}
	if !printable {
		return ""
	}
	return string(c)
}

// isText is true for bytes that are likely a text: two printable ones in a row.
func isText(b []byte) bool {
	printable := func(v byte) bool { return v > ' ' && v <= '~' }
	for i := 1; i < len(b); i++ {
		if printable(b[i-1]) && printable(b[i]) {
			return true
		}
	}
	return false
}
