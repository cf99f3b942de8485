package report

// mapCells are the characters of a map of the heap, a cell for so many bytes.
type mapCells struct {
	used       [2]string // in turn, so that neighbours can be told apart
	free       string
	new, freed string // since the step before
}

// direction is one of the four ways in which a line leaves a cell; a cell of a
// drawing is a set of them.
type direction uint8

const (
	up direction = 1 << iota
	down
	left
	right
)

// glyphs are the characters of one alphabet for drawings, a cell each.
type glyphs struct {
	lines                   [16]string // by the set of directions
	head                    string     // an arrow's end, to the right
	dot                     string     // an arrow's start
	here                    string     // the current line
	sp                      string     // the stack pointer, from the right
	to                      string     // "leads to", in a line of text
	dash, post              string     // the borders of what is not in use, across and down
	page, noPage            string     // a page that is in memory, and one that is not
	cells                   mapCells
	growsUp, growsDown, sep string
}

var unicodeGlyphs = glyphs{
	lines: lineSet(" ", "│", "─", "┌", "┐", "└", "┘", "├", "┤", "┬", "┴", "┼"),
	head:  "▶", dot: "●", here: "▶", sp: "◀", to: "→", growsUp: "↑", growsDown: "↓", sep: "·",
	dash: "╌", post: "╎", page: "■", noPage: "□",
	cells: mapCells{used: [2]string{"█", "▓"}, free: "·", new: "+", freed: "-"},
}

var asciiGlyphs = glyphs{
	lines: lineSet(" ", "|", "-", "+", "+", "+", "+", "+", "+", "+", "+", "+"),
	head:  ">", dot: "*", here: ">", sp: "<", to: "->", growsUp: "^", growsDown: "v", sep: "-",
	dash: ".", post: ":", page: "#", noPage: ".",
	cells: mapCells{used: [2]string{"#", "%"}, free: ".", new: "+", freed: "-"},
}

func lineSet(none, vertical, horizontal, downRight, downLeft, upRight, upLeft, verticalRight, verticalLeft, horizontalDown, horizontalUp, cross string) [16]string {
	return [16]string{
		0: none, up: vertical, down: vertical, up | down: vertical,
		left: horizontal, right: horizontal, left | right: horizontal,
		down | right: downRight, down | left: downLeft, up | right: upRight, up | left: upLeft,
		up | down | right: verticalRight, up | down | left: verticalLeft,
		left | right | down: horizontalDown, left | right | up: horizontalUp,
		up | down | left | right: cross,
	}
}
