package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// benchmarks is a model that has a form in Go's benchmark format.
type benchmarks interface{ benchmarks(io.Writer) }

// writeBenchfmt writes the document's model in the format of `go test -bench`
// (golang.org/design/14313-benchmark-format), as benchstat reads it.
func writeBenchfmt(w io.Writer, d Document, _ Options) error {
	m, ok := d.model.(benchmarks)
	if !ok {
		return errors.New("this report has no benchfmt form")
	}
	b := bufio.NewWriter(w)
	m.benchmarks(b)
	return b.Flush()
}

// benchmarks is a line for each round of each timing; a reader of this format finds
// medians and intervals itself. An error of w comes back when it is flushed.
func (r benched) benchmarks(w io.Writer) {
	fmt.Fprintf(w, "goos: linux\ngoarch: %s\n", r.Machine.Arch)
	if r.Machine.CPU != "" {
		fmt.Fprintf(w, "cpu: %s\n", escape(r.Machine.CPU))
	}
	for i := range r.Studies {
		s := &r.Studies[i]
		for _, t := range s.Timings {
			for _, ns := range t.Rounds {
				fmt.Fprintf(w, "Benchmark%s/what=%s/at=%d %d %s ns/op\n", capital(s.Name), inName(t.What), t.At, t.Iterations, exact(ns))
			}
		}
	}
}

// inName is what a contender is called where a name ends at a blank: heap,random.
func inName(what string) string {
	return strings.ReplaceAll(strings.ReplaceAll(what, ", ", ","), " ", "_")
}
