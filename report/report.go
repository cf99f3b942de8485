package report

import (
	"fmt"
	"io"
	"strings"
)

// Document is a model that can be reported in every format.
type Document struct {
	model any         // what the JSON form holds
	text  func(*page) // draws the text form
}

// Format is one way to write a document.
type Format struct {
	Name    string
	About   string
	Write   func(io.Writer, Document, Options) error
	Partial bool // not every document has this form
}

// Formats are the formats in the order of --format's help; the first is the default.
var Formats = []Format{
	{Name: "text", About: "for a person, as wide as the terminal", Write: writeText},
	{Name: "json", About: "for a program; addresses are hex strings, sizes are bytes", Write: writeJSON},
	{Name: "csv", About: "for a spreadsheet, where a report is a table: those of maps, replay and bench", Write: writeCSV, Partial: true},
	{Name: "benchfmt", About: "for benchstat, in the form of go test -bench: that of bench", Write: writeBenchfmt, Partial: true},
	{Name: "maps", About: "as the kernel lists mappings, byte for byte; escaped on a terminal: that of maps", Write: writeMaps, Partial: true},
	{Name: "md", About: "Markdown, as GitHub shows it: that of claims", Write: writeMarkdown, Partial: true},
}

// FindFormat is the format of that name.
func FindFormat(name string) (Format, error) {
	var names []string
	for _, f := range Formats {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, fmt.Errorf("no format %q: use %s", name, strings.Join(names, " or "))
}

// Options says what a document is written for. JSON takes no notice but of Line and
// Relative, maps of Terminal alone.
type Options struct {
	Width int  // terminal cells in a line, at least MinWidth
	Color bool // with SGR escape sequences
	ASCII bool // without any character above 0x7e
	Line  bool // JSON on one line

	Terminal bool // a terminal gets it: nothing may reach that raw

	Relative bool // a run's addresses by where they lie, as heap+0x40, so that runs can be compared
}

// MinWidth is the narrowest text that can be drawn with every address whole.
const MinWidth = 72

// MaxWidth is the widest that a terminal can say it is. A text is drawn no wider.
const MaxWidth = 1<<16 - 1
