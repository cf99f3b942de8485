package claims

import (
	"errors"
	"fmt"
	"strings"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
	"memprobe/probe"
)

// What an allocator does.

var anySize = &Claim{
	ID: "any-size", Lesson: StackVsHeap, Where: "Heap properties",
	Words:  "allocations can be any size, determined at runtime",
	Test:   "Blocks of several sizes are asked for, the last one larger than the heap.",
	ByHand: []string{"memprobe scenario fragmentation", "memprobe bugs huge-calloc"},
	Gather: func(l *Lab) Evidence {
		heap := l.memory().Heap()
		var e Evidence
		got, exact := 0, 0
		for _, n := range []addr.Bytes{1, 5, 100, 4096, 1 << 20} {
			a, err := heap.Alloc(n)
			if err != nil {
				lose("%v", err)
			}
			b, err := heap.Block(a)
			if err == nil {
				err = heap.Free(a)
			}
			if err != nil {
				lose("%v", err)
			}
			got++
			if b.Size == n {
				exact++
			}
			e = append(e, sized(fmt.Sprintf("set aside for %d", uint64(n)), b.Size, "Alloc"))
		}
		whole := heap.Range().Size()
		_, err := heap.Alloc(whole + 1)
		return append(e,
			counted("sizes that were to be had", got, "Alloc"),
			counted("of them set aside to the byte", exact, "Alloc"),
			sized("the heap", whole, "its range"),
			seen("one byte more than the heap is refused", errors.Is(err, mmapheap.ErrNoSpace), "Alloc"))
	},
	Judge: func(r *Reading) Judgement {
		got, exact, refused := r.Count("sizes that were to be had"), r.Count("of them set aside to the byte"), r.Yes("one byte more than the heap is refused")
		switch {
		case got == 0:
			return doesNot("No size was to be had.")
		case exact == got && !refused:
			return holds("All sizes were to be had, to the byte.")
		}
		return inPart("Any size may be asked for while the program runs. What is set aside is a multiple of 16 bytes, and a request that no free block can hold is refused: a heap has an end, too.")
	},
}

