package report

import (
	"memprobe/layout"
	"memprobe/probe"
)

// band is a box of the textbook's picture with the objects that stand for it.
type band struct {
	segment layout.Segment
	marks   []probe.Landmark
}

// bands are the boxes of the textbook's picture in the order of the landmarks'
// addresses. Boxes without any stand where the textbook has them.
func bands(marks []probe.Landmark) []band {
	var all []band
	next := 0 // of the textbook
	for _, m := range marks {
		if last := len(all) - 1; last >= 0 && all[last].segment == m.Segment {
			all[last].marks = append(all[last].marks, m)
			continue
		}
		for i := next; i < len(layout.Textbook); i++ {
			if layout.Textbook[i].Segment == m.Segment {
				for ; next < i; next++ {
					all = append(all, band{segment: layout.Textbook[next].Segment})
				}
				next++
			}
		}
		all = append(all, band{m.Segment, []probe.Landmark{m}})
	}
	for ; next < len(layout.Textbook); next++ {
		all = append(all, band{segment: layout.Textbook[next].Segment})
	}
	return all
}

// landmarks draws the textbook's picture with the objects that stand for its parts.
func (p *page) landmarks(c changes) {
	known := map[string]bool{}
	if c.before != nil {
		for _, m := range c.before.Landmarks {
			known[m.What] = true
		}
	}
	p.add(join(styled(" TEXTBOOK", strong).padded(1+bookWidth+2), styled("HERE", strong)))
	p.bookTop()
	for i, b := range bands(c.step.Landmarks) {
		if i > 0 {
			p.bookRule()
		}
		title := p.bandTitle(b.segment)
		if b.marks == nil {
			p.bookLine(title, nil)
		}
		for _, m := range b.marks {
			for _, l := range p.landmark(m, !known[m.What], p.width-1-bookWidth-2-1) {
				p.bookLine(title, l)
				title = ""
			}
		}
	}
	p.bookBottom()
	p.blank()
}

// landmark is what is told of an object, in lines of n cells.
func (p *page) landmark(m probe.Landmark, isNewHere bool, n int) []line {
	lines := []line{join(styled(p.addr(m.Addr), pointer), text("  "+size(m.Size)))}
	if isNewHere {
		lines = apart(n, lines[0], styled(isNew.word, isNew.style))
	}
	indented := func(s string, st style) {
		for _, l := range wrapHard(s, n-2) {
			lines = append(lines, join(text("  "), styled(l, st)))
		}
	}
	indented(escape(m.What), strong)
	if len(m.Bytes) > 0 {
		more := ""
		if uint64(len(m.Bytes)) < uint64(m.Size) {
			more = " ..."
		}
		indented(hexBytes(m.Bytes)+more, plain)
	}
	if m.Mapping != "" && isNewHere && !p.opts.Relative {
		indented(mappingWords(m.Mapping, n-2), faint)
	}
	return lines
}

// mappingWords is a line of the maps file in short, n cells at most: range, permissions
// and name, of which the start may be cut.
func mappingWords(mapsLine string, n int) string {
	mappings, err := layout.ParseMaps([]byte(mapsLine + "\n"))
	if err != nil || len(mappings) == 0 {
		return escape(mapsLine)
	}
	m := mappings[0]
	words := m.Range.String() + " " + m.Perms.String()[:3]
	name := escape(m.Name)
	room := n - len(words) - 1
	if name == "" || room < 6 {
		return words
	}
	for r := []rune(name); width(name) > room; r = r[1:] {
		name = "..." + string(r[1:])
	}
	return words + " " + name
}
