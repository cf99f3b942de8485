package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// plainJSON is what writeJSON writes, by way of encoding/json's own indentation.
func plainJSON(t *testing.T, model any, o Options) string {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if !o.Line {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(model); err != nil {
		t.Fatal(err)
	}
	var escaped strings.Builder
	for _, r := range b.String() {
		if r <= '~' || !needsEscape(r) {
			escaped.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&escaped, `\u%04x`, unit)
		}
	}
	return escaped.String()
}

// anyModel is a model of lists, objects and texts, some of them empty.
func anyModel(depth int) any {
	letters := []string{"a", `"`, `\`, `\"`, "\n", "\x1b", "\x7f", "é", "\u202e", "\u2028", "\U000e0041", "\ufffd", "\xff", "<", "{", "}", "[", "]", ",", ":", " "}
	text := func() string {
		var b strings.Builder
		for range rand.IntN(6) {
			b.WriteString(letters[rand.IntN(len(letters))])
		}
		return b.String()
	}
	kinds := 6
	if depth == 0 {
		kinds = 4
	}
	switch rand.IntN(kinds) {
	case 0:
		return rand.Int64()
	case 1:
		return []any{nil, true, -1.5e300}[rand.IntN(3)]
	case 2, 3:
		return text()
	case 4:
		list := []any{}
		for range rand.IntN(4) {
			list = append(list, anyModel(depth-1))
		}
		return list
	}
	object := map[string]any{}
	for range rand.IntN(4) {
		object[text()] = anyModel(depth - 1)
	}
	return object
}

// TestJSONIsIndented: whatever a model holds, and in what pieces it comes, it is written
// as encoding/json does.
func TestJSONIsIndented(t *testing.T) {
	for range 500 {
		model := anyModel(5)
		for _, line := range []bool{false, true} {
			want := plainJSON(t, model, Options{Line: line})
			if got := render(t, "json", Document{model: model}, Options{Line: line}); got != want {
				t.Fatalf("line %v: got\n%s\nwant\n%s", line, got, want)
			}
			compact := plainJSON(t, model, Options{Line: true})
			inPieces := &jsonText{line: line}
			for _, r := range compact {
				inPieces.Write([]byte(string(r)))
			}
			inPieces.Write([]byte("\n"))
			if got := string(bytes.Join(inPieces.pieces(), nil)) + "\n"; got != want {
				t.Fatalf("line %v, character by character: got\n%s\nwant\n%s", line, got, want)
			}
		}
	}
}

// longSpace is a process with n mappings, of each the figures and a gap.
func longSpace(n int) *layout.Space {
	s := &layout.Space{PID: 1, PageSize: 4096, UserBits: 47}
	for i := range n {
		r := addr.Span(addr.Addr(0x7e0000000000+i*0x2000), 0x1000)
		m := layout.Mapping{Range: r, Perms: layout.Readable, Inode: 7, Name: "/tmp/some/file/that/is/mapped"}
		s.Mappings = append(s.Mappings, m)
		s.Parts = append(s.Parts, layout.Part{Range: r, Kind: layout.KindFile, Label: "file mapping", Object: m.Name, Mapping: i})
		s.Gaps = append(s.Gaps, layout.Gap{Range: addr.Range{Lo: r.Hi, Hi: r.Hi + 0x1000}})
		s.Figures = append(s.Figures, layout.Figures{RSS: 4096, Flags: "rd mr mw me"})
	}
	return s
}

// TestLongFormsTakeLittle: JSON and CSV of a long list are written with little memory
// beside the text itself.
func TestLongFormsTakeLittle(t *testing.T) {
	s := longSpace(5000)
	for form, most := range map[string]float64{"json": 3, "csv": 4.5} {
		f, err := FindFormat(form)
		if err != nil {
			t.Fatal(err)
		}
		text := len(render(t, form, Maps(s, MapsView{}), Options{}))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := f.Write(io.Discard, Maps(s, MapsView{}), Options{}); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		times := float64(after.TotalAlloc-before.TotalAlloc) / float64(text)
		t.Logf("%s: %d bytes of text, %.2f times as many allocated", form, text, times)
		if times > most {
			t.Errorf("%s: %.2f bytes are allocated for each byte of text, want %.1f at most", form, times, most)
		}
	}
}
