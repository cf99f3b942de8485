package report

import (
	"encoding/csv"
	"errors"
	"io"
)

// table is a model that is a table too: the names of its columns, then its rows.
type table interface{ records() [][]string }

// writeCSV writes the document's model as RFC 4180 has it, but for the ends of the
// lines, which are those of this system.
func writeCSV(w io.Writer, d Document, _ Options) error {
	t, ok := d.model.(table)
	if !ok {
		return errors.New("this report has no csv form")
	}
	return csv.NewWriter(w).WriteAll(t.records())
}
