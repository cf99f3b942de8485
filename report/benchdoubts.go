package report

import (
	"slices"
	"strconv"
	"strings"

	"memprobe/probe/timing"
)

// doubt is a warning of several timings, whose numbers may differ: noisy, 12 to 30 %.
type doubt struct {
	words []string
	least []float64 // of the words that are numbers
	most  []float64
}

// doubtsOf are the different warnings of ts in the order in which they come, and for
// each of ts the letters of its own, after a blank.
func doubtsOf(ts []timing.Timing) (all []*doubt, marks []string) {
	marks = make([]string, len(ts))
	for i := range ts {
		var letters []int
		for _, w := range ts[i].Warnings {
			var k int
			all, k = joined(all, w)
			if !slices.Contains(letters, k) {
				letters = append(letters, k)
			}
		}
		slices.Sort(letters)
		for _, k := range letters {
			if marks[i] == "" {
				marks[i] = " "
			}
			marks[i] += string(doubtMark(k))
		}
	}
	return all, marks
}

// joined is all with the warning as its own doubt k, or as a part of one like it.
func joined(all []*doubt, warning string) (_ []*doubt, k int) {
	d := newDoubt(warning)
	if k = slices.IndexFunc(all, d.like); k < 0 {
		return append(all, d), len(all)
	}
	all[k].add(d)
	return all, k
}

// alikeTogether are notes, those that differ in numbers alone as one.
func alikeTogether(notes []string) (all []*doubt) {
	for _, n := range notes {
		all, _ = joined(all, n)
	}
	return all
}

// doubtMark is the letter of a doubt: one of few, for there are few kinds of warnings.
func doubtMark(i int) rune { return rune('a' + i%26) }

func newDoubt(warning string) *doubt {
	d := &doubt{words: strings.Split(warning, " ")}
	for _, w := range d.words {
		x, err := strconv.ParseFloat(w, 64)
		if err != nil {
			x = 0
		}
		d.least, d.most = append(d.least, x), append(d.most, x)
	}
	return d
}

// isNumber reports whether word i may differ.
func (d *doubt) isNumber(i int) bool {
	_, err := strconv.ParseFloat(d.words[i], 64)
	return err == nil
}

// like reports whether the two differ in numbers alone.
func (d *doubt) like(other *doubt) bool {
	if len(d.words) != len(other.words) {
		return false
	}
	for i := range d.words {
		if d.isNumber(i) != other.isNumber(i) || !d.isNumber(i) && d.words[i] != other.words[i] {
			return false
		}
	}
	return true
}

// add widens the numbers of d to those of another one like it.
func (d *doubt) add(other *doubt) {
	for i := range d.words {
		d.least[i], d.most[i] = min(d.least[i], other.least[i]), max(d.most[i], other.most[i])
	}
}

// text is the warning with its numbers as ranges.
func (d *doubt) text() string {
	words := slices.Clone(d.words)
	for i := range words {
		if d.isNumber(i) && d.least[i] != d.most[i] {
			words[i] = plainNumber(d.least[i]) + " to " + plainNumber(d.most[i])
		}
	}
	return strings.Join(words, " ")
}

// plainNumber is x in as many digits as it takes.
func plainNumber(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
