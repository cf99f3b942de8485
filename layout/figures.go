package layout

import (
	"strings"

	"memprobe/layout/addr"
)

// Figures is what the kernel counts of one mapping, in bytes, as smaps tells it. A
// figure that this kernel does not have is 0.
type Figures struct {
	RSS            addr.Bytes `json:"rss"` // in memory now
	PSS            addr.Bytes `json:"pss"` // the same, pages that several processes map split among them
	SharedClean    addr.Bytes `json:"shared_clean"`
	SharedDirty    addr.Bytes `json:"shared_dirty"`
	PrivateClean   addr.Bytes `json:"private_clean"`
	PrivateDirty   addr.Bytes `json:"private_dirty"` // no other process maps it, and no disk has it as it is: written here, or a page of a file not saved yet
	Referenced     addr.Bytes `json:"referenced"`
	Anonymous      addr.Bytes `json:"anonymous"` // in memory with no file behind it, copies of a file's pages too
	LazyFree       addr.Bytes `json:"lazy_free"`
	AnonHuge       addr.Bytes `json:"anon_huge"`
	ShmemHuge      addr.Bytes `json:"shmem_huge"`
	FileHuge       addr.Bytes `json:"file_huge"`
	SharedHugetlb  addr.Bytes `json:"shared_hugetlb"` // not counted in RSS
	PrivateHugetlb addr.Bytes `json:"private_hugetlb"`
	Swap           addr.Bytes `json:"swap"` // swapped out
	SwapPSS        addr.Bytes `json:"swap_pss"`
	Locked         addr.Bytes `json:"locked"`
	PageSize       addr.Bytes `json:"page_size"` // of this mapping; larger than the machine's for hugetlb
	Flags          string     `json:"flags"`     // VmFlags: words of two letters, such as "rd wr mr mw me ac"
}

// Huge is what lies in huge pages of any sort.
func (f Figures) Huge() addr.Bytes {
	return f.AnonHuge + f.ShmemHuge + f.FileHuge + f.Hugetlb()
}

// Hugetlb is what lies in the huge pages that are set aside for those who ask for them.
// They are in memory, but not counted in RSS and PSS.
func (f Figures) Hugetlb() addr.Bytes { return f.SharedHugetlb + f.PrivateHugetlb }

// HasFlag reports whether flag, such as "gd" (grows down), is among the VmFlags.
func (f Figures) HasFlag(flag string) bool {
	for word := range strings.FieldsSeq(f.Flags) {
		if word == flag {
			return true
		}
	}
	return false
}

// Add counts g into f, which then is about several mappings: it has no flags.
func (f *Figures) Add(g *Figures) {
	more := g.counts()
	for i, sum := range f.counts() {
		*sum += *more[i]
	}
	f.Flags, f.PageSize = "", max(f.PageSize, g.PageSize)
}

// counts are the figures that can be added up.
func (f *Figures) counts() [17]*addr.Bytes {
	return [...]*addr.Bytes{
		&f.RSS, &f.PSS, &f.SharedClean, &f.SharedDirty, &f.PrivateClean, &f.PrivateDirty, &f.Referenced, &f.Anonymous, &f.LazyFree,
		&f.AnonHuge, &f.ShmemHuge, &f.FileHuge, &f.SharedHugetlb, &f.PrivateHugetlb, &f.Swap, &f.SwapPSS, &f.Locked,
	}
}

// Sum adds up the figures of all mappings of s.
func (s *Space) Sum() (sum Figures) {
	for i := range s.Figures {
		sum.Add(&s.Figures[i])
	}
	return sum
}