var fragmentation = &Claim{
	ID: "must-search", Lesson: StackVsHeap, Where: "Heap properties",
	Words:  "the allocator must search for a free block and manage fragmentation",
	Test:   "The free blocks that a search looks at are counted; a heap is broken up until a request fails though enough is free, and mended.",
	ByHand: []string{"memprobe scenario alloc --step 3", "memprobe scenario fragmentation"},
	Gather: func(l *Lab) Evidence {
		search := l.run("alloc").step(3)
		story := l.run("fragmentation")
		broken, failed, mended := story.step(2), story.step(3), story.step(4)
		return Evidence{
			counted("free blocks looked at for a request", len(search.event(probe.EventSearch).LookedAt), search.from()),
			sized("free when the heap is broken up", broken.Heap.Free, broken.from()),
			sized("asked for", failed.event(probe.EventSearch).Size, failed.from()),
			sized("the largest free block", largestFree(broken), broken.from()),
			sized("the largest when neighbours were joined", largestFree(mended), mended.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		looked, free, asked := r.Count("free blocks looked at for a request"), r.Size("free when the heap is broken up"), r.Size("asked for")
		largest, mended := r.Size("the largest free block"), r.Size("the largest when neighbours were joined")
		switch {
		case looked < 1:
			return doesNot("Nothing was searched.")
		case largest < asked && asked <= free && mended >= asked:
			return holds("%d free blocks were looked at for one request. Broken up, %d free bytes had no place for %d; joining neighbours made one.", looked, free, asked)
		}
		return inPart("%d free blocks were looked at; of fragmentation nothing was seen.", looked)
	},
}

func largestFree(s step) addr.Bytes {
	var most addr.Bytes
	for _, b := range s.Heap.Blocks {
		if b.State == probe.BlockFree {
			most = max(most, b.Size)
		}
	}
	return most
}

var anyOrder = &Claim{
	ID: "any-order", Lesson: Ownership2, Where: "Heap Memory",
	Words:  "Data can be allocated and deallocated in any order on the Heap.",
	Test:   "The blocks that the scenario alloc frees are held against the order in which it allocated them.",
	ByHand: []string{"memprobe scenario alloc --step 1"},
	Gather: func(l *Lab) Evidence {
		s := l.run("alloc").step(1)
		var open []addr.Addr
		frees, inside := 0, 0
		for _, e := range s.Events {
			switch e.Kind {
			case probe.EventAlloc:
				open = append(open, e.Addr)
			case probe.EventFree:
				frees++
				for i, a := range open {
					if a == e.Addr {
						if i < len(open)-1 {
							inside++
						}
						open = append(open[:i:i], open[i+1:]...)
						break
					}
				}
			}
		}
		return Evidence{
			counted("blocks freed", frees, s.from()),
			counted("of them while a newer block was in use", inside, s.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		frees, inside := r.Count("blocks freed"), r.Count("of them while a newer block was in use")
		switch {
		case frees == 0:
			return cannotTell("no block was freed")
		case inside == 0:
			return doesNot("Each block that was freed was the newest one.")
		}
		return holds("%d of %d blocks were freed while newer ones were in use, which a stack can't do.", inside, frees)
	},
}

var findsSpot = &Claim{
	ID: "finds-spot", Lesson: Ownership2, Where: "Data Allocation on the Heap",
	Words:  "The Memory Allocator finds an empty spot in the Heap that is big enough for the space requested",
	Test:   "The search for a request is followed: which free blocks are looked at, and where it ends.",
	ByHand: []string{"memprobe scenario alloc --step 3"},
	Gather: func(l *Lab) Evidence {
		s := l.run("alloc").step(3)
		search := s.event(probe.EventSearch)
		var e Evidence
		for i, c := range search.LookedAt {
			e = append(e, quoted(fmt.Sprintf("free block %d", i+1), fmt.Sprintf("%v, %d bytes", c.Addr, uint64(c.Size)), s.from()))
		}
		found := addr.Bytes(0)
		if n := len(search.LookedAt); n > 0 && search.LookedAt[n-1].Fits {
			found = search.LookedAt[n-1].Size
		}
		return append(e, sized("asked for", search.Size, s.from()), sized("found", found, s.from()))
	},
	Judge: func(r *Reading) Judgement {
		asked, found := r.Size("asked for"), r.Size("found")
		if found < asked {
			return doesNot("The search ended at a block of %d bytes for a request of %d.", found, asked)
		}
		return holds("%d bytes were asked for, and the search ended at the lowest free block that holds them, one of %d bytes. First fit does not look for a tighter one.", asked, found)
	},
}

var marksUsed = &Claim{
	ID: "marks-used", Lesson: Ownership2, Where: "Data Allocation on the Heap",
	Words:  "The Memory Allocator marks the spot as 'being in use'",
	Test:   "The heap's list of blocks is read after the search, after the mark, and before anybody has the address.",
	ByHand: []string{"memprobe scenario alloc --step 4"},
	Gather: func(l *Lab) Evidence {
		before, after := l.run("alloc").step(3), l.run("alloc").step(4)
		at := after.event(probe.EventAlloc).Addr
		return Evidence{
			located("the spot", at, after.from()),
			quoted("its state after the search", before.block(at).State, before.from()),
			quoted("its state after the mark", after.block(at).State, after.from()),
			quoted("v, which will get the address", string(after.frame("main").v("v").State), after.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		before, after := r.Text("its state after the search"), r.Text("its state after the mark")
		if before == probe.BlockFree && after == probe.BlockUsed {
			return holds("It was free and is in use, though v is still %s.", r.Text("v, which will get the address"))
		}
		return doesNot("It was %s and is %s.", before, after)
	},
}

var returnsAddress = &Claim{
	ID: "returns-address", Lesson: Ownership2, Where: "Data Allocation on the Heap",
	Words:  "The Memory Allocator returns a pointer which is the memory address of that location",
	Test:   "The pointer that v gets is compared with the address of the block that was marked.",
	ByHand: []string{"memprobe scenario alloc --step 5"},
	Gather: func(l *Lab) Evidence {
		marked, given := l.run("alloc").step(4), l.run("alloc").step(5)
		return Evidence{
			located("the block that was marked", marked.event(probe.EventAlloc).Addr, marked.from()),
			quoted("v.ptr", given.frame("main").v("v").field("ptr").Value, given.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		block, ptr := r.Addr("the block that was marked"), r.Text("v.ptr")
		if ptr != block.String() {
			return doesNot("v got %s, the block is at %v.", ptr, block)
		}
		return holds("v has %s: a number, the block's lowest address.", ptr)
	},
}

var marksFree = &Claim{
	ID: "marks-free", Lesson: Ownership2, Where: "Deallocation on the Heap",
	Words:  "The Memory Allocator marks the spot as 'available' or 'free' for future use.",
	Test:   "The state of a block in the heap's list is read before and after its owner is dropped.",
	ByHand: []string{"memprobe scenario free --step 3"},
	Gather: func(l *Lab) Evidence {
		story := l.run("free")
		before, after := story.step(1), story.step(3)
		at := before.frame("main").v("a").owned().Addr
		return Evidence{
			located("the block of a", at, before.from()),
			quoted("its state before", before.block(at).State, before.from()),
			quoted("its state after", after.block(at).State, after.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		before, after := r.Text("its state before"), r.Text("its state after")
		if before == probe.BlockUsed && after == probe.BlockFree {
			return holds("It was in use and is free. Beside other free blocks it would be joined with them.")
		}
		return doesNot("It was %s and is %s.", before, after)
	},
}

var reused = &Claim{
	ID: "reused", Lesson: Ownership2, Where: "Deallocation on the Heap",
	Words:  "The previously allocated memory space is now accessible for reallocation",
	Test:   "A block is freed, and the address of the next one that fits is compared with it.",
	ByHand: []string{"memprobe scenario free --step 6"},
	Gather: func(l *Lab) Evidence {
		story := l.run("free")
		return Evidence{
			located("a's text was at", story.step(1).frame("main").v("a").owned().Addr, story.step(1).from()),
			located("d's text is at", story.step(6).frame("main").v("d").owned().Addr, story.step(6).from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		if old, next := r.Addr("a's text was at"), r.Addr("d's text is at"); old != next {
			return doesNot("d's text is at %v, not where a's was.", next)
		}
		return holds("d's text is where a's was.")
	},
}

var stalePointer = &Claim{
	ID: "stale-pointer", Lesson: Ownership2, Where: "Deallocation on the Heap",
	Words:  "the pointer referencing that space becomes invalid or unusable",
	Test:   "A raw pointer to a block is read before and after the block is freed, and followed when somebody else has the block.",
	ByHand: []string{"memprobe scenario use-after-free", "memprobe scenario free --step 4"},
	Gather: func(l *Lab) Evidence {
		story := l.run("use-after-free")
		before, after, read := story.step(1), story.step(2), story.step(4)
		return Evidence{
			located("p before the block is freed", before.frame("main").v("p").pointer(), before.from()),
			located("p after that", after.frame("main").v("p").pointer(), after.from()),
			quoted("the byte that p reads then", read.frame("main").v("c").Value, read.from()),
			seen("that is another owner's byte", read.frame("main").v("t").owned().Addr == after.frame("main").v("p").pointer(), read.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		before, after := r.Addr("p before the block is freed"), r.Addr("p after that")
		switch {
		case before != after:
			return holds("p was changed when the block was freed.")
		case r.Yes("that is another owner's byte"):
			return inPart("Invalid, yes: nobody may use it, and safe Rust has nobody do it. Unusable, no: p is %v as before, and unsafe code reads another owner's byte there, %s.", after, r.Text("the byte that p reads then"))
		}
		return doesNot("p is as before, and still leads to its old block.")
	},
}

var bookkeeping = &Claim{
	ID: "bookkeeping", Lesson: Ownership2, Where: "Deallocation on the Heap",
	Words:  "It must also perform bookkeeping to prepare for the next allocation.",
	Test:   "The heap's list of blocks is read before and after one allocation.",
	ByHand: []string{"memprobe scenario alloc --step 4", "memprobe replay --help"},
	Gather: func(l *Lab) Evidence {
		before, after := l.run("alloc").step(3), l.run("alloc").step(4)
		at := after.event(probe.EventAlloc).Addr
		return Evidence{
			quoted("the heap's entry for the spot, before", entry(before.block(at)), before.from()),
			quoted("the same after", entry(after.block(at)), after.from()),
			counted("entries before", len(before.Heap.Blocks), before.from()),
			counted("entries after", len(after.Heap.Blocks), after.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		before, after := r.Text("the heap's entry for the spot, before"), r.Text("the same after")
		if before == after && r.Count("entries before") == r.Count("entries after") {
			return doesNot("Nothing in the heap's books has changed.")
		}
		return holds("The entry was %q and is %q; what is left of the free block has an entry of its own.", before, after)
	},
}

func entry(b probe.Block) string { return fmt.Sprintf("%s, %d bytes", b.State, uint64(b.Size)) }

var contiguous = &Claim{
	ID: "contiguous", Lesson: Ownership2, Where: "Deallocation on the Heap",
	Words:  "Unlike the Stack where each frame is stacked on top of the other and the Stack Pointer can access contiguous memory location by going down the stack.",
	Test:   "The gaps are measured between the frames of nested calls, and between blocks that were allocated in a row.",
	ByHand: []string{"memprobe scenario nested --step 2", "memprobe scenario parking --step 1"},
	Gather: func(l *Lab) Evidence {
		nested, row := l.run("nested").step(2), l.run("vec-grow").step(5)
		frames := addr.Bytes(0)
		for i := 1; i < len(nested.Frames); i++ {
			frames += nested.Frames[i-1].Start.Sub(nested.Frames[i].End)
		}
		used := row.used()
		blocks := addr.Bytes(0)
		for i := 1; i < len(used); i++ {
			blocks += used[i].Addr.Sub(used[i-1].Addr.Offset(used[i-1].Size))
		}
		return Evidence{
			counted("frames", len(nested.Frames), nested.from()),
			sized("between them", frames, nested.from()),
			counted("blocks in a row", len(used), row.from()),
			sized("between those", blocks, row.from()),
		}
	},
	Judge: func(r *Reading) Judgement {
		switch frames, blocks := r.Size("between them"), r.Size("between those"); {
		case r.Count("frames") < 2:
			return cannotTell("there are no two frames")
		case frames > 0:
			return doesNot("There are %d bytes between frames.", frames)
		case blocks == 0 && r.Count("blocks in a row") > 1:
			return inPart("Frames lie side by side. So do the blocks of a fresh heap, %d of them here without a byte between: it is freeing in any order that tears holes.", r.Count("blocks in a row"))
		}
		return holds("Frames lie side by side; the blocks have gaps between them.")
	},
}

// lines of a program that free something by hand.
func freeingLines(source []string) int {
	n := 0
	for _, l := range source {
		if strings.Contains(l, "drop(") || strings.Contains(l, "free(") || strings.Contains(l, "dealloc(") {
			n++
		}
	}
	return n
}
