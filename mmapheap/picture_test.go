package mmapheap

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

// A picture of a heap names its blocks by address: "used 64 | used 5/16 | free 128".
// "used 5/16" is a block of 16 bytes that was asked for 5. A picture that ends in
// "free ..." leaves the rest of the arena free; else a used block that is not
// drawn fills it. Addresses in calls are offsets from the arena's start.

const pictureArena = 64 << 10

var reasons = map[string]error{
	"no space": ErrNoSpace, "double": ErrDoubleFree, "interior": ErrInterior, "foreign": ErrForeign,
	"misaligned": ErrMisaligned, "null": ErrNull, "untouched": ErrUntouched,
}

var pictures = []struct{ name, before, calls, after string }{
	{
		"takes the first hole that fits, not the tightest",
		"used 64 | free 128 | used 64 | free 96", "alloc 96 -> +64",
		"used 64 | used 96 | free 32 | used 64 | free 96",
	},
	{
		"passes holes that are too small",
		"free 16 | used 16 | free 32 | used 16 | free 48 | used 16", "alloc 33 -> +80",
		"free 16 | used 16 | free 32 | used 16 | used 33/48 | used 16",
	},
	{
		"fills a hole exactly, without a remainder",
		"used 16 | free 64 | used 16", "alloc 64 -> +16",
		"used 16 | used 64 | used 16",
	},
	{
		"rounds up to granules and keeps what was asked",
		"free ...", "alloc 1 -> +0; alloc 16 -> +16; alloc 17 -> +32; alloc 100 -> +64",
		"used 1/16 | used 16 | used 17/32 | used 100/112 | free ...",
	},
	{
		"gives a block to a request of nothing",
		"free ...", "alloc 0 -> +0; alloc 0 -> +16; free +0",
		"free 16 | used 0/16 | free ...",
	},
	{
		"a block of one byte after a block of none",
		"used 0/16 | used 16", "free +0; alloc 1 -> +0",
		"used 1/16 | used 16",
	},
	{
		"uses the last free bytes behind the last block",
		"used 64 | free ...", "alloc 65472 -> +64; alloc 1 -> no space",
		"used 64 | used 65472",
	},
	{
		"refuses what no block holds, though the sum would do",
		"free 64 | used 16 | free 64 | used 16", "alloc 65 -> no space; alloc 128 -> no space",
		"free 64 | used 16 | free 64 | used 16",
	},
	{
		"refuses sizes that would wrap when rounded",
		"used 16 | free ...", "alloc 18446744073709551615 -> no space; alloc 18446744073709551601 -> no space; resize +0 18446744073709551608 -> no space; alloc 65537 -> no space",
		"used 16 | free ...",
	},
	{"frees alone between neighbours in use", "used 16 | used 32 | used 16", "free +16", "used 16 | free 32 | used 16"},
	{"coalesces left", "free 32 | used 32 | used 16", "free +32", "free 64 | used 16"},
	{"coalesces right", "used 32 | free 32 | used 16", "free +0", "free 64 | used 16"},
	{"coalesces both", "used 16 | free 16 | used 32 | free 48 | used 16", "free +32", "used 16 | free 96 | used 16"},
	{"coalesces left at the start of the arena", "used 16 | used 16 | used 16", "free +0; free +16", "free 32 | used 16"},
	{"coalesces with the rest of the arena", "used 16 | used 32 | free ...", "free +16", "used 16 | free ..."},
	{"coalesces with a hole and the rest of the arena", "used 16 | free 16 | used 32 | free ...", "free +32", "used 16 | free ..."},
	{"becomes empty again", "used 16 | used 32 | used 48 | free ...", "free +16; free +48; free +0", "free ..."},
	{
		"coalesces over many words",
		"used 4096 | used 8192 | used 1024 | used 16", "free +0; free +12288; free +4096; alloc 13312 -> +0",
		"used 13312 | used 16",
	},
	{
		"a hole that coalesced is found at its lower start",
		"used 16 | used 48 | used 16 | used 16", "free +64; free +16; alloc 64 -> +16",
		"used 16 | used 64 | used 16",
	},
	{
		"the remainder of a split is found, leaves further up",
		"used 16 | free 20480 | used 16 | free 12288 | used 16", "alloc 8192 -> +16; alloc 12288 -> +8208; alloc 12288 -> +20512",
		"used 16 | used 8192 | used 12288 | used 16 | used 12288 | used 16",
	},
	{"shrinks in place", "used 64 | used 16", "resize +0 20 -> +0", "used 20/32 | free 32 | used 16"},
	{"shrinks in place and coalesces right", "used 64 | free 16 | used 16", "resize +0 33 -> +0", "used 33/48 | free 32 | used 16"},
	{"shrinks to nothing", "used 64 | free ...", "resize +0 0 -> +0", "used 0/16 | free ..."},
	{"grows from nothing within its block", "used 0/16 | used 16", "resize +0 16 -> +0", "used 16 | used 16"},
	{"shrinks at the end of the arena", "used 16 | used 65520", "resize +16 16 -> +16; alloc 16 -> +32", "used 16 | used 16 | used 16 | free ..."},
	{"resizes within its last granule", "used 20/32 | used 16", "resize +0 31 -> +0; resize +0 32 -> +0", "used 32 | used 16"},
	{"grows in place, part of the free block behind", "used 16 | free 64 | used 16", "resize +0 33 -> +0", "used 33/48 | free 32 | used 16"},
	{"grows in place, all of the free block behind", "used 16 | free 64 | used 16", "resize +0 80 -> +0", "used 80 | used 16"},
	{"grows in place though a lower hole would hold it", "free 256 | used 16 | free 64 | used 16", "resize +256 64 -> +256", "free 256 | used 64 | free 16 | used 16"},
	{"grows in place into the rest of the arena", "used 16 | free ...", "resize +0 65536 -> +0", "used 65536"},
	{"moves where the block behind is in use", "used 16 | used 16 | free ...", "resize +0 17 -> +32", "free 16 | used 16 | used 17/32 | free ..."},
	{"moves where the free block behind is too small", "used 16 | free 16 | used 16 | free ...", "resize +0 33 -> +48", "free 32 | used 16 | used 33/48 | free ..."},
	{"moves down to the lowest hole that fits", "free 64 | used 16 | used 16", "resize +64 60 -> +0", "used 60/64 | free 16 | used 16"},
	{"moves before it frees: its own bytes don't count", "free 16 | used 32 | free 16 | used 16", "resize +16 64 -> no space", "free 16 | used 32 | free 16 | used 16"},
	{"a resize without space leaves the block", "used 16 | used 5/16", "resize +16 17 -> no space", "used 16 | used 5/16"},
	{"refuses a double free", "used 16 | used 32 | used 16", "free +16; free +16 -> double; free +16 -> double", "used 16 | free 32 | used 16"},
	{"refuses a double free inside a coalesced block", "used 16 | used 32 | used 16", "free +0; free +16; free +16 -> double; resize +16 8 -> double", "free 48 | used 16"},
	{"refuses a double free behind the last block", "used 16 | used 32 | free ...", "free +16; free +16 -> double", "used 16 | free ..."},
	{"can't see a stale address that was handed out again", "used 16 | used 16", "free +0; alloc 16 -> +0; free +0", "free 16 | used 16"},
	{"refuses an address inside a block", "used 16 | used 2048 | used 16", "free +32 -> interior; free +2048 -> interior; resize +32 1 -> interior", "used 16 | used 2048 | used 16"},
	{"refuses a misaligned address", "used 64 | free ...", "free +8 -> misaligned; free +1 -> misaligned; free +65535 -> misaligned; resize +63 1 -> misaligned", "used 64 | free ..."},
	{"refuses what is outside", "used 64 | free ...", "free +65536 -> foreign; free -16 -> foreign; free -1 -> foreign; resize +65537 1 -> foreign", "used 64 | free ..."},
	{"refuses null", "used 64 | free ...", "free null -> null; resize null 1 -> null", "used 64 | free ..."},
	{"refuses what was never allocated", "used 64 | free ...", "free +64 -> untouched; free +65520 -> untouched", "used 64 | free ..."},
}

