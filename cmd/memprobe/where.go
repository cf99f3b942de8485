package main

import (
	"github.com/spf13/cobra"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/report"
)

// newWhere is `memprobe where`.
func newWhere(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "where ADDR",
		GroupID: "memory",
		Short:   "Tell what an address is",
		Long: `where tells what lies at an address: the textbook's segment, the function or variable
where the program's file names it, the mapping, the offset in it and the distance to
its ends; the bytes there; on whose stack it is, and whether in a frame, among the
arguments or the environment, or among the thread's own variables; whether its page is
in memory; what lies above and below. ADDR is hexadecimal, with or without 0x.

Without --pid it is an address of memprobe itself, while it runs a scenario: string,
with its text "hello" on the heap, or the one that --scenario names, up to --step.
Block, frame, variable and field are told then. --base says where that memory lies.

--chain reads the pointer there, and where that is an address goes on from it.
--explain says what each field of the mapping's line in /proc/PID/maps means.
--freeze stops the process while it is read; it goes on whatever happens to memprobe.`,
		Example: `  memprobe where 0x7e2a00001000 --base 0x7e2a00000000
  memprobe where 0x7e2a048ffff4 --scenario frames --step 2 --base 0x7e2a00000000
  memprobe where 0x7ffc2b1d8a10 --pid 1234 --chain`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("where takes one address, such as 0x7e2a00001000, but got %d", len(args))
			}
			return nil
		},
	}
	var chain, explain bool
	cmd.Flags().BoolVar(&chain, "chain", false, "follow the pointers from there")
	cmd.Flags().BoolVar(&explain, "explain", false, "say what the fields of its maps line mean")
	insideFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a, err := addr.Parse(args[0])
		if err != nil {
			return usageError{err}
		}
		return s.inside(cmd, func(space *layout.Space) (teller, error) {
			beyond := report.Beyond{Page: pageOf(space, a), Explain: explain}
			beyond.Bytes = bytesAt(space, a, beyond.Page)
			if chain {
				beyond.Chain = chainFrom(space, a)
			}
			return func(p report.Process) report.Document { return report.Where(p, a, beyond) }, nil
		})
	}
	return cmd
}

// bytesAt are the first bytes at a, in its page alone. A page that is not in memory is
// left so: to read it would bring it there.
func bytesAt(space *layout.Space, a addr.Addr, page *layout.PageRun) []byte {
	if page == nil || page.State&layout.PagePresent == 0 {
		return nil
	}
	toEnd := space.PageSize - a.Sub(a.AlignDown(space.PageSize))
	content, err := space.ReadMemory(a, min(bytesThere, toEnd))
	if err != nil { // the mapping's permissions tell why
		return nil
	}
	return content.Bytes
}

// pageOf is the run of pages that a lies in, nil where the kernel tells nothing of it.
func pageOf(space *layout.Space, a addr.Addr) *layout.PageRun {
	loc := space.Where(a)
	if loc.Place == nil || !space.User().Contains(a) {
		return nil
	}
	pages, err := layout.OpenPagemap(space.PID)
	if err != nil {
		return nil
	}
	defer pages.Close()
	runs, err := pages.Runs(loc.Place.Mapping.Range)
	if err != nil {
		return nil
	}
	for i := range runs {
		if runs[i].Contains(a) {
			return &runs[i]
		}
	}
	return nil
}

// absent is how many bytes of c come from source, for want of what the process has used.
func absent(c layout.Content, source layout.Source) (n addr.Bytes) {
	for _, a := range c.Absent {
		if a.Source == source {
			n += a.Size()
		}
	}
	return n
}

const (
	bytesThere   = 16 // bytes of an address that are shown
	longestChain = 16 // words
)

// chainFrom reads the word at a, and where that is an address goes on from there.
func chainFrom(space *layout.Space, a addr.Addr) []report.Hop {
	hops := []report.Hop{}
	seen := map[addr.Addr]bool{}
	for range longestChain {
		seen[a] = true
		size := space.WordSize()
		word, err := space.ReadMemory(a, size)
		if err != nil || addr.Bytes(len(word.Bytes)) < size {
			if n := len(hops); n > 0 {
				hops[n-1].End = "it can't be read there: the chain ends"
			}
			break
		}
		hop := report.Hop{At: a, Value: layout.Word(word.Bytes)}
		switch to := space.Where(hop.Value); {
		case absent(word, layout.FromNowhere) == size:
			hop.End = "never used, so it reads as zeros: the chain ends"
		case absent(word, layout.FromUnknown) > 0:
			hop.Unknown = true
			hop.End = "not in the process's memory, so not known: the chain ends"
		case hop.Value == 0:
			hop.End = "a null pointer: the chain ends"
		case to.Place == nil && to.Below != nil && to.Above != nil:
			hop.End = "nothing is mapped there: the chain ends"
		case to.Place == nil:
			hop.End = "no address: the chain ends"
		case seen[hop.Value]:
			hop.End = "that was there before: a circle"
		case to.Place.Mapping.Perms&layout.Readable == 0:
			hop.End = "it may not be read: the chain ends"
		case len(hops) == longestChain-1:
			hop.End = "the chain goes on; memprobe stops here"
		}
		hops = append(hops, hop)
		if a = hop.Value; hop.End != "" {
			break
		}
	}
	return hops
}
