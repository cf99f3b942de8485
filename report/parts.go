package report

import (
	"fmt"

	"github.com/dustin/go-humanize"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// partText says what a part is.
func partText(s *layout.Space, p layout.Part) string {
	info := p.Kind.Info()
	return partWords(s, &p, &info)
}

// partWords is partText where it is known what the part's kind is.
func partWords(s *layout.Space, p *layout.Part, info *layout.KindInfo) string {
	about := info.Text
	switch {
	case p.Library:
		return libraryWords(s, p, about)
	case p.Kind == layout.KindELF && len(p.Sections) == 0:
		return paddingWords(s, p)
	case p.Kind == layout.KindELF:
		return elfWords(p)
	case p.Kind == layout.KindGoHeap && s.Mappings[p.Mapping].Perms&(layout.Readable|layout.Writable) == 0:
		return "reserved for Go's heap to grow into"
	case p.Kind == layout.KindOwnHeap:
		return about + inUse(s, layout.KindOwnHeap, layout.KindOwnHeapReserve)
	case p.Kind == layout.KindOwnStack:
		return about + inUse(s, layout.KindOwnStack, layout.KindOwnStackReserve)
	case p.Kind == layout.KindThreadStack:
		return "stack of " + brief(p.Label) + stackUse(s, p)
	case p.Kind == layout.KindProcessStack && s.FirstIsElsewhere():
		return brief(p.Label) + ": " + kernelsStack
	case p.Kind == layout.KindProcessStack:
		return brief(p.Label) + ": " + about + stackUse(s, p)
	case p.Kind == layout.KindGuard:
		return brief(p.Label) + ": never accessible"
	case p.Kind == layout.KindFile:
		return brief(p.Object)
	case p.Kind == layout.KindAnonymous, p.Kind == layout.KindReserved:
		return brief(p.Label) // what that means stands below the picture
	case info.Named:
		return brief(p.Label) + ": " + about
	}
	return about
}

// libraryWords say what a part of a library is: the file's name does, but where the file
// begins its whole path.
func libraryWords(s *layout.Space, p *layout.Part, about string) string {
	name := brief(baseName(p.Object))
	switch {
	case p.Kind == layout.KindELF && len(p.Sections) == 0:
		return name + ": " + paddingWords(s, p)
	case p.Kind == layout.KindELF && p.Lo == s.Mappings[p.Mapping].Lo && s.Mappings[p.Mapping].Offset == 0:
		return brief(p.Object) + " " + elfWords(p)
	case p.Kind == layout.KindELF:
		return name + " " + elfWords(p)
	default:
		return name + " " + brief(p.Label) + ": " + about
	}
}

// elfWords say what sections are that are neither code nor data: of many, the first and
// the last.
func elfWords(p *layout.Part) string {
	label := brief(p.Label)
	if n := len(p.Sections); n > 2 {
		label = brief(p.Sections[0].Name) + " to " + brief(p.Sections[n-1].Name)
	}
	return label + ": headers, tables for the loader"
}

// paddingWords say what bytes of no section are.
func paddingWords(s *layout.Space, p *layout.Part) string {
	if p.Size() < s.PageSize && p.Hi.Aligned(s.PageSize) {
		return "padding up to the page's end"
	}
	return "bytes of no section"
}

// kernelsStack is a first stack that no thread runs on any more.
const kernelsStack = "the stack that the kernel made; no thread runs on it"

// stackUse says how much of a stack was ever used, and how much there is before its end.
func stackUse(s *layout.Space, p *layout.Part) string {
	stack := s.StackAt(p.Lo)
	if stack == nil {
		return ""
	}
	left, known := stack.ToGuard()
	switch {
	case !known:
		return ""
	case stack.First && stack.Limit > 0:
		return fmt.Sprintf(", %s touched, may grow to %s", size(stack.Touched), size(stack.Limit))
	case stack.First:
		return fmt.Sprintf(", %s touched", size(stack.Touched))
	case stack.Guard.Size() == 0:
		return fmt.Sprintf(", %s of %s touched, then %s and no guard", size(stack.Touched), size(stack.Size()), leftOf(stack, left))
	}
	return fmt.Sprintf(", %s of %s touched, then %s to the guard", size(stack.Touched), size(stack.Size()), leftOf(stack, left))
}

// leftOf is how much of a stack is left, in KiB where rounded it would seem to be all.
func leftOf(stack *layout.Stack, left addr.Bytes) string {
	if left < stack.Size() && size(left) == size(stack.Size()) && left%1024 == 0 {
		return humanize.Comma(int64(left/1024)) + " KiB"
	}
	return size(left)
}

// inUse says how much of what is set aside for a kind is accessible.
func inUse(s *layout.Space, used, reserve layout.Kind) string {
	var have, all addr.Bytes
	for _, p := range s.Whole().Parts {
		switch p.Kind {
		case used:
			have += p.Size()
			all += p.Size()
		case reserve:
			all += p.Size()
		}
	}
	return fmt.Sprintf(", %s accessible of %s", size(have), size(all))
}
