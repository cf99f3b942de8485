package layout

import (
	"strings"
	"testing"
)

func TestTextNotes(t *testing.T) {
	lines := "1000-2000 r--p 00000000 00:00 0 \n3000-4000 rw-p 00000000 00:00 0                          [stack]\n"
	for text, want := range map[string]string{
		lines:                                   "",
		strings.ReplaceAll(lines, "\n", "\r\n"): "each line ends in a carriage return",
		lines + "3800-5000 r--p 00000000 00:00 0 \n": `maps line 3 "3800-5000`,
	} {
		s, err := DescribeText([]byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		always := len(s.Notes) - 1 // that the files are not there
		if notes := strings.Join(s.Notes[:always], "; "); (want == "") != (notes == "") || !strings.Contains(notes, want) {
			t.Errorf("%q: got %q, want %q", text, notes, want)
		}
		if len(s.Mappings) != 2 || s.Mappings[1].Name != "[stack]" {
			t.Errorf("%q: got %v", text, s.Mappings)
		}
	}
}
