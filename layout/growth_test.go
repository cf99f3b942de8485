package layout

import (
	"os"
	"testing"

	"memprobe/layout/addr"
)

// A goroutine's stack moves when it grows. What the kernel was told to fill in must
// not have been left behind: then the answer is lost, and other memory damaged.
func TestQuestionsOnAGrowingStack(t *testing.T) {
	canQuery(t)
	maps, err := openProc("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	pagemap, err := OpenPagemap(0)
	if err != nil {
		t.Fatal(err)
	}
	defer pagemap.Close()
	at := pointer(selfText)
	ask := func() (query, scan bool) {
		var name [longestQueryName]byte
		m, err := queryMapping(maps, at, &name)
		page := at.AlignDown(addr.Bytes(os.Getpagesize()))
		var found [300]scanned
		n, _, errScan := scanPages(pagemap.file, addr.Span(page, addr.Bytes(os.Getpagesize())), scanHeld, scanTold, found[:])
		return err == nil && m.Name != "" && m.Name[0] == '/', errScan != nil || n == 1 && found[0].start == uint64(page)
	}
	for depth := range 400 {
		done := make(chan bool)
		var query, scan bool
		go func() { // with a small stack
			query, scan = askBelow(depth, ask)
			close(done)
		}()
		<-done
		if !query || !scan {
			t.Fatalf("%d calls deep an answer is lost: name told %v, page told %v", depth, query, scan)
		}
	}
}

// askBelow calls ask from depth calls below.
//
//go:noinline
func askBelow(depth int, ask func() (bool, bool)) (query, scan bool) {
	if depth == 0 {
		return ask()
	}
	return askBelow(depth-1, ask)
}
