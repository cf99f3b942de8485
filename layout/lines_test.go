package layout

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// refusing refuses the line that it is, and counts those that it gets.
type refusing struct {
	line string
	got  int
}

var errRefused = errors.New("refused")

func (r *refusing) read(line []byte) error {
	if r.got++; string(line) == r.line {
		return errRefused
	}
	return nil
}

// An error of a line ends the reading of lines, one of the file is told beside it, also
// where a text is so long that both go on at once.
func TestFeedPieces(t *testing.T) {
	broken := errors.New("broken")
	text := strings.Repeat(strings.Repeat("x", 1023)+"\n", 3*pieceSize>>10)
	for _, tt := range []struct {
		name string
		line string // that is refused
		end  error  // of the file
		want error
		got  int // lines
	}{
		{"all lines", "", io.EOF, nil, 1 + len(text)>>10},
		{"a line refused in the first piece", "first", io.EOF, errRefused, 1},
		{"a file that breaks off", "", broken, nil, 1 + len(text)>>10},
		{"both", "first", broken, errRefused, 1},
	} {
		r := &refusing{line: tt.line}
		lines := feeder{to: r}
		read, err := lines.feedPieces(io.MultiReader(strings.NewReader(text), iotest.ErrReader(tt.end)), []byte("first\n"))
		if read != tt.end || err != tt.want || r.got != tt.got {
			t.Errorf("%s: %v and %v after %d lines, want %v and %v after %d", tt.name, read, err, r.got, tt.end, tt.want, tt.got)
		}
	}
}