func TestPictures(t *testing.T) {
	for _, tt := range pictures {
		t.Run(tt.name, func(t *testing.T) {
			p := newPicture(t, tt.before)
			if got := p.draw(); got != tt.before {
				t.Fatalf("built %q\n for %q", got, tt.before)
			}
			for _, call := range strings.Split(tt.calls, "; ") {
				p.call(call)
				if err := p.heap.Check(); err != nil {
					t.Fatalf("%s: %v", call, err)
				}
			}
			if got := p.draw(); got != tt.after {
				t.Errorf("after %s\n got %q\nwant %q", tt.calls, got, tt.after)
			}
		})
	}
}

type picture struct {
	tb      testing.TB
	heap    *Heap
	filling addr.Addr // the block that is not drawn, or 0
}

func newPicture(tb testing.TB, text string) *picture {
	tb.Helper()
	p := &picture{tb: tb, heap: newRegion(tb, Config{Heap: pictureArena}).Heap()}
	var holes []addr.Addr
	rest := addr.Bytes(pictureArena)
	for _, block := range strings.Split(text, " | ") {
		if block == "free ..." {
			rest = 0
			continue
		}
		var state string
		var requested, size addr.Bytes
		if _, err := fmt.Sscanf(strings.Replace(block, "/", " ", 1), "%s %d %d", &state, &requested, &size); err != nil {
			size = requested
		}
		a := mustAlloc(tb, p.heap, requested)
		if state == "free" {
			holes = append(holes, a)
		}
		rest -= size
	}
	if rest != 0 && !strings.HasSuffix(text, "free ...") {
		p.filling = mustAlloc(tb, p.heap, rest)
	}
	for _, a := range holes {
		if err := p.heap.Free(a); err != nil {
			tb.Fatal(err)
		}
	}
	return p
}

