// Package addr holds the units that memprobe prints with: an address, a size
// and a half-open range of addresses. It imports nothing of memprobe, so every
// other package may use it.
package addr

import (
	"fmt"
	"strconv"
	"strings"
)

// Addr is a virtual address. It prints, and marshals to JSON, as hexadecimal
// with 0x in front: JavaScript's numbers end at 2^53, addresses do not.
type Addr uint64

// Bytes is a size or a distance, in bytes. It marshals to JSON as a number.
type Bytes uint64

// Offset moves a up by n bytes, wrapping at 2^64 as the processor does.
func (a Addr) Offset(n Bytes) Addr { return a + Addr(n) }

// Sub is the distance from b up to a, in bytes; b must not lie above a.
func (a Addr) Sub(b Addr) Bytes { return Bytes(a - b) }

// AlignDown is the highest multiple of align at or below a; align is a power of two.
func (a Addr) AlignDown(align Bytes) Addr { return a &^ Addr(align-1) }

// Aligned reports whether a is a multiple of align, a power of two.
func (a Addr) Aligned(align Bytes) bool { return a&Addr(align-1) == 0 }

// AlignUp is the lowest multiple of align at or above n; align is a power of two.
func (n Bytes) AlignUp(align Bytes) Bytes { return (n + align - 1) &^ (align - 1) }

// String is a in hexadecimal, such as 0x7f2a00001000.
func (a Addr) String() string { return string(a.Append(make([]byte, 0, 18))) }

// Append appends what String is to text.
func (a Addr) Append(text []byte) []byte {
	return strconv.AppendUint(append(text, "0x"...), uint64(a), 16)
}

// MarshalText writes a as String does.
func (a Addr) MarshalText() ([]byte, error) { return a.Append(make([]byte, 0, 18)), nil }

// UnmarshalText reads what MarshalText wrote, and whatever else Parse takes.
func (a *Addr) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// Parse reads a hexadecimal address of at most 16 digits, with or without 0x in
// front, as a maps file, gdb and memprobe itself write it.
func Parse(s string) (Addr, error) {
	digits := strings.TrimPrefix(s, "0x")
	n, err := strconv.ParseUint(digits, 16, 64)
	switch {
	case err != nil && isHex(digits):
		return 0, fmt.Errorf("address %q: more than 64 bits", s)
	case err != nil:
		return 0, fmt.Errorf("address %q: not a hexadecimal number such as 0x7f2a00001000", s)
	}
	return Addr(n), nil
}

func isHex(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// Range is the half-open span [Lo, Hi): Hi is the first address past the end. A
// Hi of 0 above a Lo that is not 0 stands for 2^64, the end of the address space.
type Range struct {
	Lo Addr `json:"start"`
	Hi Addr `json:"end"`
}

// Span is the range of n bytes from lo upward.
func Span(lo Addr, n Bytes) Range { return Range{lo, lo.Offset(n)} }

// Size is the number of bytes in r.
func (r Range) Size() Bytes { return Bytes(r.Hi - r.Lo) }

// Contains reports whether a is one of r's addresses.
func (r Range) Contains(a Addr) bool { return a-r.Lo < r.Hi-r.Lo }

// Covers reports whether every address of q is one of r's. An empty q is covered
// where its start is an address of r, or r's end.
func (r Range) Covers(q Range) bool {
	return Bytes(q.Lo-r.Lo) <= r.Size() && q.Size() <= r.Size()-Bytes(q.Lo-r.Lo)
}

// Overlaps reports whether r and q share an address.
func (r Range) Overlaps(q Range) bool {
	return q.Size() != 0 && r.Contains(q.Lo) || r.Size() != 0 && q.Contains(r.Lo)
}

// Intersect is the range that r and q share, empty at r.Lo where they share none.
func (r Range) Intersect(q Range) Range {
	if !r.Overlaps(q) {
		return Range{r.Lo, r.Lo}
	}
	lo := max(r.Lo, q.Lo)
	return Range{lo, min(r.Hi-1, q.Hi-1) + 1}
}

// String is r as a maps file writes it, both ends in hexadecimal.
func (r Range) String() string { return fmt.Sprintf("%v-%v", r.Lo, r.Hi) }
