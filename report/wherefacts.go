package report

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/probe"
)

// The facts of an answer to where: what lies at an address, whose it is, what is around.

func placeFacts(l located) []fact {
	place := l.Place
	facts := []fact{
		{"segment", segmentWords(place.Part.Segment())},
		{"part", fmt.Sprintf("%s, %v, %s: %s from its start, %s to its end", brief(place.Part.Label), place.Part.Range, size(place.Part.Size()), exactly(place.FromPart), exactly(place.ToPart))},
	}
	if place.Symbol != nil {
		facts = append(facts, fact{"symbol", symbolWords(place.Symbol)})
	} else if l.NoSymbol != "" {
		facts = append(facts, fact{"symbol", "none: " + briefWithin(l.NoSymbol)})
	}
	if place.Section != nil && place.Section.Range != place.Part.Range {
		facts = append(facts, fact{"section", fmt.Sprintf("%s+%#x", brief(place.Section.Name), uint64(*place.FromSection))})
	}
	if place.Part.Object != place.Mapping.Name && place.Part.Object != "" { // else the mapping's line names it
		facts = append(facts, fact{"file", brief(place.Part.Object)})
	}
	if place.FileOffset != nil {
		facts = append(facts, fact{"in file", fmt.Sprintf("offset %v", *place.FileOffset)})
	}
	facts = append(facts, fact{"mapping", mapsLine(place.Mapping)})
	if place.Mapping.Range == place.Part.Range {
		return facts
	}
	return append(facts, fact{"offset", fmt.Sprintf("%s from the mapping's start, %s to its end", exactly(place.FromMapping), exactly(place.ToMapping))})
}

// bytesShown is how many bytes of an address there is room for.
func (p *page) bytesShown() int {
	if p.width >= 160 {
		return 16
	}
	return 8
}

// bytesWords are bytes in hexadecimal and as text.
func bytesWords(b []byte) string { return strings.TrimRight(hexBytes(b)+"  "+chars(b), " ") }

// wordText is the text that the bytes of a word begin with, up to a zero, as C ends a
// text; empty where they are no text, or a single letter.
func wordText(word addr.Addr, size addr.Bytes) string {
	b := binary.LittleEndian.AppendUint64(nil, uint64(word))[:size]
	b, _, _ = bytes.Cut(b, []byte{0})
	if len(b) < 2 || chars(b) != string(b) {
		return ""
	}
	return string(b)
}

// useText says in a few words what memory is for that no frame lies in.
func useText(l located) string {
	switch l.Use {
	case layout.UseArguments:
		return "the program's arguments"
	case layout.UseEnvironment:
		return "the program's environment"
	case layout.UseStart:
		return "what the kernel put above the stack's first frame"
	case layout.UseThreadVars:
		return l.Thread.title() + "'s own variables (__thread)"
	case layout.UseThreadRecord:
		return "the C library's record of " + l.Thread.title()
	}
	return l.Thread.title() + "'s own variables (__thread), or the C library's record of it"
}

// useFacts tell of memory that lies with a stack, but in no frame.
func useFacts(s *layout.Space, l located) []fact {
	if l.Use == "" {
		return nil
	}
	about := "part of the stack's memory, above all frames"
	text := func(what string, r addr.Range) string {
		return fmt.Sprintf("the text of %s, %v, %s: %s from its start", what, r, size(r.Size()), exactly(l.Addr.Sub(r.Lo)))
	}
	switch l.Use {
	case layout.UseArguments:
		about = text("the program's arguments (argv)", s.Args)
	case layout.UseEnvironment:
		about = text("the environment's variables", s.Env)
	case layout.UseStart:
		about = "argc, the pointers to the arguments and to the environment, the auxiliary vector, the program's path; no frame lies there"
	}
	return []fact{{"use", about}}
}

// title names a thread.
func (t *threadJSON) title() string {
	return strings.TrimSpace(fmt.Sprintf("thread %d %s", t.TID, brief(t.Name)))
}

// symbolWords say what symbol an address has, and what is sure of it.
func symbolWords(y *layout.Symbol) string {
	if !y.Sized() {
		return fmt.Sprintf("perhaps %s: it starts %s below, and the file does not tell its size (%s)", brief(y.Name), exactly(y.Offset), brief(y.Table))
	}
	return fmt.Sprintf("%s, %v, %s: %s from its start, %s to its end (%s)",
		brief(y.Name), y.Range, size(y.Size()), exactly(y.Offset), exactly(y.Size()-y.Offset), brief(y.Table))
}

// programFacts tell what the running program has there.
func programFacts(l located) []fact {
	var facts []fact
	if l.Frame != "" {
		facts = append(facts, fact{"frame", l.Frame})
	}
	if l.Variable != "" {
		facts = append(facts, fact{"variable", dotted(l.Variable, l.Field)})
	}
	if b := l.Block; b != nil {
		about := fmt.Sprintf("%v, %s, free", b.Addr, exactly(b.Size))
		if b.State == probe.BlockUsed {
			about = fmt.Sprintf("%v, %s asked for, %d set aside, owner %s", b.Addr, bytesOf(b.Requested), uint64(b.Size), orNobody(b.Owner))
		}
		facts = append(facts, fact{"block", about})
	}
	return facts
}

