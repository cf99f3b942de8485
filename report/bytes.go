package report

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
)

// shownRows is how many rows of bytes are drawn that say nothing new.
const shownRows = 16

// byteRow is a row of bytes [lo, hi), or words in place of rows that are not drawn.
type byteRow struct {
	lo, hi int
	old    []byte // what stood there before, where that is known
	hidden string
}

// byteRows are bytes in rows of perRow. Rows that repeat the one above, and those
// behind the first shownRows, are told of in words, unless old ones differ from them.
func byteRows(b, old []byte, perRow int) []byteRow {
	if len(old) != len(b) {
		old = nil
	}
	var rows []byteRow
	drawn, changed := 0, 0
	for lo := 0; lo < len(b); lo += perRow {
		r := byteRow{lo: lo, hi: min(lo+perRow, len(b))}
		if old != nil {
			r.old = old[r.lo:r.hi]
		}
		differs := old != nil && !bytes.Equal(r.old, b[r.lo:r.hi]) && changed < shownRows
		repeats := lo > 0 && bytes.HasPrefix(b[lo-perRow:lo], b[r.lo:r.hi])
		if differs || drawn < shownRows && !repeats {
			drawn++
			rows = append(rows, r)
			if differs {
				changed++
			}
			continue
		}
		last := len(rows) - 1
		switch {
		case rows[last].hidden != "":
			rows[last].hi = r.hi
		case repeats && rows[last].lo > 0 && bytes.Equal(rows[last].old, b[rows[last].lo:rows[last].hi]):
			rows[last] = byteRow{lo: rows[last].lo, hi: r.hi, hidden: "..."} // the one above as well
		default:
			r.hidden = "..."
			rows = append(rows, r)
		}
	}
	for i, r := range rows {
		switch {
		case r.hidden == "":
		case r.hi-r.lo <= perRow:
			rows[i].hidden = "" // a row is as long as what would stand for it
		default:
			rows[i].hidden = hiddenWords(b[r.lo:r.hi], r.lo)
		}
	}
	return rows
}

// hiddenWords tells of bytes from an offset on that are not drawn.
func hiddenWords(b []byte, from int) string {
	words := fmt.Sprintf("+%s to +%s: ", humanize.Comma(int64(from)), humanize.Comma(int64(from+len(b)-1)))
	if bytes.Count(b, b[:1]) == len(b) {
		return words + fmt.Sprintf("all %02x", b[0])
	}
	return words + plural(len(b), "byte")
}

// hexLine is bytes as digits, those that differ from old ones in the colour of a
// change.
func hexLine(b, old []byte, m mark) line {
	if m == (mark{}) || m == isNew || len(old) != len(b) {
		return text(hexBytes(b))
	}
	var l line
	for i := range b {
		st := plain
		if b[i] != old[i] {
			st = altered
		}
		if i > 0 {
			l = append(l, span{text: " "})
		}
		l = append(l, span{hexBytes(b[i : i+1]), st})
	}
	return l
}

// broken is s in pieces of at most n cells; a path breaks behind a slash.
func broken(s string, n int) []string {
	var parts, part = []string(nil), ""
	if isPlain(s) {
		for n = max(n, 1); len(s) > n; {
			at := n
			if slash := strings.LastIndexByte(s[:n], '/'); slash > 0 {
				at = slash + 1
			}
			parts, s = append(parts, s[:at]), s[at:]
		}
		return append(parts, s)
	}
	for _, r := range s {
		if part != "" && width(part+string(r)) > n {
			parts = append(parts, part)
			part = ""
		}
		part += string(r)
	}
	return append(parts, part)
}