func (p *picture) draw() string {
	var blocks []string
	for b := range p.heap.Blocks() {
		text := fmt.Sprintf("%v %d", b.State, b.Size)
		switch {
		case b.Addr == p.filling:
			continue
		case b.State == Used && b.Requested != b.Size:
			text = fmt.Sprintf("%v %d/%d", b.State, b.Requested, b.Size)
		case b.State == Free && b.Range().Hi == p.heap.Range().Hi:
			text = "free ..."
		}
		blocks = append(blocks, text)
	}
	return strings.Join(blocks, " | ")
}

// call plays "alloc 96 -> +64", "free +64" or "resize +64 20 -> no space".
func (p *picture) call(text string) {
	p.tb.Helper()
	command, want, _ := strings.Cut(text, " -> ")
	words := strings.Fields(command)
	var a addr.Addr
	var n addr.Bytes
	if words[0] != "alloc" && words[1] != "null" {
		var offset int64
		fmt.Sscan(words[1], &offset)
		a = p.heap.Range().Lo + addr.Addr(offset)
	}
	if words[0] != "free" {
		fmt.Sscan(words[len(words)-1], &n)
	}
	var got addr.Addr
	var err error
	switch words[0] {
	case "alloc":
		got, err = p.heap.Alloc(n)
	case "resize":
		got, err = p.heap.Resize(a, n)
	case "free":
		err = p.heap.Free(a)
	}
	if reason, ok := reasons[want]; ok {
		p.checkError(text, a, err, reason)
		return
	}
	if err != nil {
		p.tb.Fatalf("%s: %v", text, err)
	}
	if offset := fmt.Sprintf("+%d", got-p.heap.Range().Lo); words[0] != "free" && offset != want {
		p.tb.Fatalf("%s: got %s", text, offset)
	}
}

// checkError wants err to be for the one reason and no other, and to name a.
func (p *picture) checkError(call string, a addr.Addr, err, want error) {
	p.tb.Helper()
	for name, reason := range reasons {
		if errors.Is(err, reason) != (reason == want) {
			p.tb.Errorf("%s: %v: is it %q? %v", call, err, name, errors.Is(err, reason))
		}
	}
	if want == ErrNoSpace {
		return
	}
	if notABlock := want != ErrDoubleFree; errors.Is(err, ErrNotABlock) != notABlock {
		p.tb.Errorf("%s: %v: is it ErrNotABlock? %v", call, err, !notABlock)
	}
	block, ok := errors.AsType[*BlockError](err)
	if !ok || block.Addr != a || !strings.HasPrefix(call, block.Op) || !strings.Contains(err.Error(), a.String()) {
		p.tb.Errorf("%s: %v names something else than %v", call, err, a)
	}
	if inside := block.In.Contains(a); inside != (want == ErrInterior) {
		p.tb.Errorf("%s: the block around %v is %v", call, a, block.In)
	}
}
