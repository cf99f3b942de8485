package rust

import (
	"cmp"
	"math/bits"
	"slices"

	"memprobe/layout/addr"
)

// niche is the run of bit patterns that are no value of a type, the largest
// where it has several: rustc keeps Option<Box<T>>'s None there, and orders the
// fields of a struct with an eye to it.
type niche struct {
	available uint64     // how many patterns; 0: the type has no niche
	offset    addr.Bytes // where in the value
	size      addr.Bytes // length of the field that has it
}

// placed is the result of laying out fields: which lie where.
type placed struct {
	offsets     []addr.Bytes // by declaration order
	size, align addr.Bytes
	niche       niche
}

// place lays out the fields of a struct or, with tail set, those of a tuple,
// whose last field keeps its place at the end because it could be unsized. The
// rules are those of rustc_abi::layout::LayoutCalculator::univariant in rustc
// 1.95: largest alignment first, a niche near an edge.
func place(types []Type, tail bool) placed {
	p := placeBiased(types, tail, false)
	if tail || len(types) < 2 || p.niche.available == 0 {
		return p
	}
	head, rest := p.niche.offset, p.size-p.niche.offset-p.niche.size
	if head == 0 || rest == 0 {
		return p
	}
	alt := placeBiased(types, tail, true)
	if altRest := alt.size - alt.niche.offset - alt.niche.size; head > altRest {
		return alt
	}
	return p
}

// placeBiased lays out with niches toward the start or toward the end.
func placeBiased(types []Type, tail, nicheLast bool) placed {
	order := make([]int, len(types))
	for i := range order {
		order[i] = i
	}
	sorted := order
	if tail && len(order) > 0 {
		sorted = order[:len(order)-1]
	}
	keys := sortKeys(types, sorted, nicheLast)
	slices.SortStableFunc(sorted, func(i, j int) int { return keys[i].compare(keys[j]) })

	p := placed{offsets: make([]addr.Bytes, len(types)), align: 1}
	for _, i := range order {
		t := types[i]
		p.size = p.size.AlignUp(t.Align())
		p.offsets[i] = p.size
		p.align = max(p.align, t.Align())
		if n := t.niche(); n.available > p.niche.available || nicheLast && n.available != 0 && n.available == p.niche.available {
			n.offset += p.size
			p.niche = n
		}
		p.size += t.Size()
	}
	p.size = p.size.AlignUp(p.align)
	return p
}

// sortKey orders fields: those without size first, then by falling alignment
// group, then by niche.
type sortKey struct {
	sized        bool
	group        int
	niche, inner uint64
}

func (k sortKey) compare(l sortKey) int {
	if k.sized != l.sized {
		if l.sized {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(l.group, k.group), cmp.Compare(k.niche, l.niche), cmp.Compare(k.inner, l.inner))
}

func sortKeys(types []Type, sorted []int, nicheLast bool) []sortKey {
	var maxAlign addr.Bytes = 1
	var maxNiche uint64
	for _, i := range sorted {
		maxAlign = max(maxAlign, types[i].Align())
		maxNiche = max(maxNiche, types[i].niche().available)
	}
	keys := make([]sortKey, len(types))
	for _, i := range sorted {
		t, n := types[i], types[i].niche()
		// A field whose size is a multiple of a larger power of two than its
		// alignment groups with the fields of that alignment: [u8; 4] with u32.
		group := bits.TrailingZeros64(uint64(max(t.Align(), t.Size())))
		if maxNiche > 0 && !nicheLast {
			group = min(group, bits.TrailingZeros64(uint64(maxAlign)))
		}
		if maxNiche > 0 && nicheLast && n.available == maxNiche {
			group = bits.TrailingZeros64(uint64(t.Align()))
		}
		keys[i] = sortKey{t.Size() != 0, group, ^n.available, uint64(n.offset)}
		if nicheLast {
			keys[i].niche, keys[i].inner = n.available, 0
			if n.available != 0 {
				keys[i].inner = ^uint64(t.Size() - n.size - n.offset)
			}
		}
	}
	return keys
}