// threadFacts tell on whose stack an address lies.
func threadFacts(l located) []fact {
	t := l.Thread
	if t == nil {
		return nil
	}
	about := fmt.Sprintf("%d %s", t.TID, brief(t.Name))
	switch {
	case t.First:
		about += ", the process's first"
	case l.Place != nil && l.Place.Part.Range != t.Stack:
		about += fmt.Sprintf("; its stack is %v, known by %s", t.Stack, t.FoundBy)
	default:
		about += fmt.Sprintf("; its stack is known by %s", t.FoundBy)
	}
	switch {
	case t.SP == 0 || l.Use != "":
	case l.Addr < t.SP:
		about += fmt.Sprintf("; %s below its stack pointer, %v", exactly(t.SP.Sub(l.Addr)), t.SP)
	default:
		about += fmt.Sprintf("; %s above its stack pointer, %v", exactly(l.Addr.Sub(t.SP)), t.SP)
	}
	facts := []fact{{"thread", about}}
	if l.Use != "" {
		return facts
	}
	var stack []string
	if t.Depth != nil {
		stack = append(stack, exactly(*t.Depth)+" deep now")
	}
	if t.Touched != nil {
		stack = append(stack, stackTouched(t))
	}
	if len(stack) > 0 {
		facts = append(facts, fact{"stack", strings.Join(stack, "; ")})
	}
	return facts
}

// stackTouched says how much of a stack was used, and how much there is before its end.
func stackTouched(t *threadJSON) string {
	about := fmt.Sprintf("%s of its %s touched; the lowest %s are not in memory", size(*t.Touched), size(t.Stack.Size()), size(*t.ToGuard))
	switch {
	case t.First && t.Limit > 0:
		return about + fmt.Sprintf("; the kernel lets it grow to %s", size(t.Limit))
	case t.First:
		return about
	case t.Guard == 0:
		return about + "; no guard below them"
	}
	return about + fmt.Sprintf(", then comes its guard of %s", size(t.Guard))
}

// aroundFacts tell what lies next to the part of an address, or next to an address
// that is not mapped.
func aroundFacts(s *layout.Space, l located) []fact {
	if l.State == layout.NonCanonical || !s.User().Contains(l.Addr) {
		return nil
	}
	here := addr.Range{Lo: l.Addr, Hi: l.Addr}
	if l.Place != nil {
		here = l.Place.Part.Range
	}
	above, below := fmt.Sprintf("nothing, up to where a program's addresses end at %v", s.User().Hi), "nothing, down to address 0"
	if l.Above != nil {
		above = nextText(s, l.Above.Part, l.Above.Part.Lo.Sub(l.Addr), l.Above.Part.Lo.Sub(here.Hi))
	}
	if l.Below != nil {
		below = nextText(s, l.Below.Part, l.Addr.Sub(l.Below.Part.Hi), here.Lo.Sub(l.Below.Part.Hi))
	}
	return []fact{{"above", above}, {"below", below}}
}

// nextText says what the next part is, how far from the address, and behind what gap.
func nextText(s *layout.Space, p layout.Part, away, gap addr.Bytes) string {
	about := neighbourText(s, p) + ", " + p.Range.String()
	switch {
	case gap == 0:
		return "adjacent: " + about
	case size(gap) != size(away):
		about += fmt.Sprintf(", behind a gap of %s", size(gap))
	}
	return exactly(away) + " away: " + about
}

// neighbourText says in short what a part is: of many sections the first and the last.
func neighbourText(s *layout.Space, p layout.Part) string {
	switch {
	case p.Kind == layout.KindFile:
		return brief(baseName(p.Object)) + ", a mapped file"
	case len(p.Sections) == 0 && p.Object == "":
		return partText(s, p)
	}
	name := brief(baseName(p.Object))
	if n := len(p.Sections); n > 2 {
		name += fmt.Sprintf(" %s to %s", brief(p.Sections[0].Name), brief(p.Sections[n-1].Name))
	} else if p.Kind != layout.KindELF {
		name += " " + brief(p.Label)
	}
	return name + ": " + p.Kind.Info().Text
}

// pageWords say how things stand with a page.
func pageWords(run layout.PageRun, kind layout.Kind, page addr.Bytes) string {
	words := "in memory"
	shared := kind == layout.KindMemfd || kind == layout.KindSysV || kind == layout.KindShared
	switch st := run.State; {
	case st&layout.PageGuarded != 0:
		words = "a guard inside the mapping: never accessible"
	case st&layout.PageSwapped != 0:
		words = "swapped out"
	case st&layout.PagePresent == 0:
		words = "not in memory: this process has not touched it, or it was given back"
	case st&layout.PageZero != 0:
		words = "the kernel's page of zeros: read, never written"
	case st&layout.PageFile != 0 && shared:
		words = "in memory, shared"
	case st&layout.PageFile != 0:
		words = "in memory, a page of the file"
	default:
		words = "in memory, this process's own"
	}
	if run.State&layout.PageHuge != 0 {
		words += ", part of a huge page"
	}
	if n := uint64(run.Size()) / uint64(page); n > 1 {
		words += fmt.Sprintf("; one of %s like that from %v on", plural(n, "page"), run.Lo)
	}
	return words
}
