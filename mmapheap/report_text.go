package mmapheap

import (
	"fmt"
	"strconv"
	"strings"

	"memprobe/layout/addr"
)

// Error is the report in one line.
func (r *Report) Error() string {
	text := string(r.Class) + ": "
	switch {
	case r.Class == Leak:
		return text + r.short() + ", can't be reached any more"
	case r.Block == 0:
		return text + r.what()
	}
	place := strings.TrimSuffix(r.distance(), "the block") + r.short()
	if r.Byte != r.Addr && r.Net != NetCanary && r.Net != NetPoison {
		place = fmt.Sprintf("%v is %s", r.Byte, place)
	}
	return text + r.what() + ": " + place
}

// Line is a line of a report's text. One without a label goes on with the line
// before.
type Line struct{ Label, Text string }

// Lines is the report in sentences and names, none of them broken; the class, which
// is its title, is left out.
func (r *Report) Lines() []Line {
	lines := []Line{{"what", r.what()}}
	add := func(label, text string) { lines = append(lines, Line{label, text}) }
	if where := r.where(); where != "" {
		add("where", where)
	}
	if r.Net == NetCanary || r.Net == NetPoison {
		add("damage", fmt.Sprintf("that byte should hold %#02x and holds %#02x", r.Want, r.Found))
	}
	if r.Block != 0 {
		add("block", r.Owner.String())
		add(r.made(), r.Allocated.String())
	}
	if r.Freed != (Site{}) {
		add(r.ended(), r.Freed.String())
	}
	if r.Other.Block != 0 {
		add(r.otherLabel(), r.Other.String())
		add("", fmt.Sprintf("%s by %s", r.Other.made(), r.Other.Allocated))
	}
	if r.Class == StackOverflow {
		add("stack", fmt.Sprintf("%s, %v", count(r.Requested), r.Range))
	}
	if r.Here != (Site{}) {
		add("here", r.Here.String())
	}
	add("noticed by", r.noticer())
	add("meaning", lessons[r.Class])
	return lines
}

// Text is the report in several lines, which assume nothing of the reader. It ends
// with a newline.
func (r *Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.Class)
	for _, line := range r.Lines() {
		label := line.Label
		for _, text := range wrap(line.Text, textWidth) {
			fmt.Fprintf(&b, "  %-10s %s\n", label, text)
			label = ""
		}
	}
	return b.String()
}

// textWidth is what Text breaks lines at, where they have blanks, so that with the
// labels they are at most 80 wide.
const textWidth = 67

// wrap cuts a text into lines of at most width bytes where it has blanks.
func wrap(text string, width int) []string {
	var lines []string
	for _, word := range strings.Fields(text) {
		if last := len(lines) - 1; last >= 0 && len(lines[last])+1+len(word) <= width {
			lines[last] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}

// what is the operation.
func (r *Report) what() string {
	switch {
	case r.Class == Leak:
		return fmt.Sprintf("%s at %v can't be reached any more", count(r.Requested), r.Range.Lo)
	case r.Class == StackOverflow:
		return fmt.Sprintf("push a frame of %s for %s; the kernel stopped it at %v", count(r.Size), name(r.Name), r.Addr)
	case r.Net == NetCanary || r.Net == NetPoison:
		return fmt.Sprintf("%s changed at %v, found by %s", count(r.Size), r.Addr, r.Access)
	case r.Size == 0 && r.Reason != nil && r.Class != DoubleFree && r.Class != ResizeAfterFree:
		return fmt.Sprintf("%s %v: %v", r.Access, r.Addr, r.Reason)
	case r.Size == 0:
		return fmt.Sprintf("%s %v", r.Access, r.Addr)
	case r.Reason != nil:
		return fmt.Sprintf("%s %s at %v: %v", r.Access, count(r.Size), r.Addr, r.Reason)
	}
	return fmt.Sprintf("%s %s at %v", r.Access, count(r.Size), r.Addr)
}

// noticer is who noticed. A lost block is nobody's access: it was looked for.
func (r *Report) noticer() string {
	if r.Class == Leak {
		return "a look at the end for blocks that no pointer leads to"
	}
	return noticers[r.Net]
}

// where is how the wrong byte lies to the block.
func (r *Report) where() string {
	if r.Block == 0 || r.Class == Leak {
		return ""
	}
	return fmt.Sprintf("%v is %s", r.Byte, r.distance())
}

func (r *Report) distance() string {
	past := r.Offset - int64(r.Requested)
	switch {
	case r.Offset < 0:
		return fmt.Sprintf("%s before the start of the block", count(-r.Offset))
	case r.Offset == 0 && past < 0:
		return "the first byte of the block"
	case past < 0:
		return fmt.Sprintf("%s into the block", count(r.Offset))
	case past == 0:
		return "the first byte behind the end of the block"
	}
	return fmt.Sprintf("%s behind the end of the block", count(past))
}

func (r *Report) otherLabel() string {
	switch {
	case r.Class == Leak:
		return "held by"
	case !r.Live:
		return "there now"
	}
	return "lies in"
}

// places say where a block of that kind lies.
var places = map[Kind]string{HeapBlock: "on the heap", StackBlock: "on the stack", StaticBlock: "among the statics"}

// String is o in one line.
func (o Owner) String() string {
	state := ""
	switch {
	case o.Live:
	case o.Kind == HeapBlock:
		state = ", freed"
	default:
		state = ", ended"
	}
	setAside := ""
	if o.Kind == HeapBlock && o.SetAside > o.Requested {
		setAside = fmt.Sprintf(" of %d set aside", o.SetAside)
	}
	return fmt.Sprintf("number %d, %s, %s%s %s at %v%s", o.Block, name(o.Name), count(o.Requested), setAside, places[o.Kind], o.Range.Lo, state)
}

func (o Owner) short() string {
	return fmt.Sprintf("block %d, %s, %s at %v", o.Block, name(o.Name), count(o.Requested), o.Range.Lo)
}

// made is the word for how a block of that kind begins, and ended for how it ends.
func (o Owner) made() string {
	if o.Kind == HeapBlock {
		return "allocated"
	}
	return "made"
}

func (r *Report) ended() string {
	switch {
	case r.Kind == StackBlock:
		return "returned"
	case r.Class == UseAfterResize:
		return "resized"
	}
	return "freed"
}

func name(s string) string { return fmt.Sprintf("%q", s) }

// count is n bytes, as words. n is not negative, but may be the distance 1<<63,
// which in an int64 looks so.
func count[T addr.Bytes | int64](n T) string {
	if n == 1 {
		return "1 byte"
	}
	return grouped(strconv.FormatUint(uint64(n), 10)) + " bytes"
}

// grouped is a number that is not negative with its digits in groups of three.
func grouped(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
