package report

import (
	"encoding/csv"
	"errors"
	"io"
	"iter"
)

// table is a model that is a table too: the names of its columns, then its rows. A row
// does not outlive its turn.
type table interface{ records() iter.Seq[[]string] }

// writeCSV writes the document's model as RFC 4180 has it, but for the ends of the
// lines, which are those of this system.
func writeCSV(w io.Writer, d Document, _ Options) error {
	t, ok := d.model.(table)
	if !ok {
		return errors.New("this report has no csv form")
	}
	var text collected
	rows := csv.NewWriter(&text)
	for row := range t.records() {
		if err := rows.Write(row); err != nil {
			return err
		}
	}
	rows.Flush()
	return handAll(w, text.pieces())
}
