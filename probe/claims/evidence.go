package claims

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"memprobe/layout/addr"
	"memprobe/probe/timing"
)

// Evidence is what was found out for a claim.
type Evidence []Item

// Item is one thing that was found out.
type Item struct {
	Name    string // what it is, such as "main's frame"
	Value   Value  // nil where it could not be found out
	From    string // who says so, such as "getrlimit(2)" or "scenario frames, step 2"
	Missing string // why there is no value
}

// Value is what an item says: a Count, Size, Address, Text, YesNo or Figure.
type Value interface {
	fmt.Stringer
	kind() string
}

// The kinds of values.
type (
	Count   int
	Size    addr.Bytes
	Address addr.Addr
	Text    string
	YesNo   bool
	Figure  struct { // a measured one
		Median float64         `json:"median"`
		CI95   timing.Interval `json:"ci95"`
		Unit   string          `json:"unit"` // "ns", or "times" of a ratio
		// Verdict is that of a ratio: whether it differs from 1.
		Verdict timing.Verdict `json:"verdict,omitempty"`
	}
)

func (Count) kind() string   { return "count" }
func (Size) kind() string    { return "size" }
func (Address) kind() string { return "address" }
func (Text) kind() string    { return "text" }
func (YesNo) kind() string   { return "yes or no" }
func (Figure) kind() string  { return "figure" }

func (c Count) String() string { return humanize.Comma(int64(c)) }

func (s Size) String() string {
	n := new(big.Int).SetUint64(uint64(s))
	switch {
	case s == 1:
		return "1 byte"
	case s < 1024:
		return n.String() + " bytes"
	}
	return fmt.Sprintf("%s (%s bytes)", short(addr.Bytes(s)), humanize.BigComma(n))
}

func (a Address) String() string { return addr.Addr(a).String() }
func (t Text) String() string    { return string(t) }

func (y YesNo) String() string {
	if y {
		return "yes"
	}
	return "no"
}

func (f Figure) String() string {
	s := significant(f.Median) + " " + f.Unit
	if f.CI95.Known() {
		s += fmt.Sprintf(" (%s to %s)", significant(f.CI95[0]), significant(f.CI95[1]))
	}
	if f.Verdict != "" {
		s += ": " + string(f.Verdict)
	}
	return s
}

// short is n in the largest unit that it fills, such as 8 MiB.
func short(n addr.Bytes) string {
	return strings.Replace(humanize.IBytes(uint64(n)), ".0 ", " ", 1)
}

// significant is x with three digits at least that count, and no exponent.
func significant(x float64) string {
	if x == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return strconv.FormatFloat(x, 'g', 3, 64)
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(x)))))
	return humanize.CommafWithDigits(x, digits)
}

func counted[N ~int | ~int64 | ~uint64](name string, n N, from string) Item {
	return Item{Name: name, Value: Count(n), From: from}
}
func sized(name string, n addr.Bytes, from string) Item {
	return Item{Name: name, Value: Size(n), From: from}
}
func located(name string, a addr.Addr, from string) Item {
	return Item{Name: name, Value: Address(a), From: from}
}
func quoted(name, s, from string) Item { return Item{Name: name, Value: Text(s), From: from} }
func seen(name string, yes bool, from string) Item {
	return Item{Name: name, Value: YesNo(yes), From: from}
}
func missing(name, from string, err error) Item {
	return Item{Name: name, From: from, Missing: err.Error()}
}

// MarshalJSON writes an item with its value as it is, and as it is shown.
func (i Item) MarshalJSON() ([]byte, error) {
	out := struct {
		Name    string `json:"name"`
		Kind    string `json:"kind,omitempty"`
		Value   any    `json:"value"`
		Shown   string `json:"shown,omitempty"`
		From    string `json:"from"`
		Missing string `json:"missing,omitempty"`
	}{Name: i.Name, From: i.From, Missing: i.Missing}
	if i.Value != nil {
		out.Kind, out.Value, out.Shown = i.Value.kind(), i.Value, i.Value.String()
		if a, ok := i.Value.(Address); ok {
			out.Value = addr.Addr(a)
		}
	}
	return json.Marshal(out)
}

// Reading is evidence being judged. It notes what was asked for and is not there; the
// answer to that is zero, and the judgement does not count.
type Reading struct {
	evidence Evidence
	missing  string
}

// Has reports whether there is a value of that name.
func (r *Reading) Has(name string) bool {
	i := r.find(name)
	return i != nil && i.Value != nil
}

func (r *Reading) find(name string) *Item {
	for i := range r.evidence {
		if r.evidence[i].Name == name {
			return &r.evidence[i]
		}
	}
	return nil
}

func (r *Reading) Count(name string) int       { return int(valueOf[Count](r, name)) }
func (r *Reading) Size(name string) addr.Bytes { return addr.Bytes(valueOf[Size](r, name)) }
func (r *Reading) Addr(name string) addr.Addr  { return addr.Addr(valueOf[Address](r, name)) }
func (r *Reading) Text(name string) string     { return string(valueOf[Text](r, name)) }
func (r *Reading) Yes(name string) bool        { return bool(valueOf[YesNo](r, name)) }
func (r *Reading) Figure(name string) Figure   { return valueOf[Figure](r, name) }

// valueOf is the value of that name; zero, and a note of it, where there is none of
// that kind.
func valueOf[V Value](r *Reading, name string) V {
	var zero V
	i := r.find(name)
	var why string
	switch {
	case i == nil:
		why = fmt.Sprintf("there is no evidence of %q", name)
	case i.Value == nil:
		why = fmt.Sprintf("%s: %s", name, i.Missing)
	default:
		if v, ok := i.Value.(V); ok {
			return v
		}
		why = fmt.Sprintf("the evidence of %q is a %s, not a %s", name, i.Value.kind(), zero.kind())
	}
	if r.missing == "" {
		r.missing = why
	}
	return zero
}
