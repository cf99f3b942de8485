package mmapheap

import (
	"math/bits"

	"memprobe/layout/addr"
)

// sizes keeps how many bytes were asked for each block in use. A block of k
// granules answers a request of 16k-15 to 16k bytes, so four bits say it all: its
// slack, how many bytes of the block were not asked for. (A block of one granule
// may also answer a request of 0 bytes; then its slack is noted as 15, and the
// granule is marked in nothing.)
//
// The slacks of the blocks that start in a chunk stand in its notes, in order, the
// lowest block's in the lowest four bits; the highest four bits count them. Where
// more than 14 start, the count is crowded, and the lower half of the notes is the
// number of a record: four bits a granule or, as long as no two of the blocks start
// in the same pair of granules, four bits a pair. A chunk gives its record up when
// half of the 14 are left, so that a few blocks coming and going cost nothing.
type sizes struct {
	nothing table[uint64] // a word a chunk, a bit a granule: 0 bytes were requested
	pool    table[uint64] // records, back to back
	used    uint64        // words of the pool that have ever been in a record
	spare   [2]uint64     // records not in use, by form: 1 + the number of one, which holds the same for the next
}

const (
	slackBits  = 4
	maxSlack   = 1<<slackBits - 1
	countShift = 60
	countOne   = 1 << countShift
	counts     = 15 << countShift // the bits of the count
	crowded    = counts           // the highest count: there is a record
	inNotes    = 14
	few        = inNotes / 2
	formShift  = 59 // of the form of a crowded chunk's record: a granule or a pair of them to a slack
)

// lowerOfPairs has a bit for the lower granule of each pair.
const lowerOfPairs = 0x5555_5555_5555_5555

// recordWords is the length of a record by form, in words.
var recordWords = [2]uint64{perChunk * slackBits / 64, perChunk / 2 * slackBits / 64}

// poolWords is how many words of records a chunk needs at most, whatever forms it
// goes through.
const poolWords = 4 + 2

// lay takes the bookkeeping for n chunks from c.
func (s *sizes) lay(c *carver, n addr.Bytes) {
	s.nothing = layTable[uint64](c, n, 0)
	s.pool = layTable[uint64](c, n*poolWords, 0)
}

// rank is how far the slack of the block that starts at bit is shifted: four bits
// for each block that starts below it.
func rank(starts, bit uint64) uint64 {
	return uint64(bits.OnesCount64(starts&(1<<(bit&63)-1))) * slackBits & 63
}

// put is the notes of a chunk with one more block, which starts at bit, beside those of starts.
//
//go:noinline
func (s *sizes) put(notes, starts, bit, slack uint64) uint64 {
	if starts == 0 {
		notes = 0 // of a free run or a block that covered the chunk
	}
	count := notes & counts
	if count < inNotes<<countShift {
		shift := rank(starts, bit)
		lower := notes & (1<<shift - 1)
		return (lower | slack<<shift | (notes&^count^lower)<<slackBits) + count + countOne
	}
	if neighbour := starts >> (bit ^ 1) & 1; count != crowded || neighbour&(notes>>formShift) != 0 {
		notes = s.record(notes, starts, bit)
	}
	s.write(notes, bit, slack)
	return notes
}

// drop is the notes of a chunk without the block that starts at bit, one of starts.
//
//go:noinline
func (s *sizes) drop(notes, starts, bit uint64) uint64 {
	count := notes & counts
	if count != crowded {
		lower := uint64(1)<<rank(starts, bit) - 1
		return (notes&lower | notes&^count>>slackBits&^lower) + count - countOne
	}
	if bits.OnesCount64(starts) > few+1 {
		return notes
	}
	return s.thin(notes, starts&^(1<<bit))
}

// get is the slack of the block that starts at bit, one of starts.
func (s *sizes) get(notes, starts, bit uint64) uint64 {
	if notes&counts != crowded {
		return notes >> rank(starts, bit) & maxSlack
	}
	word, shift := s.at(notes, bit)
	return *word >> shift & maxSlack
}

// at is where a record has the slack of the block that starts at bit.
func (s *sizes) at(notes, bit uint64) (word *uint64, shift uint64) {
	i := bit >> (notes >> formShift & 1)
	return s.pool.at(notes&noteMask + i/16), i % 16 * slackBits
}

func (s *sizes) write(notes, bit, slack uint64) {
	word, shift := s.at(notes, bit)
	*word = *word&^(maxSlack<<shift) | slack<<shift
}

// record moves the slacks of a chunk to a new record, in which there is a place for
// a block at bit too.
func (s *sizes) record(notes, starts, bit uint64) uint64 {
	form := uint64(1)
	if all := starts | 1<<bit; all&(all>>1)&lowerOfPairs != 0 {
		form = 0
	}
	crowd := crowded | form<<formShift | s.take(form)
	for rest := starts; rest != 0; rest &= rest - 1 {
		b := uint64(bits.TrailingZeros64(rest))
		s.write(crowd, b, s.get(notes, starts, b))
	}
	if notes&counts == crowded {
		s.give(notes)
	}
	return crowd
}

// thin gives up the record of a chunk in which only the blocks of starts are left.
func (s *sizes) thin(notes, starts uint64) uint64 {
	thinned := uint64(0)
	for rest := starts; rest != 0; rest &= rest - 1 {
		b := uint64(bits.TrailingZeros64(rest))
		thinned |= s.get(notes, starts, b) << rank(starts, b)
		thinned += countOne
	}
	s.give(notes)
	return thinned
}

// take is the number of a record.
func (s *sizes) take(form uint64) uint64 {
	if first := s.spare[form]; first != 0 {
		s.spare[form] = *s.pool.at(first - 1)
		return first - 1
	}
	s.used += recordWords[form]
	return s.used - recordWords[form]
}

// give takes the record of notes out of use.
func (s *sizes) give(notes uint64) {
	record, form := notes&noteMask, notes>>formShift&1
	*s.pool.at(record) = s.spare[form]
	s.spare[form] = record + 1
}

func (s *sizes) isNothing(g granules) bool {
	return *s.nothing.at(uint64(g / perChunk))>>(g%perChunk)&1 != 0
}

// setNothing notes whether 0 bytes were asked for the block at g.
func (s *sizes) setNothing(g granules, nothing bool) {
	if nothing != s.isNothing(g) {
		*s.nothing.at(uint64(g / perChunk)) ^= 1 << (g % perChunk)
	}
}
